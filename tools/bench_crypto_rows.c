/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench_crypto_rows.h"

#include <string.h>

const char *const bg_bench_rivals[] = {"textbook-single", "textbook", "djn-powm", "window", "gmp", "portable", NULL};

double bg_bench_ratio(const struct bg_bench_rows *rows, const struct bg_bench_row *row, const char *rival)
{
    char name[sizeof row->name];
    snprintf(name, sizeof name, "%s/%s", row->group, rival);
    for (size_t i = 0; i < rows->count && row->ours && !row->absent; i++) {
        const struct bg_bench_row *other = &rows->rows[i];
        if (other != row && !other->absent && strcmp(other->name, name) == 0)
            return other->seconds / row->seconds;
    }
    return 0;
}

/* One of the two tables. */
static bool has_rival(const struct bg_bench_rows *rows, bool coordinates, const char *rival)
{
    bool found = false;
    for (size_t i = 0; i < rows->count; i++)
        found |= rows->rows[i].coordinate == coordinates && bg_bench_ratio(rows, &rows->rows[i], rival) > 0;
    return found;
}

static void print_head(const struct bg_bench_rows *rows, bool coordinates, FILE *out)
{
    if (coordinates)
        fprintf(out, "\n%-28s %10s %9s %9s", "one coordinate", "us", "bytes", "bits");
    else
        fprintf(out, "\n%-28s %10s %9s %9s", "one ciphertext", "ms", "table MB", "GB/s");
    for (const char *const *rival = bg_bench_rivals; *rival; rival++)
        if (has_rival(rows, coordinates, *rival))
            fprintf(out, "  %s", *rival);
    fputc('\n', out);
}

/* In a column of this width; what stays empty is left to the next column, so that no line ends in blanks. */
static void print_number(double value, int decimals, const char *unit, int width, int *owed, FILE *out)
{
    char text[32];
    *owed += width;
    if (value > 0) {
        snprintf(text, sizeof text, "%.*f%s", decimals, value, unit);
        fprintf(out, "%*s", *owed, text);
        *owed = 0;
    }
}

static void print_row(const struct bg_bench_rows *rows, const struct bg_bench_row *row, FILE *out)
{
    int owed = 0;
    fprintf(out, "%-28s", row->name);
    if (row->absent) {
        fprintf(out, "     absent: %s\n", row->absent);
        return;
    }
    if (row->coordinate) {
        print_number(row->seconds * 1e6, 4, "", 11, &owed, out);
        print_number(row->bytes, 3, "", 10, &owed, out);
        print_number(row->bytes * 8, 2, "", 10, &owed, out);
    } else {
        print_number(row->seconds * 1e3, 5, "", 11, &owed, out);
        print_number((double)row->table_bytes / 1e6, 2, "", 10, &owed, out);
        print_number(row->bytes / row->seconds / 1e9, 3, "", 10, &owed, out);
    }
    for (const char *const *rival = bg_bench_rivals; *rival; rival++)
        if (has_rival(rows, row->coordinate, *rival)) {
            double ratio = bg_bench_ratio(rows, row, *rival);
            print_number(ratio, ratio < 10 ? 2 : ratio < 1000 ? 1 : 0, "x", (int)strlen(*rival) + 2, &owed, out);
        }
    fputc('\n', out);
}

void bg_bench_rows_print(const struct bg_bench_rows *rows, FILE *out)
{
    for (int coordinates = 0; coordinates < 2; coordinates++) {
        print_head(rows, coordinates, out);
        for (size_t i = 0; i < rows->count; i++)
            if (rows->rows[i].coordinate == (bool)coordinates)
                print_row(rows, &rows->rows[i], out);
    }
}

static void add_ratios(const struct bg_bench_rows *rows, const struct bg_bench_row *row, struct bg_json *object)
{
    struct bg_json *ratios = row->ours ? bg_json_add_object(object, "ratios") : NULL;
    for (const char *const *rival = bg_bench_rivals; *rival; rival++) {
        double ratio = bg_bench_ratio(rows, row, *rival);
        if (ratio > 0)
            bg_json_add_number(ratios, *rival, ratio);
    }
}

void bg_bench_rows_add(const struct bg_bench_rows *rows, struct bg_json *array)
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct bg_bench_row *row = &rows->rows[i];
        struct bg_json *object = bg_json_add_object(array, NULL);
        bg_json_add_string(object, "name", row->name);
        if (row->absent) {
            bg_json_add_null(object, "ms");
            bg_json_add_string(object, "absent", row->absent);
            continue;
        }
        bg_json_add_number(object, "ms", row->seconds * 1e3);
        bg_json_add_u64(object, "table_bytes", row->table_bytes);
        if (row->coordinate) {
            bg_json_add_number(object, "us_per_coordinate", row->seconds * 1e6);
            bg_json_add_number(object, "bytes_per_coordinate", row->bytes);
        } else if (row->bytes > 0) {
            bg_json_add_number(object, "gigabytes_per_second", row->bytes / row->seconds / 1e9);
        }
        add_ratios(rows, row, object);
    }
}
