/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator is shown of a root: counters since it started, and the newest rounds. Pure: whoever serves the pages
 * says what to count and takes the text. docs/OPERATIONS.md describes each metric.
 */
#pragma once

#include "base/exposition.h"
#include "base/phase.h"
#include "base/usage.h"
#include "wire/task.h"

#include <stdbool.h>

enum bg_verdict {
    BG_VERDICT_COMMITTED = 0,
    BG_VERDICT_HELD,
    BG_VERDICT_ABANDONED,
    BG_VERDICT_COUNT
};
const char *bg_verdict_name(enum bg_verdict verdict);

enum bg_update_result {
    BG_UPDATE_ACCEPTED = 0, /* durable, and acknowledged */
    BG_UPDATE_REPEATED,     /* one that had been accepted, and is acknowledged again */
    BG_UPDATE_REFUSED,
    BG_UPDATE_RESULT_COUNT
};

/* A round that has ended. */
struct bg_round_summary {
    uint64_t round;
    enum bg_task_stage stage;
    enum bg_verdict verdict;
    enum bg_status reason;       /* BG_OK if committed */
    uint64_t opened_at;          /* seconds since 1970 */
    uint64_t duration_ns;        /* from its opening to its end */
    size_t groups_invited, groups_opened, groups_used, groups_invalid, groups_refused, groups_sat_out;
    size_t clients_invited, updates;
    uint64_t update_bytes;       /* of all its updates */
    uint64_t phases_ns[BG_PHASE_COUNT]; /* processor time of its arithmetic */
    double margin;               /* of the rule, where it has one */
    struct bg_digest model;      /* that is published after it */
};

#define BG_ROUNDS_KEPT 256
#define BG_ROUND_BOUNDS 12

struct bg_metrics {
    uint64_t rounds[BG_VERDICT_COUNT];
    uint64_t updates[BG_UPDATE_RESULT_COUNT];
    uint64_t round_buckets[BG_ROUND_BOUNDS + 1], round_sum_ns;
    struct bg_round_summary newest[BG_ROUNDS_KEPT];
    uint64_t summaries; /* ever added */
};

/* All zero. */
void bg_metrics_init(struct bg_metrics *metrics);
void bg_metrics_count_update(struct bg_metrics *metrics, enum bg_update_result result);
/* Counts and lists a round that ended. */
void bg_metrics_add_round(struct bg_metrics *metrics, const struct bg_round_summary *round);
/* Lists a round of before this start, which counts nowhere; oldest first, before any other. */
void bg_metrics_recall_round(struct bg_metrics *metrics, const struct bg_round_summary *round);

/* As they are when the pages are asked for. */
struct bg_metrics_now {
    struct bg_usage usage;
    const uint64_t *phases_ns;    /* (BG_PHASE_COUNT) processor time of arithmetic since the start */
    uint64_t requests, requests_refused, connections, connections_open, handshakes_failed;
    uint64_t bytes_in, bytes_out; /* on the network */
    uint64_t clients;             /* on the roster */
    uint64_t round;               /* that runs; 0: none */
};

/* GET /metrics. */
void bg_metrics_write(const struct bg_metrics *metrics, const struct bg_metrics_now *now, struct bg_writer *w);

#define BG_ROUNDS_SHOWN 50
/* GET /v1/{population}/rounds: {"population", "round", "clients", "rounds": [newest first, at most `limit`]}. Gives
 * text to free(); NULL: out of memory. */
char *bg_metrics_rounds(const struct bg_metrics *metrics, const struct bg_metrics_now *now, const char *population,
                        size_t limit);

struct bg_health {
    bool store;      /* what must be kept can be written */
    bool key_holder; /* its last answer came, whatever it said */
    uint64_t round;  /* that runs; 0: none */
};

/* GET /healthz: {"status": "ok" or "failing", "store", "key_holder", "round"}; *ret_http is 200, or 503 without a
 * store or key holder. Gives text to free(); NULL: out of memory. */
char *bg_health_text(const struct bg_health *health, unsigned *ret_http);
