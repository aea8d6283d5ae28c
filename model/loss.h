/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax cross-entropy, in double precision with base/math.h. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* How classes count in a loss: model/class_balance.h makes both arrays. */
struct bg_loss {
    const float *weights; /* (classes) w of an example of the class; NULL: all 1 */
    const float *shifts;  /* (classes) a, added to the logits; NULL: all 0 */
};

/* One example's loss w_label·(log Σ_c exp(z_c + a_c) − z_label − a_label) for logits z (classes), and its derivative by
 * the logits times `scale`. NaN or infinite logits give a NaN or infinite loss. `loss` NULL: all 1 and 0. */
double bg_cross_entropy(const struct bg_loss *loss, const float *logits, size_t classes, uint16_t label, double scale,
                        float *ret_derivative);
