/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled once per instruction set; the build names the function and gives the shape of the register tile. */
#include "model/ids/product_kernel.h"

#include <float.h>
#include <stdint.h>
#include <string.h>

_Static_assert(FLT_EVAL_METHOD == 0, "float arithmetic must round to float, or digests differ between machines");

#define LANES BG_PRODUCT_LANES     /* floats in a register */
#define VECTORS BG_PRODUCT_VECTORS /* registers along n */
#define ROWS BG_PRODUCT_ROWS
#define WIDTH ((size_t)(LANES * VECTORS))

_Static_assert(BG_PRODUCT_PADDING % (LANES * VECTORS) == 0, "a tile reads no further than the padding");

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));

static inline __attribute__((always_inline)) lanes load(const float *from)
{
    lanes value;
    memcpy(&value, from, sizeof value);
    return value;
}

/* sum (VECTORS registers) to `to`, where only `left` floats may be written. */
static inline __attribute__((always_inline)) void store(const lanes *sum, float *to, size_t left)
{
    if (left >= WIDTH) {
        for (int v = 0; v < VECTORS; v++)
            memcpy(to + v * LANES, &sum[v], sizeof sum[v]);
        return;
    }
    lanes edge[VECTORS];
    for (int v = 0; v < VECTORS; v++)
        edge[v] = sum[v];
    memcpy(to, edge, left * sizeof *to);
}

/* C from (m, n) on: `rows` high (a constant wherever this is inlined), up to WIDTH wide. */
static inline __attribute__((always_inline)) void tile(const struct bg_product *p, size_t m, size_t n, int rows)
{
    lanes sum[ROWS][VECTORS];
    const float *a = p->a + m * p->a_row;
    const float *b = p->b + n;
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < VECTORS; v++)
            sum[r][v] = p->start ? load(p->start + n + v * LANES) : (lanes){0};
    for (size_t k = 0; k < p->depth; k++, a += p->a_step, b += p->b_row)
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < VECTORS; v++)
                sum[r][v] += a[(size_t)r * p->a_row] * load(b + v * LANES);
    for (int r = 0; r < rows; r++)
        store(sum[r], p->c + (m + (size_t)r) * p->c_row + n, p->columns - n);
}

void BG_PRODUCT_NAME(const struct bg_product *p)
{
    for (size_t n = 0; n < p->columns; n += WIDTH) {
        size_t m = 0;
        for (; m + ROWS <= p->rows; m += ROWS)
            tile(p, m, n, ROWS);
        for (; m < p->rows; m++)
            tile(p, m, n, 1);
    }
}
