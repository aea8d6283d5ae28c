/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/scale.h"

#include "base/math.h"
#include "base/order.h"

#include <math.h>
#include <stdlib.h>

static bool travels(const struct bg_codec_round *round, size_t tensor)
{
    return !round->travels || round->travels[tensor];
}

static enum bg_status check_sums(const struct bg_layout *layout, const struct bg_codec_round *round,
                                 uint32_t most, const char *field, const struct bg_field_sums *groups,
                                 size_t group_count, struct bg_error *error)
{
    if (group_count == 0)
        return bg_fail(error, BG_TOO_FEW, "no used group reported %s fields", field);
    for (size_t g = 0; g < group_count; g++) {
        if (groups[g].members == 0)
            return bg_fail(error, BG_INVALID, "used group %zu has no members", g);
        for (size_t t = 0; t < layout->tensor_count; t++) {
            if (travels(round, t) && groups[g].sums[t] > (uint64_t)most * groups[g].members)
                return bg_fail(error, BG_OUT_OF_RANGE,
                               "used group %zu: %s field of tensor \"%s\" sums to %llu, more than its %u "
                               "members can reach",
                               g, field, layout->tensors[t].name, (unsigned long long)groups[g].sums[t],
                               (unsigned)groups[g].members);
        }
    }
    return BG_OK;
}

static void sorted_means(const struct bg_field_sums *groups, size_t group_count, size_t tensor,
                         double *ret_means)
{
    for (size_t g = 0; g < group_count; g++)
        ret_means[g] = (double)groups[g].sums[tensor] / (double)groups[g].members;
    bg_sort(ret_means, group_count);
}

static double bounded(double scale)
{
    return fmin(fmax(scale, ldexp(1, -64)), ldexp(1, 64));
}

enum bg_status bg_codec_scales(const struct bg_codec_settings *settings, const struct bg_layout *layout,
                               const struct bg_codec_round *round, uint64_t number,
                               const struct bg_field_sums *groups, size_t group_count, struct bg_error *error,
                               double *ret_scales)
{
    uint32_t most = round->scales_only ? BG_SCALE_FIELD_ABSOLUTE : BG_SCALE_FIELD_MAX;
    enum bg_status status = check_sums(layout, round, most, "scale", groups, group_count, error);
    if (status)
        return status;
    double *means = calloc(group_count, sizeof *means);
    if (!means)
        return BG_NO_MEMORY;
    size_t rank = (size_t)floor(settings->percentile * (double)(group_count - 1));
    for (size_t t = 0; t < layout->tensor_count; t++) {
        if (!travels(round, t)) {
            ret_scales[t] = round->scales[t];
            continue;
        }
        sorted_means(groups, group_count, t, means);
        if (round->scales_only) {
            ret_scales[t] = bounded(bg_exp2(means[rank] / 512 - 64));
            continue;
        }
        double factor = bg_exp2(means[rank] / 64 - 1);
        if (number > settings->growth_from && factor > settings->growth)
            factor = settings->growth;
        ret_scales[t] = bounded(round->scales[t] * factor);
    }
    free(means);
    return BG_OK;
}

enum bg_status bg_codec_centres(const struct bg_layout *layout, const struct bg_codec_round *round,
                                const struct bg_field_sums *groups, size_t group_count,
                                struct bg_error *error, double *ret_centres)
{
    enum bg_status status =
        check_sums(layout, round, BG_CENTRE_FIELD_MAX, "centre", groups, group_count, error);
    if (status)
        return status;
    double *means = calloc(group_count, sizeof *means);
    if (!means)
        return BG_NO_MEMORY;
    for (size_t t = 0; t < layout->tensor_count; t++) {
        if (!travels(round, t)) {
            ret_centres[t] = round->centres ? round->centres[t] : 0;
            continue;
        }
        sorted_means(groups, group_count, t, means);
        ret_centres[t] = round->scales[t] * (bg_sorted_median(means, group_count) / 64 - 1);
    }
    free(means);
    return BG_OK;
}
