/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/mask_draw.h"

#include "dj_fixture.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static struct bg_mask_table *make_table(const struct bg_public_key *key)
{
    struct bg_random random = bg_random_system();
    struct bg_mask_table *table;
    cr_assert_eq(
        bg_mask_table_create(key, &random, &(struct bg_mask_settings){.memory_bytes = 1 << 16}, &table), BG_OK);
    return table;
}

static struct bg_mask_source *make_source(const struct bg_mask_table *table, struct bg_mask_pool *pool)
{
    struct bg_random random = bg_random_system();
    struct bg_mask_source *source;
    cr_assert_eq(bg_mask_source_create(table, &random, pool, &source), BG_OK);
    return source;
}

static struct bg_mask_pool *make_pool(const struct bg_public_key *key, size_t masks)
{
    struct bg_mask_pool *pool;
    cr_assert_eq(bg_mask_pool_create(key, bg_mask_pool_bytes(key, masks), &pool), BG_OK);
    return pool;
}

/* A mask as an integer; its second half is checked against it. */
static enum bg_status draw(struct bg_mask_source *source, const struct bg_public_key *key, mpz_t ret)
{
    uint64_t *mask = malloc(bg_mask_words(key) * sizeof *mask);
    mpz_t form, radix;
    mpz_inits(form, radix, NULL);
    enum bg_status status = bg_mask_draw(source, 1, mask);
    if (status == BG_OK) {
        bg_adic_to_big(key->adic, key->s + 1, mask, ret);
        bg_adic_to_big(key->adic, key->s, mask + bg_adic_compact_words(key->adic, key->s + 1), form);
        mpz_setbit(radix, key->adic->limbs * key->adic->kernel->limb_bits);
        mpz_mul(radix, radix, ret);
        mpz_mod(radix, radix, key->power[key->s]);
        cr_assert_eq(mpz_cmp(form, radix), 0, "the Montgomery form is of another number");
    }
    mpz_clears(form, radix, NULL);
    free(mask);
    return status;
}

/* h_s, as the mask of the exponent 1. */
static void base_of(const struct bg_mask_table *table, const struct bg_public_key *key, mpz_t ret)
{
    uint8_t one[BG_KEY_MOST_BITS / 16] = {1};
    struct tape tape = {one, sizeof one};
    struct bg_random random = tape_random(&tape);
    struct bg_mask_source *source;
    cr_assert_eq(bg_mask_source_create(table, &random, NULL, &source), BG_OK);
    cr_assert_eq(draw(source, key, ret), BG_OK);
    bg_mask_source_destroy(&source);
}

Test(mask, base_is_the_known_power)
{
    mpz_t h;
    mpz_init(h);
    for (size_t i = 0; i < COUNT_OF(dj_vectors); i += 4) {
        const struct dj_vector *vector = &dj_vectors[i];
        struct bg_public_key *key = make_key(vector->key, vector->s);
        uint8_t *x = bytes_of(vector->x), *digits = malloc(bg_public_key_ciphertext_bytes(key));
        struct tape tape = {x, key->digit_bytes};
        struct bg_random random = tape_random(&tape);
        struct bg_mask_table *table;
        cr_assert_eq(
            bg_mask_table_create(key, &random, &(struct bg_mask_settings){.memory_bytes = 1 << 16}, &table), BG_OK);
        base_of(table, key, h);
        bg_big_to_digits(key, h, key->s + 1, digits);
        expect_bytes(digits, vector->h);
        bg_mask_table_destroy(&table);
        cr_assert_null(table);
        bg_public_key_destroy(&key);
        free(digits);
        free(x);
    }
    mpz_clear(h);
}

/* Plays zeros but for the bytes asked for last, all ones; remembers how many they were. */
static enum bg_status play_ones(void *context, void *data, size_t size)
{
    *(size_t *)context = size;
    memset(data, 0xff, size);
    return BG_OK;
}

static void expect_exponent(uint32_t wanted, size_t bits)
{
    struct bg_public_key *key = make_key(0, 1);
    struct bg_random system = bg_random_system();
    struct bg_mask_settings settings = {.memory_bytes = 1 << 16, .exponent_bits = wanted};
    struct bg_mask_table *table;
    struct bg_mask_source *source;
    size_t asked = 0;
    mpz_t h, exponent, expected, mask;
    mpz_inits(h, exponent, expected, mask, NULL);
    cr_assert_eq(bg_mask_table_create(key, &system, &settings, &table), BG_OK);
    cr_assert_eq(bg_mask_source_create(table, &(struct bg_random){play_ones, &asked}, NULL, &source), BG_OK);
    base_of(table, key, h);
    mpz_setbit(exponent, bits);
    mpz_sub_ui(exponent, exponent, 1);
    mpz_powm(expected, h, exponent, key->power[2]);
    cr_assert_eq(draw(source, key, mask), BG_OK);
    cr_assert_eq(asked, (bits + 7) / 8);
    cr_assert_eq(mpz_cmp(mask, expected), 0, "exponents of %u are not of %zu bits", wanted, bits);
    bg_mask_source_destroy(&source);
    bg_mask_table_destroy(&table);
    bg_public_key_destroy(&key);
    mpz_clears(h, exponent, expected, mask, NULL);
}

