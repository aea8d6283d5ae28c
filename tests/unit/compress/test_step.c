/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/step.h"

#include "codec_fixture.h"

#include "tests/vectors/codec_vectors.h"

#include <string.h>

static const struct bg_server_optimizer none = {.kind = BG_SERVER_NONE};
static const struct bg_codec_round everything = {.travels = NULL};

static double step_size(const struct bg_codec_settings *settings, uint64_t number, uint64_t rounds)
{
    struct bg_server_optimizer own = bg_codec_optimizer(settings, &none, number, rounds);
    cr_assert_eq(own.kind, BG_SERVER_MOMENTUM);
    cr_assert_eq(own.beta1, settings->server_momentum);
    return own.step;
}

Test(step, agrees_with_numpy)
{
    struct bg_layout layout;
    make_layout(&layout, 4, (const uint32_t[]){77, 11, 1, 30});
    float weights[VECTOR_COORDINATES], momentum[VECTOR_COORDINATES];
    memcpy(weights, vector_weights, sizeof weights);
    struct bg_codec_settings settings = standard_settings(BG_CODEC_EF);
    struct bg_server_optimizer server = bg_codec_optimizer(&settings, &none, 3, 10);
    bg_codec_step(&settings, &layout, &everything, vector_scales, vector_y, &server, NULL, NULL, weights);
    cr_assert_arr_eq(weights, vector_ef_weights, sizeof weights);

    memcpy(weights, vector_weights, sizeof weights);
    memcpy(momentum, vector_momentum, sizeof momentum);
    settings.mode = BG_CODEC_SIGN;
    server = bg_codec_optimizer(&settings, &none, 0, 10);
    bg_codec_step(&settings, &layout, &everything, NULL, vector_y, &server, momentum, NULL, weights);
    cr_assert_arr_eq(momentum, vector_sign_momentum, sizeof momentum);
    cr_assert_arr_eq(weights, vector_sign_weights, sizeof weights);

    memcpy(weights, vector_weights, sizeof weights);
    settings.mode = BG_CODEC_DENSE;
    server = bg_codec_optimizer(&settings, &none, 9, 10);
    bg_codec_step(&settings, &layout, &everything, NULL, vector_y, &server, NULL, NULL, weights);
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
    const struct bg_codec_round round = {.travels = (const bool[]){true, false, true}};
    bg_codec_step(&settings, &layout, &round, (const double[]){1, 1, 2}, (const float[]){0.5F, -1}, &none, NULL,
                  NULL, weights);
    cr_assert_eq(weights[0], 0.5F);
    cr_assert_eq(weights[1], 0);
    cr_assert_eq(weights[2], 0);
    cr_assert_eq(weights[3], -2);
    bg_layout_finish(&layout);
}

Test(step, moves_only_what_the_window_has)
{
    static const bool travels[][4] = {{true, true, true, true}, {true, true, false, true}};
    static const struct bg_window windows[] = {VECTOR_WINDOW_0, VECTOR_WINDOW_1};
    static const float *const y[] = {vector_window_y_0, vector_window_y_1};
    static const float *const wanted[] = {vector_window_weights_0, vector_window_weights_1};
    struct bg_codec_settings settings = standard_settings(BG_CODEC_EF);
    struct bg_layout layout;
    make_layout(&layout, 4, (const uint32_t[]){77, 11, 1, 30});
    for (size_t r = 0; r < 2; r++) {
        const struct bg_codec_round round = {.travels = travels[r], .window = windows[r]};
        float weights[VECTOR_COORDINATES];
        memcpy(weights, vector_weights, sizeof weights);
        bg_codec_step(&settings, &layout, &round, vector_window_scales, y[r], &none, NULL, NULL, weights);
        cr_assert_arr_eq(weights, wanted[r], sizeof weights);
    }
    bg_layout_finish(&layout);
}

