/* SPDX-License-Identifier: Apache-2.0 */
#include "model/evaluation.h"

#include "base/json.h"
#include "tests/unit/model/fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static void fill(struct bg_confusion *confusion, uint32_t classes, const uint64_t *counts)
{
    cr_assert_eq(bg_confusion_init(confusion, classes), BG_OK);
    memcpy(confusion->counts, counts, (size_t)classes * classes * sizeof *counts);
}

/* Truths 10, 5, 0, 5; class 3 is never predicted, class 2 is predicted without being there. */
static const uint64_t example[16] = {
    8, 2, 0, 0,
    1, 4, 0, 0,
    0, 0, 0, 0,
    3, 0, 2, 0,
};

Test(evaluation, scores_meet_hand_computed_ones)
{
    struct bg_confusion confusion;
    fill(&confusion, 4, example);
    struct bg_class_score first = bg_confusion_class(&confusion, 0);
    cr_expect_eq(first.truths, 10);
    cr_expect_eq(first.predictions, 12);
    cr_expect_float_eq(first.precision, 8.0 / 12, 1e-15);
    cr_expect_float_eq(first.recall, 0.8, 1e-15);
    cr_expect_float_eq(first.f1, 16.0 / 22, 1e-15);
    cr_expect_eq(bg_confusion_examples(&confusion), 20);
    cr_expect_float_eq(bg_confusion_accuracy(&confusion), 12.0 / 20, 1e-15);
    bg_confusion_finish(&confusion);
}

Test(evaluation, macro_f1_counts_classes_that_are_there)
{
    struct bg_confusion confusion;
    fill(&confusion, 4, example);
    struct bg_class_score absent = bg_confusion_class(&confusion, 2);
    struct bg_class_score missed = bg_confusion_class(&confusion, 3);
    cr_expect_eq(absent.truths, 0);
    cr_expect_eq(absent.predictions, 2);
    cr_expect_eq(absent.f1, 0);
    cr_expect_eq(missed.truths, 5);
    cr_expect_eq(missed.precision, 0);
    cr_expect_eq(missed.f1, 0);
    cr_expect_float_eq(bg_confusion_macro_f1(&confusion), (16.0 / 22 + 8.0 / 11 + 0) / 3, 1e-15);
    bg_confusion_finish(&confusion);
}

Test(evaluation, nothing_scores_zero)
{
    struct bg_confusion confusion;
    cr_assert_eq(bg_confusion_init(&confusion, 3), BG_OK);
    cr_expect_eq(bg_confusion_accuracy(&confusion), 0);
    cr_expect_eq(bg_confusion_macro_f1(&confusion), 0);
    bg_confusion_finish(&confusion);
}

Test(evaluation, writes_json)
{
    static const char *const names[] = {"calm", "storm"};
    static const uint64_t counts[] = {3, 1, 0, 4};
    struct bg_confusion confusion;
    struct bg_json *object = bg_json_object();
    fill(&confusion, 2, counts);
    bg_confusion_to_json(&confusion, names, object);
    char *text = bg_json_print(object, false);
    cr_expect_str_eq(text, "{\"examples\":8,\"accuracy\":0.875,\"macro_f1\":0.873015873015873,\"classes\":["
                           "{\"name\":\"calm\",\"examples\":4,\"predictions\":3,\"precision\":1,\"recall\":0.75,"
                           "\"f1\":0.8571428571428571},"
                           "{\"name\":\"storm\",\"examples\":4,\"predictions\":5,\"precision\":0.8,\"recall\":1,"
                           "\"f1\":0.8888888888888888}],\"confusion\":[[3,1],[0,4]]}");
    free(text);
    bg_json_destroy(&object);
    bg_confusion_finish(&confusion);
}

