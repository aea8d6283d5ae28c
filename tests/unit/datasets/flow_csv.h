/* SPDX-License-Identifier: Apache-2.0 */
/* Small CSV texts with the columns of CIC-IDS2017. */
#pragma once

#include "datasets/cicids2017_columns.h"

#define FLOW_CSV_BYTES ((size_t)64 * 1024)

/* A text that grows line by line. */
struct flow_csv {
    enum bg_cicids2017_release release;
    size_t size;
    char text[FLOW_CSV_BYTES];
};

/* The header: "id" (improved only), the features, "Label". Original: names with a leading blank, and the second
 * "Fwd Header Length" behind them. */
void flow_csv_begin(struct flow_csv *csv, enum bg_cicids2017_release release);
/* Appends any text. */
void flow_csv_add(struct flow_csv *csv, const char *text);
/* Appends a row whose feature j is base + j, but for the named column (NULL: none), which holds `cell`. */
void flow_csv_row(struct flow_csv *csv, unsigned base, const char *column, const char *cell,
                  const char *label);