Test(step, size_falls_along_a_cosine_in_mode_median)
{
    struct bg_codec_settings settings = standard_settings(BG_CODEC_MEDIAN);
    settings.server_step = 0.5;
    cr_assert_eq(step_size(&settings, 0, 20), 0.5);
    cr_assert_float_eq(step_size(&settings, 10, 20), 0.25, 1e-15);
    cr_assert_float_eq(step_size(&settings, 5, 20), 0.25 * (1 + sqrt(0.5)), 1e-15);
    cr_assert_float_eq(step_size(&settings, 20, 20), 0, 1e-15);
    cr_assert_float_eq(step_size(&settings, 500, 20), 0, 1e-15);
    cr_assert_eq(step_size(&settings, 7, 0), 0.5);
}

static void expect_adaptive(enum bg_server_optimizer_kind kind, const float *wanted_weights,
                            const float *wanted_squares)
{
    struct bg_layout layout;
    make_layout(&layout, 4, (const uint32_t[]){77, 11, 1, 30});
    float weights[VECTOR_COORDINATES], second[VECTOR_COORDINATES];
    float momentum[VECTOR_COORDINATES] = {0}, squares[VECTOR_COORDINATES] = {0};
    double scales[4];
    memcpy(weights, vector_weights, sizeof weights);
    struct bg_codec_settings settings = standard_settings(BG_CODEC_EF);
    const struct bg_server_optimizer wanted = {
        .kind = kind, .step = 0.125, .beta1 = 0.75, .beta2 = 0.875, .epsilon = 0.03125};
    struct bg_server_optimizer server = bg_codec_optimizer(&settings, &wanted, 3, 10);
    bg_codec_step(&settings, &layout, &everything, vector_scales, vector_y, &server, momentum, squares, weights);
    for (size_t i = 0; i < VECTOR_COORDINATES; i++)
        second[i] = vector_y[VECTOR_COORDINATES - 1 - i];
    for (size_t t = 0; t < 4; t++)
        scales[t] = -0.5 * vector_scales[t];
    bg_codec_step(&settings, &layout, &everything, scales, second, &server, momentum, squares, weights);
    for (size_t i = 0; i < VECTOR_COORDINATES; i++) {
        cr_assert_float_eq(weights[i], wanted_weights[i], 1e-6 * fabs((double)wanted_weights[i]), "coordinate %zu", i);
        cr_assert_float_eq(squares[i], wanted_squares[i], 1e-6 * fabs((double)wanted_squares[i]), "coordinate %zu", i);
    }
    bg_layout_finish(&layout);
}

Test(step, adam_and_yogi_agree_with_numpy)
{
    expect_adaptive(BG_SERVER_ADAM, vector_adam_weights, vector_adam_squares);
    expect_adaptive(BG_SERVER_YOGI, vector_yogi_weights, vector_yogi_squares);
}

/* Two moves of 1 with β1 = 0.5, so that m = 1, then 1.5. */
static void expect_after_two_moves(enum bg_server_optimizer_kind kind, float wanted)
{
    struct bg_layout layout;
    make_layout(&layout, 1, (const uint32_t[]){1});
    struct bg_codec_settings settings = standard_settings(BG_CODEC_DENSE);
    const struct bg_server_optimizer server = {.kind = kind, .step = 0.5, .beta1 = 0.5};
    float weight = 0, m = 0;
    const float y = 1;
    for (int i = 0; i < 2; i++)
        bg_codec_step(&settings, &layout, &everything, NULL, &y, &server, &m, NULL, &weight);
    cr_assert_eq(weight, wanted);
    bg_layout_finish(&layout);
}

Test(step, momentum_keeps_half_of_the_last_move)
{
    expect_after_two_moves(BG_SERVER_MOMENTUM, 0.5F * 1 + 0.5F * 1.5F);
    expect_after_two_moves(BG_SERVER_NESTEROV, 0.5F * 1.5F + 0.5F * 1.75F);
}