Test(evaluation, any_split_gives_the_same_confusion)
{
    struct fixture fixture = fixture_create(1000, 8, 4, 1.5, 8);
    struct bg_model *model = fixture_model("mlp:12", 8, 4);
    float *parameters = fixture_parameters(model, 2);
    void *workspace = malloc(bg_evaluation_workspace_size(model));
    struct bg_confusion whole;
    cr_assert_eq(bg_confusion_init(&whole, 4), BG_OK);
    cr_assert_eq(bg_evaluate(model, parameters, &fixture.examples, workspace, &whole, NULL), BG_OK);
    cr_expect_eq(bg_confusion_examples(&whole), 1000);
    static const size_t chunks[] = {1, 7, 256, 999};
    for (size_t c = 0; c < 4; c++) {
        struct bg_confusion sum, part;
        cr_assert_eq(bg_confusion_init(&sum, 4), BG_OK);
        for (size_t first = 0; first < 1000; first += chunks[c]) {
            size_t count = chunks[c] < 1000 - first ? chunks[c] : 1000 - first;
            struct bg_examples slice = bg_examples_slice(&fixture.examples, first, count);
            cr_assert_eq(bg_confusion_init(&part, 4), BG_OK);
            cr_assert_eq(bg_evaluate(model, parameters, &slice, workspace, &part, NULL), BG_OK);
            bg_confusion_add(&sum, &part);
            bg_confusion_finish(&part);
        }
        cr_expect_arr_eq(sum.counts, whole.counts, 16 * sizeof *sum.counts);
        bg_confusion_finish(&sum);
    }
    bg_confusion_finish(&whole);
    free(workspace);
    free(parameters);
    bg_model_destroy(&model);
    fixture_destroy(&fixture);
}

Test(evaluation, ties_go_to_the_first_class)
{
    struct fixture fixture = fixture_create(6, 2, 3, 1, 8);
    struct bg_model *model = fixture_model("linear", 2, 3);
    float parameters[9] = {0};
    void *workspace = malloc(bg_evaluation_workspace_size(model));
    struct bg_confusion confusion;
    cr_assert_eq(bg_confusion_init(&confusion, 3), BG_OK);
    cr_assert_eq(bg_evaluate(model, parameters, &fixture.examples, workspace, &confusion, NULL), BG_OK);
    for (uint32_t c = 0; c < 3; c++)
        cr_expect_eq(confusion.counts[3 * c], 2);
    bg_confusion_finish(&confusion);
    free(workspace);
    bg_model_destroy(&model);
    fixture_destroy(&fixture);
}

Test(evaluation, refuses_scores_that_are_not_finite)
{
    struct fixture fixture = fixture_create(6, 2, 3, 1, 8);
    struct bg_model *model = fixture_model("linear", 2, 3);
    float *parameters = fixture_parameters(model, 1);
    void *workspace = malloc(bg_evaluation_workspace_size(model));
    struct bg_error error = {0};
    struct bg_confusion confusion;
    cr_assert_eq(bg_confusion_init(&confusion, 3), BG_OK);
    parameters[7] = NAN;
    cr_expect_eq(bg_evaluate(model, parameters, &fixture.examples, workspace, &confusion, &error), BG_NOT_FINITE);
    cr_expect(strstr(error.text, "layers.0.bias") != NULL, "%s", error.text);
    parameters[7] = 0;
    fixture.features[0] = 3e38f;
    parameters[0] = 3e38f;
    cr_expect_eq(bg_evaluate(model, parameters, &fixture.examples, workspace, &confusion, &error), BG_NOT_FINITE);
    cr_expect(strstr(error.text, "features") != NULL, "%s", error.text);
    struct bg_examples wide = fixture.examples;
    wide.columns = 3;
    cr_expect_eq(bg_evaluate(model, parameters, &wide, workspace, &confusion, &error), BG_INVALID);
    bg_confusion_finish(&confusion);
    free(workspace);
    free(parameters);
    bg_model_destroy(&model);
    fixture_destroy(&fixture);
}
