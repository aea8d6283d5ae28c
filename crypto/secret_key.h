/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The secret half of a Damgård–Jurik key: the primes of n = p·q and what decryption derives from them for
 * one exponent s. There is one way to a key, bg_secret_key_create: generation and key files end in it, so a
 * loaded key passed the same checks and went through the same derivation as a fresh one.
 *
 * A key consists of primes p, q such that
 *   - n has exactly `bits` bits, a multiple of 64; p and q have bits/2 each
 *   - p ≡ q ≡ 3 mod 4, (p−1)/2 and (q−1)/2 have no factor below 1000, gcd(p−1, q−1) = 2, so that squares mod
 *     n form a group without small factors
 *   - gcd(n, φ(n)) = 1
 *   - |p−q| > 2^(bits/2−100)
 *   - p and q pass Baillie–PSW and 40 rounds of Miller–Rabin
 *
 * Immutable after creation, hence safe from any thread; wiped by destroy.
 */
#pragma once

#include "crypto/public_key.h"

#define BG_SECRET_KEY_BITS_STEP 64

struct bg_secret_key;

/* Copies the primes: little-endian, bits/16 bytes each. Derives the values for exponent s, draws from the system what
 * re-randomises ciphertexts, and decrypts a known one. BG_BAD_KEY naming the check that fails (also for bits <
 * BG_KEY_SECURE_BITS unless allow_insecure); BG_FAULT when the known answer is not met; BG_RANDOM, BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_secret_key_create(struct bg_span p, struct bg_span q, uint32_t bits,
                                                  uint32_t s, bool allow_insecure, struct bg_error *error,
                                                  struct bg_secret_key **ret_key);
void bg_secret_key_destroy(struct bg_secret_key **key);

/* Borrowed, lives as long as the secret key. */
const struct bg_public_key *bg_secret_key_public(const struct bg_secret_key *key);
