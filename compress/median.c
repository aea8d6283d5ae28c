/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/median.h"

#include <assert.h>

static void swap(float *a, float *b)
{
    float kept = *a;
    *a = *b;
    *b = kept;
}

static float middle_of_three(float a, float b, float c)
{
    if (a > b)
        swap(&a, &b);
    return c <= a ? a : c < b ? c : b;
}

/* Reorders so that values[wanted] is the one of that rank, nothing before it is larger, nothing after it
 * smaller. */
static void select_rank(float *values, size_t count, size_t wanted)
{
    size_t low = 0, high = count - 1;
    while (low < high) {
        float pivot = middle_of_three(values[low], values[low + (high - low) / 2], values[high]);
        /* Hoare's partition. The pivot is one of the values, so both scans meet one that stops them; they
         * stop at equal values too, which keeps runs of ties balanced. */
        size_t i = low, j = high;
        for (;;) {
            while (values[i] < pivot)
                i++;
            while (values[j] > pivot)
                j--;
            if (i >= j)
                break;
            swap(&values[i++], &values[j--]);
        }
        /* low..i−1 ≤ pivot ≤ j+1..high, and i is j+1, or j where that value is the pivot itself. */
        if (i == j && wanted == i)
            return;
        if (wanted < i)
            high = i - 1;
        else
            low = i == j ? i + 1 : i;
    }
}

double bg_median(float *values, size_t count)
{
    assert(count > 0);
    size_t upper = count / 2;
    select_rank(values, count, upper);
    if (count % 2)
        return (double)values[upper];
    float lower = values[0];
    for (size_t i = 1; i < upper; i++)
        lower = values[i] > lower ? values[i] : lower;
    return ((double)lower + (double)values[upper]) / 2;
}
