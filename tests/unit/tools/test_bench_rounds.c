/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench_rounds.h"

#include <criterion/criterion.h>

Test(bench_rounds, median_of_any_order)
{
    cr_assert_eq(bg_bench_median((double[]){7}, 1), 7);
    cr_assert_eq(bg_bench_median((double[]){9, 1, 4}, 3), 4);
    cr_assert_eq(bg_bench_median((double[]){8, 1, 2, 1000}, 4), 5);
    cr_assert_eq(bg_bench_median((double[]){3, 3, 0.5, 3, 100}, 5), 3);
}

/* What happened, in order: a small letter per preparation, a capital per run. */
static char story[64];
static size_t told;

static enum bg_status prepare(void *context, struct bg_error *error)
{
    (void)error;
    story[told++] = *(const char *)context;
    return BG_OK;
}

static enum bg_status run(void *context, struct bg_error *error)
{
    (void)error;
    story[told++] = (char)(*(const char *)context - 'a' + 'A');
    return BG_OK;
}

static enum bg_status fail(void *context, struct bg_error *error)
{
    return bg_fail(error, BG_FAULT, "%s does not work", (const char *)context);
}

Test(bench_rounds, tasks_take_turns)
{
    const struct bg_bench_task tasks[] = {{prepare, run, "a"}, {NULL, run, "b"}, {prepare, run, "c"}};
    double seconds[3] = {-1, -1, -1};

    cr_assert_eq(bg_bench_rounds(tasks, 3, 2, NULL, seconds), BG_OK);
    cr_assert_str_eq(story, "aABcC" "cCBaA" "aABcC");
    for (size_t i = 0; i < 3; i++)
        cr_assert_geq(seconds[i], 0);
}

Test(bench_rounds, stops_at_a_failure)
{
    const struct bg_bench_task tasks[] = {{NULL, run, "a"}, {NULL, fail, "b"}, {NULL, run, "c"}};
    double seconds[3] = {-1, -1, -1};
    struct bg_error error;

    cr_assert_eq(bg_bench_rounds(tasks, 3, 5, &error, seconds), BG_FAULT);
    cr_assert_str_eq(error.text, "b does not work");
    cr_assert_str_eq(story, "A");
    cr_assert_eq(seconds[0], -1);
}
