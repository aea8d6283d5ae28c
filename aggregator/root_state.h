/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What root.c (service), root_epoch.c (agreement with the key holder), root_open.c (the beginning of a round),
 * root_sums.c and root_report.c (opened groups), root_round.c (the rest of it), root_fit.c (what statistics make of the
 * model) and checkpoint.c (what outlives a process) share. For no other file.
 */
#pragma once

#include "aggregator/intake.h"
#include "aggregator/root.h"
#include "aggregator/roster_list.h"
#include "wire/groups.h"
#include "wire/release.h"

#define BG_ROOT_RECEIPTS 32 /* rounds whose receipts can still be asked for */
#define BG_ROOT_RECORDS 256 /* latest records of the key holder's chain */
/* 4 GiB, or half of all addresses */
#define BG_ROOT_MEMORY (SIZE_MAX / 2 < (uint64_t)1 << 32 ? SIZE_MAX / 2 : (size_t)((uint64_t)1 << 32))
/* What becomes of a group after its intake. */
struct bg_root_group {
    uint64_t members;            /* asked to be opened */
    struct bg_upload *reported;  /* (reported_count) their manifests and seeds, if an edge had the group opened */
    uint32_t reported_count;
    bool reporting;              /* a report of it is being checked */
    enum bg_route route;         /* RELEASE, or SUMS of a reported group */
    struct bg_writer question;   /* what is asked there; empty when answered */
    struct bg_digest manifests;      /* what the record of the answer must name … */
    struct bg_digest product_digest; /* … and that */
    uint8_t record[BG_RECORD_BYTES]; /* of the report, and of the answer; zero: none yet */
    uint64_t retry_at;           /* UINT64_MAX: an answer is due */
    struct bg_group_sum sum;
    bool summed;
};

struct bg_root_record {
    uint64_t sequence; /* 0: empty */
    struct bg_digest digest;
    struct bg_digest previous;
};

/* The parameters of one version of the model, with what the server needs to step from it. */
struct bg_root_version {
    float *parameters;
    float *momentum; /* m … */
    float *squares;  /* … and v of the server's optimizer */
    double *scales;
    double *centres;
    struct bg_writer file;
    struct bg_digest digest;
    uint64_t round;
    struct bg_digest parent;
};

struct bg_root_receipt {
    uint64_t round;
    struct bg_writer frame;
};

struct bg_root_report;

struct bg_root {
    struct bg_root_settings settings;
    uint64_t now;
    struct bg_work_queue queue;
    size_t busy; /* works of its own and requests to the key holder that are under way */
    struct bg_error error;
    bool failed; /* what was kept may differ from this state: nothing is done any more */

    struct bg_roster_list enrolled;

    /* the epoch */
    uint64_t epoch;
    bool agreeing; /* asking the key holder for an epoch */
    bool ready;
    struct bg_digest nonce;
    struct bg_digest commitment; /* of the key holder's next nonce */
    struct bg_writer epoch_request;
    uint64_t epoch_retry_at;
    uint64_t release_retry_at; /* no group is asked for again before */
    struct bg_arena epoch_arena;
    struct bg_groups groups;
    struct bg_roster epoch_roster;        /* of the epoch: arena */
    struct bg_writer groups_frame;
    struct bg_writer plan_frame;
    struct bg_digest plan_id;
    struct bg_plan plan;
    bool has_plan;
    bool plan_stale; /* the model has other tensors: a new root part is due when nothing is under way */
    struct bg_public_key *key; /* NULL with encryption off */
    struct bg_digest key_id;   /* of the last epoch … */
    uint64_t key_since;        /* … and the first one under it that this process has seen */
    bool key_over;             /* the key holder opens nothing under the epoch any more */
    struct bg_root_group *members;
    bool *audited; /* (group_count) the key holder has had its say on the group in this epoch: arena */
    size_t group_count;
    struct bg_intake intake;

    /* the round */
    struct bg_round round;
    struct bg_arena round_arena;
    struct bg_task task;
    struct bg_writer task_frame;
    struct bg_digest task_digest; /* of its frame */
    struct bg_shape shape;
    bool has_shape;
    struct bg_upload_terms terms;
    uint64_t learning_rounds; /* opened so far */
    uint8_t stages_done; /* bit per stage before learning */
    uint64_t wake;
    struct bg_pace pace;
    uint64_t opened_at;
    bool reopened; /* by another process than opened it: what was measured of it says nothing */
    struct bg_combination combination;
    bool combined;

