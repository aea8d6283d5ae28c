/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the server makes of a combined update before it moves the weights, coordinate by coordinate: d is the move that
 * the clients agreed on, η the step, m and v are kept between rounds and 0 at first (Reddi et al., Adaptive Federated
 * Optimization, 2021):
 *
 *   none      w ← w + d
 *   momentum  m ← β1·m + d                                        w ← w + η·m
 *   nesterov  m ← β1·m + d                                        w ← w + η·(d + β1·m)
 *   adam      m ← β1·m + (1−β1)·d,  v ← β2·v + (1−β2)·d²          w ← w + η·m/(sqrt(v) + ε)
 *   yogi      m as adam,  v ← v − (1−β2)·d²·sign(v − d²)          w ← w + η·m/(sqrt(v) + ε)
 *
 * With η = β1 = 1 nesterov is the server's half of FedDyn (client/jobs.h has the clients').
 *
 * Clients know nothing of it: their residuals are what the votes left, not what the server made of them.
 */
#pragma once

#include <stdbool.h>

enum bg_server_optimizer_kind {
    BG_SERVER_NONE = 0,
    BG_SERVER_MOMENTUM,
    BG_SERVER_NESTEROV,
    BG_SERVER_ADAM,
    BG_SERVER_YOGI,
};

struct bg_server_optimizer {
    enum bg_server_optimizer_kind kind;
    double step;         /* η > 0 */
    double beta1, beta2; /* in [0, 1] */
    double epsilon;      /* > 0 */
};

/* Whether its moves are of the size of its step, and not of the clients' moves, which get shorter by themselves. */
static inline bool bg_server_optimizer_adaptive(enum bg_server_optimizer_kind kind)
{
    return kind == BG_SERVER_ADAM || kind == BG_SERVER_YOGI;
}

/* What is added to the weight. *m and *v, in float between rounds, are touched only where the kind has them. */
double bg_server_optimizer_move(const struct bg_server_optimizer *optimizer, double d, float *m, float *v);
