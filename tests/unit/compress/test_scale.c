/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/scale.h"

#include "codec_fixture.h"

#include "tests/unit/no_leaks.h"

#include <string.h>

enum {
    GROUPS = 9
};

struct fields {
    struct bg_layout layout;
    struct bg_codec_settings settings;
    struct bg_codec_round round;
    double previous[2];
    uint64_t sums[GROUPS][2];
    struct bg_field_sums groups[GROUPS];
    struct bg_error error;
    double scales[2];
};

/* Groups of 4 whose members all report `field` for both tensors. */
static void fields_init(struct fields *f, uint64_t field)
{
    *f = (struct fields){.settings = standard_settings(BG_CODEC_EF), .previous = {0.5, 0.25}};
    make_layout(&f->layout, 2, (const uint32_t[]){3, 3});
    f->round.scales = f->previous;
    for (size_t g = 0; g < GROUPS; g++) {
        f->sums[g][0] = f->sums[g][1] = 4 * field;
        f->groups[g] = (struct bg_field_sums){f->sums[g], 4};
    }
}

static enum bg_status aggregate(struct fields *f, uint64_t round)
{
    return bg_codec_scales(&f->settings, &f->layout, &f->round, round, f->groups, GROUPS, &f->error,
                           f->scales);
}

Test(scale, follows_unanimous_groups)
{
    struct fields f;
    fields_init(&f, 64);
    cr_assert_eq(aggregate(&f, 1), BG_OK);
    cr_assert_eq(f.scales[0], 0.5);
    cr_assert_eq(f.scales[1], 0.25);
    bg_layout_finish(&f.layout);
    fields_init(&f, 0);
    cr_assert_eq(aggregate(&f, 100), BG_OK);
    cr_assert_eq(f.scales[0], 0.25);
    bg_layout_finish(&f.layout);
    fields_init(&f, 128);
    cr_assert_eq(aggregate(&f, 5), BG_OK);
    cr_assert_eq(f.scales[0], 1, "no limit up to round 5");
    cr_assert_eq(aggregate(&f, 6), BG_OK);
    cr_assert_eq(f.scales[0], 0.6);
    bg_layout_finish(&f.layout);
    NO_LEAKS();
}

Test(scale, takes_the_lower_percentile_of_group_means)
{
    struct fields f;
    fields_init(&f, 64);
    /* Means 0, 16, 32, … 128: index floor(0.25·8) = 2 is 32, which is 2^(32/64 − 1). */
    for (size_t g = 0; g < GROUPS; g++)
        f.sums[(g * 4) % GROUPS][0] = g * 16 * 4;
    cr_assert_eq(aggregate(&f, 1), BG_OK);
    cr_assert_float_eq(f.scales[0], 0.5 * sqrt(0.5), 1e-15);
    f.settings.percentile = 1;
    cr_assert_eq(aggregate(&f, 1), BG_OK);
    cr_assert_eq(f.scales[0], 1);
    bg_layout_finish(&f.layout);
}

Test(scale, lying_groups_move_it_little)
{
    struct fields honest, lied;
    fields_init(&honest, 70);
    fields_init(&lied, 70);
    for (size_t g = 0; g < GROUPS; g++)
        honest.sums[g][0] = lied.sums[g][0] = 4 * (60 + g);
    cr_assert_eq(aggregate(&honest, 1), BG_OK);
    lied.sums[8][0] = lied.sums[7][0] = 4 * 128;
    cr_assert_eq(aggregate(&lied, 1), BG_OK);
    cr_assert_eq(lied.scales[0], honest.scales[0], "liars upwards above the percentile change nothing");
    lied.sums[8][0] = lied.sums[7][0] = 0;
    cr_assert_eq(aggregate(&lied, 1), BG_OK);
    cr_assert_lt(lied.scales[0], honest.scales[0]);
    cr_assert_gt(lied.scales[0], honest.scales[0] * 0.97, "liars downwards are worth two places");
    bg_layout_finish(&honest.layout);
    bg_layout_finish(&lied.layout);
}

Test(scale, calibrates_absolutely)
{
    struct fields f;
    fields_init(&f, 512 * 61);
    f.round.scales_only = true;
    cr_assert_eq(aggregate(&f, 0), BG_OK);
    cr_assert_eq(f.scales[0], 0.125);
    bg_layout_finish(&f.layout);
    fields_init(&f, 65535);
    f.round.scales_only = true;
    cr_assert_eq(aggregate(&f, 0), BG_OK);
    cr_assert_leq(f.scales[0], ldexp(1, 64));
    bg_layout_finish(&f.layout);
    fields_init(&f, 0);
    f.round.scales_only = true;
    cr_assert_eq(aggregate(&f, 0), BG_OK);
    cr_assert_eq(f.scales[0], ldexp(1, -64));
    bg_layout_finish(&f.layout);
}

Test(scale, leaves_tensors_at_home_alone)
{
    struct fields f;
    fields_init(&f, 128);
    f.round.travels = (const bool[]){false, true};
    f.sums[0][0] = UINT64_MAX;
    cr_assert_eq(aggregate(&f, 1), BG_OK);
    cr_assert_eq(f.scales[0], 0.5);
    cr_assert_eq(f.scales[1], 0.5);
    bg_layout_finish(&f.layout);
}

Test(scale, refuses_sums_no_members_can_make)
{
    struct fields f;
    fields_init(&f, 128);
    f.sums[3][1] = 4 * 128 + 1;
    f.scales[0] = -1;
    cr_assert_eq(aggregate(&f, 1), BG_OUT_OF_RANGE);
    cr_assert_not_null(strstr(f.error.text, "group 3"), "%s", f.error.text);
    cr_assert_not_null(strstr(f.error.text, "\"b\""));
    cr_assert_eq(f.scales[0], -1);
    f.round.scales_only = true;
    cr_assert_eq(aggregate(&f, 1), BG_OK, "within the range of absolute fields");
    f.sums[3][1] = 4 * 65535 + 1;
    cr_assert_eq(aggregate(&f, 1), BG_OUT_OF_RANGE);
    f.groups[2].members = 0;
    cr_assert_eq(aggregate(&f, 1), BG_INVALID);
    cr_assert_eq(bg_codec_scales(&f.settings, &f.layout, &f.round, 1, f.groups, 0, &f.error, f.scales),
                 BG_TOO_FEW);
    bg_layout_finish(&f.layout);
}

Test(scale, centres_are_medians_of_groups)
{
    struct fields f;
    fields_init(&f, 64);
    f.sums[0][0] = f.sums[1][0] = f.sums[2][0] = f.sums[3][0] = 4 * 128;
    double centres[2];
    cr_assert_eq(bg_codec_centres(&f.layout, &f.round, f.groups, GROUPS, &f.error, centres), BG_OK);
    cr_assert_eq(centres[0], 0, "four liars of nine");
    cr_assert_eq(bg_codec_centres(&f.layout, &f.round, f.groups, 8, &f.error, centres), BG_OK);
    cr_assert_eq(centres[0], 0.25, "mean of the middle two, half of the scale");
    f.sums[0][0]++;
    cr_assert_eq(bg_codec_centres(&f.layout, &f.round, f.groups, GROUPS, &f.error, centres), BG_OUT_OF_RANGE);
    f.round.travels = (const bool[]){false, false};
    f.round.centres = (const double[]){3, 4};
    cr_assert_eq(bg_codec_centres(&f.layout, &f.round, f.groups, GROUPS, &f.error, centres), BG_OK);
    cr_assert_eq(centres[1], 4);
    bg_layout_finish(&f.layout);
}
