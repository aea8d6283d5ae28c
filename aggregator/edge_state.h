/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What edge.c (service), edge_documents.c (what the parent publishes) and edge_round.c (groups and their reports)
 * share. For no other file.
 */
#pragma once

#include "aggregator/edge.h"
#include "aggregator/intake.h"
#include "aggregator/roster_list.h"
#include "crypto/identity.h"

#define BG_EDGE_RECEIPTS 32 /* latest rounds whose receipts are kept */
#define BG_EDGE_MODELS 2    /* of the open round and the one before */
#define BG_EDGE_MEMORY ((size_t)1 << 32)

/* A request that waits for the parent's answer. */
struct bg_edge_waiter {
    struct bg_call *call;
    struct bg_digest peer;
    struct bg_edge_waiter *next;
};

/* A model or receipt that the parent was asked for. */
struct bg_edge_pull {
    struct bg_edge *edge;
    enum bg_route route;
    uint64_t round;          /* RECEIPT */
    struct bg_digest digest; /* MODEL */
    struct bg_edge_waiter *waiters;
    struct bg_edge_pull *next;
};

/* "Not yet", as the parent said it: believed for a while. */
struct bg_edge_denial {
    uint64_t until; /* 0: none */
    uint64_t round; /* of a receipt */
    enum bg_status status;
    struct bg_document reply;
};

enum bg_edge_sync {
    BG_EDGE_SYNC_IDLE = 0,
    BG_EDGE_SYNC_TASK,     /* asked; so are the next three */
    BG_EDGE_SYNC_PLAN,
    BG_EDGE_SYNC_GROUPS,
    BG_EDGE_SYNC_RECEIPTS,
    BG_EDGE_SYNC_TURNING,  /* all is here; the last round's works must end */
};

/* A group's way out. */
struct bg_edge_group {
    uint64_t members;           /* released, or arrived in a group that sat out */
    struct bg_writer question;  /* the release, then the report; empty: nothing is asked */
    enum bg_route route;        /* RELEASE to the key holder, REPORT to the parent */
    uint64_t retry_at;          /* UINT64_MAX: an answer is due */
    struct bg_digest manifests; /* what the record must name … */
    struct bg_digest product;   /* … and that */
};

struct bg_edge_model {
    struct bg_digest digest;
    struct bg_document file;
};

struct bg_edge {
    struct bg_edge_settings settings;
    uint64_t now;
    struct bg_work_queue queue;
    struct bg_error error;
    struct bg_roster_list enrolled;
    struct bg_edge_waiter *task_waiters;
    struct bg_edge_pull *pulls;
    struct bg_edge_denial no_task, no_receipt;

    /* what is in force */
    struct bg_trusted_plan plan;
    struct bg_document groups_document;
    struct bg_groups groups;
    struct bg_roster roster; /* of the epoch: memory of groups_document */
    struct bg_public_key *key;
    struct bg_trusted_task task;
    struct bg_shape shape;
    bool has_plan, has_task, has_shape;
    struct bg_edge_model models[BG_EDGE_MODELS];
    struct bg_trusted_receipt receipts[BG_EDGE_RECEIPTS]; /* by round, modulo their number */
    uint64_t receipt_epochs[BG_EDGE_RECEIPTS];            /* of each, as far as it is known; 0: it is not */

    /* what is coming */
    enum bg_edge_sync sync;
    struct bg_trusted_task next_task;
    struct bg_trusted_plan next_plan;
    struct bg_document next_groups_document;
    struct bg_groups next_groups;
    bool next_has_plan;
    uint64_t next_receipt; /* round of the next to look for */

    /* the round */
    struct bg_round round;
    struct bg_intake intake;
    struct bg_upload_terms terms;
    struct bg_edge_group *out; /* (groups.count) */
    uint64_t generation;       /* of rounds: answers to older questions are nobody's */
    uint64_t wake;
    uint64_t poll_at;          /* UINT64_MAX: at rest */
};

void bg_edge_notify(struct bg_edge *edge, struct bg_edge_notice notice);
/* Notice FAILED, from edge->error. */
void bg_edge_fail(struct bg_edge *edge);
/* Asks the parent or key holder; `on_reply` is called in any case, perhaps from inside. */
void bg_edge_ask(struct bg_edge *edge, struct bg_transport *to, enum bg_route route, struct bg_span body,
                 bg_reply_function *on_reply, void *context);

/* edge_documents.c */
void bg_edge_serve_task(struct bg_edge *edge, const struct bg_request *request, struct bg_call *call);
void bg_edge_serve_model(struct bg_edge *edge, const struct bg_request *request, struct bg_call *call);
void bg_edge_serve_receipt(struct bg_edge *edge, const struct bg_request *request, struct bg_call *call);
/* To an update: with the window in which the parent wanted to be asked for the receipt, if any. */
void bg_edge_answer_accepted(struct bg_edge *edge, struct bg_call *call);
/* Begins to look for news, unless that is under way or was done a moment ago. */
void bg_edge_refresh(struct bg_edge *edge);
/* TURNING: once no work runs, goes over to the next round. */
void bg_edge_turn(struct bg_edge *edge);
void bg_edge_documents_finish(struct bg_edge *edge);

/* edge_round.c */
extern const struct bg_intake_ops bg_edge_intake_ops;
/* In TURNING: what was running is given up, memory is freed. */
void bg_edge_end_round(struct bg_edge *edge);
void bg_edge_end_epoch(struct bg_edge *edge);
BG_MUST_CHECK enum bg_status bg_edge_begin_epoch(struct bg_edge *edge);
BG_MUST_CHECK enum bg_status bg_edge_begin_round(struct bg_edge *edge);
/* Asks what is due to be asked again. */
void bg_edge_retry(struct bg_edge *edge);
