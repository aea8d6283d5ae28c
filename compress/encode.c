/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/codec.h"

#include "base/math.h"
#include "compress/median.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool travels(const struct bg_codec_round *round, size_t tensor)
{
    return !round->travels || round->travels[tensor];
}

size_t bg_codec_votes(const struct bg_layout *layout, const struct bg_codec_round *round)
{
    size_t votes = 0;
    for (size_t t = 0; t < layout->tensor_count && !round->scales_only; t++)
        if (travels(round, t))
            votes += bg_window_count(&round->window, &layout->tensors[t]);
    return votes;
}

enum bg_status bg_codec_update_init(struct bg_codec_update *update, const struct bg_layout *layout)
{
    *update = (struct bg_codec_update){0};
    enum bg_status status = bg_sign_bits_init(&update->bits, layout->coordinates);
    update->sums = calloc(layout->coordinates ? layout->coordinates : 1, sizeof *update->sums);
    update->scale_fields =
        calloc(layout->tensor_count ? layout->tensor_count : 1, sizeof *update->scale_fields);
    update->centre_fields =
        calloc(layout->tensor_count ? layout->tensor_count : 1, sizeof *update->centre_fields);
    if (!status && (!update->sums || !update->scale_fields || !update->centre_fields))
        status = BG_NO_MEMORY;
    if (status)
        bg_codec_update_finish(update);
    return status;
}

void bg_codec_update_finish(struct bg_codec_update *update)
{
    bg_sign_bits_finish(&update->bits);
    free(update->sums);
    free(update->scale_fields);
    free(update->centre_fields);
    *update = (struct bg_codec_update){0};
}

static enum bg_status check_finite(const struct bg_layout *layout, const float *delta, const float *residual,
                                   struct bg_error *error)
{
    for (size_t t = 0; t < layout->tensor_count; t++) {
        const struct bg_tensor *tensor = &layout->tensors[t];
        for (size_t i = tensor->offset; i < tensor->offset + tensor->count; i++) {
            if (!isfinite(residual ? delta[i] + residual[i] : delta[i]))
                return bg_fail(
                    error, BG_NOT_FINITE,
                    "tensor \"%s\": coordinate %zu of the update is NaN or infinite; training diverged: "
                    "lower the learning rate or clip the gradient",
                    tensor->name, i - tensor->offset);
        }
    }
    return BG_OK;
}

/* Over the coordinates that are voted on. */
static double own_scale(const struct bg_codec_settings *settings, const struct bg_window *window,
                        const struct bg_tensor *tensor, const float *delta, const float *sums)
{
    bool from_delta = settings->scale_basis == BG_SCALE_FROM_DELTA;
    double total = 0;
    size_t count = 0;
    for (size_t i = tensor->offset; i < tensor->offset + tensor->count; i++) {
        if (!bg_window_has(window, i))
            continue;
        total += from_delta ? fabs((double)delta[i]) : (double)sums[i] * (double)sums[i];
        count++;
    }
    assert(count > 0);
    double mean = total / (double)count;
    return from_delta ? 2 * mean / bg_window_share(window) : sqrt(mean);
}

static double clamp(double value, double least, double most)
{
    return value < least ? least : value > most ? most : value;
}

/* The values of the tensor that are voted on, one after the other; returns how many. */
static size_t gather(const struct bg_window *window, const struct bg_tensor *tensor, const float *sums,
                     float *ret_values)
{
    size_t count = 0;
    for (size_t i = tensor->offset; i < tensor->offset + tensor->count; i++)
        if (bg_window_has(window, i))
            ret_values[count++] = sums[i];
    return count;
}

/* An own scale of 0 has logarithm −∞, which clamps like any small one. */
static uint16_t scale_field(bool scales_only, double own, double previous)
{
    if (scales_only)
        return (uint16_t)floor(clamp(512 * (bg_log2(own) + 64), 0, BG_SCALE_FIELD_ABSOLUTE) + 0.5);
    return (uint16_t)(floor(64 * clamp(bg_log2(own / previous), -1, 1) + 0.5) + 64);
}

static uint16_t centre_field(const struct bg_window *window, const struct bg_tensor *tensor, const float *sums,
                             double scale, float *workspace)
{
    double median = bg_median(workspace, gather(window, tensor, sums, workspace));
    return (uint16_t)(floor(64 * clamp(median / scale, -1, 1) + 0.5) + 64);
}

