/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/csv.h"

#include "datasets/stream.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for the longest line with its CRLF; only the part that lines fill is ever touched. */
#define BUFFER_BYTES (BG_CSV_LINE_LIMIT + 2)
#define READ_BYTES ((size_t)128 * 1024)

struct bg_csv {
    char *path;
    struct bg_stream *stream;
    char *buffer;
    size_t begin; /* of the bytes not yet given out */
    size_t end;
    size_t line; /* last one given out */
    bool ended;
    char delimiter;
    struct bg_csv_field fields[BG_CSV_FIELD_LIMIT];
};

enum bg_status bg_csv_open(const char *path, struct bg_error *error, struct bg_csv **ret_csv)
{
    struct bg_csv *csv = calloc(1, sizeof *csv);
    if (csv) {
        csv->delimiter = ',';
        csv->path = strdup(path);
        csv->buffer = malloc(BUFFER_BYTES);
    }
    enum bg_status status;
    if (csv && csv->path && csv->buffer)
        status = bg_stream_open(path, error, &csv->stream);
    else
        status = bg_fail(error, BG_NO_MEMORY, "%s: no memory to read it", path);
    if (status) {
        bg_csv_destroy(&csv);
        return status;
    }
    *ret_csv = csv;
    return BG_OK;
}

void bg_csv_destroy(struct bg_csv **csv)
{
    struct bg_csv *old = *csv;
    if (!old)
        return;
    bg_stream_destroy(&old->stream);
    free(old->buffer);
    free(old->path);
    free(old);
    *csv = NULL;
}

void bg_csv_set_delimiter(struct bg_csv *csv, char delimiter)
{
    csv->delimiter = delimiter;
}

const char *bg_csv_path(const struct bg_csv *csv)
{
    return csv->path;
}

/* Moves the unread bytes to the front and appends more. */
static enum bg_status refill(struct bg_csv *csv, struct bg_error *error)
{
    size_t kept = csv->end - csv->begin;
    memmove(csv->buffer, csv->buffer + csv->begin, kept);
    csv->begin = 0;
    csv->end = kept;
    size_t room = BUFFER_BYTES - kept;
    size_t size;
    enum bg_status status = bg_stream_read(csv->stream, csv->buffer + kept,
                                           room < READ_BYTES ? room : READ_BYTES, error, &size);
    if (status)
        return status;
    csv->end += size;
    csv->ended = size == 0;
    return BG_OK;
}

static enum bg_status too_long(const struct bg_csv *csv, struct bg_error *error)
{
    return bg_fail(error, BG_TOO_LARGE, "%s:%zu: the line is longer than %zu bytes", csv->path, csv->line + 1,
                   BG_CSV_LINE_LIMIT);
}

/* Gives the next line without its end; *ret_line NULL at the end of the file. */
static enum bg_status next_line(struct bg_csv *csv, struct bg_error *error, char **ret_line, size_t *ret_size)
{
    size_t searched = 0;
    char *newline = NULL;
    for (;;) {
        size_t size = csv->end - csv->begin;
        if (size > searched)
            newline = memchr(csv->buffer + csv->begin + searched, '\n', size - searched);
        searched = size;
        if (newline || csv->ended)
            break;
        if (size == BUFFER_BYTES)
            return too_long(csv, error);
        enum bg_status status = refill(csv, error);
        if (status)
            return status;
    }
    char *line = csv->buffer + csv->begin;
    size_t size = newline ? (size_t)(newline - line) : csv->end - csv->begin;
    csv->begin += size + (newline != NULL);
    if (!newline && size == 0) {
        *ret_line = NULL;
        return BG_OK;
    }
    size -= size > 0 && line[size - 1] == '\r';
    if (size > BG_CSV_LINE_LIMIT)
        return too_long(csv, error);
    csv->line++;
    *ret_line = line;
    *ret_size = size;
    return BG_OK;
}

/* Blanks around fields go, unless they are what separates them. */
static bool is_blank(const struct bg_csv *csv, char c)
{
    return (c == ' ' || c == '\t') && c != csv->delimiter;
}

static enum bg_status misplaced(const struct bg_csv *csv, size_t offset, const char *why,
                                struct bg_error *error)
{
    return bg_fail(error, BG_DATA, "%s:%zu:%zu: %s", csv->path, csv->line, offset + 1, why);
}

