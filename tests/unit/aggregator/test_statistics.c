/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/statistics.h"

#include "robust/rule.h"
#include "tests/unit/no_leaks.h"
#include "tests/vectors/statistics_vectors.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_GROUPS 16
#define MOST_SLOTS 64

/* Opened sums: the count field, then the slots of the statistics. */
struct fixture {
    struct bg_statistics_form form;
    uint64_t fields[MOST_GROUPS][MOST_SLOTS];
    struct bg_group_sum groups[MOST_GROUPS];
    struct bg_statistics_input input;
    bool used[MOST_GROUPS];
    float mean[STATISTICS_COLUMNS], scale[STATISTICS_COLUMNS], prior[STATISTICS_CLASSES];
    struct bg_error error;
};

static void begin(struct fixture *f, enum bg_task_stage stage)
{
    *f = (struct fixture){.form = bg_statistics_form(stage, STATISTICS_COLUMNS, STATISTICS_CLASSES)};
    f->input = (struct bg_statistics_input){.form = &f->form, .groups = f->groups, .faulty = BG_FAULTY_UNSET};
}

static uint64_t *add(struct fixture *f, const uint64_t *slots, size_t members)
{
    size_t g = f->input.count++;
    f->fields[g][0] = members;
    memcpy(f->fields[g] + 1, slots, bg_statistics_slots(&f->form) * sizeof *slots);
    f->groups[g] = (struct bg_group_sum){.members = (uint32_t)members, .fields = f->fields[g]};
    return f->fields[g] + 1;
}

static void add_known(struct fixture *f, enum bg_task_stage stage)
{
    begin(f, stage);
    for (size_t g = 0; g < STATISTICS_GROUPS; g++)
        add(f, stage == BG_STAGE_MOMENTS ? statistics_moments[g] : statistics_products[g], statistics_members[g][0]);
}

static enum bg_status fit(struct fixture *f)
{
    return bg_statistics_moments(&f->input, &f->error, f->used, f->mean, f->scale, f->prior);
}

static void expect_close(const float *got, const float *wanted, size_t count, const char *what)
{
    for (size_t i = 0; i < count; i++)
        cr_assert_float_eq(got[i], wanted[i], 2e-7 * fabs((double)wanted[i]), "%s %zu: %.9g, not %.9g", what, i,
                           (double)got[i], (double)wanted[i]);
}

Test(statistics, moments_agree_with_numpy)
{
    struct fixture f;
    add_known(&f, BG_STAGE_MOMENTS);
    cr_assert_eq(fit(&f), BG_OK, "%s", f.error.text);
    expect_close(f.mean, statistics_mean, STATISTICS_COLUMNS, "mean");
    expect_close(f.scale, statistics_scale, STATISTICS_COLUMNS, "scale");
    expect_close(f.prior, statistics_prior, STATISTICS_CLASSES, "prior");
    for (size_t g = 0; g < STATISTICS_GROUPS; g++)
        cr_assert_eq(f.used[g], g != 6, "the group that exaggerates is left out, no other: %zu", g);
    cr_assert(f.scale[2] == 0 && f.scale[3] == 1, "constant; varies in one group only");
    cr_assert_eq(f.prior[2], 0, "a class that is absent");
    NO_LEAKS();
}

Test(statistics, components_agree_with_numpy)
{
    struct fixture f;
    struct bg_principal principal;
    struct bg_projection_settings all = {.components = STATISTICS_COLUMNS};
    add_known(&f, BG_STAGE_COVARIANCE);
    cr_assert_eq(bg_statistics_principal(&f.input, &all, &f.error, f.used, &principal), BG_OK, "%s", f.error.text);
    cr_assert_eq(principal.components, STATISTICS_COLUMNS);
    for (size_t k = 0; k < STATISTICS_COLUMNS; k++) {
        cr_assert_float_eq(principal.values[k], statistics_values[k], 1e-12);
        for (size_t j = 0; j < STATISTICS_COLUMNS; j++)
            cr_assert_float_eq((double)principal.rows[k * STATISTICS_COLUMNS + j],
                               statistics_rows[k * STATISTICS_COLUMNS + j], 1e-6, "row %zu, column %zu", k, j);
    }
    cr_assert_not(f.used[6]);
    bg_principal_finish(&principal);
    NO_LEAKS();
}

