/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax cross-entropy, in double precision with base/math.h. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* One example's loss w·(log Σ exp z − z_label) for logits z (classes), and its derivative by the logits times
 * `scale`. NaN or infinite logits give a NaN or infinite loss. */
double bg_cross_entropy(const float *logits, size_t classes, uint16_t label, double weight, double scale,
                        float *ret_derivative);
