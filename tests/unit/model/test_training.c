/* SPDX-License-Identifier: Apache-2.0 */
#include "model/training.h"

#include "model/evaluation.h"
#include "tests/unit/model/fixture.h"
#include "tests/unit/model/reference.h"
#include "tests/vectors/mlp_vectors.h"

#include <criterion/criterion.h>
#include <string.h>

#define SGD_BITS 0x3aded66cf3933cc6u
#define ADAMW_BITS 0x6d43ecbc1de61cc0u

static const struct bg_training_settings plain = {.rate = {.peak = 0.1}, .steps = 20, .batch = 16};

static struct bg_training_result train(const struct bg_model *model, const struct bg_training_settings *settings,
                                       const struct bg_examples *examples, uint64_t seed, float *parameters)
{
    struct bg_prng prng;
    struct bg_error error = {0};
    struct bg_training_result result = {0};
    void *workspace = malloc(bg_training_workspace_size(model, settings, examples->count));
    bg_prng_init(&prng, seed);
    cr_assert_eq(bg_train(model, settings, examples, &prng, workspace, parameters, &error, &result), BG_OK, "%s",
                 error.text);
    free(workspace);
    return result;
}

static enum bg_status try_training(const struct bg_model *model, const struct bg_training_settings *settings,
                                   const struct bg_examples *examples, float *parameters, struct bg_error *error)
{
    struct bg_prng prng;
    struct bg_training_result result;
    void *workspace = malloc(bg_training_workspace_size(model, settings, examples->count) + 1);
    bg_prng_init(&prng, 1);
    enum bg_status status = bg_train(model, settings, examples, &prng, workspace, parameters, error, &result);
    free(workspace);
    return status;
}

enum { COORDINATES = sizeof vector_parameters / sizeof *vector_parameters };

/* Full batches, so that the order of the examples cannot matter beyond rounding. */
static void expect_numpy(struct bg_training_settings settings, double loss, const double *wanted)
{
    struct bg_model *model = fixture_model("mlp:4-3", 5, 3);
    float parameters[COORDINATES], class_weights[3];
    float features[sizeof vector_features / sizeof *vector_features];
    for (size_t i = 0; i < COORDINATES; i++)
        parameters[i] = (float)vector_parameters[i];
    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        features[i] = (float)vector_features[i];
    for (size_t i = 0; i < 3; i++)
        class_weights[i] = (float)vector_class_weights[i];
    struct bg_examples examples = {features, vector_labels, NULL, 6, 5, 3};
    settings.steps = VECTOR_STEPS;
    settings.batch = 6;
    settings.balance = (struct bg_class_balance){.weighting = BG_CLASS_WEIGHTS_GIVEN, .weights = class_weights};
    struct bg_training_result result = train(model, &settings, &examples, 1, parameters);
    cr_expect_float_eq(result.mean_loss, loss, 1e-5 * loss);
    for (size_t i = 0; i < COORDINATES; i++)
        cr_expect_float_eq(parameters[i], wanted[i], 1e-6 + 1e-5 * fabs(wanted[i]), "coordinate %zu", i);
    bg_model_destroy(&model);
}

Test(training, sgd_meets_numpy)
{
    expect_numpy((struct bg_training_settings){.optimizer = {.momentum = 0.9, .weight_decay = 0.01},
                                               .rate = {.peak = 0.25}},
                 vector_sgd_loss, vector_sgd);
}

Test(training, clipped_sgd_meets_numpy)
{
    expect_numpy((struct bg_training_settings){.optimizer = {.momentum = 0.5},
                                               .rate = {.peak = 0.25},
                                               .clip_norm = 0.125},
                 vector_sgd_clipped_loss, vector_sgd_clipped);
}

Test(training, proximal_sgd_meets_numpy)
{
    expect_numpy((struct bg_training_settings){.rate = {.peak = 0.25}, .proximal = 0.5}, vector_sgd_proximal_loss,
                 vector_sgd_proximal);
}

Test(training, adamw_meets_numpy)
{
    expect_numpy((struct bg_training_settings){.optimizer = {.kind = BG_OPTIMIZER_ADAMW,
                                                             .beta1 = 0.9,
                                                             .beta2 = 0.99,
                                                             .epsilon = 1e-6,
                                                             .weight_decay = 0.1},
                                               .rate = {.peak = 0.01}},
                 vector_adamw_loss, vector_adamw);
}

