/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 requests out of bytes, without I/O. Where two readers could understand a request differently it is refused:
 *
 *   - lines end in CR LF, none is empty before the request line or continued by the next (obs-fold);
 *   - printable ASCII alone, in paths printable UTF-8 once decoded;
 *   - no field comes twice; Host comes once;
 *   - a body has either a Content-Length in digits or `Transfer-Encoding: chunked`, chunks have no extensions and no
 *     trailers;
 *   - the target is a path: "/", no empty segments, no "." or "..", encoded or not, no encoded '/', and a query.
 *
 *   next ─▶ HEAD ─ take_head ─▶ next ─▶ BODY … ─▶ END ─▶ next: the request after it
 */
#pragma once

#include "base/error.h"
#include "base/span.h"
#include "net/http_server.h"

#define BG_HTTP_FIELD_LIMIT 64

/* One block: free it with bg_http_head_destroy. Texts point into it. */
struct bg_http_head {
    enum bg_http_method method;
    const char *path, *query;
    bool chunked;
    bool keep_alive;
    bool expects_continue;
    uint64_t content_length; /* UINT64_MAX: chunked; 0: no body */
    char *text;              /* owned: what path, query and fields point into */
    size_t field_count;
    struct bg_http_field fields[];
};

/* NULL: absent. */
const char *bg_http_head_field(const struct bg_http_head *head, const char *name);
void bg_http_head_destroy(struct bg_http_head **head);

enum bg_http_event {
    BG_HTTP_EVENT_WANTS = 0, /* more input; what was given is used up */
    BG_HTTP_EVENT_HEAD,
    BG_HTTP_EVENT_BODY,      /* a piece of it */
    BG_HTTP_EVENT_END,       /* of the request */
    BG_HTTP_EVENT_REFUSED,   /* nothing after it has a meaning */
};

/* Caller's memory; allocates while it reads a head. */
struct bg_http_parser {
    size_t head_limit;
    int phase;
    bool line_empty;         /* of the head: the line that is being read, so far */
    unsigned digits;         /* of a chunk's size, so far */
    uint64_t remaining;      /* bytes of the body, or of a chunk; while a chunk's size is read, that size so far */
    struct bg_writer text;   /* of the head so far */
    struct bg_http_head *head;
};

void bg_http_parser_init(struct bg_http_parser *parser, size_t head_limit);
void bg_http_parser_finish(struct bg_http_parser *parser);
/* Consumes from the front of *input, at most up to the event. BODY: *ret_piece, in the input. REFUSED: *ret_http is the
 * status to answer with, the sentence says why; BG_NO_MEMORY in it: it was not the request's fault. */
enum bg_http_event bg_http_parser_next(struct bg_http_parser *parser, struct bg_span *input,
                                       struct bg_span *ret_piece, unsigned *ret_http, struct bg_error *error);
/* After HEAD, gives it. */
struct bg_http_head *bg_http_parser_take_head(struct bg_http_parser *parser);
/* Whether a request has begun and not ended. */
bool bg_http_parser_inside(const struct bg_http_parser *parser);
/* Bytes of the body that are still to come; UINT64_MAX: unknown. */
uint64_t bg_http_parser_remaining(const struct bg_http_parser *parser);
