/* SPDX-License-Identifier: Apache-2.0 */
/* One client on a virtual clock, and a root that answers by a script: what it serves, refuses, loses and received. */
#pragma once

#include "client/client.h"
#include "client/device_folder.h"
#include "net/loopback.h"
#include "tests/unit/client/stage.h"

#define POLL_NS 1000
#define PATIENCE_NS 8000
#define LONGEST_WAIT_NS 50000
#define TIMEOUT_NS 500
#define DELAY_NS 10
#define MOST_EVENTS 32

struct fake_event {
    uint64_t at, sequence;
    void (*run)(void *argument);
    void *argument;
};

struct fake_root {
    struct stage stage;
    struct stage_ring ring;
    struct bg_key_ring broken_ring; /* gives BG_BAD_KEY */
    struct bg_client_settings settings;
    struct bg_client *client;
    uint64_t now;

    const char *folder; /* what it remembers is there; NULL: it forgets */
    struct bg_device_folder device;
    unsigned steps;     /* points so far at which it could be stopped */
    unsigned stop_at;   /* the step at which it is, and started again; 0: never */
    unsigned life;      /* starts so far: replies to an earlier one are lost */

    struct bg_transport transport; /* the client's: passes to the loopback */
    struct bg_loopback loopback;
    struct fake_event events[MOST_EVENTS];
    size_t event_count;
    uint64_t sequence;
    enum bg_route route; /* of the request or reply on its way */

    /* the script; each loss and refusal happens that many times */
    bool serves_task;
    bool serves_receipt;
    unsigned lose_requests[BG_ROUTE_COUNT], lose_replies[BG_ROUTE_COUNT], refusals[BG_ROUTE_COUNT];
    struct bg_span pace; /* answers updates, and task and receipt while there is none; empty: nothing does */
    unsigned sends_that_fail;
    enum bg_status refusal;
    struct bg_writer task, receipt; /* frames */

    /* what came of it */
    unsigned asked[BG_ROUTE_COUNT];
    struct bg_writer update; /* the last one, as received … */
    struct bg_writer first;  /* … and the first of its round … */
    uint64_t first_round;    /* … which every other of that round must equal */
    unsigned idle_jobs;
    size_t masks_while_building;
    unsigned notices[BG_CLIENT_NOTICE_FAILED + 1];
    enum bg_session_state last_state;
    struct bg_error last_error;
    double loss;
};

/* A client of stage `terms`; no task is open. */
void fake_root_init(struct fake_root *root, const struct population_terms *terms);
void fake_root_finish(struct fake_root *root);
/* Has it remember in a folder from now on, where an earlier one may have left something. */
void fake_root_remember(struct fake_root *root, const char *folder);
/* Stops the client as a power cut does, and starts it from its folder. */
void fake_root_restart(struct fake_root *root);
/* The root, for another transport. */
void fake_root_serve(void *context, const struct bg_request *request, struct bg_call *call);
/* Opens the stage's task. */
void fake_root_open(struct fake_root *root);
/* Closes it and has a receipt ready, which the next task will name; `receipt` NULL: abandoned. */
void fake_root_end(struct fake_root *root, const struct bg_receipt *receipt);
/* Runs the client and its requests until the clock reaches `until`. */
void fake_root_run(struct fake_root *root, uint64_t until);
/* The same until the client is in `state` and has kept what it must not forget; fails the test if that takes too
 * long. */
void fake_root_run_to(struct fake_root *root, enum bg_session_state state);
