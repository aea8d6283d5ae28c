/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/fit.h"

#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>

Test(fit, distances_are_in_units_of_the_pooled_fit)
{
    const float means[] = {1, 2, 3, 4}, scales[] = {2, 0.5f, 0, 1};
    const float others[] = {1.5f, 2, 9, 1}, wider[] = {1, 0.5f, 7, 0};
    struct bg_transform central = {.columns = 4, .inputs = 4, .mean = means, .scale = scales};
    struct bg_transform fitted = {.columns = 4, .inputs = 4, .mean = others, .scale = wider};
    struct bg_fit_distance distance;
    cr_assert_eq(bg_fit_compare(&fitted, &central, &distance), BG_OK);
    cr_assert_eq(distance.features, 3, "one is constant in the pooled rows");
    cr_assert_eq(distance.dropped, 1, "one varies there and the model does not see it");
    cr_assert(distance.mean_median == 1 && distance.mean_most == 3);
    cr_assert(distance.scale_median == 0.5 && distance.scale_most == 1);
    cr_assert_eq(bg_fit_compare(&central, &central, &distance), BG_OK);
    cr_assert(distance.mean_most == 0 && distance.scale_most == 0 && distance.dropped == 0);
    NO_LEAKS();
}
