/* SPDX-License-Identifier: Apache-2.0 */
/* A data set from a program's settings: the one verb that simulator, aggregator and client call. */
#pragma once

#include "datasets/dataset.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bg_dataset_kind {
    BG_DATASET_SYNTHETIC = 0,
    BG_DATASET_CICIDS2017,
    BG_DATASET_CICIDS2017_ORIGINAL,
    BG_DATASET_NSL_KDD,
    BG_DATASET_UNSW_NB15,
    BG_DATASET_CICIOT2023,
    BG_DATASET_WISDM,
    BG_DATASET_OCCUPANCY,
    BG_DATASET_CSV, /* anything, as settings.schema describes it */
};

/* "synthetic", "csv", and between them the names of the embedded schemas (datasets/schemas/), in the order of the
 * kinds; NULL ends the list: choices of an option. */
extern const char *const bg_dataset_kind_names[];

struct bg_dataset_settings {
    enum bg_dataset_kind kind;
    /* A file, or a folder: of the subfolder that the schema prefers if there is one, otherwise of the folder itself,
     * every *.csv, *.csv.gz, *.csv.xz and *.csv.zst is read, in the order of their names. Unused for synthetic data. */
    const char *path;
    const char *test_path; /* the same for rows that are only tested on; "" or NULL: none */
    const char *schema;    /* of kind csv: a .json file, datasets/schema.h */
    /* A label map: of the schema, embedded, or a .json file (datasets/labels.h); "" or NULL: the schema's choice, for
     * synthetic data papers7. */
    const char *label_map;
    const char *exclude; /* "KEY=VALUE": leave out the rows of `path` with this key; "" or NULL: none */
    bool deduplicate;    /* take out rows of `path` that repeat earlier ones */
    bool drop_port;      /* leave the destination port out of the features */
    bool bound_infinite; /* keep rows with infinite values: datasets/table.h */
    size_t rows;         /* synthetic data: how many rows … */
    uint64_t seed;       /* … from which seed */
};

/* Errors name the file, line and column or the setting. */
BG_MUST_CHECK enum bg_status bg_dataset_open(const struct bg_dataset_settings *settings,
                                             struct bg_error *error, struct bg_dataset *ret_dataset);
