/* SPDX-License-Identifier: Apache-2.0 */
/* Every kernel that this machine has, against powers by GMP. */
#include "crypto/embed.h"

#include "base/cpu.h"
#include "crypto/kernel.h"

#include "dj_fixture.h"

/* 0, 1, … 5, n − 1, n^s − 2, n^s − 3, digits 0 below 1 and below n − 1, then random ones. */
static void draw(const struct bg_public_key *key, unsigned kind, mpz_t ret)
{
    struct bg_random random = bg_random_system();

    if (kind < 6)
        mpz_set_ui(ret, kind);
    else if (kind < 9)
        mpz_sub_ui(ret, key->power[kind == 6 ? 1 : key->s], kind - 5);
    else if (kind == 9)
        mpz_set(ret, key->power[key->s - 1]);
    else if (kind == 10)
        mpz_sub(ret, key->power[key->s], key->power[key->s - 1]);
    else
        cr_assert_eq(bg_big_random_below(&random, key->power[key->s], ret), BG_OK);
    mpz_mod(ret, ret, key->power[key->s]);
}

#define KINDS 13

struct numbers {
    uint64_t *compact[BG_ADIC_MOST_LANES];
};

static struct numbers make_numbers(const struct bg_public_key *key)
{
    struct numbers numbers;
    for (unsigned i = 0; i < BG_ADIC_MOST_LANES; i++)
        numbers.compact[i] = calloc(bg_adic_compact_words(key->adic, key->s + 1), sizeof(uint64_t));
    return numbers;
}

static void free_numbers(struct numbers *numbers)
{
    for (unsigned i = 0; i < BG_ADIC_MOST_LANES; i++)
        free(numbers->compact[i]);
}

/* ret = x (1+n)^m, where that takes long by whole binomial coefficients */
static void multiply_by_power(const struct bg_public_key *key, const mpz_t m, const mpz_t x, mpz_t ret)
{
    mpz_t term;
    mpz_init(term);
    mpz_set_ui(ret, 0);
    if (key->bits == BG_KEY_LEAST_BITS) {
        mpz_add_ui(term, key->power[1], 1);
        mpz_powm(ret, term, m, key->power[key->s + 1]);
    }
    for (uint32_t i = 0; key->bits > BG_KEY_LEAST_BITS && i <= key->s; i++) {
        mpz_bin_ui(term, m, i);
        mpz_addmul(ret, term, key->power[i]);
    }
    mpz_mul(ret, ret, x);
    mpz_mod(ret, ret, key->power[key->s + 1]);
    mpz_clear(term);
}

/* Every lane another kind of m. */
static void check(const struct bg_public_key *key, unsigned first)
{
    unsigned lanes = key->adic->kernel->lanes;
    uint32_t s = key->s;
    struct numbers plain = make_numbers(key), factor = make_numbers(key), stored = make_numbers(key);
    struct bg_adic_space space;
    struct bg_random random = bg_random_system();
    mpz_t m, x, got, expected[BG_ADIC_MOST_LANES];

    mpz_inits(m, x, got, NULL);
    cr_assert_eq(bg_adic_space_init(&space, key->adic, 5), BG_OK);
    uint64_t *v[5];
    for (unsigned i = 0; i < 5; i++)
        v[i] = bg_adic_vector(&space, i);
    for (unsigned i = 0; i < lanes; i++) {
        mpz_init(expected[i]);
        draw(key, (first + i) % KINDS, m);
        cr_assert_eq(bg_big_random_below(&random, key->power[s + 1], x), BG_OK);
        bg_adic_from_big(key->adic, s, m, plain.compact[i]);
        bg_adic_from_big(key->adic, s + 1, x, factor.compact[i]);
        multiply_by_power(key, m, x, expected[i]);
    }
    bg_adic_load(&space, s, (const uint64_t *const *)plain.compact, lanes, v[0]);
    bg_embed(key, &space, v[0], v[1], v[2]);
    bg_adic_load(&space, s + 1, (const uint64_t *const *)factor.compact, lanes, v[3]);
    bg_adic_enter(&space, s, v[3], v[4]);
    bg_embed_multiply(key, &space, v[4], v[2], v[3]);
    bg_adic_store(&space, s + 1, v[3], lanes, stored.compact);
    for (unsigned i = 0; i < lanes; i++) {
        bg_adic_to_big(key->adic, s + 1, stored.compact[i], got);
        cr_assert_eq(mpz_cmp(got, expected[i]), 0, "%s: %u bits, s = %u, number %u", key->adic->kernel->name,
                     key->bits, s, first + i);
        mpz_clear(expected[i]);
    }
    bg_adic_space_finish(&space);
    mpz_clears(m, x, got, NULL);
    free_numbers(&plain);
    free_numbers(&factor);
    free_numbers(&stored);
}

Test(embed, multiplies_by_powers_of_one_plus_n)
{
    struct bg_crypto_kernel kernel;
    for (size_t k = 0; bg_crypto_kernel_at(k, &kernel); k++) {
        if (!bg_cpu_has(kernel.needs))
            continue;
        bg_cpu_limit(kernel.needs);
        for (unsigned index = 0; index < COUNT_OF(dj_keys); index++)
            for (uint32_t s = 1; s <= BG_KEY_MOST_S; s++) {
                struct bg_public_key *key = make_key(index, s);
                for (unsigned first = 0; first < KINDS; first += kernel.lanes)
                    check(key, first);
                bg_public_key_destroy(&key);
            }
        bg_cpu_limit(BG_CPU_ALL);
    }
}
