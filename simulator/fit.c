/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/fit.h"

#include "base/order.h"

#include <math.h>
#include <stdlib.h>

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
    bg_sort(means, d.features);
    bg_sort(scales, d.features);
    if (d.features) {
        d.mean_median = bg_sorted_median(means, d.features);
        d.scale_median = bg_sorted_median(scales, d.features);
        d.mean_most = means[d.features - 1];
        d.scale_most = scales[d.features - 1];
    }
    free(means);
    free(scales);
    *ret_distance = d;
    return BG_OK;
}
