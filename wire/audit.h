/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who spoilt the sum of a group. For one position of a sum that no honest members can have the root shows the key
 * holder the position keys of all members, and which pads they had committed to; the key holder looks at the members'
 * own ciphertexts there and says whose are out of range, and nothing else.
 *
 * Audit body:   u64 epoch | u64 round | u32 attempt | u32 group | u64 position | u64 size, plan frame |
 *               u64 size, task frame | u64 members | per member: u64 size, manifest frame | 32 position key |
 *               u64 size, list of SHA-256 of its position keys, 32 bytes each (crypto/pad.h)
 * Verdict body: u64 epoch | u64 round | u32 attempt | u32 group | u64 position | u64 mask of the members named |
 *               32 digest of the opening's record | 64 signature
 *
 * Behind an audit follow the block frames that have the position, one per member.
 */
#pragma once

#include "base/arena.h"
#include "wire/frame.h"

#define BG_AUDIT_KEY_BYTES 32

struct bg_audit_member {
    struct bg_span manifest;     /* whole frame */
    struct bg_span position_key; /* BG_AUDIT_KEY_BYTES */
    struct bg_span list;
};

struct bg_audit_request {
    uint64_t epoch;
    uint64_t round;
    uint32_t attempt;
    uint32_t group;
    uint64_t position;
    struct bg_span plan; /* whole frames */
    struct bg_span task;
    uint32_t member_count; /* 1 to BG_MAX_GROUP_MEMBERS */
    const struct bg_audit_member *members;
};

struct bg_audit_verdict {
    uint64_t epoch;
    uint64_t round;
    uint32_t attempt;
    uint32_t group;
    uint64_t position;
    uint64_t named; /* mask over the group's members, not 0 */
    struct bg_digest record;
};

#define BG_AUDIT_VERDICT_BYTES (BG_FRAME_HEADER_BYTES + 72 + BG_SIGNATURE_BYTES) /* of the whole frame */

void bg_audit_request_encode(struct bg_writer *w, const struct bg_population *population,
                             const struct bg_digest *plan_id, const struct bg_audit_request *request);
/* Spans keep the frame's bytes, the list of members is the arena's. */
BG_MUST_CHECK enum bg_status bg_audit_request_decode(const struct bg_frame *frame, struct bg_arena *arena,
                                                     struct bg_error *error, struct bg_audit_request *ret);
void bg_audit_verdict_encode_unsigned(struct bg_writer *w, const struct bg_population *population,
                                      const struct bg_digest *plan_id, const struct bg_audit_verdict *verdict);
BG_MUST_CHECK enum bg_status bg_audit_verdict_decode(const struct bg_frame *frame, struct bg_error *error,
                                                     struct bg_audit_verdict *ret);
