/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/step.h"

#include "codec_fixture.h"

#include "tests/vectors/codec_vectors.h"

#include <string.h>

Test(step, agrees_with_numpy)
{
    struct bg_layout layout;
    make_layout(&layout, 4, (const uint32_t[]){77, 11, 1, 30});
    float weights[VECTOR_COORDINATES], momentum[VECTOR_COORDINATES];
    memcpy(weights, vector_weights, sizeof weights);
    struct bg_codec_settings settings = standard_settings(BG_CODEC_EF);
    bg_codec_step(&settings, &layout, NULL, vector_scales, bg_codec_step_size(&settings, 3, 10), vector_y,
                  NULL, weights);
    cr_assert_arr_eq(weights, vector_ef_weights, sizeof weights);

    memcpy(weights, vector_weights, sizeof weights);
    memcpy(momentum, vector_momentum, sizeof momentum);
    settings.mode = BG_CODEC_SIGN;
    bg_codec_step(&settings, &layout, NULL, NULL, bg_codec_step_size(&settings, 0, 10), vector_y, momentum,
                  weights);
    cr_assert_arr_eq(momentum, vector_sign_momentum, sizeof momentum);
    cr_assert_arr_eq(weights, vector_sign_weights, sizeof weights);

    memcpy(weights, vector_weights, sizeof weights);
    settings.mode = BG_CODEC_DENSE;
    bg_codec_step(&settings, &layout, NULL, NULL, bg_codec_step_size(&settings, 9, 10), vector_y, NULL,
                  weights);
    for (size_t i = 0; i < VECTOR_COORDINATES; i++)
        cr_assert_eq(weights[i], vector_weights[i] + vector_y[i]);
    bg_layout_finish(&layout);
}

Test(step, reads_votes_of_travelling_tensors_in_a_row)
{
    struct bg_layout layout;
    make_layout(&layout, 3, (const uint32_t[]){1, 2, 1});
    struct bg_codec_settings settings = standard_settings(BG_CODEC_EF);
    float weights[4] = {0};
    bg_codec_step(&settings, &layout, (const bool[]){true, false, true}, (const double[]){1, 1, 2}, 1,
                  (const float[]){0.5F, -1}, NULL, weights);
    cr_assert_eq(weights[0], 0.5F);
    cr_assert_eq(weights[1], 0);
    cr_assert_eq(weights[2], 0);
    cr_assert_eq(weights[3], -2);
    bg_layout_finish(&layout);
}

Test(step, size_falls_along_a_cosine_in_mode_median)
{
    struct bg_codec_settings settings = standard_settings(BG_CODEC_MEDIAN);
    settings.server_step = 0.5;
    cr_assert_eq(bg_codec_step_size(&settings, 0, 20), 0.5);
    cr_assert_float_eq(bg_codec_step_size(&settings, 10, 20), 0.25, 1e-15);
    cr_assert_float_eq(bg_codec_step_size(&settings, 5, 20), 0.25 * (1 + sqrt(0.5)), 1e-15);
    cr_assert_float_eq(bg_codec_step_size(&settings, 20, 20), 0, 1e-15);
    cr_assert_float_eq(bg_codec_step_size(&settings, 500, 20), 0, 1e-15);
    cr_assert_eq(bg_codec_step_size(&settings, 7, 0), 0.5);
}
