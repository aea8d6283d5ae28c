/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The columns of the two releases of CIC-IDS2017 and how a file's header maps to features. Columns are
 * recognised by name, in any case and order.
 *
 *   improved (Engelen, Liu et al. 2022): 91 columns; features are "Dst Port", "Protocol" and the 81 that
 *     CICFlowMeter computes: 83, or 82 without the port.
 *   original (Sharafaldin et al. 2018): 78 features and "Label", names with leading blanks. "Fwd Header Length"
 *     comes twice (some tools call the copy "Fwd Header Length.1") and the copy is left out: 77 features with
 *     "Destination Port", 76 without.
 *
 * Columns that identify hosts, times or sources are known and ignored; any other surplus column is an error.
 */
#pragma once

#include "base/error.h"
#include "datasets/csv.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bg_cicids2017_release {
    BG_CICIDS2017_IMPROVED = 0,
    BG_CICIDS2017_ORIGINAL,
};

const char *bg_cicids2017_release_name(enum bg_cicids2017_release release); /* "improved", "original" */
/* Names of the features in the order of a matrix's columns; the destination port comes first unless left
 * out. */
const char *const *bg_cicids2017_features(enum bg_cicids2017_release release, bool drop_port,
                                          size_t *ret_count);

#define BG_COLUMN_IGNORED (-1)
#define BG_COLUMN_LABEL (-2)

struct bg_cicids2017_header {
    size_t fields;
    int16_t target[BG_CSV_FIELD_LIMIT]; /* of each field: a feature's index, or one of the above */
};

/* BG_DATA, with path, line and column, for a missing, repeated or unknown column; says so if the file looks
 * like the other release. */
BG_MUST_CHECK enum bg_status bg_cicids2017_match(const struct bg_csv_record *record, const char *path,
                                                 enum bg_cicids2017_release release, bool drop_port,
                                                 struct bg_error *error,
                                                 struct bg_cicids2017_header *ret_header);
