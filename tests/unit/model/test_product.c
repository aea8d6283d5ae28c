/* SPDX-License-Identifier: Apache-2.0 */
#include "model/ids/product.h"

#include "base/prng.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROOM ((size_t)96 * 96)
#define GUARD 12345.0f

static float extreme(struct bg_prng *prng)
{
    static const float values[] = {0.0f, -0.0f, FLT_MIN, FLT_TRUE_MIN, -FLT_TRUE_MIN, 1e30f, -1e30f, 1.0f, FLT_EPSILON};
    return values[bg_prng_below(prng, sizeof values / sizeof *values)];
}

static void fill(struct bg_prng *prng, bool extremes, float *values)
{
    for (size_t i = 0; i < ROOM; i++)
        values[i] = extremes ? extreme(prng) : (float)bg_prng_normal(prng);
}

/* The definition, one rounded operation at a time. */
static void reference(const struct bg_product *p)
{
    for (size_t m = 0; m < p->rows; m++)
        for (size_t n = 0; n < p->columns; n++) {
            volatile float sum = p->start ? p->start[n] : 0;
            for (size_t k = 0; k < p->depth; k++) {
                volatile float product = p->a[m * p->a_row + k * p->a_step] * p->b[k * p->b_row + n];
                sum = sum + product;
            }
            p->c[m * p->c_row + n] = sum;
        }
}

static void expect_all_variants_equal(const struct bg_product *shape, float *wanted, float *got)
{
    size_t count;
    const struct bg_product_variant *variants = bg_product_variants(&count);
    struct bg_product product = *shape;
    for (size_t i = 0; i < ROOM; i++)
        wanted[i] = GUARD;
    product.c = wanted;
    reference(&product);
    for (size_t v = 0; v < count; v++) {
        if (!variants[v].supported())
            continue;
        for (size_t i = 0; i < ROOM; i++)
            got[i] = GUARD;
        product.c = got;
        variants[v].run(&product);
        cr_assert_arr_eq(got, wanted, ROOM * sizeof *got, "%s: %zu x %zu x %zu", variants[v].name, shape->rows,
                         shape->columns, shape->depth);
    }
}

static void try_shapes(bool extremes)
{
    static const size_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 80};
    const size_t count = sizeof sizes / sizeof *sizes;
    struct bg_prng prng;
    float *blocks = malloc(5 * ROOM * sizeof *blocks);
    cr_assert_not_null(blocks);
    float *a = blocks, *b = a + ROOM, *start = b + ROOM, *wanted = start + ROOM, *got = wanted + ROOM;
    bg_prng_init(&prng, 3);
    fill(&prng, extremes, a);
    fill(&prng, extremes, b);
    fill(&prng, extremes, start);
    for (size_t trial = 0; trial < 400; trial++) {
        struct bg_product p = {
            .rows = sizes[bg_prng_below(&prng, count)],
            .columns = sizes[bg_prng_below(&prng, count)],
            .depth = sizes[bg_prng_below(&prng, count)],
            .a = a,
            .b = b,
            .b_row = 96,
            .c_row = 96,
            .start = trial % 3 ? start : NULL,
        };
        p.a_row = trial % 2 ? 96 : 1;
        p.a_step = trial % 2 ? 1 : 96;
        expect_all_variants_equal(&p, wanted, got);
    }
    free(blocks);
}

Test(product, variants_equal_the_definition_bit_for_bit)
{
    try_shapes(false);
}

Test(product, variants_agree_on_extreme_inputs)
{
    try_shapes(true);
}

Test(product, chooses_a_supported_variant)
{
    cr_expect(bg_product_choose()->supported());
}
