/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/table.h"

#include "tests/unit/datasets/flow_csv.h"
#include "tests/unit/datasets/folder_fixture.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define IMPROVED false
#define ORIGINAL true

static struct bg_schema schema;
static struct flow_csv csv;

static void tidy(void)
{
    bg_schema_finish(&schema);
    folder_remove();
}

TestSuite(cicids2017, .init = folder_make, .fini = tidy);

static void begin(bool original)
{
    flow_csv_begin(&csv, original);
}

static struct bg_table_settings settings_for(bool original, bool drop_port)
{
    const struct bg_schema_settings choices = {.drop_port = drop_port};
    bg_schema_finish(&schema);
    cr_assert_eq(bg_schema_load(original ? "cicids2017-original" : "cicids2017", &choices, NULL, &schema), BG_OK);
    return (struct bg_table_settings){.schema = &schema};
}

static enum bg_status read_paths(const char *const *paths, size_t count, const struct bg_table_settings *settings,
                                 struct bg_error *error, struct bg_dataset *ret_dataset)
{
    cr_assert_eq(bg_table_begin(settings->schema, NULL, ret_dataset), BG_OK);
    enum bg_status status = bg_table_read(paths, count, settings, error, ret_dataset);
    if (status)
        bg_dataset_finish(ret_dataset);
    return status;
}

static struct bg_dataset read_csv(const struct bg_table_settings *settings)
{
    const char *path = write_text("flows.csv", csv.text);
    struct bg_dataset dataset;
    struct bg_error error;
    cr_assert_eq(read_paths(&path, 1, settings, &error, &dataset), BG_OK, "%s", error.text);
    return dataset;
}

static void expect_error(bool original, enum bg_status status, const char *says)
{
    const char *path = write_text("flows.csv", csv.text);
    struct bg_table_settings settings = settings_for(original, false);
    struct bg_dataset dataset;
    struct bg_error error;
    cr_assert_eq(read_paths(&path, 1, &settings, &error, &dataset), status);
    cr_assert_not_null(strstr(error.text, says), "%s", error.text);
    cr_assert_not_null(strstr(error.text, path), "%s", error.text);
}

Test(cicids2017, reads_the_improved_release)
{
    begin(IMPROVED);
    flow_csv_row(&csv, 1000, NULL, NULL, "BENIGN");
    flow_csv_row(&csv, 2000, "Flow Duration", "99.630985809302", "DoS Hulk");
    struct bg_table_settings settings = settings_for(IMPROVED, false);
    struct bg_dataset dataset = read_csv(&settings);
    cr_assert_eq(dataset.rows, 2);
    cr_assert_eq(dataset.columns, 83);
    cr_assert_eq(dataset.classes, 7);
    cr_assert_str_eq(dataset.feature_names[0], "Dst Port");
    cr_assert_str_eq(dataset.feature_names[82], "Total TCP Flow Time");
    for (size_t j = 0; j < 83; j++)
        cr_assert_eq(dataset.features[j], (float)(1000 + j));
    cr_assert_eq(dataset.features[83 + 2], 99.630985809302f);
    cr_assert_eq(dataset.labels[0], 0);
    cr_assert_eq(dataset.labels[1], 1);
    cr_assert(!dataset.synthetic);
    cr_assert_eq(bg_dataset_refused(&dataset), 0);
    bg_dataset_finish(&dataset);
    bg_schema_finish(&schema);
    NO_LEAKS();
}

Test(cicids2017, leaves_the_port_out)
{
    begin(IMPROVED);
    flow_csv_row(&csv, 1000, "Dst Port", "not looked at", "BENIGN");
    struct bg_table_settings settings = settings_for(IMPROVED, true);
    struct bg_dataset dataset = read_csv(&settings);
    cr_assert_eq(dataset.columns, 82);
    cr_assert_str_eq(dataset.feature_names[0], "Protocol");
    cr_assert_eq(dataset.features[0], 1001.0f);
    bg_dataset_finish(&dataset);
}

Test(cicids2017, reads_the_original_header)
{
    begin(ORIGINAL);
    flow_csv_row(&csv, 10, NULL, NULL, "Web Attack \x96 XSS");
    flow_csv_row(&csv, 20, NULL, NULL, "Web Attack \xef\xbf\xbd Brute Force");
    flow_csv_row(&csv, 30, NULL, NULL, " BENIGN \r");
    struct bg_table_settings settings = settings_for(ORIGINAL, false);
    struct bg_dataset dataset = read_csv(&settings);
    cr_assert_eq(dataset.rows, 3);
    cr_assert_eq(dataset.columns, 76);
    cr_assert_str_eq(dataset.feature_names[0], "Flow Duration");
    cr_assert_eq(dataset.features[75], 85.0f);
    cr_assert_eq(dataset.labels[0], 5);
    cr_assert_eq(dataset.labels[1], 5);
    cr_assert_eq(dataset.labels[2], 0);
    bg_dataset_finish(&dataset);
}

