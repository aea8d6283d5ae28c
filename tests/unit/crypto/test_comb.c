/* SPDX-License-Identifier: Apache-2.0 */
/* Every kernel that this machine has, against GMP's powers. */
#include "base/cpu.h"
#include "crypto/comb.h"
#include "crypto/kernel.h"

#include "dj_fixture.h"

static struct bg_comb_shape choose(const struct bg_public_key *key, size_t bits, size_t memory, bool uniform)
{
    struct bg_comb_shape shape;
    struct bg_comb_settings settings = {.exponent_bits = bits, .memory_bytes = memory, .uniform_reads = uniform};
    cr_assert_eq(bg_comb_choose(key->adic, &settings, &shape), BG_OK);
    return shape;
}

/* 0, 1, the top bit alone, all ones, then random ones. */
static void set_exponent(size_t bits, unsigned i, mpz_t ret)
{
    struct bg_random random = bg_random_system();
    if (i < 2) {
        mpz_set_ui(ret, i);
    } else if (i < 4) {
        mpz_set_ui(ret, 0);
        mpz_setbit(ret, bits - (i == 2));
        mpz_sub_ui(ret, ret, i == 3);
    } else {
        cr_assert_eq(bg_big_random_bits(&random, bits, ret), BG_OK);
    }
}

static void expect_power(const struct bg_public_key *key, const mpz_t base, const mpz_t exponent,
                         const uint64_t *power)
{
    mpz_t expected, got;
    mpz_inits(expected, got, NULL);
    mpz_powm(expected, base, exponent, key->power[key->s + 1]);
    bg_adic_to_big(key->adic, key->s + 1, power, got);
    cr_assert_eq(mpz_cmp(expected, got), 0, "%s, s %u", key->adic->kernel->name, key->s);
    mpz_clears(expected, got, NULL);
}

/* All exponents in as many lanes as `together`, and as there are. */
static void check_powers(const struct bg_public_key *key, const struct bg_comb *comb, const mpz_t base, size_t bits,
                         unsigned together)
{
    const struct bg_adic *ring = key->adic;
    size_t bytes = bg_comb_exponent_bytes(comb), words = bg_adic_compact_words(ring, ring->digits);
    struct bg_adic_space space;
    uint8_t *exponents[BG_ADIC_MOST_LANES];
    uint64_t *powers[BG_ADIC_MOST_LANES];
    mpz_t exponent[BG_ADIC_MOST_LANES];

    cr_assert_eq(bg_adic_space_init(&space, ring, BG_COMB_VECTORS), BG_OK);
    for (unsigned i = 0; i < together; i++) {
        exponents[i] = calloc(1, bytes);
        powers[i] = calloc(words, sizeof(uint64_t));
        mpz_init(exponent[i]);
    }
    for (unsigned first = 0; first < 8; first += together) {
        for (unsigned i = 0; i < together; i++) {
            set_exponent(bits, first + i, exponent[i]);
            bg_big_to_bytes(exponent[i], exponents[i], bytes);
        }
        bg_comb_power(comb, &space, (const uint8_t *const *)exponents, together);
        uint64_t *result = bg_adic_vector(&space, 0);
        bg_adic_leave(&space, ring->digits, result, result);
        bg_adic_store(&space, ring->digits, result, together, powers);
        for (unsigned i = 0; i < together; i++)
            expect_power(key, base, exponent[i], powers[i]);
    }
    for (unsigned i = 0; i < together; i++) {
        free(exponents[i]);
        free(powers[i]);
        mpz_clear(exponent[i]);
    }
    bg_adic_space_finish(&space);
}

static void check_comb(const struct bg_public_key *key, size_t bits, size_t memory, bool uniform)
{
    struct bg_random random = bg_random_system();
    struct bg_comb_settings settings = {.exponent_bits = bits, .memory_bytes = memory, .uniform_reads = uniform};
    uint64_t *number = calloc(bg_adic_compact_words(key->adic, key->s + 1), sizeof *number);
    struct bg_comb *comb;
    mpz_t base;

    mpz_init(base);
    cr_assert_eq(bg_big_random_below(&random, key->power[key->s + 1], base), BG_OK);
    bg_adic_from_big(key->adic, key->s + 1, base, number);
    cr_assert_eq(bg_comb_create(key, &settings, number, &comb), BG_OK);
    cr_assert_leq(bg_comb_bytes(comb), memory);
    check_powers(key, comb, base, bits, 1);
    if (key->adic->kernel->lanes > 1)
        check_powers(key, comb, base, bits, key->adic->kernel->lanes);
    bg_comb_destroy(&comb);
    cr_assert_null(comb);
    mpz_clear(base);
    free(number);
}

