/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a delimited text file, plain or compressed, holds as far as one pass without a schema can tell. Memory does not
 * grow with the rows: each column keeps its first BG_SURVEY_VALUES different texts.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "datasets/schema.h"

#define BG_SURVEY_VALUES ((size_t)256)
#define BG_SURVEY_TEXT_BYTES ((size_t)128) /* of a kept text; longer ones count as different, and are not kept */

enum bg_survey_type {
    BG_SURVEY_EMPTY = 0, /* no value in any row */
    BG_SURVEY_CONSTANT,
    BG_SURVEY_ID,        /* whole numbers, one more in each row */
    BG_SURVEY_INTEGER,
    BG_SURVEY_REAL,
    BG_SURVEY_TIME,      /* every text looks like a date or time */
    BG_SURVEY_CATEGORY,  /* texts, all of which are kept */
    BG_SURVEY_TEXT,      /* more different texts than are kept */
};

const char *bg_survey_type_name(enum bg_survey_type type); /* "integer" */

struct bg_survey_value {
    const char *text;
    size_t rows;
};

struct bg_survey_column {
    const char *name; /* of the header, as the schema of this file would call it; "column 3" without a header */
    enum bg_survey_type type;
    size_t missing;  /* empty fields and usual marks of a missing value: "?", "NA", "N/A", "null", "None" */
    size_t nans;
    size_t infinite; /* or beyond float32 */
    size_t numbers;  /* finite ones, of which the next five tell */
    double least, most;
    double mean, deviation; /* standard */
    double mean_size;       /* of |x| */
    size_t whole;           /* numbers without fraction */
    size_t steps;           /* rows whose number is one more than the row's before */
    size_t times;           /* texts that look like a date or time */
    size_t texts;           /* fields that are neither number nor missing */
    struct bg_survey_value *values; /* different fields that are not missing, most frequent first */
    size_t value_count;
    bool more_values; /* not all are kept */
};

struct bg_survey {
    char delimiter;
    enum bg_schema_header header; /* never optional */
    bool row_names;
    size_t rows;          /* that have a field per column */
    size_t empty_rows;
    size_t other_rows;    /* of another length … */
    size_t first_other;   /* … line of the first */
    const char **missing; /* (missing_count) marks of a missing value that occur */
    size_t missing_count;
    struct bg_survey_column *columns;
    size_t column_count;
    struct bg_arena memory;
};

/* Finds the delimiter and the header itself. What bg_csv_next gives; BG_DATA if there is no row. */
BG_MUST_CHECK enum bg_status bg_survey_read(const char *path, struct bg_error *error, struct bg_survey *ret_survey);
/* Accepts a zeroed survey. */
void bg_survey_finish(struct bg_survey *survey);
