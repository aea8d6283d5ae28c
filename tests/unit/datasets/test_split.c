/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/split.h"

#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <string.h>

#define ROWS 1000

static float features[ROWS][2];
static uint16_t labels[ROWS];

/* Distinct rows; 70 % class 0, 25 % class 1, 5 % class 2; class 3 has none. */
static struct bg_examples distinct_rows(void)
{
    for (size_t i = 0; i < ROWS; i++) {
        features[i][0] = (float)i;
        features[i][1] = 1;
        labels[i] = (uint16_t)(i % 20 < 14 ? 0 : i % 20 < 19 ? 1 : 2);
    }
    return (struct bg_examples){&features[0][0], labels, NULL, ROWS, 2, 4};
}

static const struct bg_split_settings shares = {.test = 0.2, .validation = 0.1, .seed = 42};

static size_t of_class(const struct bg_split_rows *part, uint16_t label)
{
    size_t count = 0;
    for (size_t i = 0; i < part->count; i++)
        count += labels[part->rows[i]] == label;
    return count;
}

Test(split, keeps_the_shares_of_every_class)
{
    struct bg_examples examples = distinct_rows();
    struct bg_split split;
    cr_assert_eq(bg_split_make(&examples, &shares, NULL, &split), BG_OK);
    static const size_t wanted[BG_SPLIT_COUNT][3] = {{504, 180, 36}, {56, 20, 4}, {140, 50, 10}};
    for (size_t p = 0; p < BG_SPLIT_COUNT; p++)
        for (uint16_t label = 0; label < 3; label++)
            cr_assert_eq(of_class(&split.parts[p], label), wanted[p][label]);
    bg_split_finish(&split);
    NO_LEAKS();
}

Test(split, puts_every_row_in_one_part)
{
    struct bg_examples examples = distinct_rows();
    struct bg_split split;
    cr_assert_eq(bg_split_make(&examples, &shares, NULL, &split), BG_OK);
    unsigned seen[ROWS] = {0};
    for (size_t p = 0; p < BG_SPLIT_COUNT; p++)
        for (size_t i = 0; i < split.parts[p].count; i++) {
            seen[split.parts[p].rows[i]]++;
            cr_assert(i == 0 || split.parts[p].rows[i - 1] < split.parts[p].rows[i]);
        }
    for (size_t i = 0; i < ROWS; i++)
        cr_assert_eq(seen[i], 1);
    bg_split_finish(&split);
}

Test(split, depends_on_the_seed_only)
{
    struct bg_examples examples = distinct_rows();
    struct bg_split_settings other = shares;
    other.seed = 43;
    struct bg_split a, b, c;
    cr_assert_eq(bg_split_make(&examples, &shares, NULL, &a), BG_OK);
    cr_assert_eq(bg_split_make(&examples, &shares, NULL, &b), BG_OK);
    cr_assert_eq(bg_split_make(&examples, &other, NULL, &c), BG_OK);
    size_t bytes = a.parts[BG_SPLIT_TEST].count * sizeof(uint32_t);
    cr_assert_eq(memcmp(a.parts[BG_SPLIT_TEST].rows, b.parts[BG_SPLIT_TEST].rows, bytes), 0);
    cr_assert_neq(memcmp(a.parts[BG_SPLIT_TEST].rows, c.parts[BG_SPLIT_TEST].rows, bytes), 0);
    bg_split_finish(&a);
    bg_split_finish(&b);
    bg_split_finish(&c);
}

Test(split, removes_repeats_of_earlier_parts)
{
    struct bg_examples examples = distinct_rows();
    for (size_t i = 0; i < ROWS; i++)
        features[i][0] = labels[i] == 0 ? 7 : (float)i;
    struct bg_split split;
    cr_assert_eq(bg_split_make(&examples, &shares, NULL, &split), BG_OK);
    cr_assert_eq(split.parts[BG_SPLIT_TRAINING].count, 720);
    cr_assert_eq(split.parts[BG_SPLIT_TRAINING].repeats, 0);
    cr_assert_eq(split.parts[BG_SPLIT_VALIDATION].repeats, 56);
    cr_assert_eq(split.parts[BG_SPLIT_TEST].repeats, 140);
    cr_assert_eq(of_class(&split.parts[BG_SPLIT_TEST], 0), 0);
    cr_assert_eq(split.parts[BG_SPLIT_TEST].count, 60);
    cr_assert_eq(split.parts[BG_SPLIT_TEST].contradictions, 0);
    bg_split_finish(&split);
    NO_LEAKS();
}

