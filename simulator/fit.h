/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "model/transform.h"

/* How far the inputs of a model are from those that pooled rows would give. */
struct bg_fit_distance {
    size_t features; /* that vary in the pooled rows: what the numbers below are over */
    double mean_median, mean_most;   /* |mean − central mean|, in central standard deviations */
    double scale_median, scale_most; /* |scale / central scale − 1| */
    size_t dropped; /* features that vary in the pooled rows, and that the model does not see */
};

/* Means and scales only. Same columns. BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_fit_compare(const struct bg_transform *fitted, const struct bg_transform *central,
                                            struct bg_fit_distance *ret_distance);
