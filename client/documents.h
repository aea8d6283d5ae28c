/* SPDX-License-Identifier: Apache-2.0 */
/* What the published documents (protocol/trusted.h) mean for one client. `library` may be NULL. */
#pragma once

#include "protocol/library.h"
#include "protocol/shape.h"

/* A client's place in the partition of its epoch. */
struct bg_seat {
    uint32_t group, member;
};

/* Where the key holder put the client. BG_BAD_DIGEST: not the groups of the plan; BG_UNKNOWN_CLIENT: in none of them;
 * BG_REFUSED: in one that is smaller than k_min or larger than k_max. */
BG_MUST_CHECK enum bg_status bg_seat_find(struct bg_library *library, const struct bg_plan *plan,
                                          struct bg_span groups_frame, const struct bg_digest *client,
                                          struct bg_error *error, struct bg_seat *ret_seat);

/* That the task is for this plan and this seat. BG_STALE_PLAN: of another plan or epoch; BG_NOT_FOUND: the group is not
 * invited. */
BG_MUST_CHECK enum bg_status bg_task_check(const struct bg_trusted_plan *plan, const struct bg_trusted_task *task,
                                           const struct bg_seat *seat, struct bg_error *error);
/* The last receipt that a client acted on. Zeroed: none. */
struct bg_settlement {
    uint64_t round;
    struct bg_digest receipt; /* of its frame */
};

/* BG_BAD_DIGEST where the task follows the settled round and names another receipt of it: the root told others another
 * end of that round. What a task of a later round names cannot be checked. */
BG_MUST_CHECK enum bg_status bg_task_check_receipt(const struct bg_task *task, const struct bg_settlement *last,
                                                   struct bg_error *error);
/* BG_BAD_DIGEST unless these are the bytes of the task's model. */
BG_MUST_CHECK enum bg_status bg_task_check_model(const struct bg_task *task, struct bg_span model_file,
                                                 struct bg_error *error);

/* What a receipt means for one update. */
struct bg_verdict {
    bool used;
    struct bg_settlement settlement;
    struct bg_trusted_receipt receipt; /* the scales' memory */
    const double *scales;        /* (tensors) s_T of the round; NULL: the round was abandoned */
};

/* BG_WRONG_POPULATION, BG_BAD_SIGNATURE, BG_STALE_PLAN, BG_WRONG_ROUND (or attempt), and what bg_receipt_decode
 * refuses. */
BG_MUST_CHECK enum bg_status bg_verdict_accept(struct bg_library *library, const struct bg_trust *trust,
                                               const struct bg_trusted_plan *plan, const struct bg_task *task,
                                               const struct bg_seat *seat,
                                               struct bg_span receipt_frame, struct bg_error *error,
                                               struct bg_verdict *ret_verdict);
void bg_verdict_finish(struct bg_verdict *verdict);