Test(cicids2017, counts_rows_of_no_use)
{
    begin(ORIGINAL);
    flow_csv_row(&csv, 1, "Flow Bytes/s", "NaN", "BENIGN");
    flow_csv_row(&csv, 1, "Flow Bytes/s", "Infinity", "BENIGN");
    flow_csv_row(&csv, 1, "Flow Packets/s", "inf", "BENIGN");
    flow_csv_row(&csv, 1, "Flow Packets/s", "1e39", "BENIGN");
    flow_csv_row(&csv, 1, "Flow Bytes/s", "", "BENIGN");
    flow_csv_row(&csv, 1, NULL, NULL, "BENIGN");
    flow_csv_row(&csv, 1, "Flow Bytes/s", "NaN", "Heartbleed");
    flow_csv_add(&csv, "\n,,,,\n");
    flow_csv_row(&csv, 1, "Flow Bytes/s", "-0", "DDoS");
    struct bg_table_settings settings = settings_for(ORIGINAL, false);
    struct bg_dataset dataset = read_csv(&settings);
    static const struct {
        enum bg_refusal reason;
        size_t rows, first_line;
    } wanted[] = {
        {BG_REFUSAL_NAN_VALUE, 1, 2},     {BG_REFUSAL_INFINITE_VALUE, 3, 3}, {BG_REFUSAL_MISSING_VALUE, 1, 6},
        {BG_REFUSAL_DROPPED_LABEL, 1, 8}, {BG_REFUSAL_EMPTY_ROW, 2, 9},
    };
    cr_assert_eq(dataset.rows, 2);
    cr_assert_eq(bg_dataset_refused(&dataset), 8);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const struct bg_refused_rows *refused = &dataset.refused[wanted[i].reason];
        cr_assert_eq(refused->rows, wanted[i].rows, "%s", bg_refusal_name(wanted[i].reason));
        cr_assert_eq(refused->first_line, wanted[i].first_line, "%s", bg_refusal_name(wanted[i].reason));
        cr_assert_str_eq(refused->first_file, "flows.csv");
    }
    float zero = dataset.features[76 + 13];
    cr_assert_eq(memcmp(&zero, &(float){0}, sizeof zero), 0, "a negative zero stayed");
    bg_dataset_finish(&dataset);
}

Test(cicids2017, keeps_infinite_values_on_request)
{
    begin(ORIGINAL);
    flow_csv_row(&csv, 1, "Flow Bytes/s", "Infinity", "BENIGN");
    flow_csv_row(&csv, 1, "Flow Bytes/s", "-inf", "BENIGN");
    flow_csv_row(&csv, 1, "Flow Bytes/s", "NaN", "BENIGN");
    struct bg_table_settings settings = settings_for(ORIGINAL, false);
    settings.bound_infinite = true;
    struct bg_dataset dataset = read_csv(&settings);
    cr_assert_eq(dataset.rows, 2);
    cr_assert_eq(dataset.bounded_values, 2);
    cr_assert_eq(dataset.features[13], BG_BOUNDED_INFINITY);
    cr_assert_eq(dataset.features[76 + 13], -BG_BOUNDED_INFINITY);
    cr_assert_eq(dataset.refused[BG_REFUSAL_NAN_VALUE].rows, 1);
    bg_dataset_finish(&dataset);
}

Test(cicids2017, names_line_column_and_name_of_what_is_no_number)
{
    begin(IMPROVED);
    flow_csv_row(&csv, 1000, NULL, NULL, "BENIGN");
    flow_csv_row(&csv, 1000, "Flow Duration", "soon", "BENIGN");
    expect_error(IMPROVED, BG_DATA,
                 "flows.csv:3:15: \"soon\" in the column \"Flow Duration\" is not a number");
}

Test(cicids2017, names_a_label_the_map_does_not_know)
{
    begin(IMPROVED);
    flow_csv_row(&csv, 1000, NULL, NULL, "Worm \x96");
    expect_error(IMPROVED, BG_DATA,
                 "flows.csv:2:420: the label map papers7 does not know \"Worm \\x96\"");
}

/* The header without one of its columns. */
static void without(bool original, const char *column)
{
    begin(original);
    char *at = strstr(csv.text, column);
    cr_assert_not_null(at);
    memmove(at, at + strlen(column), strlen(at + strlen(column)) + 1);
    csv.size = strlen(csv.text);
}

