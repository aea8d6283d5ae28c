/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/source.h"

#include "base/json.h"
#include "datasets/split.h"
#include "tests/unit/datasets/flow_csv.h"
#include "tests/unit/datasets/folder_fixture.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHARED_DATA BG_SHARED_DIR "/data"
#define ORIGINAL_UNION SHARED_DATA "/cicids2017/original/cic2017_original_union.csv.xz"
#define ORIGINAL_SAMPLE SHARED_DATA "/cicids2017/original/hif_cicids2017_sample_natural.csv.xz"

TestSuite(source, .init = folder_make, .fini = folder_remove);

static struct bg_dataset open_data(const struct bg_dataset_settings *settings)
{
    struct bg_dataset dataset;
    struct bg_error error;
    cr_assert_eq(bg_dataset_open(settings, &error, &dataset), BG_OK, "%s", error.text);
    return dataset;
}

static void expect_classes(const struct bg_dataset *dataset, const size_t *counts)
{
    size_t found[16] = {0};
    for (size_t i = 0; i < dataset->rows; i++)
        found[dataset->labels[i]]++;
    for (uint32_t c = 0; c < dataset->classes; c++)
        cr_assert_eq(found[c], counts[c], "%s: %zu rows", dataset->class_names[c], found[c]);
}

static void write_flows(const char *name, unsigned base)
{
    static struct flow_csv csv;
    flow_csv_begin(&csv, BG_CICIDS2017_IMPROVED);
    flow_csv_row(&csv, base, NULL, NULL, "BENIGN");
    flow_csv_row(&csv, base + 100, NULL, NULL, "Heartbleed");
    write_text(name, csv.text);
}

Test(source, generates_synthetic_data)
{
    struct bg_dataset dataset = open_data(
        &(struct bg_dataset_settings){.label_map = "papers7", .rows = 50, .seed = 1});
    cr_assert_eq(dataset.rows, 50);
    cr_assert(dataset.synthetic);
    bg_dataset_finish(&dataset);
    NO_LEAKS();
}

Test(source, reads_the_files_of_a_folder_by_name)
{
    write_flows("b.csv", 2000);
    write_flows("a.CSV", 1000);
    write_text("notes.txt", "not data");
    write_text(".hidden.csv", "not data");
    struct bg_dataset dataset = open_data(&(struct bg_dataset_settings){
        .kind = BG_DATASET_CICIDS2017, .path = folder_path(), .label_map = "papers7"});
    cr_assert_eq(dataset.rows, 2);
    cr_assert_eq(dataset.features[0], 1000.0f);
    cr_assert_eq(dataset.features[83], 2000.0f);
    bg_dataset_finish(&dataset);
    NO_LEAKS();
}

Test(source, prefers_the_data_sets_own_subfolder)
{
    make_folder("cicids2017/improved");
    write_flows("elsewhere.csv", 1000);
    write_flows("cicids2017/improved/flows.csv", 3000);
    struct bg_dataset dataset = open_data(&(struct bg_dataset_settings){
        .kind = BG_DATASET_CICIDS2017, .path = folder_path(), .label_map = "papers7", .drop_port = true});
    cr_assert_eq(dataset.rows, 1);
    cr_assert_eq(dataset.features[0], 3001.0f);
    bg_dataset_finish(&dataset);
}

Test(source, says_what_it_did_not_find)
{
    struct bg_dataset_settings settings = {.kind = BG_DATASET_CICIDS2017, .path = "", .label_map = "papers7"};
    struct bg_dataset dataset;
    struct bg_error error;
    cr_assert_eq(bg_dataset_open(&settings, &error, &dataset), BG_INVALID);
    cr_assert_not_null(strstr(error.text, "cicids2017"));
    settings.path = folder_path();
    cr_assert_eq(bg_dataset_open(&settings, &error, &dataset), BG_NOT_FOUND);
    cr_assert_not_null(strstr(error.text, folder_path()));
    settings.path = "no/such/folder";
    cr_assert_eq(bg_dataset_open(&settings, &error, &dataset), BG_NOT_FOUND);
    cr_assert_not_null(strstr(error.text, "no/such/folder"));
    settings.label_map = "no such map";
    cr_assert_eq(bg_dataset_open(&settings, &error, &dataset), BG_NOT_FOUND);
    cr_assert_not_null(strstr(error.text, "no such map"));
    NO_LEAKS();
}

Test(source, summarises_the_reading)
{
    write_flows("flows.csv", 1000);
    struct bg_dataset dataset = open_data(&(struct bg_dataset_settings){
        .kind = BG_DATASET_CICIDS2017, .path = folder_path(), .label_map = "papers7"});
    struct bg_json *object = bg_json_object();
    bg_dataset_to_json(&dataset, object);
    cr_assert_eq(bg_json_number(bg_json_get(object, "rows")), 1);
    cr_assert_eq(bg_json_number(bg_json_get(bg_json_get(object, "classes"), "BENIGN")), 1);
    const struct bg_json *dropped = bg_json_get(bg_json_get(object, "refused"), "dropped_label");
    cr_assert_eq(bg_json_number(bg_json_get(dropped, "rows")), 1);
    cr_assert_eq(bg_json_number(bg_json_get(dropped, "first_line")), 3);
    cr_assert_str_eq(bg_json_string(bg_json_get(dropped, "first_file")), "flows.csv");
    cr_assert_eq(bg_json_bool(bg_json_get(object, "synthetic")), false);
    bg_json_destroy(&object);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    bg_dataset_describe(&dataset, out);
    fclose(out);
    cr_assert_not_null(strstr(text, "1 rows × 83 features, 1 rows refused"), "%s", text);
    cr_assert_not_null(strstr(text, "a label that the label map drops (first at flows.csv:3)"), "%s", text);
    free(text);
    bg_dataset_finish(&dataset);
    NO_LEAKS();
}

