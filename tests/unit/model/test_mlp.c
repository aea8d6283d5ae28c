/* SPDX-License-Identifier: Apache-2.0 */
#include "model/ids/mlp.h"

#include "tests/unit/model/fixture.h"
#include "tests/unit/model/reference.h"
#include "tests/vectors/mlp_vectors.h"

#include <criterion/criterion.h>

#define COLUMNS 9
#define CLASSES 5

/* Gradient and loss against differences of the reference, for a batch picked from more rows. */
static void expect_gradient(const char *spec, const struct bg_loss *balance)
{
    struct fixture fixture = fixture_create(40, COLUMNS, CLASSES, 1, 11);
    struct bg_model *model = fixture_model(spec, COLUMNS, CLASSES);
    size_t coordinates = model->layout.coordinates;
    float *parameters = fixture_parameters(model, 5);
    float *gradient = malloc(coordinates * sizeof *gradient);
    double *exact = malloc(coordinates * sizeof *exact);
    static const uint32_t rows[] = {3, 39, 0, 17, 17, 8, 21};
    struct bg_examples batch = fixture.examples;
    batch.rows = rows;
    batch.count = sizeof rows / sizeof *rows;
    void *workspace = malloc(bg_model_workspace_size(model, batch.count));
    cr_assert(gradient && exact && workspace);
    for (size_t i = 0; i < coordinates; i++)
        exact[i] = parameters[i] += 0.01f; /* biases too */
    double loss = bg_model_gradient(model, parameters, &batch, balance, workspace, gradient);
    cr_expect_float_eq(loss, reference_loss(model, exact, &batch, balance), 1e-6);
    for (size_t i = 0; i < coordinates; i++) {
        double derivative = reference_derivative(model, exact, i, &batch, balance);
        cr_assert_float_eq(gradient[i], derivative, 1e-6 + 1e-5 * fabs(derivative), "%s coordinate %zu", spec, i);
    }
    free(parameters);
    free(gradient);
    free(exact);
    free(workspace);
    bg_model_destroy(&model);
    fixture_destroy(&fixture);
}

static const float weights[CLASSES] = {0.25f, 3, 1, 0, 0.5f}, shifts[CLASSES] = {-4, 0.5f, 2, 0, -0.125f};
static const struct bg_loss weighted = {.weights = weights}, shifted = {.shifts = shifts},
                            balanced = {.weights = weights, .shifts = shifts};

Test(mlp, linear_gradient_meets_finite_differences)
{
    expect_gradient("linear", NULL);
    expect_gradient("linear", &weighted);
    expect_gradient("linear", &shifted);
}

Test(mlp, hidden_layers_gradient_meets_finite_differences)
{
    expect_gradient("mlp:6", NULL);
    expect_gradient("mlp:17-12", &weighted);
    expect_gradient("mlp:17-12", &shifted);
    expect_gradient("mlp:5-4-33-3", &balanced);
}

Test(mlp, meets_numpy)
{
    enum { COORDINATES = sizeof vector_parameters / sizeof *vector_parameters };
    struct bg_model *model = fixture_model("mlp:4-3", 5, 3);
    float parameters[COORDINATES], gradient[COORDINATES];
    float features[sizeof vector_features / sizeof *vector_features];
    float class_weights[3];
    cr_assert_eq(model->layout.coordinates, COORDINATES);
    for (size_t i = 0; i < COORDINATES; i++)
        parameters[i] = (float)vector_parameters[i];
    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        features[i] = (float)vector_features[i];
    for (size_t i = 0; i < 3; i++)
        class_weights[i] = (float)vector_class_weights[i];
    struct bg_examples examples = {features, vector_labels, NULL, 6, 5, 3};
    void *workspace = malloc(bg_model_workspace_size(model, 6));
    double loss = bg_model_gradient(model, parameters, &examples, &(struct bg_loss){.weights = class_weights},
                                    workspace, gradient);
    cr_expect_float_eq(loss, vector_loss, 1e-6);
    for (size_t i = 0; i < COORDINATES; i++)
        cr_expect_float_eq(gradient[i], vector_gradient[i], 1e-6, "coordinate %zu", i);
    free(workspace);
    bg_model_destroy(&model);
}

Test(mlp, scores_do_not_depend_on_the_batch)
{
    struct fixture fixture = fixture_create(50, 30, 4, 1, 2);
    struct bg_model *model = fixture_model("mlp:20-10", 30, 4);
    float *parameters = fixture_parameters(model, 5);
    void *workspace = malloc(bg_model_workspace_size(model, 50));
    float whole[50 * 4], single[4];
    bg_model_scores(model, parameters, &fixture.examples, workspace, whole);
    for (size_t i = 0; i < 50; i++) {
        struct bg_examples one = bg_examples_slice(&fixture.examples, i, 1);
        bg_model_scores(model, parameters, &one, workspace, single);
        cr_assert_arr_eq(single, whole + 4 * i, sizeof single);
    }
    free(workspace);
    free(parameters);
    bg_model_destroy(&model);
    fixture_destroy(&fixture);
}

Test(mlp, nan_reaches_the_loss_through_every_tensor)
{
    struct fixture fixture = fixture_create(8, 6, 3, 1, 2);
    struct bg_model *model = fixture_model("mlp:5-4", 6, 3);
    float *parameters = fixture_parameters(model, 5);
    float *gradient = malloc(model->layout.coordinates * sizeof *gradient);
    void *workspace = malloc(bg_model_workspace_size(model, 8));
    for (size_t t = 0; t < model->layout.tensor_count; t++) {
        float *value = &parameters[model->layout.tensors[t].offset];
        float kept = *value;
        *value = NAN;
        cr_expect(isnan(bg_model_gradient(model, parameters, &fixture.examples, NULL, workspace, gradient)));
        *value = kept;
    }
    cr_expect(isfinite(bg_model_gradient(model, parameters, &fixture.examples, NULL, workspace, gradient)));
    free(workspace);
    free(gradient);
    free(parameters);
    bg_model_destroy(&model);
    fixture_destroy(&fixture);
}

Test(mlp, loss_survives_extreme_logits)
{
    struct bg_model *model = fixture_model("linear", 1, 2);
    float parameters[] = {1e30f, -1e30f, 0, 0}, gradient[4];
    const float feature = 1;
    const uint16_t right = 0, wrong = 1;
    void *workspace = malloc(bg_model_workspace_size(model, 1));
    struct bg_examples examples = {&feature, &right, NULL, 1, 1, 2};
    cr_expect_eq(bg_model_gradient(model, parameters, &examples, NULL, workspace, gradient), 0);
    examples.labels = &wrong;
    double loss = bg_model_gradient(model, parameters, &examples, NULL, workspace, gradient);
    cr_expect_float_eq(loss, 2e30, 1e24);
    cr_expect_eq(gradient[0], 1);
    cr_expect_eq(gradient[1], -1);
    free(workspace);
    bg_model_destroy(&model);
}
