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
    uint64_t idle_ns;                  /* a connection without a request is closed after that */
};

BG_MUST_CHECK enum bg_status bg_https_client_create(const struct bg_https_settings *settings, struct bg_error *error,
                                                    struct bg_https_client **ret_client);
/* Cancels what is under way: its functions are not called. */
void bg_https_client_destroy(struct bg_https_client **client);

struct bg_https_field {
    const char *name, *value;
};
struct bg_https_request {
    const char *method, *url;
    struct bg_digest pin;  /* SHA-256 of the server's SubjectPublicKeyInfo */
    const struct bg_https_field *fields; /* (field_count) copied */
    size_t field_count;
    struct bg_span body;   /* borrowed until the reply; or, with file ≥ 0, … */
    int file;
    uint64_t file_first, file_size; /* … these bytes of it */
    size_t reply_limit;    /* more is BG_TOO_LARGE */
    uint64_t timeout_ns;   /* without any progress; 0: none (long polls name theirs) */
};

struct bg_https_reply {
    enum bg_status status; /* BG_OK: a whole response came, whatever it says */
    const struct bg_error *error; /* else: names the URL, and tells DNS, connection, proxy, certificate, clock apart */
    unsigned http;
    struct bg_span body;
    uint64_t sent;         /* bytes of the body that left */
    const struct bg_https_call *call; /* for bg_https_field */
};
/* Value of a response's header field; NULL: absent. */
const char *bg_https_field(const struct bg_https_reply *reply, const char *name);

typedef void bg_https_function(void *context, const struct bg_https_reply *reply);
/* After BG_OK `on_reply` is called exactly once, later, unless it is cancelled. */
BG_MUST_CHECK enum bg_status bg_https_send(struct bg_https_client *client, const struct bg_https_request *request,
                                           bg_https_function *on_reply, void *context,
                                           struct bg_https_call **ret_call);
void bg_https_cancel(struct bg_https_call *call);
