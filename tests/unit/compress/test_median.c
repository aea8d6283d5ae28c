/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/median.h"

#include "base/prng.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b)
{
    float left = *(const float *)a, right = *(const float *)b;
    return (left > right) - (left < right);
}

static void assert_sorted_median(const float *values, size_t count)
{
    float *sorted = malloc(count * sizeof *sorted), *workspace = malloc(count * sizeof *workspace);
    cr_assert(sorted && workspace);
    memcpy(sorted, values, count * sizeof *sorted);
    memcpy(workspace, values, count * sizeof *workspace);
    qsort(sorted, count, sizeof *sorted, ascending);
    double wanted = ((double)sorted[(count - 1) / 2] + (double)sorted[count / 2]) / 2;
    cr_assert_eq(bg_median(workspace, count, workspace), wanted, "%zu values in place", count);
    cr_assert_eq(bg_median(values, count, workspace), wanted, "%zu values", count);
    free(sorted);
    free(workspace);
}

Test(median, agrees_with_sorting)
{
    struct bg_prng prng;
    bg_prng_init(&prng, 3);
    static float values[1000];
    for (size_t count = 1; count <= 1000; count += 1 + count / 10) {
        for (uint64_t kinds = 1; kinds <= 1000; kinds *= 10) {
            for (size_t i = 0; i < count; i++)
                values[i] = (float)bg_prng_below(&prng, kinds) - 3;
            assert_sorted_median(values, count);
        }
    }
}

/* More values than are selected from as they are: spread, in a few kinds, in columns, two halves, skewed. */
Test(median, agrees_with_sorting_where_a_sample_guides_it)
{
    enum {
        MOST = 60000
    };
    static float values[MOST];
    struct bg_prng prng;
    bg_prng_init(&prng, 4);
    for (size_t count = 4095; count <= MOST; count += count < 4098 ? 1 : count / 2) {
        for (int shape = 0; shape < 6; shape++) {
            for (size_t i = 0; i < count; i++) {
                double normal = bg_prng_normal(&prng);
                double of_shape[] = {normal,
                                     floor(2 * normal),
                                     i % 128 == 0 ? normal : 5 + 0.01 * normal,
                                     i < count / 2,
                                     exp(4 * normal),
                                     i % 2 ? 0.0 : -0.0};
                values[i] = (float)of_shape[shape];
            }
            assert_sorted_median(values, count);
        }
    }
}

Test(median, takes_ordered_reversed_and_constant_runs)
{
    static float values[100001];
    for (size_t i = 0; i < 100001; i++)
        values[i] = (float)i;
    cr_assert_eq(bg_median(values, 100001, values), 50000);
    for (size_t i = 0; i < 100000; i++)
        values[i] = (float)(100000 - i);
    cr_assert_eq(bg_median(values, 100000, values), 50000.5);
    for (size_t i = 0; i < 100000; i++)
        values[i] = 7;
    cr_assert_eq(bg_median(values, 100000, values), 7);
}

Test(median, treats_zeros_of_both_signs_alike)
{
    float values[] = {-0.0F, 0.0F, -0.0F, 0.0F, 1, -1};
    cr_assert_eq(bg_median(values, 6, values), 0);
}

Test(median, does_not_overflow_between_the_largest_floats)
{
    float values[] = {3e38F, 3.2e38F};
    cr_assert_eq(bg_median(values, 2, values), ((double)3e38F + (double)3.2e38F) / 2);
}
