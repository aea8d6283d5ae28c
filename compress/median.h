/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* Median of count > 0 finite values, which it reorders: the middle one, or the mean of the two middle ones
 * (as NumPy's median, in double). Linear time on average, no allocation. */
double bg_median(float *values, size_t count);
