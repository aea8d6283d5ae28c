/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/statistics.h"

#include <math.h>
#include <stdlib.h>

#define FEATURE_CLIP 45u
#define INPUT_CLIP 10u
#define WHOLE (BG_STATISTICS_ROWS * BG_STATISTICS_UNITS) /* the code of 1 per row in all rows */
#define ROUNDING 1e-12 /* of doubles in a comparison, relative */

struct bg_statistics_form bg_statistics_form(enum bg_task_stage stage, size_t columns, size_t classes)
{
    if (stage == BG_STAGE_MOMENTS)
        return (struct bg_statistics_form){.stage = stage,
                                           .columns = columns,
                                           .classes = classes,
                                           .seconds = columns,
                                           .first_most = 2 * FEATURE_CLIP * WHOLE,
                                           .second_most = FEATURE_CLIP * FEATURE_CLIP * WHOLE};
    return (struct bg_statistics_form){.stage = stage,
                                       .columns = columns,
                                       .seconds = columns * (columns + 1) / 2,
                                       .first_most = 2 * INPUT_CLIP * WHOLE,
                                       .second_most = 2 * INPUT_CLIP * INPUT_CLIP * WHOLE};
}

static uint64_t first_offset(const struct bg_statistics_form *form)
{
    return form->first_most / 2;
}

static uint64_t second_offset(const struct bg_statistics_form *form)
{
    return form->stage == BG_STAGE_MOMENTS ? 0 : form->second_most / 2;
}

/* ---- a member ---- */

static uint64_t code(double sum, uint64_t offset)
{
    return (uint64_t)((int64_t)floor(sum * (double)BG_STATISTICS_UNITS + 0.5) + (int64_t)offset);
}

static double clipped(float value, double limit)
{
    double x = (double)value;
    return x > limit ? limit : x < -limit ? -limit : x;
}

/* Adds one row to the sums. */
static void add_row(const struct bg_statistics_form *form, const float *row, double *x, double *firsts, double *seconds)
{
    bool moments = form->stage == BG_STAGE_MOMENTS;
    size_t columns = form->columns, product = 0;
    for (size_t j = 0; j < columns; j++) {
        x[j] = clipped(row[j], moments ? FEATURE_CLIP : INPUT_CLIP);
        firsts[j] += x[j];
        if (moments)
            seconds[j] += x[j] * x[j];
    }
    for (size_t i = 0; !moments && i < columns; product += columns - i, i++)
        if (x[i] != 0)
            for (size_t j = i; j < columns; j++)
                seconds[product + j - i] += x[i] * x[j];
}

static enum bg_status add_rows(const struct bg_statistics_form *form, const struct bg_examples *examples,
                               double *sums, uint64_t *slots, struct bg_error *error)
{
    double *x = sums, *firsts = sums + form->columns, *seconds = firsts + form->columns;
    for (size_t i = 0; i < examples->count; i++) {
        const float *row = bg_example_features(examples, i);
        for (size_t j = 0; j < form->columns; j++)
            if (!isfinite(row[j]))
                return bg_fail(error, BG_NOT_FINITE, "statistics: feature column %zu has a NaN or infinity", j);
        if (form->classes)
            slots[1 + bg_example_label(examples, i)]++;
        add_row(form, row, x, firsts, seconds);
    }
    return BG_OK;
}

enum bg_status bg_statistics_measure(const struct bg_statistics_form *form, const struct bg_examples *examples,
                                     struct bg_error *error, uint64_t *ret_slots)
{
    size_t columns = form->columns, slot = 1 + form->classes;
    if (examples->columns != columns || (form->classes && examples->classes != form->classes))
        return bg_fail(error, BG_INVALID, "statistics: the examples have %zu columns and %u classes, the plan has "
                                          "%zu and %zu",
                       examples->columns, examples->classes, columns, form->classes);
    if (examples->count > BG_STATISTICS_ROWS)
        return bg_fail(error, BG_TOO_LARGE, "statistics: %zu rows, at most %llu may count: give the client fewer",
                       examples->count, (unsigned long long)BG_STATISTICS_ROWS);
    double *sums = calloc(2 * columns + form->seconds, sizeof *sums);
    if (!sums)
        return bg_fail(error, BG_NO_MEMORY, "statistics: out of memory");
    for (size_t i = 0; i < slot; i++)
        ret_slots[i] = 0;
    ret_slots[0] = examples->count;
    enum bg_status status = add_rows(form, examples, sums, ret_slots, error);
    for (size_t j = 0; j < columns; j++)
        ret_slots[slot + j] = code(sums[columns + j], first_offset(form));
    slot += columns;
    for (size_t j = 0; j < form->seconds; j++)
        ret_slots[slot + j] = code(sums[2 * columns + j], second_offset(form));
    free(sums);
    return status;
}