Test(mask, exponents_have_half_the_bits_unless_asked_otherwise)
{
    expect_exponent(0, 256);
    expect_exponent(256, 256);
    expect_exponent(301, 301);
    expect_exponent(512, 512);
}

Test(mask, refuses_shorter_exponents)
{
    static const uint32_t refused[] = {1, 128, 255, 513};
    struct bg_random random = bg_random_system();
    struct bg_public_key *key = make_key(0, 1);
    struct bg_mask_table *table = NULL;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct bg_mask_settings settings = {.memory_bytes = 1 << 16, .exponent_bits = refused[i]};
        cr_assert_eq(bg_mask_table_create(key, &random, &settings, &table), BG_INVALID);
    }
    bg_public_key_destroy(&key);
    key = make_key(1, 1);
    for (uint32_t bits = BG_MASK_SHORT_EXPONENT_BITS - 1; bits < BG_MASK_SHORT_EXPONENT_BITS + 1; bits++) {
        struct bg_mask_settings settings = {.memory_bytes = 1 << 16, .exponent_bits = bits};
        cr_assert_eq(bg_mask_table_create(key, &random, &settings, &table),
                     bits < BG_MASK_SHORT_EXPONENT_BITS ? BG_INVALID : BG_OK);
    }
    bg_mask_table_destroy(&table);
    bg_public_key_destroy(&key);
}

/* Equal exponents give equal masks however the table is read. */
Test(mask, uniform_reads_change_nothing)
{
    uint8_t bytes[3 * 256], *x = bytes;
    struct bg_random system = bg_random_system();
    struct bg_public_key *key = make_key(1, 2);
    uint64_t *masks[2];
    cr_assert_eq(bg_random_fill(&system, bytes, sizeof bytes), BG_OK);
    x[key->digit_bytes - 1] &= 0x7f;
    for (int uniform = 0; uniform < 2; uniform++) {
        struct tape tape = {bytes, sizeof bytes};
        struct bg_random random = tape_random(&tape);
        struct bg_mask_settings settings = {.memory_bytes = 1 << 20, .uniform_reads = uniform};
        struct bg_mask_table *table;
        struct bg_mask_source *source;
        cr_assert_eq(bg_mask_table_create(key, &random, &settings, &table), BG_OK);
        cr_assert_eq(bg_mask_source_create(table, &random, NULL, &source), BG_OK);
        masks[uniform] = calloc(3 * bg_mask_words(key), sizeof(uint64_t));
        cr_assert_eq(bg_mask_draw(source, 3, masks[uniform]), BG_OK);
        bg_mask_source_destroy(&source);
        bg_mask_table_destroy(&table);
    }
    cr_assert_arr_eq(masks[0], masks[1], 3 * bg_mask_words(key) * sizeof(uint64_t));
    free(masks[0]);
    free(masks[1]);
    bg_public_key_destroy(&key);
}

Test(mask, refuses_a_budget_below_two_entries)
{
    struct bg_random random = bg_random_system();
    struct bg_public_key *key = make_key(0, 1);
    struct bg_mask_table *table = NULL;
    cr_assert_eq(bg_mask_table_create(key, &random, &(struct bg_mask_settings){.memory_bytes = 255}, &table),
                 BG_INVALID);
    cr_assert_eq(bg_mask_table_create(key, &random, &(struct bg_mask_settings){0}, &table), BG_INVALID);
    cr_assert_null(table);
    bg_public_key_destroy(&key);
}

