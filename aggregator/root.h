/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root role, free of I/O: it keeps the roster and the model, agrees on an epoch with the key holder, opens
 * rounds, takes updates in, folds them, has group sums opened, combines them and publishes. Its driver delivers
 * requests, answers and finished work, runs the work it queues, and asks for the next round when it is idle. One
 * thread drives it.
 *
 * Groups may also be gathered by edges (aggregator/edge.h): their reports bring manifests and a record, and the root
 * asks the key holder for the sums.
 *
 * It holds the seeds of the pads and what is left of group sums after unpadding; never the scheme's secret key.
 *
 * It keeps accepted updates in memory, or where the request that brought them holds them. Its owner makes durable what
 * must outlive the process (aggregator/keeping.h), and after a restart, with the same roster and the checkpoint of the
 * last round that ended, gives it back: bg_root_begin_epoch and the key holder's answer as they were, then
 * bg_root_reopen_round, each kept update as a request, bg_root_resume_round, and sums of groups when they are asked
 * for. A simulation has nothing to lose and keeps nothing.
 */
#pragma once

#include "aggregator/combine.h"
#include "aggregator/keeping.h"
#include "aggregator/pace.h"
#include "aggregator/round.h"
#include "aggregator/statistics.h"
#include "base/work.h"
#include "crypto/identity.h"
#include "model/model_file.h"
#include "net/transport.h"
#include "protocol/partition.h"

struct bg_root;

enum bg_root_notice_kind {
    BG_ROOT_NOTICE_EPOCH = 0, /* an epoch is agreed: rounds can be opened */
    BG_ROOT_NOTICE_OPENED,    /* a round is open */
    BG_ROOT_NOTICE_REFUSED,   /* the message of a client, or the report of an edge, was refused: client, error */
    BG_ROOT_NOTICE_GROUP,     /* a group could not be used: group, error */
    BG_ROOT_NOTICE_NAMED,     /* the key holder's audit says who made a group unusable: group, client, error */
    BG_ROOT_NOTICE_ENDED,     /* a round has ended: round state, pace, combination (NULL if none was made) */
    BG_ROOT_NOTICE_FAILED,    /* the root itself could not do something: error; see bg_root_failed */
};

struct bg_root_notice {
    enum bg_root_notice_kind kind;
    uint64_t round;
    uint32_t group;
    enum bg_task_stage stage; /* of that round */
    const struct bg_digest *client;
    const struct bg_error *error;
    const struct bg_round *state;
    const struct bg_pace_round *pace; /* how long it took; NULL unless ENDED */
    const struct bg_combination *combination;
};

/* Where the transform from features to inputs comes from. */
struct bg_fit_settings {
    bool federated; /* from rounds of statistics before learning, instead of from the initial model */
    struct bg_projection_settings projection; /* zeroed: none; of a federated fit */
    uint64_t projection_groups; /* most that send covariances, the largest messages of all; 0: all */
    uint64_t seed;  /* of fresh parameters where a projection changes the number of inputs */
};

struct bg_root_settings {
    struct bg_population population;
    const struct bg_identity *identity;          /* kept: signs plan, tasks, receipts */
    const struct bg_sealing_key *sealing_key;    /* kept: opens pad seeds */
    uint8_t key_holder[BG_PUBLIC_POINT_BYTES];
    struct bg_transport *key_holder_transport;   /* kept */
    struct bg_digest first_commitment;           /* to the key holder's first nonce */
    struct bg_random random;
    bool allow_insecure_key;
    struct bg_model_card initial;                /* copied: the model to start from, round 0 */
    struct bg_fit_settings fit;
    struct bg_plan_codec codec;
    struct bg_plan_training training;
    double learning_rate;                        /* of the first round … */
    double learning_rate_floor;                  /* … and the share of it left at the last (cosine) */
    uint32_t steps;                              /* local ones of the first round … */
    double steps_floor;                          /* … and the share of them left at the last (cosine) */
    double rotate;                               /* share of the coordinates that is voted on per round, 0 < q ≤ 1 … */
    uint64_t rotate_full;                        /* … but all in so many last rounds of the schedule */
    uint64_t rounds;                             /* of learning that the schedules run over; 0: constant */
    struct bg_server_optimizer server;           /* modes ef and dense; adam's and yogi's step falls like the
                                                  * learning rate */
    struct bg_round_rules rules;
    struct bg_pace_rules pace;                   /* deadlines, and when clients ask again */
    uint64_t retry_ns;                           /* before the key holder is asked again */
    uint64_t target_groups;                      /* per round; 0: all */
    uint64_t seed;                               /* of the choice of groups */
    const uint8_t *edges;                        /* kept: (edge_count) public points, whose reports are taken */
    size_t edge_count;
    enum bg_rule rule;
    int faulty;                                  /* f, in groups; BG_FAULTY_UNSET */
    bool audit;                                  /* ask the key holder who made a group invalid */
    struct bg_workers *workers;                  /* kept, for the combination; may be NULL */
    bg_keep_update_function *keep_update;        /* NULL: updates are accepted at once */
    bg_keep_step_function *keep;                 /* NULL: nothing is kept */
    void *keep_context;                          /* of both */
    void (*observe)(void *context, const struct bg_root_notice *notice); /* may be NULL */
    void *observe_context;
};

