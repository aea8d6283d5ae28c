/* SPDX-License-Identifier: Apache-2.0 */
#include "model/transform.h"

#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <math.h>

Test(transform, standardises_training_rows)
{
    float features[] = {1, 10, 5, 2, 20, 5, 3, 30, 5, 4, 40, 5, 1000, -7, 9};
    uint16_t labels[5] = {0};
    uint32_t rows[] = {3, 0, 2, 1};
    struct bg_examples training = {features, labels, rows, 4, 3, 1};
    struct bg_transform stats;
    cr_assert_eq(bg_transform_fit(&training, NULL, &stats), BG_OK);
    cr_assert_eq(stats.columns, 3);
    cr_assert_eq(stats.mean[0], 2.5f);
    cr_assert_eq(stats.mean[1], 25.0f);
    cr_assert_float_eq(stats.scale[0], 1 / sqrt(1.25), 1e-7);
    cr_assert_eq(stats.scale[2], 0.0f);
    for (size_t i = 0; i < 5; i++)
        bg_transform_apply(&stats, features + 3 * i, features + 3 * i);
    for (size_t j = 0; j < 2; j++) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < 4; i++) {
            sum += (double)features[3 * i + j];
            squares += (double)features[3 * i + j] * (double)features[3 * i + j];
        }
        cr_assert_float_eq(sum, 0, 1e-6);
        cr_assert_float_eq(squares, 4, 1e-5);
    }
    cr_assert_eq(features[12], BG_INPUT_CLIP);
    for (size_t i = 0; i < 5; i++)
        cr_assert_eq(features[3 * i + 2], 0.0f, "a constant column gives 0, also where a later row differs");
    bg_transform_finish(&stats);
    NO_LEAKS();
}

Test(transform, keeps_large_means_exact)
{
    float features[2000];
    for (size_t i = 0; i < 2000; i++)
        features[i] = 1e6f + (float)(i % 2);
    struct bg_examples training = {features, (uint16_t[2000]){0}, NULL, 2000, 1, 1};
    struct bg_transform stats;
    cr_assert_eq(bg_transform_fit(&training, NULL, &stats), BG_OK);
    cr_assert_eq(stats.mean[0], 1000000.5f);
    cr_assert_eq(stats.scale[0], 2.0f);
    bg_transform_finish(&stats);
}

Test(transform, refuses_what_is_not_finite)
{
    float features[] = {1, 2, 3, NAN, 5, 6};
    struct bg_examples training = {features, (uint16_t[3]){0}, NULL, 3, 2, 1};
    struct bg_transform stats;
    struct bg_error error;
    cr_assert_eq(bg_transform_fit(&training, &error, &stats), BG_NOT_FINITE);
    cr_assert_str_eq(error.text, "feature column 1 has no finite mean and scale over the training rows");
    features[3] = INFINITY;
    cr_assert_eq(bg_transform_fit(&training, &error, &stats), BG_NOT_FINITE);
    training.count = 0;
    cr_assert_eq(bg_transform_fit(&training, &error, &stats), BG_INVALID);
    NO_LEAKS();
}

Test(transform, projects_clipped_inputs)
{
    const float mean[] = {1, -2, 0}, scale[] = {0.5f, 2, 0}, projection[] = {1, 0.25f, 9, -3, 2, 9};
    struct bg_transform t = {.columns = 3, .inputs = 2, .mean = mean, .scale = scale, .projection = projection};
    const float row[] = {3, 100, 7};
    float z[3], inputs[2];
    bg_transform_standardise(&t, row, z);
    cr_assert_eq(z[0], 1.0f);
    cr_assert_eq(z[1], BG_INPUT_CLIP);
    cr_assert_eq(z[2], 0.0f);
    bg_transform_apply(&t, row, inputs);
    cr_assert_eq(inputs[0], 3.5f);
    cr_assert_eq(inputs[1], BG_INPUT_CLIP, "17 is clipped again");
}

Test(transform, copies_equal_what_they_copy)
{
    struct bg_transform a, b;
    float *block = bg_transform_allocate(3, 2, &a);
    for (size_t i = 0; i < 12; i++)
        block[i] = (float)i;
    cr_assert_eq(bg_transform_copy(&a, &b), BG_OK);
    cr_assert(bg_transform_equal(&a, &b));
    for (size_t i = 0; i < 12; i++) {
        block[i] += 1;
        cr_assert_not(bg_transform_equal(&a, &b), "number %zu", i);
        block[i] -= 1;
    }
    struct bg_transform plain = b;
    plain.projection = NULL;
    cr_assert_not(bg_transform_equal(&a, &plain));
    bg_transform_finish(&b);
    bg_transform_finish(&a);
    cr_assert_null(bg_transform_allocate(SIZE_MAX / 2, 3, &a));
    NO_LEAKS();
}

Test(transform, makes_a_matrix_of_its_own_in_the_order_of_the_examples)
{
    const float features[] = {1, 2, 3, 4, 5, 6}, mean[] = {1, 1}, scale[] = {1, 0.5f};
    const uint16_t labels[] = {0, 1, 2};
    const uint32_t rows[] = {2, 0};
    struct bg_examples examples = {features, labels, rows, 2, 2, 3};
    struct bg_transform t = {.columns = 2, .inputs = 2, .mean = mean, .scale = scale};
    struct bg_transformed made;
    cr_assert_eq(bg_transformed_init(&made, &t, &examples), BG_OK);
    cr_assert_eq(made.examples.count, 2);
    cr_assert_eq(made.examples.classes, 3);
    const float wanted[] = {4, 2.5f, 0, 0.5f};
    cr_assert_arr_eq(made.inputs, wanted, sizeof wanted);
    cr_assert_eq(bg_example_label(&made.examples, 0), 2);
    cr_assert_eq(bg_example_label(&made.examples, 1), 0);
    bg_transformed_finish(&made);
    examples.count = 0;
    cr_assert_eq(bg_transformed_init(&made, &t, &examples), BG_OK, "a client may have no rows");
    bg_transformed_finish(&made);
    NO_LEAKS();
}
