/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rest of the program does with ciphertexts: encrypt, check, multiply. Two modes share every size
 * and verb, so that a run without encryption differs in nothing but arithmetic:
 *
 *   paillier   c = (1+n)^m · mask mod n^(s+1), in base-n digits (crypto/public_key.h); sums are products
 *   null       the digits of m, and a digit 0 above them; sums are sums mod n^s
 */
#pragma once

#include "base/span.h"
#include "crypto/mask.h"
#include "crypto/public_key.h"

enum bg_encryption {
    BG_ENCRYPTION_PAILLIER = 0,
    BG_ENCRYPTION_NULL,
    BG_ENCRYPTION_OFF, /* plain vectors: no cipher exists */
};

/* "paillier", "null", "off", NULL: choices of an option. */
extern const char *const bg_encryption_names[];

struct bg_cipher {
    enum bg_encryption mode;         /* not BG_ENCRYPTION_OFF */
    const struct bg_public_key *key; /* kept */
};

/* `plaintexts` is `count` plaintexts, ret_ciphertexts as many ciphertexts. masks may be NULL in null mode.
 * BG_INVALID: another size, or a digit ≥ n; BG_RANDOM. After a failure the output is meaningless. */
BG_MUST_CHECK enum bg_status bg_cipher_encrypt(const struct bg_cipher *cipher, struct bg_span plaintexts,
                                               size_t count, struct bg_mask_source *masks,
                                               uint8_t *ret_ciphertexts);

/* BG_BAD_CIPHERTEXT unless `ciphertexts` is exactly `count` of them and each could be one: digits below n,
 * low digit a unit mod n (one gcd for all); in null mode the highest digit 0. reterr_index (may be
 * NULL), written on failure only, is the first bad one, `count` for bytes left over. */
BG_MUST_CHECK enum bg_status bg_cipher_check(const struct bg_cipher *cipher, struct bg_span ciphertexts,
                                             size_t count, size_t *reterr_index);

/* Accumulators of T positions, one number each. Calls on disjoint positions may run on different threads. */
struct bg_product;

/* Every position neutral: the product of no ciphertexts. Copies *cipher. */
BG_MUST_CHECK enum bg_status bg_product_create(const struct bg_cipher *cipher, size_t positions,
                                               struct bg_product **ret_product);
void bg_product_destroy(struct bg_product **product);
void bg_product_reset(struct bg_product *product);
/* Multiplies `count` checked ciphertexts into positions first … first+count−1. BG_INVALID: another size, or
 * positions that do not exist; then nothing has changed. */
BG_MUST_CHECK enum bg_status bg_product_multiply(struct bg_product *product, size_t first, size_t count,
                                                 struct bg_span ciphertexts);
/* Writes positions first … first+count−1 as ciphertexts. BG_INVALID: positions that do not exist. */
BG_MUST_CHECK enum bg_status bg_product_write(const struct bg_product *product, size_t first, size_t count,
                                              uint8_t *ret_ciphertexts);
size_t bg_product_positions(const struct bg_product *product);
