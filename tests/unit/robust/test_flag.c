/* SPDX-License-Identifier: Apache-2.0 */
/* Flag as released: known answers, the authors' outputs, and what must hold for any input. */
#include "rule_fixture.h"

#include "base/json.h"
#include "tests/unit/no_leaks.h"
#include "tests/vectors/flag_vectors.h"
#include "tools/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct trial trial, other;

static double largest_difference(const double *a, const double *b, size_t count)
{
    double largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(a[i] - b[i]));
    return largest;
}

Test(flag, agrees_with_decompositions_of_the_columns)
{
    for (size_t v = 0; v < sizeof flag_vectors / sizeof *flag_vectors; v++) {
        const struct flag_vector *vector = &flag_vectors[v];
        trial_init(&trial, BG_RULE_FLAG, vector->count, FLAG_VECTOR_LENGTH);
        for (size_t i = 0; i < vector->count; i++)
            memcpy(trial.values[i], vector->updates[i], sizeof vector->updates[i]);
        trial.input.rank = vector->rank;
        trial.input.iterations = vector->iterations;
        trial.input.lambda = vector->lambda;
        cr_assert_eq(trial_run(&trial), BG_OK, "%s", trial.error.text);
        cr_assert_eq(trial.result.steps, vector->steps);
        bg_rule_own_weights(&trial.result, trial.weights);
        bg_combine(&trial.columns, trial.weights, NULL, trial.output);
        cr_assert_lt(largest_difference(trial.output, vector->output, FLAG_VECTOR_LENGTH), 1e-12,
                     "vector %zu", v);
        cr_assert_lt(largest_difference(trial.result.ratios, vector->ratios, vector->count), 1e-12);
    }
    NO_LEAKS();
}

static double number(const struct bg_json *object, const char *key)
{
    const struct bg_json *value = bg_json_get(object, key);
    cr_assert_not_null(value, "index.json has no %s", key);
    return bg_json_number(value);
}

static double tolerance_of(const char *mode)
{
    return strncmp(mode, "irls100", 7) == 0 ? 1e-5 : strcmp(mode, "irls5_lam8") == 0 ? 1e-9 : 1e-12;
}

static void assert_golden_mode(const struct bg_columns *columns, const double *gram,
                               const struct bg_npy *wanted, const struct bg_json *mode, const char *name)
{
    struct bg_rule_input input = bg_rule_input_standard(BG_RULE_FLAG, columns->count, gram);
    double ratios[BG_COLUMNS_MAX], weights[BG_COLUMNS_MAX];
    input.rank = (uint32_t)number(mode, "r");
    input.iterations = (uint32_t)number(mode, "n_its");
    input.lambda = number(mode, "lam");
    if (strcmp(bg_json_key(mode), "rel") == 0) {
        for (size_t i = 0; i < columns->count; i++)
            ratios[i] = bg_json_number(bg_json_at(bg_json_get(mode, "v0"), i));
        input.ratios = ratios;
    }
    struct bg_rule_result result;
    struct bg_error error;
    cr_assert_eq(bg_rule_apply(&input, &error, &result), BG_OK, "%s: %s", name, error.text);
    bg_rule_own_weights(&result, weights);
    double *output = calloc(columns->length, sizeof *output);
    cr_assert_not_null(output);
    bg_combine(columns, weights, NULL, output);
    const double *reference =
        (const double *)wanted->data + (size_t)number(mode, "out_row") * columns->length;
    double size = 0;
    for (size_t t = 0; t < columns->length; t++)
        size = fmax(size, fabs(reference[t]));
    double tolerance = tolerance_of(bg_json_key(mode)) * (size > 0 ? size : 1);
    cr_assert_leq(largest_difference(output, reference, columns->length), tolerance, "%s %s", name,
                  bg_json_key(mode));
    free(output);
}

