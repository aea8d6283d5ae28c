/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/feature_stats.h"

#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <math.h>

Test(feature_stats, signed_log_is_odd_and_keeps_zero)
{
    float values[] = {0, 1, -1, 1e18f, -1e18f, 3.5f, -1e-7f};
    float wanted[] = {0, 1, -1, 1e18f, -1e18f, 3.5f, -1e-7f};
    bg_features_signed_log(values, 7);
    for (size_t i = 0; i < 7; i++)
        cr_assert_float_eq(values[i], copysign(log1p(fabs((double)wanted[i])), (double)wanted[i]),
                           1e-6 * fabs((double)values[i]) + 1e-30);
}

Test(feature_stats, standardises_training_rows)
{
    float features[] = {1, 10, 5, 2, 20, 5, 3, 30, 5, 4, 40, 5, 1000, -7, 9};
    uint16_t labels[5] = {0};
    uint32_t rows[] = {3, 0, 2, 1};
    struct bg_examples training = {features, labels, rows, 4, 3, 1};
    struct bg_feature_stats stats;
    cr_assert_eq(bg_feature_stats_fit(&training, NULL, &stats), BG_OK);
    cr_assert_eq(stats.columns, 3);
    cr_assert_eq(stats.mean[0], 2.5f);
    cr_assert_eq(stats.mean[1], 25.0f);
    cr_assert_float_eq(stats.scale[0], 1 / sqrt(1.25), 1e-7);
    cr_assert_eq(stats.scale[2], 0.0f);
    bg_feature_stats_apply(&stats, features, 5);
    for (size_t j = 0; j < 2; j++) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < 4; i++) {
            sum += (double)features[3 * i + j];
            squares += (double)features[3 * i + j] * (double)features[3 * i + j];
        }
        cr_assert_float_eq(sum, 0, 1e-6);
        cr_assert_float_eq(squares, 4, 1e-5);
    }
    cr_assert_eq(features[12], BG_FEATURE_CLIP);
    for (size_t i = 0; i < 5; i++)
        cr_assert_eq(features[3 * i + 2], 0.0f, "a constant column gives 0, also where a later row differs");
    bg_feature_stats_finish(&stats);
    NO_LEAKS();
}

Test(feature_stats, keeps_large_means_exact)
{
    float features[2000];
    for (size_t i = 0; i < 2000; i++)
        features[i] = 1e6f + (float)(i % 2);
    struct bg_examples training = {features, (uint16_t[2000]){0}, NULL, 2000, 1, 1};
    struct bg_feature_stats stats;
    cr_assert_eq(bg_feature_stats_fit(&training, NULL, &stats), BG_OK);
    cr_assert_eq(stats.mean[0], 1000000.5f);
    cr_assert_eq(stats.scale[0], 2.0f);
    bg_feature_stats_finish(&stats);
}

Test(feature_stats, refuses_what_is_not_finite)
{
    float features[] = {1, 2, 3, NAN, 5, 6};
    struct bg_examples training = {features, (uint16_t[3]){0}, NULL, 3, 2, 1};
    struct bg_feature_stats stats;
    struct bg_error error;
    cr_assert_eq(bg_feature_stats_fit(&training, &error, &stats), BG_NOT_FINITE);
    cr_assert_str_eq(error.text, "feature column 1 has no finite mean and scale over the training rows");
    features[3] = INFINITY;
    cr_assert_eq(bg_feature_stats_fit(&training, &error, &stats), BG_NOT_FINITE);
    training.count = 0;
    cr_assert_eq(bg_feature_stats_fit(&training, &error, &stats), BG_INVALID);
    NO_LEAKS();
}
