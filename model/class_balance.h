/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much each class counts in a client's loss, from two sets of class shares: π_own of the client's examples and π of
 * the whole federation, which it learns from the model file. Labels are skewed between clients; without a correction
 * each one also learns how common the classes are at home, and forgets those it does not have.
 *
 *   weights  of mean 1 over the examples they are made from:
 *              own inverse-sqrt   w_c = π_own_c^-1/2 / Σ_k π_own_k^1/2; 0 for a class without examples
 *              inverse-sqrt       w_c = π_c^-1/2 / Σ_k π_k^1/2
 *              balanced           w_c = 1/(classes·π_c)
 *   shifts   of the logits while training, never when the model is used:
 *              a_c = τ_own·ln π_own_c − τ·ln π_c
 *            With τ_own = τ = 1 scores that fit the federation's shares fit every client's; with τ_own = 1, τ = 0 the
 *            scores fit equal shares (logit adjustment: Menon et al. 2021; between clients: Zhang et al. 2022).
 *
 * A class that a client lacks is as common as if it had one more example, distributed like the federation's:
 * π_own_c = (n_c + π_c)/(n + 1). A share π_c below BG_CLASS_LEAST_SHARE of an equal one is taken for that much, before
 * all are scaled to sum 1: a class that is as good as absent does not outweigh the others.
 */
#pragma once

#include "base/error.h"
#include "base/examples.h"

#include <stdbool.h>

#define BG_CLASS_LEAST_SHARE 0.01

/* In the order of the wire's numbers and of the settings' names. */
enum bg_class_weighting {
    BG_CLASS_WEIGHTS_NONE = 0,
    BG_CLASS_WEIGHTS_INVERSE_SQRT,
    BG_CLASS_WEIGHTS_FEDERATED_INVERSE_SQRT,
    BG_CLASS_WEIGHTS_FEDERATED_BALANCED,
    BG_CLASS_WEIGHTS_GIVEN, /* as they are */
};

struct bg_class_balance {
    enum bg_class_weighting weighting;
    const float *weights; /* (classes) ≥ 0 for BG_CLASS_WEIGHTS_GIVEN, else NULL */
    const float *shares;  /* (classes) π: ≥ 0, of any positive sum; NULL: not known */
    double own_prior;       /* τ_own ≥ 0 */
    double federated_prior; /* τ ≥ 0 */
};

static inline bool bg_class_balance_has_shifts(const struct bg_class_balance *balance)
{
    return balance->own_prior > 0 || balance->federated_prior > 0;
}

/* Whether the settings need π. */
static inline bool bg_class_balance_needs_shares(const struct bg_class_balance *balance)
{
    return balance->weighting == BG_CLASS_WEIGHTS_FEDERATED_INVERSE_SQRT ||
           balance->weighting == BG_CLASS_WEIGHTS_FEDERATED_BALANCED || bg_class_balance_has_shifts(balance);
}

/* BG_INVALID names the setting or share out of its range, or that π is needed and missing. */
BG_MUST_CHECK enum bg_status bg_class_balance_check(const struct bg_class_balance *balance, uint32_t classes,
                                                    struct bg_error *error);
/* For checked settings and at least one example. Both arrays (classes); weights are all 1 for
 * BG_CLASS_WEIGHTS_NONE, shifts all 0 without τ. */
void bg_class_balance_apply(const struct bg_class_balance *balance, const struct bg_examples *examples,
                            float *ret_weights, float *ret_shifts);
