/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/mask.h"

#include "base/checked.h"
#include "crypto/big.h"
#include "crypto/comb.h"
#include "crypto/mask_draw.h"
#include "crypto/wipe.h"

#include <stdlib.h>

#define WINDOW_BITS 4
#define WINDOW ((size_t)1 << WINDOW_BITS)

const char *const bg_mask_exponent_names[] = {
    [BG_MASK_EXPONENT_HALF] = "half",
    [BG_MASK_EXPONENT_SHORT] = "512",
    NULL,
};

struct bg_mask_table {
    const struct bg_public_key *key;
    size_t exponent_bits;
    struct bg_comb *comb;
};

/* ---- the base ---- */

/* Vector 0 to its n-th power, by windows of n's bits: n is public. */
static void raise_to_n(const struct bg_public_key *key, const struct bg_adic_space *space, uint32_t digits)
{
    uint64_t *power = bg_adic_vector(space, 0), *powers[WINDOW];
    size_t bytes = space->ring->vector_words * sizeof *power;

    for (size_t i = 0; i < WINDOW; i++)
        powers[i] = bg_adic_vector(space, 1 + i);
    memcpy(powers[1], power, bytes);
    for (size_t i = 2; i < WINDOW; i++)
        bg_adic_multiply(space, digits, powers[i - 1], powers[1], powers[i]);
    memcpy(power, space->ring->one, bytes);
    for (size_t at = 8 * key->digit_bytes; at > 0;) {
        at -= WINDOW_BITS;
        size_t bits = key->n_bytes[at / 8] >> at % 8 & (WINDOW - 1);
        for (size_t i = 0; i < WINDOW_BITS; i++)
            bg_adic_square(space, digits, power, power);
        if (bits)
            bg_adic_multiply(space, digits, power, powers[bits], power);
    }
}

/* y^(n^s) mod n^(s+1) for y < n, compact; `number` holds y and zeros. As u ≡ v (mod n^i) gives u^n ≡ v^n
 * (mod n^(i+1)), the i-th power to n is computed with i+1 digits. */
static enum bg_status raise_to_residue(const struct bg_public_key *key, uint64_t *number)
{
    const struct bg_adic *ring = key->adic;
    struct bg_adic_space space;
    enum bg_status status = bg_adic_space_init(&space, ring, 1 + WINDOW);
    if (status != BG_OK)
        return status;
    uint64_t *power = bg_adic_vector(&space, 0);
    for (uint32_t i = 1; i <= key->s; i++) {
        bg_adic_load(&space, ring->digits, &(const uint64_t *){number}, 1, power);
        bg_adic_enter(&space, i + 1, power, power);
        raise_to_n(key, &space, i + 1);
        bg_adic_leave(&space, i + 1, power, power);
        bg_adic_store(&space, i + 1, power, 1, &number);
    }
    bg_adic_space_finish(&space);
    return BG_OK;
}

/* h_s = (−x²)^(n^s) mod n^(s+1), compact */
static enum bg_status draw_base(const struct bg_public_key *key, const struct bg_random *random, uint64_t *ret)
{
    mpz_t x;

    mpz_init(x);
    enum bg_status status = bg_big_random_unit(random, key->power[1], x);
    if (status == BG_OK) {
        mpz_mul(x, x, x);
        mpz_neg(x, x);
        mpz_mod(x, x, key->power[1]);
        bg_adic_from_big(key->adic, key->s + 1, x, ret);
        status = raise_to_residue(key, ret);
    }
    bg_big_wipe(x);
    mpz_clear(x);
    return status;
}

/* ---- the table ---- */

enum bg_status bg_mask_table_create(const struct bg_public_key *key, const struct bg_random *random,
                                    const struct bg_mask_settings *settings, struct bg_mask_table **ret_table)
{
    size_t half = bg_divide_up(key->bits, 2), bits = settings->exponent_bits ? settings->exponent_bits : half;
    struct bg_comb_settings comb = {
        .exponent_bits = bits, .memory_bytes = settings->memory_bytes, .uniform_reads = settings->uniform_reads};
    size_t base_bytes = bg_adic_compact_words(key->adic, key->s + 1) * sizeof(uint64_t);
    if (bits > key->bits || (bits < half && bits < BG_MASK_SHORT_EXPONENT_BITS))
        return BG_INVALID;

    struct bg_mask_table *table = calloc(1, sizeof *table);
    uint64_t *base = malloc(base_bytes);
    enum bg_status status = table && base ? draw_base(key, random, base) : BG_NO_MEMORY;
    if (status == BG_OK) {
        *table = (struct bg_mask_table){.key = key, .exponent_bits = bits};
        status = bg_comb_create(key, &comb, base, &table->comb);
    }
    free(base);
    if (status != BG_OK)
        free(table);
    else
        *ret_table = table;
    return status;
}

void bg_mask_table_destroy(struct bg_mask_table **table)
{
    if (!*table)
        return;
    bg_comb_destroy(&(*table)->comb);
    free(*table);
    *table = NULL;
}

size_t bg_mask_table_bytes(const struct bg_mask_table *table)
{
    return bg_comb_bytes(table->comb);
}

/* ---- the source ---- */

