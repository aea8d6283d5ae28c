/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Published documents that are the same for many: what clients of one process have checked once, all of them hold.
 * A request says whom it trusts and brings the bytes that it was given; what is found is a document that came from the
 * very same bytes under the very same trust, so that finding it is no weaker than checking it. What is not found is
 * accepted as protocol/trusted.h does, and put on the shelf in the place of the oldest of its kind.
 *
 * Every function takes NULL for a library: then nothing is shared. One thread uses a library and finishes what came
 * from it; others may read what it gave meanwhile.
 */
#pragma once

#include "base/digest_table.h"
#include "protocol/trusted.h"

#define BG_LIBRARY_SHELF 2 /* documents of a kind: of this round and of the one before */

struct bg_library_plan {
    struct bg_trust trust;
    struct bg_trusted_plan plan;
};

struct bg_library_task {
    struct bg_trust trust;
    struct bg_trusted_task task;
};

struct bg_library_receipt {
    struct bg_trust trust;
    struct bg_trusted_receipt receipt;
};

/* Groups of one plan: whoever finds their bytes has the plan that commits to them. */
struct bg_library_groups {
    struct bg_digest digest; /* of the body */
    struct bg_document document;
    struct bg_groups groups;
    struct bg_digest_table places; /* client id → group·BG_MAX_GROUP_MEMBERS + member */
};

struct bg_library_model {
    struct bg_digest digest;
    struct bg_document document;
};

struct bg_library {
    struct bg_library_plan plans[BG_LIBRARY_SHELF];
    struct bg_library_task tasks[BG_LIBRARY_SHELF];
    struct bg_library_receipt receipts[BG_LIBRARY_SHELF];
    struct bg_library_groups groups;
    struct bg_library_model models[BG_LIBRARY_SHELF];
    size_t next_plan, next_task, next_receipt, next_model; /* place of the oldest */
    size_t checked;                                         /* documents that were accepted anew, so far */
};

/* Zeroed is empty. What came from it stays good. */
void bg_library_finish(struct bg_library *library);

/* As the functions of protocol/trusted.h; finish what they give in the same way. */
BG_MUST_CHECK enum bg_status bg_library_plan(struct bg_library *library, const struct bg_trust *trust,
                                             struct bg_span frame, struct bg_error *error,
                                             struct bg_trusted_plan *ret_plan);
BG_MUST_CHECK enum bg_status bg_library_task(struct bg_library *library, const struct bg_trust *trust,
                                             struct bg_span frame, struct bg_error *error,
                                             struct bg_trusted_task *ret_task);
BG_MUST_CHECK enum bg_status bg_library_receipt(struct bg_library *library, const struct bg_trust *trust,
                                                struct bg_span frame, struct bg_error *error,
                                                struct bg_trusted_receipt *ret_receipt);
/* Where the groups that the plan commits to put a client, and how many members they put there; besides what
 * bg_trusted_groups_read refuses, BG_UNKNOWN_CLIENT: in none of them. */
BG_MUST_CHECK enum bg_status bg_library_place(struct bg_library *library, const struct bg_plan *plan,
                                              struct bg_span groups_frame, const struct bg_digest *client,
                                              struct bg_error *error, uint32_t *ret_group, uint32_t *ret_member,
                                              uint32_t *ret_members);
/* The bytes whose SHA-256 is `digest`; BG_BAD_DIGEST for others, BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_library_model(struct bg_library *library, const struct bg_digest *digest,
                                              struct bg_span bytes, struct bg_document *ret_model);
