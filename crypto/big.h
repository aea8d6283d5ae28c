/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Integers of any size, for crypto/ alone: the only header with GMP's types. Everywhere else a number is
 * fixed-width little-endian bytes. GMP aborts when memory runs out, so sizes are bounded before they get
 * here.
 */
#pragma once

#include "crypto/adic.h"
#include "crypto/public_key.h"
#include "crypto/random.h"

#include <gmp.h>

void bg_big_from_bytes(struct bg_span bytes, mpz_t ret);
/* 0 ≤ x < 256^size, zero-padded. */
void bg_big_to_bytes(const mpz_t x, uint8_t *ret_bytes, size_t size);
/* Zeroes the limbs of x and sets it to 0; still to be cleared. */
void bg_big_wipe(mpz_t x);

/* Uniform in [0, 2^bits). On failure ret is 0. */
BG_MUST_CHECK enum bg_status bg_big_random_bits(const struct bg_random *random, size_t bits, mpz_t ret);
/* Uniform in [0, bound), bound > 0, by rejection. On failure ret is 0. */
BG_MUST_CHECK enum bg_status bg_big_random_below(const struct bg_random *random, const mpz_t bound,
                                                 mpz_t ret);
/* Uniform among the units mod n, n > 1. On failure ret is 0. */
BG_MUST_CHECK enum bg_status bg_big_random_unit(const struct bg_random *random, const mpz_t n, mpz_t ret);

struct bg_public_key {
    uint32_t bits;
    uint32_t s;
    size_t digit_bytes;
    struct bg_digest id;
    uint8_t *n_bytes;
    struct bg_adic *adic;            /* base n, s+1 digits */
    struct bg_adic_space embedding;  /* constants of crypto/embed.h */
    mpz_t power[BG_KEY_MOST_S + 2]; /* n^i, i ≤ s+1 */
};

/* ret = Σ a_i n^i over `count` digits of digit_bytes each; any digit value. ret is not an alias of the key's.
 */
void bg_big_from_digits(const struct bg_public_key *key, const uint8_t *digits, size_t count, mpz_t ret);
/* The base-n digits of 0 ≤ x < n^count, count ≤ s+1. */
void bg_big_to_digits(const struct bg_public_key *key, const mpz_t x, size_t count, uint8_t *ret_digits);
