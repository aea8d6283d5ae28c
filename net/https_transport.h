/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The routes of net/transport.h over HTTPS, both sides. Which method and path a route has, and how a status travels
 * (field `Burgee-Status`, beside the HTTP status of base/status.h), is in docs/PROTOCOL.md.
 *
 * An update (BG_ROUTE_UPDATE) is sent as a resumable upload (draft-ietf-httpbis-resumable-upload): it goes on where
 * the server has it, after any break, until its answer is there.
 */
#pragma once

#include "net/http_server.h"
#include "net/https_client.h"
#include "net/transport.h"

struct bg_https_transport;

struct bg_https_transport_settings {
    struct bg_https_client *client; /* kept */
    const char *url;                /* "https://host:port"; copied */
    const char *population;         /* copied */
    struct bg_digest pin;           /* of the server's SubjectPublicKeyInfo */
    uint64_t patience_ns;           /* longest pause between tries of an upload: doubles up to it, jittered */
    unsigned tries;                 /* of an upload without any progress, before it is answered with BG_IO or BG_BUSY */
    uint64_t seed;                  /* of the jitter */
    void (*warn)(void *context, const struct bg_error *error); /* a request failed, and why; may be NULL */
    void *context;
};

/* BG_INVALID: the URL is no "https://host:port". */
BG_MUST_CHECK enum bg_status bg_https_transport_create(const struct bg_https_transport_settings *settings,
                                                       struct bg_error *error,
                                                       struct bg_https_transport **ret_transport);
/* Requests without a reply so far get none. Before the client is destroyed, not from inside a reply. */
void bg_https_transport_destroy(struct bg_https_transport **transport);
/* Where a request carries held bytes they are kept instead of copied. What keeps an answer from coming, on any layer,
 * is BG_IO, or BG_BUSY if the server says so: a role tries again. */
struct bg_transport *bg_https_transport(struct bg_https_transport *transport);
/* Bytes of update bodies sent so far, however often. */
uint64_t bg_https_transport_sent(const struct bg_https_transport *transport);

/* ---- the serving side ---- */

struct bg_https_service;

struct bg_https_service_settings {
    const char *population;      /* copied */
    uint32_t routes;             /* bit per enum bg_route that is served */
    const char *uploads;         /* folder for updates on their way, made if absent; NULL without that route */
    uint64_t upload_most_bytes;  /* of one update */
    uint64_t uploads_most_bytes; /* of all on their way: 507 beyond */
    /* An update was turned away for want of room; may be NULL. */
    void (*full)(void *context, const struct bg_peer *peer, const struct bg_error *error);
    bg_serve_function *serve;    /* the role; on the loop's thread */
    void *server;
    void (*enter)(void *context); /* around every call of serve; may be NULL */
    void (*leave)(void *context);
    void *context;
};

/* Goes on with uploads that it finds in the folder: their names say whose they are. BG_IO names the folder. */
BG_MUST_CHECK enum bg_status bg_https_service_create(const struct bg_https_service_settings *settings,
                                                     struct bg_error *error, struct bg_https_service **ret_service);
/* After the HTTP server and the role are: calls that have no answer never get one. */
void bg_https_service_destroy(struct bg_https_service **service);
/* Whether the path is one of the routes; then the exchange is taken and will be answered. Who may ask what is decided
 * before (BG_PERMISSION is the caller's answer to strangers). */
bool bg_https_service_take(struct bg_https_service *service, struct bg_http_exchange *exchange);

/* The file that these bytes are a mapping of; NULL: not those of an upload. Whole and synced until the request is
 * answered; then its name goes, unless the answer is BG_IO, BG_BUSY or BG_NO_MEMORY, after which it may come again. */
const char *bg_https_upload_file(const struct bg_held_bytes *held);

/* Answers with a status and its sentence as application/problem+json. */
void bg_http_refuse(struct bg_http_exchange *exchange, enum bg_status status, const char *sentence);
/* Answers as a role has: with frames if BG_OK. */
void bg_http_answer(struct bg_http_exchange *exchange, enum bg_status status, struct bg_span reply);
