/* SPDX-License-Identifier: Apache-2.0 */
#include "model/optimizer.h"

#include "model/workspace.h"

#include <math.h>
#include <string.h>

enum bg_status bg_optimizer_check(const struct bg_optimizer_settings *settings, struct bg_error *error)
{
    if (!(settings->weight_decay >= 0 && isfinite(settings->weight_decay)))
        return bg_fail(error, BG_INVALID, "weight decay %g: give 0 or more", settings->weight_decay);
    switch (settings->kind) {
    case BG_OPTIMIZER_SGD:
        if (!(settings->momentum >= 0 && settings->momentum < 1))
            return bg_fail(error, BG_INVALID, "momentum %g: give 0 or more and less than 1", settings->momentum);
        return BG_OK;
    case BG_OPTIMIZER_ADAMW:
        if (!(settings->beta1 >= 0 && settings->beta1 < 1 && settings->beta2 >= 0 && settings->beta2 < 1))
            return bg_fail(error, BG_INVALID, "adamw betas %g and %g: give 0 or more and less than 1",
                           settings->beta1, settings->beta2);
        if (!(settings->epsilon > 0 && isfinite(settings->epsilon)))
            return bg_fail(error, BG_INVALID, "adamw epsilon %g: give more than 0", settings->epsilon);
        return BG_OK;
    }
    return bg_fail(error, BG_INVALID, "optimizer %d is not known: give sgd or adamw", (int)settings->kind);
}

static void carve(struct bg_optimizer *optimizer, struct bg_carver *carver)
{
    bool adamw = optimizer->settings.kind == BG_OPTIMIZER_ADAMW;
    if (adamw || optimizer->settings.momentum > 0)
        optimizer->first = BG_CARVE_ARRAY(carver, float, optimizer->count);
    if (adamw)
        optimizer->second = BG_CARVE_ARRAY(carver, float, optimizer->count);
}

size_t bg_optimizer_workspace_size(const struct bg_optimizer_settings *settings, size_t count)
{
    struct bg_optimizer optimizer = {.settings = *settings, .count = count};
    struct bg_carver carver = {0};
    carve(&optimizer, &carver);
    return carver.used;
}

void bg_optimizer_init(struct bg_optimizer *optimizer, const struct bg_optimizer_settings *settings, size_t count,
                       void *workspace)
{
    *optimizer = (struct bg_optimizer){.settings = *settings, .count = count, .power1 = 1, .power2 = 1};
    carve(optimizer, &(struct bg_carver){.base = workspace});
    if (optimizer->first)
        memset(optimizer->first, 0, count * sizeof(float));
    if (optimizer->second)
        memset(optimizer->second, 0, count * sizeof(float));
}

static void sgd_step(struct bg_optimizer *optimizer, float rate, const float *restrict gradient,
                     float *restrict parameters)
{
    float decay = (float)optimizer->settings.weight_decay;
    float momentum = (float)optimizer->settings.momentum;
    float *restrict velocity = optimizer->first;
    size_t count = optimizer->count;
    if (!velocity) {
        for (size_t i = 0; i < count; i++)
            parameters[i] -= rate * (gradient[i] + decay * parameters[i]);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        velocity[i] = momentum * velocity[i] + (gradient[i] + decay * parameters[i]);
        parameters[i] -= rate * velocity[i];
    }
}

static void adamw_step(struct bg_optimizer *optimizer, double rate, const float *restrict gradient,
                       float *restrict parameters)
{
    const struct bg_optimizer_settings *settings = &optimizer->settings;
    optimizer->power1 *= settings->beta1;
    optimizer->power2 *= settings->beta2;
    float keep = (float)(1 - rate * settings->weight_decay);
    float keep1 = (float)settings->beta1;
    float take1 = (float)(1 - settings->beta1);
    float keep2 = (float)settings->beta2;
    float take2 = (float)(1 - settings->beta2);
    float step = (float)(rate / (1 - optimizer->power1));
    float correction = (float)(1 / sqrt(1 - optimizer->power2));
    float epsilon = (float)settings->epsilon;
    float *restrict m = optimizer->first;
    float *restrict v = optimizer->second;
    size_t count = optimizer->count;
    for (size_t i = 0; i < count; i++) {
        float g = gradient[i];
        m[i] = keep1 * m[i] + take1 * g;
        v[i] = keep2 * v[i] + take2 * (g * g);
        parameters[i] = keep * parameters[i] - step * m[i] / (sqrtf(v[i]) * correction + epsilon);
    }
}

void bg_optimizer_step(struct bg_optimizer *optimizer, double rate, const float *gradient, float *parameters)
{
    if (optimizer->settings.kind == BG_OPTIMIZER_ADAMW)
        adamw_step(optimizer, rate, gradient, parameters);
    else
        sgd_step(optimizer, (float)rate, gradient, parameters);
}

double bg_gradient_norm(const float *gradient, size_t count)
{
    double partial[8] = {0};
    double sum = 0;
    size_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (size_t j = 0; j < 8; j++)
            partial[j] += (double)gradient[i + j] * gradient[i + j];
    for (size_t j = 0; i + j < count; j++)
        partial[j] += (double)gradient[i + j] * gradient[i + j];
    for (size_t j = 0; j < 8; j++)
        sum += partial[j];
    return sqrt(sum);
}

double bg_gradient_clip(float *gradient, size_t count, double limit)
{
    double norm = bg_gradient_norm(gradient, count);
    if (norm > limit) {
        float scale = (float)(limit / norm);
        for (size_t i = 0; i < count; i++)
            gradient[i] *= scale;
    }
    return norm;
}
