/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to the secret library and its tests: what a secret key is made of.
 *
 * For one prime p of n, x ↦ x^(p−1) maps the units mod p^(s+1) onto 1 + p·Z: it kills every n^s-th power and
 * turns (1+n)^m into exp(m·(p−1)·log(1+n)), so that the p-adic logarithm yields m mod p^s. The logarithm's
 * series
 *   log(1 + p·u)/p = Σ_{k=1..s} (−1)^(k+1) p^(k−1) u^k / k   mod p^s
 * ends there because its later terms are multiples of p^s (p is large, so k is a unit). In base p the digits of
 * x^(p−1) are 1 and those of u.
 */
#pragma once

#include "crypto/big.h"
#include "crypto/secret_key.h"

struct bg_secret_half {
    mpz_t prime;
    mpz_t order;                     /* p−1 */
    mpz_t power;                     /* p^s */
    mpz_t series[BG_KEY_MOST_S + 1]; /* (−1)^(k+1) p^(k−1) / k over (p−1)·log(1+n)/p, mod p^s, k from 1 */
    struct bg_adic *adic;            /* base p, s+1 digits */
};

struct bg_secret_key {
    struct bg_public_key *public_key;
    struct bg_secret_half p, q;
    mpz_t join;            /* 1/p^s mod q^s */
    struct bg_comb *zeros; /* base n: powers of one secret encryption of 0 */
};

/* Bits of the exponents of `zeros`. */
#define BG_SECRET_BLIND_BITS 128

/* NULL, or what is wrong with one prime, or with the pair, as a clause for BG_BAD_KEY. A candidate passed
 * Baillie–PSW, a prime the rounds of Miller–Rabin, too. */
const char *bg_secret_candidate_flaw(const mpz_t prime);
const char *bg_secret_prime_flaw(const mpz_t prime);
const char *bg_secret_pair_flaw(const mpz_t p, const mpz_t q, uint32_t bits);

/* Σ series[k] u^k mod p^s for 0 ≤ u < p^s: m mod p^s from the u of x^(p−1) = 1 + p·u. ret ≠ u. */
void bg_secret_evaluate(const struct bg_secret_half *half, uint32_t s, const mpz_t u, mpz_t ret);
/* The x below M·N with x ≡ a mod M and x ≡ b mod N, given join = 1/M mod N. ret is neither a nor b. */
void bg_secret_join(const mpz_t a, const mpz_t m, const mpz_t b, const mpz_t n, const mpz_t join, mpz_t ret);
/* Wipes and clears. */
void bg_secret_clear(mpz_t x);
