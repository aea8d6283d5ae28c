/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/cicids2017.h"

#include "tests/unit/datasets/flow_csv.h"
#include "tests/unit/datasets/folder_fixture.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct bg_label_map papers7;
static struct flow_csv csv;

static void prepare(void)
{
    folder_make();
    cr_assert_eq(bg_label_map_load("papers7", NULL, &papers7), BG_OK);
}

static void tidy(void)
{
    bg_label_map_finish(&papers7);
    folder_remove();
}

TestSuite(cicids2017, .init = prepare, .fini = tidy);

static struct bg_cicids2017_settings settings_for(enum bg_cicids2017_release release)
{
    return (struct bg_cicids2017_settings){.release = release, .labels = &papers7};
}

static struct bg_dataset read_csv(const struct bg_cicids2017_settings *settings)
{
    const char *path = write_text("flows.csv", csv.text);
    struct bg_dataset dataset;
    struct bg_error error;
    cr_assert_eq(bg_cicids2017_read(&path, 1, settings, &error, &dataset), BG_OK, "%s", error.text);
    return dataset;
}

static void expect_error(enum bg_cicids2017_release release, enum bg_status status, const char *says)
{
    const char *path = write_text("flows.csv", csv.text);
    struct bg_cicids2017_settings settings = settings_for(release);
    struct bg_dataset dataset;
    struct bg_error error;
    cr_assert_eq(bg_cicids2017_read(&path, 1, &settings, &error, &dataset), status);
    cr_assert_not_null(strstr(error.text, says), "%s", error.text);
    cr_assert_not_null(strstr(error.text, path), "%s", error.text);
}

Test(cicids2017, reads_the_improved_release)
{
    flow_csv_begin(&csv, BG_CICIDS2017_IMPROVED);
    flow_csv_row(&csv, 1000, NULL, NULL, "BENIGN");
    flow_csv_row(&csv, 2000, "Flow Duration", "99.630985809302", "DoS Hulk");
    struct bg_cicids2017_settings settings = settings_for(BG_CICIDS2017_IMPROVED);
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
    cr_assert_not_null(strstr(dataset.provenance, "flows.csv"));
    cr_assert_null(strchr(dataset.provenance, '/'));
    bg_dataset_finish(&dataset);
    bg_label_map_finish(&papers7);
    NO_LEAKS();
}

Test(cicids2017, leaves_the_port_out)
{
    flow_csv_begin(&csv, BG_CICIDS2017_IMPROVED);
    flow_csv_row(&csv, 1000, "Dst Port", "not looked at", "BENIGN");
    struct bg_cicids2017_settings settings = settings_for(BG_CICIDS2017_IMPROVED);
    settings.drop_port = true;
    struct bg_dataset dataset = read_csv(&settings);
    cr_assert_eq(dataset.columns, 82);
    cr_assert_str_eq(dataset.feature_names[0], "Protocol");
    cr_assert_eq(dataset.features[0], 1001.0f);
    bg_dataset_finish(&dataset);
}

Test(cicids2017, reads_the_original_header)
{
    flow_csv_begin(&csv, BG_CICIDS2017_ORIGINAL);
    flow_csv_row(&csv, 10, NULL, NULL, "Web Attack \x96 XSS");
    flow_csv_row(&csv, 20, NULL, NULL, "Web Attack \xef\xbf\xbd Brute Force");
    flow_csv_row(&csv, 30, NULL, NULL, " BENIGN \r");
    struct bg_cicids2017_settings settings = settings_for(BG_CICIDS2017_ORIGINAL);
    struct bg_dataset dataset = read_csv(&settings);
    cr_assert_eq(dataset.rows, 3);
    cr_assert_eq(dataset.columns, 77);
    cr_assert_str_eq(dataset.feature_names[0], "Destination Port");
    cr_assert_eq(dataset.features[76], 86.0f);
    cr_assert_eq(dataset.labels[0], 5);
    cr_assert_eq(dataset.labels[1], 5);
    cr_assert_eq(dataset.labels[2], 0);
    bg_dataset_finish(&dataset);
}

