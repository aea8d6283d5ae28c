/* SPDX-License-Identifier: Apache-2.0 */
#include "robust/flag.h"

#include "robust/eigen.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const double weight_epsilon = 1e-7;
static const double least_gain = 1e-10;
static const double tie_gap = 1e-9; /* times Λ_1 */

/* Matrices (n, n) that every step uses again. */
struct workspace {
    double *factor;  /* C, lower triangle */
    double *product; /* K C, then Cᵀ K C */
    double *other;
    double *vectors; /* V */
    double *values;  /* (n) Λ */
    double *column;  /* (n) */
};

static bool take_fit(struct bg_arena *arena, size_t n, struct bg_flag_fit *fit)
{
    *fit = (struct bg_flag_fit){
        .coefficients = BG_ARENA_ARRAY(arena, double, n),
        .products = BG_ARENA_ARRAY(arena, double, n * n),
    };
    return fit->coefficients && fit->products;
}

static bool take_workspace(struct bg_arena *arena, size_t n, struct workspace *w)
{
    *w = (struct workspace){
        .factor = BG_ARENA_ARRAY(arena, double, n * n),
        .product = BG_ARENA_ARRAY(arena, double, n * n),
        .other = BG_ARENA_ARRAY(arena, double, n * n),
        .vectors = BG_ARENA_ARRAY(arena, double, n * n),
        .values = BG_ARENA_ARRAY(arena, double, n),
        .column = BG_ARENA_ARRAY(arena, double, n),
    };
    return w->factor && w->product && w->other && w->vectors && w->values && w->column;
}

/* product ← CᵀKC with C lower triangular, exactly symmetric. */
static void weigh_gram(size_t n, const double *gram, struct workspace *w)
{
    const double *c = w->factor;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t k = j; k < n; k++)
                sum += gram[i * n + k] * c[k * n + j];
            w->other[i * n + j] = sum;
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = 0;
            for (size_t k = i; k < n; k++)
                sum += c[k * n + i] * w->other[k * n + j];
            w->product[i * n + j] = w->product[j * n + i] = sum;
        }
    }
}

/* c = C V_r V_rᵀ C⁻¹ 1. */
static void find_coefficients(size_t n, size_t kept, const struct workspace *w, double *ret_coefficients)
{
    const double *c = w->factor;
    double *solved = w->column, *projected = w->other;
    for (size_t i = 0; i < n; i++) {
        double rest = 1;
        for (size_t k = 0; k < i; k++)
            rest -= c[i * n + k] * solved[k];
        solved[i] = rest / c[i * n + i];
    }
    memset(projected, 0, n * sizeof *projected);
    for (size_t r = 0; r < kept; r++) {
        double along = 0;
        for (size_t i = 0; i < n; i++)
            along += w->vectors[i * n + r] * solved[i];
        for (size_t i = 0; i < n; i++)
            projected[i] += along * w->vectors[i * n + r];
    }
    for (size_t i = 0; i < n; i++) {
        ret_coefficients[i] = 0;
        for (size_t k = 0; k <= i; k++)
            ret_coefficients[i] += c[i * n + k] * projected[k];
    }
}

/* B = W Λ_r Wᵀ with W = C⁻ᵀ V_r, which replaces V_r. */
static void find_products(size_t n, size_t kept, const struct workspace *w, double *ret_products)
{
    const double *c = w->factor;
    for (size_t r = 0; r < kept; r++) {
        for (size_t i = n; i-- > 0;) {
            double rest = w->vectors[i * n + r];
            for (size_t k = i + 1; k < n; k++)
                rest -= c[k * n + i] * w->vectors[k * n + r];
            w->vectors[i * n + r] = rest / c[i * n + i];
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = 0;
            for (size_t r = 0; r < kept; r++)
                sum += w->vectors[i * n + r] * w->values[r] * w->vectors[j * n + r];
            ret_products[i * n + j] = ret_products[j * n + i] = sum;
        }
    }
}

static double find_objective(size_t n, const double *ratios, size_t stride)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += sqrt(fmax(0, 1 - ratios[i * stride]));
    return sum;
}

