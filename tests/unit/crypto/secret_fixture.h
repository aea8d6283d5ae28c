/* SPDX-License-Identifier: Apache-2.0 */
/* Secret keys from the vectors, and what tests of the secret library do with them again and again. */
#pragma once

#include "crypto/cipher.h"
#include "crypto/secret_key.h"
#include "tests/unit/crypto/hex.h"
#include "tests/vectors/paillier_secret_vectors.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Key `index` of the vectors: 512, 1024 and 2048 bits. */
static inline struct bg_secret_key *vector_key(size_t index, uint32_t s)
{
    uint8_t p[BG_KEY_MOST_BYTES / 2], q[BG_KEY_MOST_BYTES / 2];
    const struct secret_key_primes *primes = &secret_keys[index];
    struct bg_secret_key *key = NULL;
    struct bg_error error;

    struct bg_span p_span = from_hex(primes->p, p), q_span = from_hex(primes->q, q);
    enum bg_status status = bg_secret_key_create(p_span, q_span, primes->bits, s, true, &error, &key);
    cr_assert_eq(status, BG_OK, "%s", error.text);
    return key;
}

/* `count` plaintexts of random digits below 2^(bits−4) < n, in a block to free(). */
static inline uint8_t *random_plaintexts(const struct bg_public_key *key, size_t count)
{
    size_t size = bg_public_key_plaintext_bytes(key);
    struct bg_random random = bg_random_system();
    uint8_t *plaintexts = malloc(count * size);

    cr_assert(plaintexts);
    cr_assert_eq(bg_random_fill(&random, plaintexts, count * size), BG_OK);
    for (size_t digit = bg_public_key_digit_bytes(key), i = digit; i <= count * size; i += digit)
        plaintexts[i - 1] &= 0x0f;
    return plaintexts;
}

/* In a block to free(). */
static inline uint8_t *encrypt(const struct bg_cipher *cipher, const uint8_t *plaintexts, size_t count)
{
    struct bg_random random = bg_random_system();
    struct bg_mask_table *table = NULL;
    struct bg_mask_source *source = NULL;
    uint8_t *ciphertexts = malloc(count * bg_public_key_ciphertext_bytes(cipher->key));
    struct bg_span span = {plaintexts, count * bg_public_key_plaintext_bytes(cipher->key)};

    cr_assert(ciphertexts);
    cr_assert_eq(
        bg_mask_table_create(cipher->key, &random, &(struct bg_mask_settings){.memory_bytes = 1 << 16}, &table),
        BG_OK);
    cr_assert_eq(bg_mask_source_create(table, &random, NULL, &source), BG_OK);
    cr_assert_eq(bg_cipher_encrypt(cipher, span, count, source, ciphertexts), BG_OK);
    bg_mask_source_destroy(&source);
    bg_mask_table_destroy(&table);
    return ciphertexts;
}

static inline enum bg_status no_random(void *context, void *data, size_t size)
{
    (void)context;
    (void)data;
    (void)size;
    return BG_RANDOM;
}

static inline bool all_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i])
            return false;
    return true;
}