Test(cicids2017, counts_rows_of_no_use)
{
    flow_csv_begin(&csv, BG_CICIDS2017_ORIGINAL);
    flow_csv_row(&csv, 1, "Flow Bytes/s", "NaN", "BENIGN");
    flow_csv_row(&csv, 1, "Flow Bytes/s", "Infinity", "BENIGN");
    flow_csv_row(&csv, 1, "Flow Packets/s", "inf", "BENIGN");
    flow_csv_row(&csv, 1, "Flow Packets/s", "1e39", "BENIGN");
    flow_csv_row(&csv, 1, "Flow Bytes/s", "", "BENIGN");
    flow_csv_row(&csv, 1, NULL, NULL, "BENIGN");
    flow_csv_row(&csv, 1, "Flow Bytes/s", "NaN", "Heartbleed");
    flow_csv_add(&csv, "\n,,,,\n");
    flow_csv_row(&csv, 1, "Flow Bytes/s", "-0", "DDoS");
    struct bg_cicids2017_settings settings = settings_for(BG_CICIDS2017_ORIGINAL);
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
    float zero = dataset.features[77 + 14];
    cr_assert_eq(memcmp(&zero, &(float){0}, sizeof zero), 0, "a negative zero stayed");
    bg_dataset_finish(&dataset);
}

Test(cicids2017, keeps_infinite_values_on_request)
{
    flow_csv_begin(&csv, BG_CICIDS2017_ORIGINAL);
    flow_csv_row(&csv, 1, "Flow Bytes/s", "Infinity", "BENIGN");
    flow_csv_row(&csv, 1, "Flow Bytes/s", "-inf", "BENIGN");
    flow_csv_row(&csv, 1, "Flow Bytes/s", "NaN", "BENIGN");
    struct bg_cicids2017_settings settings = settings_for(BG_CICIDS2017_ORIGINAL);
    settings.bound_infinite = true;
    struct bg_dataset dataset = read_csv(&settings);
    cr_assert_eq(dataset.rows, 2);
    cr_assert_eq(dataset.bounded_values, 2);
    cr_assert_eq(dataset.features[14], BG_BOUNDED_INFINITY);
    cr_assert_eq(dataset.features[77 + 14], -BG_BOUNDED_INFINITY);
    cr_assert_eq(dataset.refused[BG_REFUSAL_NAN_VALUE].rows, 1);
    bg_dataset_finish(&dataset);
}

Test(cicids2017, names_line_column_and_name_of_what_is_no_number)
{
    flow_csv_begin(&csv, BG_CICIDS2017_IMPROVED);
    flow_csv_row(&csv, 1000, NULL, NULL, "BENIGN");
    flow_csv_row(&csv, 1000, "Flow Duration", "soon", "BENIGN");
    expect_error(BG_CICIDS2017_IMPROVED, BG_DATA,
                 "flows.csv:3:15: \"soon\" in the column \"Flow Duration\" is not a number");
}

Test(cicids2017, names_a_label_the_map_does_not_know)
{
    flow_csv_begin(&csv, BG_CICIDS2017_IMPROVED);
    flow_csv_row(&csv, 1000, NULL, NULL, "Worm \x96");
    expect_error(BG_CICIDS2017_IMPROVED, BG_DATA,
                 "flows.csv:2:420: the label map papers7 does not know \"Worm \\x96\"");
}

/* The header without one of its columns. */
static void without(enum bg_cicids2017_release release, const char *column)
{
    flow_csv_begin(&csv, release);
    char *at = strstr(csv.text, column);
    cr_assert_not_null(at);
    memmove(at, at + strlen(column), strlen(at + strlen(column)) + 1);
    csv.size = strlen(csv.text);
}

Test(cicids2017, names_a_missing_column)
{
    without(BG_CICIDS2017_IMPROVED, "Idle Max,");
    expect_error(BG_CICIDS2017_IMPROVED, BG_DATA, "flows.csv:1: the column \"Idle Max\"");
    without(BG_CICIDS2017_IMPROVED, ",Label");
    expect_error(BG_CICIDS2017_IMPROVED, BG_DATA, "the column \"Label\"");
}

Test(cicids2017, tells_the_releases_apart)
{
    flow_csv_begin(&csv, BG_CICIDS2017_ORIGINAL);
    expect_error(BG_CICIDS2017_IMPROVED, BG_DATA, "is of the original release");
    flow_csv_begin(&csv, BG_CICIDS2017_IMPROVED);
    expect_error(BG_CICIDS2017_ORIGINAL, BG_DATA, "is of the improved release");
}

static void with_column(enum bg_cicids2017_release release, const char *column)
{
    flow_csv_begin(&csv, release);
    csv.text[--csv.size] = '\0';
    flow_csv_add(&csv, ",");
    flow_csv_add(&csv, column);
    flow_csv_add(&csv, "\n");
}

