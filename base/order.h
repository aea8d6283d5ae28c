/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers in order. None may be NaN. */
#pragma once

#include <stddef.h>

void bg_sort(double *values, size_t count);
/* Of sorted values, at least one: the middle one, or the mean of the two middle ones. */
double bg_sorted_median(const double *ascending, size_t count);