Test(comb, equals_plain_exponentiation)
{
    static const size_t budgets[] = {1 << 10, 5000, 20000, 300000};
    static const size_t lengths[] = {1, 2, 63, 64, 65, 256, 512, 1000};
    struct bg_crypto_kernel kernel;
    for (size_t i = 0; bg_crypto_kernel_at(i, &kernel); i++) {
        if (!bg_cpu_has(kernel.needs))
            continue;
        bg_cpu_limit(kernel.needs);
        for (uint32_t s = 1; s <= BG_KEY_MOST_S; s++) {
            struct bg_public_key *key = make_key(0, s);
            cr_assert_str_eq(key->adic->kernel->name, kernel.name);
            for (size_t b = 0; b < COUNT_OF(budgets); b++)
                for (size_t l = 0; l < COUNT_OF(lengths); l++)
                    for (int uniform = 0; uniform < 2; uniform++)
                        check_comb(key, lengths[l], budgets[b], uniform);
            bg_public_key_destroy(&key);
        }
        bg_cpu_limit(BG_CPU_ALL);
    }
}

/* Every bit of an exponent in one place of one block, and no shape larger than allowed. */
static void expect_sound(const struct bg_public_key *key, const struct bg_comb_shape *shape, size_t bits,
                         size_t memory)
{
    size_t at = 0, entries = 0, products = 0, widest = 0;
    for (size_t k = 0; k < shape->block_count; k++) {
        const struct bg_comb_block *block = &shape->blocks[k];
        cr_assert_eq(block->first_bit, at);
        cr_assert_eq(block->first_entry, entries);
        cr_assert(block->rows >= 1 && block->width >= 1);
        at += block->rows * block->width;
        entries += (size_t)1 << block->rows;
        products += block->width;
        widest = block->width > widest ? block->width : widest;
    }
    cr_assert_eq(shape->bits, at);
    cr_assert_geq(at, bits);
    cr_assert_eq(shape->entries, entries);
    cr_assert_leq(entries * bg_public_key_ciphertext_bytes(key), memory);
    cr_assert_eq(shape->products, products - 1);
    cr_assert_eq(shape->width, widest);
    cr_assert_eq(shape->squares, widest - 1);
}

Test(comb, shapes_cover_every_exponent_within_their_memory)
{
    struct bg_public_key *key = make_key(0, 1);
    for (size_t bits = 1; bits < 2000; bits += 1 + bits / 7)
        for (size_t memory = 256; memory <= 1 << 24; memory += memory / 2) {
            struct bg_comb_shape shape = choose(key, bits, memory, memory % 3 == 0);
            expect_sound(key, &shape, bits, memory);
        }
    bg_public_key_destroy(&key);
}

Test(comb, larger_tables_need_fewer_products)
{
    struct bg_public_key *key = make_key(0, 1);
    double before = 1e9;
    for (size_t memory = 256; memory <= 1 << 22; memory *= 4) {
        struct bg_comb_shape shape = choose(key, 1024, memory, false);
        double cost = (double)shape.products + 0.75 * (double)shape.squares;
        cr_assert_lt(cost, before);
        before = cost;
    }
    bg_public_key_destroy(&key);
}

Test(comb, mixed_blocks_need_fewer_products_than_equal_ones)
{
    /* 16384 entries: equal blocks do best as four of 2^12 and 22 columns, 87 products and 21 squarings. */
    struct bg_public_key *key = make_key(0, 1);
    struct bg_comb_shape shape = choose(key, 1024, 16384 * bg_public_key_ciphertext_bytes(key), false);
    cr_assert_lt((double)shape.products + 0.75 * (double)shape.squares, 87 + 0.75 * 21);
    bg_public_key_destroy(&key);
}

Test(comb, uniform_reads_keep_blocks_small)
{
    struct bg_public_key *key = make_key(0, 1);
    struct bg_comb_shape shape = choose(key, 1024, 1 << 24, true);
    for (size_t k = 0; k < shape.block_count; k++)
        cr_assert_leq(shape.blocks[k].rows, 7);
    bg_public_key_destroy(&key);
}

Test(comb, refuses_memory_below_two_entries)
{
    struct bg_public_key *key = make_key(0, 1);
    struct bg_comb_shape shape;
    struct bg_comb_settings settings = {.exponent_bits = 256,
                                        .memory_bytes = 2 * bg_public_key_ciphertext_bytes(key) - 1};
    cr_assert_eq(bg_comb_choose(key->adic, &settings, &shape), BG_INVALID);
    settings.memory_bytes++;
    cr_assert_eq(bg_comb_choose(key->adic, &settings, &shape), BG_OK);
    bg_public_key_destroy(&key);
}
