/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/codec.h"

#include "base/math.h"

static float clip(float value, float limit)
{
    return value < -limit ? -limit : value > limit ? limit : value;
}

static float clip_limit(const struct bg_codec_settings *settings, double scale)
{
    return (float)(settings->clip * scale);
}

static void fold_tensor(const struct bg_tensor *tensor, float limit, const float *sums, float *residual)
{
    for (size_t i = tensor->offset; i < tensor->offset + tensor->count; i++)
        residual[i] = clip(sums[i], limit);
}

void bg_codec_commit(const struct bg_codec_settings *settings, const struct bg_layout *layout,
                     const struct bg_codec_round *round, const double *scales,
                     const struct bg_codec_update *update, float *residual)
{
    size_t vote = 0;
    for (size_t t = 0; t < layout->tensor_count; t++) {
        const struct bg_tensor *tensor = &layout->tensors[t];
        float limit = clip_limit(settings, scales[t]);
        if (round->scales_only || (round->travels && !round->travels[t])) {
            fold_tensor(tensor, limit, update->sums, residual);
            continue;
        }
        float centre = round->centres ? (float)round->centres[t] : 0;
        float scale = (float)scales[t];
        for (size_t i = tensor->offset; i < tensor->offset + tensor->count; i++) {
            float left = update->sums[i];
            if (bg_window_has(&round->window, i))
                left = (left - centre) - (bg_sign_bit(&update->bits, vote++) ? scale : -scale);
            residual[i] = clip(left, limit);
        }
    }
}

void bg_codec_fold_back(const struct bg_codec_settings *settings, const struct bg_layout *layout,
                        const double *scales, const struct bg_codec_update *update, float *residual)
{
    for (size_t t = 0; t < layout->tensor_count; t++)
        fold_tensor(&layout->tensors[t], clip_limit(settings, scales[t]), update->sums, residual);
}

void bg_codec_decay(const struct bg_codec_settings *settings, size_t coordinates, uint64_t missed,
                    float *residual)
{
    double factor = missed == 0 ? 1 : settings->decay > 0 ? bg_pow(settings->decay, (double)missed) : 0;
    for (size_t i = 0; i < coordinates; i++)
        residual[i] = (float)((double)residual[i] * factor);
}
