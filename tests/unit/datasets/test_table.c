/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/table.h"

#include "tests/unit/datasets/folder_fixture.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(table, .init = folder_make, .fini = folder_remove);

static struct bg_schema schema;

/* Reads a file as the schema says; the schema stays loaded after a success only. */
static enum bg_status read_text(const char *description, const char *text, const char *exclude,
                                struct bg_error *error, struct bg_dataset *ret_dataset)
{
    const char *path = write_text("rows.csv", text);
    const struct bg_schema_settings choices = {.labels = ""};
    cr_assert_eq(bg_schema_parse((struct bg_span){(const uint8_t *)description, strlen(description)}, "own", &choices,
                                 error, &schema),
                 BG_OK, "%s", error->text);
    cr_assert_eq(bg_table_begin(&schema, error, ret_dataset), BG_OK);
    const struct bg_table_settings settings = {.schema = &schema, .exclude = exclude};
    enum bg_status status = bg_table_read(&path, 1, &settings, error, ret_dataset);
    if (status) {
        bg_dataset_finish(ret_dataset);
        bg_schema_finish(&schema);
    }
    return status;
}

static struct bg_dataset read_rows(const char *description, const char *text)
{
    struct bg_dataset dataset;
    struct bg_error error;
    cr_assert_eq(read_text(description, text, NULL, &error, &dataset), BG_OK, "%s", error.text);
    return dataset;
}

static void finish(struct bg_dataset *dataset)
{
    bg_dataset_finish(dataset);
    bg_schema_finish(&schema);
    NO_LEAKS();
}

static void expect_error(const char *description, const char *text, const char *says)
{
    struct bg_dataset dataset;
    struct bg_error error;
    cr_assert_eq(read_text(description, text, NULL, &error, &dataset), BG_DATA, "%s", text);
    cr_assert_not_null(strstr(error.text, says), "%s", error.text);
    cr_assert_not_null(strstr(error.text, "rows.csv"), "%s", error.text);
    NO_LEAKS();
}

static void expect_features(const struct bg_dataset *dataset, size_t rows, const float *features)
{
    cr_assert_eq(dataset->rows, rows);
    for (size_t i = 0; i < rows * dataset->columns; i++)
        cr_assert_eq(dataset->features[i], features[i], "feature %zu: %g", i, (double)dataset->features[i]);
}

static void expect_labels(const struct bg_dataset *dataset, const char *labels)
{
    cr_assert_eq(dataset->rows, strlen(labels));
    for (size_t i = 0; i < dataset->rows; i++)
        cr_assert_eq(dataset->labels[i], labels[i] - '0');
}

#define LIST "\"labels\": [\"a\", \"b\"]"
#define XY "\"columns\": {\"x\": \"number\", \"y\": \"label\"}, " LIST

Test(table, orders_features_as_the_schema_does)
{
    struct bg_dataset dataset =
        read_rows("{\"columns\": {\"x\": \"number\", \"z\": \"drop\", \"y\": \"label\", \"w\": \"log\"}, " LIST "}",
                  "\xef\xbb\xbfY,W,x\r\na,1,2\r\nb,3,4\r\n");
    expect_features(&dataset, 2, (const float[]){2, 1, 4, 3});
    expect_labels(&dataset, "01");
    cr_assert(!dataset.logged[0] && dataset.logged[1]);
    cr_assert_str_eq(dataset.label_map, "labels");
    finish(&dataset);
}

Test(table, makes_one_column_per_value)
{
    struct bg_dataset dataset = read_rows(
        "{\"columns\": {\"p\": {\"use\": \"one_hot\", \"values\": [\"tcp\", \"-\"]},"
        "\"q\": {\"use\": \"one_hot\", \"values\": [\"1\"], \"unlisted\": \"refuse\"}, \"y\": \"label\"}, " LIST "}",
        "p,q,y\ntcp,1,a\n-,1,a\nTCP,1,a\ntcp,2,a\n,1,a\n\"tcp\",1,b\n");
    expect_features(&dataset, 4, (const float[]){1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1, 1, 0, 0, 1});
    expect_labels(&dataset, "0001");
    cr_assert_eq(dataset.refused[BG_REFUSAL_UNLISTED_VALUE].rows, 1);
    cr_assert_eq(dataset.refused[BG_REFUSAL_UNLISTED_VALUE].first_line, 5);
    cr_assert_eq(dataset.refused[BG_REFUSAL_MISSING_VALUE].rows, 1);
    finish(&dataset);
}