Test(cicids2017, refuses_surplus_columns)
{
    with_column(BG_CICIDS2017_IMPROVED, "Mood");
    expect_error(BG_CICIDS2017_IMPROVED, BG_DATA, "no column \"Mood\"");
    with_column(BG_CICIDS2017_IMPROVED, "Flow Duration");
    expect_error(BG_CICIDS2017_IMPROVED, BG_DATA, "no column \"Flow Duration\", or has it once");
    with_column(BG_CICIDS2017_IMPROVED, "Dst Port");
    expect_error(BG_CICIDS2017_IMPROVED, BG_DATA, "no column \"Dst Port\", or has it once");
    with_column(BG_CICIDS2017_IMPROVED, "label");
    expect_error(BG_CICIDS2017_IMPROVED, BG_DATA, "no column \"label\", or has it once");
    with_column(BG_CICIDS2017_ORIGINAL, "Source,Family,Mood");
    expect_error(BG_CICIDS2017_ORIGINAL, BG_DATA, "no column \"Mood\"");
}

Test(cicids2017, refuses_rows_of_another_length)
{
    flow_csv_begin(&csv, BG_CICIDS2017_IMPROVED);
    flow_csv_row(&csv, 1000, NULL, NULL, "BENIGN,more");
    expect_error(BG_CICIDS2017_IMPROVED, BG_DATA, "flows.csv:2:427: 86 fields, but the header has 85");
    flow_csv_begin(&csv, BG_CICIDS2017_IMPROVED);
    flow_csv_row(&csv, 1000, NULL, NULL, "BENIGN");
    flow_csv_add(&csv, "1,2,3");
    expect_error(BG_CICIDS2017_IMPROVED, BG_DATA, "flows.csv:3:5: 3 fields");
}

Test(cicids2017, refuses_files_without_rows)
{
    flow_csv_begin(&csv, BG_CICIDS2017_IMPROVED);
    csv.text[0] = '\0';
    expect_error(BG_CICIDS2017_IMPROVED, BG_DATA, "is empty");
    flow_csv_begin(&csv, BG_CICIDS2017_IMPROVED);
    flow_csv_row(&csv, 1000, NULL, NULL, "Heartbleed");
    expect_error(BG_CICIDS2017_IMPROVED, BG_DATA, "none of its 1 rows");
    snprintf(csv.text, sizeof csv.text,
             "\x7f"
             "ELF%c",
             1);
    expect_error(BG_CICIDS2017_IMPROVED, BG_DATA, "is missing");
}

Test(cicids2017, takes_columns_in_any_order_and_case)
{
    flow_csv_begin(&csv, BG_CICIDS2017_IMPROVED);
    memcpy(strstr(csv.text, "Dst Port,Protocol"), "PROTOCOL,dst port", 17);
    flow_csv_row(&csv, 1000, NULL, NULL, "BENIGN");
    struct bg_cicids2017_settings settings = settings_for(BG_CICIDS2017_IMPROVED);
    struct bg_dataset dataset = read_csv(&settings);
    cr_assert_eq(dataset.features[0], 1001.0f);
    cr_assert_eq(dataset.features[1], 1000.0f);
    bg_dataset_finish(&dataset);
}

Test(cicids2017, reads_files_after_each_other)
{
    flow_csv_begin(&csv, BG_CICIDS2017_IMPROVED);
    flow_csv_row(&csv, 1000, NULL, NULL, "BENIGN");
    const char *paths[3] = {write_gzip("a.csv.gz", csv.text, csv.size),
                            write_xz("b.csv.xz", csv.text, csv.size),
                            write_zstd("c.csv.zst", csv.text, csv.size)};
    struct bg_cicids2017_settings settings = settings_for(BG_CICIDS2017_IMPROVED);
    struct bg_dataset dataset;
    cr_assert_eq(bg_cicids2017_read(paths, 3, &settings, NULL, &dataset), BG_OK);
    cr_assert_eq(dataset.rows, 3);
    bg_dataset_finish(&dataset);
    with_column(BG_CICIDS2017_IMPROVED, "Timestamp");
    paths[1] = write_text("d.csv", csv.text);
    struct bg_error error;
    cr_assert_eq(bg_cicids2017_read(paths, 3, &settings, &error, &dataset), BG_DATA);
    cr_assert_not_null(strstr(error.text, "d.csv"));
    cr_assert_not_null(strstr(error.text, "a.csv.gz"));
    bg_label_map_finish(&papers7);
    NO_LEAKS();
}
