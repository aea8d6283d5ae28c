/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All roles of a population in one process on a virtual clock: the same objects that a deployment runs, with real
 * frames, signatures and ciphertexts between them. Clients of one process share one table of masks (one h_s).
 */
#pragma once

#include "base/phase.h"
#include "base/workers.h"
#include "model/evaluation.h"
#include "model/model_file.h"
#include "robust/rule.h"
#include "simulator/data.h"
#include "simulator/tree.h"
#include "wire/task.h"

struct bg_federation;

#define BG_ARRIVAL_SHARES 3
extern const double bg_arrival_shares[BG_ARRIVAL_SHARES]; /* ascending, the last is 1 */

/* What came to the aggregators of one level, and went from them, in a round. */
struct bg_level_traffic {
    uint64_t bytes_up, bytes_down; /* requests and replies, without headers below the frames */
    size_t contributions;          /* updates and reports */
    uint64_t begin_ns, end_ns;     /* when the first was sent and the last had arrived, from the round's begin */
};

/* What one round came to. */
struct bg_round_result {
    uint64_t round;
    enum bg_task_stage stage;
    bool committed;
    bool held;
    enum bg_status reason; /* BG_OK if committed */
    size_t groups_invited, groups_used, groups_unused, groups_invalid, groups_late, groups_refused;
    size_t groups_complete;   /* of which every member arrived */
    size_t updates;           /* that arrived in time */
    uint64_t deadline_ns;
    uint64_t arrivals_ns[BG_ARRIVAL_SHARES]; /* percentiles of the time from opening to durable update */
    size_t requests;          /* that reached the root since the round before */
    size_t asks;              /* of those, for a task or a receipt */
    size_t requests_peak;     /* in the busiest virtual second */
    bool evaluated;
    double accuracy, macro_f1; /* of the model after the round, if evaluated */
    double mean_loss;          /* of local training */
    size_t uplink_bytes;       /* of one client's update */
    double bits_per_coordinate;
    uint64_t virtual_ns;       /* the round's */
    uint64_t wall_ns;
    struct bg_phase_sum phases[BG_PHASE_COUNT]; /* virtual time; begin and end count from the round's begin */
    uint64_t cpu_ns[BG_PHASE_COUNT];            /* real time of arithmetic, all threads added up */
    uint64_t marks_lost;                        /* that `phases` lacks: a round of more messages than memory is for */
    struct bg_level_traffic levels[BG_TREE_LEVELS + 1]; /* the root's, then those of edges from the root downwards */
    size_t reports, moves, edges_down; /* groups reported by edges; turns of clients elsewhere; edges that were down */
    bool has_rule;
    struct bg_rule_result rule;
};

struct bg_federation_settings {
    const struct bg_simulator_config *config; /* kept */
    const struct bg_simulator_data *data;     /* kept */
    bool insecure_test_key;
    /* Something worth a log line: a refused message, a group that could not be used. May be NULL. */
    void (*warn)(void *context, const char *what, uint64_t round, const struct bg_error *error);
    void *context;
};

/* Makes keys, roles and the first epoch's groups. */
BG_MUST_CHECK enum bg_status bg_federation_create(const struct bg_federation_settings *settings,
                                                  struct bg_workers *workers, struct bg_error *error,
                                                  struct bg_federation **ret_federation);
/* Lets what is under way come to an end first. */
void bg_federation_destroy(struct bg_federation **federation);

/* Runs one round to its end. BG_FAULT with a sentence if the roles come to a standstill. */
BG_MUST_CHECK enum bg_status bg_federation_round(struct bg_federation *federation, bool evaluate,
                                                 struct bg_error *error, struct bg_round_result *ret_result);
/* Evaluates the published model on the data's test rows. */
BG_MUST_CHECK enum bg_status bg_federation_evaluate(struct bg_federation *federation, struct bg_error *error,
                                                    struct bg_confusion *confusion);

const struct bg_model_card *bg_federation_model(const struct bg_federation *federation);
struct bg_span bg_federation_model_file(const struct bg_federation *federation);
/* bg_model_digest of the published one. */
struct bg_digest bg_federation_model_digest(const struct bg_federation *federation);
/* Of the pool that all clients share; zeros without encryption. Which masks are there in time is up to the threads. */
struct bg_mask_stats bg_federation_masks(const struct bg_federation *federation);
size_t bg_federation_byzantine(const struct bg_federation *federation);
size_t bg_federation_levels(const struct bg_federation *federation); /* of edges */
size_t bg_federation_groups(const struct bg_federation *federation);
/* Real nanoseconds of arithmetic per phase so far, all threads added up. */
uint64_t bg_federation_cpu_ns(const struct bg_federation *federation, enum bg_phase phase);
uint64_t bg_federation_virtual_ns(const struct bg_federation *federation);
