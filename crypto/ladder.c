/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/ladder.h"

#include "base/checked.h"

#include <string.h>

#define MOST_WINDOW 8

enum { POWER, CHOSEN, TABLE };

/* What a power costs but for its squarings, in products of limbs: a window is one product and a choice among its
 * entries, and every entry is a product. Reading a limb of an entry takes about a quarter of a product of limbs, and
 * as long as one where lanes make products cheap and tables outgrow the nearest cache. */
static size_t cost(const struct bg_adic *ring, size_t exponent_bits, unsigned window)
{
    size_t entries = (size_t)1 << window, digits = ring->digits;
    size_t multiply = (digits * (digits + 1) / 2 + digits) * ring->limbs;
    size_t choose = entries * digits / (ring->kernel->lanes > 1 ? 1 : 4);
    return bg_divide_up(exponent_bits, window) * (multiply + choose) + entries * multiply;
}

static unsigned best_window(const struct bg_adic *ring, size_t exponent_bits)
{
    unsigned best = 1;
    for (unsigned window = 2; window <= MOST_WINDOW; window++)
        if (cost(ring, exponent_bits, window) < cost(ring, exponent_bits, best))
            best = window;
    return best;
}

size_t bg_ladder_vectors(const struct bg_adic *ring, size_t exponent_bits)
{
    return TABLE + ((size_t)1 << best_window(ring, exponent_bits));
}

static size_t read_window(const mpz_t exponent, size_t index, unsigned window)
{
    size_t value = 0;
    for (unsigned i = 0; i < window; i++)
        value |= (size_t)mpz_tstbit(exponent, index * window + i) << i;
    return value;
}

void bg_ladder_power(const struct bg_adic_space *space, const mpz_t exponent, size_t exponent_bits)
{
    const struct bg_adic *ring = space->ring;
    uint32_t digits = ring->digits;
    unsigned window = best_window(ring, exponent_bits);
    size_t entries = (size_t)1 << window;
    uint64_t *power = bg_adic_vector(space, POWER), *chosen = bg_adic_vector(space, CHOSEN);
    uint64_t *table = bg_adic_vector(space, TABLE);

    memcpy(table, ring->one, ring->vector_words * sizeof *table);
    memcpy(table + ring->vector_words, power, ring->vector_words * sizeof *table);
    for (size_t i = 2; i < entries; i++) {
        uint64_t *entry = table + i * ring->vector_words, *half = table + i / 2 * ring->vector_words;
        if (i % 2)
            bg_adic_multiply(space, digits, entry - ring->vector_words, power, entry);
        else
            bg_adic_square(space, digits, half, entry);
    }
    size_t i = bg_divide_up(exponent_bits, window) - 1;
    bg_adic_select(space, table, entries, read_window(exponent, i, window), power);
    while (i-- > 0) {
        for (unsigned k = 0; k < window; k++)
            bg_adic_square(space, digits, power, power);
        bg_adic_select(space, table, entries, read_window(exponent, i, window), chosen);
        bg_adic_multiply(space, digits, power, chosen, power);
    }
}
