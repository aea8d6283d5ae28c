/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/feature_stats.h"

#include "base/math.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

void bg_features_signed_log(float *features, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double x = (double)features[i];
        features[i] = (float)(x < 0 ? -bg_log1p(-x) : bg_log1p(x));
    }
}

void bg_feature_stats_finish(struct bg_feature_stats *stats)
{
    free(stats->mean);
    free(stats->scale);
    *stats = (struct bg_feature_stats){0};
}

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

static enum bg_status fill_stats(const struct bg_examples *training, const double *mean,
                                 const double *squares, struct bg_error *error,
                                 struct bg_feature_stats *stats)
{
    for (size_t j = 0; j < training->columns; j++) {
        double deviation = sqrt(squares[j] / (double)training->count);
        stats->mean[j] = (float)mean[j];
        stats->scale[j] = is_constant(training, j) ? 0 : (float)(1 / deviation);
        if (!isfinite(stats->mean[j]) || !isfinite(stats->scale[j]))
            return bg_fail(error, BG_NOT_FINITE,
                           "feature column %zu has no finite mean and scale over the training rows", j);
    }
    return BG_OK;
}

enum bg_status bg_feature_stats_fit(const struct bg_examples *training, struct bg_error *error,
                                    struct bg_feature_stats *ret_stats)
{
    size_t columns = training->columns;
    if (training->count == 0 || columns == 0)
        return bg_fail(error, BG_INVALID, "feature statistics need at least one training row and one column");
    struct bg_feature_stats stats = {
        .columns = columns,
        .mean = calloc(columns, sizeof *stats.mean),
        .scale = calloc(columns, sizeof *stats.scale),
    };
    double *mean = calloc(columns, sizeof *mean);
    double *squares = calloc(columns, sizeof *squares);
    enum bg_status status;
    if (stats.mean && stats.scale && mean && squares) {
        sum_columns(training, mean, squares);
        status = fill_stats(training, mean, squares, error, &stats);
    } else {
        status = bg_fail(error, BG_NO_MEMORY, "no memory for the statistics of %zu features", columns);
    }
    free(mean);
    free(squares);
    if (status) {
        bg_feature_stats_finish(&stats);
        return status;
    }
    *ret_stats = stats;
    return BG_OK;
}

void bg_feature_stats_apply(const struct bg_feature_stats *stats, float *features, size_t rows)
{
    for (size_t i = 0; i < rows; i++, features += stats->columns)
        for (size_t j = 0; j < stats->columns; j++) {
            float input = (features[j] - stats->mean[j]) * stats->scale[j];
            input = input > BG_FEATURE_CLIP ? BG_FEATURE_CLIP : input;
            features[j] = input < -BG_FEATURE_CLIP ? -BG_FEATURE_CLIP : input;
        }
}
