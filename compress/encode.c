/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/codec.h"

#include "base/math.h"
#include "compress/kernel.h"
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

/* Of a + b, or of a without b. Where all bits of the exponent are set, as in infinity and NaN, one more carries into
 * the bit of the sign. */
static bool all_finite(const float *a, const float *b, size_t count)
{
    uint32_t carries = 0;
    for (size_t i = 0; i < count; i++) {
        float sum = b ? a[i] + b[i] : a[i];
        uint32_t bits;
        memcpy(&bits, &sum, sizeof bits);
        carries |= (bits & 0x7fffffff) + 0x00800000;
    }
    return carries >> 31 == 0;
}

static enum bg_status check_finite(const struct bg_layout *layout, const float *delta, const float *residual,
                                   struct bg_error *error)
{
    for (size_t t = 0; t < layout->tensor_count; t++) {
        const struct bg_tensor *tensor = &layout->tensors[t];
        if (all_finite(delta + tensor->offset, residual ? residual + tensor->offset : NULL, tensor->count))
            continue;
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

/* The values of the tensor that are voted on, one after the other: where they are, or gathered in the workspace. */
static const float *voted_values(const struct bg_window *window, const struct bg_tensor *tensor, const float *values,
                                 float *workspace, size_t *ret_count)
{
    uint64_t has[BG_CODEC_RUN / 64];
    size_t votes = 0;
    if (window->rest == 0) {
        *ret_count = tensor->count;
        return values + tensor->offset;
    }
    for (size_t begin = 0; begin < tensor->count; begin += BG_CODEC_RUN) {
        size_t first = tensor->offset + begin, count = bg_codec_run(tensor->count, begin);
        bg_window_words(window, first, count, has);
        for (size_t i = 0; i < count; i += 64)
            for (uint64_t left = has[i / 64]; left; left &= left - 1)
                workspace[votes++] = values[first + i + (size_t)__builtin_ctzll(left)];
    }
    *ret_count = votes;
    return workspace;
}

static double own_scale(const struct bg_codec_settings *settings, const struct bg_window *window,
                        const struct bg_tensor *tensor, const float *delta, const float *sums, float *workspace)
{
    const struct bg_codec_kernel *kernel = bg_codec_kernel();
    bool from_delta = settings->scale_basis == BG_SCALE_FROM_DELTA;
    size_t count;
    const float *values = voted_values(window, tensor, from_delta ? delta : sums, workspace, &count);
    assert(count > 0);
    double totals[BG_CODEC_TOTALS] = {0}, total = 0;
    (from_delta ? kernel->magnitudes : kernel->squares)(values, count, totals);
    for (size_t i = 0; i < BG_CODEC_TOTALS; i++)
        total += totals[i];
    double mean = total / (double)count;
    return from_delta ? 2 * mean / bg_window_share(window) : sqrt(mean);
}

static double clamp(double value, double least, double most)
{
    return value < least ? least : value > most ? most : value;
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
    size_t count;
    const float *values = voted_values(window, tensor, sums, workspace, &count);
    double median = bg_median(values, count, workspace);
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
        double own =
            own_scale(settings, &round->window, tensor, input->delta, update->sums, input->workspace);
        update->scale_fields[t] = scale_field(round->scales_only, own, previous);
        if (settings->centre == BG_CENTRE_MEDIAN && !round->scales_only)
            update->centre_fields[t] =
                centre_field(&round->window, tensor, update->sums, previous, input->workspace);
    }
}

/* Appends votes to words of 64; asks for the bits that break ties once per word that has one. */
struct vote_writer {
    struct bg_sign_bits *bits;
    const struct bg_tie_bits *ties;
    uint64_t up, tied; /* of the word that is being filled */
    size_t next;
};

static void end_word(struct vote_writer *writer, size_t word)
{
    if (writer->tied)
        writer->up |= writer->tied & writer->ties->word(writer->ties->context, word);
    writer->bits->words[word] = writer->up;
}

/* The `count` ≤ 64 lowest bits; those above are 0. */
static void append_votes(struct vote_writer *writer, uint64_t up, uint64_t tied, size_t count)
{
    size_t shift = writer->next % 64, word = writer->next / 64;
    writer->up |= up << shift;
    writer->tied |= tied << shift;
    writer->next += count;
    if (shift + count < 64)
        return;
    end_word(writer, word);
    writer->up = shift ? up >> (64 - shift) : 0;
    writer->tied = shift ? tied >> (64 - shift) : 0;
}

static void end_votes(struct vote_writer *writer)
{
    if (writer->next % 64)
        end_word(writer, writer->next / 64);
}

/* Up where values are above the threshold; where they equal it, up too in modes without secret ties. */
static void vote(struct vote_writer *writer, const struct bg_window *window, const struct bg_tensor *tensor,
                 const float *sums, float threshold)
{
    const struct bg_codec_kernel *kernel = bg_codec_kernel();
    uint64_t has[BG_CODEC_RUN / 64], above[BG_CODEC_RUN / 64], equal[BG_CODEC_RUN / 64];
    for (size_t begin = 0; begin < tensor->count; begin += BG_CODEC_RUN) {
        size_t first = tensor->offset + begin;
        size_t count = bg_codec_run(tensor->count, begin);
        bg_window_words(window, first, count, has);
        kernel->compare(sums + first, count, threshold, above, equal);
        for (size_t w = 0; w * 64 < count; w++) {
            uint64_t up = kernel->gather(above[w], has[w]), tied = kernel->gather(equal[w], has[w]);
            append_votes(writer, writer->ties ? up : up | tied, writer->ties ? tied : 0,
                         (size_t)__builtin_popcountll(has[w]));
        }
    }
}

/* A tensor whose p is all zero is compared with 0: every one of its votes is a tie. */
static float tie_value(const struct bg_tensor *tensor, const float *sums, float centre)
{
    for (size_t i = tensor->offset; i < tensor->offset + tensor->count; i++)
        if (sums[i] != 0)
            return centre;
    return 0;
}

/* The least float that is not below a number between two floats. */
static float float_from(double value)
{
    float nearest = (float)value;
    return (double)nearest < value ? nextafterf(nearest, INFINITY) : nearest;
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
    return filled ? bg_median(workspace, filled, workspace) : 0;
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
    bool ef = settings->mode == BG_CODEC_EF;
    struct vote_writer writer = {.bits = &update->bits, .ties = ef ? &input->ties : NULL};
    float threshold = settings->mode == BG_CODEC_MEDIAN
                          ? float_from(median_of_votes(layout, round, update->sums, input->workspace))
                          : 0;
    for (size_t t = 0; t < layout->tensor_count; t++) {
        const struct bg_tensor *tensor = &layout->tensors[t];
        if (!travels(round, t))
            continue;
        if (ef)
            threshold = tie_value(tensor, update->sums, round->centres ? (float)round->centres[t] : 0);
        vote(&writer, &round->window, tensor, update->sums, threshold);
    }
    end_votes(&writer);
}

/* The sums usually are the residual; a loop over two arrays is one that compilers make fast. */
static void add_up(const float *delta, const float *residual, size_t count, float *sums)
{
    if (sums != residual)
        memcpy(sums, residual, count * sizeof *sums);
    for (size_t i = 0; i < count; i++)
        sums[i] += delta[i];
}

enum bg_status bg_codec_encode(const struct bg_codec_settings *settings, const struct bg_layout *layout,
                               const struct bg_codec_round *round, const struct bg_codec_input *input,
                               struct bg_error *error, struct bg_codec_update *update)
{
    const float *residual = settings->mode == BG_CODEC_EF ? input->residual : NULL;
    enum bg_status status = check_finite(layout, input->delta, residual, error);
    if (status)
        return status;
    if (residual)
        add_up(input->delta, residual, layout->coordinates, update->sums);
    else
        memcpy(update->sums, input->delta, layout->coordinates * sizeof *update->sums);
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
