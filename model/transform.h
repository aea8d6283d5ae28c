/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From features, after the logarithms that a data set wants, to model inputs: a transform that was fitted to data and
 * belongs to the model.
 *
 *   z_j = clip((x_j − mean_j) · scale_j)          and the inputs are z, or, with a projection P (inputs, columns),
 *   y_i = clip(Σ_j P_ij z_j)                      j ascending; clip to ±BG_INPUT_CLIP
 *
 * float32 in this order of operations, as model files keep it: the same bits on every machine.
 */
#pragma once

#include "base/error.h"
#include "base/examples.h"

#include <stdbool.h>

#define BG_INPUT_CLIP 10.0f

/* A view; who owns the numbers is up to whoever made it. Finite. */
struct bg_transform {
    size_t columns;          /* features of an example */
    size_t inputs;           /* of the model; columns without a projection */
    const float *mean;       /* (columns) */
    const float *scale;      /* (columns) 0 where a feature says nothing: z is 0 there */
    const float *projection; /* (inputs, columns) row-major; NULL: none */
};

/* Gives a transform its own numbers, all 0, as one block: means, scales, then projection (inputs > 0), which is
 * returned for the caller to fill; `inputs` 0: without projection. NULL: out of memory, *ret is not written. */
float *bg_transform_allocate(size_t columns, size_t inputs, struct bg_transform *ret);
/* Features as they are, but for the clip: mean 0, scale 1. False: out of memory. */
bool bg_transform_identity(size_t columns, struct bg_transform *ret);
/* Of a transform with its own numbers. Accepts a zeroed one. */
void bg_transform_finish(struct bg_transform *transform);
/* Copies into numbers of its own. BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_transform_copy(const struct bg_transform *from, struct bg_transform *ret);
/* Same numbers. */
bool bg_transform_equal(const struct bg_transform *a, const struct bg_transform *b);

/* Fitted to pooled rows, in double by ascending example: mean, and 1 / standard deviation, 0 for a column that is
 * constant. Gives numbers of its own. BG_INVALID without rows; BG_NOT_FINITE, naming the column by its index. */
BG_MUST_CHECK enum bg_status bg_transform_fit(const struct bg_examples *training, struct bg_error *error,
                                              struct bg_transform *ret);

/* Only z: what a projection is fitted to. In place allowed. */
void bg_transform_standardise(const struct bg_transform *transform, const float *features, float *ret_z);
/* One example: (columns) → (inputs). In place only without a projection. */
void bg_transform_apply(const struct bg_transform *transform, const float *features, float *ret_inputs);

/* A transformed copy of examples: their own matrix and labels, rows in their order. Gives; BG_NO_MEMORY. */
struct bg_transformed {
    struct bg_examples examples; /* of the matrix below */
    float *inputs;
    uint16_t *labels;
};
BG_MUST_CHECK enum bg_status bg_transformed_init(struct bg_transformed *transformed,
                                                 const struct bg_transform *transform,
                                                 const struct bg_examples *examples);
/* Accepts a zeroed one. */
void bg_transformed_finish(struct bg_transformed *transformed);
