/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel_checks.h"

#include "base/prng.h"
#include "compress/kernel_sets.h"
#include "compress/window.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MOST 700
#define ROOM (MOST + 40)
#define WORDS (ROOM / 64 + 1)

/* The values of one trial, what both kernels make of them, and what neither may touch. */
struct trial {
    struct bg_prng prng;
    size_t count, offset; /* offset in floats: addresses that no wide register likes */
    float values[ROOM], ours[ROOM], theirs[ROOM];
    uint64_t voted[WORDS], up[WORDS], words[4][WORDS];
    char complaint[200];
};

static const float extremes[] = {0.0F,     -0.0F,    0x1p-149F, -0x1p-149F, FLT_MIN, -FLT_MIN, 0x1.fffffep-127F,
                                 FLT_MAX,  -FLT_MAX, 1.0F,      -1.0F,      0.25F,   -0.25F,   0x1.000002p-2F,
                                 0x1p-24F, 3e38F};
#define EXTREMES (sizeof extremes / sizeof *extremes)

static float extreme(struct trial *trial)
{
    return extremes[bg_prng_below(&trial->prng, EXTREMES)];
}

/* Kinds of inputs: well spread, full of ties, extreme, all of them. */
static float value_of_kind(struct trial *trial, uint64_t kind)
{
    switch (kind) {
    case 0:
        return (float)bg_prng_normal(&trial->prng);
    case 1:
        return (float)bg_prng_below(&trial->prng, 5) / 4 - 0.5F;
    case 2:
        return extreme(trial);
    default:
        return value_of_kind(trial, bg_prng_below(&trial->prng, 3));
    }
}

static void fill(struct trial *trial, uint64_t kind)
{
    for (size_t i = 0; i < ROOM; i++)
        trial->values[i] = value_of_kind(trial, kind);
    for (size_t w = 0; w < WORDS; w++) {
        trial->up[w] = bg_prng_next(&trial->prng);
        trial->voted[w] = kind % 2 ? bg_prng_next(&trial->prng) : UINT64_MAX;
    }
}

static bool differ(struct trial *trial, const char *kernel, const char *what, const void *ours, const void *theirs,
                   size_t size)
{
    if (memcmp(ours, theirs, size) == 0)
        return false;
    snprintf(trial->complaint, sizeof trial->complaint, "%s of kernel %s: other bits than portable with %zu values",
             what, kernel, trial->count);
    return true;
}

static bool totals_differ(struct trial *trial, const struct bg_codec_kernel *kernel)
{
    double ours[BG_CODEC_TOTALS], theirs[BG_CODEC_TOTALS];
    for (size_t i = 0; i < BG_CODEC_TOTALS; i++)
        ours[i] = theirs[i] = (double)i / 3;
    const float *values = trial->values + trial->offset;
    kernel->magnitudes(values, trial->count, ours);
    bg_codec_portable.magnitudes(values, trial->count, theirs);
    if (differ(trial, kernel->name, "magnitudes", ours, theirs, sizeof ours))
        return true;
    kernel->squares(values, trial->count, ours);
    bg_codec_portable.squares(values, trial->count, theirs);
    return differ(trial, kernel->name, "squares", ours, theirs, sizeof ours);
}

static bool comparisons_differ(struct trial *trial, const struct bg_codec_kernel *kernel, float threshold)
{
    const float *values = trial->values + trial->offset;
    memset(trial->words, 0xa5, sizeof trial->words);
    kernel->compare(values, trial->count, threshold, trial->words[0], trial->words[1]);
    bg_codec_portable.compare(values, trial->count, threshold, trial->words[2], trial->words[3]);
    return differ(trial, kernel->name, "compare, above,", trial->words[0], trial->words[2], sizeof trial->words[0]) ||
           differ(trial, kernel->name, "compare, equal,", trial->words[1], trial->words[3], sizeof trial->words[1]);
}

static bool settlements_differ(struct trial *trial, const struct bg_codec_kernel *kernel, float centre, float scale,
                               float limit)
{
    memset(trial->ours, 0xa5, sizeof trial->ours);
    memset(trial->theirs, 0xa5, sizeof trial->theirs);
    const float *values = trial->values + trial->offset;
    float *ours = trial->ours + trial->offset, *theirs = trial->theirs + trial->offset;
    kernel->settle(values, trial->count, trial->voted, trial->up, centre, scale, limit, ours);
    bg_codec_portable.settle(values, trial->count, trial->voted, trial->up, centre, scale, limit, theirs);
    if (differ(trial, kernel->name, "settle", trial->ours, trial->theirs, sizeof trial->ours))
        return true;
    memcpy(ours, values, trial->count * sizeof *values);
    kernel->settle(ours, trial->count, trial->voted, trial->up, centre, scale, limit, ours);
    return differ(trial, kernel->name, "settle in place", trial->ours, trial->theirs, sizeof trial->ours);
}

