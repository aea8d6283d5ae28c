/* SPDX-License-Identifier: Apache-2.0 */
/* What client.c (requests, answers, the session) and client_work.c (what workers do) share. For no other file. */
#pragma once

#include "base/prng.h"
#include "client/client.h"
#include "client/filling.h"
#include "client/jobs.h"

struct bg_client {
    struct bg_client_settings settings;
    struct bg_session session;
    struct bg_prng waits;
    uint64_t now;
    uint64_t asleep_until;
    struct bg_work_queue queue;
    struct bg_error error;

    struct bg_device_state state; /* what it must not forget; between updates `task` is that of the last try */
    bool has_seat;                /* in the groups of the plan */
    struct bg_document model;
    struct bg_digest model_digest;
    struct bg_shape shape;

    struct bg_client_inputs inputs;
    float *delta;
    uint64_t *measured; /* fields of a stage that measures, until they are built */
    struct bg_spooled out; /* the update, until it is acknowledged; what memory keeps until it is settled */

    struct bg_work work;
    enum bg_status work_status;
    struct bg_client_training training;
    struct bg_client_building building;
    bool keeping; /* the memory is at work: nothing else happens */
    bool owes;    /* a settlement, which is not kept yet, with this outcome: */
    enum bg_client_notice_kind outcome;

    struct bg_work filling_work;
    struct bg_filling filling;
    bool filling_out; /* filling_work is with the driver */
};

void bg_client_notify(struct bg_client *client, struct bg_client_notice notice);
/* Takes the session on by an event whose failure, if it is one, client->error tells. */
void bg_client_report(struct bg_client *client, enum bg_session_event_kind kind, enum bg_status status);
/* For a task, if nothing is owed. */
void bg_client_ask_task(struct bg_client *client);

/* client_work.c; each ends in an event of the session */
void bg_client_begin_training(struct bg_client *client);
void bg_client_begin_building(struct bg_client *client);
/* Of client->outcome; then it is told, and a client that is ASKING asks. */
void bg_client_keep_settlement(struct bg_client *client);
/* Masks ahead of need, as far as the state of the session has time for them. */
void bg_client_fill_by_state(struct bg_client *client);
