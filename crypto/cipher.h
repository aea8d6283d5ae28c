/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rest of the program does with ciphertexts: encrypt, check, and (crypto/product.h) multiply. Two modes
 * share every size and verb, so that a run without encryption differs in nothing but arithmetic:
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
 * BG_INVALID: another size, or a digit ≥ n; BG_RANDOM; BG_NO_MEMORY. After a failure the output is
 * meaningless. */
BG_MUST_CHECK enum bg_status bg_cipher_encrypt(const struct bg_cipher *cipher, struct bg_span plaintexts,
                                               size_t count, struct bg_mask_source *masks,
                                               uint8_t *ret_ciphertexts);

/* BG_BAD_CIPHERTEXT unless `ciphertexts` is exactly `count` of them and each could be one: digits below n,
 * low digit a unit mod n (one gcd for all); in null mode the highest digit 0. reterr_index (may be
 * NULL), written in that case only, is the first bad one, `count` for bytes left over. BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_cipher_check(const struct bg_cipher *cipher, struct bg_span ciphertexts,
                                             size_t count, size_t *reterr_index);
