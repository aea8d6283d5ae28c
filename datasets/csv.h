/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of a delimited text file, read strictly over datasets/stream.h. One line is one record: LF or CRLF ends it,
 * the last one may lack it; a UTF-8 byte order mark is skipped. Blanks around a field do not belong to it; where the
 * blank itself separates fields, several count as one. A field may be quoted ("a ""b"", c") but a quote never spans
 * lines. Bytes above 127 pass unchanged.
 */
#pragma once

#include "base/error.h"

#include <stddef.h>

#define BG_CSV_LINE_LIMIT ((size_t)1 << 20)
#define BG_CSV_FIELD_LIMIT ((size_t)1024)

struct bg_csv;

struct bg_csv_field {
    const char *text; /* not NUL-terminated */
    size_t size;
    size_t column; /* of its first byte in the line, from 1 */
};

/* Valid until the next record is read. */
struct bg_csv_record {
    const struct bg_csv_field *fields;
    size_t count; /* 0 at the end of the file; an empty line has one empty field */
    size_t line;  /* from 1 */
};

/* Copies path. */
BG_MUST_CHECK enum bg_status bg_csv_open(const char *path, struct bg_error *error, struct bg_csv **ret_csv);
void bg_csv_destroy(struct bg_csv **csv);
#define BG_CSV_DELIMITERS ",;|\t "
/* One of the above; a comma unless set. */
void bg_csv_set_delimiter(struct bg_csv *csv, char delimiter);
/* BG_DATA with "path:line:column: why" for a misplaced quote, BG_TOO_LARGE for a line or a number of fields
 * over its limit, and whatever the stream reports. */
BG_MUST_CHECK enum bg_status bg_csv_next(struct bg_csv *csv, struct bg_error *error,
                                         struct bg_csv_record *ret_record);
/* The next line as it is, without its end; NULL at the end of the file. Valid until the next one is read. */
BG_MUST_CHECK enum bg_status bg_csv_next_line(struct bg_csv *csv, struct bg_error *error, const char **ret_line,
                                              size_t *ret_size);
const char *bg_csv_path(const struct bg_csv *csv);

#define BG_CSV_SHOWN_BYTES 64
/* Writes a field's text for an error message: unprintable bytes as \xNN, cut with "..." when long. */
const char *bg_csv_show(const struct bg_csv_field *field, char ret_text[static BG_CSV_SHOWN_BYTES]);
