/* SPDX-License-Identifier: Apache-2.0 */
#include "rule_fixture.h"

#include "tests/unit/no_leaks.h"
#include "tests/vectors/flag_vectors.h"

#include <string.h>

static const enum bg_rule rules[] = {BG_RULE_MEAN, BG_RULE_UNIT_MEAN, BG_RULE_NNM, BG_RULE_FLAG,
                                     BG_RULE_FLAG_PLUS};
enum {
    RULES = 5
};

static struct trial trial;

Test(rule, names_are_read_back)
{
    for (size_t r = 0; r < RULES; r++) {
        enum bg_rule rule;
        cr_assert_eq(bg_rule_from_name(bg_rule_name(rules[r]), &rule), BG_OK);
        cr_assert_eq(rule, rules[r]);
        cr_assert_not_null(strstr(BG_RULE_NAMES, bg_rule_name(rule)));
    }
    enum bg_rule rule;
    cr_assert_eq(bg_rule_from_name("Flag", &rule), BG_INVALID);
    cr_assert_eq(bg_rule_from_name("", &rule), BG_INVALID);
}

Test(rule, flag_plus_agrees_with_decompositions_of_the_columns)
{
    for (size_t v = 0; v < sizeof flag_plus_vectors / sizeof *flag_plus_vectors; v++) {
        const struct flag_plus_vector *vector = &flag_plus_vectors[v];
        trial_init(&trial, BG_RULE_FLAG_PLUS, vector->count, FLAG_VECTOR_LENGTH);
        for (size_t i = 0; i < vector->count; i++)
            memcpy(trial.values[i], vector->updates[i], sizeof vector->updates[i]);
        cr_assert_eq(trial_run(&trial), BG_OK, "%s", trial.error.text);
        cr_assert_eq(trial.result.faulty, vector->faulty);
        cr_assert_float_eq(trial.result.margin, vector->margin, 1e-12);
        for (size_t t = 0; t < FLAG_VECTOR_LENGTH; t++)
            cr_assert_float_eq(trial.output[t], vector->output[t], 1e-12, "vector %zu", v);
    }
    NO_LEAKS();
}

Test(rule, identical_columns_get_one_vote_each)
{
    for (size_t r = 0; r < RULES; r++) {
        for (size_t p = 1; p <= 9; p++) {
            trial_init(&trial, rules[r], p, 50);
            trial_fill(&trial, 1, 1);
            for (size_t i = 1; i < p; i++)
                memcpy(trial.values[i], trial.values[0], sizeof trial.values[0]);
            cr_assert_eq(trial_run(&trial), BG_OK, "%s, p = %zu: %s", bg_rule_name(rules[r]), p,
                         trial.error.text);
            cr_assert_not(trial.result.tie);
            cr_assert_float_eq(trial.result.margin, (double)p - trial.result.faulty, 1e-12);
            /* Rounding moves a ratio by 1e-16 and so its weight, guarded by 1e-7, by 1e-9. */
            for (size_t i = 0; i < p; i++) {
                cr_assert_float_eq(trial.result.coefficients[i], 1, 1e-8, "%s, p = %zu",
                                   bg_rule_name(rules[r]), p);
                cr_assert_eq(trial.result.fates[i], BG_COLUMN_USED);
            }
            for (size_t t = 0; t < 50; t++)
                cr_assert_float_eq(trial.output[t], trial.values[0][t], 1e-12);
        }
    }
}

Test(rule, does_not_care_for_the_order_of_columns)
{
    static struct trial permuted;
    static const size_t order[] = {3, 0, 8, 5, 1, 7, 2, 6, 4};
    for (size_t r = 0; r < RULES; r++) {
        trial_init(&trial, rules[r], 9, 80);
        trial_init(&permuted, rules[r], 9, 80);
        trial_fill(&trial, 2, 0.8);
        for (size_t i = 0; i < 9; i++)
            memcpy(permuted.values[i], trial.values[order[i]], sizeof trial.values[0]);
        cr_assert_eq(trial_run(&trial), BG_OK);
        cr_assert_eq(trial_run(&permuted), BG_OK);
        for (size_t i = 0; i < 9; i++)
            cr_assert_float_eq(permuted.result.coefficients[i], trial.result.coefficients[order[i]], 1e-11);
        cr_assert_float_eq(permuted.result.margin, trial.result.margin, 1e-11);
    }
}

