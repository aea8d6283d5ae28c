/* SPDX-License-Identifier: Apache-2.0 */
/* The one combining pass that all rules share; the same bits for any number of threads. */
#pragma once

#include "robust/columns.h"

struct bg_workers;

/* ret_sum[t] = Σ_i (weights[i]·factors[i])·data_i[t], in double by ascending i. Columns of weight 0 are left
 * out: a dropped one may hold anything. workers may be NULL. */
void bg_combine(const struct bg_columns *columns, const double *weights, struct bg_workers *workers,
                double *ret_sum);
/* The same sums, each rounded to float. */
void bg_combine_float(const struct bg_columns *columns, const double *weights, struct bg_workers *workers,
                      float *ret_sum);
