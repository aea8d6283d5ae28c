/* SPDX-License-Identifier: Apache-2.0 */
#include "robust/rule.h"

#include "base/arena.h"
#include "base/order.h"
#include "robust/flag.h"
#include "robust/mixing.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const char *const names[] = {
    [BG_RULE_MEAN] = "mean", [BG_RULE_UNIT_MEAN] = "unit-mean", [BG_RULE_NNM] = "nnm",
    [BG_RULE_FLAG] = "flag", [BG_RULE_FLAG_PLUS] = "flag+",
};

static const double least_norm = 1e-12;

const char *bg_rule_name(enum bg_rule rule)
{
    return rule >= BG_RULE_MEAN && rule <= BG_RULE_FLAG_PLUS ? names[rule] : "?";
}

enum bg_status bg_rule_from_name(const char *name, enum bg_rule *ret_rule)
{
    for (int rule = BG_RULE_MEAN; rule <= BG_RULE_FLAG_PLUS; rule++) {
        if (strcmp(names[rule], name) == 0) {
            *ret_rule = (enum bg_rule)rule;
            return BG_OK;
        }
    }
    return BG_INVALID;
}

const char *bg_column_fate_name(enum bg_column_fate fate)
{
    static const char *const fates[] = {
        [BG_COLUMN_USED] = "used",
        [BG_COLUMN_UNUSED] = "unused",
        [BG_COLUMN_INVALID] = "invalid",
        [BG_COLUMN_NOT_FINITE] = "not-finite",
    };
    return fates[fate];
}

struct bg_rule_input bg_rule_input_standard(enum bg_rule rule, size_t count, const double *gram)
{
    return (struct bg_rule_input){
        .rule = rule,
        .count = count,
        .gram = gram,
        .faulty = BG_FAULTY_UNSET,
        .iterations = 1,
    };
}

/* The columns not dropped, on their way to coefficients. */
struct pipeline {
    const struct bg_rule_input *input;
    struct bg_rule_result *result;
    struct bg_arena arena;
    size_t n;
    size_t index[BG_COLUMNS_MAX];        /* (n) among the given ones */
    double *gram;                        /* (n, n) of the x_i */
    double coefficients[BG_COLUMNS_MAX]; /* (n) */
};

static enum bg_status check_input(const struct bg_rule_input *input, struct bg_error *error)
{
    if (input->rule < BG_RULE_MEAN || input->rule > BG_RULE_FLAG_PLUS)
        return bg_fail(error, BG_INVALID, "rule %d is none of " BG_RULE_NAMES, (int)input->rule);
    if (input->count == 0 || input->count > BG_COLUMNS_MAX)
        return bg_fail(error, BG_INVALID, "%zu columns are not within 1 to %d", input->count, BG_COLUMNS_MAX);
    if (input->faulty < BG_FAULTY_UNSET)
        return bg_fail(error, BG_INVALID, "f = %d is negative", input->faulty);
    if (input->faulty >= 0 && input->count < 2 * (size_t)input->faulty + 3)
        return bg_fail(error, BG_TOO_FEW,
                       "%zu columns cannot outvote f = %d hostile ones: at least 2f + 3 = %d are needed",
                       input->count, input->faulty, 2 * input->faulty + 3);
    if (input->rank > input->count)
        return bg_fail(error, BG_INVALID, "rank %u is more than the %zu columns", (unsigned)input->rank,
                       input->count);
    if (!(input->lambda >= 0 && input->lambda <= 1e6))
        return bg_fail(error, BG_INVALID, "lambda %g is not within 0 to 1e6", input->lambda);
    if (!input->ratios)
        return BG_OK;
    if (input->rule != BG_RULE_FLAG || input->lambda > 0 || input->iterations == 0)
        return bg_fail(error, BG_INVALID,
                       "starting ratios go with rule flag, lambda 0 and at least one iteration only");
    for (size_t i = 0; i < input->count; i++)
        if (!(input->ratios[i] >= 0 && isfinite(input->ratios[i])))
            return bg_fail(error, BG_INVALID, "starting ratio %zu is negative or not finite", i);
    return BG_OK;
}

