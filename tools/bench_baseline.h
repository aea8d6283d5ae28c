/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What burgee's encryption is measured against: Damgård–Jurik (s = 1: Paillier) written plainly on GMP, as most
 * libraries have it. Numbers are GMP's integers throughout, memory is allocated beforehand, and nothing but the
 * arithmetic and the random bytes that a scheme needs happens inside what is timed.
 *
 *   textbook    c = (1+n)^m · r^(n^s) mod n^(s+1), r below n
 *   djn-powm    c = (1+n)^m · h^a, h = (−x²)^(n^s), a of |n|/2 bits if not told otherwise, by mpz_powm
 *   window      the same, h^a from a table of all h^(j·2^(10i)), j < 1024, multiplied by OpenSSL's Montgomery
 *               products: the quickest public construction; absent from builds without OpenSSL
 *
 * Sums are mpz_mul and mpz_mod, decryption is mpz_powm modulo p^(s+1) and q^(s+1) and the remainder theorem. Nothing
 * here is constant-time or wiped: never for keys that matter.
 */
#pragma once

#include "crypto/random.h"
#include "crypto/secret_key.h"

enum bg_baseline_scheme {
    BG_BASELINE_TEXTBOOK = 0,
    BG_BASELINE_DJN_POWM,
    BG_BASELINE_WINDOW,
    BG_BASELINE_SCHEMES,
};
extern const char *const bg_baseline_names[BG_BASELINE_SCHEMES];

struct bg_baseline;

/* The bits/16 bytes of each prime, little-endian: to make other objects for the same key. */
void bg_baseline_primes(const struct bg_secret_key *key, uint8_t *ret_p, uint8_t *ret_q);

/* For the same n and s; exponent_bits, a multiple of 8 and at most half those of n, are those of a in h^a. Derives all
 * tables; keeps the context of random, copies the rest. */
BG_MUST_CHECK enum bg_status bg_baseline_create(const struct bg_secret_key *key, uint32_t exponent_bits,
                                                const struct bg_random *random, struct bg_error *error,
                                                struct bg_baseline **ret_baseline);
void bg_baseline_destroy(struct bg_baseline **baseline);

/* False for a scheme that this build lacks. */
bool bg_baseline_has(const struct bg_baseline *baseline, enum bg_baseline_scheme scheme);
size_t bg_baseline_table_bytes(const struct bg_baseline *baseline, enum bg_baseline_scheme scheme);

/* One random plaintext, its encryption (of a scheme that there is), and the decryption of that. */
BG_MUST_CHECK enum bg_status bg_baseline_draw(struct bg_baseline *baseline, struct bg_error *error);
BG_MUST_CHECK enum bg_status bg_baseline_encrypt(struct bg_baseline *baseline, enum bg_baseline_scheme scheme,
                                                 struct bg_error *error);
void bg_baseline_decrypt(struct bg_baseline *baseline);
/* Draws, encrypts and decrypts with all schemes there are; adds two and decrypts the sum. BG_FAULT naming what does not
 * come out right. */
BG_MUST_CHECK enum bg_status bg_baseline_check(struct bg_baseline *baseline, struct bg_error *error);

/* Running products of so many ciphertexts: multiplies another one into each. */
#define BG_BASELINE_POSITIONS ((size_t)512)
void bg_baseline_add(struct bg_baseline *baseline);

/* Decrypts a ciphertext of burgee's, base-n digits: whether the plaintext has these digits. */
bool bg_baseline_agrees(struct bg_baseline *baseline, const uint8_t *ciphertext, const uint8_t *plaintext);
