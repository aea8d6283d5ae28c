/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a round ended, for every client at once: which groups were used (commit the residual), with which scales,
 * and which were not (fold the update back). Signed by the root like a task.
 *
 * Body: u64 round | u32 attempt | u8 outcome | u16 reason | 32 next model digest | u64 tensors |
 *       f64 scale each | u64 groups | per group: u32 index, u8 used, u64 member mask | 64 signature
 */
#pragma once

#include "base/arena.h"
#include "wire/frame.h"

enum bg_round_outcome {
    BG_ROUND_COMMITTED = 1,
    BG_ROUND_ABANDONED = 2,
};

struct bg_receipt_group {
    uint32_t index;
    bool used;        /* its coefficient was above 0 */
    uint64_t members; /* bit i: member i of the group was in the opened sum; 0 if it was not opened */
};

struct bg_receipt {
    uint64_t round;
    uint32_t attempt;
    enum bg_round_outcome outcome;
    uint16_t reason;         /* negated enum bg_status of an abandoned round, 0 if committed */
    struct bg_digest model;  /* published by this round; the old one if abandoned */
    size_t tensor_count;     /* 0 if abandoned */
    const double *scales;    /* (tensor_count) s_T of this round, > 0 */
    size_t group_count;
    const struct bg_receipt_group *groups; /* invited groups, ascending */
};

void bg_receipt_encode_unsigned(struct bg_writer *w, const struct bg_population *population,
                                const struct bg_digest *plan_id, const struct bg_receipt *receipt);
BG_MUST_CHECK enum bg_status bg_receipt_decode(const struct bg_frame *frame, struct bg_arena *arena,
                                               struct bg_error *error, struct bg_receipt *ret);