/* Reads a quoted field whose quote is at `at`, undoubling quotes in place; gives the offset behind it. */
static enum bg_status split_quoted(const struct bg_csv *csv, char *line, size_t size, size_t at,
                                   struct bg_csv_field *field, struct bg_error *error, size_t *ret_at)
{
    size_t opened = at++;
    size_t written = at;
    *field = (struct bg_csv_field){.text = line + at, .column = at + 1};
    for (;; at++) {
        if (at == size)
            return misplaced(csv, opened, "a quote opens here and does not close on this line", error);
        if (line[at] == '"' && (at + 1 == size || line[at + 1] != '"'))
            break;
        at += line[at] == '"';
        line[written++] = line[at];
    }
    field->size = (size_t)(line + written - field->text);
    for (at++; at < size && is_blank(csv, line[at]);)
        at++;
    if (at < size && line[at] != csv->delimiter)
        return misplaced(csv, at, "text follows a closing quote", error);
    *ret_at = at;
    return BG_OK;
}

static enum bg_status split_field(const struct bg_csv *csv, char *line, size_t size, size_t at,
                                  struct bg_csv_field *field, struct bg_error *error, size_t *ret_at)
{
    while (at < size && is_blank(csv, line[at]))
        at++;
    if (at < size && line[at] == '"')
        return split_quoted(csv, line, size, at, field, error, ret_at);
    size_t first = at;
    while (at < size && line[at] != csv->delimiter) {
        if (line[at] == '"')
            return misplaced(csv, at, "a quote inside a field that does not begin with one", error);
        at++;
    }
    size_t last = at;
    while (last > first && is_blank(csv, line[last - 1]))
        last--;
    *field = (struct bg_csv_field){.text = line + first, .size = last - first, .column = first + 1};
    *ret_at = at;
    return BG_OK;
}

static size_t skip_delimiters(const struct bg_csv *csv, const char *line, size_t size, size_t at)
{
    while (csv->delimiter == ' ' && at < size && line[at] == ' ')
        at++;
    return at;
}

/* Where a line's content begins. */
static size_t begin_of(const struct bg_csv *csv, const char *line, size_t size)
{
    return line && csv->line == 1 && size >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

enum bg_status bg_csv_next_line(struct bg_csv *csv, struct bg_error *error, const char **ret_line, size_t *ret_size)
{
    char *line = NULL;
    size_t size = 0;
    enum bg_status status = next_line(csv, error, &line, &size);
    if (status)
        return status;
    size_t begin = begin_of(csv, line, size);
    *ret_line = line ? line + begin : NULL;
    *ret_size = size - begin;
    return BG_OK;
}

enum bg_status bg_csv_next(struct bg_csv *csv, struct bg_error *error, struct bg_csv_record *ret_record)
{
    char *line = NULL;
    size_t size = 0;
    enum bg_status status = next_line(csv, error, &line, &size);
    if (status)
        return status;
    size_t count = 0;
    size_t at = skip_delimiters(csv, line, size, begin_of(csv, line, size));
    while (line) {
        if (count == BG_CSV_FIELD_LIMIT)
            return bg_fail(error, BG_TOO_LARGE, "%s:%zu: more than %zu fields", csv->path, csv->line,
                           BG_CSV_FIELD_LIMIT);
        status = split_field(csv, line, size, at, &csv->fields[count], error, &at);
        if (status)
            return status;
        count++;
        if (at == size)
            break;
        at = skip_delimiters(csv, line, size, at + 1);
        if (csv->delimiter == ' ' && at == size)
            break;
    }
    *ret_record = (struct bg_csv_record){.fields = csv->fields, .count = count, .line = csv->line};
    return BG_OK;
}

const char *bg_csv_show(const struct bg_csv_field *field, char ret_text[static BG_CSV_SHOWN_BYTES])
{
    const size_t widest = 4; /* \xNN */
    const size_t dots = 3;
    size_t used = 0;
    size_t i = 0;
    for (; i < field->size && used + widest + dots < BG_CSV_SHOWN_BYTES; i++) {
        unsigned char c = (unsigned char)field->text[i];
        bool printable = c >= 0x20 && c < 0x7f && c != '\\';
        used += (size_t)snprintf(ret_text + used, BG_CSV_SHOWN_BYTES - used, printable ? "%c" : "\\x%02x", c);
    }
    snprintf(ret_text + used, BG_CSV_SHOWN_BYTES - used, "%s", i < field->size ? "..." : "");
    return ret_text;
}
