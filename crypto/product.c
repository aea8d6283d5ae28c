/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/product.h"

#include "base/checked.h"
#include "crypto/big.h"
#include "crypto/digits.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(BG_PRODUCT_RUN % BG_ADIC_MOST_LANES == 0, "no vector has positions of two runs");

/*
 * A vector holds as many positions as the kernel has lanes. The first ciphertexts are loaded, each further ones cost
 * one product, which divides by R: after k of them the vector is ∏ c / R^(k−1). Positions of the vector that a call
 * does not name are multiplied by the neutral ciphertext 1.
 */
struct bg_product {
    struct bg_cipher cipher;
    size_t positions;
    size_t lanes;
    size_t vectors;
    uint64_t *memory; /* paillier: of the vectors … */
    uint32_t *counts; /* … and k of each */
    uint8_t *sums;    /* null: ciphertexts */
};

static bool allocate(struct bg_product *product)
{
    const struct bg_adic *ring = product->cipher.key->adic;
    size_t bytes;

    if (product->cipher.mode == BG_ENCRYPTION_NULL) {
        product->sums = calloc(product->positions + 1, bg_public_key_ciphertext_bytes(product->cipher.key));
        return product->sums != NULL;
    }
    product->lanes = ring->kernel->lanes;
    product->vectors = bg_divide_up(product->positions, product->lanes);
    if (!bg_size_multiply(product->vectors + 1, ring->vector_words * sizeof *product->memory, &bytes))
        return false;
    product->memory = aligned_alloc(BG_ADIC_ALIGNMENT, bytes);
    product->counts = calloc(product->vectors + 1, sizeof *product->counts);
    return product->memory && product->counts;
}

enum bg_status bg_product_create(const struct bg_cipher *cipher, size_t positions,
                                 struct bg_product **ret_product)
{
    struct bg_product *product = malloc(sizeof *product);

    assert(cipher->mode != BG_ENCRYPTION_OFF);
    if (!product)
        return BG_NO_MEMORY;
    *product = (struct bg_product){.cipher = *cipher, .positions = positions};
    if (!allocate(product)) {
        bg_product_destroy(&product);
        return BG_NO_MEMORY;
    }
    *ret_product = product;
    return BG_OK;
}

void bg_product_destroy(struct bg_product **product)
{
    if (!*product)
        return;
    free((*product)->memory);
    free((*product)->counts);
    free((*product)->sums);
    free(*product);
    *product = NULL;
}

void bg_product_reset(struct bg_product *product)
{
    if (product->sums)
        memset(product->sums, 0, product->positions * bg_public_key_ciphertext_bytes(product->cipher.key));
    else
        memset(product->counts, 0, product->vectors * sizeof *product->counts);
}

static uint64_t *vector_at(const struct bg_product *product, size_t index)
{
    return product->memory + index * product->cipher.key->adic->vector_words;
}

/* The positions of a range that lie in one vector. */
struct part {
    size_t vector;
    size_t first; /* lane */
    size_t count;
};

static struct part next_part(const struct bg_product *product, size_t position, size_t end)
{
    size_t lane = position % product->lanes, left = end - position;
    return (struct part){position / product->lanes, lane,
                         left < product->lanes - lane ? left : product->lanes - lane};
}

/* Loads the ciphertexts of a part, with 1 in all other lanes. ret_copies has room for lanes ciphertexts. */
static void load_part(const struct bg_product *product, const struct bg_adic_space *space, const uint8_t *ciphertexts,
                      struct part part, const uint64_t *one, uint64_t *ret_copies, uint64_t *ret_vector)
{
    const struct bg_public_key *key = product->cipher.key;
    const uint64_t *numbers[BG_ADIC_MOST_LANES];

    for (size_t i = 0; i < product->lanes; i++)
        numbers[i] = one;
    bg_adic_view(ciphertexts, bg_public_key_ciphertext_bytes(key), (unsigned)part.count,
                 bg_adic_compact_words(key->adic, key->s + 1), ret_copies, numbers + part.first);
    bg_adic_load(space, key->s + 1, numbers, (unsigned)product->lanes, ret_vector);
}

static enum bg_status multiply(struct bg_product *product, size_t first, size_t count, const uint8_t *ciphertexts)
{
    const struct bg_public_key *key = product->cipher.key;
    struct bg_adic_space space;
    enum bg_status status = bg_adic_space_init(&space, key->adic, 3);
    if (status != BG_OK)
        return status;
    uint64_t *c = bg_adic_vector(&space, 0), *copies = bg_adic_vector(&space, 1), *one = bg_adic_vector(&space, 2);

