/* SPDX-License-Identifier: Apache-2.0 */
/* The codec, server's half of the model: combined votes → weights. Each line is computed in double from float
 * operands and rounded to float once. */
#pragma once

#include "compress/codec.h"
#include "compress/server_optimizer.h"

/* The optimizer of round `number` (from 0) of `rounds` (0: unknown, then constant): `wanted` in modes ef and dense;
 * sign and median bring their own, momentum with η = server_step·(1 + cos(π·number/rounds))/2, β1 = server_momentum. */
struct bg_server_optimizer bg_codec_optimizer(const struct bg_codec_settings *settings,
                                              const struct bg_server_optimizer *wanted, uint64_t number,
                                              uint64_t rounds);

/*
 * weights (coordinates) move by what the optimizer makes of d, from y (votes), a unanimous vote being ±1 in all modes
 * but dense, where y is the mean Δ:
 *
 *   ef                   d = s_T·y, s_T of this round in `scales`
 *   sign, median, dense  d = y
 *
 * m and v (coordinates) are the optimizer's, kept by the caller between rounds. Arrays are not read where the mode or
 * the optimizer has none. What was not voted on stays as it is, its m and v too; the scales of `round` are not read.
 */
void bg_codec_step(const struct bg_codec_settings *settings, const struct bg_layout *layout,
                   const struct bg_codec_round *round, const double *scales, const float *y,
                   const struct bg_server_optimizer *optimizer, float *m, float *v, float *weights);
