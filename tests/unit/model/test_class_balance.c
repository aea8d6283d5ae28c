/* SPDX-License-Identifier: Apache-2.0 */
#include "model/class_balance.h"

#include "tests/vectors/class_balance_vectors.h"

#include <criterion/criterion.h>
#include <math.h>

enum { CLASSES = sizeof vector_shares / sizeof *vector_shares };

/* 12 of class 0, 3 of class 1, 1 of class 3. */
static const uint16_t labels[] = {0, 0, 0, 1, 0, 0, 0, 0, 3, 0, 1, 0, 0, 0, 1, 0};
static const struct bg_examples examples = {NULL, labels, NULL, 16, 0, CLASSES};

static void shares_init(float shares[static CLASSES])
{
    for (size_t c = 0; c < CLASSES; c++)
        shares[c] = (float)vector_shares[c];
}

static void expect(struct bg_class_balance balance, const double *weights, const double *shifts)
{
    float got_weights[CLASSES], got_shifts[CLASSES], shares[CLASSES];
    struct bg_error error;
    shares_init(shares);
    balance.shares = shares;
    cr_assert_eq(bg_class_balance_check(&balance, CLASSES, &error), BG_OK);
    bg_class_balance_apply(&balance, &examples, got_weights, got_shifts);
    for (size_t c = 0; c < CLASSES; c++) {
        double weight = weights ? weights[c] : 1, shift = shifts ? shifts[c] : 0;
        cr_expect_float_eq(got_weights[c], weight, 1e-6 * fabs(weight), "weight of class %zu", c);
        cr_expect_float_eq(got_shifts[c], shift, 1e-6 * fabs(shift), "shift of class %zu", c);
    }
}

Test(class_balance, meets_numpy)
{
    expect((struct bg_class_balance){.weighting = BG_CLASS_WEIGHTS_NONE}, NULL, NULL);
    expect((struct bg_class_balance){.weighting = BG_CLASS_WEIGHTS_INVERSE_SQRT}, vector_inverse_sqrt, NULL);
    expect((struct bg_class_balance){.weighting = BG_CLASS_WEIGHTS_FEDERATED_INVERSE_SQRT},
           vector_federated_inverse_sqrt, NULL);
    expect((struct bg_class_balance){.weighting = BG_CLASS_WEIGHTS_FEDERATED_BALANCED, .own_prior = 1,
                                     .federated_prior = 0.5},
           vector_federated_balanced, vector_shifts);
}

/* A client whose classes are as common as everywhere has nothing to correct. */
Test(class_balance, of_a_client_like_the_federation_shifts_nothing)
{
    const float shares[CLASSES] = {12, 3, 0, 1, 0};
    float weights[CLASSES], shifts[CLASSES];
    struct bg_class_balance balance = {.shares = shares, .own_prior = 1, .federated_prior = 1};
    bg_class_balance_apply(&balance, &examples, weights, shifts);
    cr_expect_float_eq(shifts[0], 0, 5e-3);
    cr_expect_float_eq(shifts[1], 0, 5e-3);
    cr_expect_float_eq(shifts[3], 0, 5e-3);
    cr_expect_float_eq(shifts[2], log(1.0 / 17), 1e-6, "and one it lacks counts as one example more");
}

Test(class_balance, needs_shares_only_for_what_is_federated)
{
    struct bg_class_balance own = {.weighting = BG_CLASS_WEIGHTS_INVERSE_SQRT};
    cr_expect_eq(bg_class_balance_check(&own, CLASSES, NULL), BG_OK);
    const struct bg_class_balance federated[] = {{.weighting = BG_CLASS_WEIGHTS_FEDERATED_INVERSE_SQRT},
                                                 {.weighting = BG_CLASS_WEIGHTS_FEDERATED_BALANCED},
                                                 {.own_prior = 1},
                                                 {.federated_prior = 1}};
    for (size_t i = 0; i < 4; i++) {
        struct bg_error error = {0};
        cr_expect_eq(bg_class_balance_check(&federated[i], CLASSES, &error), BG_INVALID, "case %zu", i);
        cr_expect_not_null(strstr(error.text, "shares"), "%s", error.text);
    }
}

Test(class_balance, refuses_what_is_out_of_range)
{
    const float none[CLASSES] = {0}, negative[CLASSES] = {1, -1}, unknown[CLASSES] = {1, NAN};
    const struct bg_class_balance bad[] = {{.own_prior = -1},
                                           {.federated_prior = NAN},
                                           {.weighting = (enum bg_class_weighting)7},
                                           {.own_prior = 1, .shares = none},
                                           {.own_prior = 1, .shares = negative},
                                           {.own_prior = 1, .shares = unknown},
                                           {.weighting = BG_CLASS_WEIGHTS_GIVEN, .weights = negative}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_eq(bg_class_balance_check(&bad[i], CLASSES, NULL), BG_INVALID, "case %zu", i);
}
