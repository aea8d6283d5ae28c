/* SPDX-License-Identifier: Apache-2.0 */
/* A data set from a program's settings: the one verb that simulator and client call. */
#pragma once

#include "datasets/dataset.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bg_dataset_kind {
    BG_DATASET_SYNTHETIC = 0,
    BG_DATASET_CICIDS2017,
    BG_DATASET_CICIDS2017_ORIGINAL,
};

/* "synthetic", "cicids2017", "cicids2017-original", NULL: choices of an option. */
extern const char *const bg_dataset_kind_names[];

struct bg_dataset_settings {
    enum bg_dataset_kind kind;
    /* A file, or a folder: of its subfolder cicids2017/improved (cicids2017/original) if there is one, otherwise
     * of the folder itself, every *.csv, *.csv.gz, *.csv.xz and *.csv.zst is read, in the order of their names.
     * Unused for synthetic data. */
    const char *path;
    const char *label_map; /* an embedded map or a .json file: datasets/labels.h */
    bool drop_port;        /* leave the destination port out of the features */
    bool bound_infinite;   /* keep rows with infinite values: datasets/cicids2017.h */
    size_t rows;           /* synthetic data: how many rows … */
    uint64_t seed;         /* … from which seed */
};

/* Errors name the file, line and column or the setting. */
BG_MUST_CHECK enum bg_status bg_dataset_open(const struct bg_dataset_settings *settings,
                                             struct bg_error *error, struct bg_dataset *ret_dataset);
