/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client role, free of I/O: it asks the root through a transport, trains and builds updates as work that its
 * driver runs, and keeps what it owes to its residual until the receipt. One thread drives it.
 *
 * What it trusts: the two public keys it was enrolled with. It trains only on a plan that both signed, for a task and
 * a model that the root signed, in a group that the key holder's part of the plan commits to. When to ask again it lets
 * the server say, between poll_ns and longest_wait_ns.
 */
#pragma once

#include "base/examples.h"
#include "base/work.h"
#include "client/memory.h"
#include "client/session.h"
#include "client/update.h"
#include "net/transport.h"
#include "protocol/library.h"

struct bg_client;
struct bg_model_card;

/* The key of a plan, and where masks under it come from. */
struct bg_client_key {
    const struct bg_public_key *key;
    const struct bg_mask_table *table; /* NULL unless the plan encrypts; then the pool may still be */
    struct bg_mask_pool *pool;
};

/* Where keys come from. `get` runs on a worker, may take seconds, and may be called on two at once; what it gives
 * lives as long as the ring. A device makes its own table (client/key_ring.h); clients of one process may share
 * one. */
struct bg_key_ring {
    enum bg_status (*get)(struct bg_key_ring *ring, const struct bg_key_part *part, struct bg_error *error,
                          struct bg_client_key *ret_key);
};

/* A device's examples, which it need not hold while it does not train. On a worker, one at a time. */
struct bg_client_data {
    /* The plan's features of all rows, after their signed log, until `close`. */
    enum bg_status (*open)(struct bg_client_data *data, const struct bg_root_part *plan,
                           const struct bg_model_card *card, struct bg_error *error, struct bg_examples *ret_examples);
    void (*close)(struct bg_client_data *data);
};

/* What a dishonest client of a simulation does to its own update; all NULL for an honest one. */
struct bg_update_tap {
    void (*delta)(void *context, uint64_t round, float *delta, size_t count);
    /* `fields` (votes_at); `votes` (slots − votes_at), which are bits of honest clients. */
    void (*slots)(void *context, uint64_t round, const struct bg_shape *shape, uint64_t *fields, uint16_t *votes);
    void *context;
};

enum bg_client_notice_kind {
    BG_CLIENT_NOTICE_STATE = 0, /* a new state; round */
    BG_CLIENT_NOTICE_TRAINED,   /* loss */
    BG_CLIENT_NOTICE_SENT,      /* bytes; the other side has the update durably */
    BG_CLIENT_NOTICE_COMMITTED,
    BG_CLIENT_NOTICE_FOLDED_BACK,
    BG_CLIENT_NOTICE_FAILED,    /* error */
};

struct bg_client_notice {
    enum bg_client_notice_kind kind;
    enum bg_session_state state;
    uint64_t round;
    double loss;
    size_t bytes;
    const struct bg_error *error; /* NULL unless FAILED */
};

struct bg_client_settings {
    struct bg_population population;
    const struct bg_identity *identity;         /* kept */
    uint8_t key_holder[BG_PUBLIC_POINT_BYTES];  /* pinned */
    uint8_t root[BG_PUBLIC_POINT_BYTES];        /* pinned */
    struct bg_transport *transport;             /* kept: to the root */
    struct bg_key_ring *keys;                   /* kept */
    struct bg_library *library;                 /* kept: with others of its process and thread; NULL on a device */
    struct bg_random random;                    /* pad seeds and masks; from any thread */
    struct bg_examples examples;                /* kept: the plan's features after their signed log, unless … */
    struct bg_client_data *data;                /* … kept: this gives them when they are needed; NULL: they are above */
    uint64_t seed;                              /* of the order of minibatches … */
    uint64_t wait_seed;                         /* … and of the waits: another one for each client */
    uint8_t tie_secret[32];                     /* decides votes without an opinion */
    uint64_t poll_ns;                           /* least pause between two looks at the server, whatever it says */
    uint64_t patience_ns;                       /* longest pause between tries that failed */
    uint64_t longest_wait_ns;                   /* that a server's pace is followed; at least poll_ns */
    bool may_move;                              /* bg_client_moved may be called: an update is kept till its receipt */
    bool fills_pool;                            /* computes masks ahead, as idle work (client/filling.h) … */
    bool owns_pool;                             /* … for its next update, and not for others that draw from it */
    struct bg_client_memory *memory;            /* kept; NULL: forgets all when it ends, as in a simulation */
    struct bg_update_tap tap;
    void (*observe)(void *context, const struct bg_client_notice *notice); /* may be NULL */
    void *observe_context;
};

/* Copies settings. Its first tick is due at once. */
BG_MUST_CHECK enum bg_status bg_client_create(const struct bg_client_settings *settings, uint64_t now,
                                              struct bg_client **ret_client);
/* Before its first tick: goes on where a client of the same identity, population and trust was stopped, from what its
 * memory kept. Takes the state, whose secret of ties counts, and the update that is out; none: nothing is, or the other
 * side has it. */
void bg_client_resume(struct bg_client *client, struct bg_device_state *state, struct bg_spooled update);
/* No work of the client may be running or queued, no request unanswered. */
void bg_client_destroy(struct bg_client **client);

/* Sets the clock and does what is due. Call it before each answer, each `done` of work, and at next_wake. */
void bg_client_tick(struct bg_client *client, uint64_t now);
/* UINT64_MAX: nothing is due. */
uint64_t bg_client_next_wake(const struct bg_client *client);
/* Work to run; NULL if none. */
struct bg_work *bg_client_work(struct bg_client *client);
/* As if it were switched off until `until`: no wake before, an idle client stays idle. */
void bg_client_sleep(struct bg_client *client, uint64_t until);
/* Its transport leads to another aggregator from now on: an update that is out is sent again, whole. Not from inside an
 * answer. */
void bg_client_moved(struct bg_client *client);

enum bg_session_state bg_client_state(const struct bg_client *client);
/* The residual e, (*ret_count) floats; NULL before the first plan. While an update is out it is p. */
const float *bg_client_residual(const struct bg_client *client, size_t *ret_count);
