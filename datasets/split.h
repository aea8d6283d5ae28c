/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Training, validation and test rows: stratified by class, from a seed, before anything is fitted. The test
 * share is cut from all rows, the validation share from what remains, so that no setting needs the test rows.
 * Apply it to raw features.
 *
 * Flows repeat. A test row whose features and label are byte for byte those of a training or validation row
 * is taken out of the test set, and a validation row that repeats a training row out of the validation set.
 * Rows that share the features but not the label stay (they are errors no model can avoid) and are counted.
 * A test set of its own may be meant to be used whole: then repeats are counted only.
 */
#pragma once

#include "base/error.h"
#include "base/examples.h"

#include <stdbool.h>

enum bg_split_part {
    BG_SPLIT_TRAINING = 0,
    BG_SPLIT_VALIDATION,
    BG_SPLIT_TEST,
    BG_SPLIT_COUNT
};

struct bg_split_settings {
    double test;       /* share of the rows of each class, 0 … <1 */
    double validation; /* share of the rows left after that, 0 … <1 */
    uint64_t seed;
    size_t test_from;  /* rows of the matrix from this one on are the test set, and no share is cut; 0: none */
    bool keep_repeats; /* count repeated rows, but let them stay */
};

struct bg_split_rows {
    uint32_t *rows; /* indices into the matrix, ascending */
    size_t count;
    size_t repeats; /* rows whose features and label an earlier part has; taken out unless kept */
    size_t contradictions; /* rows kept whose features an earlier part has under another label */
};

struct bg_split {
    struct bg_split_rows parts[BG_SPLIT_COUNT];
};

/* A class of n rows gives round(n · share), halves up. BG_INVALID: shares out of range, no rows, or more than
 * 2^32−1; BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_split_make(const struct bg_examples *examples,
                                           const struct bg_split_settings *settings, struct bg_error *error,
                                           struct bg_split *ret_split);
/* Accepts a zeroed split. */
void bg_split_finish(struct bg_split *split);
/* The rows of one part over the same matrix; valid while both live. */
struct bg_examples bg_split_examples(const struct bg_examples *examples, const struct bg_split *split,
                                     enum bg_split_part part);
