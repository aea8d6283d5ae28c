/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plaintext's factor of its ciphertext, in vectors of crypto/adic.h; for crypto/ alone.
 *
 *   (1+n)^m = 1 + n f      f = Σ_{1≤i≤s} C(m,i) n^(i−1) = m (1 + n (m−1)/2 (1 + n (m−2)/3 (…))) mod n^s
 *   μ (1+n)^m = μ + n (μ f mod n^s) mod n^(s+1)
 *
 * A factor n moves digits up by one, so (m−i+1)/i and what it is multiplied by need only s+1−i digits. At s = 1
 * there is nothing to multiply for f, at s = 2 there are two products of one digit: one by (m−1)/2, and the one that
 * brings (m−1)/2 into Montgomery form.
 */
#pragma once

#include "crypto/big.h"

/* Writes key->embedding; the rest of the key is complete. */
BG_MUST_CHECK enum bg_status bg_embed_prepare(struct bg_public_key *key);

/* f of the numbers m, neither in Montgomery form. ret_spare is meaningless afterwards; the three do not overlap. */
void bg_embed(const struct bg_public_key *key, const struct bg_adic_space *space, const uint64_t *m,
              uint64_t *ret_spare, uint64_t *ret_f);

/* x (1+n)^m from f, which is meaningless afterwards, and R x mod n^s. With R² x, or with R f, x is in Montgomery
 * form before and after. */
void bg_embed_multiply(const struct bg_public_key *key, const struct bg_adic_space *space, const uint64_t *form,
                       uint64_t *f, uint64_t *x);
