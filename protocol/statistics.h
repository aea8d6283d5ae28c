/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics of a client's rows as slots: what the stages MOMENTS and COVARIANCE add up over a group. With n rows of
 * C columns, K classes, and w = BG_STATISTICS_UNITS units to 1:
 *
 *   stage        slots in order                                 value of one member
 *   MOMENTS      1          rows                                n ≤ BG_STATISTICS_ROWS
 *                K          rows of each class                  0 … n
 *                C          Σ x_j        wide                   round(w Σ x_j) + w·45·BG_STATISTICS_ROWS
 *                C          Σ x_j²       wide                   round(w Σ x_j²)
 *   COVARIANCE   1          rows                                n
 *                C          Σ z_j        wide                   round(w Σ z_j) + w·10·BG_STATISTICS_ROWS
 *                C(C+1)/2   Σ z_i z_j    wide, i ≤ j, by rows   round(w Σ z_i z_j) + w·100·BG_STATISTICS_ROWS
 *
 * x is a feature after its signed logarithm, clipped to ±45; z the same after the model's mean and scale, clipped to
 * ±10. Sums are taken in double by ascending row and rounded once, half up.
 *
 * No sum of a group overflows: the largest code of one member is 45²·2^24·2^16 < 2^51 (MOMENTS: Σ x²), and a group has
 * at most 64 = 2^6 members, so a slot stays below 2^57. Partial sums are exact bounds too: a value within ±b adds at
 * most b to a sum of at most (i − 1)·b, and i·b is a double, so rounding cannot pass it.
 */
#pragma once

#include "base/error.h"
#include "base/examples.h"
#include "wire/task.h"

#define BG_STATISTICS_ROWS ((uint64_t)1 << 24)  /* of one client, at most */
#define BG_STATISTICS_UNITS ((uint64_t)1 << 16) /* to 1 */
#define BG_STATISTICS_COLUMNS 4096              /* at most: their products still fit an update */

/* Which slots a stage has; of stages that measure. */
struct bg_statistics_form {
    enum bg_task_stage stage;
    size_t columns;
    size_t classes; /* K in MOMENTS, 0 in COVARIANCE */
    size_t seconds; /* Σ x² or Σ z_i z_j */
    uint64_t first_most, second_most; /* largest code of one member */
};

/* Columns and classes of the plan. */
struct bg_statistics_form bg_statistics_form(enum bg_task_stage stage, size_t columns, size_t classes);
static inline size_t bg_statistics_slots(const struct bg_statistics_form *form)
{
    return 1 + form->classes + form->columns + form->seconds;
}
/* Place of Σ z_i z_j, i ≤ j, among the seconds. */
static inline size_t bg_statistics_product(size_t columns, size_t i, size_t j)
{
    return i * columns - i * (i + 1) / 2 + j;
}

/* One member's slots from its rows: x in MOMENTS, z in COVARIANCE. BG_TOO_LARGE over BG_STATISTICS_ROWS; BG_NOT_FINITE
 * names the column; BG_INVALID for other columns or classes than the form's. */
BG_MUST_CHECK enum bg_status bg_statistics_measure(const struct bg_statistics_form *form,
                                                   const struct bg_examples *examples, struct bg_error *error,
                                                   uint64_t *ret_slots);

/* Whether `members` honest members can have made these sums: every Σ within what so many rows allow, classes that add
 * up to the rows, and (Σ x)² ≤ n Σ x², (Σ z_i z_j)² ≤ Σ z_i² Σ z_j², each up to the rounding of the members.
 * BG_OUT_OF_RANGE: reterr_slot is the first that cannot be. */
BG_MUST_CHECK enum bg_status bg_statistics_check(const struct bg_statistics_form *form, const uint64_t *slots,
                                                 uint32_t members, size_t *reterr_slot);

/* Sums as numbers again; both out (columns) and (seconds). */
void bg_statistics_read(const struct bg_statistics_form *form, const uint64_t *slots, uint32_t members,
                        double *ret_firsts, double *ret_seconds);
