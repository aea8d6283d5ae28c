/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives one role on a loop: tells it the time, hands its work to the workers, wakes it when it wants. The counterpart
 * of simulator/actor.h in real time. A program makes the driver, its ports, the role on these ports, and starts it.
 */
#pragma once

#include "base/work.h"
#include "net/loop.h"
#include "net/transport.h"

struct bg_driver_ops {
    void (*tick)(void *role, uint64_t now);
    uint64_t (*next_wake)(const void *role);
    struct bg_work *(*work)(void *role);
};

struct bg_driver;

/* Keeps loop and ops. Makes `threads` workers, at least 1. `left` (may be NULL) is called at the end of every
 * bg_driver_leave: what a program does between two events, such as making things durable together. */
BG_MUST_CHECK enum bg_status bg_driver_create(struct bg_loop *loop, const struct bg_driver_ops *ops, unsigned threads,
                                              void (*left)(void *context), void *context, struct bg_error *error,
                                              struct bg_driver **ret_driver);
/* Keeps the role, and enters and leaves it. Until then enter and leave do nothing. Once. */
void bg_driver_start(struct bg_driver *driver, void *role);
/* Waits for work that runs; its `done` is not called. Before the role is destroyed, and after the transports behind
 * its ports are: replies that did not come will not. */
void bg_driver_destroy(struct bg_driver **driver);
/* Before anything is done to the role: it learns the time. */
void bg_driver_enter(struct bg_driver *driver);
/* After it: its new work is submitted and its wake-up set. */
void bg_driver_leave(struct bg_driver *driver);
/* Whether no work of the role is queued or runs. */
bool bg_driver_idle(const struct bg_driver *driver);
struct bg_workers *bg_driver_workers(struct bg_driver *driver);
/* Thread CPU time of the role's work that is done, by phase: (BG_PHASE_COUNT). Borrowed, as long as the driver. */
const uint64_t *bg_driver_phase_ns(const struct bg_driver *driver);

/* A way out of the role: replies enter and leave the driver. */
struct bg_driver_port {
    struct bg_transport transport; /* give it to the role */
    struct bg_driver *driver;
    struct bg_transport *outward;
};

/* Keeps driver and outward. Caller's memory; nothing to finish. */
void bg_driver_port_init(struct bg_driver_port *port, struct bg_driver *driver, struct bg_transport *outward);
