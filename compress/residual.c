/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/codec.h"

#include "base/math.h"
#include "compress/kernel.h"

/* Two steps: compilers make two instructions of them, and branches of one expression. */
static float clip(float value, float limit)
{
    float risen = value < -limit ? -limit : value;
    return risen > limit ? limit : risen;
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

/* Takes the tensor's votes from `vote` on; returns the vote that comes after them. */
static size_t settle_tensor(const struct bg_window *window, const struct bg_tensor *tensor, float centre, float scale,
                            float limit, const struct bg_codec_update *update, size_t vote, float *residual)
{
    const struct bg_codec_kernel *kernel = bg_codec_kernel();
    uint64_t voted[BG_CODEC_RUN / 64], up[BG_CODEC_RUN / 64];
    for (size_t begin = 0; begin < tensor->count; begin += BG_CODEC_RUN) {
        size_t first = tensor->offset + begin;
        size_t count = bg_codec_run(tensor->count, begin);
        bg_window_words(window, first, count, voted);
        for (size_t w = 0; w * 64 < count; w++) {
            size_t votes = (size_t)__builtin_popcountll(voted[w]);
            up[w] = kernel->spread(bg_sign_bits_word(&update->bits, vote, votes), voted[w]);
            vote += votes;
        }
        kernel->settle(update->sums + first, count, voted, up, centre, scale, limit, residual + first);
    }
    return vote;
}

void bg_codec_commit(const struct bg_codec_settings *settings, const struct bg_layout *layout,
                     const struct bg_codec_round *round, const double *scales,
                     const struct bg_codec_update *update, float *residual)
{
    size_t vote = 0;
    for (size_t t = 0; t < layout->tensor_count; t++) {
        const struct bg_tensor *tensor = &layout->tensors[t];
        float limit = clip_limit(settings, scales[t]), centre = round->centres ? (float)round->centres[t] : 0;
        if (round->scales_only || (round->travels && !round->travels[t]))
            fold_tensor(tensor, limit, update->sums, residual);
        else
            vote = settle_tensor(&round->window, tensor, centre, (float)scales[t], limit, update, vote, residual);
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
