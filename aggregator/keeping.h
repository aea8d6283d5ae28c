/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an aggregator asks its owner to make durable, and when: always before anything that depends on it can be seen
 * from outside. Whoever keeps hands the same things back after a restart, in the same order; so nothing that was
 * acknowledged is lost, and the same accepted updates give the same model.
 *
 * Updates are large and many: they are kept one by one, at once or later. Everything else is a step of the root, small
 * but for the model, and kept before the call returns.
 */
#pragma once

#include "base/error.h"
#include "net/transport.h"

#include <stdint.h>

struct bg_combination;

/* An update that was checked and is in time. Borrowed until its keeping is answered. */
struct bg_kept_update {
    struct bg_digest client;
    uint64_t round;
    uint32_t attempt;
    uint32_t group;
    uint32_t member;
    struct bg_span bytes;       /* as sent: the manifest's frame, then those of its blocks */
    struct bg_held_bytes *held; /* what the bytes came in; NULL: the aggregator's own copy */
};

/* One update between its check and its answer; the aggregator's. */
struct bg_keeping;

/* Asked on the loop thread. Answer with bg_root_kept or bg_edge_kept exactly once, from inside or later: with BG_OK
 * when the update will be there after a restart, with an error only if it will not. Only then does its client hear of
 * it. Until then the round waits for it, also beyond its deadline, and none can be opened. */
typedef void bg_keep_update_function(void *context, const struct bg_kept_update *update, struct bg_keeping *keeping);

enum bg_root_step_kind {
    BG_ROOT_STEP_EPOCH_ASKED = 0, /* epoch; bytes: the nonce, drawn and not yet sent */
    BG_ROOT_STEP_EPOCH_AGREED,    /* epoch; bytes: the key holder's answer, checked */
    BG_ROOT_STEP_PLAN,            /* epoch; bytes: a new plan's frame, not yet sent */
    BG_ROOT_STEP_OPENED,          /* round, attempt; bytes: the task's frame, not yet served */
    BG_ROOT_STEP_CLOSED,          /* round, attempt: no more updates, those being kept excepted; groups that are not
                                     complete are not yet released */
    BG_ROOT_STEP_SUMS,            /* round, attempt, group; bytes: the key holder's answer, checked */
    BG_ROOT_STEP_PUBLISHED,       /* round, attempt; bytes: the model's file; model, parent: digests */
    BG_ROOT_STEP_ENDED,           /* round, attempt; bytes: the receipt's frame, not yet served; empty if there was no
                                     memory for one. The root may be checkpointed from inside */
    BG_ROOT_STEP_COUNT
};

/* Everything is borrowed. */
struct bg_root_step {
    enum bg_root_step_kind kind;
    uint64_t epoch;
    uint64_t round;
    uint32_t attempt;
    uint32_t group;
    struct bg_span bytes;
    const struct bg_digest *model;  /* PUBLISHED, else NULL … */
    const struct bg_digest *parent; /* … as well */
    const struct bg_combination *combination; /* ENDED; NULL if none was made */
};

/* Durable on BG_OK. A step that was kept may come again with the same content, after a restart; keep it once. After an
 * error the root does and serves nothing more: what was kept may differ from what it has done. */
typedef enum bg_status bg_keep_step_function(void *context, const struct bg_root_step *step, struct bg_error *error);