static void need_shared_data(void)
{
    if (access(ORIGINAL_UNION, R_OK) != 0)
        cr_skip_test("the reference data are not here: " SHARED_DATA);
}

Test(source, reads_the_real_improved_release)
{
    need_shared_data();
    struct bg_dataset dataset = open_data(&(struct bg_dataset_settings){
        .kind = BG_DATASET_CICIDS2017, .path = SHARED_DATA, .label_map = "families7"});
    cr_assert_eq(dataset.rows, 56277);
    cr_assert_eq(dataset.columns, 83);
    cr_assert_eq(bg_dataset_refused(&dataset), 0);
    expect_classes(&dataset, (size_t[]){7492, 7415 + 7362 + 5849 + 3859 + 1740, 7411 + 7329, 3972 + 2961, 104,
                                        736, 36 + 11});
    bg_dataset_finish(&dataset);
    dataset = open_data(&(struct bg_dataset_settings){
        .kind = BG_DATASET_CICIDS2017, .path = SHARED_DATA, .label_map = "papers7", .drop_port = true});
    cr_assert_eq(dataset.rows, 56277 - 47);
    cr_assert_eq(dataset.columns, 82);
    cr_assert_eq(dataset.refused[BG_REFUSAL_DROPPED_LABEL].rows, 47);
    expect_classes(&dataset,
                   (size_t[]){7492, 7415 + 5849 + 3859 + 1740, 7362, 7411 + 7329, 3972 + 2961, 104, 736});
    bg_dataset_finish(&dataset);
    NO_LEAKS();
}

Test(source, splits_the_real_improved_release)
{
    need_shared_data();
    struct bg_dataset dataset = open_data(&(struct bg_dataset_settings){
        .kind = BG_DATASET_CICIDS2017, .path = SHARED_DATA, .label_map = "families7"});
    struct bg_examples examples = bg_dataset_examples(&dataset);
    struct bg_split split;
    cr_assert_eq(bg_split_make(&examples, &(struct bg_split_settings){.test = 0.2, .seed = 42}, NULL, &split),
                 BG_OK);
    cr_assert_eq(split.parts[BG_SPLIT_TRAINING].count, 56277 - 11255);
    const struct bg_split_rows *test = &split.parts[BG_SPLIT_TEST];
    cr_assert_eq(test->count + test->duplicates_removed, 11255);
    cr_assert(test->duplicates_removed > 200 && test->duplicates_removed < 700, "%zu",
              test->duplicates_removed);
    bg_split_finish(&split);
    bg_dataset_finish(&dataset);
}

Test(source, reads_the_real_original_release)
{
    need_shared_data();
    struct bg_dataset dataset = open_data(
        &(struct bg_dataset_settings){.kind = BG_DATASET_CICIDS2017_ORIGINAL,
                                      .path = ORIGINAL_UNION,
                                      .label_map = "families7",
                                      .drop_port = true});
    cr_assert_eq(dataset.columns, 76);
    cr_assert_eq(dataset.rows + bg_dataset_refused(&dataset), 97614);
    cr_assert_eq(dataset.refused[BG_REFUSAL_NAN_VALUE].rows, 13);
    cr_assert_eq(dataset.refused[BG_REFUSAL_INFINITE_VALUE].rows, 38);
    cr_assert_eq(bg_dataset_refused(&dataset), 51);
    bg_dataset_finish(&dataset);
    dataset = open_data(&(struct bg_dataset_settings){.kind = BG_DATASET_CICIDS2017_ORIGINAL,
                                                      .path = ORIGINAL_SAMPLE,
                                                      .label_map = "binary",
                                                      .bound_infinite = true});
    cr_assert_eq(dataset.columns, 77);
    cr_assert_eq(dataset.rows + bg_dataset_refused(&dataset), 12001);
    cr_assert_eq(dataset.refused[BG_REFUSAL_MISSING_VALUE].rows, 9);
    cr_assert_eq(dataset.bounded_values, 10);
    bg_dataset_finish(&dataset);
    NO_LEAKS();
}

Test(source, does_not_mix_files_with_other_columns)
{
    need_shared_data();
    struct bg_dataset dataset;
    struct bg_error error;
    struct bg_dataset_settings settings = {
        .kind = BG_DATASET_CICIDS2017_ORIGINAL, .path = SHARED_DATA, .label_map = "binary"};
    cr_assert_eq(bg_dataset_open(&settings, &error, &dataset), BG_DATA);
    cr_assert_not_null(strstr(error.text, "name one of the two files"), "%s", error.text);
    NO_LEAKS();
}
