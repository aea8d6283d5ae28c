/* SPDX-License-Identifier: Apache-2.0 */
/* The Gram matrix of p vectors: the only thing a robust rule needs to know of them. One pass over the data;
 * the same bits for any number of threads. */
#pragma once

#include "base/error.h"
#include "base/sign_bits.h"
#include "robust/columns.h"

struct bg_workers;

/*
 * ret_gram (p, p) symmetric: K_ij = factor_i·factor_j·Σ_t data_i[t]·data_j[t]. The sum is exact for integers
 * and accumulated in double for floats, in an order fixed by d alone. Where column i has a NaN or infinity,
 * or its norm overflows a double, K_ii is not finite, row and column i are unspecified and the rest is as
 * without it. workers may be NULL. BG_NO_MEMORY; BG_OUT_OF_RANGE: an int32 beyond ±32768.
 */
BG_MUST_CHECK enum bg_status bg_gram(const struct bg_columns *columns, struct bg_workers *workers,
                                     struct bg_error *error, double *ret_gram);
/* Of ±1 vectors of equal count: K_ij = d − 2·hamming(i, j), exact. */
void bg_gram_signs(const struct bg_sign_bits *const *columns, size_t count, double *ret_gram);
