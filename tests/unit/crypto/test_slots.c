/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/slots.h"

#include "base/cpu.h"
#include "base/prng.h"

#include <criterion/criterion.h>
#include <string.h>

#define MOST_COUNT 1100
#define MOST_WORDS (MOST_COUNT * BG_SLOTS_MOST_WIDTH / 64 + 1 + BG_SLOTS_SLACK_WORDS)
#define UNTOUCHED 0xd7

/* Bit by bit. */
static bool bit_of(const uint64_t *words, size_t bit)
{
    return words[bit / 64] >> bit % 64 & 1;
}

/* What fills a run: nothing, every bit, every other, single ones, anything. */
enum { PATTERNS = 6 };

static void fill(struct bg_prng *prng, int pattern, size_t bits, uint64_t *words, size_t word_count)
{
    memset(words, 0, word_count * sizeof *words);
    for (size_t bit = 0; bit < bits; bit++) {
        bool set = pattern == 1 || (pattern == 2 && bit % 2) || (pattern == 3 && bit == 0)
                   || (pattern == 4 && bit == bits - 1) || (pattern == 5 && bg_prng_next(prng) >> 63);
        words[bit / 64] |= (uint64_t)set << bit % 64;
    }
}

static size_t next_count(size_t count)
{
    return count < 140 ? count + 1 : count + 61;
}

static void expect_spread(const struct bg_slots_kernel *kernel, const uint64_t *bits, size_t count, unsigned width)
{
    uint64_t words[MOST_WORDS + 1];
    size_t used = (count * width + 63) / 64;
    memset(words, UNTOUCHED, sizeof words);
    kernel->spread(bits, count, width, words);
    for (size_t bit = 0; bit < 64 * used; bit++) {
        bool expected = bit % width == 0 && bit / width < count && bit_of(bits, bit / width);
        cr_assert_eq(bit_of(words, bit), expected, "%s: %zu slots of %u bits: bit %zu", kernel->name, count, width,
                     bit);
    }
    for (size_t i = used + BG_SLOTS_SLACK_WORDS; i < MOST_WORDS + 1; i++)
        cr_assert_eq(words[i], UNTOUCHED * 0x0101010101010101u, "%s: %zu slots of %u bits: word %zu of %zu",
                     kernel->name, count, width, i, used);
}

static void expect_gather(const struct bg_slots_kernel *kernel, const uint64_t *words, size_t count, unsigned width)
{
    uint16_t values[MOST_COUNT + 64];
    memset(values, UNTOUCHED, sizeof values);
    kernel->gather(words, count, width, values);
    for (size_t i = 0; i < count; i++) {
        unsigned expected = 0;
        for (unsigned bit = 0; bit < width; bit++)
            expected |= (unsigned)bit_of(words, i * width + bit) << bit;
        cr_assert_eq(values[i], expected, "%s: %zu slots of %u bits: %u in slot %zu is %u", kernel->name, count, width,
                     values[i], i, expected);
    }
    for (size_t i = count; i < MOST_COUNT + 64; i++)
        cr_assert_eq(values[i], UNTOUCHED * 0x0101, "%s: %zu slots of %u bits: value %zu", kernel->name, count, width,
                     i);
}

Test(slots, every_kernel_spreads_and_gathers_as_bit_by_bit, .timeout = 60)
{
    struct bg_prng prng;
    bg_prng_init(&prng, 5);
    const struct bg_slots_kernel *kernel;
    for (size_t k = 0; (kernel = bg_slots_kernel_at(k)); k++) {
        if (!bg_cpu_has(kernel->needs))
            continue;
        for (unsigned width = BG_SLOTS_LEAST_WIDTH; width <= BG_SLOTS_MOST_WIDTH; width++)
            for (size_t count = 1; count <= MOST_COUNT; count = next_count(count))
                for (int pattern = count < 140 ? 0 : 5; pattern < PATTERNS; pattern++) {
                    uint64_t words[MOST_WORDS];
                    fill(&prng, pattern, count, words, MOST_WORDS);
                    expect_spread(kernel, words, count, width);
                    fill(&prng, pattern, count * width, words, MOST_WORDS);
                    expect_gather(kernel, words, count, width);
                    memset(words + (count * width + 63) / 64, 0xff, BG_SLOTS_SLACK_WORDS * sizeof *words);
                    expect_gather(kernel, words, count, width);
                }
    }
}

Test(slots, the_best_kernel_that_may_be_used_is_taken)
{
    const struct bg_slots_kernel *kernel, *last = NULL;
    for (size_t k = 0; (kernel = bg_slots_kernel_at(k)); k++) {
        last = kernel;
        bg_cpu_limit(kernel->needs);
        if (bg_cpu_has(kernel->needs))
            cr_assert_str_eq(bg_slots_kernel()->name, kernel->name);
    }
    cr_assert_str_eq(last->name, "portable");
    bg_cpu_limit(BG_CPU_PORTABLE);
    cr_assert_str_eq(bg_slots_kernel()->name, "portable");
    bg_cpu_limit(BG_CPU_ALL);
}
