/* SPDX-License-Identifier: Apache-2.0 */
/* Small CSV texts with the columns of CIC-IDS2017. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define FLOW_CSV_BYTES ((size_t)64 * 1024)

/* A text that grows line by line. */
struct flow_csv {
    bool original; /* release */
    size_t size;
    char text[FLOW_CSV_BYTES];
};

/* The header: "id", the features, "Label" in the improved release; "Destination Port", the features, "Fwd Header
 * Length" for the second time and "Label" in the original one, with a blank before each. */
void flow_csv_begin(struct flow_csv *csv, bool original);
/* Appends any text. */
void flow_csv_add(struct flow_csv *csv, const char *text);
/* Appends a row whose feature j is base + j, but for the named column (NULL: none), which holds `cell`. */
void flow_csv_row(struct flow_csv *csv, unsigned base, const char *column, const char *cell,
                  const char *label);
