/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps from a gradient, in float, coordinate by coordinate; the caller gives each step its learning rate η.
 *
 *   sgd    g' = g + λ w;  v = μ v + g';  w = w − η v
 *   adamw  w = w − η λ w;  m = β1 m + (1−β1) g;  v = β2 v + (1−β2) g²;
 *          w = w − η (m / (1−β1^t)) / (sqrt(v / (1−β2^t)) + ε)                    (Loshchilov and Hutter 2019)
 */
#pragma once

#include "base/error.h"

#include <stddef.h>

enum bg_optimizer_kind {
    BG_OPTIMIZER_SGD = 0,
    BG_OPTIMIZER_ADAMW,
};

/* The usual ones of adamw (Kingma and Ba 2015); no plan changes them. */
#define BG_ADAMW_BETA1 0.9
#define BG_ADAMW_BETA2 0.999
#define BG_ADAMW_EPSILON 1e-8

struct bg_optimizer_settings {
    enum bg_optimizer_kind kind;
    double momentum;     /* sgd: μ in [0, 1) */
    double weight_decay; /* λ ≥ 0 */
    double beta1, beta2; /* adamw: in [0, 1) */
    double epsilon;      /* adamw: > 0 */
};

struct bg_optimizer {
    struct bg_optimizer_settings settings;
    size_t count;
    float *first;  /* (count): velocity or m; NULL for sgd without momentum */
    float *second; /* (count): v of adamw, else NULL */
    double power1, power2; /* β1^t, β2^t */
};

/* BG_INVALID names the setting that is out of its range. */
BG_MUST_CHECK enum bg_status bg_optimizer_check(const struct bg_optimizer_settings *settings, struct bg_error *error);
/* Bytes of state for `count` coordinates; SIZE_MAX if no block can be that large. */
size_t bg_optimizer_workspace_size(const struct bg_optimizer_settings *settings, size_t count);
/* State all zero. Copies checked settings, keeps the workspace. */
void bg_optimizer_init(struct bg_optimizer *optimizer, const struct bg_optimizer_settings *settings, size_t count,
                       void *workspace);
void bg_optimizer_step(struct bg_optimizer *optimizer, double rate, const float *gradient, float *parameters);

/* Euclidean norm: squares summed in double in eight interleaved partial sums, then those in order. */
double bg_gradient_norm(const float *gradient, size_t count);
/* Scales the gradient down to `limit` where its norm is larger. Gives the norm it had. */
double bg_gradient_clip(float *gradient, size_t count, double limit);
