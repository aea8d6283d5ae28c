/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/secure_heap.h"

#include "crypto/ladder.h"
#include "crypto/secret_parts.h"
#include "tests/unit/crypto/secret_fixture.h"

#include <criterion/criterion.h>
#include <gmp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(secure_heap);

static struct {
    void *(*allocate)(size_t size);
    void *(*reallocate)(void *block, size_t old_size, size_t new_size);
    void (*release)(void *block, size_t size);
} hooks;

static void install(size_t size)
{
    struct bg_error error;
    bool locked;
    cr_assert_eq(bg_secure_heap_install(size, &error, &locked), BG_OK, "%s", error.text);
    mp_get_memory_functions(&hooks.allocate, &hooks.reallocate, &hooks.release);
}

/* The region stays mapped, so that a freed block can be looked at; its first word links free blocks. */
Test(secure_heap, zeroes_what_is_freed)
{
    install(1 << 16);
    uint8_t *block = hooks.allocate(1000);
    memset(block, 0xa5, 1000);
    hooks.release(block, 1000);
    cr_assert(all_zero(block + sizeof(void *), 1000 - sizeof(void *)));
    uint8_t *again = hooks.allocate(1000);
    cr_assert_eq(again, block);
    cr_assert(all_zero(again, 1000));
}

Test(secure_heap, zeroes_what_grows_out_of_its_place_or_shrinks)
{
    install(1 << 16);
    uint8_t *block = hooks.allocate(100), expected[100];
    memset(block, 0xa5, 100);
    memset(expected, 0xa5, 100);
    cr_assert_eq(hooks.reallocate(block, 100, 120), block);
    uint8_t *moved = hooks.reallocate(block, 120, 5000);
    cr_assert_neq(moved, block);
    cr_assert_arr_eq(moved, expected, 100);
    cr_assert(all_zero(block + sizeof(void *), 120 - sizeof(void *)));
    memset(moved, 0xa5, 5000);
    cr_assert_eq(hooks.reallocate(moved, 5000, 4100), moved);
    cr_assert(all_zero(moved + 4100, 900));
    hooks.release(moved, 4100);
}

Test(secure_heap, zeroes_secret_keys)
{
    static const uint8_t zeros[32];
    uint8_t p[32];
    install(1 << 20);
    uint8_t *start = hooks.allocate(1);
    from_hex(secret_keys[0].p, p);
    struct bg_secret_key *key = vector_key(0, 4);
    cr_assert(memmem(start, (1 << 20) - 4096, p, sizeof p));
    bg_secret_key_destroy(&key);
    cr_assert_null(memmem(start, (1 << 20) - 4096, p, sizeof p));
    cr_assert(memcmp(p, zeros, sizeof p));
}

Test(secure_heap, holds_rings_and_spaces)
{
    struct bg_adic_space space;
    install(1 << 20);
    uint8_t *start = hooks.allocate(1);
    struct bg_secret_key *key = vector_key(0, 4);
    cr_assert_eq(bg_adic_space_init(&space, key->p.adic, 16), BG_OK);
    uint8_t *ring = (uint8_t *)key->p.adic->memory, *memory = (uint8_t *)space.memory;
    cr_assert(ring > start && ring < start + (1 << 20));
    cr_assert(memory > start && memory < start + (1 << 20));
    memset(memory, 0xff, space.bytes);
    size_t size = space.bytes;
    bg_adic_space_finish(&space);
    cr_assert(all_zero(memory, size));
    bg_secret_key_destroy(&key);
}

/* What one thread needs for a half of the longest key. */
Test(secure_heap, holds_the_largest_ladder)
{
    struct bg_adic *ring;
    struct bg_adic_space space;
    size_t bits = BG_KEY_MOST_BITS / 2;
    mpz_t prime;
    install(8 << 20);
    uint8_t *start = hooks.allocate(1);
    mpz_init_set_ui(prime, 1);
    mpz_setbit(prime, bits - 1);
    cr_assert_eq(bg_adic_create(prime, BG_KEY_MOST_S + 1, &ring), BG_OK);
    cr_assert_eq(bg_adic_space_init(&space, ring, bg_ladder_vectors(ring, bits)), BG_OK);
    uint8_t *memory = (uint8_t *)space.memory;
    cr_assert(memory > start && memory + space.bytes < start + (8 << 20));
    bg_adic_space_finish(&space);
    bg_adic_destroy(&ring);
    mpz_clear(prime);
}

Test(secure_heap, goes_on_when_its_region_is_full)
{
    void *blocks[64];
    install(4096);
    for (size_t i = 0; i < COUNT(blocks); i++) {
        blocks[i] = hooks.allocate(512);
        memset(blocks[i], (int)i, 512);
    }
    for (size_t i = 0; i < COUNT(blocks); i++) {
        cr_assert_eq(*(uint8_t *)blocks[i], i);
        hooks.release(blocks[i], 512);
    }
    void *large = hooks.allocate(1 << 21);
    large = hooks.reallocate(large, 1 << 21, 1 << 22);
    hooks.release(large, 1 << 22);
}

Test(secure_heap, computes_the_same)
{
    mpz_t x, y;
    install(1 << 14);
    mpz_inits(x, y, NULL);
    mpz_ui_pow_ui(x, 3, 100000);
    mpz_pow_ui(y, x, 2);
    mpz_sqrt(y, y);
    cr_assert_eq(mpz_cmp(x, y), 0);
    mpz_clears(x, y, NULL);
}

Test(secure_heap, is_installed_once)
{
    struct bg_error error;
    bool locked;
    cr_assert_eq(bg_secure_heap_install(0, &error, &locked), BG_INVALID);
    install(4096);
    cr_assert_eq(bg_secure_heap_install(4096, &error, &locked), BG_INVALID);
    cr_assert(strstr(error.text, "already"));
}

/* In a child: what the process may not do afterwards includes what leak checkers do at its end. */
Test(secure_heap, hides_the_process)
{
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        struct rlimit core = {1, 1};
        bool hidden = bg_secure_process(NULL) == BG_OK && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 &&
                      getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 && core.rlim_max == 0;
        _exit(hidden ? 0 : 1);
    }
    int status = -1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
