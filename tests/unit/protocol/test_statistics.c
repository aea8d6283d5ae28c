/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/statistics.h"

#include "tests/unit/no_leaks.h"
#include "tests/vectors/statistics_vectors.h"
#include "wire/limits.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#define MOST_SLOTS 64

static struct bg_statistics_form moments_form(void)
{
    return bg_statistics_form(BG_STAGE_MOMENTS, STATISTICS_COLUMNS, STATISTICS_CLASSES);
}

static struct bg_statistics_form products_form(void)
{
    return bg_statistics_form(BG_STAGE_COVARIANCE, STATISTICS_COLUMNS, STATISTICS_CLASSES);
}

static struct bg_examples one_client(uint16_t labels[static STATISTICS_CLIENT_ROWS])
{
    for (size_t i = 0; i < STATISTICS_CLIENT_ROWS; i++)
        labels[i] = (uint16_t)statistics_labels[0][i];
    return (struct bg_examples){.features = statistics_features,
                                .labels = labels,
                                .count = STATISTICS_CLIENT_ROWS,
                                .columns = STATISTICS_COLUMNS,
                                .classes = STATISTICS_CLASSES};
}

Test(statistics, agree_with_numpy_bit_for_bit)
{
    uint16_t labels[STATISTICS_CLIENT_ROWS];
    struct bg_examples examples = one_client(labels);
    struct bg_statistics_form form = moments_form();
    float z[STATISTICS_CLIENT_ROWS * STATISTICS_COLUMNS];
    uint64_t slots[MOST_SLOTS];
    cr_assert_eq(bg_statistics_slots(&form), sizeof statistics_client_moments[0] / sizeof(uint64_t));
    cr_assert_eq(bg_statistics_measure(&form, &examples, NULL, slots), BG_OK);
    cr_assert_arr_eq(slots, statistics_client_moments[0], sizeof statistics_client_moments[0]);
    for (size_t i = 0; i < STATISTICS_CLIENT_ROWS * STATISTICS_COLUMNS; i++) {
        size_t j = i % STATISTICS_COLUMNS;
        z[i] = (statistics_features[i] - statistics_mean[j]) * statistics_scale[j];
    }
    examples.features = z;
    form = products_form();
    cr_assert_eq(bg_statistics_slots(&form), sizeof statistics_client_products[0] / sizeof(uint64_t));
    cr_assert_eq(bg_statistics_measure(&form, &examples, NULL, slots), BG_OK);
    cr_assert_arr_eq(slots, statistics_client_products[0], sizeof statistics_client_products[0]);
    NO_LEAKS();
}

Test(statistics, sums_of_groups_are_accepted_and_read_back)
{
    struct bg_statistics_form form = moments_form();
    double firsts[STATISTICS_COLUMNS], seconds[MOST_SLOTS];
    size_t slot;
    for (size_t g = 0; g < STATISTICS_GROUPS; g++) {
        uint32_t members = (uint32_t)statistics_members[g][0];
        cr_assert_eq(bg_statistics_check(&form, statistics_moments[g], members, &slot), BG_OK, "group %zu", g);
        struct bg_statistics_form products = products_form();
        cr_assert_eq(bg_statistics_check(&products, statistics_products[g], members, &slot), BG_OK, "group %zu", g);
    }
    bg_statistics_read(&form, statistics_moments[6], 3, firsts, seconds);
    double rows = (double)statistics_moments[6][0];
    cr_assert_eq(firsts[0], 44 * rows);
    cr_assert_eq(seconds[0], 44 * 44 * rows);
}

/* The largest sums of the largest group are neither cut nor refused. */
Test(statistics, the_largest_sums_fit)
{
    for (int stage = BG_STAGE_MOMENTS; stage <= BG_STAGE_COVARIANCE; stage++) {
        struct bg_statistics_form form = bg_statistics_form((enum bg_task_stage)stage, 2, 2);
        uint64_t slots[MOST_SLOTS] = {BG_STATISTICS_ROWS * BG_MAX_GROUP_MEMBERS};
        double firsts[2], seconds[3], limit = stage == BG_STAGE_MOMENTS ? 45 : 10;
        size_t slot;
        if (form.classes)
            slots[2] = slots[0];
        uint64_t *sums = slots + 1 + form.classes;
        for (size_t j = 0; j < form.columns; j++)
            cr_assert_not(__builtin_mul_overflow(form.first_most, BG_MAX_GROUP_MEMBERS, &sums[j]));
        for (size_t j = 0; j < form.seconds; j++)
            cr_assert_not(__builtin_mul_overflow(form.second_most, BG_MAX_GROUP_MEMBERS, &sums[form.columns + j]));
        cr_assert_eq(bg_statistics_check(&form, slots, BG_MAX_GROUP_MEMBERS, &slot), BG_OK, "slot %zu", slot);
        bg_statistics_read(&form, slots, BG_MAX_GROUP_MEMBERS, firsts, seconds);
        cr_assert_eq(firsts[1], limit * (double)slots[0]);
        cr_assert_eq(seconds[form.seconds - 1], limit * limit * (double)slots[0]);
        slots[0]++;
        cr_assert_eq(bg_statistics_check(&form, slots, BG_MAX_GROUP_MEMBERS, &slot), BG_OUT_OF_RANGE);
        cr_assert_eq(slot, 0);
    }
}

