/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A piece of arithmetic that a role wants done off its loop. The role fills it and queues it; the driver takes it
 * from the queue, has `job.run` called on some thread and `job.done` on the loop thread when it is over. A network
 * program's driver submits it to the workers at once; the simulator's gives it a virtual duration from its cost
 * table: seconds of one `units` of `phase`. The job owns its inputs.
 */
#pragma once

#include "base/phase.h"
#include "base/workers.h"

struct bg_work {
    struct bg_job job;
    enum bg_phase phase;
    uint32_t actor;  /* index of the client or group it is about */
    uint64_t round;
    uint64_t units;  /* TRAINING: samples × coordinates; ENCODING, AGGREGATION: coordinates; MASKS: masks; others:
                        ciphertexts */
    struct bg_work *next; /* the queue's */
    struct bg_job driven; /* the driver's, from here on: what it submits in place of job, and what it then knows */
    void *driver;
    uint64_t cpu_ns;
};

/* First in, first out; owns nothing. */
struct bg_work_queue {
    struct bg_work *first;
    struct bg_work *last;
};

static inline void bg_work_push(struct bg_work_queue *queue, struct bg_work *work)
{
    work->next = 0;
    if (queue->last)
        queue->last->next = work;
    else
        queue->first = work;
    queue->last = work;
}

/* NULL when empty. */
static inline struct bg_work *bg_work_pop(struct bg_work_queue *queue)
{
    struct bg_work *work = queue->first;
    if (work) {
        queue->first = work->next;
        if (!queue->first)
            queue->last = 0;
        work->next = 0;
    }
    return work;
}