/* ---- a group ---- */

void bg_statistics_read(const struct bg_statistics_form *form, const uint64_t *slots, uint32_t members,
                        double *ret_firsts, double *ret_seconds)
{
    const uint64_t *firsts = slots + 1 + form->classes, *seconds = firsts + form->columns;
    for (size_t j = 0; j < form->columns; j++)
        ret_firsts[j] = (double)(int64_t)(firsts[j] - members * first_offset(form)) / (double)BG_STATISTICS_UNITS;
    for (size_t j = 0; j < form->seconds; j++)
        ret_seconds[j] = (double)(int64_t)(seconds[j] - members * second_offset(form)) / (double)BG_STATISTICS_UNITS;
}

/* |product| ≤ √(a b), where each of the three sums may be off by the rounding of so many members; in units. */
static bool cauchy_schwarz(double product, double a, double b, double members)
{
    double least = fabs(product) - members;
    return least <= 0 || least * least <= (a + members) * (b + members) * (1 + ROUNDING);
}

static bool within(uint64_t slot, uint64_t offset, uint64_t bound)
{
    uint64_t magnitude = slot > offset ? slot - offset : offset - slot;
    return magnitude <= bound;
}

static enum bg_status check_counts(const struct bg_statistics_form *form, const uint64_t *slots, uint32_t members,
                                   size_t *reterr_slot)
{
    uint64_t rows = slots[0], counted = 0;
    *reterr_slot = 0;
    if (rows > members * BG_STATISTICS_ROWS)
        return BG_OUT_OF_RANGE;
    for (size_t i = 0; i < form->classes; i++) {
        *reterr_slot = 1 + i;
        if (slots[1 + i] > rows - counted)
            return BG_OUT_OF_RANGE;
        counted += slots[1 + i];
    }
    return form->classes && counted != rows ? BG_OUT_OF_RANGE : BG_OK;
}

static enum bg_status check_moments(const struct bg_statistics_form *form, const uint64_t *slots, uint32_t members,
                                    size_t *reterr_slot)
{
    uint64_t units = slots[0] * BG_STATISTICS_UNITS, offset = members * first_offset(form);
    const uint64_t *firsts = slots + 1 + form->classes, *seconds = firsts + form->columns;
    for (size_t j = 0; j < form->columns; j++) {
        *reterr_slot = 1 + form->classes + j;
        if (!within(firsts[j], offset, FEATURE_CLIP * units))
            return BG_OUT_OF_RANGE;
        *reterr_slot += form->columns;
        double first = (double)(int64_t)(firsts[j] - offset);
        if (seconds[j] > FEATURE_CLIP * FEATURE_CLIP * units ||
            !cauchy_schwarz(first, (double)units, (double)seconds[j], members))
            return BG_OUT_OF_RANGE;
    }
    return BG_OK;
}

static enum bg_status check_products(const struct bg_statistics_form *form, const uint64_t *slots, uint32_t members,
                                     size_t *reterr_slot)
{
    size_t columns = form->columns;
    uint64_t units = slots[0] * BG_STATISTICS_UNITS, offset = members * second_offset(form);
    const uint64_t *firsts = slots + 1, *seconds = firsts + columns;
    for (size_t i = 0; i < columns; i++) {
        uint64_t own = seconds[bg_statistics_product(columns, i, i)];
        double first = (double)(int64_t)(firsts[i] - members * first_offset(form));
        *reterr_slot = 1 + i;
        if (!within(firsts[i], members * first_offset(form), INPUT_CLIP * units) || own < offset ||
            !cauchy_schwarz(first, (double)units, (double)(own - offset), members))
            return BG_OUT_OF_RANGE;
    }
    for (size_t i = 0; i < columns; i++)
        for (size_t j = i; j < columns; j++) {
            uint64_t product = seconds[bg_statistics_product(columns, i, j)];
            double a = (double)(seconds[bg_statistics_product(columns, i, i)] - offset);
            double b = (double)(seconds[bg_statistics_product(columns, j, j)] - offset);
            *reterr_slot = 1 + columns + bg_statistics_product(columns, i, j);
            if (!within(product, offset, INPUT_CLIP * INPUT_CLIP * units) ||
                !cauchy_schwarz((double)(int64_t)(product - offset), a, b, members))
                return BG_OUT_OF_RANGE;
        }
    return BG_OK;
}

enum bg_status bg_statistics_check(const struct bg_statistics_form *form, const uint64_t *slots, uint32_t members,
                                   size_t *reterr_slot)
{
    enum bg_status status = check_counts(form, slots, members, reterr_slot);
    if (status != BG_OK)
        return status;
    return form->stage == BG_STAGE_MOMENTS ? check_moments(form, slots, members, reterr_slot)
                                           : check_products(form, slots, members, reterr_slot);
}
