/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flow records of CIC-IDS2017 from CSV files, plain or compressed. A cell that is not a number, a label that
 * the map does not know, a row of another length: the file is not what it claims, and the error names file,
 * line and column. Rows that are well-formed but of no use (NaN, an infinite rate, an empty cell, a dropped
 * label) are refused and counted; a dropped label counts before anything in the features.
 */
#pragma once

#include "datasets/cicids2017_columns.h"
#include "datasets/dataset.h"
#include "datasets/labels.h"

/* What replaces an infinite value if it is kept. */
#define BG_BOUNDED_INFINITY 1e18f

struct bg_cicids2017_settings {
    enum bg_cicids2017_release release;
    const struct bg_label_map *labels;
    bool drop_port;      /* leave the destination port out of the features */
    bool bound_infinite; /* keep rows with infinite values, as ±BG_BOUNDED_INFINITY; otherwise refuse them */
};

/* Reads the files after each other into one data set; their columns must be the same in the same order.
 * BG_DATA, BG_TOO_LARGE, BG_NO_MEMORY, and what opening a file can give. */
BG_MUST_CHECK enum bg_status bg_cicids2017_read(const char *const *paths, size_t path_count,
                                                const struct bg_cicids2017_settings *settings,
                                                struct bg_error *error, struct bg_dataset *ret_dataset);
