/* SPDX-License-Identifier: Apache-2.0 */
#include "model/model.h"

#include "tests/unit/model/fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static void expect_tensor(const struct bg_model *model, size_t t, const char *name, uint32_t rank, uint32_t rows,
                          uint32_t columns)
{
    const struct bg_tensor *tensor = &model->layout.tensors[t];
    cr_expect_str_eq(tensor->name, name);
    cr_expect_eq(tensor->rank, rank);
    cr_expect_eq(tensor->shape[0], rows);
    cr_expect_eq(tensor->shape[1], columns);
}

Test(model, creates_presets)
{
    struct bg_model *model = fixture_model("mlp-128-64", 83, 7);
    cr_assert_eq(model->layout.tensor_count, 6);
    expect_tensor(model, 0, "layers.0.weight", 2, 128, 83);
    expect_tensor(model, 1, "layers.0.bias", 1, 128, 1);
    expect_tensor(model, 2, "layers.1.weight", 2, 64, 128);
    expect_tensor(model, 5, "layers.2.bias", 1, 7, 1);
    cr_expect_eq(model->layout.coordinates, 83 * 128 + 128 + 128 * 64 + 64 + 64 * 7 + 7);
    cr_expect_str_eq(model->spec, "mlp:128-64");
    bg_model_destroy(&model);
    cr_expect_null(model);
    bg_model_destroy(&model);
    model = fixture_model("mlp-64-32", 35, 7);
    cr_expect_eq(model->layout.coordinates, 35 * 64 + 64 + 64 * 32 + 32 + 32 * 7 + 7);
    bg_model_destroy(&model);
}

Test(model, creates_linear_without_hidden_layer)
{
    struct bg_model *model = fixture_model("linear", 78, 7);
    cr_assert_eq(model->layout.tensor_count, 2);
    expect_tensor(model, 0, "layers.0.weight", 2, 7, 78);
    expect_tensor(model, 1, "layers.0.bias", 1, 7, 1);
    bg_model_destroy(&model);
}

Test(model, takes_any_hidden_widths_and_keeps_their_spec)
{
    const char *longest = "mlp:16384-16384-16384-16384-16384-16384-16384-16384";
    struct bg_model *model = fixture_model("mlp:9", 4, 2);
    cr_expect_str_eq(model->spec, "mlp:9");
    bg_model_destroy(&model);
    model = fixture_model(longest, 1, 2);
    cr_expect_str_eq(model->spec, longest);
    bg_model_destroy(&model);
}

Test(model, refuses_unknown_specs)
{
    static const char *const bad[] = {
        "",       "mlp",    "mlp:",    "mlp:0",         "mlp:16385",          "mlp:1-",      "mlp:-1", "mlp:1--2",
        "mlp:1x", "Linear", "linear ", "mlp:1-2-3-4-5-6-7-8-9", "mlp:99999999999999999999", "resnet", "mlp: 1",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct bg_error error = {0};
        struct bg_model *model = NULL;
        cr_expect_eq(bg_model_create(bad[i], 4, 2, &error, &model), BG_INVALID, "%s", bad[i]);
        cr_expect_null(model);
        cr_expect(strstr(error.text, bad[i]) != NULL, "%s", error.text);
    }
}

Test(model, refuses_sizes_out_of_range)
{
    struct bg_model *model = NULL;
    cr_expect_eq(bg_model_create("linear", 0, 2, NULL, &model), BG_INVALID);
    cr_expect_eq(bg_model_create("linear", BG_MODEL_MAX_COLUMNS + 1, 2, NULL, &model), BG_INVALID);
    cr_expect_eq(bg_model_create("linear", 4, 1, NULL, &model), BG_INVALID);
    cr_expect_eq(bg_model_create("linear", 4, BG_MODEL_MAX_CLASSES + 1, NULL, &model), BG_INVALID);
    cr_expect_null(model);
}

Test(model, initialises_within_the_bounds_of_fan_in)
{
    struct bg_model *model = fixture_model("mlp:40", 30, 5);
    float *parameters = fixture_parameters(model, 1);
    static const double gains[] = {6, 0, 3, 0};
    for (size_t t = 0; t < 4; t++) {
        const struct bg_tensor *tensor = &model->layout.tensors[t];
        double bound = sqrt(gains[t] / (double)tensor->shape[1]);
        double largest = 0;
        for (size_t i = 0; i < tensor->count; i++) {
            double magnitude = fabs((double)parameters[tensor->offset + i]);
            largest = magnitude > largest ? magnitude : largest;
        }
        cr_expect_leq(largest, bound);
        cr_expect_geq(largest, 0.9 * bound);
    }
    float *again = fixture_parameters(model, 1);
    cr_expect_arr_eq(again, parameters, model->layout.coordinates * sizeof *parameters);
    free(parameters);
    free(again);
    bg_model_destroy(&model);
}

Test(model, names_the_tensor_that_is_not_finite)
{
    struct bg_model *model = fixture_model("mlp:4", 3, 2);
    float *parameters = fixture_parameters(model, 1);
    struct bg_error error = {0};
    cr_expect_eq(bg_model_check_finite(&model->layout, parameters, "update", &error), BG_OK);
    parameters[model->layout.tensors[2].offset + 5] = INFINITY;
    cr_expect_eq(bg_model_check_finite(&model->layout, parameters, "update", &error), BG_NOT_FINITE);
    cr_expect_str_eq(error.text, "update: tensor layers.1.weight holds NaN or infinity at index 5");
    free(parameters);
    bg_model_destroy(&model);
}

Test(model, refuses_examples_of_another_shape)
{
    struct bg_model *model = fixture_model("linear", 3, 2);
    struct bg_examples examples = {.columns = 3, .classes = 2};
    cr_expect_eq(bg_model_check_examples(model, &examples, NULL), BG_OK);
    examples.columns = 4;
    cr_expect_eq(bg_model_check_examples(model, &examples, NULL), BG_INVALID);
    examples.columns = 3;
    examples.classes = 3;
    cr_expect_eq(bg_model_check_examples(model, &examples, NULL), BG_INVALID);
    bg_model_destroy(&model);
}

Test(model, reports_workspaces_that_cannot_be)
{
    struct bg_model *model = fixture_model("mlp:16384", 65536, 2);
    cr_expect_eq(bg_model_workspace_size(model, SIZE_MAX / 8), SIZE_MAX);
    cr_expect_lt(bg_model_workspace_size(model, 64), SIZE_MAX);
    bg_model_destroy(&model);
}
