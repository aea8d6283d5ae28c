/* SPDX-License-Identifier: Apache-2.0 */
#include "base/order.h"

#include <criterion/criterion.h>
#include <float.h>

Test(order, sorts_and_finds_the_middle)
{
    double odd[] = {3, -1, 2}, even[] = {4, 1, -2, 3}, one[] = {7};
    bg_sort(odd, 3);
    bg_sort(even, 4);
    bg_sort(one, 1);
    bg_sort(NULL, 0);
    cr_assert(odd[0] == -1 && odd[1] == 2 && odd[2] == 3);
    cr_assert(even[0] == -2 && even[1] == 1 && even[2] == 3 && even[3] == 4);
    cr_assert_eq(bg_sorted_median(odd, 3), 2);
    cr_assert_eq(bg_sorted_median(even, 4), 2);
    cr_assert_eq(bg_sorted_median(one, 1), 7);
}

Test(order, the_middle_of_huge_numbers_is_finite)
{
    double huge[] = {DBL_MAX, DBL_MAX};
    cr_assert_eq(bg_sorted_median(huge, 2), DBL_MAX);
}
