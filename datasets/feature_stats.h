/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From raw features to model inputs, in two steps: the signed logarithm, which looks at one value at a time,
 * and standardisation with statistics of training rows only. The same bits on every machine.
 */
#pragma once

#include "base/error.h"
#include "base/examples.h"

#define BG_FEATURE_CLIP 10.0f

/* In place: x → sign(x) · log(1 + |x|). */
void bg_features_signed_log(float *features, size_t count);

/* An input is (x − mean) · scale, clipped to ±BG_FEATURE_CLIP. float32, as model files keep them. */
struct bg_feature_stats {
    size_t columns;
    float *mean;  /* (columns) */
    float *scale; /* (columns) 1 / standard deviation; 0 where training is constant, so that the input is 0 */
};

/* Sums run over the rows in the examples' order, in double. BG_INVALID without rows; BG_NOT_FINITE, naming
 * the column by its index. */
BG_MUST_CHECK enum bg_status bg_feature_stats_fit(const struct bg_examples *training, struct bg_error *error,
                                                  struct bg_feature_stats *ret_stats);
/* Accepts zeroed statistics. */
void bg_feature_stats_finish(struct bg_feature_stats *stats);
/* In place on (rows, stats->columns). */
void bg_feature_stats_apply(const struct bg_feature_stats *stats, float *features, size_t rows);
