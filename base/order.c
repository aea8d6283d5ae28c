/* SPDX-License-Identifier: Apache-2.0 */
#include "base/order.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

void bg_sort(double *values, size_t count)
{
    if (count)
        qsort(values, count, sizeof *values, compare);
}

/* Halves are exact, and their sum cannot overflow. */
double bg_sorted_median(const double *ascending, size_t count)
{
    return ascending[(count - 1) / 2] / 2 + ascending[count / 2] / 2;
}