Test(mask, reports_a_failing_random_source)
{
    struct tape tape = {NULL, 0};
    struct bg_random empty = tape_random(&tape);
    struct bg_public_key *key = make_key(0, 1);
    struct bg_mask_table *table = NULL;
    cr_assert_eq(bg_mask_table_create(key, &empty, &(struct bg_mask_settings){.memory_bytes = 1 << 16}, &table),
                 BG_RANDOM);
    cr_assert_null(table);

    table = make_table(key);
    struct bg_mask_pool *pool = make_pool(key, 4);
    struct bg_mask_source *source;
    size_t words = 2 * bg_mask_words(key);
    uint64_t *masks = calloc(words, sizeof *masks);
    cr_assert_eq(bg_mask_source_create(table, &empty, pool, &source), BG_OK);
    memset(masks, 0xa5, words * sizeof *masks);
    cr_assert_eq(bg_mask_draw(source, 2, masks), BG_RANDOM);
    for (size_t i = 0; i < words; i++)
        cr_assert_eq(masks[i], 0, "half a mask came out");
    if (bg_mask_pool_stats(pool).capacity)
        cr_assert_eq(bg_mask_source_fill(source, 1), BG_RANDOM);
    cr_assert_eq(bg_mask_pool_stats(pool).level, 0);
    cr_assert_eq(bg_mask_pool_stats(pool).hits, 0);
    bg_mask_source_destroy(&source);

    source = make_source(table, pool);
    cr_assert_eq(bg_mask_source_fill(source, 100), BG_OK);
    cr_assert_eq(bg_mask_pool_stats(pool).level, bg_mask_pool_stats(pool).capacity, "places were lost");
    bg_mask_source_destroy(&source);
    bg_mask_pool_destroy(&pool);
    bg_mask_table_destroy(&table);
    bg_public_key_destroy(&key);
    free(masks);
}

/* ---- the pool ---- */

static void draw_distinct(struct bg_mask_source *source, const struct bg_public_key *key, size_t count)
{
    mpz_t masks[16];
    for (size_t i = 0; i < count; i++) {
        mpz_init(masks[i]);
        cr_assert_eq(draw(source, key, masks[i]), BG_OK);
        for (size_t j = 0; j < i; j++)
            cr_assert_neq(mpz_cmp(masks[i], masks[j]), 0, "a mask was used twice");
    }
    for (size_t i = 0; i < count; i++)
        mpz_clear(masks[i]);
}

Test(mask, pool_is_bounded_counted_and_used_once)
{
    struct bg_public_key *key = make_key(0, 2);
    struct bg_mask_table *table = make_table(key);
    struct bg_mask_pool *pool = make_pool(key, 5);
    struct bg_mask_source *source = make_source(table, pool);
    size_t capacity = bg_mask_pool_stats(pool).capacity;
    cr_assert(capacity == 5 || capacity == 0);
    cr_assert_eq(bg_mask_source_fill(source, 3), BG_OK);
    cr_assert_eq(bg_mask_pool_stats(pool).level, capacity ? 3 : 0);
    cr_assert_eq(bg_mask_source_fill(source, 100), BG_OK);
    cr_assert_eq(bg_mask_pool_stats(pool).level, capacity);
    draw_distinct(source, key, 12);
    struct bg_mask_stats stats = bg_mask_pool_stats(pool);
    cr_assert_eq(stats.level, 0);
    cr_assert_eq(stats.drawn, 12);
    cr_assert_eq(stats.hits, capacity);
    bg_mask_source_destroy(&source);
    cr_assert_null(source);
    bg_mask_pool_destroy(&pool);
    cr_assert_null(pool);
    bg_mask_table_destroy(&table);
    bg_public_key_destroy(&key);
}

Test(mask, pool_of_no_bytes_counts_only)
{
    struct bg_public_key *key = make_key(0, 1);
    struct bg_mask_table *table = make_table(key);
    struct bg_mask_pool *pool;
    cr_assert_eq(bg_mask_pool_create(key, 0, &pool), BG_OK);
    struct bg_mask_source *source = make_source(table, pool);
    cr_assert_eq(bg_mask_source_fill(source, 8), BG_OK);
    draw_distinct(source, key, 2);
    struct bg_mask_stats stats = bg_mask_pool_stats(pool);
    cr_assert_eq(stats.capacity, 0);
    cr_assert_eq(stats.level, 0);
    cr_assert_eq(stats.drawn, 2);
    cr_assert_eq(stats.hits, 0);
    bg_mask_source_destroy(&source);
    bg_mask_pool_destroy(&pool);
    bg_mask_table_destroy(&table);
    bg_public_key_destroy(&key);
}

