/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of a program's role thread: timers, work posted from other threads, signals. Everything that a role does
 * happens here; servers have loops and threads of their own and hand over through bg_loop_post.
 */
#pragma once

#include "base/clock.h"
#include "base/error.h"

struct bg_loop;
struct bg_loop_timer;

/* Signal SIGPIPE is ignored in the whole process from now on. */
BG_MUST_CHECK enum bg_status bg_loop_create(struct bg_error *error, struct bg_loop **ret_loop);
/* After bg_loop_run has returned and everything on the loop is destroyed; what is still posted is dropped. */
void bg_loop_destroy(struct bg_loop **loop);
/* Until bg_loop_stop; may be called again. */
void bg_loop_run(struct bg_loop *loop);
/* From the loop's thread. */
void bg_loop_stop(struct bg_loop *loop);

/* From any thread: calls run(argument) on the loop's thread, in the order of the calls. BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_loop_post(struct bg_loop *loop, void (*run)(void *argument), void *argument);
/* From any thread: what was posted with this argument and has not begun is dropped. For whoever is about to free it. */
void bg_loop_forget(struct bg_loop *loop, const void *argument);
/* At the first SIGTERM or SIGINT, on the loop's thread; later ones are ignored: a group of processes often gets
 * several. Set it once. */
BG_MUST_CHECK enum bg_status bg_loop_on_stop_signal(struct bg_loop *loop, void (*run)(void *context), void *context);

/* Not set. */
BG_MUST_CHECK enum bg_status bg_loop_timer_create(struct bg_loop *loop, void (*run)(void *context), void *context,
                                                  struct bg_loop_timer **ret_timer);
/* At an instant of bg_clock_monotonic_ns, never before it, once, in place of an earlier setting; UINT64_MAX: not at
 * all. Never called from inside. */
void bg_loop_timer_set(struct bg_loop_timer *timer, uint64_t at);
/* From inside its own function too. */
void bg_loop_timer_destroy(struct bg_loop_timer **timer);