static void expect_refused(const struct bg_statistics_form *form, const uint64_t *good, uint32_t members, size_t slot,
                           uint64_t value, size_t named)
{
    uint64_t slots[MOST_SLOTS];
    size_t found = SIZE_MAX;
    memcpy(slots, good, bg_statistics_slots(form) * sizeof *slots);
    slots[slot] = value;
    cr_assert_eq(bg_statistics_check(form, slots, members, &found), BG_OUT_OF_RANGE, "slot %zu = %llu", slot,
                 (unsigned long long)value);
    cr_assert_eq(found, named, "slot %zu, not %zu", found, named);
}

Test(statistics, refuses_sums_that_no_honest_members_can_make)
{
    struct bg_statistics_form form = moments_form();
    const uint64_t *good = statistics_moments[0];
    size_t firsts = 1 + STATISTICS_CLASSES, seconds = firsts + STATISTICS_COLUMNS;
    uint64_t zero = 3 * form.first_most / 2, units = good[0] << 16;
    expect_refused(&form, good, 3, 1, good[1] + 1, 2);
    expect_refused(&form, good, 3, 3, good[3] + 1, 3);
    expect_refused(&form, good, 3, 2, good[2] - 1, 3);
    expect_refused(&form, good, 3, firsts, zero + 45 * units + 1, firsts);
    expect_refused(&form, good, 3, firsts + 4, zero - 45 * units - 1, firsts + 4);
    expect_refused(&form, good, 3, seconds, 2025 * units + 1, seconds);
    expect_refused(&form, good, 3, seconds + 2, 0, seconds + 2);

    form = products_form();
    good = statistics_products[0];
    firsts = 1;
    seconds = 1 + STATISTICS_COLUMNS;
    zero = 3 * form.first_most / 2;
    uint64_t nothing = 3 * form.second_most / 2;
    expect_refused(&form, good, 3, firsts, zero + 10 * units + 1, firsts);
    expect_refused(&form, good, 3, seconds, nothing - 1, firsts);
    expect_refused(&form, good, 3, seconds, nothing, firsts);
    expect_refused(&form, good, 3, seconds + 4, nothing + 90 * units, seconds + 4);
    expect_refused(&form, good, 3, seconds + 4, nothing - 90 * units, seconds + 4);
    expect_refused(&form, good, 3, seconds + 1, nothing + 100000, seconds + 1);
}

Test(statistics, a_client_with_one_row_or_none_is_a_client)
{
    float row[2] = {50, -100};
    uint16_t label = 1;
    struct bg_examples examples = {row, &label, NULL, 1, 2, 2};
    struct bg_statistics_form form = bg_statistics_form(BG_STAGE_MOMENTS, 2, 2);
    uint64_t slots[MOST_SLOTS];
    double firsts[2], seconds[2];
    size_t slot;
    cr_assert_eq(bg_statistics_measure(&form, &examples, NULL, slots), BG_OK);
    cr_assert_eq(bg_statistics_check(&form, slots, 1, &slot), BG_OK);
    bg_statistics_read(&form, slots, 1, firsts, seconds);
    cr_assert(firsts[0] == 45 && firsts[1] == -45 && seconds[0] == 2025 && seconds[1] == 2025, "clipped");
    cr_assert(slots[0] == 1 && slots[1] == 0 && slots[2] == 1);
    examples.count = 0;
    cr_assert_eq(bg_statistics_measure(&form, &examples, NULL, slots), BG_OK);
    cr_assert_eq(bg_statistics_check(&form, slots, 1, &slot), BG_OK);
    bg_statistics_read(&form, slots, 1, firsts, seconds);
    cr_assert(firsts[0] == 0 && seconds[0] == 0);
    NO_LEAKS();
}

Test(statistics, refuses_what_cannot_be_measured)
{
    float rows[4] = {1, 2, 3, NAN};
    uint16_t labels[2] = {0, 1};
    struct bg_examples examples = {rows, labels, NULL, 2, 2, 2};
    struct bg_statistics_form form = bg_statistics_form(BG_STAGE_MOMENTS, 2, 2);
    uint64_t slots[MOST_SLOTS];
    struct bg_error error;
    cr_assert_eq(bg_statistics_measure(&form, &examples, &error, slots), BG_NOT_FINITE);
    cr_assert_not_null(strstr(error.text, "column 1"), "%s", error.text);
    examples.count = (size_t)BG_STATISTICS_ROWS + 1;
    cr_assert_eq(bg_statistics_measure(&form, &examples, &error, slots), BG_TOO_LARGE);
    examples.columns = 3;
    cr_assert_eq(bg_statistics_measure(&form, &examples, &error, slots), BG_INVALID);
    examples.columns = 2;
    examples.classes = 3;
    cr_assert_eq(bg_statistics_measure(&form, &examples, &error, slots), BG_INVALID);
    NO_LEAKS();
}
