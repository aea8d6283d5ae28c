/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The partition of an epoch: who is added up with whom. Derived by root and key holder from the beacon
 * (protocol/partition.h); its digest is in the key part of the plan. A member's index is its position here.
 *
 * Body: u64 epoch | 32 roster digest | 32 beacon | u64 count | per group: 32 cell label, u64 members, 32 each
 */
#pragma once

#include "base/arena.h"
#include "wire/frame.h"

struct bg_cell {
    char label[BG_CELL_BYTES];
};

struct bg_group {
    struct bg_cell cell;
    uint32_t member_count; /* 1 to BG_MAX_GROUP_MEMBERS */
    const struct bg_digest *members; /* client ids, no two equal */
};

struct bg_groups {
    uint64_t epoch;
    struct bg_digest roster;
    struct bg_digest beacon;
    size_t count;
    const struct bg_group *groups;
};

void bg_groups_encode(struct bg_writer *w, const struct bg_population *population, const struct bg_groups *groups);
BG_MUST_CHECK enum bg_status bg_groups_decode(const struct bg_frame *frame, struct bg_arena *arena,
                                              struct bg_error *error, struct bg_groups *ret);
