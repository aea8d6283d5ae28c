/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comma-separated files. Records that are read and written again, every field in quotes, read as the same fields. The
 * input is the file, compressed or not.
 */
#include "datasets/csv.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define MOST_BYTES ((size_t)1 << 18) /* of fields; small inputs may hold gigabytes */

static void write_field(struct bg_writer *w, const char *text, size_t size)
{
    bg_write_u8(w, '"');
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"')
            bg_write_u8(w, '"');
        bg_write_u8(w, (uint8_t)text[i]);
    }
    bg_write_u8(w, '"');
}

static void write_record(struct bg_writer *w, const struct bg_csv_record *record)
{
    char shown[BG_CSV_SHOWN_BYTES];
    for (size_t i = 0; i < record->count; i++) {
        const struct bg_csv_field *field = &record->fields[i];
        FUZZ_REQUIRE(strlen(bg_csv_show(field, shown)) < sizeof shown, "line %zu", record->line);
        FUZZ_REQUIRE(field->column >= 1, "line %zu", record->line);
        if (i)
            bg_write_u8(w, ',');
        write_field(w, field->text, field->size);
    }
    bg_write_u8(w, '\n');
}

/* Reads the file and appends what it says to *w; *ret_whole: it is all there. */
static enum bg_status copy(const char *path, struct bg_writer *w, bool *ret_whole)
{
    struct bg_csv *csv = NULL;
    struct bg_error error;
    struct bg_csv_record record = {0};
    size_t line = 0;
    *ret_whole = false;
    enum bg_status status = bg_csv_open(path, &error, &csv);
    if (status != BG_OK)
        return fuzz_refused(status, &error);
    while (w->size < MOST_BYTES && w->status == BG_OK) {
        status = bg_csv_next(csv, &error, &record);
        if (status != BG_OK)
            fuzz_refused(status, &error);
        *ret_whole = status == BG_OK && record.count == 0;
        if (status != BG_OK || *ret_whole)
            break;
        FUZZ_REQUIRE(record.count <= BG_CSV_FIELD_LIMIT && record.line == ++line, "line %zu", record.line);
        write_record(w, &record);
    }
    bg_csv_destroy(&csv);
    return status == BG_OK ? w->status : status;
}

static enum bg_status check(struct bg_span input)
{
    struct bg_writer first, second;
    bool whole;
    bg_writer_init(&first);
    bg_writer_init(&second);
    enum bg_status status = copy(fuzz_file(input), &first, &whole);
    if (status == BG_OK && whole) {
        status = copy(fuzz_file(bg_writer_span(&first)), &second, &whole);
        FUZZ_REQUIRE(status == BG_NO_MEMORY ||
                         (status == BG_OK && bg_span_equal(bg_writer_span(&first), bg_writer_span(&second))),
                     "%s: %zu bytes became %zu", bg_status_name(status), first.size, second.size);
    }
    bg_writer_finish(&first);
    bg_writer_finish(&second);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(check, data, size);
}