Test(split, counts_rows_that_contradict_training)
{
    struct bg_examples examples = distinct_rows();
    for (size_t i = 0; i < ROWS; i++)
        features[i][0] = labels[i] == 1 ? 5000 : (float)i;
    struct bg_split split;
    cr_assert_eq(bg_split_make(&examples, &shares, NULL, &split), BG_OK);
    size_t i = 0;
    while (labels[split.parts[BG_SPLIT_TEST].rows[i]] == 1)
        i++;
    uint32_t row = split.parts[BG_SPLIT_TEST].rows[i];
    bg_split_finish(&split);
    features[row][0] = 5000;
    cr_assert_eq(bg_split_make(&examples, &shares, NULL, &split), BG_OK);
    cr_assert_eq(split.parts[BG_SPLIT_TEST].contradictions, 1);
    cr_assert_eq(split.parts[BG_SPLIT_TEST].repeats, 50);
    bg_split_finish(&split);
}

Test(split, takes_a_test_set_of_its_own_whole_or_without_repeats)
{
    struct bg_examples examples = distinct_rows();
    for (size_t i = 0; i < 30; i++) {
        memcpy(features[900 + i], features[i], sizeof features[i]);
        labels[900 + i] = labels[i];
    }
    for (int keep = 0; keep < 2; keep++) {
        const struct bg_split_settings settings = {
            .test = 0.2, .validation = 0.1, .seed = 42, .test_from = 900, .keep_repeats = keep};
        struct bg_split split;
        cr_assert_eq(bg_split_make(&examples, &settings, NULL, &split), BG_OK);
        const struct bg_split_rows *test = &split.parts[BG_SPLIT_TEST];
        cr_assert_eq(split.parts[BG_SPLIT_TRAINING].count, 809);
        cr_assert_eq(split.parts[BG_SPLIT_VALIDATION].count, 91);
        cr_assert_eq(test->repeats, 30);
        cr_assert_eq(test->count, keep ? 100 : 70);
        for (size_t i = 0; i < test->count; i++)
            cr_assert_eq(test->rows[i], 1000 - test->count + i);
        for (size_t part = 0; part < BG_SPLIT_TEST; part++)
            for (size_t i = 0; i < split.parts[part].count; i++)
                cr_assert_lt(split.parts[part].rows[i], 900);
        bg_split_finish(&split);
    }
    NO_LEAKS();
}

Test(split, takes_a_selection_of_rows)
{
    struct bg_examples examples = distinct_rows();
    uint32_t rows[100];
    for (uint32_t i = 0; i < 100; i++)
        rows[i] = 500 + i;
    examples.rows = rows;
    examples.count = 100;
    struct bg_split split;
    cr_assert_eq(bg_split_make(&examples, &shares, NULL, &split), BG_OK);
    struct bg_examples test = bg_split_examples(&examples, &split, BG_SPLIT_TEST);
    cr_assert_eq(test.count, 20);
    for (size_t i = 0; i < test.count; i++)
        cr_assert(bg_example_row(&test, i) >= 500 && bg_example_row(&test, i) < 600);
    bg_split_finish(&split);
}

Test(split, refuses_shares_out_of_range)
{
    struct bg_examples examples = distinct_rows();
    struct bg_split split;
    struct bg_error error;
    cr_assert_eq(bg_split_make(&examples, &(struct bg_split_settings){.test = 1}, &error, &split),
                 BG_INVALID);
    cr_assert_eq(bg_split_make(&examples, &(struct bg_split_settings){.validation = -0.1}, &error, &split),
                 BG_INVALID);
    examples.count = 0;
    cr_assert_eq(bg_split_make(&examples, &shares, &error, &split), BG_INVALID);
    NO_LEAKS();
}
