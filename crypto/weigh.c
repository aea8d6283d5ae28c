/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each lane multiplies its own column of numbers: all weights of a slice are scanned together from their top bits
 * in windows, so that the squarings are shared (Straus, Amer. Math. Monthly 1964). Then the lanes' products are
 * multiplied with each other.
 */
#include "crypto/weigh.h"

#include "base/checked.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW 3
#define POWERS ((1 << WINDOW) - 1)
#define ROWS 16 /* numbers of a lane in one slice */

enum { PRODUCT, FACTOR, BASE, VECTORS };

struct weighing {
    const struct bg_adic *ring;
    size_t words; /* of a compact number */
    unsigned lanes;
    const uint64_t *numbers;
    const uint8_t *weights;
    size_t weight_bytes;
    size_t count;
    uint64_t *products; /* `lanes` per slice, in Montgomery form */
    bool *failed;       /* per slice: no memory */
};

static size_t windows_of(const struct weighing *c)
{
    return bg_divide_up(8 * c->weight_bytes, WINDOW);
}

static unsigned read_window(const struct weighing *c, const uint8_t *weight, size_t index)
{
    unsigned value = 0;
    for (size_t i = 0; i < WINDOW && index * WINDOW + i < 8 * c->weight_bytes; i++) {
        size_t bit = index * WINDOW + i;
        value |= (weight[bit / 8] >> bit % 8 & 1u) << i;
    }
    return value;
}

/* Powers 1 … POWERS of up to `lanes` numbers, in Montgomery form, power by power. */
static void tabulate(const struct weighing *c, const struct bg_adic_space *space, size_t first, unsigned count,
                     uint64_t *ret_table)
{
    uint64_t *base = bg_adic_vector(space, BASE), *power = bg_adic_vector(space, FACTOR);
    const uint64_t *numbers[BG_ADIC_MOST_LANES];
    uint64_t *powers[BG_ADIC_MOST_LANES];

    for (unsigned i = 0; i < count; i++)
        numbers[i] = c->numbers + (first + i) * c->words;
    bg_adic_load(space, c->ring->digits, numbers, count, base);
    bg_adic_enter(space, c->ring->digits, base, base);
    memcpy(power, base, c->ring->vector_words * sizeof *power);
    for (unsigned k = 0; k < POWERS; k++) {
        if (k > 0)
            bg_adic_multiply(space, c->ring->digits, power, base, power);
        for (unsigned i = 0; i < count; i++)
            powers[i] = ret_table + (k * c->lanes + i) * c->words;
        bg_adic_store(space, c->ring->digits, power, count, powers);
    }
}

struct slice {
    size_t first, count;
    uint64_t *one;   /* a compact number */
    uint64_t *table; /* POWERS · lanes numbers per row */
};

/* The factor of each lane in one row for one window; lanes past the end multiply by 1. */
static void load_factors(const struct weighing *c, const struct bg_adic_space *space, const struct slice *slice,
                         size_t row, size_t window, uint64_t *ret)
{
    const uint64_t *factors[BG_ADIC_MOST_LANES];

    for (unsigned i = 0; i < c->lanes; i++) {
        size_t t = row * c->lanes + i;
        const uint8_t *weight = c->weights + (slice->first + t) * c->weight_bytes;
        unsigned power = t < slice->count ? read_window(c, weight, window) : 0;
        factors[i] = power ? slice->table + ((row * POWERS + power - 1) * c->lanes + i) * c->words : slice->one;
    }
    bg_adic_load(space, c->ring->digits, factors, c->lanes, ret);
}

static void multiply_slice(const struct weighing *c, const struct bg_adic_space *space, const struct slice *slice,
                           uint64_t *ret_products)
{
    uint32_t digits = c->ring->digits;
    uint64_t *product = bg_adic_vector(space, PRODUCT), *factor = bg_adic_vector(space, FACTOR);
    size_t rows = bg_divide_up(slice->count, c->lanes);
    uint64_t *products[BG_ADIC_MOST_LANES];

    bg_adic_store(space, digits, c->ring->one, 1, &(uint64_t *){slice->one});
    for (size_t row = 0; row < rows; row++) {
        size_t left = slice->count - row * c->lanes;
        tabulate(c, space, slice->first + row * c->lanes, left < c->lanes ? (unsigned)left : c->lanes,
                 slice->table + row * POWERS * c->lanes * c->words);
    }
    memcpy(product, c->ring->one, c->ring->vector_words * sizeof *product);
    for (size_t window = windows_of(c); window-- > 0;) {
        for (unsigned i = 0; i < WINDOW; i++)
            bg_adic_square(space, digits, product, product);
        for (size_t row = 0; row < rows; row++) {
            load_factors(c, space, slice, row, window, factor);
            bg_adic_multiply(space, digits, product, factor, product);
        }
    }
    for (unsigned i = 0; i < c->lanes; i++)
        products[i] = ret_products + i * c->words;
    bg_adic_store(space, digits, product, c->lanes, products);
}

