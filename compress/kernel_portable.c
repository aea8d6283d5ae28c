/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cpu.h"
#include "compress/kernel_sets.h"
#include "compress/window.h"

#include <math.h>

void bg_codec_portable_window(const struct bg_window *window, size_t first, size_t count, uint64_t *ret_words)
{
    for (size_t begin = 0; begin < count; begin += 64) {
        uint64_t word = 0;
        for (size_t i = count - begin < 64 ? count - begin : 64; i-- > 0;)
            word = word << 1 | bg_window_has(window, first + begin + i);
        ret_words[begin / 64] = word;
    }
}

uint64_t bg_codec_portable_gather(uint64_t word, uint64_t mask)
{
    if (mask == UINT64_MAX)
        return word;
    uint64_t gathered = 0;
    for (unsigned i = 0; mask; mask &= mask - 1, i++)
        gathered |= (word >> __builtin_ctzll(mask) & 1) << i;
    return gathered;
}

uint64_t bg_codec_portable_spread(uint64_t word, uint64_t mask)
{
    if (mask == UINT64_MAX)
        return word;
    uint64_t spread = 0;
    for (; mask; mask &= mask - 1, word >>= 1)
        spread |= word & 1 ? mask & -mask : 0;
    return spread;
}

static void magnitudes(const float *values, size_t count, double totals[static BG_CODEC_TOTALS])
{
    for (size_t i = 0; i < count; i++)
        totals[i % BG_CODEC_TOTALS] += fabs((double)values[i]);
}

static void squares(const float *values, size_t count, double totals[static BG_CODEC_TOTALS])
{
    for (size_t i = 0; i < count; i++)
        totals[i % BG_CODEC_TOTALS] += (double)values[i] * (double)values[i];
}

static void compare(const float *values, size_t count, float threshold, uint64_t *ret_above, uint64_t *ret_equal)
{
    for (size_t begin = 0; begin < count; begin += 64) {
        size_t end = count - begin < 64 ? count - begin : 64;
        uint64_t above = 0, equal = 0;
        for (size_t i = end; i-- > 0;) {
            above = above << 1 | (values[begin + i] > threshold);
            equal = equal << 1 | (values[begin + i] == threshold);
        }
        ret_above[begin / 64] = above;
        ret_equal[begin / 64] = equal;
    }
}

/* Two steps: compilers make two instructions of them, and branches of one expression. */
static float clipped(float value, float limit)
{
    float risen = value < -limit ? -limit : value;
    return risen > limit ? limit : risen;
}

static void settle(const float *sums, size_t count, const uint64_t *voted, const uint64_t *up, float centre,
                   float scale, float limit, float *ret_residual)
{
    const float sent[2] = {-scale, scale};
    for (size_t i = 0; i < count; i++) {
        const float left[2] = {sums[i], (sums[i] - centre) - sent[up[i / 64] >> (i % 64) & 1]};
        ret_residual[i] = clipped(left[voted[i / 64] >> (i % 64) & 1], limit);
    }
}

static void divide(const float *values, size_t count, float low, float high, size_t *ret_below, size_t *ret_within)
{
    size_t below = 0, above = 0;
    for (size_t i = 0; i < count; i++) {
        below += values[i] < low;
        above += values[i] > high;
    }
    *ret_below = below;
    *ret_within = count - below - above;
}

static size_t keep(const float *values, size_t count, float low, float high, float *ret_kept)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        float value = values[i];
        ret_kept[kept] = value;
        kept += (value >= low) & (value <= high);
    }
    return kept;
}

const struct bg_codec_kernel bg_codec_portable = {
    .name = "portable",
    .needs = BG_CPU_PORTABLE,
    .window = bg_codec_portable_window,
    .gather = bg_codec_portable_gather,
    .spread = bg_codec_portable_spread,
    .magnitudes = magnitudes,
    .squares = squares,
    .compare = compare,
    .settle = settle,
    .divide = divide,
    .keep = keep,
};
