/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* Median of count > 0 finite values: the middle one, or the mean of the two middle ones (as NumPy's median, in double),
 * by the kernel of compress/kernel.h. workspace (count) is overwritten and may be the values themselves. Linear time on
 * average: what is not between two values that a sample puts on either side of the middle is left behind, again and
 * again, until few are left. */
double bg_median(const float *values, size_t count, float *workspace);
