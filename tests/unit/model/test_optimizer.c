/* SPDX-License-Identifier: Apache-2.0 */
#include "model/optimizer.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void run(const struct bg_optimizer_settings *settings, size_t steps, double rate, const float *gradient,
                size_t count, float *parameters)
{
    struct bg_optimizer optimizer;
    void *workspace = malloc(bg_optimizer_workspace_size(settings, count) + 1);
    bg_optimizer_init(&optimizer, settings, count, workspace);
    for (size_t s = 0; s < steps; s++)
        bg_optimizer_step(&optimizer, rate, gradient, parameters);
    free(workspace);
}

Test(optimizer, sgd_without_momentum_is_one_subtraction)
{
    const struct bg_optimizer_settings settings = {.kind = BG_OPTIMIZER_SGD};
    const float gradient[] = {1, -2, 0.5f};
    float parameters[] = {1, 1, 1};
    cr_expect_eq(bg_optimizer_workspace_size(&settings, 3), 0);
    run(&settings, 2, 0.25, gradient, 3, parameters);
    cr_expect_eq(parameters[0], 0.5f);
    cr_expect_eq(parameters[1], 2.0f);
    cr_expect_eq(parameters[2], 0.75f);
}

Test(optimizer, momentum_adds_up)
{
    const struct bg_optimizer_settings settings = {.kind = BG_OPTIMIZER_SGD, .momentum = 0.5};
    const float gradient[] = {1};
    float parameters[] = {0};
    run(&settings, 3, 1, gradient, 1, parameters);
    cr_expect_eq(parameters[0], -(1 + 1.5f + 1.75f));
}

Test(optimizer, weight_decay_pulls_to_zero)
{
    const float gradient[] = {0};
    float sgd[] = {1}, adamw[] = {1};
    run(&(struct bg_optimizer_settings){.weight_decay = 0.5}, 2, 0.5, gradient, 1, sgd);
    cr_expect_eq(sgd[0], 0.5625f);
    run(&(struct bg_optimizer_settings){
            .kind = BG_OPTIMIZER_ADAMW, .weight_decay = 0.5, .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-8},
        2, 0.5, gradient, 1, adamw);
    cr_expect_eq(adamw[0], 0.5625f);
}

Test(optimizer, first_adamw_step_has_the_size_of_the_rate)
{
    const struct bg_optimizer_settings settings = {
        .kind = BG_OPTIMIZER_ADAMW, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
    const float gradient[] = {1000, -0.001f, 0};
    float parameters[] = {0, 0, 0};
    run(&settings, 1, 0.01, gradient, 3, parameters);
    cr_expect_float_eq(parameters[0], -0.01, 1e-7);
    cr_expect_float_eq(parameters[1], 0.01, 1e-6);
    cr_expect_eq(parameters[2], 0);
}

Test(optimizer, refuses_settings_out_of_range)
{
    const struct bg_optimizer_settings adamw = {
        .kind = BG_OPTIMIZER_ADAMW, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
    struct bg_optimizer_settings bad[8] = {
        {.momentum = 1}, {.momentum = -0.1}, {.momentum = NAN}, {.weight_decay = INFINITY}, adamw, adamw, adamw,
        {.kind = (enum bg_optimizer_kind)7},
    };
    bad[4].beta1 = 1;
    bad[5].beta2 = -1;
    bad[6].epsilon = 0;
    cr_expect_eq(bg_optimizer_check(&adamw, NULL), BG_OK);
    cr_expect_eq(bg_optimizer_check(&(struct bg_optimizer_settings){.momentum = 0.9}, NULL), BG_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct bg_error error = {0};
        cr_expect_eq(bg_optimizer_check(&bad[i], &error), BG_INVALID, "case %zu", i);
        cr_expect(error.text[0] != '\0');
    }
}

Test(optimizer, norm_sums_every_coordinate)
{
    float gradient[21] = {0};
    for (size_t count = 0; count <= 21; count++) {
        double sum = 0;
        for (size_t i = 0; i < count; i++) {
            gradient[i] = (float)i - 7;
            sum += (double)gradient[i] * gradient[i];
        }
        cr_expect_eq(bg_gradient_norm(gradient, count), sqrt(sum), "count %zu", count);
    }
    const float huge[] = {3e38f, 4e0f};
    cr_expect_float_eq(bg_gradient_norm(huge, 2), 3e38, 1e32);
}

Test(optimizer, clips_only_what_is_longer)
{
    float gradient[] = {3, 4};
    cr_expect_eq(bg_gradient_clip(gradient, 2, 5), 5);
    cr_expect_eq(gradient[0], 3);
    cr_expect_eq(bg_gradient_clip(gradient, 2, 1), 5);
    cr_expect_float_eq(gradient[0], 0.6, 1e-7);
    cr_expect_float_eq(gradient[1], 0.8, 1e-7);
}
