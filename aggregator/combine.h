/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One round's step: group sums → robust rule → aggregate → next parameters. Pure arithmetic: the same inputs give
 * the same bits for any number of threads.
 *
 * More groups than a rule takes (BG_COLUMNS_MAX) are put into buckets first: neighbours in the order of their indices
 * are added up, which the random partition makes a random choice; all groups of a bucket share its coefficient.
 */
#pragma once

#include "aggregator/group_sum.h"
#include "base/workers.h"
#include "compress/scale.h"
#include "compress/step.h"
#include "robust/rule.h"

struct bg_combine_settings {
    enum bg_rule rule;
    int faulty;                 /* f, in groups; BG_FAULTY_UNSET */
    struct bg_server_optimizer server; /* of this round, modes ef and dense */
    uint64_t rounds;            /* the schedule of server steps of the other modes; 0: constant */
    struct bg_workers *workers; /* may be NULL */
};

/* What the next round starts from. Arrays are the caller's. */
struct bg_server_state {
    float *parameters; /* (coordinates) */
    float *momentum;   /* (coordinates) m of the server's optimizer */
    float *squares;    /* (coordinates) v of it */
    double *scales;    /* (tensors) s_T of the last round that had any */
    double *centres;   /* (tensors) c_T of the next round */
};

struct bg_combination {
    struct bg_rule_result rule; /* of columns: groups, or buckets of them; count 0 in a round without votes */
    size_t bucket;              /* groups per column; the last may have fewer */
    bool *used;                 /* (groups) coefficient above 0 */
};

void bg_combination_finish(struct bg_combination *combination);

/* `sums` (count ≥ 1) are the opened groups in ascending index. `learning_round` counts from 0, learning only;
 * `round` from 0 with it. On BG_OK the state has been stepped. BG_MARGIN: hold, nothing was stepped, *ret_combination
 * has the diagnostics; other errors (BG_TOO_FEW, BG_NOT_FINITE, BG_OUT_OF_RANGE, BG_NO_MEMORY) step nothing and give
 * nothing. */
BG_MUST_CHECK enum bg_status bg_combine_round(const struct bg_combine_settings *settings,
                                              const struct bg_upload_terms *terms, const struct bg_group_sum *sums,
                                              size_t count, uint64_t round, uint64_t learning_round,
                                              struct bg_server_state *state, struct bg_error *error,
                                              struct bg_combination *ret_combination);
