/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Updates on their way into an aggregator, be it the root or an edge: each is admitted, checked as work, the manifest
 * and ranges of its blocks side by side, made durable by the owner, answered, and folded into the product of its group,
 * one fold of a group at a time. It drives the owner's round (aggregator/round.h): what arrives becomes an event, folds
 * are done here, every other action is the owner's.
 *
 * Between epochs and between rounds it is empty and refuses what comes. The owner begins and ends both, and only while
 * `busy` is 0: works and keepings refer to uploads.
 */
#pragma once

#include "aggregator/keeping.h"
#include "aggregator/round.h"
#include "aggregator/upload.h"
#include "base/digest_table.h"
#include "base/work.h"
#include "net/transport.h"
#include "protocol/partition.h"

/* An action gives rise to one event at most. Only the closing of a round has more than two actions, one per group and
 * three more, so these many events are never exceeded. */
#define BG_INTAKE_EVENTS(groups) ((groups) + 8)

#define BG_INTAKE_BLOCKS 16 /* that one work checks */

struct bg_intake_ops {
    /* On a worker: what the owner requires of a manifest that belongs here. */
    enum bg_status (*verify)(void *owner, struct bg_upload *upload, const uint8_t point[static BG_PUBLIC_POINT_BYTES],
                             struct bg_error *error);
    /* Makes the update durable, at once or later; then bg_intake_kept. */
    void (*keep)(void *owner, const struct bg_kept_update *update, struct bg_keeping *keeping);
    /* Answers, with BG_OK, the call that brought an update, which is durable. */
    void (*accepted)(void *owner, struct bg_call *call);
    /* A client's update was refused; the call is answered by then or right after. */
    void (*refused)(void *owner, const struct bg_digest *client, const struct bg_error *error);
    /* Every action but BG_ROUND_DO_FOLD. */
    void (*perform)(void *owner, struct bg_round_action action);
};

/* One group's part of the running round. */
struct bg_intake_group {
    uint32_t member_count;
    struct bg_upload *uploads;  /* (member_count) */
    struct bg_product *product; /* NULL until the first fold, and with encryption off */
    uint64_t fold_queue;        /* members that wait to be folded */
    uint64_t timed;             /* members that `arrivals` has */
    bool folding;
};

struct bg_intake {
    const struct bg_intake_ops *ops;
    void *owner;
    struct bg_work_queue *queue; /* borrowed: where works go */
    struct bg_round *round;      /* borrowed */
    uint64_t now;                /* the owner keeps it */
    size_t busy;                 /* folds and updates under way */
    struct bg_error error;

    /* of the epoch */
    const struct bg_roster *roster;  /* borrowed */
    struct bg_digest_table clients;  /* client id → group·BG_MAX_GROUP_MEMBERS + member */
    struct bg_intake_group *groups;
    size_t group_count;
    struct bg_round_group *round_groups;
    struct bg_round_action *actions; /* (group_count + 3) of the step under way */
    struct bg_round_event *events;   /* (BG_INTAKE_EVENTS(group_count)) that its actions gave rise to, in a ring */
    size_t first_event, event_count;
    bool stepping;
    uint64_t *arrivals; /* (clients): when each update of the round arrived, here or in a report, in that order */

    /* of the round */
    const struct bg_upload_terms *terms; /* borrowed; NULL between rounds */
    size_t arrival_count;
};

/* Borrows all. Zeroed before or finished. */
void bg_intake_init(struct bg_intake *intake, const struct bg_intake_ops *ops, void *owner,
                    struct bg_work_queue *queue, struct bg_round *round);

/* Memory for these groups, and the round machine's epoch. `groups` is read, `roster` borrowed until the epoch ends;
 * `seed` is that of the table of clients. */
BG_MUST_CHECK enum bg_status bg_intake_begin_epoch(struct bg_intake *intake, const struct bg_round_rules *rules,
                                                   const struct bg_groups *groups, const struct bg_roster *roster,
                                                   uint64_t seed);
void bg_intake_end_epoch(struct bg_intake *intake);
/* Updates are taken on these terms, borrowed until the round ends. */
void bg_intake_begin_round(struct bg_intake *intake, const struct bg_upload_terms *terms);
/* Drops every update and product of the round. */
void bg_intake_end_round(struct bg_intake *intake);

/* Gives the event to the round, does the folds and hands over the other actions. An action's owner may step again:
 * such events wait until the actions before them are done. */
void bg_intake_step(struct bg_intake *intake, struct bg_round_event event);

/* Route UPDATE; `request` is a client's. One that is here already is BG_OK when it is durable, BG_BUSY until then. */
void bg_intake_serve(struct bg_intake *intake, const struct bg_request *request, struct bg_call *call);
/* The owner's answer to ops.keep. */
void bg_intake_kept(struct bg_intake *intake, struct bg_keeping *keeping, enum bg_status status);
/* Whether this client can still contribute to the open round. */
bool bg_intake_wants(const struct bg_intake *intake, const struct bg_digest *client);

/* Uploads of the members in the mask, in member order; gives their number. */
uint32_t bg_intake_uploads(const struct bg_intake *intake, uint32_t group, uint64_t members,
                           const struct bg_upload *ret_uploads[static BG_MAX_GROUP_MEMBERS]);
/* The release frame of these members, all folded, and all their blocks after it; with what its record must name. */
BG_MUST_CHECK enum bg_status bg_intake_write_release(const struct bg_intake *intake, uint32_t group, uint64_t members,
                                                     struct bg_writer *w, struct bg_digest *ret_manifests,
                                                     struct bg_digest *ret_product);
