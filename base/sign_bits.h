/* SPDX-License-Identifier: Apache-2.0 */
/* One bit per coordinate: 1 votes up (+1), 0 votes down (−1). Bits past `count` in the last word are zero. */
#pragma once

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bg_sign_bits {
    uint64_t *words;
    size_t count;
};

static inline size_t bg_sign_words(size_t count)
{
    return count / 64 + (count % 64 != 0);
}

BG_MUST_CHECK enum bg_status bg_sign_bits_init(struct bg_sign_bits *bits, size_t count); /* all zero */
void bg_sign_bits_finish(struct bg_sign_bits *bits);

static inline bool bg_sign_bit(const struct bg_sign_bits *bits, size_t i)
{
    return bits->words[i / 64] >> (i % 64) & 1;
}

static inline void bg_sign_bit_set(struct bg_sign_bits *bits, size_t i, bool up)
{
    uint64_t mask = (uint64_t)1 << (i % 64);
    bits->words[i / 64] = up ? bits->words[i / 64] | mask : bits->words[i / 64] & ~mask;
}

/* Bit j of the result: bit first + j, j < count ≤ 64; first + count ≤ bits->count. */
static inline uint64_t bg_sign_bits_word(const struct bg_sign_bits *bits, size_t first, size_t count)
{
    if (count == 0)
        return 0;
    size_t w = first / 64, shift = first % 64;
    uint64_t word = bits->words[w] >> shift;
    if (shift + count > 64)
        word |= bits->words[w + 1] << (64 - shift);
    return count < 64 ? word & (((uint64_t)1 << count) - 1) : word;
}
