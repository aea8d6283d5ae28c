/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aggregation rules. A rule sees p columns g_i only through their Gram matrix, scales each to
 * x_i = scale_i·g_i, and answers with coefficients c_i: the aggregate is Σ c_i x_i up to one factor.
 * Identical columns get c_i = 1 each.
 *
 *   mean       x_i = g_i                       c_i = 1
 *   unit-mean  x_i = g_i / max(‖g_i‖, 1e-12)   c_i = 1
 *   nnm        x_i = g_i                       nearest-neighbour mixing, then the mean
 *   flag       x_i = g_i / max(‖g_i‖, 1e-12)   the Flag Aggregator as released (robust/flag.h)
 *   flag+      x_i = g_i / max(‖g_i‖, n_med)   drop, mix, screen, Flag; may hold the round
 *
 * n_med is the median norm (mean of the two middle ones) of the columns that are not dropped, so that flag+
 * never scales a small vector up. Mixing replaces each column by the mean of its p − f nearest ones
 * (robust/mixing.h); the screen leaves out mixed columns whose product with the root direction is ≤ 0.
 */
#pragma once

#include "base/error.h"
#include "robust/columns.h"

#include <stdbool.h>
#include <stdint.h>

enum bg_rule {
    BG_RULE_MEAN = 1,
    BG_RULE_UNIT_MEAN,
    BG_RULE_NNM,
    BG_RULE_FLAG,
    BG_RULE_FLAG_PLUS,
};

#define BG_RULE_NAMES "mean, unit-mean, nnm, flag, flag+"

/* "?" for a value that is no rule. */
const char *bg_rule_name(enum bg_rule rule);
/* BG_INVALID for an unknown name. */
BG_MUST_CHECK enum bg_status bg_rule_from_name(const char *name, enum bg_rule *ret_rule);

#define BG_FAULTY_UNSET (-1)

/* Everything is borrowed. */
struct bg_rule_input {
    enum bg_rule rule;
    size_t count;                /* p, 1 to BG_COLUMNS_MAX */
    const double *gram;          /* (p, p) of the g_i, as bg_gram gives it */
    const bool *invalid;         /* (p) known bad, as INVALID groups: dropped by every rule; NULL: none */
    const double *root_products; /* (p) ⟨g_i, root direction⟩ for the screen of flag+; NULL: no screen */
    int faulty;                  /* f: columns (groups, not clients) that may be hostile; BG_FAULTY_UNSET */
    uint32_t rank;               /* r of flag and flag+; 0: (columns fitted + 1)/2 */
    uint32_t iterations;         /* steps of flag and flag+; 0: the unweighted flag mean */
    double lambda;               /* λ ≥ 0 of flag and flag+ */
    const double *ratios;        /* (p) v_i ≥ 0 before the first step of flag, which is then never undone;
                                  * NULL: those of the unweighted flag mean */
};

/* One step, default rank, f unset, λ = 0, nothing else given. */
struct bg_rule_input bg_rule_input_standard(enum bg_rule rule, size_t count, const double *gram);

enum bg_column_fate {
    BG_COLUMN_USED = 0,   /* c_i > 0 */
    BG_COLUMN_UNUSED,     /* c_i ≤ 0 */
    BG_COLUMN_INVALID,    /* dropped: the caller said so */
    BG_COLUMN_NOT_FINITE, /* dropped: NaN, infinity, or a norm beyond double */
};

/* "used", "unused", "invalid", "not-finite". */
const char *bg_column_fate_name(enum bg_column_fate fate);

/* Arrays have p entries; numbers of dropped columns are 0. */
struct bg_rule_result {
    size_t count;       /* p as given */
    size_t kept;        /* columns not dropped */
    size_t fitted;      /* columns the aggregate was made of: kept, less those screened out */
    uint32_t faulty;    /* f in force: as set, less one per column dropped; unset: floor((kept − 3)/2) */
    uint32_t rank;      /* r in force, at most fitted; 0 where the rule has none */
    uint32_t steps;     /* steps taken and not undone */
    double median_norm; /* n_med */
    double own_factor;  /* own output = own_factor·Σ c_i x_i: 1/fitted (mean, unit-mean, nnm), 1/r (flag),
                         * n_med/fitted (flag+) */
    double step_factor; /* server step y = step_factor·Σ c_i x_i, of the columns' own size in every rule:
                         * 1/fitted (mean, nnm), n_med/fitted (unit-mean, flag, flag+) */
    double eigengap;    /* (Λ_r − Λ_{r+1})/Λ_1 of the last fit; 0 where there is none */
    double margin;      /* Σ cos − f over the fitted columns (in flag+ as mixed), cos to the aggregate */
    bool tie;           /* in some fit Λ_r = Λ_{r+1} to 1e-9·Λ_1: the aggregate is arbitrary */
    bool held;          /* flag+ only: a tie, or a margin that is not above 0 */
    enum bg_column_fate fates[BG_COLUMNS_MAX];
    double scales[BG_COLUMNS_MAX];
    double coefficients[BG_COLUMNS_MAX];
    double ratios[BG_COLUMNS_MAX];  /* v_i of the last fit, in flag+ of the mixed columns (screened ones 0) */
    double cosines[BG_COLUMNS_MAX]; /* of the g_i themselves to the aggregate; 0 where either is zero */
};

/*
 * BG_INVALID: an option out of its range; BG_TOO_FEW: no column left, or a set f with p < 2f + 3;
 * BG_NOT_FINITE names the column (every rule but flag+, which drops it), or the root direction.
 * BG_MARGIN: flag+ holds the round, its aggregate is not to be trusted; *ret_result is filled all the same.
 */
BG_MUST_CHECK enum bg_status bg_rule_apply(const struct bg_rule_input *input, struct bg_error *error,
                                           struct bg_rule_result *ret_result);

/* Weights (p) of the raw columns g_i (robust/combine.h): of the rule's own output, and of the server step. */
void bg_rule_own_weights(const struct bg_rule_result *result, double *ret_weights);
void bg_rule_step_weights(const struct bg_rule_result *result, double *ret_weights);