/* Sign vectors are often equally far from each other: the last place among the neighbours is shared. */
Test(rule, mixing_shares_the_last_place_among_equals)
{
    trial_init(&trial, BG_RULE_NNM, 5, 8);
    memset(trial.values, 0, sizeof trial.values);
    for (size_t i = 0; i < 5; i++)
        trial.values[i][i] = 1;
    cr_assert_eq(trial_run(&trial), BG_OK);
    cr_assert_eq(trial.result.faulty, 1);
    for (size_t i = 0; i < 5; i++)
        cr_assert_float_eq(trial.result.coefficients[i], 1, 1e-15);
}

Test(rule, mean_is_the_mean)
{
    trial_init(&trial, BG_RULE_MEAN, 4, 3);
    trial_fill(&trial, 3, 1);
    memset(trial.values[0], 0, sizeof trial.values[0]);
    memset(trial.values[1], 0, sizeof trial.values[1]);
    memset(trial.values[2], 0, sizeof trial.values[2]);
    cr_assert_eq(trial_run(&trial), BG_OK);
    cr_assert_eq(trial.output[1], trial.values[3][1] / 4, "also where the median norm is 0");
    trial.input.rule = BG_RULE_UNIT_MEAN;
    cr_assert_eq(trial_run(&trial), BG_OK);
    bg_rule_own_weights(&trial.result, trial.weights);
    cr_assert_float_eq(trial.weights[3] * sqrt(trial.gram[15]), 0.25, 1e-15);
}

static void poison(size_t column, double value)
{
    trial.values[column][17] = value;
}

Test(rule, nan_is_dropped_by_flag_plus_and_refused_by_the_others)
{
    const double bad[] = {NAN, INFINITY, -INFINITY, 1e300};
    for (size_t k = 0; k < 4; k++) {
        for (size_t r = 0; r < RULES; r++) {
            trial_init(&trial, rules[r], 7, 40);
            trial_fill(&trial, 4, 2);
            poison(2, bad[k]);
            if (rules[r] != BG_RULE_FLAG_PLUS) {
                cr_assert_eq(trial_run(&trial), BG_NOT_FINITE);
                cr_assert_not_null(strstr(trial.error.text, "column 2"), "%s", trial.error.text);
                continue;
            }
            cr_assert_eq(trial_run(&trial), BG_OK, "%s", trial.error.text);
            cr_assert_eq(trial.result.fates[2], BG_COLUMN_NOT_FINITE);
            cr_assert_eq(trial.result.coefficients[2], 0);
            cr_assert_eq(trial.result.kept, 6);
            for (size_t t = 0; t < 40; t++)
                cr_assert(isfinite(trial.output[t]));
        }
    }
}

Test(rule, a_dropped_column_is_as_if_it_had_not_been_there)
{
    for (size_t r = 0; r < RULES; r++) {
        double alone[6];
        trial_init(&trial, rules[r], 6, 40);
        trial_fill(&trial, 5, 2);
        cr_assert_eq(trial_run(&trial), BG_OK);
        memcpy(alone, trial.result.coefficients, sizeof alone);
        trial_init(&trial, rules[r], 7, 40);
        memcpy(trial.values[6], trial.values[2], sizeof trial.values[0]);
        poison(2, NAN);
        const bool invalid[7] = {[2] = true};
        trial.input.invalid = invalid;
        cr_assert_eq(trial_run(&trial), BG_OK, "%s", trial.error.text);
        cr_assert_eq(trial.result.fates[2], BG_COLUMN_INVALID);
        for (size_t i = 0; i < 6; i++)
            cr_assert_float_eq(trial.result.coefficients[i == 2 ? 6 : i], alone[i], 1e-11);
    }
}

Test(rule, counts_dropped_columns_against_a_set_f)
{
    trial_init(&trial, BG_RULE_FLAG_PLUS, 9, 40);
    trial_fill(&trial, 6, 2);
    trial.input.faulty = 3;
    poison(1, NAN);
    cr_assert_eq(trial_run(&trial), BG_OK);
    cr_assert_eq(trial.result.faulty, 2);
    trial.input.faulty = 0;
    cr_assert_eq(trial_run(&trial), BG_OK);
    cr_assert_eq(trial.result.faulty, 0);
    trial.input.faulty = BG_FAULTY_UNSET;
    cr_assert_eq(trial_run(&trial), BG_OK);
    cr_assert_eq(trial.result.faulty, 2, "floor((8 − 3)/2)");
}

