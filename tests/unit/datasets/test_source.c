/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/source.h"

#include "base/json.h"
#include "datasets/split.h"
#include "tests/unit/datasets/flow_csv.h"
#include "tests/unit/datasets/folder_fixture.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <math.h>
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
    flow_csv_begin(&csv, false);
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

Test(source, reads_test_rows_apart)
{
    write_flows("a.csv", 1000);
    make_folder("test");
    write_flows("test/b.csv", 2000);
    char test_path[512];
    snprintf(test_path, sizeof test_path, "%s/test", folder_path());
    struct bg_dataset dataset = open_data(&(struct bg_dataset_settings){.kind = BG_DATASET_CICIDS2017,
                                                                        .path = folder_path(),
                                                                        .test_path = test_path,
                                                                        .label_map = "families7"});
    cr_assert_eq(dataset.rows, 4);
    cr_assert_eq(dataset.training_rows, 2);
    cr_assert_eq(dataset.features[2 * 83], 2000.0f);
    cr_assert_str_eq(dataset.label_map, "families7");
    bg_dataset_finish(&dataset);
    NO_LEAKS();
}

#define SENSOR_SCHEMA                                                                                                  \
    "{\"columns\": {\"day\": \"key\", \"heat\": \"number\", \"on\": \"label\"}, \"labels\": [\"no\", \"yes\"]}"

Test(source, reads_what_a_schema_describes)
{
    const char *path = write_text("s.csv", "day,heat,on\nMon,1,yes\nTue,2,no\nMon,1,yes\nMon,3,no\n");
    struct bg_dataset_settings settings = {.kind = BG_DATASET_CSV,
                                           .path = path,
                                           .schema = write_text("s.json", SENSOR_SCHEMA),
                                           .exclude = "Day=Tue",
                                           .deduplicate = true,
                                           .test_path = path};
    struct bg_dataset dataset = open_data(&settings);
    cr_assert_eq(dataset.training_rows, 2);
    cr_assert_eq(dataset.rows, 2 + 4);
    cr_assert_eq(dataset.refused[BG_REFUSAL_EXCLUDED].rows, 1);
    cr_assert_eq(dataset.refused[BG_REFUSAL_DUPLICATE].rows, 1);
    static const float heats[] = {1, 3, 1, 2, 1, 3};
    static const uint32_t days[] = {0, 0, 0, 1, 0, 0};
    for (size_t i = 0; i < 6; i++) {
        cr_assert_eq(dataset.features[i], heats[i]);
        cr_assert_eq(bg_dataset_key(&dataset, "DAY")->rows[i], days[i]);
    }
    cr_assert_null(bg_dataset_key(&dataset, "night"));
    cr_assert_str_eq(dataset.keys[0].values[1], "Tue");
    bg_dataset_finish(&dataset);
    struct bg_error error;
    settings.schema = "";
    cr_assert_eq(bg_dataset_open(&settings, &error, &dataset), BG_INVALID);
    cr_assert_not_null(strstr(error.text, "schema"));
    settings.kind = BG_DATASET_SYNTHETIC;
    settings.rows = 10;
    cr_assert_eq(bg_dataset_open(&settings, &error, &dataset), BG_INVALID);
    cr_assert_not_null(strstr(error.text, "synthetic"));
    NO_LEAKS();
}

Test(source, takes_logarithms_of_the_columns_that_want_them)
{
    const char *schema = "{\"columns\": {\"a\": \"log\", \"b\": \"number\", \"c\": \"label\"}, \"labels\": "
        "[\"x\", \"y\"]}";
    struct bg_dataset dataset = open_data(
        &(struct bg_dataset_settings){.kind = BG_DATASET_CSV,
                                      .path = write_text("s.csv", "a,b,c\n0,7,x\n1,7,y\n-1,7,y\n"),
                                      .schema = write_text("s.json", schema)});
    cr_assert(dataset.logged[0] && !dataset.logged[1]);
    bg_dataset_take_logs(&dataset);
    bg_dataset_take_logs(&dataset);
    const float ln2 = 0.69314718055994530942f;
    static const float unlogged = 7;
    const float wanted[] = {0, unlogged, ln2, unlogged, -ln2, unlogged};
    for (size_t i = 0; i < 6; i++)
        cr_assert_eq(dataset.features[i], wanted[i]);
    bg_dataset_finish(&dataset);
}

Test(source, logarithms_are_odd_and_keep_zero)
{
    struct bg_dataset dataset;
    static const char *const names[] = {"a"};
    static const float values[] = {0, 1, -1, 1e18f, -1e18f, 3.5f, -1e-7f};
    cr_assert_eq(bg_dataset_init(&dataset, names, 1, names, 1, NULL), BG_OK);
    for (size_t i = 0; i < 7; i++) {
        *bg_dataset_next(&dataset) = values[i];
        bg_dataset_push(&dataset, 0);
    }
    bg_dataset_take_logs(&dataset);
    for (size_t i = 0; i < 7; i++)
        cr_assert_float_eq(dataset.features[i], copysign(log1p(fabs((double)values[i])), (double)values[i]),
                           1e-6 * fabs((double)dataset.features[i]) + 1e-30);
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
    cr_assert_not_null(strstr(text, "cicids2017, flows.csv, label map papers7"), "%s", text);
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
    cr_assert_eq(test->count + test->repeats, 11255);
    cr_assert(test->repeats > 200 && test->repeats < 700, "%zu",
              test->repeats);
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
    cr_assert_eq(dataset.columns, 76);
    cr_assert_eq(dataset.rows + bg_dataset_refused(&dataset), 12001);
    cr_assert_eq(dataset.refused[BG_REFUSAL_MISSING_VALUE].rows, 9);
    cr_assert_eq(dataset.bounded_values, 10);
    bg_dataset_finish(&dataset);
    NO_LEAKS();
}

