/* SPDX-License-Identifier: Apache-2.0 */
#include "client/local_data.h"

#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COLUMNS 3

struct fixture {
    struct bg_dataset dataset; /* the same flows, read directly */
    struct bg_dataset_settings settings;
    const char *features[COLUMNS];
    float mean[COLUMNS], scale[COLUMNS];
    struct bg_model *model;
    struct bg_root_part plan;
    struct bg_model_card card;
    struct bg_local_data data;
    struct bg_error error;
};

/* A plan over three of the columns, not in their order. */
static void begin(struct fixture *f)
{
    static const size_t columns[COLUMNS] = {40, 0, 7};
    *f = (struct fixture){.mean = {1, 2, -0.5f}, .scale = {0.5f, 1, 2}};
    f->settings = (struct bg_dataset_settings){.label_map = "papers7", .rows = 50, .seed = 3};
    cr_assert_eq(bg_dataset_open(&f->settings, &f->error, &f->dataset), BG_OK, "%s", f->error.text);
    f->settings.label_map = "";
    for (size_t i = 0; i < COLUMNS; i++)
        f->features[i] = f->dataset.feature_names[columns[i]];
    cr_assert_eq(bg_model_create("linear", COLUMNS, f->dataset.classes, &f->error, &f->model), BG_OK);
    f->plan = (struct bg_root_part){.label_map = "papers7",
                                    .features = f->features,
                                    .feature_count = COLUMNS,
                                    .classes = (const char *const *)f->dataset.class_names,
                                    .class_count = f->dataset.classes};
    f->card = (struct bg_model_card){.model = f->model,
                                     .feature_names = f->features,
                                     .transform = {.columns = COLUMNS, .inputs = COLUMNS, .mean = f->mean,
                                                   .scale = f->scale},
                                     .class_names = (const char *const *)f->dataset.class_names};
}

static void finish(struct fixture *f)
{
    bg_model_destroy(&f->model);
    bg_dataset_finish(&f->dataset);
}

static enum bg_status open(struct fixture *f)
{
    return bg_local_data_open(&f->settings, &f->plan, &f->card, &f->error, &f->data);
}

Test(local_data, finds_features_by_name_and_takes_their_logarithm)
{
    static const size_t columns[COLUMNS] = {40, 0, 7};
    struct fixture f;
    begin(&f);
    cr_assert_eq(open(&f), BG_OK, "%s", f.error.text);
    bg_dataset_take_logs(&f.dataset);
    cr_assert_eq(f.data.examples.count, 50);
    cr_assert_eq(f.data.examples.columns, COLUMNS);
    cr_assert_eq(f.data.examples.classes, f.dataset.classes);
    for (size_t row = 0; row < 50; row++) {
        float inputs[COLUMNS];
        for (size_t i = 0; i < COLUMNS; i++)
            inputs[i] = f.dataset.features[row * f.dataset.columns + columns[i]];
        cr_assert_arr_eq(bg_example_features(&f.data.examples, row), inputs, sizeof inputs, "row %zu", row);
        cr_assert_eq(bg_example_label(&f.data.examples, row), f.dataset.labels[row]);
    }
    bg_local_data_finish(&f.data);
    finish(&f);
    NO_LEAKS();
}

static void expect_refused(struct fixture *f, enum bg_status status, const char *words)
{
    cr_assert_eq(open(f), status, "%s", f->error.text);
    cr_assert_not_null(strstr(f->error.text, words), "%s", f->error.text);
}

Test(local_data, names_what_does_not_fit)
{
    struct fixture f;
    begin(&f);
    const char *real = f.features[1];
    f.features[1] = "Number of Wheels";
    expect_refused(&f, BG_DATA, "Number of Wheels");
    f.features[1] = real;
    f.plan.class_count--;
    expect_refused(&f, BG_DATA, "model: its classes");
    f.plan.class_count++;
    const char *others[COLUMNS] = {f.features[1], f.features[0], f.features[2]};
    f.card.feature_names = others;
    expect_refused(&f, BG_DATA, "model: its features");
    f.card.feature_names = f.features;
    f.settings.label_map = "binary";
    expect_refused(&f, BG_DATA, "set data.labels");
    f.settings.label_map = "no-such-map";
    expect_refused(&f, BG_NOT_FOUND, "no-such-map");
    finish(&f);
    NO_LEAKS();
}

static void write_file(char *ret_path, const char *text)
{
    strcpy(ret_path, "local-data-XXXXXX");
    int file = mkstemp(ret_path);
    cr_assert_geq(file, 0);
    cr_assert_eq(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
}

/* The device's own file and schema make the plan's features, or the error names those that they do not make. */
Test(local_data, reads_what_a_schema_describes)
{
    char rows[32], schema[32], path[48];
    write_file(rows, "label,bytes,proto,heat\nbusy,1,tcp,3\ncalm,0,icmp,4\n");
    write_file(schema, "{\"columns\": {\"heat\": \"number\", \"bytes\": \"log\", \"proto\": {\"use\": \"one_hot\","
                       "\"values\": [\"udp\", \"tcp\"]}, \"label\": \"label\"}, \"labels\": [\"calm\", \"busy\"]}");
    snprintf(path, sizeof path, "./%s", schema);
    struct fixture f;
    begin(&f);
    const char *const classes[] = {"calm", "busy"}, *features[COLUMNS] = {"proto=tcp", "heat", "bytes"};
    bg_model_destroy(&f.model);
    cr_assert_eq(bg_model_create("linear", COLUMNS, 2, NULL, &f.model), BG_OK);
    f.card.model = f.model;
    f.card.class_names = f.plan.classes = classes;
    f.plan.class_count = 2;
    memcpy(f.features, features, sizeof features);
    strcpy(f.plan.label_map, "labels");
    f.settings = (struct bg_dataset_settings){.kind = BG_DATASET_CSV, .path = rows, .schema = path, .label_map = ""};
    cr_assert_eq(open(&f), BG_OK, "%s", f.error.text);
    const float wanted[] = {1, 3, 0.69314718055994530942f, 0, 4, 0};
    cr_assert_arr_eq(f.data.examples.features, wanted, sizeof wanted);
    cr_assert(bg_example_label(&f.data.examples, 0) == 1 && bg_example_label(&f.data.examples, 1) == 0);
    bg_local_data_finish(&f.data);
    f.features[0] = "proto=sctp";
    f.features[2] = "packets";
    expect_refused(&f, BG_DATA, "2 of the 3 features that the plan asks for");
    expect_refused(&f, BG_DATA, "\"proto=sctp\", \"packets\"");
    FILE *spoilt = fopen(rows, "w");
    cr_assert(spoilt && fputs("label,bytes,proto,heat\nbusy,,tcp,3\n", spoilt) > 0 && fclose(spoilt) == 0);
    expect_refused(&f, BG_DATA, "none of its 1 rows can be used");
    finish(&f);
    unlink(rows);
    unlink(schema);
    NO_LEAKS();
}

Test(local_data, a_plan_names_no_files_of_the_device)
{
    static const char *const maps[] = {"/etc/passwd", "maps/mine", "mine.json"};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        struct fixture f;
        begin(&f);
        strcpy(f.plan.label_map, maps[i]);
        expect_refused(&f, BG_DATA, maps[i]);
        f.settings.label_map = "papers7";
        cr_assert_eq(open(&f), BG_OK, "the owner of the device may");
        bg_local_data_finish(&f.data);
        finish(&f);
    }
    NO_LEAKS();
}
