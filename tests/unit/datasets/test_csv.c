/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/csv.h"

#include "tests/unit/datasets/folder_fixture.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

TestSuite(csv, .init = folder_make, .fini = folder_remove);

static struct bg_csv *open_text(const char *text)
{
    struct bg_csv *csv = NULL;
    cr_assert_eq(bg_csv_open(write_text("file.csv", text), NULL, &csv), BG_OK);
    return csv;
}

/* Fields of the next record, joined by '|'. */
static const char *next(struct bg_csv *csv)
{
    static char joined[1024];
    struct bg_csv_record record;
    struct bg_error error;
    cr_assert_eq(bg_csv_next(csv, &error, &record), BG_OK, "%s", error.text);
    size_t used = 0;
    for (size_t i = 0; i < record.count; i++) {
        if (i > 0)
            joined[used++] = '|';
        memcpy(joined + used, record.fields[i].text, record.fields[i].size);
        used += record.fields[i].size;
    }
    joined[used] = '\0';
    return record.count > 0 ? joined : NULL;
}

Test(csv, splits_records)
{
    struct bg_csv *csv = open_text("a,b,c\n1,2,3\n,,\n x y , 4 ,\t5\t\n\nlast,one");
    cr_assert_str_eq(next(csv), "a|b|c");
    cr_assert_str_eq(next(csv), "1|2|3");
    cr_assert_str_eq(next(csv), "||");
    cr_assert_str_eq(next(csv), "x y|4|5");
    cr_assert_str_eq(next(csv), "");
    cr_assert_str_eq(next(csv), "last|one");
    cr_assert_null(next(csv));
    cr_assert_null(next(csv));
    bg_csv_destroy(&csv);
    NO_LEAKS();
}

Test(csv, takes_carriage_returns_and_a_byte_order_mark)
{
    struct bg_csv *csv = open_text("\xef\xbb\xbf"
                                   "a,b\r\n1,2\r\n3,4\r\n");
    cr_assert_str_eq(next(csv), "a|b");
    cr_assert_str_eq(next(csv), "1|2");
    cr_assert_str_eq(next(csv), "3|4");
    cr_assert_null(next(csv));
    bg_csv_destroy(&csv);
}

Test(csv, undoes_quotes)
{
    struct bg_csv *csv = open_text("\"a,b\",\"c \"\"d\"\"\" , \"\",e\n\"\"\"\"\n");
    cr_assert_str_eq(next(csv), "a,b|c \"d\"||e");
    cr_assert_str_eq(next(csv), "\"");
    cr_assert_null(next(csv));
    bg_csv_destroy(&csv);
}

Test(csv, passes_bytes_above_127)
{
    struct bg_csv *csv = open_text("Web Attack \x96 XSS,Web Attack \xef\xbf\xbd XSS\n");
    cr_assert_str_eq(next(csv), "Web Attack \x96 XSS|Web Attack \xef\xbf\xbd XSS");
    bg_csv_destroy(&csv);
}

Test(csv, counts_lines_and_columns)
{
    struct bg_csv *csv = open_text("a,bb,\"c\"\n\n  d , e\n");
    struct bg_csv_record record;
    cr_assert_eq(bg_csv_next(csv, NULL, &record), BG_OK);
    cr_assert_eq(record.line, 1);
    cr_assert_eq(record.fields[0].column, 1);
    cr_assert_eq(record.fields[1].column, 3);
    cr_assert_eq(record.fields[2].column, 7);
    cr_assert_eq(bg_csv_next(csv, NULL, &record), BG_OK);
    cr_assert_eq(record.line, 2);
    cr_assert_eq(record.count, 1);
    cr_assert_eq(bg_csv_next(csv, NULL, &record), BG_OK);
    cr_assert_eq(record.line, 3);
    cr_assert_eq(record.fields[0].column, 3);
    cr_assert_eq(record.fields[1].column, 7);
    bg_csv_destroy(&csv);
}

