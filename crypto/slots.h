/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels between arrays of small values and slots of whole bits, for crypto/ alone. A run is `count` slots of `width`
 * bits, LEAST_WIDTH … MOST_WIDTH, laid end to end from bit 0 up: slot i is the bits i·width … of the number whose
 * little-endian words the run is.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define BG_SLOTS_LEAST_WIDTH 2
#define BG_SLOTS_MOST_WIDTH 16
/* Words past the end of a run that belong to the kernel: it writes zero there, or reads them for nothing. */
#define BG_SLOTS_SLACK_WORDS 16

struct bg_slots_kernel {
    const char *name;
    uint32_t needs; /* features of base/cpu.h */
    /* Slot i is bit i % 64 of bits[i / 64]; bits past `count` in the last word are zero. */
    void (*spread)(const uint64_t *bits, size_t count, unsigned width, uint64_t *ret_words);
    /* Value i is slot i. */
    void (*gather)(const uint64_t *words, size_t count, unsigned width, uint16_t *ret_values);
};

/* One slot of a run, its next word too being read. */
static inline uint16_t bg_slot_at(const uint64_t *words, size_t i, unsigned width)
{
    size_t bit = i * width;
    uint64_t window = words[bit / 64] >> bit % 64 | words[bit / 64 + 1] << 1 << (63 - bit % 64);
    return (uint16_t)(window & (((uint64_t)1 << width) - 1));
}

/* The portable kernel's; one look-up per four slots, which vectors without a bit deposit do not beat. */
void bg_slots_spread(const uint64_t *bits, size_t count, unsigned width, uint64_t *ret_words);

/* The kernels of this build by index, best first, the portable one last; NULL past the end. */
const struct bg_slots_kernel *bg_slots_kernel_at(size_t index);
/* The first whose needs this machine meets. */
const struct bg_slots_kernel *bg_slots_kernel(void);

extern const struct bg_slots_kernel bg_slots_portable;
#if defined(__x86_64__)
extern const struct bg_slots_kernel bg_slots_avx2, bg_slots_avx512;
#elif defined(__aarch64__)
extern const struct bg_slots_kernel bg_slots_neon;
#endif
