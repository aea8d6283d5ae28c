/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a group's opened sum to what the rule sees: take off the pads of exactly the opened members, unpack, check
 * every slot against what that many honest members can produce, and split the slots into fields and votes.
 */
#pragma once

#include "aggregator/upload.h"
#include "compress/group_vector.h"

struct bg_group_sum {
    uint32_t members;              /* k' */
    uint64_t *fields;              /* (shape->votes_at) sums of the slots before the votes */
    struct bg_group_vector votes;  /* count 0 in a round without votes and in mode dense */
    float *mean;                   /* (shape->vote_count) mode dense: mean Δ; else NULL */
};

void bg_group_sum_finish(struct bg_group_sum *sum);

/* `sums` (positions × sum_bytes, the tail zero-extended) is consumed: pads are taken off in place. `uploads` are those
 * of the members, in member order. BG_OUT_OF_RANGE names the first position whose sum no honest members can produce
 * and stores it in reterr_position;
 * BG_DECODE one with a digit of n or more. */
BG_MUST_CHECK enum bg_status bg_group_sum_unpad(const struct bg_upload_terms *terms,
                                                const struct bg_upload *const *uploads, uint32_t members,
                                                uint8_t *sums, struct bg_error *error, struct bg_group_sum *ret_sum,
                                                size_t *reterr_position);

/* Encryption off: adds the members' plain vectors in member order. BG_OUT_OF_RANGE names the member. */
BG_MUST_CHECK enum bg_status bg_group_sum_plain(const struct bg_upload_terms *terms,
                                                const struct bg_upload *const *uploads, uint32_t members,
                                                struct bg_error *error, struct bg_group_sum *ret_sum);
