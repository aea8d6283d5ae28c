/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTPS requests on a loop (libcurl). A server is believed by its key: every request names the pin of the one it may
 * be sent to. Connections are kept for a while and resumed; none is held open for nothing.
 */
#pragma once

#include "base/error.h"
#include "net/credentials.h"
#include "net/loop.h"

struct bg_https_client;
struct bg_https_call;

struct bg_https_settings {
    struct bg_loop *loop;              /* kept */
    struct bg_credentials credentials; /* copied; certificate NULL: before enrolment */
    const char *proxy;                 /* URL; NULL: as the environment says; "": none */
    uint64_t connect_ns;               /* longest time to connect, TLS included */
    uint64_t idle_ns;                  /* after that without a request connections are closed */
};

/* Credentials that are none show at the first request. */
BG_MUST_CHECK enum bg_status bg_https_client_create(const struct bg_https_settings *settings, struct bg_error *error,
                                                    struct bg_https_client **ret_client);
/* Cancels what is under way: its functions are not called. Not from inside one of them. */
void bg_https_client_destroy(struct bg_https_client **client);
struct bg_loop *bg_https_client_loop(const struct bg_https_client *client);

struct bg_https_field {
    const char *name, *value;
};

struct bg_https_request {
    const char *method, *url;  /* copied */
    struct bg_digest pin;      /* SHA-256 of the server's SubjectPublicKeyInfo */
    const struct bg_https_field *fields; /* (field_count) copied */
    size_t field_count;
    struct bg_span body;       /* borrowed until the reply */
    size_t reply_limit;        /* more is BG_TOO_LARGE */
    uint64_t timeout_ns;       /* without any progress once connected; 0: none (long polls name theirs) */
};

/* A response that came, whatever it says, is BG_OK. Otherwise nobody knows whether the request was served:
 *   BG_IO           the name does not resolve, no connection, it broke, or it stood still
 *   BG_BAD_KEY      not the server that is pinned, or no certificate of the authority in its time
 *   BG_REFUSED      the server refuses this device's certificate
 *   BG_DECODE       what came is no HTTP/1.1 response
 *   BG_TOO_LARGE    the response is larger than reply_limit
 *   BG_NO_MEMORY
 */
struct bg_https_reply {
    enum bg_status status;
    const struct bg_error *error; /* NULL if BG_OK; else it names the URL, and says what to look at */
    unsigned http;
    struct bg_span body;
    uint64_t sent;         /* bytes of the body that left, or were about to: not all of them need have come */
    const struct bg_https_call *call;
};

/* Value of a response's header field, borrowed until the next call; NULL: absent. */
const char *bg_https_field(const struct bg_https_reply *reply, const char *name);

/* May send and cancel other requests; `reply` is gone when it returns. */
typedef void bg_https_function(void *context, const struct bg_https_reply *reply);

/* After BG_OK `on_reply` is called exactly once, later, unless it is cancelled. BG_NO_MEMORY, BG_INVALID: the URL is
 * no https one, or a field has a line break. */
BG_MUST_CHECK enum bg_status bg_https_send(struct bg_https_client *client, const struct bg_https_request *request,
                                           bg_https_function *on_reply, void *context,
                                           struct bg_https_call **ret_call);
/* Its function is not called. */
void bg_https_cancel(struct bg_https_call *call);