/* The step after a first one is the derivative of loss + μ/2 ‖w − w_start‖². */
static void expect_proximal_gradient(const char *spec)
{
    const double proximal = 0.75;
    const float class_weights[] = {0.5f, 2, 1};
    const struct bg_loss weighted = {.weights = class_weights};
    struct fixture fixture = fixture_create(12, 6, 3, 1, 4);
    struct bg_model *model = fixture_model(spec, 6, 3);
    size_t coordinates = model->layout.coordinates;
    float *start = fixture_parameters(model, 9), *first = fixture_parameters(model, 9);
    float *second = fixture_parameters(model, 9);
    double *exact = malloc(coordinates * sizeof *exact);
    struct bg_training_settings settings = {.rate = {.peak = 0.5},
                                            .steps = 1,
                                            .batch = 12,
                                            .proximal = proximal,
                                            .balance = {.weighting = BG_CLASS_WEIGHTS_GIVEN,
                                                        .weights = class_weights}};
    train(model, &settings, &fixture.examples, 1, first);
    settings.steps = 2;
    train(model, &settings, &fixture.examples, 1, second);
    for (size_t i = 0; i < coordinates; i++)
        exact[i] = first[i];
    for (size_t i = 0; i < coordinates; i++) {
        double derivative = reference_derivative(model, exact, i, &fixture.examples, &weighted) +
                            proximal * ((double)first[i] - start[i]);
        cr_assert_float_eq(((double)first[i] - second[i]) / 0.5, derivative, 2e-6 + 1e-5 * fabs(derivative),
                           "coordinate %zu", i);
    }
    free(start);
    free(first);
    free(second);
    free(exact);
    bg_model_destroy(&model);
    fixture_destroy(&fixture);
}

/* −⟨h, w⟩ in the loss takes a step η·h further. */
Test(training, linear_term_moves_against_its_gradient)
{
    struct fixture fixture = fixture_create(12, 6, 3, 1, 4);
    struct bg_model *model = fixture_model("mlp:7-4", 6, 3);
    size_t coordinates = model->layout.coordinates;
    float *without = fixture_parameters(model, 9), *with = fixture_parameters(model, 9);
    float *linear = malloc(coordinates * sizeof *linear);
    for (size_t i = 0; i < coordinates; i++)
        linear[i] = 0.01f * (float)i;
    struct bg_training_settings settings = {.rate = {.peak = 0.5}, .steps = 1, .batch = 12};
    train(model, &settings, &fixture.examples, 1, without);
    settings.linear = linear;
    train(model, &settings, &fixture.examples, 1, with);
    for (size_t i = 0; i < coordinates; i++)
        cr_assert_float_eq(with[i] - without[i], 0.5f * linear[i], 1e-6 + 1e-6 * (double)linear[i], "at %zu", i);
    free(without);
    free(with);
    free(linear);
    bg_model_destroy(&model);
    fixture_destroy(&fixture);
}

Test(training, proximal_term_meets_finite_differences)
{
    expect_proximal_gradient("linear");
    expect_proximal_gradient("mlp:7-4");
}

Test(training, same_seed_gives_same_bits)
{
    struct fixture fixture = fixture_create(100, 12, 4, 1, 3);
    struct bg_model *model = fixture_model("mlp:20-9", 12, 4);
    size_t size = model->layout.coordinates * sizeof(float);
    float *a = fixture_parameters(model, 2), *b = fixture_parameters(model, 2), *c = fixture_parameters(model, 2);
    struct bg_training_settings settings = plain;
    settings.optimizer.momentum = 0.9;
    settings.clip_norm = 1;
    settings.balance.weighting = BG_CLASS_WEIGHTS_INVERSE_SQRT;
    struct bg_training_result first = train(model, &settings, &fixture.examples, 7, a);
    struct bg_training_result second = train(model, &settings, &fixture.examples, 7, b);
    train(model, &settings, &fixture.examples, 8, c);
    cr_expect_eq(memcmp(a, b, size), 0);
    cr_expect_eq(first.mean_loss, second.mean_loss);
    cr_expect_neq(memcmp(a, c, size), 0);
    free(a);
    free(b);
    free(c);
    bg_model_destroy(&model);
    fixture_destroy(&fixture);
}

/* FNV-1a over the bit patterns. */
static uint64_t fingerprint(const float *values, size_t count)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        for (int shift = 0; shift < 32; shift += 8)
            hash = (hash ^ (bits >> shift & 0xff)) * 1099511628211u;
    }
    return hash;
}

/* The values are not checked against another implementation: they tell when bits depend on compiler, options,
 * instruction set or machine. */
