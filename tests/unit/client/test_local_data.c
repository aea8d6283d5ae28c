/* SPDX-License-Identifier: Apache-2.0 */
#include "client/local_data.h"

#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <string.h>

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
