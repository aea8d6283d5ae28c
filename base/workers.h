/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that run arithmetic. A job owns its inputs; nothing else is shared. `run` is called on a worker;
 * `done` (if any) on the thread that calls bg_workers_collect, in order of completion.
 */
#pragma once

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

struct bg_workers;

struct bg_job {
    void (*run)(struct bg_job *job);
    void (*done)(struct bg_job *job);
    bool idle;           /* it begins only where nothing else waits: make it short */
    struct bg_job *next; /* the pool's */
};

/* threads ≥ 1; at most `queue_limit` jobs wait. `notify` (may be NULL) is called from a worker after a job ends,
 * so that a loop can wake up and collect; `context` is kept until destroy returns. The calling thread becomes the
 * owner. */
BG_MUST_CHECK enum bg_status bg_workers_create(unsigned threads, size_t queue_limit,
                                               void (*notify)(void *context), void *context,
                                               struct bg_workers **ret_workers);
/* By the owner. Waits for running jobs; queued jobs are run too. Jobs not collected are dropped without `done`. */
void bg_workers_destroy(struct bg_workers **workers);
/* From any thread. Keeps the job until its `done` was called. BG_BUSY when its queue is full: idle jobs
 * have one of their own, as long. */
BG_MUST_CHECK enum bg_status bg_workers_submit(struct bg_workers *workers, struct bg_job *job);
/* By the owner. Calls `done` of every finished job; returns how many. Never waits. */
size_t bg_workers_collect(struct bg_workers *workers);
/* Calls body(context, i) for every i < count on the calling thread and on up to threads − 1 idle workers; returns
 * when all are done. Which thread runs which i is not fixed: results must not depend on it. Only the owner calls
 * it, and not from a body. */
void bg_workers_for(struct bg_workers *workers, size_t count, void (*body)(void *context, size_t i), void *context);
/* Processors this process may use (affinity, and cgroup quota rounded up), at least 1. */
unsigned bg_available_processors(void);
