/* SPDX-License-Identifier: Apache-2.0 */
#include "model/class_balance.h"

#include "base/math.h"
#include "model/model.h"

#include <math.h>

static enum bg_status check_shares(const float *shares, uint32_t classes, struct bg_error *error)
{
    double sum = 0;
    for (uint32_t c = 0; c < classes; c++) {
        if (!(shares[c] >= 0 && isfinite(shares[c])))
            return bg_fail(error, BG_INVALID, "share %g of class %u in the federation: give 0 or more",
                           (double)shares[c], c);
        sum += (double)shares[c];
    }
    return sum > 0 ? BG_OK : bg_fail(error, BG_INVALID, "the federation's class shares are all 0");
}

enum bg_status bg_class_balance_check(const struct bg_class_balance *balance, uint32_t classes, struct bg_error *error)
{
    if (!(balance->own_prior >= 0 && isfinite(balance->own_prior)))
        return bg_fail(error, BG_INVALID, "own prior %g: give 0 (off) or more", balance->own_prior);
    if (!(balance->federated_prior >= 0 && isfinite(balance->federated_prior)))
        return bg_fail(error, BG_INVALID, "federated prior %g: give 0 (off) or more", balance->federated_prior);
    if ((unsigned)balance->weighting > BG_CLASS_WEIGHTS_GIVEN)
        return bg_fail(error, BG_INVALID, "class weighting %d is not known", (int)balance->weighting);
    for (uint32_t c = 0; balance->weighting == BG_CLASS_WEIGHTS_GIVEN && c < classes; c++)
        if (!(balance->weights[c] >= 0 && isfinite(balance->weights[c])))
            return bg_fail(error, BG_INVALID, "weight %g of class %u: give 0 or more", (double)balance->weights[c], c);
    if (!bg_class_balance_needs_shares(balance))
        return BG_OK;
    if (!balance->shares)
        return bg_fail(error, BG_INVALID, "class weights or priors of the federation need its class shares, which the "
                                          "model does not have");
    return check_shares(balance->shares, classes, error);
}

/* π: none below the least, of sum 1. */
static void federated_shares(const float *shares, uint32_t classes, double *ret_shares)
{
    double sum = 0, floored = 0, least = BG_CLASS_LEAST_SHARE / classes;
    for (uint32_t c = 0; c < classes; c++)
        sum += (double)shares[c];
    for (uint32_t c = 0; c < classes; c++) {
        double share = (double)shares[c] / sum;
        ret_shares[c] = share > least ? share : least;
        floored += ret_shares[c];
    }
    for (uint32_t c = 0; c < classes; c++)
        ret_shares[c] /= floored;
}

static void inverse_sqrt(const double *shares, uint32_t classes, float *ret_weights)
{
    double sum = 0;
    for (uint32_t c = 0; c < classes; c++)
        sum += sqrt(shares[c]);
    for (uint32_t c = 0; c < classes; c++)
        ret_weights[c] = shares[c] > 0 ? (float)(1 / (sqrt(shares[c]) * sum)) : 0;
}

static void set_weights(const struct bg_class_balance *balance, const double *own, const double *shares,
                        uint32_t classes, float *ret_weights)
{
    switch (balance->weighting) {
    case BG_CLASS_WEIGHTS_NONE:
        for (uint32_t c = 0; c < classes; c++)
            ret_weights[c] = 1;
        return;
    case BG_CLASS_WEIGHTS_INVERSE_SQRT:
        inverse_sqrt(own, classes, ret_weights);
        return;
    case BG_CLASS_WEIGHTS_FEDERATED_INVERSE_SQRT:
        inverse_sqrt(shares, classes, ret_weights);
        return;
    case BG_CLASS_WEIGHTS_FEDERATED_BALANCED:
        for (uint32_t c = 0; c < classes; c++)
            ret_weights[c] = (float)(1 / (classes * shares[c]));
        return;
    case BG_CLASS_WEIGHTS_GIVEN:
        for (uint32_t c = 0; c < classes; c++)
            ret_weights[c] = balance->weights[c];
        return;
    }
}

void bg_class_balance_apply(const struct bg_class_balance *balance, const struct bg_examples *examples,
                            float *ret_weights, float *ret_shifts)
{
    uint64_t counts[BG_MODEL_MAX_CLASSES] = {0};
    double own[BG_MODEL_MAX_CLASSES], shares[BG_MODEL_MAX_CLASSES] = {0};
    uint32_t classes = examples->classes;
    double count = (double)examples->count;
    for (size_t i = 0; i < examples->count; i++)
        counts[bg_example_label(examples, i)]++;
    for (uint32_t c = 0; c < classes; c++)
        own[c] = (double)counts[c] / count;
    if (bg_class_balance_needs_shares(balance))
        federated_shares(balance->shares, classes, shares);
    set_weights(balance, own, shares, classes, ret_weights);
    for (uint32_t c = 0; c < classes; c++) {
        ret_shifts[c] = 0;
        if (bg_class_balance_has_shifts(balance))
            ret_shifts[c] = (float)(balance->own_prior * bg_ln(((double)counts[c] + shares[c]) / (count + 1)) -
                                    balance->federated_prior * bg_ln(shares[c]));
    }
}
