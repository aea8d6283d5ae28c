/* SPDX-License-Identifier: Apache-2.0 */
/* Columns of doubles and what a rule makes of them. */
#pragma once

#include "base/prng.h"
#include "robust/combine.h"
#include "robust/gram.h"
#include "robust/rule.h"

#include <criterion/criterion.h>
#include <math.h>

enum {
    FIXTURE_COLUMNS = 16,
    FIXTURE_LENGTH = 400
};

struct trial {
    double values[FIXTURE_COLUMNS][FIXTURE_LENGTH];
    const void *rows[FIXTURE_COLUMNS];
    struct bg_columns columns;
    double gram[FIXTURE_COLUMNS * FIXTURE_COLUMNS];
    struct bg_rule_input input;
    struct bg_rule_result result;
    struct bg_error error;
    double weights[FIXTURE_COLUMNS];
    double output[FIXTURE_LENGTH]; /* of the server step */
};

static inline void trial_init(struct trial *trial, enum bg_rule rule, size_t count, size_t length)
{
    trial->columns = (struct bg_columns){BG_COLUMN_FLOAT64, count, length, trial->rows, NULL};
    for (size_t i = 0; i < count; i++)
        trial->rows[i] = trial->values[i];
    trial->input = bg_rule_input_standard(rule, count, trial->gram);
}

static inline enum bg_status trial_run(struct trial *trial)
{
    cr_assert_eq(bg_gram(&trial->columns, NULL, NULL, trial->gram), BG_OK);
    trial->result = (struct bg_rule_result){0};
    enum bg_status status = bg_rule_apply(&trial->input, &trial->error, &trial->result);
    bg_rule_step_weights(&trial->result, trial->weights);
    if (!status || status == BG_MARGIN)
        bg_combine(&trial->columns, trial->weights, NULL, trial->output);
    return status;
}

/* Every row: one common direction, times `common`, plus noise of its own. */
static inline void trial_fill(struct trial *trial, uint64_t seed, double common)
{
    struct bg_prng prng;
    bg_prng_init(&prng, seed);
    double direction[FIXTURE_LENGTH];
    for (size_t t = 0; t < trial->columns.length; t++)
        direction[t] = common * bg_prng_normal(&prng);
    for (size_t i = 0; i < trial->columns.count; i++)
        for (size_t t = 0; t < trial->columns.length; t++)
            trial->values[i][t] = direction[t] + bg_prng_normal(&prng);
}

static inline double dot(const double *a, const double *b, size_t length)
{
    double sum = 0;
    for (size_t t = 0; t < length; t++)
        sum += a[t] * b[t];
    return sum;
}

static inline double cosine(const double *a, const double *b, size_t length)
{
    return dot(a, b, length) / sqrt(dot(a, a, length) * dot(b, b, length));
}
