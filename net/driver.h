/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives one role on a loop: tells it the time, hands its work to the workers, wakes it when it wants. The counterpart
 * of simulator/actor.h in real time.
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

/* Keeps loop, ops and role. Makes `threads` workers, at least 1. `left` (may be NULL) is called at the end of every
 * bg_driver_leave: what a program does between two events, such as making things durable together. */
BG_MUST_CHECK enum bg_status bg_driver_create(struct bg_loop *loop, const struct bg_driver_ops *ops, void *role,
                                              unsigned threads, void (*left)(void *context), void *context,
                                              struct bg_error *error, struct bg_driver **ret_driver);
/* Waits for work that runs; its `done` is not called. */
void bg_driver_destroy(struct bg_driver **driver);
/* Before anything is done to the role: it learns the time. */
void bg_driver_enter(struct bg_driver *driver);
/* After it: its new work is submitted and its wake-up set. */
void bg_driver_leave(struct bg_driver *driver);
/* Whether no work of the role is queued or runs. */
bool bg_driver_idle(const struct bg_driver *driver);
struct bg_workers *bg_driver_workers(struct bg_driver *driver);

/* A way out of the role: replies enter and leave the driver. */
struct bg_driver_port {
    struct bg_transport transport; /* give it to the role */
    struct bg_driver *driver;
    struct bg_transport *outward;
};

void bg_driver_port_init(struct bg_driver_port *port, struct bg_driver *driver, struct bg_transport *outward);
