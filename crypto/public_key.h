/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public half of a Damgård–Jurik key (PKC 2001): a modulus n and the exponent s of the message space.
 * Plaintexts are integers mod n^s, ciphertexts integers mod n^(s+1), generator 1 + n.
 *
 *   plaintext    s·|n|/8 bytes, base-n digits m_0 … m_{s−1} of m = Σ m_i n^i
 *   ciphertext   (s+1)·|n|/8 bytes, base-n digits a_0 … a_s of c = Σ a_i n^i
 *
 * A digit is |n|/8 little-endian bytes of a number below n.
 *
 * Immutable after creation, hence safe from any thread.
 */
#pragma once

#include "base/error.h"
#include "base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BG_KEY_LEAST_BITS 512
#define BG_KEY_SECURE_BITS 2048
#define BG_KEY_MOST_BITS 8192
#define BG_KEY_MOST_BYTES (BG_KEY_MOST_BITS / 8)
#define BG_KEY_MOST_S 4

struct bg_public_key;

/* Copies n: little-endian, exactly bits/8 bytes with the top bit set. bits is a multiple of 64. BG_BAD_KEY:
 * bits or s out of range, n of another length, even, a perfect power, or with a factor below 1000; or shorter
 * than BG_KEY_SECURE_BITS unless allow_insecure, which is for tests. Whether n has two prime factors only the
 * owner of the secret key can tell. */
BG_MUST_CHECK enum bg_status bg_public_key_create(struct bg_span n, uint32_t bits, uint32_t s,
                                                  bool allow_insecure, struct bg_error *error,
                                                  struct bg_public_key **ret_key);
void bg_public_key_destroy(struct bg_public_key **key);

uint32_t bg_public_key_bits(const struct bg_public_key *key);
uint32_t bg_public_key_s(const struct bg_public_key *key);
/* Shorter than BG_KEY_SECURE_BITS: whatever is made with this key must be marked. */
bool bg_public_key_insecure(const struct bg_public_key *key);
/* n as given; borrowed, lives as long as the key. */
struct bg_span bg_public_key_n(const struct bg_public_key *key);
/* SHA-256 of "burgee key", u32 bits, n. */
const struct bg_digest *bg_public_key_id(const struct bg_public_key *key);

size_t bg_public_key_digit_bytes(const struct bg_public_key *key);
size_t bg_public_key_plaintext_bytes(const struct bg_public_key *key);
size_t bg_public_key_ciphertext_bytes(const struct bg_public_key *key);
