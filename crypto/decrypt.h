/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decryption of Damgård–Jurik ciphertexts by the Chinese remainder theorem.
 *
 * Every ciphertext is re-randomised first (times h^a for a fresh secret encryption h of 0 per call and a
 * fresh a of 128 bits per ciphertext), so that no operation on secret values sees a number that its sender
 * could choose; the exponentiations with p−1 and q−1 are mpz_powm_sec.
 *
 * Faults: after the ciphertexts C_t with results V_t one more is decrypted, (1+n)^r · ∏ C_t^(e_t) with fresh
 * r below n^s and fresh 64-bit e_t, and must give r + Σ e_t V_t mod n^s. A wrong V_t passes with probability
 * 2^−64. r makes it affine: a damaged key that decrypts every m to m·d ≠ m passes a linear check, not this
 * one.
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