static size_t assert_golden_case(const struct bg_json *item)
{
    const char *name = bg_json_key(item);
    char path[1024];
    struct bg_npy in, out;
    struct bg_error error;
    snprintf(path, sizeof path, "%s/golden/flag/%s.in.npy", BG_SHARED_DIR, name);
    cr_assert_eq(bg_npy_load(path, &error, &in), BG_OK, "%s", error.text);
    snprintf(path, sizeof path, "%s/golden/flag/%s.out.npy", BG_SHARED_DIR, name);
    cr_assert_eq(bg_npy_load(path, &error, &out), BG_OK, "%s", error.text);
    cr_assert(out.type == BG_COLUMN_FLOAT64 && out.columns == in.columns && in.rows <= BG_COLUMNS_MAX);
    const void *rows[BG_COLUMNS_MAX];
    static double gram[BG_COLUMNS_MAX * BG_COLUMNS_MAX];
    for (size_t i = 0; i < in.rows; i++)
        rows[i] = (const char *)in.data + i * in.columns * bg_column_type_bytes(in.type);
    struct bg_columns columns = {in.type, in.rows, in.columns, rows, NULL};
    cr_assert_eq(bg_gram(&columns, NULL, &error, gram), BG_OK);
    size_t compared = 0;
    const struct bg_json *modes = bg_json_get(item, "modes");
    for (size_t m = 0; m < bg_json_count(modes); m++) {
        const struct bg_json *mode = bg_json_at(modes, m);
        if (!bg_json_bool(bg_json_get(mode, "unique")))
            continue;
        assert_golden_mode(&columns, gram, &out, mode, name);
        compared++;
    }
    bg_npy_finish(&in);
    bg_npy_finish(&out);
    return compared;
}

Test(flag, agrees_with_the_released_algorithm)
{
    struct bg_json *index;
    struct bg_error error;
    enum bg_status status = bg_json_load(BG_SHARED_DIR "/golden/flag/index.json", 1 << 24, &error, &index);
    if (status == BG_NOT_FOUND)
        cr_skip_test("reference outputs of the Flag Aggregator are not here");
    cr_assert_eq(status, BG_OK, "%s", error.text);
    const struct bg_json *cases = bg_json_get(index, "cases");
    size_t compared = 0;
    for (size_t i = 0; i < bg_json_count(cases); i++)
        compared += assert_golden_case(bg_json_at(cases, i));
    cr_assert_gt(compared, 300);
    bg_json_destroy(&index);
    NO_LEAKS();
}

Test(flag, does_not_care_for_the_size_of_a_column)
{
    trial_init(&trial, BG_RULE_FLAG, 7, 100);
    trial_fill(&trial, 1, 0.7);
    cr_assert_eq(trial_run(&trial), BG_OK);
    double coefficients[7];
    memcpy(coefficients, trial.result.coefficients, sizeof coefficients);
    for (size_t t = 0; t < 100; t++) {
        trial.values[1][t] *= 1e6;
        trial.values[4][t] *= 1e-6;
    }
    cr_assert_eq(trial_run(&trial), BG_OK);
    cr_assert_lt(largest_difference(coefficients, trial.result.coefficients, 7), 1e-12);
}

Test(flag, reports_a_tie_and_does_not_hold)
{
    trial_init(&trial, BG_RULE_FLAG, 4, 4);
    memset(trial.values, 0, sizeof trial.values);
    for (size_t i = 0; i < 4; i++)
        trial.values[i][i] = 2;
    cr_assert_eq(trial_run(&trial), BG_OK);
    cr_assert(trial.result.tie);
    cr_assert_not(trial.result.held);
}

Test(flag, takes_one_and_two_columns)
{
    trial_init(&trial, BG_RULE_FLAG, 1, 2);
    trial.values[0][0] = 3;
    trial.values[0][1] = 4;
    cr_assert_eq(trial_run(&trial), BG_OK);
    cr_assert_float_eq(trial.result.coefficients[0], 1, 1e-15);
    cr_assert_float_eq(trial.output[0], 3, 1e-14, "the step has the size of the column");
    trial_init(&trial, BG_RULE_FLAG, 2, 2);
    trial.values[1][0] = 4;
    trial.values[1][1] = 3;
    cr_assert_eq(trial_run(&trial), BG_OK);
    cr_assert_eq(trial.result.rank, 1);
    cr_assert_float_eq(trial.output[0], trial.output[1], 1e-14);
}

Test(flag, starts_from_given_ratios_and_never_goes_back_behind_them)
{
    trial_init(&trial, BG_RULE_FLAG, 5, 60);
    trial_fill(&trial, 2, 1);
    trial.input.iterations = 0;
    cr_assert_eq(trial_run(&trial), BG_OK);
    double ratios[5];
    memcpy(ratios, trial.result.ratios, sizeof ratios);
    trial.input.iterations = 1;
    cr_assert_eq(trial_run(&trial), BG_OK);
    memcpy(&other, &trial, sizeof trial);
    other.input.gram = other.gram;
    other.columns.data = other.rows;
    other.input.ratios = ratios;
    cr_assert_eq(trial_run(&other), BG_OK);
    cr_assert_lt(largest_difference(other.result.coefficients, trial.result.coefficients, 5), 1e-13);
    for (size_t i = 0; i < 5; i++)
        ratios[i] = 1;
    cr_assert_eq(trial_run(&other), BG_OK);
    cr_assert_eq(other.result.steps, 1, "ratios of 1 leave nothing to gain, the step is taken all the same");
}
