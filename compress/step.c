/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/step.h"

#include "base/math.h"

static const double pi = 0x1.921fb54442d18p+1;

static bool has_server_momentum(const struct bg_codec_settings *settings)
{
    return settings->mode == BG_CODEC_SIGN || settings->mode == BG_CODEC_MEDIAN;
}

double bg_codec_step_size(const struct bg_codec_settings *settings, uint64_t number, uint64_t rounds)
{
    if (!has_server_momentum(settings))
        return 1;
    if (rounds == 0)
        return settings->server_step;
    double done = number < rounds ? (double)number / (double)rounds : 1;
    return settings->server_step * (1 + bg_cos(pi * done)) / 2;
}

void bg_codec_step(const struct bg_codec_settings *settings, const struct bg_layout *layout,
                   const bool *travels, const double *scales, double eta, const float *y, float *momentum,
                   float *weights)
{
    bool with_momentum = has_server_momentum(settings);
    size_t vote = 0;
    for (size_t t = 0; t < layout->tensor_count; t++) {
        const struct bg_tensor *tensor = &layout->tensors[t];
        if (travels && !travels[t])
            continue;
        double step = settings->mode == BG_CODEC_EF ? eta * scales[t] : eta;
        for (size_t i = tensor->offset; i < tensor->offset + tensor->count; i++) {
            float move = y[vote++];
            if (with_momentum) {
                momentum[i] = (float)(settings->server_momentum * (double)momentum[i] + (double)move);
                move = momentum[i];
            }
            weights[i] = (float)((double)weights[i] + step * (double)move);
        }
    }
}
