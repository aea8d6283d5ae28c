/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts → group vector. A position's count is U = Σ u over the k' opened members, u = (b + 1)/2 ∈ {0, 1};
 * the group's vote is v = 2U − k' = Σ b, from −k' to k', and x = v/k' is 1 where all members agree.
 */
#pragma once

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define BG_GROUP_VECTOR_MAX_MEMBERS 32767

struct bg_group_vector {
    int16_t *votes; /* (count) v */
    size_t count;
    uint32_t members; /* k' */
};

/* Copies. BG_OUT_OF_RANGE names the first position whose count exceeds members: the group is INVALID.
 * BG_INVALID: no members, or more than the maximum. */
BG_MUST_CHECK enum bg_status bg_group_vector_init(struct bg_group_vector *vector, const uint16_t *counts,
                                                  size_t count, uint32_t members, struct bg_error *error);
void bg_group_vector_finish(struct bg_group_vector *vector);