Test(rule, refuses_a_set_f_that_p_cannot_outvote)
{
    trial_init(&trial, BG_RULE_FLAG_PLUS, 6, 40);
    trial_fill(&trial, 7, 2);
    trial.input.faulty = 2;
    cr_assert_eq(trial_run(&trial), BG_TOO_FEW);
    cr_assert_not_null(strstr(trial.error.text, "2f + 3 = 7"), "%s", trial.error.text);
    trial.input.faulty = 1;
    cr_assert_eq(trial_run(&trial), BG_OK);
    trial.input.faulty = -2;
    cr_assert_eq(trial_run(&trial), BG_INVALID);
}

/* Inversion by tiny vectors (IPM): Flag as released gives each inverted colluder a full vote, flag+ does not.
 */
Test(rule, tiny_inverted_colluders_get_no_full_vote_in_flag_plus)
{
    enum {
        P = 15,
        F = 6,
        D = 400
    };
    double honest[D] = {0};
    trial_init(&trial, BG_RULE_FLAG_PLUS, P, D);
    trial_fill(&trial, 8, 0.3);
    for (size_t i = F; i < P; i++)
        for (size_t t = 0; t < D; t++)
            honest[t] += trial.values[i][t] / (P - F);
    for (size_t i = 0; i < F; i++)
        for (size_t t = 0; t < D; t++)
            trial.values[i][t] = -0.1 * honest[t];
    cr_assert_eq(trial_run(&trial), BG_OK, "%s", trial.error.text);
    cr_assert_gt(cosine(trial.output, honest, D), 0.8, "%g", cosine(trial.output, honest, D));
    for (size_t i = 0; i < F; i++) {
        double norm = sqrt(trial.gram[i * P + i]);
        cr_assert_lt(trial.result.coefficients[i] * trial.result.scales[i] * norm, 0.2, "a fifth of a vote");
    }
    trial.input.rule = BG_RULE_FLAG;
    cr_assert_eq(trial_run(&trial), BG_OK);
    cr_assert_lt(cosine(trial.output, honest, D), 0, "the released rule is turned round");
}

Test(rule, holds_when_columns_cancel)
{
    trial_init(&trial, BG_RULE_FLAG_PLUS, 6, 30);
    trial_fill(&trial, 9, 1);
    for (size_t i = 0; i < 6; i += 2)
        for (size_t t = 0; t < 30; t++)
            trial.values[i + 1][t] = -trial.values[i][t];
    trial.input.faulty = 0;
    cr_assert_eq(trial_run(&trial), BG_MARGIN);
    cr_assert(trial.result.held);
    cr_assert_leq(trial.result.margin, 0);
    cr_assert_eq(trial.result.count, 6, "diagnostics are there");
    cr_assert_not_null(strstr(trial.error.text, "hold the round"));
    NO_LEAKS();
}

Test(rule, holds_on_a_tie_at_the_rank)
{
    trial_init(&trial, BG_RULE_FLAG_PLUS, 4, 4);
    memset(trial.values, 0, sizeof trial.values);
    for (size_t i = 0; i < 4; i++)
        trial.values[i][i] = 1;
    trial.input.faulty = 0;
    trial.input.rank = 2;
    cr_assert_eq(trial_run(&trial), BG_OK, "mixing all with all leaves one direction");
    trial_init(&trial, BG_RULE_FLAG_PLUS, 6, 6);
    memset(trial.values, 0, sizeof trial.values);
    for (size_t i = 0; i < 6; i++) {
        trial.values[i][i] = 1;
        trial.values[i][i ^ 1] = 0.5;
    }
    trial.input.rank = 2;
    cr_assert_eq(trial_run(&trial), BG_MARGIN);
    cr_assert(trial.result.tie);
    cr_assert(trial.result.held);
}

Test(rule, zeros_are_held_by_flag_plus_and_harmless_to_the_others)
{
    for (size_t r = 0; r < RULES; r++) {
        trial_init(&trial, rules[r], 5, 10);
        memset(trial.values, 0, sizeof trial.values);
        cr_assert_eq(trial_run(&trial), rules[r] == BG_RULE_FLAG_PLUS ? BG_MARGIN : BG_OK);
        for (size_t t = 0; t < 10; t++)
            cr_assert_eq(trial.output[t], 0);
    }
}