static enum bg_status drop_columns(struct pipeline *pipe, struct bg_error *error)
{
    const struct bg_rule_input *input = pipe->input;
    struct bg_rule_result *result = pipe->result;
    for (size_t i = 0; i < input->count; i++) {
        if (input->invalid && input->invalid[i]) {
            result->fates[i] = BG_COLUMN_INVALID;
        } else if (!isfinite(input->gram[i * input->count + i])) {
            if (input->rule != BG_RULE_FLAG_PLUS)
                return bg_fail(
                    error, BG_NOT_FINITE,
                    "column %zu has a NaN or infinity: rule %s cannot take it, flag+ would drop it", i,
                    bg_rule_name(input->rule));
            result->fates[i] = BG_COLUMN_NOT_FINITE;
        } else {
            pipe->index[pipe->n++] = i;
        }
    }
    if (pipe->n == 0)
        return bg_fail(error, BG_TOO_FEW, "none of the %zu columns can be used", input->count);
    size_t dropped = input->count - pipe->n;
    if (input->faulty != BG_FAULTY_UNSET)
        result->faulty = (size_t)input->faulty > dropped ? (uint32_t)((size_t)input->faulty - dropped) : 0;
    else
        result->faulty = pipe->n > 3 ? (uint32_t)((pipe->n - 3) / 2) : 0;
    result->kept = result->fitted = pipe->n;
    return BG_OK;
}

static double inverse_norm(double norm)
{
    return 1 / fmax(norm, least_norm);
}

/* n_med, the scales, and the Gram matrix of the x_i. */
static void scale_columns(struct pipeline *pipe)
{
    size_t n = pipe->n, p = pipe->input->count;
    double norms[BG_COLUMNS_MAX], sorted[BG_COLUMNS_MAX];
    for (size_t i = 0; i < n; i++)
        norms[i] = sqrt(pipe->input->gram[pipe->index[i] * p + pipe->index[i]]);
    memcpy(sorted, norms, n * sizeof *norms);
    bg_sort(sorted, n);
    double median = pipe->result->median_norm = bg_sorted_median(sorted, n);
    double *scales = pipe->result->scales;
    for (size_t i = 0; i < n; i++) {
        switch (pipe->input->rule) {
        case BG_RULE_MEAN:
        case BG_RULE_NNM:
            scales[pipe->index[i]] = 1;
            break;
        case BG_RULE_UNIT_MEAN:
        case BG_RULE_FLAG:
            scales[pipe->index[i]] = inverse_norm(norms[i]);
            break;
        case BG_RULE_FLAG_PLUS:
            scales[pipe->index[i]] = inverse_norm(fmax(norms[i], median));
            break;
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            size_t a = pipe->index[i], b = pipe->index[j];
            double product = pipe->input->gram[a * p + b] * scales[a] * scales[b];
            pipe->gram[i * n + j] = pipe->gram[j * n + i] = product;
        }
    }
}

/* Cosine of each of n columns to Σ c_i x_i (0 where either is zero), and their sum. */
static double find_cosines(size_t n, const double *gram, const double *coefficients, double *ret_cosines)
{
    double squared = 0, magnitude = 0;
    for (size_t i = 0; i < n; i++) {
        double product = 0;
        for (size_t j = 0; j < n; j++) {
            product += gram[i * n + j] * coefficients[j];
            magnitude += fabs(coefficients[i] * gram[i * n + j] * coefficients[j]);
        }
        ret_cosines[i] = product;
        squared += coefficients[i] * product;
    }
    bool zero = !(squared > (double)n * DBL_EPSILON * magnitude);
    double total = 0;
    for (size_t i = 0; i < n; i++) {
        double norm = sqrt(fmax(0, gram[i * n + i]));
        ret_cosines[i] = zero || norm == 0 ? 0 : fmax(-1, fmin(1, ret_cosines[i] / sqrt(squared) / norm));
        total += ret_cosines[i];
    }
    return total;
}

static enum bg_status fit_flag(struct pipeline *pipe, size_t n, const double *gram, const size_t *places,
                               double *ret_coefficients)
{
    const struct bg_rule_input *input = pipe->input;
    struct bg_rule_result *result = pipe->result;
    double ratios[BG_COLUMNS_MAX] = {0};
    for (size_t i = 0; i < n && input->ratios; i++)
        ratios[i] = input->ratios[places[i]];
    result->rank = input->rank ? input->rank : (uint32_t)(n + 1) / 2;
    if (result->rank > n)
        result->rank = (uint32_t)n;
    struct bg_flag_problem problem = {
        .n = n,
        .gram = gram,
        .rank = result->rank,
        .iterations = input->iterations,
        .lambda = input->lambda,
        .ratios = input->ratios ? ratios : NULL,
    };
    struct bg_flag_fit fit;
    enum bg_status status = bg_flag_solve(&problem, &pipe->arena, &fit);
    if (status)
        return status;
    result->steps = fit.steps;
    result->eigengap = fit.eigengap;
    result->tie = fit.tie;
    for (size_t i = 0; i < n; i++) {
        result->ratios[places[i]] = fit.products[i * n + i];
        ret_coefficients[i] = fit.coefficients[i];
    }
    return BG_OK;
}

