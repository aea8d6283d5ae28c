/* SPDX-License-Identifier: Apache-2.0 */
#include "base/checked.h"

#include <criterion/criterion.h>

TestSuite(checked);

Test(checked, sums_up_to_the_largest_size)
{
    size_t result = 7;
    cr_assert(bg_size_add(SIZE_MAX - 1, 1, &result));
    cr_assert_eq(result, SIZE_MAX);
    cr_assert(bg_size_add(0, 0, &result));
    cr_assert_eq(result, 0);
    result = 7;
    cr_assert_not(bg_size_add(SIZE_MAX, 1, &result));
    cr_assert_not(bg_size_add(SIZE_MAX, SIZE_MAX, &result));
    cr_assert_eq(result, 7);
}

Test(checked, products_up_to_the_largest_size)
{
    size_t result = 7, half = (size_t)1 << (sizeof(size_t) * 4);
    cr_assert(bg_size_multiply(half - 1, half + 1, &result));
    cr_assert_eq(result, SIZE_MAX);
    cr_assert(bg_size_multiply(0, SIZE_MAX, &result));
    cr_assert_eq(result, 0);
    result = 7;
    cr_assert_not(bg_size_multiply(half, half, &result));
    cr_assert_not(bg_size_multiply(SIZE_MAX, 2, &result));
    cr_assert_eq(result, 7);
}

Test(checked, rounds_up_to_a_unit)
{
    size_t result;
    for (size_t size = 0; size < 200; size++)
        for (size_t unit = 1; unit < 70; unit++) {
            cr_assert(bg_size_round_up(size, unit, &result));
            cr_assert(result >= size && result - size < unit && result % unit == 0);
        }
    cr_assert(bg_size_round_up(SIZE_MAX, 1, &result));
    cr_assert(bg_size_round_up(SIZE_MAX - 63, 64, &result));
    cr_assert_eq(result, SIZE_MAX - 63);
    cr_assert_not(bg_size_round_up(SIZE_MAX - 62, 64, &result));
}

Test(checked, division_rounds_up_without_wrapping)
{
    cr_assert_eq(bg_divide_up(0, 5), 0);
    cr_assert_eq(bg_divide_up(1, 5), 1);
    cr_assert_eq(bg_divide_up(5, 5), 1);
    cr_assert_eq(bg_divide_up(6, 5), 2);
    cr_assert_eq(bg_divide_up(SIZE_MAX, SIZE_MAX), 1);
    cr_assert_eq(bg_divide_up(SIZE_MAX, 2), SIZE_MAX / 2 + 1);
}
