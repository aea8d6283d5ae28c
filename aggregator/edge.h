/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An aggregator whose parent is another one, the root or an edge; free of I/O. It holds ciphertexts and nothing that
 * opens them: no pad seeds, no sealing key, no secret, no state of the model.
 *
 *   - Plan, groups, task, model and receipts are asked of the parent once, checked as a client checks them, kept and
 *     served to clients and edges below. It looks for a new task on its own, so that it learns of a round in time, and
 *     at once when a client asks that has nothing to do.
 *   - Updates of whichever clients contact it are taken in as at the root (aggregator/intake.h), in all groups that
 *     the task invites. The round machine is the root's, with a deadline that is earlier by an allowance.
 *   - A complete group goes to the key holder, whose answer is the record. The report goes to the parent, as does the
 *     report of a group that sits out; reports of edges below are passed on.
 *
 *                    TASK is asked,           it names      groups are here,        nothing runs:
 *                    what is here is used     another plan  receipts are missing    the round begins
 *            IDLE ─────────────────▶ TASK ─────────▶ PLAN ─▶ GROUPS ─────▶ RECEIPTS ─────▶ TURNING ─▶ IDLE
 *              ▲   no news, or failed  │  the plan is here    │                 ▲
 *              └───────────────────────┴──────────────────────┴─────────────────┘
 *
 * Requests are stateless: those of clients wait until the parent has answered, and a parent that does not answer is
 * passed on as BG_IO, so that clients can try another aggregator. Its driver is like that of a root.
 */
#pragma once

#include "aggregator/keeping.h"
#include "aggregator/round.h"
#include "base/work.h"
#include "crypto/random.h"
#include "net/transport.h"
#include "protocol/partition.h"
#include "protocol/trusted.h"

struct bg_edge;
struct bg_identity;

enum bg_edge_notice_kind {
    BG_EDGE_NOTICE_OPENED = 0, /* a round is open: round */
    BG_EDGE_NOTICE_REFUSED,    /* a client's message was refused: client, error */
    BG_EDGE_NOTICE_GROUP,      /* a group was not released, or its report not taken: group, error */
    BG_EDGE_NOTICE_REPORTED,   /* the root has the report of a group: group */
    BG_EDGE_NOTICE_FAILED,     /* a document of the parent is not to be believed, or memory is out: error */
};

struct bg_edge_notice {
    enum bg_edge_notice_kind kind;
    uint64_t round;
    uint32_t group;
    const struct bg_digest *client;
    const struct bg_error *error;
};

struct bg_edge_settings {
    struct bg_trust trust;                 /* population, key holder, root */
    const struct bg_identity *identity;    /* kept: signs reports */
    struct bg_transport *parent;           /* kept */
    struct bg_transport *key_holder;       /* kept */
    const struct bg_digest *children;      /* kept: (child_count) identities of the edges below */
    size_t child_count;
    uint64_t seed;                         /* of tables; one that clients do not know */
    bool allow_insecure_key;
    uint32_t full_rounds;                  /* as the key holder has it */
    uint64_t allowance_ns;                 /* its deadline is earlier than the root's by this, at most by half of it */
    uint64_t retry_ns;                     /* before key holder or parent are asked again */
    uint64_t poll_ns;                      /* between its own looks for a task */
    uint64_t fresh_ns;                     /* how long "not yet" of the parent is believed */
    bg_keep_update_function *keep_update;  /* NULL: updates are accepted at once */
    void *keep_context;
    void (*observe)(void *context, const struct bg_edge_notice *notice); /* may be NULL */
    void *observe_context;
};

/* Copies the settings. BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_edge_create(const struct bg_edge_settings *settings, uint64_t now,
                                            struct bg_error *error, struct bg_edge **ret_edge);
/* No work may be running or queued, no request unanswered. */
void bg_edge_destroy(struct bg_edge **edge);

/* Adds an enrolled client: its public key is what its manifests are checked with, from the next plan on. */
BG_MUST_CHECK enum bg_status bg_edge_enrol(struct bg_edge *edge, const struct bg_roster_entry *entry,
                                           struct bg_error *error);

/* The answer to settings.keep_update. */
void bg_edge_kept(struct bg_edge *edge, struct bg_keeping *keeping, enum bg_status status);
/* A bg_serve_function over a struct bg_edge. BG_BUSY of an update: its round is not known here yet. */
void bg_edge_serve(void *edge, const struct bg_request *request, struct bg_call *call);
/* Sets the clock and does what is due; call it before each request, answer and `done`, and at next_wake. */
void bg_edge_tick(struct bg_edge *edge, uint64_t now);
uint64_t bg_edge_next_wake(const struct bg_edge *edge);
/* It looks for tasks no more unless it is asked: before the end. */
void bg_edge_rest(struct bg_edge *edge);
/* Work to run; NULL if none. */
struct bg_work *bg_edge_work(struct bg_edge *edge);
