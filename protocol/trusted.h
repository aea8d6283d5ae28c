/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the root and the key holder publish, checked before it is believed: by a client before it acts on it, by an
 * edge before it passes it on. Each `accept` copies the bytes it is given, decodes them and verifies who vouches for
 * them; after a failure nothing of them is kept, and the sentence says what was wrong.
 */
#pragma once

#include "wire/groups.h"
#include "wire/plan.h"
#include "wire/receipt.h"
#include "wire/task.h"

#define BG_DOCUMENT_MEMORY ((size_t)1 << 30) /* what one may be decoded into, at most */

/* Whom one believes: what one was enrolled with. */
struct bg_trust {
    struct bg_population population;
    uint8_t key_holder[BG_PUBLIC_POINT_BYTES];
    uint8_t root[BG_PUBLIC_POINT_BYTES];
};

/* Bytes as received, with the memory of what they were decoded into. Zeroed: none. A copy of the struct that was held
 * counts as another holder of the same memory, which the last finish frees. */
struct bg_document {
    uint8_t *bytes;
    size_t size;
    struct bg_arena arena;
    size_t *holders;
};

/* Copies. BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_document_init(struct bg_document *document, struct bg_span content);
/* One holder more; nothing may be decoded into it from now on. */
void bg_document_hold(const struct bg_document *document);
/* Whether the next finish is the one that frees. */
bool bg_document_is_last(const struct bg_document *document);
void bg_document_finish(struct bg_document *document);
static inline struct bg_span bg_document_span(const struct bg_document *document)
{
    return (struct bg_span){document->bytes, document->size};
}

/* A plan that both signers vouch for. Zeroed: none. */
struct bg_trusted_plan {
    struct bg_document document; /* its frame */
    struct bg_plan plan;
    struct bg_digest id;
};

/* Besides what bg_plan_decode and bg_plan_verify refuse: BG_WRONG_POPULATION. */
BG_MUST_CHECK enum bg_status bg_trusted_plan_accept(const struct bg_trust *trust, struct bg_span frame,
                                                    struct bg_error *error, struct bg_trusted_plan *ret_plan);
void bg_trusted_plan_finish(struct bg_trusted_plan *plan);

/* A round's task that the root signed. Zeroed: none. */
struct bg_trusted_task {
    struct bg_document document; /* its frame */
    struct bg_task task;
    struct bg_digest plan_id;
    struct bg_digest digest; /* of its frame: what a manifest names */
};

/* BG_WRONG_POPULATION, BG_BAD_SIGNATURE, and what bg_task_decode refuses. */
BG_MUST_CHECK enum bg_status bg_trusted_task_accept(const struct bg_trust *trust, struct bg_span frame,
                                                    struct bg_error *error, struct bg_trusted_task *ret_task);
void bg_trusted_task_finish(struct bg_trusted_task *task);

/* How a round ended, as the root signed it. Zeroed: none. */
struct bg_trusted_receipt {
    struct bg_document document; /* its frame */
    struct bg_receipt receipt;
    struct bg_digest plan_id;
    struct bg_digest digest; /* of its frame: what the next task names */
};

/* BG_WRONG_POPULATION, BG_BAD_SIGNATURE, and what bg_receipt_decode refuses. */
BG_MUST_CHECK enum bg_status bg_trusted_receipt_accept(const struct bg_trust *trust, struct bg_span frame,
                                                       struct bg_error *error, struct bg_trusted_receipt *ret_receipt);
void bg_trusted_receipt_finish(struct bg_trusted_receipt *receipt);

/* The groups that a plan commits to, into `arena`. BG_BAD_DIGEST: not those; and what bg_groups_decode refuses. */
BG_MUST_CHECK enum bg_status bg_trusted_groups_read(const struct bg_plan *plan, struct bg_span groups_frame,
                                                    struct bg_arena *arena, struct bg_error *error,
                                                    struct bg_groups *ret_groups);
