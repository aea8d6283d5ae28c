/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The routes of net/transport.h as HTTP: /v1/POPULATION/ and a path, perhaps with an argument as its last part; a
 * status travels as the HTTP status of base/status.h and, exactly, in the field Burgee-Status.
 */
#pragma once

#include "base/clock.h"
#include "net/http_server.h"
#include "net/transport.h"

#define BG_STATUS_FIELD "Burgee-Status"
#define BG_FRAMES_TYPE "application/octet-stream"
#define BG_ROUTE_PATH_BYTES 192 /* of any path, with its NUL */
#define BG_ROUTE_ARGUMENT_BYTES 32

/* Where the bytes of a request are. */
enum bg_route_argument {
    BG_ARGUMENT_NONE = 0, /* it has none */
    BG_ARGUMENT_BODY,
    BG_ARGUMENT_DIGEST,   /* 32 bytes, in the path as hex */
    BG_ARGUMENT_NUMBER,   /* a u64, in the path in decimal */
};

struct bg_http_route {
    enum bg_http_method method; /* GET or POST */
    const char *path;           /* behind the population */
    enum bg_route_argument argument;
    uint64_t request_most, reply_most; /* bytes of a body */
    uint64_t patience_ns;       /* how long an answer may keep a client waiting */
};

/* NULL: no such route. */
const struct bg_http_route *bg_http_route(enum bg_route route);

/* The path of a request with this body, with a NUL. BG_INVALID: the body is not what the route takes. */
BG_MUST_CHECK enum bg_status bg_http_route_path(enum bg_route route, const char *population, struct bg_span body,
                                                char ret_path[static BG_ROUTE_PATH_BYTES]);

/* What a path asks for. */
struct bg_http_target {
    const char *population; /* (population_size) inside the path */
    size_t population_size;
    const char *rest;       /* what is behind it, without the slash */
    enum bg_route route;    /* 0: none; and the bytes that the path holds of the request */
    uint8_t argument[BG_ROUTE_ARGUMENT_BYTES];
    size_t argument_size;
};

/* False unless the path is /v1/…/…; borrows it. */
bool bg_http_target_read(const char *path, struct bg_http_target *ret_target);

#define BG_STATUS_FIELD_BYTES 32
/* "ok", "stale-plan", …: the name of base/status.h. */
void bg_status_to_field(enum bg_status status, char ret_value[static BG_STATUS_FIELD_BYTES]);
/* False: no status has that name. */
bool bg_status_from_field(const char *value, enum bg_status *ret_status);