static bool selections_differ(struct trial *trial, const struct bg_codec_kernel *kernel, float low, float high)
{
    const float *values = trial->values + trial->offset;
    float *ours = trial->ours + trial->offset, *theirs = trial->theirs + trial->offset;
    size_t counts[2][2];
    kernel->divide(values, trial->count, low, high, &counts[0][0], &counts[0][1]);
    bg_codec_portable.divide(values, trial->count, low, high, &counts[1][0], &counts[1][1]);
    if (differ(trial, kernel->name, "divide", counts[0], counts[1], sizeof counts[0]))
        return true;
    memset(trial->ours, 0xa5, sizeof trial->ours);
    memset(trial->theirs, 0xa5, sizeof trial->theirs);
    size_t kept[2] = {kernel->keep(values, trial->count, low, high, ours),
                      bg_codec_portable.keep(values, trial->count, low, high, theirs)};
    size_t behind = trial->offset + trial->count;
    if (differ(trial, kernel->name, "keep, how many,", &kept[0], &kept[1], sizeof kept[0]) ||
        differ(trial, kernel->name, "keep, how many by divide,", &kept[0], &counts[0][1], sizeof kept[0]) ||
        differ(trial, kernel->name, "keep", ours, theirs, kept[0] * sizeof *ours) ||
        differ(trial, kernel->name, "keep, behind its room,", trial->ours + behind, trial->theirs + behind,
               (ROOM - behind) * sizeof *ours))
        return true;
    memcpy(ours, values, trial->count * sizeof *values);
    kept[0] = kernel->keep(ours, trial->count, low, high, ours);
    return differ(trial, kernel->name, "keep in place", ours, theirs, kept[1] * sizeof *ours) ||
           differ(trial, kernel->name, "keep in place, how many,", &kept[0], &kept[1], sizeof kept[0]);
}

static bool windows_differ(struct trial *trial, const struct bg_codec_kernel *kernel)
{
    size_t first = (size_t)bg_prng_below(&trial->prng, UINT32_MAX);
    struct bg_window window = {(uint32_t)bg_prng_next(&trial->prng), (uint32_t)bg_prng_next(&trial->prng) | 1};
    if (bg_prng_below(&trial->prng, 4) == 0) /* one phase alone, that of a coordinate which is asked about */
        window = (struct bg_window){bg_window_phase(first + trial->count / 2), UINT32_MAX};
    memset(trial->words, 0xa5, sizeof trial->words);
    kernel->window(&window, first, trial->count, trial->words[0]);
    bg_codec_portable.window(&window, first, trial->count, trial->words[1]);
    for (size_t w = 0; w < WORDS; w++) {
        trial->words[2][w] = kernel->gather(trial->up[w], trial->words[0][w]);
        trial->words[3][w] = bg_codec_portable.gather(trial->up[w], trial->words[0][w]);
    }
    if (differ(trial, kernel->name, "window", trial->words[0], trial->words[1], sizeof trial->words[0]) ||
        differ(trial, kernel->name, "gather", trial->words[2], trial->words[3], sizeof trial->words[2]))
        return true;
    for (size_t w = 0; w < WORDS; w++) {
        trial->words[2][w] = kernel->spread(trial->words[3][w], trial->words[0][w]);
        trial->words[3][w] = trial->up[w] & trial->words[0][w];
    }
    return differ(trial, kernel->name, "spread after gather", trial->words[2], trial->words[3],
                  sizeof trial->words[2]);
}

static bool something_differs(struct trial *trial, const struct bg_codec_kernel *kernel)
{
    for (uint64_t kind = 0; kind < 4; kind++) {
        fill(trial, kind);
        float scale = (float)ldexp(1 + bg_prng_uniform(&trial->prng), (int)bg_prng_below(&trial->prng, 128) - 64);
        float limit = bg_prng_below(&trial->prng, 2) ? 4 * scale : fabsf(extreme(trial));
        float low = extreme(trial), high = extreme(trial);
        if (windows_differ(trial, kernel) || totals_differ(trial, kernel) ||
            comparisons_differ(trial, kernel, extreme(trial)) ||
            settlements_differ(trial, kernel, 0.25F, scale, limit) ||
            settlements_differ(trial, kernel, extreme(trial), 0.25F, limit) ||
            selections_differ(trial, kernel, low < high ? low : high, low < high ? high : low) ||
            selections_differ(trial, kernel, -0.5F, 0.5F))
            return true;
    }
    return false;
}

const char *kernel_complaint(const struct bg_codec_kernel *kernel)
{
    static struct trial trial;
    bg_prng_init(&trial.prng, 7);
    for (size_t count = 0; count <= MOST; count += count < 150 ? 1 : count / 8)
        for (trial.offset = 0; trial.offset < 3; trial.offset++) {
            trial.count = count;
            if (something_differs(&trial, kernel))
                return trial.complaint;
        }
    return NULL;
}