/* The subspace of X C, for the C in w->factor. */
static enum bg_status fit(const struct bg_flag_problem *problem, struct workspace *w, struct bg_flag_fit *ret)
{
    size_t n = problem->n, rank = problem->rank, kept = 0;
    weigh_gram(n, problem->gram, w);
    enum bg_status status = bg_eigen_symmetric(n, w->product, w->values, w->vectors);
    if (status)
        return status;
    double cut = (double)n * DBL_EPSILON * w->values[0];
    while (kept < rank && w->values[kept] > cut)
        kept++;
    double next = rank < n ? w->values[rank] : 0;
    double gap = w->values[rank - 1] - next;
    ret->eigengap = w->values[0] > 0 ? gap / w->values[0] : 0;
    ret->tie = next > tie_gap * w->values[0] && gap < tie_gap * w->values[0];
    find_coefficients(n, kept, w, ret->coefficients);
    find_products(n, kept, w, ret->products);
    ret->objective = find_objective(n, ret->products, n + 1);
    return BG_OK;
}

static double squared_weight(double ratio)
{
    return 1 / sqrt(fabs(1 - ratio) + weight_epsilon);
}

/* factor ← C of Q = C Cᵀ. `products` is needed for λ > 0 only. */
static void weigh(const struct bg_flag_problem *problem, const double *ratios, size_t stride,
                  const double *products, struct workspace *w)
{
    size_t n = problem->n;
    double *q = w->factor;
    memset(q, 0, n * n * sizeof *q);
    for (size_t i = 0; i < n; i++)
        q[i * n + i] = squared_weight(ratios[i * stride]);
    double pair_factor = problem->lambda > 0 && n > 1 ? problem->lambda / ((double)n * (double)(n - 1)) : 0;
    for (size_t i = 0; i < n && pair_factor > 0; i++) {
        for (size_t j = 0; j < i; j++) {
            double ratio = products[i * n + i] + products[j * n + j] - 2 * products[i * n + j];
            double pair = 2 * pair_factor * pair_factor * squared_weight(ratio);
            q[i * n + i] += pair;
            q[j * n + j] += pair;
            q[i * n + j] -= pair;
        }
    }
    /* Cholesky in place. Q exceeds a positive diagonal by a Laplacian, so every pivot is positive. */
    for (size_t j = 0; j < n; j++) {
        for (size_t i = j; i < n; i++) {
            double rest = q[i * n + j];
            for (size_t k = 0; k < j; k++)
                rest -= q[i * n + k] * q[j * n + k];
            q[i * n + j] = i == j ? sqrt(rest) : rest / q[j * n + j];
        }
    }
}

enum bg_status bg_flag_solve(const struct bg_flag_problem *problem, struct bg_arena *arena,
                             struct bg_flag_fit *ret_fit)
{
    size_t n = problem->n;
    struct workspace w;
    struct bg_flag_fit current, next;
    if (!take_workspace(arena, n, &w) || !take_fit(arena, n, &current) || !take_fit(arena, n, &next))
        return BG_NO_MEMORY;
    for (size_t i = 0; i < n; i++)
        w.factor[i * n + i] = 1;
    enum bg_status status = fit(problem, &w, &current);
    if (status)
        return status;
    double gain = 1, objective = current.objective;
    if (problem->ratios)
        objective = find_objective(n, problem->ratios, 1);
    for (uint32_t steps = 0; steps < problem->iterations && gain > least_gain; steps++) {
        bool given = steps == 0 && problem->ratios;
        if (objective <= least_gain && !given)
            break;
        if (given)
            weigh(problem, problem->ratios, 1, NULL, &w);
        else
            weigh(problem, current.products, n + 1, current.products, &w);
        status = fit(problem, &w, &next);
        if (status)
            return status;
        next.tie = next.tie || (current.tie && !given);
        gain = objective - next.objective;
        if (gain <= 0 && !given)
            break;
        struct bg_flag_fit replaced = current;
        current = next;
        next = replaced;
        current.steps = steps + 1;
        objective = current.objective;
    }
    *ret_fit = current;
    return BG_OK;
}
