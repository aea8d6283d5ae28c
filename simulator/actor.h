/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver of one role in a world: tells it the time, gives its work a virtual duration, wakes it when it wants,
 * and passes requests and replies through, each followed by a look at what the role wants next.
 */
#pragma once

#include "net/transport.h"
#include "simulator/world.h"

struct bg_actor;

struct bg_actor_ops {
    void (*tick)(void *role, uint64_t now);
    uint64_t (*next_wake)(const void *role);
    struct bg_work *(*work)(void *role);
    uint64_t (*cost_ns)(const struct bg_actor *actor, const struct bg_work *work);
    void (*answered)(struct bg_actor *actor, enum bg_status status); /* after each reply; may be NULL */
};

/* One way out of a role. */
struct bg_actor_port {
    struct bg_transport transport; /* give it to the role: requests leave through `outward` */
    struct bg_actor *actor;
    struct bg_transport *outward;
};

struct bg_actor {
    struct bg_actor_port port; /* most roles have one */
    struct bg_world *world;
    const struct bg_actor_ops *ops;
    void *role;
    void *owner;        /* whoever it belongs to, for `answered` */
    void *context;      /* of cost_ns */
    double slowness;    /* factor on the cost of its work; 1 is normal */
    uint64_t posted;    /* instant of the earliest wake-up that is on its way */
    bool stopped;       /* no more wake-ups */
};

void bg_actor_init(struct bg_actor *actor, struct bg_world *world, const struct bg_actor_ops *ops, void *context,
                   struct bg_transport *outward);
/* Another way out of the same role. */
void bg_actor_port_init(struct bg_actor_port *port, struct bg_actor *actor, struct bg_transport *outward);
/* Before anything is done to the role: it learns the time. */
void bg_actor_enter(struct bg_actor *actor);
/* After it: its new work is submitted and its wake-up posted. */
void bg_actor_leave(struct bg_actor *actor);
