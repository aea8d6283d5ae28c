/* SPDX-License-Identifier: Apache-2.0 */
#include "model/transform.h"

#include "base/checked.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t projection_size(const struct bg_transform *transform)
{
    return transform->projection ? transform->inputs * transform->columns : 0;
}

float *bg_transform_allocate(size_t columns, size_t inputs, struct bg_transform *ret)
{
    size_t numbers;
    if (!bg_size_multiply(inputs, columns, &numbers) || !bg_size_add(numbers, columns, &numbers) ||
        !bg_size_add(numbers, columns, &numbers))
        return NULL;
    float *block = calloc(numbers ? numbers : 1, sizeof *block);
    if (block)
        *ret = (struct bg_transform){.columns = columns,
                                     .inputs = inputs ? inputs : columns,
                                     .mean = block,
                                     .scale = block + columns,
                                     .projection = inputs ? block + 2 * columns : NULL};
    return block;
}

bool bg_transform_identity(size_t columns, struct bg_transform *ret)
{
    float *block = bg_transform_allocate(columns, 0, ret);
    for (size_t j = 0; block && j < columns; j++)
        block[columns + j] = 1;
    return block != NULL;
}

void bg_transform_finish(struct bg_transform *transform)
{
    free((float *)transform->mean);
    *transform = (struct bg_transform){0};
}

enum bg_status bg_transform_copy(const struct bg_transform *from, struct bg_transform *ret)
{
    size_t columns = from->columns;
    float *block = bg_transform_allocate(columns, from->projection ? from->inputs : 0, ret);
    if (!block)
        return BG_NO_MEMORY;
    memcpy(block, from->mean, columns * sizeof *block);
    memcpy(block + columns, from->scale, columns * sizeof *block);
    if (from->projection)
        memcpy(block + 2 * columns, from->projection, projection_size(from) * sizeof *block);
    return BG_OK;
}

bool bg_transform_equal(const struct bg_transform *a, const struct bg_transform *b)
{
    if (a->columns != b->columns || a->inputs != b->inputs || !a->projection != !b->projection)
        return false;
    return memcmp(a->mean, b->mean, a->columns * sizeof *a->mean) == 0 &&
           memcmp(a->scale, b->scale, a->columns * sizeof *a->scale) == 0 &&
           (!a->projection || memcmp(a->projection, b->projection, projection_size(a) * sizeof *a->projection) == 0);
}

/* ---- the central fit ---- */

/* The means, then the sums of squared deviations from them: two passes keep what one would cancel. */
static void sum_columns(const struct bg_examples *training, double *mean, double *squares)
{
    for (size_t i = 0; i < training->count; i++) {
        const float *row = bg_example_features(training, i);
        for (size_t j = 0; j < training->columns; j++)
            mean[j] += (double)row[j];
    }
    for (size_t j = 0; j < training->columns; j++)
        mean[j] /= (double)training->count;
    for (size_t i = 0; i < training->count; i++) {
        const float *row = bg_example_features(training, i);
        for (size_t j = 0; j < training->columns; j++) {
            double deviation = (double)row[j] - mean[j];
            squares[j] += deviation * deviation;
        }
    }
}

static bool is_constant(const struct bg_examples *training, size_t column)
{
    float first = bg_example_features(training, 0)[column];
    size_t i = 1;
    while (i < training->count && bg_example_features(training, i)[column] == first)
        i++;
    return i == training->count;
}

static enum bg_status fill(const struct bg_examples *training, const double *mean, const double *squares,
                           struct bg_error *error, float *block)
{
    size_t columns = training->columns;
    for (size_t j = 0; j < columns; j++) {
        double deviation = sqrt(squares[j] / (double)training->count);
        block[j] = (float)mean[j];
        block[columns + j] = is_constant(training, j) ? 0 : (float)(1 / deviation);
        if (!isfinite(block[j]) || !isfinite(block[columns + j]))
            return bg_fail(error, BG_NOT_FINITE,
                           "feature column %zu has no finite mean and scale over the training rows", j);
    }
    return BG_OK;
}

enum bg_status bg_transform_fit(const struct bg_examples *training, struct bg_error *error, struct bg_transform *ret)
{
    size_t columns = training->columns;
    struct bg_transform transform = {0};
    if (training->count == 0 || columns == 0)
        return bg_fail(error, BG_INVALID, "feature statistics need at least one training row and one column");
    float *block = bg_transform_allocate(columns, 0, &transform);
    double *mean = calloc(columns, sizeof *mean);
    double *squares = calloc(columns, sizeof *squares);
    enum bg_status status;
    if (block && mean && squares) {
        sum_columns(training, mean, squares);
        status = fill(training, mean, squares, error, block);
    } else {
        status = bg_fail(error, BG_NO_MEMORY, "no memory for the statistics of %zu features", columns);
    }
    free(mean);
    free(squares);
    if (status == BG_OK)
        *ret = transform;
    else
        bg_transform_finish(&transform);
    return status;
}

/* ---- application ---- */

static float clip(float value)
{
    value = value > BG_INPUT_CLIP ? BG_INPUT_CLIP : value;
    return value < -BG_INPUT_CLIP ? -BG_INPUT_CLIP : value;
}

void bg_transform_standardise(const struct bg_transform *transform, const float *features, float *ret_z)
{
    for (size_t j = 0; j < transform->columns; j++)
        ret_z[j] = clip((features[j] - transform->mean[j]) * transform->scale[j]);
}

void bg_transform_apply(const struct bg_transform *transform, const float *features, float *ret_inputs)
{
    size_t columns = transform->columns, inputs = transform->inputs;
    if (!transform->projection) {
        bg_transform_standardise(transform, features, ret_inputs);
        return;
    }
    memset(ret_inputs, 0, inputs * sizeof *ret_inputs);
    for (size_t j = 0; j < columns; j++) {
        float z = clip((features[j] - transform->mean[j]) * transform->scale[j]);
        if (z != 0)
            for (size_t i = 0; i < inputs; i++)
                ret_inputs[i] += transform->projection[i * columns + j] * z;
    }
    for (size_t i = 0; i < inputs; i++)
        ret_inputs[i] = clip(ret_inputs[i]);
}

enum bg_status bg_transformed_init(struct bg_transformed *transformed, const struct bg_transform *transform,
                                   const struct bg_examples *examples)
{
    size_t rows = examples->count ? examples->count : 1;
    struct bg_transformed made = {.inputs = reallocarray(NULL, rows, transform->inputs * sizeof *made.inputs),
                                  .labels = reallocarray(NULL, rows, sizeof *made.labels)};
    if (!made.inputs || !made.labels) {
        bg_transformed_finish(&made);
        return BG_NO_MEMORY;
    }
    for (size_t i = 0; i < examples->count; i++) {
        bg_transform_apply(transform, bg_example_features(examples, i), made.inputs + i * transform->inputs);
        made.labels[i] = bg_example_label(examples, i);
    }
    made.examples = (struct bg_examples){.features = made.inputs,
                                         .labels = made.labels,
                                         .count = examples->count,
                                         .columns = transform->inputs,
                                         .classes = examples->classes};
    *transformed = made;
    return BG_OK;
}

void bg_transformed_finish(struct bg_transformed *transformed)
{
    free(transformed->inputs);
    free(transformed->labels);
    *transformed = (struct bg_transformed){.inputs = NULL};
}