static void expect_refusal(const char *text, const char *place)
{
    struct bg_csv *csv = open_text(text);
    struct bg_csv_record record;
    struct bg_error error;
    cr_assert_eq(bg_csv_next(csv, &error, &record), BG_OK);
    cr_assert_eq(bg_csv_next(csv, &error, &record), BG_DATA);
    cr_assert_not_null(strstr(error.text, place), "%s", error.text);
    cr_assert_not_null(strstr(error.text, bg_csv_path(csv)));
    bg_csv_destroy(&csv);
}

Test(csv, refuses_misplaced_quotes)
{
    expect_refusal("a,b\n1,\"2\n3\",4\n", ":2:3: ");
    expect_refusal("a,b\n1,2\"3\n", ":2:4: ");
    expect_refusal("a,b\n\"1\"x,2\n", ":2:4: ");
    expect_refusal("a,b\n1,\"", ":2:3: ");
    NO_LEAKS();
}

static char *line_of(size_t length)
{
    char *text = malloc(length + 4);
    cr_assert_not_null(text);
    memset(text, 'x', length);
    strcpy(text + length, "\na\n");
    return text;
}

Test(csv, takes_the_longest_line)
{
    char *text = line_of(BG_CSV_LINE_LIMIT);
    struct bg_csv *csv = open_text(text);
    struct bg_csv_record record;
    cr_assert_eq(bg_csv_next(csv, NULL, &record), BG_OK);
    cr_assert_eq(record.fields[0].size, BG_CSV_LINE_LIMIT);
    cr_assert_str_eq(next(csv), "a");
    bg_csv_destroy(&csv);
    free(text);
    NO_LEAKS();
}

Test(csv, refuses_an_endless_line)
{
    char *text = line_of(BG_CSV_LINE_LIMIT + 1);
    struct bg_csv *csv = open_text(text);
    struct bg_csv_record record;
    struct bg_error error;
    cr_assert_eq(bg_csv_next(csv, &error, &record), BG_TOO_LARGE);
    cr_assert_not_null(strstr(error.text, "file.csv:1: "), "%s", error.text);
    bg_csv_destroy(&csv);
    free(text);
    NO_LEAKS();
}

Test(csv, refuses_too_many_fields)
{
    char text[BG_CSV_FIELD_LIMIT + 2];
    memset(text, ',', sizeof text);
    text[BG_CSV_FIELD_LIMIT] = '\0';
    struct bg_csv *csv = open_text(text);
    struct bg_csv_record record;
    cr_assert_eq(bg_csv_next(csv, NULL, &record), BG_TOO_LARGE);
    bg_csv_destroy(&csv);
    text[BG_CSV_FIELD_LIMIT - 1] = '\0';
    csv = open_text(text);
    cr_assert_eq(bg_csv_next(csv, NULL, &record), BG_OK);
    cr_assert_eq(record.count, BG_CSV_FIELD_LIMIT);
    bg_csv_destroy(&csv);
}

Test(csv, reports_a_cut_stream)
{
    uint8_t garbage[] = {0x1f, 0x8b, 8, 0, 0, 0};
    struct bg_csv *csv;
    cr_assert_eq(bg_csv_open(write_bytes("cut.csv.gz", garbage, sizeof garbage), NULL, &csv), BG_OK);
    struct bg_csv_record record;
    struct bg_error error;
    cr_assert_eq(bg_csv_next(csv, &error, &record), BG_DATA);
    cr_assert_not_null(strstr(error.text, "cut.csv.gz"));
    bg_csv_destroy(&csv);
    NO_LEAKS();
}

Test(csv, shows_odd_bytes)
{
    char shown[BG_CSV_SHOWN_BYTES];
    struct bg_csv_field field = {.text = "a\x96\n\\b", .size = 5};
    cr_assert_str_eq(bg_csv_show(&field, shown), "a\\x96\\x0a\\x5cb");
    char long_text[200];
    memset(long_text, 'y', sizeof long_text);
    field = (struct bg_csv_field){.text = long_text, .size = sizeof long_text};
    bg_csv_show(&field, shown);
    cr_assert_lt(strlen(shown), BG_CSV_SHOWN_BYTES);
    cr_assert_str_eq(shown + strlen(shown) - 3, "...");
}
