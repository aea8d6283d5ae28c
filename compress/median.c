/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/median.h"

#include "compress/kernel.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

/* Values that are selected from as they are. */
#define FEW 4096
/* Of n sampled values, the one in the middle of all lies n/2 ± sqrt(n)/2 places up: here 256 ± 11.3. */
#define SAMPLE 512
#define MARGIN 40

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

/* Two of the values, likely on either side of those of the ranks `lower` and `upper`, which are neighbours. Places that
 * multiples of the golden ratio choose follow no row or column of a matrix. */
static void bracket(const float *values, size_t count, size_t lower, size_t upper, float *ret_low, float *ret_high)
{
    float sample[SAMPLE];
    for (uint64_t i = 0; i < SAMPLE; i++) {
        uint64_t turn = i * 0x9e3779b97f4a7c15u >> 32;
        sample[i] = values[turn * count >> 32];
    }
    size_t low = (size_t)((uint64_t)lower * SAMPLE / count), high = (size_t)((uint64_t)upper * SAMPLE / count);
    low = low < MARGIN ? 0 : low - MARGIN;
    high = high + MARGIN < SAMPLE ? high + MARGIN : SAMPLE - 1;
    select_rank(sample, SAMPLE, low);
    *ret_low = sample[low];
    select_rank(sample + low, SAMPLE - low, high - low);
    *ret_high = sample[high];
}

double bg_median(const float *values, size_t count, float *workspace)
{
    assert(count > 0);
    const struct bg_codec_kernel *kernel = bg_codec_kernel();
    size_t lower = (count - 1) / 2, upper = count / 2;
    while (count > FEW) {
        float low, high;
        bracket(values, count, lower, upper, &low, &high);
        size_t below, within;
        kernel->divide(values, count, low, high, &below, &within);
        if (lower < below || upper >= below + within)
            break;
        if (low == high)
            return (double)low;
        if (within > count / 2)
            break;
        count = kernel->keep(values, count, low, high, workspace);
        values = workspace;
        lower -= below;
        upper -= below;
    }
    if (values != workspace)
        memcpy(workspace, values, count * sizeof *values);
    select_rank(workspace, count, lower);
    float first = workspace[lower];
    select_rank(workspace + lower, count - lower, upper - lower);
    return ((double)first + (double)workspace[upper]) / 2;
}
