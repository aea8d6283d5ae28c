/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fully connected layers with ReLU between them, softmax cross-entropy on top; with no hidden layer, softmax
 * regression. Tensors: layers.L.weight (out, in) and layers.L.bias (out), L from 0, as PyTorch has them.
 *
 *   z_0 = x;  z_(l+1) = W_l a_l + b_l;  a_l = max(z_l, 0) for hidden layers, a_0 = x
 *
 * Every sum runs in ascending order of its index, in float without contraction, one accumulator per result.
 */
#pragma once

#include "model/model.h"

#define BG_MLP_MAX_HIDDEN 8
#define BG_MLP_MAX_WIDTH 16384

/* hidden: (hidden_count) widths. Initial weights are uniform in ±sqrt(6/in) before a ReLU (He et al. 2015, fan-in),
 * ±sqrt(3/in) in the last layer; biases 0. bg_model_create has checked the arguments. */
BG_MUST_CHECK enum bg_status bg_mlp_create(uint32_t columns, const uint32_t *hidden, size_t hidden_count,
                                           uint32_t classes, struct bg_error *error, struct bg_model **ret_model);
