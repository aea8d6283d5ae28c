/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The matrix product under every layer, forward and backward:
 *
 *   C(m, n) = start(n) + A(m, 0)·B(0, n) + A(m, 1)·B(1, n) + …    in this order, each product and sum rounded
 *
 * Vectors run along n, so every variant gives the same bits.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Rows of B, and start, are readable up to the next multiple of this many floats. */
#define BG_PRODUCT_PADDING 16

struct bg_product {
    size_t rows, columns, depth;
    const float *a; /* A(m, k) = a[m·a_row + k·a_step] */
    size_t a_row, a_step;
    const float *b; /* B(k, n) = b[k·b_row + n] */
    size_t b_row;
    const float *start; /* (columns); NULL: zeros */
    float *c;           /* C(m, n) = c[m·c_row + n]; only n < columns is written */
    size_t c_row;
};

struct bg_product_variant {
    const char *name;
    void (*run)(const struct bg_product *product);
    bool (*supported)(void);
};

/* All variants of this build, the portable one first. */
const struct bg_product_variant *bg_product_variants(size_t *ret_count);
/* The fastest one that this processor runs. */
const struct bg_product_variant *bg_product_choose(void);

static inline size_t bg_product_pad(size_t columns)
{
    return (columns + BG_PRODUCT_PADDING - 1) / BG_PRODUCT_PADDING * BG_PRODUCT_PADDING;
}