Test(rule, one_and_two_columns_are_defined)
{
    trial_init(&trial, BG_RULE_FLAG_PLUS, 1, 3);
    trial_fill(&trial, 10, 1);
    cr_assert_eq(trial_run(&trial), BG_OK);
    cr_assert_float_eq(trial.output[2], trial.values[0][2], 1e-14);
    trial_init(&trial, BG_RULE_FLAG_PLUS, 2, 3);
    for (size_t t = 0; t < 3; t++)
        trial.values[1][t] = -trial.values[0][t];
    cr_assert_eq(trial_run(&trial), BG_MARGIN, "two that contradict each other");
    const bool both[] = {true, true};
    trial.input.invalid = both;
    cr_assert_eq(trial_run(&trial), BG_TOO_FEW);
}

/* Columns from `attackers` on agree with the last one, the ones before point the other way. */
static void oppose(size_t attackers, double *ret_products)
{
    trial_init(&trial, BG_RULE_FLAG_PLUS, 7, 100);
    trial_fill(&trial, 11, 3);
    for (size_t i = 0; i < attackers; i++)
        for (size_t t = 0; t < 100; t++)
            trial.values[i][t] = -trial.values[i][t];
    for (size_t i = 0; i < 7; i++)
        ret_products[i] = dot(trial.values[i], trial.values[6], 100);
    trial.input.faulty = 2;
}

Test(rule, screens_out_what_points_away_from_the_root_direction)
{
    double products[7];
    oppose(3, products);
    cr_assert_eq(trial_run(&trial), BG_MARGIN, "three against four, with f = 2");
    cr_assert_eq(trial.result.fitted, 7);
    cr_assert_lt(trial.result.margin, 0);
    trial.input.root_products = products;
    cr_assert_eq(trial_run(&trial), BG_OK, "%s", trial.error.text);
    cr_assert_eq(trial.result.fitted, 4, "each of the three was mixed with two of the four");
    cr_assert_gt(cosine(trial.output, trial.values[6], 100), 0.5);
    NO_LEAKS();
}

/* Five of seven is more than any rule can take: without a root direction the aggregate is theirs, and the margin
 * does not tell; with one, nothing passes and the round is held. */
Test(rule, holds_when_nothing_passes_the_screen)
{
    double products[7];
    oppose(5, products);
    cr_assert_eq(trial_run(&trial), BG_OK);
    cr_assert_lt(cosine(trial.output, trial.values[6], 100), 0);
    trial.input.root_products = products;
    cr_assert_eq(trial_run(&trial), BG_MARGIN);
    cr_assert_eq(trial.result.fitted, 0);
    cr_assert(trial.result.held);
    products[3] = NAN;
    cr_assert_eq(trial_run(&trial), BG_NOT_FINITE);
    NO_LEAKS();
}

Test(rule, refuses_options_out_of_their_range)
{
    trial_init(&trial, BG_RULE_FLAG, 5, 20);
    trial_fill(&trial, 12, 1);
#define REFUSED(field, value)                                                                                \
    do {                                                                                                     \
        struct bg_rule_input kept = trial.input;                                                             \
        trial.input.field = value;                                                                           \
        cr_assert_eq(trial_run(&trial), BG_INVALID, #field);                                                 \
        trial.input = kept;                                                                                  \
    } while (0)
    REFUSED(rule, 0);
    REFUSED(rule, 99);
    REFUSED(rank, 6);
    REFUSED(lambda, -1);
    REFUSED(lambda, NAN);
    REFUSED(count, 0);
    REFUSED(count, BG_COLUMNS_MAX + 1);
    trial.input.ratios = (const double[]){0, 0.5, 1, 1, 0};
    cr_assert_eq(trial_run(&trial), BG_OK);
    REFUSED(lambda, 1);
    REFUSED(iterations, 0);
    REFUSED(rule, BG_RULE_FLAG_PLUS);
    trial.input.ratios = (const double[]){0, 0.5, 1, NAN, 0};
    cr_assert_eq(trial_run(&trial), BG_INVALID);
    trial.input.ratios = (const double[]){0, 0.5, 1, -0.5, 0};
    cr_assert_eq(trial_run(&trial), BG_INVALID);
#undef REFUSED
}
