/* SPDX-License-Identifier: Apache-2.0 */
/* Which field of a file's rows is which column of a schema. */
#pragma once

#include "datasets/csv.h"
#include "datasets/schema.h"

#include <stdbool.h>
#include <stdint.h>

#define BG_FIELD_UNNAMED UINT16_MAX

struct bg_table_header {
    size_t fields; /* of every row */
    size_t label;  /* the field of the label */
    uint16_t columns[BG_CSV_FIELD_LIMIT]; /* of each field: the schema's column, or BG_FIELD_UNNAMED */
    bool has_row; /* there was no header: the record that was read is the first row */
};

/* What seems to separate the fields of a record that has but one: ";", "|" or "\\t"; NULL where nothing does. */
const char *bg_table_separator(const struct bg_csv_record *record);
/* Fields before this one that have the same text in any case. */
size_t bg_field_repeats(const struct bg_csv_record *record, size_t field);
/* The name in a line "@attribute NAME …", without its quotes; false for any other line. Its column counts from 1. */
bool bg_arff_attribute(const char *line, size_t size, struct bg_csv_field *ret_name);
bool bg_arff_is_data(const char *line, size_t size); /* "@data" */
/* Whether a line is blank, a comment or "@relation": nothing of interest. */
bool bg_arff_is_other(const char *line, size_t size);

/* Reads what comes before the rows; *ret_record is the first row if the header has_row. BG_DATA, with path, line and
 * column, for a missing, repeated or unknown column; says so if the file fits an embedded schema. */
BG_MUST_CHECK enum bg_status bg_table_header_read(struct bg_csv *csv, const struct bg_schema *schema,
                                                  struct bg_error *error, struct bg_csv_record *ret_record,
                                                  struct bg_table_header *ret_header);
