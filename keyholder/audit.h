/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One audit on its way (wire/audit.h). Reading looks at everything that needs no arithmetic: that it is about the last
 * opening of the group, by the record, with the manifests that were opened then. Running is arithmetic for a worker:
 *
 *   1. position keys and lists are those that the members had committed to, blocks those that they had signed;
 *   2. the members' ciphertexts at the position are multiplied and opened, the pads taken off;
 *   3. honest members could have this sum: BG_REFUSED, nothing is said;
 *   4. else each member's own ciphertext at the position decides whether the member is named.
 *
 * The plaintexts of one position are in memory meanwhile: the one exception to what a key holder sees. Sentences begin
 * with round and group.
 */
#pragma once

#include "keyholder/epochs.h"
#include "protocol/shape.h"
#include "wire/audit.h"
#include "wire/manifest.h"
#include "wire/release.h"

struct bg_audit_member_state {
    struct bg_manifest manifest;
    struct bg_span payload; /* of the block that has the position */
    uint32_t place;         /* in the group */
};

struct bg_audit {
    const struct bg_keyholder_settings *settings;
    struct bg_arena arena;
    struct bg_frame frame;
    struct bg_audit_request request;       /* into the request's bytes */
    struct bg_audit_member_state *members; /* (request.member_count) */
    struct bg_plan plan;
    bool has_plan;
    struct bg_task task;
    struct bg_shape shape;
    bool has_shape;
    struct bg_digest digest;               /* of the request's bytes */
    struct bg_audit_verdict verdict;       /* `named` is set by running */
};

/* Before anything else. */
void bg_audit_init(struct bg_audit *audit, const struct bg_keyholder_settings *settings);
void bg_audit_finish(struct bg_audit *audit);

/* `records` are the last of each group in the epoch, zeroed where there is none. Keeps the body's bytes. BG_REFUSED:
 * not what was opened last in that group; and what decoding gives. */
BG_MUST_CHECK enum bg_status bg_audit_read(struct bg_audit *audit, const struct bg_epochs *epochs,
                                           const struct bg_record *records, struct bg_span body,
                                           struct bg_error *error);
/* BG_BAD_COMMITMENT, BG_BAD_DIGEST name the client; BG_REFUSED: the sum is within its range, or nobody's part of it is
 * outside; and the errors of bg_open_products. */
BG_MUST_CHECK enum bg_status bg_audit_run(struct bg_audit *audit, struct bg_error *error);
