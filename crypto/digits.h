/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums of plaintexts as public_key.h has them: s base-n digits, each |n|/8 little-endian bytes below n, lowest first.
 * Sums and differences are those of the integers mod n^s, by adding digit to digit with a carry; nothing is allocated.
 */
#pragma once

#include "base/span.h"
#include "crypto/public_key.h"

/* By how much a number may exceed a plaintext to be reduced. */
#define BG_DIGITS_EXCESS_BYTES 16
#define BG_DIGITS_WEIGHT_BYTES 16

/* Whether each of `count` digits is below n. */
bool bg_digits_are_valid(const struct bg_public_key *key, const uint8_t *digits, size_t count);

/* sum += term, difference −= term, mod n^s; all digits valid. */
void bg_digits_add(const struct bg_public_key *key, const uint8_t *term, uint8_t *sum);
void bg_digits_subtract(const struct bg_public_key *key, const uint8_t *term, uint8_t *difference);

/* The digits of a little-endian integer mod n^s; at most BG_DIGITS_EXCESS_BYTES longer than a plaintext. */
void bg_digits_reduce(const struct bg_public_key *key, struct bg_span number, uint8_t *ret_digits);

/* ret = Σ e_t x_t mod n^s for `count` < 2^32 numbers x_t of s valid digits that lie `stride` bytes apart, and as many
 * little-endian weights e_t of BG_DIGITS_WEIGHT_BYTES. 0 of no numbers. */
void bg_digits_weigh(const struct bg_public_key *key, const uint8_t *numbers, size_t stride, const uint8_t *weights,
                     size_t count, uint8_t *ret_digits);
