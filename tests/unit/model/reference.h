/* SPDX-License-Identifier: Apache-2.0 */
/* The loss of model/ids/mlp.h again, in double precision and in the order of the formulas. */
#pragma once

#include "model/model.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define REFERENCE_MAX_WIDTH 64

/* Logits of one example. */
static inline void reference_forward(const struct bg_model *model, const double *parameters, const float *x,
                                     double ret_logits[static REFERENCE_MAX_WIDTH])
{
    const struct bg_layout *layout = &model->layout;
    double values[REFERENCE_MAX_WIDTH];
    for (size_t k = 0; k < model->columns; k++)
        values[k] = x[k];
    for (size_t t = 0; t < layout->tensor_count; t += 2) {
        size_t out = layout->tensors[t].shape[0], in = layout->tensors[t].shape[1];
        assert(in <= REFERENCE_MAX_WIDTH && out <= REFERENCE_MAX_WIDTH);
        for (size_t j = 0; j < out; j++) {
            double z = parameters[layout->tensors[t + 1].offset + j];
            for (size_t k = 0; k < in; k++)
                z += parameters[layout->tensors[t].offset + j * in + k] * values[k];
            ret_logits[j] = t + 2 < layout->tensor_count ? fmax(z, 0) : z;
        }
        memcpy(values, ret_logits, out * sizeof *values);
    }
}

static inline double reference_loss(const struct bg_model *model, const double *parameters,
                                    const struct bg_examples *examples, const struct bg_loss *balance)
{
    double loss = 0;
    for (size_t i = 0; i < examples->count; i++) {
        double z[REFERENCE_MAX_WIDTH];
        double sum = 0;
        uint16_t label = bg_example_label(examples, i);
        reference_forward(model, parameters, bg_example_features(examples, i), z);
        for (uint32_t c = 0; c < model->classes; c++)
            z[c] += balance && balance->shifts ? (double)balance->shifts[c] : 0;
        for (uint32_t c = 0; c < model->classes; c++)
            sum += exp(z[c] - z[label]);
        loss += (balance && balance->weights ? (double)balance->weights[label] : 1) * log(sum);
    }
    return loss / (double)examples->count;
}

/* Derivative by coordinate i, by central differences. */
static inline double reference_derivative(const struct bg_model *model, double *parameters, size_t i,
                                          const struct bg_examples *examples, const struct bg_loss *balance)
{
    const double step = 1e-6;
    double at = parameters[i];
    parameters[i] = at + step;
    double above = reference_loss(model, parameters, examples, balance);
    parameters[i] = at - step;
    double below = reference_loss(model, parameters, examples, balance);
    parameters[i] = at;
    return (above - below) / (2 * step);
}
