/* SPDX-License-Identifier: Apache-2.0 */
/* The codec, server's half of the model: combined votes → weights. Each line is computed in double from float
 * operands and rounded to float once. */
#pragma once

#include "compress/codec.h"

/* η_t of round `number` (from 0) of `rounds` (0: unknown, then constant): 1 in modes ef and dense; in sign
 * and median server_step·(1 + cos(π·number/rounds))/2. */
double bg_codec_step_size(const struct bg_codec_settings *settings, uint64_t number, uint64_t rounds);

/*
 * weights (coordinates) move by y (votes), a unanimous vote being ±1 in all modes but dense, where y is the
 * mean Δ:
 *
 *   ef            w ← w + η·s_T·y             scales: s_T of this round
 *   sign, median  v ← μ·v + y, w ← w + η·v    v: momentum (coordinates), kept by the caller between rounds
 *   dense         w ← w + η·y
 *
 * scales and momentum are not read where the mode has none. Tensors that do not travel stay as they are.
 */
void bg_codec_step(const struct bg_codec_settings *settings, const struct bg_layout *layout,
                   const bool *travels, const double *scales, double eta, const float *y, float *momentum,
                   float *weights);