static enum bg_status apply_flag(struct pipeline *pipe, struct bg_error *error)
{
    enum bg_status status = fit_flag(pipe, pipe->n, pipe->gram, pipe->index, pipe->coefficients);
    if (status)
        return bg_fail(error, status, "rule flag: %s", bg_status_text(status));
    return BG_OK;
}

/* c of the x_i from those of the mixed columns z = mixing·x. */
static void unmix(size_t n, const double *mixing, const double *mixed_coefficients, double *ret_coefficients)
{
    for (size_t j = 0; j < n; j++) {
        ret_coefficients[j] = 0;
        for (size_t i = 0; i < n; i++)
            ret_coefficients[j] += mixed_coefficients[i] * mixing[i * n + j];
    }
}

struct mixed {
    double *mixing; /* (n, n) */
    double *gram;   /* (n, n) of the mixed columns */
};

static enum bg_status mix(struct pipeline *pipe, struct mixed *ret)
{
    size_t n = pipe->n;
    double *workspace = BG_ARENA_ARRAY(&pipe->arena, double, n * n);
    ret->mixing = BG_ARENA_ARRAY(&pipe->arena, double, n * n);
    ret->gram = BG_ARENA_ARRAY(&pipe->arena, double, n * n);
    if (!workspace || !ret->mixing || !ret->gram)
        return BG_NO_MEMORY;
    size_t faulty = pipe->result->faulty < n ? pipe->result->faulty : n - 1;
    bg_mixing(n, pipe->gram, n - faulty, workspace, ret->mixing);
    bg_mixing_apply(n, ret->mixing, pipe->gram, workspace, ret->gram);
    return BG_OK;
}

static enum bg_status apply_nnm(struct pipeline *pipe, struct bg_error *error)
{
    struct mixed mixed;
    if (mix(pipe, &mixed))
        return bg_fail(error, BG_NO_MEMORY, "no memory to mix %zu columns", pipe->n);
    double ones[BG_COLUMNS_MAX];
    for (size_t i = 0; i < pipe->n; i++)
        ones[i] = 1;
    unmix(pipe->n, mixed.mixing, ones, pipe->coefficients);
    return BG_OK;
}

/* Which mixed columns point along the root direction, into ret_passed (their number is the result). */
static size_t screen(const struct pipeline *pipe, const double *mixing, size_t *ret_passed)
{
    size_t n = pipe->n, passed = 0;
    for (size_t i = 0; i < n; i++) {
        double product = 0;
        for (size_t j = 0; j < n && pipe->input->root_products; j++)
            product += mixing[i * n + j] * pipe->result->scales[pipe->index[j]] *
                       pipe->input->root_products[pipe->index[j]];
        if (!pipe->input->root_products || product > 0)
            ret_passed[passed++] = i;
    }
    return passed;
}

static enum bg_status apply_flag_plus(struct pipeline *pipe, struct bg_error *error)
{
    size_t n = pipe->n;
    struct bg_rule_result *result = pipe->result;
    for (size_t i = 0; i < n && pipe->input->root_products; i++)
        if (!isfinite(pipe->input->root_products[pipe->index[i]]))
            return bg_fail(error, BG_NOT_FINITE, "the root direction has no finite product with column %zu",
                           pipe->index[i]);
    struct mixed mixed;
    double *fitted_gram = BG_ARENA_ARRAY(&pipe->arena, double, n * n);
    if (!fitted_gram || mix(pipe, &mixed))
        return bg_fail(error, BG_NO_MEMORY, "no memory to mix %zu columns", n);
    size_t passed[BG_COLUMNS_MAX], places[BG_COLUMNS_MAX];
    size_t m = result->fitted = screen(pipe, mixed.mixing, passed);
    result->margin = -(double)result->faulty;
    if (m == 0)
        return BG_OK;
    for (size_t i = 0; i < m; i++) {
        places[i] = pipe->index[passed[i]];
        for (size_t j = 0; j < m; j++)
            fitted_gram[i * m + j] = mixed.gram[passed[i] * n + passed[j]];
    }
    double fitted[BG_COLUMNS_MAX], cosines[BG_COLUMNS_MAX], all[BG_COLUMNS_MAX] = {0};
    enum bg_status status = fit_flag(pipe, m, fitted_gram, places, fitted);
    if (status)
        return bg_fail(error, status, "rule flag+: %s", bg_status_text(status));
    result->margin += find_cosines(m, fitted_gram, fitted, cosines);
    for (size_t i = 0; i < m; i++)
        all[passed[i]] = fitted[i];
    unmix(n, mixed.mixing, all, pipe->coefficients);
    return BG_OK;
}