    one[0] = 1;
    for (size_t i = 0; i < count;) {
        struct part part = next_part(product, first + i, first + count);
        uint64_t *x = vector_at(product, part.vector);
        bool fresh = product->counts[part.vector]++ == 0;
        load_part(product, &space, ciphertexts + i * bg_public_key_ciphertext_bytes(key), part, one, copies,
                  fresh ? x : c);
        if (!fresh)
            bg_adic_multiply(&space, key->s + 1, x, c, x);
        i += part.count;
    }
    bg_adic_space_finish(&space);
    return BG_OK;
}

static bool has_positions(const struct bg_product *product, size_t first, size_t count)
{
    return first <= product->positions && count <= product->positions - first;
}

enum bg_status bg_product_multiply(struct bg_product *product, size_t first, size_t count,
                                   struct bg_span ciphertexts)
{
    const struct bg_public_key *key = product->cipher.key;
    size_t width = bg_public_key_ciphertext_bytes(key), size;

    if (!has_positions(product, first, count) || !bg_size_multiply(count, width, &size) || ciphertexts.size != size)
        return BG_INVALID;
    if (!product->sums)
        return multiply(product, first, count, ciphertexts.data);
    for (size_t i = 0; i < count; i++)
        bg_digits_add(key, ciphertexts.data + i * width, product->sums + (first + i) * width);
    return BG_OK;
}

/* R^(exponent+1), which is R^exponent in Montgomery form, as R is 1 and R² is R. */
static void power_of_radix(const struct bg_adic_space *space, uint32_t exponent, uint64_t *ret)
{
    const struct bg_adic *ring = space->ring;
    uint32_t bit = 1;

    memcpy(ret, ring->one, ring->vector_words * sizeof *ret);
    while (bit <= exponent / 2)
        bit *= 2;
    for (; bit; bit /= 2) {
        bg_adic_square(space, ring->digits, ret, ret);
        if (exponent & bit)
            bg_adic_multiply(space, ring->digits, ret, ring->radix, ret);
    }
}

static void write_part(const struct bg_product *product, const struct bg_adic_space *space, struct part part,
                       const uint64_t *correction, uint64_t *x, uint64_t *copies, uint8_t *ret_ciphertexts)
{
    const struct bg_adic *ring = space->ring;
    size_t words = bg_adic_compact_words(ring, ring->digits);
    bool fresh = product->counts[part.vector] == 0;
    uint64_t *numbers[BG_ADIC_MOST_LANES];

    for (size_t i = 0; i < product->lanes; i++)
        numbers[i] = copies + i * words;
    bg_adic_multiply(space, ring->digits, fresh ? ring->unit : vector_at(product, part.vector), correction, x);
    bg_adic_store(space, ring->digits, x, (unsigned)(part.first + part.count), numbers);
    memcpy(ret_ciphertexts, numbers[part.first], part.count * words * sizeof *copies);
}

static enum bg_status write_all(const struct bg_product *product, size_t first, size_t count,
                                uint8_t *ret_ciphertexts)
{
    const struct bg_public_key *key = product->cipher.key;
    struct bg_adic_space space;
    enum bg_status status = bg_adic_space_init(&space, key->adic, 3);
    uint32_t corrected = 0; /* k that `correction` is for */
    if (status != BG_OK)
        return status;
    uint64_t *correction = bg_adic_vector(&space, 0), *x = bg_adic_vector(&space, 1);

    for (size_t i = 0; i < count;) {
        struct part part = next_part(product, first + i, first + count);
        uint32_t k = product->counts[part.vector] ? product->counts[part.vector] : 1;
        if (k != corrected)
            power_of_radix(&space, k - 1, correction);
        corrected = k;
        write_part(product, &space, part, correction, x, bg_adic_vector(&space, 2),
                   ret_ciphertexts + i * bg_public_key_ciphertext_bytes(key));
        i += part.count;
    }
    bg_adic_space_finish(&space);
    return BG_OK;
}

enum bg_status bg_product_write(const struct bg_product *product, size_t first, size_t count,
                                uint8_t *ret_ciphertexts)
{
    size_t width = bg_public_key_ciphertext_bytes(product->cipher.key);

    if (!has_positions(product, first, count))
        return BG_INVALID;
    if (!product->sums)
        return write_all(product, first, count, ret_ciphertexts);
    memcpy(ret_ciphertexts, product->sums + first * width, count * width);
    return BG_OK;
}

size_t bg_product_positions(const struct bg_product *product)
{
    return product->positions;
}
