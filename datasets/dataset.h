/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Labelled rows in memory, with where they came from and what was refused on the way. Readers and the
 * synthetic generator fill it; datasets/source.h opens one from a program's settings.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/examples.h"
#include "datasets/keys.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct bg_json;

#define BG_DATASET_MAX_COLUMNS ((size_t)1024)
#define BG_DATASET_MAX_CLASSES ((uint32_t)1024)
#define BG_DATASET_MAX_ROWS ((size_t)UINT32_MAX)

/*        name            key in JSON        text */
#define BG_REFUSAL_MAP(X)                                                                                    \
    X(EMPTY_ROW,          "empty_row",       "no value in any column")                                       \
    X(MISSING_VALUE,      "missing_value",   "an empty feature")                                             \
    X(NAN_VALUE,          "nan_value",       "NaN in a feature")                                             \
    X(INFINITE_VALUE,     "infinite_value",  "a feature that is infinite or beyond float32")                 \
    X(DROPPED_LABEL,      "dropped_label",   "a label that the label map drops")                             \
    X(MISSING_LABEL,      "missing_label",   "no label")                                                     \
    X(UNLISTED_VALUE,     "unlisted_value",  "a value that the schema does not list")                        \
    X(EXCLUDED,           "excluded",        "a key that the settings exclude")                              \
    X(DUPLICATE,          "duplicate",       "features and label of an earlier row")

/* Why a well-formed row is not in the matrix; a row with several reasons counts under its first bad
 * column. */
enum bg_refusal {
#define X(name, key, text) BG_REFUSAL_##name,
    BG_REFUSAL_MAP(X)
#undef X
    BG_REFUSAL_COUNT
};

struct bg_refused_rows {
    size_t rows;
    size_t first_line;      /* where it happened first, from 1; 0 for generated rows */
    const char *first_file; /* its name without folders; the data set's arena */
};

struct bg_dataset {
    float *features;  /* (rows, columns) row-major, finite, without negative zeros */
    uint16_t *labels; /* (rows) each < classes */
    size_t rows;
    size_t capacity; /* rows that fit */
    size_t columns;
    uint32_t classes;
    const char **feature_names; /* (columns) */
    bool *logged;               /* (columns) of these the model wants the logarithm, see bg_dataset_take_logs */
    struct bg_row_keys *keys;   /* (key_count) where each row comes from */
    size_t key_count;
    size_t training_rows; /* the rows from here on are of a test source of their own; all rows if there is none */
    const char *label_map; /* name of the map that made the classes; "" if unknown */
    const char **class_names;   /* (classes) */
    const char *provenance;     /* one line */
    bool synthetic;             /* say so wherever results are shown */
    size_t bounded_values;      /* infinite cells kept as large finite numbers, on request */
    struct bg_refused_rows refused[BG_REFUSAL_COUNT];
    struct bg_arena texts; /* owns every text above */
};

/* Copies the names; no rows, keys or provenance yet, every column logged. BG_INVALID outside the limits (columns and
 * classes ≥ 1). */
BG_MUST_CHECK enum bg_status bg_dataset_init(struct bg_dataset *dataset, const char *const *feature_names,
                                             size_t columns, const char *const *class_names, uint32_t classes,
                                             struct bg_error *error);
/* Accepts a zeroed data set. */
void bg_dataset_finish(struct bg_dataset *dataset);

/* Where to write the features of the next row; NULL when memory or row numbers run out. The row joins the
 * data set with bg_dataset_push. */
float *bg_dataset_next(struct bg_dataset *dataset);
/* Before the first row: every row has a text for each key, which bg_row_keys_push adds right before
 * bg_dataset_push. BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_dataset_add_key(struct bg_dataset *dataset, const char *name);
void bg_dataset_push(struct bg_dataset *dataset, uint16_t label);
/* Counts a refused row; file may be NULL. BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_dataset_refuse(struct bg_dataset *dataset, enum bg_refusal reason,
                                               const char *file, size_t line);
/* Copies one line of provenance, the name of a label map. BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_dataset_set_provenance(struct bg_dataset *dataset, const char *text);
BG_MUST_CHECK enum bg_status bg_dataset_set_label_map(struct bg_dataset *dataset, const char *name);
/* Takes out, and counts as refused, every training row whose features and label an earlier one has, bit for bit.
 * BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_dataset_deduplicate(struct bg_dataset *dataset);
/* Replaces x by sign(x) · log(1 + |x|) in the columns that are `logged`, which they are no more. The same bits on every
 * machine. Duplicates are found before. */
void bg_dataset_take_logs(struct bg_dataset *dataset);
/* The key of that name in any case, or NULL. */
const struct bg_row_keys *bg_dataset_key(const struct bg_dataset *dataset, const char *name);
/* Gives memory for rows that never came back to the system. */
void bg_dataset_trim(struct bg_dataset *dataset);

/* All rows; valid while the data set lives and does not grow. */
struct bg_examples bg_dataset_examples(const struct bg_dataset *dataset);
size_t bg_dataset_refused(const struct bg_dataset *dataset);
/* Key in JSON ("nan_value") and clause for people. */
const char *bg_refusal_name(enum bg_refusal reason);
const char *bg_refusal_text(enum bg_refusal reason);

/* Adds to an object: provenance, synthetic, rows, columns, classes {name: rows}, refused {reason: {rows,
 * first}}, bounded_values. */
void bg_dataset_to_json(const struct bg_dataset *dataset, struct bg_json *object);
/* The same for people, a few lines. */
void bg_dataset_describe(const struct bg_dataset *dataset, FILE *out);
