/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decryption of Damgård–Jurik ciphertexts by the Chinese remainder theorem, as many at once as the kernel has lanes.
 *
 * Every ciphertext is re-randomised first: times z^a, for an encryption z of 0 that only this process knows and a
 * fresh a of 128 bits, so that no operation on secret values sees a number that its sender could choose.
 *
 * Faults: with the ciphertexts C_t, whose results are V_t, one more is decrypted, (1+n)^r · ∏ C_t^(e_t) with fresh
 * r below n^s and fresh 64-bit e_t, and must give r + Σ e_t V_t mod n^s. A wrong V_t passes with probability
 * 2^−64. r makes it affine: a damaged key that decrypts every m to m·d ≠ m passes a linear check, not this
 * one.
 *
 * What takes the same time for all secrets, and what does not:
 *   z^a              same operations always; addresses of table entries depend on a, which hides c only together
 *                    with z
 *   c mod p^(s+1)    GMP's division, of a number that nobody could choose
 *   x^(p−1)          same operations, same addresses (crypto/ladder.h); kernels are free of branches on numbers
 *   m from x^(p−1)   GMP's ordinary arithmetic on the results, which are padded sums, and on constants of the key
 *   the check        ∏ C_t^(e_t) is public arithmetic with weights that are worthless after the call; the sums as
 *                    before
 */
#pragma once

#include "base/workers.h"
#include "crypto/random.h"
#include "crypto/secret_key.h"

/* Decrypts `count` ciphertexts that lie one after the other to as many plaintexts (sizes of
 * crypto/public_key.h). workers may be NULL; random is used on the calling thread only. BG_INVALID: another
 * size; BG_BAD_CIPHERTEXT naming the first that is out of range or not coprime to n; BG_FAULT when a result
 * fails its check, and then, as after BG_RANDOM and BG_NO_MEMORY, ret_plaintexts is zeroed. */
BG_MUST_CHECK enum bg_status bg_decrypt(const struct bg_secret_key *key, struct bg_span ciphertexts,
                                        size_t count, const struct bg_random *random,
                                        struct bg_workers *workers, struct bg_error *error,
                                        uint8_t *ret_plaintexts);

/* Encrypts a fixed number and decrypts it. BG_FAULT unless it comes back. Every key passes it when it is
 * created. */
BG_MUST_CHECK enum bg_status bg_decrypt_known_answer(const struct bg_secret_key *key, struct bg_error *error);