Test(cicids2017, names_a_missing_column)
{
    without(IMPROVED, "Idle Max,");
    expect_error(IMPROVED, BG_DATA, "flows.csv:1: the column \"Idle Max\"");
    without(IMPROVED, ",Label");
    expect_error(IMPROVED, BG_DATA, "the column \"Label\"");
}

Test(cicids2017, tells_the_releases_apart)
{
    begin(ORIGINAL);
    expect_error(IMPROVED, BG_DATA, "the file is of the kind cicids2017-original");
    begin(IMPROVED);
    expect_error(ORIGINAL, BG_DATA, "the file is of the kind cicids2017");
}

static void with_column(bool original, const char *column)
{
    begin(original);
    csv.text[--csv.size] = '\0';
    flow_csv_add(&csv, ",");
    flow_csv_add(&csv, column);
    flow_csv_add(&csv, "\n");
}

Test(cicids2017, refuses_surplus_columns)
{
    with_column(IMPROVED, "Mood");
    expect_error(IMPROVED, BG_DATA, "no column \"Mood\"");
    with_column(IMPROVED, "Flow Duration");
    expect_error(IMPROVED, BG_DATA, "only one column \"Flow Duration\", the file another");
    with_column(IMPROVED, "Dst Port");
    expect_error(IMPROVED, BG_DATA, "only one column \"Dst Port\", the file another");
    with_column(IMPROVED, "label");
    expect_error(IMPROVED, BG_DATA, "only one column \"label\", the file another");
    with_column(ORIGINAL, "Source,Family,Mood");
    expect_error(ORIGINAL, BG_DATA, "no column \"Mood\"");
}

Test(cicids2017, refuses_rows_of_another_length)
{
    begin(IMPROVED);
    flow_csv_row(&csv, 1000, NULL, NULL, "BENIGN,more");
    expect_error(IMPROVED, BG_DATA, "flows.csv:2:427: 86 fields, but the header has 85");
    begin(IMPROVED);
    flow_csv_row(&csv, 1000, NULL, NULL, "BENIGN");
    flow_csv_add(&csv, "1,2,3");
    expect_error(IMPROVED, BG_DATA, "flows.csv:3:5: 3 fields");
}

Test(cicids2017, refuses_files_without_rows)
{
    begin(IMPROVED);
    csv.text[0] = '\0';
    expect_error(IMPROVED, BG_DATA, "is empty");
    begin(IMPROVED);
    flow_csv_row(&csv, 1000, NULL, NULL, "Heartbleed");
    expect_error(IMPROVED, BG_DATA, "none of its 1 rows");
    snprintf(csv.text, sizeof csv.text,
             "\x7f"
             "ELF%c",
             1);
    expect_error(IMPROVED, BG_DATA, "is missing");
}

Test(cicids2017, takes_columns_in_any_order_and_case)
{
    begin(IMPROVED);
    memcpy(strstr(csv.text, "Dst Port,Protocol"), "PROTOCOL,dst port", 17);
    flow_csv_row(&csv, 1000, NULL, NULL, "BENIGN");
    struct bg_table_settings settings = settings_for(IMPROVED, false);
    struct bg_dataset dataset = read_csv(&settings);
    cr_assert_eq(dataset.features[0], 1001.0f);
    cr_assert_eq(dataset.features[1], 1000.0f);
    bg_dataset_finish(&dataset);
}

Test(cicids2017, reads_files_after_each_other)
{
    begin(IMPROVED);
    flow_csv_row(&csv, 1000, NULL, NULL, "BENIGN");
    const char *paths[3] = {write_gzip("a.csv.gz", csv.text, csv.size),
                            write_xz("b.csv.xz", csv.text, csv.size),
                            write_zstd("c.csv.zst", csv.text, csv.size)};
    struct bg_table_settings settings = settings_for(IMPROVED, false);
    struct bg_dataset dataset;
    cr_assert_eq(read_paths(paths, 3, &settings, NULL, &dataset), BG_OK);
    cr_assert_eq(dataset.rows, 3);
    bg_dataset_finish(&dataset);
    with_column(IMPROVED, "Timestamp");
    paths[1] = write_text("d.csv", csv.text);
    struct bg_error error;
    cr_assert_eq(read_paths(paths, 3, &settings, &error, &dataset), BG_DATA);
    cr_assert_not_null(strstr(error.text, "d.csv"));
    cr_assert_not_null(strstr(error.text, "a.csv.gz"));
    bg_schema_finish(&schema);
    NO_LEAKS();
}