    struct bg_root_record records[BG_ROOT_RECORDS];
    struct bg_root_receipt receipts[BG_ROOT_RECEIPTS];
    struct bg_digest receipt; /* of the last round's frame; zero: none */

    struct bg_model *model;
    struct bg_model_file initial; /* owns the names and the transform of the card */
    struct bg_model_file fitted;  /* of version `next` after a round of statistics */
    struct bg_model_card card;    /* of the published version */
    struct bg_root_version current, next, previous;
};

/* A work of the root with what it is about. */
struct bg_root_work {
    struct bg_work work;
    struct bg_root *root;
    uint32_t group;
    uint8_t *sums;        /* owned */
    struct bg_root_report *report; /* being checked; else NULL */
    struct bg_group_sum *sum;
    size_t position;      /* of a sum that is out of range */
    enum bg_status status;
    struct bg_error error;
    void (*finish)(struct bg_root *root, struct bg_root_work *work); /* on the loop thread */
};

/* A queued work; BG_NO_MEMORY gives NULL. `run` finds its bg_root_work with bg_root_work_of. */
struct bg_root_work *bg_root_queue(struct bg_root *root, enum bg_phase phase, uint64_t units,
                                   void (*run)(struct bg_job *job),
                                   void (*finish)(struct bg_root *root, struct bg_root_work *work));
struct bg_root_work *bg_root_work_of(struct bg_job *job);

void bg_root_notify(struct bg_root *root, struct bg_root_notice notice);
/* Has the step kept, of this epoch and, the second one, of this round; false: nothing may follow on it. */
bool bg_root_keep(struct bg_root *root, struct bg_root_step step);
bool bg_root_keep_in_round(struct bg_root *root, struct bg_root_step step);
/* BG_IO with a sentence once a step could not be kept. */
enum bg_status bg_root_check(const struct bg_root *root, struct bg_error *error);

/* root_open.c: what of a schedule is left in a learning round (from 0), from 1 down to `floor`. */
double bg_root_schedule(const struct bg_root *root, double floor, uint64_t learning_round);

/* root_epoch.c */
void bg_root_send_epoch_request(struct bg_root *root);
void bg_root_epoch_finish(struct bg_root *root);
/* Signs a plan for the model as it is now, under the same key part, if that is due and nothing is under way. */
void bg_root_renew_plan(struct bg_root *root);

/* root_fit.c */
enum bg_task_stage bg_root_stage_due(const struct bg_root *root);
/* On a worker: version `next` and root->fitted from the sums of a stage that measures. Errors as those of
 * bg_combine_round. */
enum bg_status bg_root_fit(struct bg_root *root, const struct bg_group_sum *sums, size_t count,
                           struct bg_error *error, struct bg_combination *ret_combination);
/* `current` is what bg_root_fit made: its card, model and transform come into force. */
void bg_root_adopt_fitted(struct bg_root *root);

/* root_sums.c */
/* What aggregation goes through, per group. */
size_t bg_root_sum_units(const struct bg_root *root);
void bg_root_group_finish(struct bg_root_group *group);
/* Has the product of these members opened, or unpads them at once with encryption off; ends in an ANSWERED event. */
void bg_root_release(struct bg_root *root, uint32_t group, uint64_t members);
/* Asks for the sums of a group whose record and members a report brought; ends in the same way. */
void bg_root_fetch(struct bg_root *root, uint32_t group);
void bg_root_retry_sums(struct bg_root *root);

/* root_audit.c */
/* Asks who spoilt the sum of a group at this position; ends in a notice NAMED, or GROUP where nobody is. */
void bg_root_audit(struct bg_root *root, uint32_t group, uint64_t position);

/* root_report.c */
/* The public key of one of this root's edges; NULL: none. */
const uint8_t *bg_root_edge(const struct bg_root *root, const struct bg_digest *id);
void bg_root_serve_report(struct bg_root *root, const struct bg_request *request, struct bg_call *call);

/* root_round.c */
/* Every action of the round but folds: `context` is the struct bg_root. */
void bg_root_perform(void *context, struct bg_round_action action);
void bg_root_round_finish(struct bg_root *root);
/* Files of a version: parameters to bytes and digest. */
enum bg_status bg_root_encode_version(struct bg_root *root, struct bg_root_version *version, struct bg_error *error);
