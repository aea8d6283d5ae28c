/* SPDX-License-Identifier: Apache-2.0 */
/* A request of a role on its way over HTTPS: what net/https_transport.c and net/https_upload.c share. */
#pragma once

#include "base/prng.h"
#include "net/http_routes.h"
#include "net/https_transport.h"
#include "net/upload_fields.h"

#define BG_ERRAND_URL_BYTES 512

struct bg_https_transport {
    struct bg_transport transport; /* first */
    struct bg_https_transport_settings settings; /* url and population are owned */
    struct bg_loop *loop;
    struct bg_prng jitter;
    struct bg_https_errand *errands; /* the latest first */
    uint64_t sent;
};

enum bg_upload_step {
    BG_UPLOAD_CREATE = 0, /* POST: whole, or the offer of it */
    BG_UPLOAD_SEND,       /* PATCH from `offset` on */
    BG_UPLOAD_ASK,        /* HEAD: how far is it? */
    BG_UPLOAD_FETCH,      /* GET: what does the role say of it? */
};

struct bg_https_errand {
    struct bg_https_transport *transport;
    struct bg_https_errand *older, *newer;
    bg_reply_function *on_reply;
    void *context;
    const struct bg_http_route *route;
    struct bg_span body;
    struct bg_held_bytes *held; /* has the body, or … */
    uint8_t *copy;              /* … this has; or NULL: the path says it all */
    struct bg_https_call *call; /* NULL: it pauses */
    char url[BG_ERRAND_URL_BYTES];

    /* of an upload */
    struct bg_loop_timer *timer;
    enum bg_upload_step step;
    char location[BG_ERRAND_URL_BYTES];
    char key[BG_UPLOAD_KEY_DIGITS + 1];
    uint64_t offset; /* what the server has */
    uint64_t piece;  /* of the PATCH under way */
    uint64_t pause_ns;
    unsigned tries;  /* without progress */
    bool busy;       /* the server was, the last time */
};

/* Sends it with what `request` has beyond URL, pin and limits. */
BG_MUST_CHECK enum bg_status bg_errand_send(struct bg_https_errand *errand, struct bg_https_request request,
                                            bg_https_function *on_reply);
/* The end of it. */
void bg_errand_answer(struct bg_https_errand *errand, enum bg_status status, struct bg_span reply);
void bg_errand_warn(const struct bg_https_errand *errand, const struct bg_error *error);
/* Of an answer that is no role's, with the sentence that came with it. */
void bg_errand_warn_of(const struct bg_https_errand *errand, const struct bg_https_reply *reply, enum bg_status status);
/* What the role at the other end said; false: it did not get that far. */
bool bg_errand_said(const struct bg_https_reply *reply, enum bg_status *ret_status);

/* The first step of an upload. */
BG_MUST_CHECK enum bg_status bg_errand_upload(struct bg_https_errand *errand);
