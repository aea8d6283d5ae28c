/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/slots.h"

#include "base/cpu.h"

/* Four slots at once: 4·width bits fit in a word for every width. */
void bg_slots_spread(const uint64_t *bits, size_t count, unsigned width, uint64_t *ret_words)
{
    uint64_t four[16] = {0};
    for (unsigned nibble = 0; nibble < 16; nibble++)
        for (unsigned i = 0; i < 4; i++)
            four[nibble] |= (uint64_t)(nibble >> i & 1) << i * width;

    uint64_t word = 0;
    unsigned filled = 0;
    for (size_t group = 0; 64 * group < count; group++) {
        uint64_t left = bits[group];
        for (int nibble = 0; nibble < 16; nibble++, left >>= 4) {
            uint64_t slots = four[left & 15];
            word |= slots << filled;
            filled += 4 * width;
            if (filled >= 64) {
                *ret_words++ = word;
                filled -= 64;
                word = filled ? slots >> (4 * width - filled) : 0;
            }
        }
    }
}

static void gather(const uint64_t *words, size_t count, unsigned width, uint16_t *ret_values)
{
    const uint64_t mask = ((uint64_t)1 << width) - 1;
    size_t i = 0, bit = 0;
    for (; i + 4 <= count; i += 4, bit += 4 * width) {
        uint64_t four = words[bit / 64] >> bit % 64 | words[bit / 64 + 1] << 1 << (63 - bit % 64);
        for (unsigned j = 0; j < 4; j++)
            ret_values[i + j] = (uint16_t)(four >> j * width & mask);
    }
    for (; i < count; i++)
        ret_values[i] = bg_slot_at(words, i, width);
}

const struct bg_slots_kernel bg_slots_portable = {"portable", BG_CPU_PORTABLE, bg_slots_spread, gather};
