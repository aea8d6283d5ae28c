/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How roles reach each other: requests that are answered once, with a status and bytes. Stateless and idempotent
 * per (peer, round, attempt): a request whose answer was lost is sent again. Implementations: net/loopback.h in one
 * process; HTTPS on the same routes.
 */
#pragma once

#include "base/span.h"
#include "base/status.h"

#include <stdint.h>

/* Client or edge to its aggregator, except where noted. Bodies are frames (wire/). */
enum bg_route {
    BG_ROUTE_PLAN = 1,  /* → plan frame in force */
    BG_ROUTE_GROUPS,    /* → groups frame of the epoch */
    BG_ROUTE_TASK,      /* → task frame of the open round; BG_NOT_FOUND between rounds */
    BG_ROUTE_MODEL,     /* digest (32 bytes) → model file */
    BG_ROUTE_UPDATE,    /* manifest frame and all its block frames → nothing, or a pace frame: the update is durable */
    BG_ROUTE_RECEIPT,   /* u64 round → receipt frame; BG_BUSY while the round runs */
    BG_ROUTE_EPOCH,     /* root to key holder: epoch request frame → reveal frame, groups frame, signed key part */
    BG_ROUTE_SIGNED_PLAN, /* root to key holder: plan frame → nothing: its manifests will be accepted */
    BG_ROUTE_RELEASE,   /* aggregator to key holder: release frame, then the challenged blocks → sums frame to the root,
                           to an edge the record alone */
    BG_ROUTE_SUMS,      /* root to key holder: record of an edge's release → its sums frame */
    BG_ROUTE_REPORT,    /* edge to its parent, up to the root: report frame → nothing: the root has it */
    BG_ROUTE_ROSTER,    /* root or edge to key holder: u64 version it has → roster frame, once there is another;
                           BG_BUSY when there was none for a while: ask again */
    BG_ROUTE_AUDIT,     /* root to key holder: audit frame, then a block of each member → verdict frame */
    BG_ROUTE_COUNT
};

const char *bg_route_name(enum bg_route route);

/* Bytes with holders, such as the mapping of a file: gone when the last one lets go. On the thread of one loop. */
struct bg_held_bytes {
    size_t holders;
    void (*finish)(struct bg_held_bytes *held);
};

static inline struct bg_held_bytes *bg_held_keep(struct bg_held_bytes *held)
{
    held->holders++;
    return held;
}

/* Accepts NULL. */
static inline void bg_held_release(struct bg_held_bytes *held)
{
    if (held && --held->holders == 0)
        held->finish(held);
}

struct bg_request {
    enum bg_route route;
    struct bg_digest peer;      /* authenticated identity of the sender */
    struct bg_span body;
    struct bg_held_bytes *held; /* has the body: who keeps it may use the body beyond the answer; NULL: nobody may */
};

/* Called once per request. `reply` is borrowed until return and empty unless status is BG_OK. */
typedef void bg_reply_function(void *context, enum bg_status status, struct bg_span reply);

struct bg_transport;

struct bg_transport_ops {
    /* Copies the body. After BG_OK `on_reply` is called exactly once, later, never from inside; after an error
     * never. */
    enum bg_status (*send)(struct bg_transport *transport, const struct bg_request *request,
                           bg_reply_function *on_reply, void *context);
};

struct bg_transport {
    const struct bg_transport_ops *ops;
};

BG_MUST_CHECK static inline enum bg_status bg_transport_send(struct bg_transport *transport,
                                                             const struct bg_request *request,
                                                             bg_reply_function *on_reply, void *context)
{
    return transport->ops->send(transport, request, on_reply, context);
}

/* The serving side: an answer may be given at once or later, exactly once. A transport embeds it. */
struct bg_call {
    void (*answer)(struct bg_call *call, enum bg_status status, struct bg_span reply);
};

/* Takes the call; `request` is borrowed until the call is answered. */
typedef void bg_serve_function(void *context, const struct bg_request *request, struct bg_call *call);

/* Copies the reply; `call` is gone afterwards. */
static inline void bg_call_answer(struct bg_call *call, enum bg_status status, struct bg_span reply)
{
    call->answer(call, status, reply);
}