Test(training, every_machine_gives_these_bits)
{
    struct fixture fixture = fixture_create(200, 35, 7, 2, 3);
    struct bg_model *model = fixture_model("mlp-64-32", 35, 7);
    float *parameters = fixture_parameters(model, 2);
    struct bg_training_settings settings = {
        .optimizer = {.momentum = 0.9, .weight_decay = 1e-4},
        .rate = {.peak = 0.1, .floor = 0.02, .total = 40},
        .steps = 40,
        .batch = 64,
        .clip_norm = 1,
        .proximal = 0.01,
        .balance = {.weighting = BG_CLASS_WEIGHTS_INVERSE_SQRT},
    };
    train(model, &settings, &fixture.examples, 7, parameters);
    cr_expect_eq(fingerprint(parameters, model->layout.coordinates), SGD_BITS, "%016llx",
                 (unsigned long long)fingerprint(parameters, model->layout.coordinates));
    settings.optimizer = (struct bg_optimizer_settings){
        .kind = BG_OPTIMIZER_ADAMW, .weight_decay = 0.01, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
    settings.rate.peak = 0.01;
    train(model, &settings, &fixture.examples, 7, parameters);
    cr_expect_eq(fingerprint(parameters, model->layout.coordinates), ADAMW_BITS, "%016llx",
                 (unsigned long long)fingerprint(parameters, model->layout.coordinates));
    free(parameters);
    bg_model_destroy(&model);
    fixture_destroy(&fixture);
}

/* Training on chosen rows of a matrix equals training on a matrix of those rows. */
Test(training, rows_select_examples)
{
    struct fixture fixture = fixture_create(60, 5, 3, 1, 3);
    struct bg_model *model = fixture_model("mlp:8", 5, 3);
    float *a = fixture_parameters(model, 2), *b = fixture_parameters(model, 2);
    uint32_t rows[20];
    float features[20 * 5];
    uint16_t labels[20];
    for (uint32_t i = 0; i < 20; i++) {
        rows[i] = 59 - 2 * i;
        labels[i] = fixture.labels[rows[i]];
        memcpy(features + i * 5, fixture.features + rows[i] * 5, 5 * sizeof *features);
    }
    struct bg_examples chosen = fixture.examples;
    chosen.rows = rows;
    chosen.count = 20;
    struct bg_examples copied = {features, labels, NULL, 20, 5, 3};
    train(model, &plain, &chosen, 1, a);
    train(model, &plain, &copied, 1, b);
    cr_expect_eq(memcmp(a, b, model->layout.coordinates * sizeof *a), 0);
    free(a);
    free(b);
    bg_model_destroy(&model);
    fixture_destroy(&fixture);
}

/* A model that only counts what it is shown. */
struct counting {
    struct bg_model model;
    size_t *seen;
    size_t calls;
};

static size_t no_workspace(const struct bg_model *model, size_t batch)
{
    (void)model;
    (void)batch;
    return 0;
}

static double count_batch(const struct bg_model *model, const float *parameters, const struct bg_examples *batch,
                          const struct bg_loss *loss, void *workspace, float *ret_gradient)
{
    struct counting *counting = (struct counting *)(uintptr_t)model;
    (void)parameters;
    (void)loss;
    (void)workspace;
    for (size_t i = 0; i < batch->count; i++)
        counting->seen[bg_example_row(batch, i)]++;
    counting->calls++;
    ret_gradient[0] = 0;
    return 1;
}

static const struct bg_model_ops counting_ops = {.workspace_size = no_workspace, .gradient = count_batch};

Test(training, epochs_show_each_example_equally_often)
{
    size_t seen[23] = {0};
    struct fixture fixture = fixture_create(23, 2, 2, 1, 3);
    struct counting counting = {.model = {.ops = &counting_ops, .columns = 2, .classes = 2}, .seen = seen};
    cr_assert_eq(bg_layout_add(&counting.model.layout, "w", 1, (uint32_t[]){1}, NULL), BG_OK);
    float parameter = 0;
    struct bg_training_settings settings = {.rate = {.peak = 1}, .epochs = 8, .batch = 4};
    struct bg_training_result result = train(&counting.model, &settings, &fixture.examples, 5, &parameter);
    cr_expect_eq(result.steps, 46);
    cr_expect_eq(result.examples, 184);
    cr_expect_eq(result.mean_loss, 1);
    for (size_t i = 0; i < 23; i++)
        cr_expect_eq(seen[i], 8, "example %zu", i);
    settings.batch = 1000;
    result = train(&counting.model, &settings, &fixture.examples, 5, &parameter);
    cr_expect_eq(result.steps, 8);
    for (size_t i = 0; i < 23; i++)
        cr_expect_eq(seen[i], 16, "example %zu", i);
    bg_layout_finish(&counting.model.layout);
    fixture_destroy(&fixture);
}

/* 6 of class 0, 2 of class 1, none of class 2: weights 1/sqrt(.75) and 1/sqrt(.25), scaled to mean 1. */
Test(training, inverse_sqrt_weights_follow_the_examples)
{
    const uint16_t labels[] = {0, 0, 1, 0, 0, 1, 0, 0};
    float features[8 * 2];
    for (size_t i = 0; i < 16; i++)
        features[i] = (float)i / 8 - 1;
    struct bg_examples examples = {features, labels, NULL, 8, 2, 3};
    double scale = 1 / (0.75 / sqrt(0.75) + 0.25 / sqrt(0.25));
    float given[] = {(float)(scale / sqrt(0.75)), (float)(scale / sqrt(0.25)), 0};
    cr_expect_float_eq((6 * (double)given[0] + 2 * (double)given[1]) / 8, 1, 1e-6);
    struct bg_model *model = fixture_model("linear", 2, 3);
    float *a = fixture_parameters(model, 1), *b = fixture_parameters(model, 1);
    struct bg_training_settings settings = plain;
    settings.balance.weighting = BG_CLASS_WEIGHTS_INVERSE_SQRT;
    train(model, &settings, &examples, 1, a);
    settings.balance.weighting = BG_CLASS_WEIGHTS_GIVEN;
    settings.balance.weights = given;
    train(model, &settings, &examples, 1, b);
    for (size_t i = 0; i < model->layout.coordinates; i++)
        cr_expect_float_eq(a[i], b[i], 1e-6);
    free(a);
    free(b);
    bg_model_destroy(&model);
}

Test(training, learns_separable_classes_completely)
{
    struct fixture fixture = fixture_create(300, 6, 3, 12, 8);
    static const char *const specs[] = {"linear", "mlp:16-8"};
    for (size_t s = 0; s < 2; s++) {
        struct bg_model *model = fixture_model(specs[s], 6, 3);
        float *parameters = fixture_parameters(model, 2);
        struct bg_confusion confusion;
        struct bg_training_settings settings = plain;
        settings.optimizer.momentum = 0.9;
        settings.steps = 0;
        settings.epochs = 10;
        settings.rate = (struct bg_cosine){.peak = 0.1, .floor = 0.02, .total = 188};
        settings.clip_norm = 1;
        train(model, &settings, &fixture.examples, 3, parameters);
        void *workspace = malloc(bg_evaluation_workspace_size(model));
        cr_assert_eq(bg_confusion_init(&confusion, 3), BG_OK);
        cr_assert_eq(bg_evaluate(model, parameters, &fixture.examples, workspace, &confusion, NULL), BG_OK);
        cr_expect_eq(bg_confusion_accuracy(&confusion), 1, "%s", specs[s]);
        cr_expect_eq(bg_confusion_macro_f1(&confusion), 1, "%s", specs[s]);
        bg_confusion_finish(&confusion);
        free(workspace);
        free(parameters);
        bg_model_destroy(&model);
    }
    fixture_destroy(&fixture);
}

Test(training, cosine_goes_from_peak_to_floor)
{
    const struct bg_cosine cosine = {.peak = 0.1, .floor = 0.02, .total = 100};
    cr_expect_float_eq(bg_cosine_rate(&cosine, 0), 0.1, 1e-15);
    cr_expect_float_eq(bg_cosine_rate(&cosine, 50), 0.051, 1e-15);
    cr_expect_float_eq(bg_cosine_rate(&cosine, 25), 0.1 * (0.02 + 0.49 * (1 + sqrt(0.5))), 1e-15);
    cr_expect_float_eq(bg_cosine_rate(&cosine, 100), 0.002, 1e-15);
    cr_expect_float_eq(bg_cosine_rate(&cosine, UINT64_MAX), 0.002, 1e-15);
    cr_expect_eq(bg_cosine_rate(&(struct bg_cosine){.peak = 0.3}, 12345), 0.3);
    for (uint64_t t = 0; t < 100; t++)
        cr_expect_lt(bg_cosine_rate(&cosine, t + 1), bg_cosine_rate(&cosine, t));
}

/* Two trainings in a row, the second with a later first step, are one training with the whole schedule. */
Test(training, schedule_continues_at_its_first_step)
{
    struct fixture fixture = fixture_create(8, 3, 2, 1, 8);
    struct bg_model *model = fixture_model("linear", 3, 2);
    float *whole = fixture_parameters(model, 2), *parts = fixture_parameters(model, 2);
    struct bg_training_settings settings = {.rate = {.peak = 0.5, .total = 6}, .steps = 6, .batch = 1};
    struct bg_examples one = bg_examples_slice(&fixture.examples, 3, 1);
    train(model, &settings, &one, 1, whole);
    settings.steps = 3;
    train(model, &settings, &one, 1, parts);
    settings.rate.first = 3;
    train(model, &settings, &one, 1, parts);
    cr_expect_eq(memcmp(whole, parts, model->layout.coordinates * sizeof *whole), 0);
    free(whole);
    free(parts);
    bg_model_destroy(&model);
    fixture_destroy(&fixture);
}

Test(training, refuses_settings_out_of_range)
{
    struct fixture fixture = fixture_create(8, 3, 2, 1, 8);
    struct bg_model *model = fixture_model("linear", 3, 2);
    float *parameters = fixture_parameters(model, 2);
    const float bad_weights[] = {1, -1};
    struct bg_training_settings bad[10];
    for (size_t i = 0; i < 10; i++)
        bad[i] = plain;
    bad[0].batch = 0;
    bad[1].batch = BG_TRAINING_MAX_BATCH + 1;
    bad[2].steps = 0;
    bad[3].rate.peak = NAN;
    bad[4].rate.floor = 1.5;
    bad[5].clip_norm = -1;
    bad[6].proximal = INFINITY;
    bad[7].optimizer.momentum = 1;
    bad[8].balance.weighting = BG_CLASS_WEIGHTS_GIVEN;
    bad[8].balance.weights = bad_weights;
    bad[9].balance.weighting = (enum bg_class_weighting)9;
    for (size_t i = 0; i < 10; i++) {
        struct bg_error error = {0};
        cr_expect_eq(try_training(model, &bad[i], &fixture.examples, parameters, &error), BG_INVALID, "case %zu", i);
        cr_expect(error.text[0] != '\0', "case %zu", i);
    }
    struct bg_examples none = fixture.examples;
    none.count = 0;
    cr_expect_eq(try_training(model, &plain, &none, parameters, NULL), BG_INVALID);
    struct bg_examples narrow = fixture.examples;
    narrow.columns = 2;
    cr_expect_eq(try_training(model, &plain, &narrow, parameters, NULL), BG_INVALID);
    free(parameters);
    bg_model_destroy(&model);
    fixture_destroy(&fixture);
}

Test(training, names_the_tensor_that_is_not_finite)
{
    struct fixture fixture = fixture_create(8, 3, 2, 1, 8);
    struct bg_model *model = fixture_model("mlp:4", 3, 2);
    for (size_t t = 0; t < model->layout.tensor_count; t++) {
        const struct bg_tensor *tensor = &model->layout.tensors[t];
        float *parameters = fixture_parameters(model, 2);
        struct bg_error error = {0};
        parameters[tensor->offset + tensor->count - 1] = NAN;
        cr_expect_eq(try_training(model, &plain, &fixture.examples, parameters, &error), BG_NOT_FINITE);
        cr_expect(strstr(error.text, tensor->name) != NULL, "%s", error.text);
        free(parameters);
    }
    bg_model_destroy(&model);
    fixture_destroy(&fixture);
}

Test(training, divergence_is_an_error)
{
    struct fixture fixture = fixture_create(64, 3, 2, 1, 8);
    struct bg_model *model = fixture_model("mlp:4", 3, 2);
    float *parameters = fixture_parameters(model, 2);
    struct bg_error error = {0};
    struct bg_training_settings settings = plain;
    settings.rate.peak = 1e30;
    cr_expect_eq(try_training(model, &settings, &fixture.examples, parameters, &error), BG_NOT_FINITE);
    cr_expect(error.text[0] != '\0');
    free(parameters);
    bg_model_destroy(&model);
    fixture_destroy(&fixture);
}

Test(training, last_step_is_checked_too)
{
    struct fixture fixture = fixture_create(8, 3, 2, 1, 8);
    struct bg_model *model = fixture_model("linear", 3, 2);
    float *parameters = fixture_parameters(model, 2);
    struct bg_error error = {0};
    struct bg_training_settings settings = plain;
    settings.steps = 1;
    settings.rate.peak = 1e300;
    cr_expect_eq(try_training(model, &settings, &fixture.examples, parameters, &error), BG_NOT_FINITE);
    cr_expect(strstr(error.text, "trained parameters: tensor layers.0.weight") != NULL, "%s", error.text);
    free(parameters);
    bg_model_destroy(&model);
    fixture_destroy(&fixture);
}
