/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The codec's loops over coordinates, once in plain C and once per instruction set that does them faster. Every kernel
 * gives the bits of the portable one for finite inputs of any length, aligned as floats are: each result is made of
 * the float and double operations stated here, each rounded by itself, in the order stated.
 *
 * Words hold one bit per coordinate, lowest first, 64 to a word; bits past `count` are zero where a kernel writes them
 * and not looked at where it reads them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bg_window; /* compress/window.h */

/* Coordinates that callers take at a time: floats and words of them fit the cache closest to the processor. */
#define BG_CODEC_RUN ((size_t)4096)

/* How many of `count` are in the run that starts at `begin` < count. */
static inline size_t bg_codec_run(size_t count, size_t begin)
{
    return count - begin < BG_CODEC_RUN ? count - begin : BG_CODEC_RUN;
}

/* Partial sums of bg_codec_kernel.magnitudes and .squares. */
#define BG_CODEC_TOTALS 16

struct bg_codec_kernel {
    const char *name; /* "portable", … */
    uint32_t needs;   /* features of base/cpu.h */

    /* Bits of the coordinates from `first` on that a window has which leaves some out. */
    void (*window)(const struct bg_window *window, size_t first, size_t count, uint64_t *ret_words);
    /* The bits of a word where the mask has one, moved together, lowest first; and back, from the lowest bits of a word
     * to where the mask has one. */
    uint64_t (*gather)(uint64_t word, uint64_t mask);
    uint64_t (*spread)(uint64_t word, uint64_t mask);
    /* totals[i % BG_CODEC_TOTALS] += |values[i]|, or its square, in double, by ascending i. */
    void (*magnitudes)(const float *values, size_t count, double totals[static BG_CODEC_TOTALS]);
    void (*squares)(const float *values, size_t count, double totals[static BG_CODEC_TOTALS]);
    /* Bits of values > threshold, and of values = threshold. */
    void (*compare)(const float *values, size_t count, float threshold, uint64_t *ret_above, uint64_t *ret_equal);
    /* (sums − centre) − (up ? scale : −scale) where `voted` has a bit and sums elsewhere, in both cases clipped:
     * −limit where it is less, limit where it is more; limit ≥ 0. ret_residual may be sums. */
    void (*settle)(const float *sums, size_t count, const uint64_t *voted, const uint64_t *up, float centre,
                   float scale, float limit, float *ret_residual);
    /* How many values are < low, and how many neither < low nor > high; low ≤ high. */
    void (*divide)(const float *values, size_t count, float low, float high, size_t *ret_below, size_t *ret_within);
    /* Copies the values from low to high, bounds included, in their order, and returns how many those are. ret_kept has
     * room for `count`, what follows the copies is unspecified, and it may be `values`. */
    size_t (*keep)(const float *values, size_t count, float low, float high, float *ret_kept);
};

/* The kernels of this build by index, best first, the portable one last; NULL past the end. Whether this machine has
 * what one needs is not looked at. */
const struct bg_codec_kernel *bg_codec_kernel_at(size_t index);
/* The first whose needs base/cpu.h meets. */
const struct bg_codec_kernel *bg_codec_kernel(void);
