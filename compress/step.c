/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/step.h"

#include "base/math.h"

static const double pi = 0x1.921fb54442d18p+1;

struct bg_server_optimizer bg_codec_optimizer(const struct bg_codec_settings *settings,
                                              const struct bg_server_optimizer *wanted, uint64_t number,
                                              uint64_t rounds)
{
    if (settings->mode == BG_CODEC_EF || settings->mode == BG_CODEC_DENSE)
        return *wanted;
    struct bg_server_optimizer own = {
        .kind = BG_SERVER_MOMENTUM, .step = settings->server_step, .beta1 = settings->server_momentum};
    if (rounds)
        own.step *= (1 + bg_cos(number < rounds ? pi * ((double)number / (double)rounds) : pi)) / 2;
    return own;
}

static float *at(float *array, size_t i)
{
    return array ? array + i : NULL;
}

void bg_codec_step(const struct bg_codec_settings *settings, const struct bg_layout *layout,
                   const struct bg_codec_round *round, const double *scales, const float *y,
                   const struct bg_server_optimizer *optimizer, float *m, float *v, float *weights)
{
    size_t vote = 0;
    for (size_t t = 0; t < layout->tensor_count; t++) {
        const struct bg_tensor *tensor = &layout->tensors[t];
        if (round->travels && !round->travels[t])
            continue;
        double scale = settings->mode == BG_CODEC_EF ? scales[t] : 1;
        for (size_t i = tensor->offset; i < tensor->offset + tensor->count; i++) {
            if (!bg_window_has(&round->window, i))
                continue;
            double d = scale * (double)y[vote++];
            double move = bg_server_optimizer_move(optimizer, d, at(m, i), at(v, i));
            weights[i] = (float)((double)weights[i] + move);
        }
    }
}