struct bg_mask_source {
    const struct bg_mask_table *table;
    struct bg_random random;
    struct bg_mask_pool *pool;
    struct bg_adic_space space;
    size_t exponent_bytes; /* as the comb reads it */
    uint8_t *exponents;    /* one per lane, zeroed between calls */
    uint64_t *masks;       /* one per lane, on their way into the pool */
};

size_t bg_mask_words(const struct bg_public_key *key)
{
    return bg_adic_compact_words(key->adic, 2 * key->s + 1);
}

static size_t mask_bytes(const struct bg_mask_source *source)
{
    return bg_mask_words(source->table->key) * sizeof(uint64_t);
}

static size_t lane_count(const struct bg_mask_source *source)
{
    return source->table->key->adic->kernel->lanes;
}

enum bg_status bg_mask_source_create(const struct bg_mask_table *table, const struct bg_random *random,
                                     struct bg_mask_pool *pool, struct bg_mask_source **ret_source)
{
    struct bg_mask_source *source = calloc(1, sizeof *source);
    if (!source)
        return BG_NO_MEMORY;
    *source = (struct bg_mask_source){.table = table,
                                      .random = *random,
                                      .pool = pool,
                                      .exponent_bytes = bg_comb_exponent_bytes(table->comb)};
    source->exponents = calloc(lane_count(source), source->exponent_bytes);
    source->masks = calloc(lane_count(source), mask_bytes(source));
    if (!source->exponents || !source->masks
        || bg_adic_space_init(&source->space, table->key->adic, BG_COMB_VECTORS) != BG_OK) {
        bg_mask_source_destroy(&source);
        return BG_NO_MEMORY;
    }
    *ret_source = source;
    return BG_OK;
}

void bg_mask_source_destroy(struct bg_mask_source **source)
{
    if (!*source)
        return;
    bg_adic_space_finish(&(*source)->space);
    free((*source)->exponents);
    free((*source)->masks);
    free(*source);
    *source = NULL;
}

/* Uniform, of exactly the table's bits. */
static enum bg_status draw_exponent(const struct bg_mask_source *source, uint8_t *exponent)
{
    size_t bits = source->table->exponent_bits, bytes = bg_divide_up(bits, 8);
    enum bg_status status = bg_random_fill(&source->random, exponent, bytes);
    if (bits % 8)
        exponent[bytes - 1] &= (uint8_t)((1u << bits % 8) - 1);
    return status;
}

/* Vector 0, R·μ in `count` lanes, to masks. */
static void write_masks(const struct bg_mask_source *source, unsigned count, uint64_t *ret_masks)
{
    const struct bg_public_key *key = source->table->key;
    size_t words = bg_mask_words(key), plain_words = bg_adic_compact_words(key->adic, key->s + 1);
    uint64_t *power = bg_adic_vector(&source->space, 0), *plain = bg_adic_vector(&source->space, 1);
    uint64_t *numbers[BG_ADIC_MOST_LANES], *forms[BG_ADIC_MOST_LANES];

    for (unsigned i = 0; i < count; i++) {
        numbers[i] = ret_masks + i * words;
        forms[i] = numbers[i] + plain_words;
    }
    bg_adic_store(&source->space, key->s, power, count, forms);
    bg_adic_leave(&source->space, key->s + 1, power, plain);
    bg_adic_store(&source->space, key->s + 1, plain, count, numbers);
}

/* 1 ≤ count ≤ lanes */
static enum bg_status compute(struct bg_mask_source *source, unsigned count, uint64_t *ret_masks)
{
    const uint8_t *exponents[BG_ADIC_MOST_LANES];
    enum bg_status status = BG_OK;

    for (unsigned i = 0; i < count && status == BG_OK; i++) {
        exponents[i] = source->exponents + i * source->exponent_bytes;
        status = draw_exponent(source, source->exponents + i * source->exponent_bytes);
    }
    if (status == BG_OK) {
        bg_comb_power(source->table->comb, &source->space, exponents, count);
        write_masks(source, count, ret_masks);
    }
    bg_wipe(source->exponents, count * source->exponent_bytes);
    bg_wipe(source->space.memory, source->space.bytes);
    return status;
}

static size_t at_most(size_t count, size_t limit)
{
    return count < limit ? count : limit;
}

enum bg_status bg_mask_source_fill(struct bg_mask_source *source, size_t count)
{
    enum bg_status status = BG_OK;

    while (source->pool && count && status == BG_OK) {
        size_t reserved = bg_mask_pool_reserve(source->pool, at_most(count, lane_count(source)));
        if (!reserved)
            break;
        status = compute(source, (unsigned)reserved, source->masks);
        bg_mask_pool_put(source->pool, reserved, status == BG_OK ? reserved : 0, source->masks);
        bg_wipe(source->masks, reserved * mask_bytes(source));
        count -= reserved;
    }
    return status;
}

enum bg_status bg_mask_draw(struct bg_mask_source *source, size_t count, uint64_t *ret_masks)
{
    size_t words = bg_mask_words(source->table->key);
    size_t done = source->pool ? bg_mask_pool_take(source->pool, count, ret_masks) : 0;

    while (done < count) {
        size_t here = at_most(count - done, lane_count(source));
        enum bg_status status = compute(source, (unsigned)here, ret_masks + done * words);
        if (status != BG_OK) {
            bg_wipe(ret_masks, count * mask_bytes(source));
            return status;
        }
        done += here;
    }
    return BG_OK;
}