static void weigh_slice(void *context, size_t index)
{
    const struct weighing *c = context;
    size_t most = ROWS * c->lanes, first = index * most;
    struct slice slice = {.first = first, .count = c->count - first < most ? c->count - first : most};
    struct bg_adic_space space = {0};
    uint64_t *memory = malloc((1 + bg_divide_up(slice.count, c->lanes) * POWERS * c->lanes) * c->words *
                              sizeof *memory);

    c->failed[index] = !memory || bg_adic_space_init(&space, c->ring, VECTORS) != BG_OK;
    if (!c->failed[index]) {
        slice.one = memory;
        slice.table = memory + c->words;
        multiply_slice(c, &space, &slice, c->products + index * c->lanes * c->words);
    }
    bg_adic_space_finish(&space);
    free(memory);
}

/* The product of `count` numbers in Montgomery form, which it overwrites, out of this form: folds the second half
 * onto the first until one is left. */
static void multiply_all(const struct weighing *c, const struct bg_adic_space *space, size_t count,
                         uint64_t *ret_number)
{
    uint32_t digits = c->ring->digits;
    uint64_t *product = bg_adic_vector(space, PRODUCT), *factor = bg_adic_vector(space, FACTOR);
    const uint64_t *x[BG_ADIC_MOST_LANES], *y[BG_ADIC_MOST_LANES];
    uint64_t *results[BG_ADIC_MOST_LANES];

    while (count > 1) {
        size_t kept = count - count / 2;
        for (size_t first = 0; first < count / 2; first += c->lanes) {
            size_t left = count / 2 - first;
            unsigned pairs = left < c->lanes ? (unsigned)left : c->lanes;
            for (unsigned i = 0; i < pairs; i++) {
                x[i] = results[i] = c->products + (first + i) * c->words;
                y[i] = c->products + (kept + first + i) * c->words;
            }
            bg_adic_load(space, digits, x, pairs, product);
            bg_adic_load(space, digits, y, pairs, factor);
            bg_adic_multiply(space, digits, product, factor, product);
            bg_adic_store(space, digits, product, pairs, results);
        }
        count = kept;
    }
    bg_adic_load(space, digits, &(const uint64_t *){c->products}, 1, product);
    bg_adic_leave(space, digits, product, product);
    bg_adic_store(space, digits, product, 1, &ret_number);
}

enum bg_status bg_weigh(const struct bg_adic *ring, const uint64_t *numbers, const uint8_t *weights,
                        size_t weight_bytes, size_t count, struct bg_workers *workers, uint64_t *ret_number)
{
    unsigned lanes = ring->kernel->lanes;
    size_t words = bg_adic_compact_words(ring, ring->digits), slices = bg_divide_up(count, ROWS * lanes);
    struct weighing c = {
        .ring = ring,
        .words = words,
        .lanes = lanes,
        .numbers = numbers,
        .weights = weights,
        .weight_bytes = weight_bytes,
        .count = count,
        .products = malloc(slices * lanes * words * sizeof *c.products),
        .failed = calloc(slices, sizeof *c.failed),
    };
    struct bg_adic_space space = {0};
    enum bg_status status = BG_NO_MEMORY;

    if (!c.products || !c.failed || bg_adic_space_init(&space, ring, VECTORS) != BG_OK)
        goto out;
    if (workers)
        bg_workers_for(workers, slices, weigh_slice, &c);
    else
        for (size_t i = 0; i < slices; i++)
            weigh_slice(&c, i);
    status = BG_OK;
    for (size_t i = 0; i < slices; i++)
        if (c.failed[i])
            status = BG_NO_MEMORY;
    if (status == BG_OK)
        multiply_all(&c, &space, slices * lanes, ret_number);
out:
    bg_adic_space_finish(&space);
    free(c.products);
    free(c.failed);
    return status;
}