#define NSL SHARED_DATA "/nsl-kdd/"

/* Rows of each class in the real files. */
static const struct {
    enum bg_dataset_kind kind;
    const char *path, *labels;
    size_t columns, rows, refused;
    size_t classes[10];
} real[] = {
    {BG_DATASET_NSL_KDD, NSL "KDDTrain+_36f.csv.xz", "", 117, 125973, 0, {67343, 45927, 11656, 995, 52}},
    {BG_DATASET_NSL_KDD, NSL "KDDTrain+_20Percent.txt.xz", "binary", 117, 25192, 0, {13449, 11743}},
    {BG_DATASET_NSL_KDD, NSL "KDDTest+.txt.xz", "", 117, 22544, 0, {9711, 7460, 2421, 2885, 67}},
    {BG_DATASET_NSL_KDD, NSL "KDDTest-21.txt.xz", "binary", 117, 11850, 0, {2152, 9698}},
    {BG_DATASET_UNSW_NB15, SHARED_DATA, "", 77, 82332, 0,
     {37000, 18871, 11132, 6062, 4089, 3496, 677, 583, 378, 44}},
    {BG_DATASET_UNSW_NB15, SHARED_DATA, "binary", 77, 82332, 0, {37000, 45332}},
    {BG_DATASET_CICIOT2023, SHARED_DATA, "", 39, 19252, 0,
     {2000, 2000, 2000, 2000, 2000, 2000, 2000, 2000, 2000, 1252}},
    {BG_DATASET_WISDM, SHARED_DATA "/sensor/WISDM_ar_v1.1_transformed.arff.xz", "", 43, 5418, 0,
     {2081, 1625, 632, 528, 306, 246}},
    {BG_DATASET_OCCUPANCY, SHARED_DATA "/sensor/occupancy_datatraining.txt.xz", "", 5, 8143, 0, {6414, 1729}},
    {BG_DATASET_OCCUPANCY, SHARED_DATA "/sensor/occupancy_datatest.txt.xz", "", 5, 2665, 0, {1693, 972}},
    {BG_DATASET_OCCUPANCY, SHARED_DATA "/sensor/occupancy_datatest2.txt.xz", "", 5, 9752, 0, {7703, 2049}},
};

Test(source, reads_the_other_real_data_sets)
{
    need_shared_data();
    for (size_t i = 0; i < sizeof real / sizeof *real; i++) {
        struct bg_dataset dataset = open_data(
            &(struct bg_dataset_settings){.kind = real[i].kind, .path = real[i].path, .label_map = real[i].labels});
        cr_assert_eq(dataset.columns, real[i].columns, "%s: %zu columns", dataset.provenance, dataset.columns);
        cr_assert_eq(dataset.rows, real[i].rows, "%s: %zu rows", dataset.provenance, dataset.rows);
        cr_assert_eq(bg_dataset_refused(&dataset), real[i].refused, "%s", dataset.provenance);
        expect_classes(&dataset, real[i].classes);
        bg_dataset_finish(&dataset);
    }
    NO_LEAKS();
}

Test(source, keeps_the_keys_of_real_rows)
{
    need_shared_data();
    struct bg_dataset dataset = open_data(&(struct bg_dataset_settings){
        .kind = BG_DATASET_WISDM, .path = SHARED_DATA "/sensor/WISDM_ar_v1.1_transformed.arff.xz"});
    cr_assert_eq(bg_dataset_key(&dataset, "user")->value_count, 36);
    bg_dataset_finish(&dataset);
    dataset = open_data(&(struct bg_dataset_settings){.kind = BG_DATASET_CICIDS2017, .path = SHARED_DATA});
    cr_assert_eq(bg_dataset_key(&dataset, "host")->value_count, 16);
    cr_assert_eq(bg_dataset_key(&dataset, "day")->value_count, 5);
    bg_dataset_finish(&dataset);
    dataset = open_data(&(struct bg_dataset_settings){.kind = BG_DATASET_CICIDS2017_ORIGINAL,
                                                      .path = ORIGINAL_UNION,
                                                      .test_path = ORIGINAL_SAMPLE,
                                                      .label_map = "families7",
                                                      .exclude = "source=hif"});
    cr_assert_eq(dataset.refused[BG_REFUSAL_EXCLUDED].rows, 11720);
    cr_assert_eq(bg_dataset_key(&dataset, "source")->value_count, 24 + 1, "with the unknown one of the test rows");
    cr_assert_eq(dataset.rows + bg_dataset_refused(&dataset), 97614 + 12001);
    bg_dataset_finish(&dataset);
}

Test(source, finds_the_repeated_rows_of_a_real_data_set)
{
    need_shared_data();
    struct bg_dataset dataset = open_data(
        &(struct bg_dataset_settings){.kind = BG_DATASET_UNSW_NB15, .path = SHARED_DATA, .deduplicate = true});
    size_t repeated = dataset.refused[BG_REFUSAL_DUPLICATE].rows;
    cr_assert_eq(dataset.rows + repeated, 82332);
    /* 26,387 lines repeat but for their number, and a few more make the same features. */
    cr_assert(repeated >= 26387 && repeated < 26700, "%zu", repeated);
    bg_dataset_finish(&dataset);
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
