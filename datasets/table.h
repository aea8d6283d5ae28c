/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of delimited text files, plain or compressed, as a schema describes them. A cell that is not a number, a label
 * that the map does not know, a row of another length, a column that the schema does not name: the file is not what it
 * claims, and the error names file, line and column. Rows that are well-formed but of no use (NaN, an infinite rate, an
 * empty cell, a dropped label) are refused and counted; labels and exclusions count before anything in the features.
 *
 * Columns are recognised by name in any case and order; a name that comes again is called "NAME.1", "NAME.2" …
 */
#pragma once

#include "datasets/dataset.h"
#include "datasets/schema.h"

/* What replaces an infinite value if it is kept. */
#define BG_BOUNDED_INFINITY 1e18f

struct bg_table_settings {
    const struct bg_schema *schema;
    bool bound_infinite; /* keep rows with infinite values, as ±BG_BOUNDED_INFINITY; otherwise refuse them */
    const char *exclude; /* "KEY=VALUE": refuse rows with this key; "" or NULL: none */
    /* Given the features and class of each row, which the data set then does not keep; NULL: it keeps them. */
    void (*visit)(void *context, const float *features, uint16_t class);
    void *context;
};

/* A data set without rows that has the schema's features, keys and classes. */
BG_MUST_CHECK enum bg_status bg_table_begin(const struct bg_schema *schema, struct bg_error *error,
                                            struct bg_dataset *ret_dataset);
/* Appends the rows of the files, whose columns must be the same in the same order. BG_DATA, BG_TOO_LARGE, BG_NO_MEMORY,
 * BG_INVALID (an exclusion that the schema has no key for), and what opening a file can give; the data set keeps the
 * rows read so far. */
BG_MUST_CHECK enum bg_status bg_table_read(const char *const *paths, size_t path_count,
                                           const struct bg_table_settings *settings, struct bg_error *error,
                                           struct bg_dataset *dataset);
