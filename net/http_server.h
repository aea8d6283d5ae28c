/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTPS server (HTTP/1.1). Connections live on I/O threads of its own, which do TLS, parse, read bodies and write
 * them to files; every request is decided upon on the thread of the owner's loop. Nothing of a body is read before the
 * owner asks for it, and `100 Continue` is sent only then.
 *
 *   serve(exchange): the head is there  ─▶ bg_http_read or bg_http_receive ─▶ done ─▶ bg_http_respond
 *                                       └─▶ bg_http_respond at once: refuses the body unread
 *
 * An exchange may be answered at any later time (long polls). Exactly one response ends it, also where the connection
 * has broken meanwhile. Requests that are ambiguous (lengths, smuggling), too large, too slow or no HTTP are answered
 * or dropped by the server itself and only observed.
 */
#pragma once

#include "base/error.h"
#include "net/credentials.h"
#include "net/loop.h"

struct bg_http_server;
struct bg_http_exchange;

enum bg_http_method {
    BG_HTTP_GET = 0,
    BG_HTTP_HEAD,
    BG_HTTP_POST,
    BG_HTTP_PUT,
    BG_HTTP_PATCH,
    BG_HTTP_DELETE,
    BG_HTTP_METHOD_COUNT
};

struct bg_http_limits {
    size_t connections;      /* at a time; over it new ones are turned away */
    size_t exchanges;        /* at a time; over it 503 with Retry-After before the body */
    size_t memory_bytes;     /* of bodies read into memory at a time; over it the same */
    size_t head_bytes;       /* 431 */
    uint64_t handshake_ns, head_ns, idle_ns; /* deadlines of these states; of a handshake for each answer */
    uint64_t body_ns;        /* longest time a body may make less than body_least_bytes … */
    size_t body_least_bytes; /* … of progress: 408 */
    uint64_t response_ns;    /* the same for responses */
    unsigned retry_after_seconds;
};
extern const struct bg_http_limits bg_http_limits_default;

/* What the server did by itself. From I/O threads, several at once. */
enum bg_http_notice_kind {
    BG_HTTP_NOTICE_HANDSHAKE_FAILED = 0, /* error: "certificate revoked", "expired", … */
    BG_HTTP_NOTICE_REFUSED,              /* http status, error */
    BG_HTTP_NOTICE_BROKEN,               /* the connection ended in the middle of a request */
};
struct bg_http_notice {
    enum bg_http_notice_kind kind;
    unsigned http;
    const struct bg_peer *peer; /* as far as it is known */
    const struct bg_error *error;
};

struct bg_http_server_settings {
    struct bg_loop *loop;     /* kept: whose thread serves */
    const char *address;      /* numeric, IPv4 or IPv6 */
    uint16_t port;            /* 0: any free one */
    unsigned threads;         /* for I/O, at least 1 */
    struct bg_credentials credentials; /* copied */
    bool strangers;           /* peers may show no certificate; otherwise the handshake fails */
    struct bg_http_limits limits;
    void (*serve)(void *context, struct bg_http_exchange *exchange); /* on the loop's thread */
    void (*observe)(void *context, const struct bg_http_notice *notice); /* may be NULL */
    void *context;
};

/* Listens when it returns. BG_IO names address and port; BG_BAD_KEY, BG_DECODE: credentials. */
BG_MUST_CHECK enum bg_status bg_http_server_create(const struct bg_http_server_settings *settings,
                                                   struct bg_error *error, struct bg_http_server **ret_server);
uint16_t bg_http_server_port(const struct bg_http_server *server);
/* Accepts no more connections or requests; exchanges under way may be answered; `stopped` is called on the loop's
 * thread when the last connection is closed, or after `patience_ns`. */
void bg_http_server_stop(struct bg_http_server *server, uint64_t patience_ns, void (*stopped)(void *context),
                         void *context);
/* Drops what connections there are. */
void bg_http_server_destroy(struct bg_http_server **server);

struct bg_http_stats {
    uint64_t connections_open, connections, connections_refused;
    uint64_t handshakes, resumptions, handshakes_failed;
    uint64_t requests, requests_refused; /* refused: by the server itself */
    uint64_t bytes_in, bytes_out;        /* of TLS records */
};
struct bg_http_stats bg_http_server_stats(const struct bg_http_server *server);

/* ---- one exchange; on the loop's thread ---- */

enum bg_http_method bg_http_method(const struct bg_http_exchange *exchange);
const char *bg_http_path(const struct bg_http_exchange *exchange);  /* decoded, without query; begins with '/' */
const char *bg_http_query(const struct bg_http_exchange *exchange); /* as sent, without '?'; "" */
/* The value of a header field; NULL: absent. Names in any case; duplicates of a field were refused. */
const char *bg_http_header(const struct bg_http_exchange *exchange, const char *name);
/* UINT64_MAX: chunked. 0: no body. */
uint64_t bg_http_content_length(const struct bg_http_exchange *exchange);
const struct bg_peer *bg_http_peer(const struct bg_http_exchange *exchange);

/* `body` is borrowed until the response. BG_TOO_LARGE, BG_BUSY (over the memory limit), BG_TRUNCATED (the connection
 * broke), BG_NO_MEMORY. */
typedef void bg_http_body_function(void *context, struct bg_http_exchange *exchange, enum bg_status status,
                                   struct bg_span body);
/* The whole body into memory, at most `limit` bytes. `done` is called later, exactly once. */
void bg_http_read(struct bg_http_exchange *exchange, size_t limit, bg_http_body_function *done, void *context);

/* `written` bytes are in the file, also where the connection broke (BG_TRUNCATED); BG_TOO_LARGE, BG_IO
 * (`error_number`). BG_FAULT: making it durable failed (`error_number`), what the file has cannot be relied upon. */
typedef void bg_http_file_function(void *context, struct bg_http_exchange *exchange, enum bg_status status,
                                   uint64_t written, int error_number);
/* The whole body into a file from `offset` on, as it arrives, at most `limit` bytes; made durable (fdatasync) before
 * `done` where `durable`. The file must stay open until then. */
void bg_http_receive(struct bg_http_exchange *exchange, int file, uint64_t offset, uint64_t limit, bool durable,
                     bg_http_file_function *done, void *context);

/* Ends the reading of its body as if the connection had broken: the function that bg_http_read or bg_http_receive was
 * given and that has not been called yet is called with BG_TRUNCATED, or with what came in the meantime, later. */
void bg_http_abort(struct bg_http_exchange *exchange);

/* Bytes that many responses share. */
struct bg_http_content;
/* Copies; one reference is the caller's. NULL: out of memory. */
struct bg_http_content *bg_http_content_create(struct bg_span bytes);
void bg_http_content_release(struct bg_http_content *content);
/* As long as the reference. */
struct bg_span bg_http_content_bytes(const struct bg_http_content *content);

struct bg_http_field {
    const char *name, *value;
};
struct bg_http_response {
    unsigned status;
    const char *content_type;             /* NULL: none */
    struct bg_span body;                  /* copied; or … */
    struct bg_http_content *content;      /* … NULL, or bytes first … first + size of it; a reference is taken */
    size_t content_first, content_size;
    const struct bg_http_field *fields;   /* (field_count) copied */
    size_t field_count;
    bool close;                           /* the connection afterwards */
};
/* Ends the exchange, which is gone afterwards. */
void bg_http_respond(struct bg_http_exchange *exchange, const struct bg_http_response *response);