Test(statistics, a_share_of_the_variance_takes_the_fewest_components)
{
    static const struct {
        double share;
        size_t components;
    } cases[] = {{0.1, 1}, {0.82, 1}, {0.84, 2}, {1, 2}};
    struct fixture f;
    add_known(&f, BG_STAGE_COVARIANCE);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bg_principal principal;
        struct bg_projection_settings settings = {.variance = cases[i].share};
        cr_assert_eq(bg_statistics_principal(&f.input, &settings, &f.error, f.used, &principal), BG_OK);
        cr_assert_eq(principal.components, cases[i].components, "%g: %zu", cases[i].share, principal.components);
        bg_principal_finish(&principal);
    }
    struct bg_principal principal;
    struct bg_projection_settings too_many = {.components = STATISTICS_COLUMNS + 1};
    cr_assert_eq(bg_statistics_principal(&f.input, &too_many, &f.error, f.used, &principal), BG_CONFIG);
    cr_assert_not_null(strstr(f.error.text, "model.components=6"), "%s", f.error.text);
    NO_LEAKS();
}

/* Three of ten groups say that they have seen nothing but zeros, in as many rows as may be. */
Test(statistics, medians_hold_while_most_groups_are_honest)
{
    struct fixture honest, attacked;
    begin(&honest, BG_STAGE_MOMENTS);
    begin(&attacked, BG_STAGE_MOMENTS);
    for (size_t g = 0; g < 10; g++) {
        add(&honest, statistics_moments[g % 6], statistics_members[g % 6][0]);
        uint64_t *slots = add(&attacked, statistics_moments[g % 6], statistics_members[g % 6][0]);
        if (g % 5 > 1 || g == 0)
            continue;
        uint64_t rows = (uint64_t)attacked.groups[g].members * BG_STATISTICS_ROWS;
        memset(slots, 0, bg_statistics_slots(&attacked.form) * sizeof *slots);
        slots[0] = slots[STATISTICS_CLASSES] = rows;
        for (size_t j = 0; j < STATISTICS_COLUMNS; j++)
            slots[1 + STATISTICS_CLASSES + j] = attacked.groups[g].members * attacked.form.first_most / 2;
    }
    cr_assert_eq(fit(&honest), BG_OK);
    cr_assert_eq(fit(&attacked), BG_OK);
    for (size_t j = 0; j < STATISTICS_COLUMNS; j += STATISTICS_COLUMNS - 1) {
        cr_assert_lt(fabs((double)(attacked.mean[j] - honest.mean[j])) * (double)honest.scale[j], 0.5, "mean %zu", j);
        cr_assert_lt(fabs(log((double)(attacked.scale[j] / honest.scale[j]))), log(2), "scale %zu", j);
    }
    cr_assert_eq(attacked.mean[2], honest.mean[2]);
    cr_assert_eq(attacked.scale[2], 1, "as far as anybody can tell it varies, in units of its own");
    cr_assert_lt(attacked.prior[2], 0.7, "three groups count as six at most, whatever rows they claim");
    NO_LEAKS();
}

/* Even where most groups contain one who exaggerates. */
Test(statistics, the_screen_finds_those_who_exaggerate)
{
    struct fixture f;
    begin(&f, BG_STAGE_MOMENTS);
    for (size_t g = 0; g < 3; g++)
        add(&f, statistics_moments[g], statistics_members[g][0]);
    for (size_t g = 0; g < 5; g++)
        add(&f, statistics_moments[6], statistics_members[6][0]);
    cr_assert_eq(fit(&f), BG_OK);
    for (size_t g = 0; g < 8; g++)
        cr_assert_eq(f.used[g], g < 3, "group %zu", g);
    cr_assert_lt(f.mean[0], 5.0f);
}

Test(statistics, groups_without_rows_do_not_count)
{
    struct fixture f;
    begin(&f, BG_STAGE_MOMENTS);
    uint64_t nothing[MOST_SLOTS] = {0};
    for (size_t j = 0; j < STATISTICS_COLUMNS; j++)
        nothing[1 + STATISTICS_CLASSES + j] = 3 * f.form.first_most / 2;
    cr_assert_eq(fit(&f), BG_TOO_FEW);
    add(&f, nothing, 3);
    cr_assert_eq(fit(&f), BG_TOO_FEW);
    cr_assert_not_null(strstr(f.error.text, "rows"), "%s", f.error.text);
    add(&f, statistics_moments[1], statistics_members[1][0]);
    cr_assert_eq(fit(&f), BG_OK, "one group is enough");
    cr_assert(!f.used[0] && f.used[1]);
    NO_LEAKS();
}
