/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/mask_draw.h"

#include "dj_fixture.h"

#include <sys/wait.h>
#include <unistd.h>

static struct bg_mask_table *make_table(const struct bg_public_key *key, size_t memory)
{
    struct bg_random random = bg_random_system();
    struct bg_mask_table *table;
    cr_assert_eq(bg_mask_table_create(key, &random, memory, &table), BG_OK);
    return table;
}

static struct bg_mask_source *make_source(const struct bg_mask_table *table, size_t capacity)
{
    struct bg_random random = bg_random_system();
    struct bg_mask_source *source;
    cr_assert_eq(bg_mask_source_create(table, &random, capacity, &source), BG_OK);
    return source;
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

Test(mask, base_is_the_known_power)
{
    mpz_t one, h;
    mpz_init_set_ui(one, 1);
    mpz_init(h);
    for (size_t i = 0; i < COUNT_OF(dj_vectors); i += 4) {
        const struct dj_vector *vector = &dj_vectors[i];
        struct bg_public_key *key = make_key(vector->key, vector->s);
        uint8_t *x = bytes_of(vector->x), *digits = malloc(bg_public_key_ciphertext_bytes(key));
        struct tape tape = {x, key->digit_bytes};
        struct bg_random random = tape_random(&tape);
        struct bg_mask_table *table;
        cr_assert_eq(bg_mask_table_create(key, &random, 1 << 16, &table), BG_OK);
        bg_big_mask_power(table, one, h);
        bg_big_to_digits(key, h, key->s + 1, digits);
        expect_bytes(digits, vector->h);
        bg_mask_table_destroy(&table);
        cr_assert_null(table);
        bg_public_key_destroy(&key);
        free(digits);
        free(x);
    }
    mpz_clears(one, h, NULL);
}

static void set_exponent(size_t bits, int i, mpz_t ret)
{
    struct bg_random random = bg_random_system();
    if (i < 2) {
        mpz_set_ui(ret, (unsigned long)i);
    } else if (i < 4) {
        mpz_set_ui(ret, 0);
        mpz_setbit(ret, bits - (i == 3));
        mpz_sub_ui(ret, ret, i == 2);
    } else {
        cr_assert_eq(bg_big_random_bits(&random, bits, ret), BG_OK);
    }
}

Test(mask, comb_equals_plain_exponentiation)
{
    static const size_t budgets[] = {200, 1000, 5000, 20000, 300000, 4000000};
    mpz_t one, h, exponent, expected, got;
    mpz_init_set_ui(one, 1);
    mpz_inits(h, exponent, expected, got, NULL);
    for (uint32_t s = 1; s <= 2; s++)
        for (size_t b = 0; b < COUNT_OF(budgets); b++) {
            struct bg_public_key *key = make_key(0, s);
            struct bg_mask_table *table = make_table(key, budgets[b]);
            cr_assert_leq(bg_mask_table_bytes(table), budgets[b]);
            bg_big_mask_power(table, one, h);
            for (int i = 0; i < 12; i++) {
                set_exponent(256, i, exponent);
                mpz_powm(expected, h, exponent, key->power[s + 1]);
                bg_big_mask_power(table, exponent, got);
                cr_assert_eq(mpz_cmp(expected, got), 0, "s %u budget %zu exponent %d", s, budgets[b], i);
            }
            bg_mask_table_destroy(&table);
            bg_public_key_destroy(&key);
        }
    mpz_clears(one, h, exponent, expected, got, NULL);
}

Test(mask, larger_tables_need_fewer_products)
{
    struct bg_public_key *key = make_key(0, 1);
    size_t before = SIZE_MAX;
    for (size_t memory = 128; memory <= 1 << 20; memory *= 4) {
        struct bg_mask_table *table = make_table(key, memory);
        cr_assert_lt(bg_mask_table_products(table), before);
        before = bg_mask_table_products(table);
        bg_mask_table_destroy(&table);
    }
    bg_public_key_destroy(&key);
}

Test(mask, refuses_a_budget_below_one_entry)
{
    struct bg_random random = bg_random_system();
    struct bg_public_key *key = make_key(0, 1);
    struct bg_mask_table *table = NULL;
    cr_assert_eq(bg_mask_table_create(key, &random, 127, &table), BG_INVALID);
    cr_assert_eq(bg_mask_table_create(key, &random, 0, &table), BG_INVALID);
    cr_assert_null(table);
    bg_public_key_destroy(&key);
}

Test(mask, reports_a_failing_random_source)
{
    struct tape tape = {NULL, 0};
    struct bg_random empty = tape_random(&tape);
    struct bg_public_key *key = make_key(0, 1);
    struct bg_mask_table *table = NULL;
    cr_assert_eq(bg_mask_table_create(key, &empty, 1 << 16, &table), BG_RANDOM);
    cr_assert_null(table);

    table = make_table(key, 1 << 16);
    struct bg_mask_source *source;
    cr_assert_eq(bg_mask_source_create(table, &empty, 4, &source), BG_OK);
    mpz_t mask;
    mpz_init(mask);
    cr_assert_eq(draw(source, key, mask), BG_RANDOM);
    if (bg_mask_source_stats(source).capacity)
        cr_assert_eq(bg_mask_source_fill(source, 1), BG_RANDOM);
    cr_assert_eq(bg_mask_source_stats(source).level, 0);
    cr_assert_eq(bg_mask_source_stats(source).drawn, 0);
    mpz_clear(mask);
    bg_mask_source_destroy(&source);
    bg_mask_table_destroy(&table);
    bg_public_key_destroy(&key);
}

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
    struct bg_mask_table *table = make_table(key, 1 << 16);
    struct bg_mask_source *source = make_source(table, 5);
    struct bg_mask_stats stats = bg_mask_source_stats(source);
    size_t capacity = stats.capacity;
    cr_assert(capacity == 5 || capacity == 0);
    cr_assert_eq(bg_mask_source_fill(source, 3), BG_OK);
    cr_assert_eq(bg_mask_source_stats(source).level, capacity ? 3 : 0);
    cr_assert_eq(bg_mask_source_fill(source, 100), BG_OK);
    cr_assert_eq(bg_mask_source_stats(source).level, capacity);
    draw_distinct(source, key, 12);
    stats = bg_mask_source_stats(source);
    cr_assert_eq(stats.level, 0);
    cr_assert_eq(stats.drawn, 12);
    cr_assert_eq(stats.hits, capacity);
    cr_assert_eq(bg_mask_source_fill(source, 1), BG_OK);
    bg_mask_source_destroy(&source);
    cr_assert_null(source);
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
    struct bg_mask_table *table = make_table(key, 1 << 16);
    struct bg_mask_source *source;
    mpz_t exponent, expected, mask;
    mpz_inits(exponent, expected, mask, NULL);
    bg_big_from_bytes((struct bg_span){exponent_bytes, sizeof exponent_bytes}, exponent);
    bg_big_mask_power(table, exponent, expected);
    cr_assert_eq(bg_mask_source_create(table, &random, 1, &source), BG_OK);
    cr_assert_eq(bg_mask_source_fill(source, 1), BG_OK);
    cr_assert_eq(draw(source, key, mask), BG_OK);
    cr_assert_eq(mpz_cmp(mask, expected), 0);
    mpz_clears(exponent, expected, mask, NULL);
    bg_mask_source_destroy(&source);
    bg_mask_table_destroy(&table);
    bg_public_key_destroy(&key);
}

Test(mask, pool_is_empty_in_a_forked_child)
{
    struct bg_public_key *key = make_key(0, 1);
    struct bg_mask_table *table = make_table(key, 1 << 16);
    struct bg_mask_source *source = make_source(table, 4);
    cr_assert_eq(bg_mask_source_fill(source, 4), BG_OK);
    if (bg_mask_source_stats(source).capacity) {
        pid_t child = fork();
        if (child == 0) {
            size_t level = bg_mask_source_stats(source).level;
            bool filled = bg_mask_source_fill(source, 1) == BG_OK && bg_mask_source_stats(source).level == 1;
            _exit(level == 0 && filled ? 0 : 1);
        }
        int status = -1;
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        cr_assert_eq(bg_mask_source_stats(source).level, 4);
    }
    bg_mask_source_destroy(&source);
    bg_mask_table_destroy(&table);
    bg_public_key_destroy(&key);
}
