/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/*
 * Nearest-neighbour mixing as a matrix: row i of ret_mixing (n, n) holds the weights, summing to 1, with
 * which column i becomes the mean of the `neighbours` (1 to n) columns nearest to it, itself among them, in
 * the distance that gram (n, n) gives. Columns that tie for the last places, to 1e-12 of the largest squared
 * norm, share them equally, so that the order of columns does not matter. workspace (n).
 */
void bg_mixing(size_t n, const double *gram, size_t neighbours, double *workspace, double *ret_mixing);

/* ret_mixed = mixing · gram · mixingᵀ: the Gram matrix of the mixed columns, symmetric. workspace (n, n). */
void bg_mixing_apply(size_t n, const double *mixing, const double *gram, double *workspace,
                     double *ret_mixed);
