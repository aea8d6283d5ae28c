/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual time. Events run in order of (instant, sequence of posting), on the calling thread. Work is given a
 * virtual duration when it is submitted; its arithmetic is run on the workers at any real time before its `done` is
 * due, together with all other work that waits, so that independent work of many clients runs in parallel and the
 * order of events, hence every result, is the same for any number of threads.
 */
#pragma once

#include "base/work.h"

#include <stdbool.h>

struct bg_world;

/* Keeps workers. */
BG_MUST_CHECK enum bg_status bg_world_create(struct bg_workers *workers, struct bg_world **ret_world);
/* Events that have not run are dropped. */
void bg_world_destroy(struct bg_world **world);
uint64_t bg_world_now(const struct bg_world *world);

/* Calls run(argument) delay_ns from now. */
BG_MUST_CHECK enum bg_status bg_world_post(struct bg_world *world, uint64_t delay_ns, void (*run)(void *argument),
                                           void *argument);
/* From now on the time of submitted work is marked in `marks` (kept; NULL: nowhere). */
void bg_world_mark(struct bg_world *world, struct bg_phase_ring *marks);
/* Calls done(context, work) duration_ns from now, and the work's job.run some time before. */
BG_MUST_CHECK enum bg_status bg_world_submit(struct bg_world *world, struct bg_work *work, uint64_t duration_ns,
                                             void (*done)(void *context, struct bg_work *work), void *context);
/* Runs the next event; false when there is none. */
bool bg_world_step(struct bg_world *world);
/* Real nanoseconds spent in job.run so far, all threads added up, per phase. */
uint64_t bg_world_cpu_ns(const struct bg_world *world, enum bg_phase phase);
