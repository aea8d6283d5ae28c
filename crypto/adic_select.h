/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing a vector by a secret index, for kernels to compile with the instructions that they may use. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__AVX512F__)
#define BG_ADIC_LINE_BYTES 64
#else
#define BG_ADIC_LINE_BYTES 16
#endif

/* Compilers do not keep an array of words in registers while they loop over entries. */
typedef uint64_t bg_adic_line __attribute__((vector_size(BG_ADIC_LINE_BYTES), may_alias));

/* ret = vectors[wanted] of `count` that lie one after the other, each `words` long, a multiple of 8, aligned to 64
 * bytes. Reads all of them alike. */
static inline void bg_adic_select_words(const uint64_t *vectors, size_t words, size_t count, size_t wanted,
                                        uint64_t *ret)
{
    const bg_adic_line *lines = (const bg_adic_line *)vectors;
    bg_adic_line *ret_lines = (bg_adic_line *)ret;
    size_t stride = words / (BG_ADIC_LINE_BYTES / sizeof *vectors);

    for (size_t at = 0; at < stride; at += 4) {
        size_t left = stride - at, second = left > 1, third = left > 2 ? 2 : 0, fourth = left > 3 ? 3 : 0;
        bg_adic_line a = {0}, b = {0}, c = {0}, d = {0};
        for (size_t i = 0; i < count; i++) {
            const bg_adic_line *entry = lines + i * stride + at;
            uint64_t difference = i ^ wanted, mask = ((difference | -difference) >> 63) - 1;
            __asm__("" : "+r"(mask));
            a |= entry[0] & mask;
            b |= entry[second] & mask;
            c |= entry[third] & mask;
            d |= entry[fourth] & mask;
        }
        ret_lines[at + fourth] = d;
        ret_lines[at + third] = c;
        ret_lines[at + second] = b;
        ret_lines[at] = a;
    }
}
