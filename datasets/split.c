/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/split.h"

#include "base/prng.h"
#include "datasets/row_set.h"

#include <math.h>
#include <stdlib.h>

void bg_split_finish(struct bg_split *split)
{
    for (size_t part = 0; part < BG_SPLIT_COUNT; part++)
        free(split->parts[part].rows);
    *split = (struct bg_split){0};
}

struct bg_examples bg_split_examples(const struct bg_examples *examples, const struct bg_split *split,
                                     enum bg_split_part part)
{
    struct bg_examples selected = *examples;
    selected.rows = split->parts[part].rows;
    selected.count = split->parts[part].count;
    return selected;
}

static size_t share_of(size_t count, double share)
{
    return (size_t)floor((double)count * share + 0.5);
}

static bool is_apart(const struct bg_split_settings *settings, size_t row)
{
    return settings->test_from > 0 && row >= settings->test_from;
}

/* Rows of one class in the examples' order, without those of a test set of its own; gives how many. */
static size_t rows_of_class(const struct bg_examples *examples, const struct bg_split_settings *settings,
                            uint32_t label, uint32_t *rows)
{
    size_t count = 0;
    for (size_t i = 0; i < examples->count; i++) {
        size_t row = bg_example_row(examples, i);
        if (examples->labels[row] == label && !is_apart(settings, row))
            rows[count++] = (uint32_t)row;
    }
    return count;
}

static void append(struct bg_split_rows *part, const uint32_t *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        part->rows[part->count++] = rows[i];
}

static int compare_rows(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static void cut(const struct bg_examples *examples, const struct bg_split_settings *settings, uint32_t *rows,
                struct bg_split *split)
{
    for (uint32_t label = 0; label < examples->classes; label++) {
        struct bg_prng prng;
        bg_prng_init_stream(&prng, settings->seed, "split", label);
        size_t count = rows_of_class(examples, settings, label, rows);
        bg_prng_shuffle(&prng, rows, count);
        size_t test = settings->test_from > 0 ? 0 : share_of(count, settings->test);
        size_t validation = share_of(count - test, settings->validation);
        append(&split->parts[BG_SPLIT_TEST], rows, test);
        append(&split->parts[BG_SPLIT_VALIDATION], rows + test, validation);
        append(&split->parts[BG_SPLIT_TRAINING], rows + test + validation, count - test - validation);
    }
    for (size_t i = 0; i < examples->count; i++) {
        uint32_t row = (uint32_t)bg_example_row(examples, i);
        if (is_apart(settings, row))
            append(&split->parts[BG_SPLIT_TEST], &row, 1);
    }
    for (size_t part = 0; part < BG_SPLIT_COUNT; part++)
        qsort(split->parts[part].rows, split->parts[part].count, sizeof *rows, compare_rows);
}

/* The parts come in the order in which rows may be seen: what an earlier part holds is not news in a later
 * one. */
static void find_repeats(struct bg_split *split, bool keep, struct bg_row_set *seen)
{
    for (size_t p = 0; p < BG_SPLIT_COUNT; p++) {
        struct bg_split_rows *part = &split->parts[p];
        size_t kept = 0;
        for (size_t i = 0; i < part->count; i++) {
            struct bg_row_match match = bg_row_set_find(seen, part->rows[i]);
            part->repeats += match.same_label;
            part->contradictions += match.other_label && !match.same_label;
            if (keep || !match.same_label)
                part->rows[kept++] = part->rows[i];
        }
        part->count = kept;
        for (size_t i = 0; i < kept; i++)
            bg_row_set_add(seen, part->rows[i]);
    }
}

enum bg_status bg_split_make(const struct bg_examples *examples, const struct bg_split_settings *settings,
                             struct bg_error *error, struct bg_split *ret_split)
{
    if (!(settings->test >= 0 && settings->test < 1 && settings->validation >= 0 && settings->validation < 1))
        return bg_fail(error, BG_INVALID, "test and validation shares must be at least 0 and below 1");
    if (examples->count == 0 || examples->count > UINT32_MAX)
        return bg_fail(error, BG_INVALID, "a split needs 1 to 2^32-1 rows, not %zu", examples->count);
    struct bg_split split = {0};
    struct bg_row_set seen = {0};
    uint32_t *rows = malloc(examples->count * sizeof *rows);
    bool ready = rows && bg_row_set_init(&seen, examples) == BG_OK;
    for (size_t p = 0; ready && p < BG_SPLIT_COUNT; p++) {
        split.parts[p].rows = malloc(examples->count * sizeof *rows);
        ready = split.parts[p].rows;
    }
    if (ready) {
        cut(examples, settings, rows, &split);
        find_repeats(&split, settings->keep_repeats, &seen);
    }
    free(rows);
    bg_row_set_finish(&seen);
    if (!ready) {
        bg_split_finish(&split);
        return bg_fail(error, BG_NO_MEMORY, "no memory to split %zu rows", examples->count);
    }
    *ret_split = split;
    return BG_OK;
}