static void fill_fields(const struct bg_codec_settings *settings, const struct bg_layout *layout,
                        const struct bg_codec_round *round, const struct bg_codec_input *input,
                        struct bg_codec_update *update)
{
    memset(update->scale_fields, 0, layout->tensor_count * sizeof *update->scale_fields);
    memset(update->centre_fields, 0, layout->tensor_count * sizeof *update->centre_fields);
    if (settings->mode != BG_CODEC_EF)
        return;
    for (size_t t = 0; t < layout->tensor_count; t++) {
        if (!travels(round, t))
            continue;
        const struct bg_tensor *tensor = &layout->tensors[t];
        double previous = round->scales_only ? 1 : round->scales[t];
        double own = own_scale(settings, &round->window, tensor, input->delta, update->sums);
        update->scale_fields[t] = scale_field(round->scales_only, own, previous);
        if (settings->centre == BG_CENTRE_MEDIAN && !round->scales_only)
            update->centre_fields[t] =
                centre_field(&round->window, tensor, update->sums, previous, input->workspace);
    }
}

struct vote_writer {
    struct bg_sign_bits *bits;
    size_t next;
};

static void vote_with_ties(struct vote_writer *writer, const struct bg_window *window,
                           const struct bg_tensor *tensor, const float *sums, float centre,
                           const struct bg_tie_bits *ties)
{
    size_t end = tensor->offset + tensor->count, zeros = tensor->offset;
    while (zeros < end && sums[zeros] == 0)
        zeros++;
    bool all_zero = zeros == end;
    uint64_t word = 0;
    size_t word_index = SIZE_MAX;
    for (size_t i = tensor->offset; i < end; i++) {
        if (!bg_window_has(window, i))
            continue;
        size_t vote = writer->next++;
        bool up = sums[i] > centre;
        if (all_zero || sums[i] == centre) {
            if (word_index != vote / 64) {
                word_index = vote / 64;
                word = ties->word(ties->context, word_index);
            }
            up = word >> (vote % 64) & 1;
        }
        bg_sign_bit_set(writer->bits, vote, up);
    }
}

static void vote_at_least(struct vote_writer *writer, const float *sums, size_t count, double threshold)
{
    for (size_t i = 0; i < count; i++)
        bg_sign_bit_set(writer->bits, writer->next++, (double)sums[i] >= threshold);
}

static double median_of_votes(const struct bg_layout *layout, const struct bg_codec_round *round,
                              const float *sums, float *workspace)
{
    size_t filled = 0;
    for (size_t t = 0; t < layout->tensor_count; t++) {
        const struct bg_tensor *tensor = &layout->tensors[t];
        if (!travels(round, t))
            continue;
        memcpy(workspace + filled, sums + tensor->offset, tensor->count * sizeof *sums);
        filled += tensor->count;
    }
    return filled ? bg_median(workspace, filled) : 0;
}

static void fill_bits(const struct bg_codec_settings *settings, const struct bg_layout *layout,
                      const struct bg_codec_round *round, const struct bg_codec_input *input,
                      struct bg_codec_update *update)
{
    bool votes = settings->mode != BG_CODEC_DENSE && !round->scales_only;
    update->bits.count = votes ? bg_codec_votes(layout, round) : 0;
    memset(update->bits.words, 0, bg_sign_words(layout->coordinates) * sizeof *update->bits.words);
    if (!votes)
        return;
    double threshold = settings->mode == BG_CODEC_MEDIAN
                           ? median_of_votes(layout, round, update->sums, input->workspace)
                           : 0;
    struct vote_writer writer = {&update->bits, 0};
    for (size_t t = 0; t < layout->tensor_count; t++) {
        const struct bg_tensor *tensor = &layout->tensors[t];
        if (!travels(round, t))
            continue;
        if (settings->mode == BG_CODEC_EF)
            vote_with_ties(&writer, &round->window, tensor, update->sums,
                           round->centres ? (float)round->centres[t] : 0, &input->ties);
        else
            vote_at_least(&writer, update->sums + tensor->offset, tensor->count, threshold);
    }
}

enum bg_status bg_codec_encode(const struct bg_codec_settings *settings, const struct bg_layout *layout,
                               const struct bg_codec_round *round, const struct bg_codec_input *input,
                               struct bg_error *error, struct bg_codec_update *update)
{
    const float *residual = settings->mode == BG_CODEC_EF ? input->residual : NULL;
    enum bg_status status = check_finite(layout, input->delta, residual, error);
    if (status)
        return status;
    for (size_t i = 0; i < layout->coordinates; i++)
        update->sums[i] = residual ? input->delta[i] + residual[i] : input->delta[i];
    fill_fields(settings, layout, round, input, update);
    fill_bits(settings, layout, round, input, update);
    return BG_OK;
}

enum bg_status bg_codec_client_momentum(const struct bg_codec_settings *settings,
                                        const struct bg_layout *layout, float *momentum, float *delta,
                                        struct bg_error *error)
{
    enum bg_status status = check_finite(layout, delta, NULL, error);
    if (status)
        return status;
    double kept = settings->client_momentum;
    for (size_t i = 0; i < layout->coordinates; i++) {
        momentum[i] = (float)(kept * (double)momentum[i] + (1 - kept) * (double)delta[i]);
        delta[i] = momentum[i];
    }
    return BG_OK;
}