Test(mask, pooled_masks_are_powers_of_the_base)
{
    uint8_t exponent_bytes[32];
    memset(exponent_bytes, 0x5a, sizeof exponent_bytes);
    struct tape tape = {exponent_bytes, sizeof exponent_bytes};
    struct bg_random random = tape_random(&tape);
    struct bg_public_key *key = make_key(0, 3);
    struct bg_mask_table *table = make_table(key);
    struct bg_mask_pool *pool = make_pool(key, 1);
    struct bg_mask_source *source;
    mpz_t exponent, expected, mask;
    mpz_inits(exponent, expected, mask, NULL);
    bg_big_from_bytes((struct bg_span){exponent_bytes, sizeof exponent_bytes}, exponent);
    base_of(table, key, expected);
    mpz_powm(expected, expected, exponent, key->power[4]);
    cr_assert_eq(bg_mask_source_create(table, &random, pool, &source), BG_OK);
    cr_assert_eq(bg_mask_source_fill(source, 1), BG_OK);
    cr_assert_eq(draw(source, key, mask), BG_OK);
    cr_assert_eq(mpz_cmp(mask, expected), 0);
    mpz_clears(exponent, expected, mask, NULL);
    bg_mask_source_destroy(&source);
    bg_mask_pool_destroy(&pool);
    bg_mask_table_destroy(&table);
    bg_public_key_destroy(&key);
}

/* A draw that the pool fills in part gives its masks first, and no place of it is read twice. */
Test(mask, draws_across_the_pool_and_the_table)
{
    struct bg_public_key *key = make_key(0, 1);
    struct bg_mask_table *table = make_table(key);
    struct bg_mask_pool *pool = make_pool(key, 3);
    struct bg_mask_source *source = make_source(table, pool);
    size_t words = bg_mask_words(key), capacity = bg_mask_pool_stats(pool).capacity;
    uint64_t *masks = calloc(20 * words, sizeof *masks);
    cr_assert_eq(bg_mask_source_fill(source, 3), BG_OK);
    cr_assert_eq(bg_mask_draw(source, 20, masks), BG_OK);
    cr_assert_eq(bg_mask_pool_stats(pool).hits, capacity);
    for (size_t i = 0; i < 20; i++)
        for (size_t j = 0; j < i; j++)
            cr_assert(memcmp(masks + i * words, masks + j * words, words * sizeof *masks) != 0);
    free(masks);
    bg_mask_source_destroy(&source);
    bg_mask_pool_destroy(&pool);
    bg_mask_table_destroy(&table);
    bg_public_key_destroy(&key);
}

Test(mask, pool_is_empty_in_a_forked_child)
{
    struct bg_public_key *key = make_key(0, 1);
    struct bg_mask_table *table = make_table(key);
    struct bg_mask_pool *pool = make_pool(key, 4);
    struct bg_mask_source *source = make_source(table, pool);
    cr_assert_eq(bg_mask_source_fill(source, 4), BG_OK);
    if (bg_mask_pool_stats(pool).capacity) {
        pid_t child = fork();
        if (child == 0) {
            struct bg_mask_stats stats = bg_mask_pool_stats(pool);
            bool filled = bg_mask_source_fill(source, 1) == BG_OK && bg_mask_pool_stats(pool).level == 1;
            _exit(stats.level == 0 && stats.drawn == 0 && filled ? 0 : 1);
        }
        int status = -1;
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        cr_assert_eq(bg_mask_pool_stats(pool).level, 4);
    }
    bg_mask_source_destroy(&source);
    bg_mask_pool_destroy(&pool);
    bg_mask_table_destroy(&table);
    bg_public_key_destroy(&key);
}

static size_t number_in(const char *line)
{
    size_t number = 0;
    for (; *line; line++)
        if (*line >= '0' && *line <= '9')
            number = 10 * number + (size_t)(*line - '0');
    return number;
}

/* Memory, in KiB, with each of two flags. */
static size_t kib_with(const char *first, const char *second)
{
    char line[512];
    size_t sum = 0, kib = 0;
    FILE *maps = fopen("/proc/self/smaps", "r");
    cr_assert(maps);
    while (fgets(line, sizeof line, maps)) {
        if (strncmp(line, "Size:", 5) == 0)
            kib = number_in(line);
        if (strncmp(line, "VmFlags:", 8) == 0 && strstr(line, first) && strstr(line, second))
            sum += kib;
    }
    fclose(maps);
    return sum;
}

Test(mask, pool_memory_is_not_dumped_inherited_or_swapped)
{
    struct bg_public_key *key = make_key(0, 1);
    struct bg_mask_pool *pool;
    struct rlimit lockable;
    size_t before = kib_with(" dd", " wf");
    cr_assert_eq(getrlimit(RLIMIT_MEMLOCK, &lockable), 0);
    cr_assert_eq(bg_mask_pool_create(key, 1 << 20, &pool), BG_OK);
    if (bg_mask_pool_stats(pool).capacity) {
        cr_assert_geq(kib_with(" dd", " wf"), before + 1024);
        if (lockable.rlim_cur >= 1 << 20)
            cr_assert_geq(kib_with(" wf", " lo"), 1024, "it may be swapped out");
    }
    bg_mask_pool_destroy(&pool);
    cr_assert_eq(kib_with(" dd", " wf"), before);
    bg_public_key_destroy(&key);
}