/* Copies the settings. BG_NOT_FINITE and others for an initial model that is no model. */
BG_MUST_CHECK enum bg_status bg_root_create(const struct bg_root_settings *settings, uint64_t now,
                                            struct bg_error *error, struct bg_root **ret_root);
/* No work may be running or queued, no request unanswered. */
void bg_root_destroy(struct bg_root **root);

/* Adds a client that the key holder has enrolled; counts from the next epoch on. BG_DUPLICATE names one that is on the
 * roster already. */
BG_MUST_CHECK enum bg_status bg_root_enrol(struct bg_root *root, const struct bg_roster_entry *entry,
                                           struct bg_error *error);
/* Exactly these are enrolled, from the next epoch on; until then those of this epoch go on. Copies. BG_DUPLICATE names
 * one that comes twice; after an error the roster is as it was. */
BG_MUST_CHECK enum bg_status bg_root_set_roster(struct bg_root *root, const struct bg_roster_entry *entries,
                                                size_t count, struct bg_error *error);
/* Asks the key holder for the next epoch; the notice EPOCH or FAILED tells the end: BG_CONFIG where its groups are too
 * few for the quorum or f. BG_BUSY while a round runs. */
BG_MUST_CHECK enum bg_status bg_root_begin_epoch(struct bg_root *root, struct bg_error *error);
/* Opens the next round. BG_BUSY: no epoch yet, or a round or its work is not over. */
BG_MUST_CHECK enum bg_status bg_root_open_round(struct bg_root *root, struct bg_error *error);
/* In the place of bg_root_open_round after a restart: the round whose task this is goes on, without a deadline until it
 * is resumed. BG_BUSY as above; BG_CONFIG for a task that does not follow on the rounds and the model that it has. */
BG_MUST_CHECK enum bg_status bg_root_reopen_round(struct bg_root *root, struct bg_span task, struct bg_error *error);
/* What had been kept of a reopened round is here again. `closed`: its deadline had passed; otherwise it begins anew. */
void bg_root_resume_round(struct bg_root *root, bool closed);
/* The answer to settings.keep_update. */
void bg_root_kept(struct bg_root *root, struct bg_keeping *keeping, enum bg_status status);
/* Whether a step could not be kept: it was told by a notice FAILED, and every request is answered with BG_IO. */
bool bg_root_failed(const struct bg_root *root);
/* Whether nothing is under way: bg_root_begin_epoch would not find it busy. */
bool bg_root_rests(const struct bg_root *root);
/* Whether all it does is to end the work of a round that is over, such as an audit: no notice tells when it rests. */
bool bg_root_winds_down(const struct bg_root *root);
/* Whether bg_root_open_round would find it idle: it rests, with an epoch and a plan for the model as it is. */
bool bg_root_idle(const struct bg_root *root);
/* Whether a round has changed the tensors of the model: the next tick signs another plan of the same epoch and sends
 * it to the key holder, with the notices of an epoch; until then no round can be opened. */
bool bg_root_plan_due(const struct bg_root *root);
/* Whether the key holder opens nothing under this epoch any more, because its key was rotated: the next one is due. */
bool bg_root_key_over(const struct bg_root *root);
/* Epochs under the key in force, as far as this process has seen them; 0 before the first. */
uint64_t bg_root_key_epochs(const struct bg_root *root);

/* A bg_serve_function over a struct bg_root. */
void bg_root_serve(void *root, const struct bg_request *request, struct bg_call *call);
/* Sets the clock and does what is due; call it before each request, answer and `done`, and at next_wake. */
void bg_root_tick(struct bg_root *root, uint64_t now);
uint64_t bg_root_next_wake(const struct bg_root *root);
/* Work to run; NULL if none. */
struct bg_work *bg_root_work(struct bg_root *root);

/* The published model; the file's bytes are borrowed until the next round ends. */
const struct bg_model_card *bg_root_model(const struct bg_root *root);
struct bg_span bg_root_model_file(const struct bg_root *root);
const struct bg_digest *bg_root_model_digest(const struct bg_root *root);
/* Of the running or last round; NULL before the first. */
const struct bg_shape *bg_root_shape(const struct bg_root *root);
const struct bg_plan *bg_root_plan(const struct bg_root *root);
/* The round that runs or ran last, and its stage: number 0 before the first. */
const struct bg_round *bg_root_round(const struct bg_root *root);
enum bg_task_stage bg_root_stage(const struct bg_root *root);
/* Of the epoch that is agreed on, or asked for; until the next one is asked for. */
struct bg_roster bg_root_epoch_roster(const struct bg_root *root);
const struct bg_groups *bg_root_groups(const struct bg_root *root);