Test(table, fills_what_is_missing_as_told)
{
    struct bg_dataset dataset = read_rows(
        "{\"missing_tokens\": [\"?\", \"-999\"], \"missing\": 5, \"columns\": {\"x\": \"number\","
        "\"w\": {\"use\": \"log\", \"missing\": \"refuse\"},"
        "\"p\": {\"use\": \"one_hot\", \"values\": [\"u\"]}, \"y\": \"label\"}, " LIST "}",
        "x,w,p,y\n?,1,u,a\n,1,?,a\n-999,1,,a\n1,?,u,a\n1,-999.0,u,b\n1,nan,u,b\n");
    expect_features(&dataset, 4, (const float[]){5, 1, 1, 0, 5, 1, 0, 1, 5, 1, 0, 1, 1, -999, 1, 0});
    cr_assert_eq(dataset.refused[BG_REFUSAL_MISSING_VALUE].rows, 1);
    cr_assert_eq(dataset.refused[BG_REFUSAL_NAN_VALUE].rows, 1);
    finish(&dataset);
}

Test(table, treats_rows_without_label_as_told)
{
    struct bg_dataset dataset =
        read_rows("{\"missing_label\": \"refuse\", \"missing_tokens\": [\"?\"], " XY "}", "x,y\n1,a\n2,\n3,?\n4,b\n");
    expect_features(&dataset, 2, (const float[]){1, 4});
    cr_assert_eq(dataset.refused[BG_REFUSAL_MISSING_LABEL].rows, 2);
    finish(&dataset);
    expect_error("{" XY "}", "x,y\n1,a\n2,\n", "rows.csv:3:3: the label map labels does not know \"\"");
    expect_error("{\"missing_label\": \"refuse\", " XY "}", "x,y\n1,a\n2,c\n", "does not know \"c\"");
}

Test(table, keeps_keys_and_excludes_by_them)
{
    static const char description[] =
        "{\"columns\": {\"t\": {\"use\": \"key\", \"name\": \"day\", \"first\": 3}, \"u\": \"key\", \"v\": \"key\","
        "\"x\": \"number\", \"y\": \"label\"}, " LIST "}";
    static const char text[] = "t,u,x,y\nMon 1,7,1,a\nTue 2,7,2,a\nMon 3,8,3,b\n,8,?,b\n";
    struct bg_dataset dataset;
    struct bg_error error;
    cr_assert_eq(read_text(description, text, "DAY=", &error, &dataset), BG_DATA, "\"?\" is no number");
    cr_assert_eq(read_text(description, "t,u,x,y\nMon 1,7,1,a\nTue 2,7,2,a\nMon 3,8,3,b\n", "DAY=Tue", &error,
        &dataset),
                 BG_OK);
    expect_features(&dataset, 2, (const float[]){1, 3});
    const struct bg_row_keys *day = bg_dataset_key(&dataset, "day"), *user = bg_dataset_key(&dataset, "u");
    cr_assert(day->count == 2 && day->value_count == 1 && user->value_count == 2);
    cr_assert_str_eq(day->values[day->rows[1]], "Mon");
    cr_assert_str_eq(user->values[user->rows[1]], "8");
    cr_assert_str_eq(bg_dataset_key(&dataset, "v")->values[0], "", "a key that the file lacks");
    cr_assert_eq(dataset.refused[BG_REFUSAL_EXCLUDED].rows, 1);
    finish(&dataset);
    cr_assert_eq(read_text(description, text, "night=Tue", &error, &dataset), BG_INVALID);
    cr_assert_not_null(strstr(error.text, "night=Tue"));
    cr_assert_eq(read_text(description, text, "day", &error, &dataset), BG_INVALID);
}

Test(table, reads_files_without_header)
{
    struct bg_dataset dataset = read_rows("{\"header\": false, " XY "}", "1,a\n2,b\n");
    expect_features(&dataset, 2, (const float[]){1, 2});
    finish(&dataset);
    dataset = read_rows("{\"header\": \"optional\", " XY "}", "1,a\n2,b\n");
    expect_features(&dataset, 2, (const float[]){1, 2});
    finish(&dataset);
    dataset = read_rows("{\"header\": \"optional\", " XY "}", "y,x\nb,2\n");
    expect_features(&dataset, 1, (const float[]){2});
    finish(&dataset);
    expect_error("{\"header\": false, " XY "}", "x,y\n1,a\n",
        "rows.csv:1:3: the label map labels does not know \"y\"");
    expect_error("{\"header\": false, " XY "}", "1,a\n1,a,2\n", "3 fields, but a row of the schema has 2");
}

