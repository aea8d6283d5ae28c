/* SPDX-License-Identifier: Apache-2.0 */
/* The inverse of crypto/cipher.h, for both of its modes, and what is opened to check something. */
#pragma once

#include "base/workers.h"
#include "crypto/cipher.h"
#include "crypto/digits.h"
#include "crypto/random.h"
#include "crypto/secret_key.h"

/* Opens `count` products that lie one after the other to as many plaintexts: the sums mod n^s of what was
 * encrypted. Paillier needs `key`, the secret half of cipher->key with the same s, and `random`, and is
 * bg_decrypt with its errors; null ignores both and reads what is there. workers may be NULL. BG_INVALID:
 * another size, or a secret key of another public key; BG_BAD_CIPHERTEXT naming the position. */
BG_MUST_CHECK enum bg_status bg_open_products(const struct bg_cipher *cipher, const struct bg_secret_key *key,
                                              struct bg_span products, size_t count,
                                              const struct bg_random *random, struct bg_workers *workers,
                                              struct bg_error *error, uint8_t *ret_plaintexts);

/* A ciphertext of Σ e_t m_t mod n^s for `count` checked ciphertexts of m_t (0 for none) and weights e_t of
 * BG_DIGITS_WEIGHT_BYTES, little-endian; public arithmetic. workers may be NULL. BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_weigh_ciphertexts(const struct bg_cipher *cipher, const uint8_t *ciphertexts,
                                                  const uint8_t *weights, size_t count, struct bg_workers *workers,
                                                  uint8_t *ret_ciphertext);
