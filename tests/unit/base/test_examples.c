/* SPDX-License-Identifier: Apache-2.0 */
#include "base/examples.h"

#include <criterion/criterion.h>

TestSuite(examples);

Test(examples, rows_select_and_order)
{
    static const float features[] = {0, 1, 10, 11, 20, 21};
    static const uint16_t labels[] = {5, 6, 7};
    static const uint32_t rows[] = {2, 0};
    struct bg_examples all = {features, labels, NULL, 3, 2, 8}, some = {features, labels, rows, 2, 2, 8};
    cr_assert_eq(bg_example_features(&all, 1)[1], 11);
    cr_assert_eq(bg_example_label(&all, 1), 6);
    cr_assert_eq(bg_example_features(&some, 0)[0], 20);
    cr_assert_eq(bg_example_label(&some, 0), 7);
    cr_assert_eq(bg_example_row(&some, 1), 0);
}