Test(table, reads_rows_that_begin_with_their_names)
{
    struct bg_dataset dataset = read_rows("{\"row_names\": true, " XY "}", "\"x\",\"y\"\n\"1\",7,a\n\"2\",8,b\n");
    expect_features(&dataset, 2, (const float[]){7, 8});
    finish(&dataset);
    dataset = read_rows("{\"row_names\": true, \"header\": false, " XY "}", "1,7,a\n2,8,b\n");
    expect_features(&dataset, 2, (const float[]){7, 8});
    finish(&dataset);
}

Test(table, reads_attribute_headers)
{
    static const char description[] =
        "{\"header\": \"arff\", \"missing_tokens\": [\"?\"], \"missing\": 0, \"columns\": {\"x x\": \"number\","
        "\"u\": \"key\", \"y\": \"label\"}, " LIST "}";
    struct bg_dataset dataset = read_rows(description, "% a comment\n@RELATION r\n\n@attribute \"x x\" numeric\n"
                                                       "@attribute u \n@Attribute y {a, "
                                                           "'b'}\n@data\n1,7,a\n?,8,b\n\n");
    expect_features(&dataset, 2, (const float[]){1, 0});
    expect_labels(&dataset, "01");
    cr_assert_eq(dataset.refused[BG_REFUSAL_EMPTY_ROW].rows, 1);
    finish(&dataset);
    expect_error(description, "@attribute y s\n1,2\n", "rows.csv:2: neither @relation");
    expect_error(description, "@attribute y s\n", "no \"@data\"");
    expect_error(description, "@attribute y s\n@data\na\n", "no attribute \"x x\"");
    expect_error(description, "@attribute y s\n@attribute z s\n@data\na\n",
        "rows.csv:2:12: the schema own has no column");
    expect_error(description, "@attribute 'y s\n@data\na\n", "rows.csv:1: neither");
}

Test(table, reads_other_delimiters)
{
    static const char *const texts[] = {"x;y\n1;a\n 2 ; b \n", "x\ty\n1\ta\n 2 \t b \n", "x|y\n1|a\n2|b\n",
                                        "x y\n1   a\n  2  b  \n"};
    static const char *const names[] = {";", "\\t", "|", " "};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char description[256];
        snprintf(description, sizeof description, "{\"delimiter\": \"%s\", " XY "}", names[i]);
        struct bg_dataset dataset = read_rows(description, texts[i]);
        expect_features(&dataset, 2, (const float[]){1, 2});
        expect_labels(&dataset, "01");
        finish(&dataset);
    }
    expect_error("{" XY "}", "x;y\n1;a\n", "set the schema's \"delimiter\"");
    expect_error("{\"delimiter\": \";\", " XY "}", "x;y\n1,5;a\n", "decimals are written with a point");
}

Test(table, numbers_repeated_names)
{
    struct bg_dataset dataset =
        read_rows("{\"columns\": {\"x\": \"number\", \"X.2\": \"number\", \"x.1\": \"drop\", \"y\": "
            "\"label\"}, " LIST "}",
                  "x,X,x,y\n1,2,3,a\n");
    expect_features(&dataset, 1, (const float[]){1, 3});
    finish(&dataset);
    expect_error("{" XY "}", "x,y,x\n1,a,2\n",
                 "rows.csv:1:5: the schema own has only one column \"x\", the file another: name it with .1");
}

Test(table, says_what_does_not_fit)
{
    expect_error("{" XY "}", "", "is empty");
    expect_error("{" XY "}", "x,y\n", "there are no rows");
    expect_error("{" XY "}", "x\n1\n", "rows.csv:1: the column \"y\" of the schema own is missing");
    expect_error("{" XY "}", "x,y,z\n1,a,2\n", "rows.csv:1:5: the schema own has no column \"z\"");
    expect_error("{" XY "}", "x,y\n1\n", "rows.csv:2:1: 1 field, but the header has 2");
    expect_error("{" XY "}", "x,y\n1\ta\n",
                 "rows.csv:2:1: 1 field, but the header has 2; fields seem to be separated by \"\\t\"");
    expect_error("{" XY "}", "x,y\n1,5,a\n",
                 "rows.csv:2:5: 3 fields, but the header has 2; is a comma meant as a decimal point");
    expect_error("{" XY "}", "x,y\nnan,a\ninf,a\n1e999,a\n",
                 "none of its 3 rows can be used: a feature that is infinite or beyond float32 (2 rows, first "
                 "rows.csv:3)");
    expect_error("{" XY "}", "x,y\none,a\n", "rows.csv:2:1: \"one\" in the column \"x\" is not a number");
}