static enum bg_status find_coefficients(struct pipeline *pipe, struct bg_error *error)
{
    switch (pipe->input->rule) {
    case BG_RULE_NNM:
        return apply_nnm(pipe, error);
    case BG_RULE_FLAG:
        return apply_flag(pipe, error);
    case BG_RULE_FLAG_PLUS:
        return apply_flag_plus(pipe, error);
    case BG_RULE_MEAN:
    case BG_RULE_UNIT_MEAN:
        break;
    }
    for (size_t i = 0; i < pipe->n; i++)
        pipe->coefficients[i] = 1;
    return BG_OK;
}

static void find_factors(const struct pipeline *pipe)
{
    struct bg_rule_result *result = pipe->result;
    double share = result->fitted ? 1 / (double)result->fitted : 0;
    bool as_given = pipe->input->rule == BG_RULE_MEAN || pipe->input->rule == BG_RULE_NNM;
    result->step_factor = as_given ? share : result->median_norm * share;
    if (pipe->input->rule == BG_RULE_FLAG)
        result->own_factor = 1 / (double)result->rank;
    else
        result->own_factor = pipe->input->rule == BG_RULE_FLAG_PLUS ? result->step_factor : share;
}

static void report(struct pipeline *pipe)
{
    struct bg_rule_result *result = pipe->result;
    double cosines[BG_COLUMNS_MAX];
    double agreement = find_cosines(pipe->n, pipe->gram, pipe->coefficients, cosines);
    if (pipe->input->rule != BG_RULE_FLAG_PLUS)
        result->margin = agreement - (double)result->faulty;
    for (size_t i = 0; i < pipe->n; i++) {
        size_t place = pipe->index[i];
        result->coefficients[place] = pipe->coefficients[i];
        result->cosines[place] = cosines[i];
        result->fates[place] = pipe->coefficients[i] > 0 ? BG_COLUMN_USED : BG_COLUMN_UNUSED;
    }
    find_factors(pipe);
}

static enum bg_status hold(struct bg_rule_result *result, struct bg_error *error)
{
    if (result->tie) {
        result->held = true;
        return bg_fail(
            error, BG_MARGIN,
            "flag+: the eigenvalues at rank %u tie, so that no subspace is better than another: hold "
            "the round",
            (unsigned)result->rank);
    }
    if (!(result->margin > 0)) {
        result->held = true;
        return bg_fail(error, BG_MARGIN,
                       "flag+: margin %.3g of %zu columns with f = %u is not above 0: hold the round",
                       result->margin, result->fitted, (unsigned)result->faulty);
    }
    return BG_OK;
}

enum bg_status bg_rule_apply(const struct bg_rule_input *input, struct bg_error *error,
                             struct bg_rule_result *ret_result)
{
    enum bg_status status = check_input(input, error);
    if (status)
        return status;
    struct bg_rule_result result = {.count = input->count};
    struct pipeline pipe = {.input = input, .result = &result};
    bg_arena_init(&pipe.arena, SIZE_MAX);
    status = drop_columns(&pipe, error);
    if (status)
        goto out;
    pipe.gram = BG_ARENA_ARRAY(&pipe.arena, double, pipe.n * pipe.n);
    if (!pipe.gram) {
        status = bg_fail(error, BG_NO_MEMORY, "no memory for the Gram matrix of %zu columns", pipe.n);
        goto out;
    }
    scale_columns(&pipe);
    status = find_coefficients(&pipe, error);
    if (status)
        goto out;
    report(&pipe);
    if (input->rule == BG_RULE_FLAG_PLUS)
        status = hold(&result, error);
    *ret_result = result;
out:
    bg_arena_finish(&pipe.arena);
    return status;
}

void bg_rule_own_weights(const struct bg_rule_result *result, double *ret_weights)
{
    for (size_t i = 0; i < result->count; i++)
        ret_weights[i] = result->own_factor * result->coefficients[i] * result->scales[i];
}

void bg_rule_step_weights(const struct bg_rule_result *result, double *ret_weights)
{
    for (size_t i = 0; i < result->count; i++)
        ret_weights[i] = result->step_factor * result->coefficients[i] * result->scales[i];
}
