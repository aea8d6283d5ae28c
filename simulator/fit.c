/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/fit.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The upper of the two middle ones. */
static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, ascending);
    return count ? values[count / 2] : 0;
}

enum bg_status bg_fit_compare(const struct bg_transform *fitted, const struct bg_transform *central,
                              struct bg_fit_distance *ret_distance)
{
    struct bg_fit_distance d = {.features = 0};
    double *means = calloc(central->columns + 1, sizeof *means), *scales = calloc(central->columns + 1, sizeof *scales);
    if (!means || !scales) {
        free(means);
        free(scales);
        return BG_NO_MEMORY;
    }
    for (size_t j = 0; j < central->columns; j++) {
        double scale = (double)central->scale[j];
        if (scale <= 0)
            continue;
        means[d.features] = fabs((double)fitted->mean[j] - (double)central->mean[j]) * scale;
        scales[d.features] = fabs((double)fitted->scale[j] / scale - 1);
        d.dropped += fitted->scale[j] <= 0;
        d.features++;
    }
    d.mean_median = median(means, d.features);
    d.scale_median = median(scales, d.features);
    d.mean_most = d.features ? means[d.features - 1] : 0;
    d.scale_most = d.features ? scales[d.features - 1] : 0;
    free(means);
    free(scales);
    *ret_distance = d;
    return BG_OK;
}
