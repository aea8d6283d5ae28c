/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_internal.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AHEAD_LIMIT ((size_t)16 << 10) /* ciphertext that is kept while the owner thinks, or a response is sent */
#define RECORD_BYTES ((size_t)16 << 10)
#define LEAVING_NS (5 * BG_SECOND)
#define RESTING_NS BG_SECOND

/* The only place that changes a state. */
static void enter(struct bg_http_connection *c, enum bg_http_state state)
{
    c->state = state;
    c->resting = false;
    c->since = c->thread->clock + c->thread->period_ns; /* the next tick: none comes early */
    c->progress = 0;
}

static const struct bg_http_limits *limits(const struct bg_http_connection *c)
{
    return &c->thread->server->settings.limits;
}

static struct bg_http_counters *counters(const struct bg_http_connection *c)
{
    return &c->thread->server->counters;
}

static void observe(const struct bg_http_connection *c, enum bg_http_notice_kind kind, unsigned http,
                    const struct bg_error *error)
{
    bg_http_observe(c->thread->server, kind, http, &c->peer, error);
}

/* ---- the end ---- */

static void on_closed(uv_handle_t *handle)
{
    struct bg_http_connection *c = handle->data;
    struct bg_http_thread *thread = c->thread;
    if (c->previous)
        c->previous->next = c->next;
    else
        thread->first = c->next;
    if (c->next)
        c->next->previous = c->previous;
    bg_tls_destroy(&c->tls);
    bg_http_parser_finish(&c->parser);
    bg_http_reply_destroy(&c->reply);
    free(c->ciphertext);
    free(c->kept_plain);
    free(c);
    atomic_fetch_sub(&thread->server->connections, 1);
    bg_http_thread_check_empty(thread);
}

/* The exchange goes on without it. */
static void let_go(struct bg_http_connection *c)
{
    struct bg_http_exchange *exchange = c->exchange;
    c->exchange = NULL;
    if (!exchange)
        return;
    exchange->connection = NULL;
    if (c->state == BG_HTTP_BODY)
        bg_http_body_end(exchange, BG_TRUNCATED);
}

void bg_http_connection_drop(struct bg_http_connection *c)
{
    if (c->state == BG_HTTP_CLOSED)
        return;
    let_go(c);
    c->thread->out.size = 0;
    enter(c, BG_HTTP_CLOSED);
    uv_close((uv_handle_t *)&c->tcp, on_closed);
}

/* ---- output ---- */

struct send {
    uv_write_t request;
    struct bg_http_connection *connection;
    size_t size;
    uint8_t bytes[];
};

static void run(struct bg_http_connection *c);

static void on_sent(uv_write_t *request, int failed)
{
    struct send *send = (struct send *)request;
    struct bg_http_connection *c = send->connection;
    c->writes--;
    c->progress += send->size;
    free(send);
    if (c->state == BG_HTTP_CLOSED)
        return;
    if (failed)
        bg_http_connection_drop(c);
    else
        run(c);
}

/* false: it failed. */
static bool queue(struct bg_http_connection *c, struct bg_span rest)
{
    struct send *send = malloc(sizeof *send + rest.size);
    if (!send)
        return false;
    send->connection = c;
    send->size = rest.size;
    memcpy(send->bytes, rest.data, rest.size);
    uv_buf_t buffer = uv_buf_init((char *)send->bytes, (unsigned)rest.size);
    if (uv_write(&send->request, (uv_stream_t *)&c->tcp, &buffer, 1, on_sent) != 0) {
        free(send);
        return false;
    }
    c->writes++;
    return true;
}

/* Gives what is in the thread's writer to the socket. */
static void flush(struct bg_http_connection *c)
{
    struct bg_writer *out = &c->thread->out;
    struct bg_span rest = bg_writer_span(out);
    bool lost = out->status != BG_OK;
    if (rest.size && !lost && c->state != BG_HTTP_CLOSED) {
        atomic_fetch_add(&counters(c)->bytes_out, rest.size);
        uv_buf_t buffer = uv_buf_init((char *)out->data, (unsigned)rest.size);
        int sent = c->writes ? 0 : uv_try_write((uv_stream_t *)&c->tcp, &buffer, 1);
        if (sent > 0) {
            c->progress += (size_t)sent;
            rest.data += sent;
            rest.size -= (size_t)sent;
        }
        lost = (sent < 0 && sent != UV_EAGAIN) || (rest.size && !queue(c, rest));
    }
    out->size = 0;
    if (lost) {
        bg_writer_finish(out);
        bg_writer_init(out);
        bg_http_connection_drop(c);
    }
}

/* false: the connection is gone. */
static bool say(struct bg_http_connection *c, struct bg_span plaintext)
{
    while (plaintext.size) {
        size_t taken;
        if (bg_tls_write(c->tls, plaintext, &taken) != BG_TLS_DONE) {
            bg_http_connection_drop(c);
            return false;
        }
        plaintext.data += taken;
        plaintext.size -= taken;
    }
    flush(c);
    return c->state != BG_HTTP_CLOSED;
}

static void on_shut_down(uv_shutdown_t *request, int failed)
{
    (void)request;
    (void)failed;
}

/* Lets the peer read what was sent: to close with its bytes unread would take that back. */
static void linger(struct bg_http_connection *c)
{
    if (c->state == BG_HTTP_CLOSED)
        return;
    let_go(c);
    enter(c, BG_HTTP_LEAVING);
    c->plain = (struct bg_span){0};
    bg_tls_feed(c->tls, c->plain);
    if (uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, on_shut_down) != 0)
        bg_http_connection_drop(c);
}

static void say_farewell(struct bg_http_connection *c)
{
    bg_tls_close(c->tls);
    flush(c);
}

static void reply(struct bg_http_connection *c, struct bg_http_reply *sent)
{
    if (!sent) {
        bg_http_connection_drop(c);
        return;
    }
    c->reply = sent;
    enter(c, BG_HTTP_REPLYING);
}

/* The server's own answer, the last on this connection. */
static void refuse(struct bg_http_connection *c, unsigned http, const struct bg_error *error)
{
    atomic_fetch_add(&counters(c)->requests_refused, 1);
    observe(c, BG_HTTP_NOTICE_REFUSED, http, error);
    let_go(c);
    reply(c, bg_http_reply_refusal(http, error, limits(c)->retry_after_seconds));
}

/* ---- input ---- */

/* Nothing more of the peer's can be used; without `error` because it has ended the connection. */
static void end_input(struct bg_http_connection *c, const struct bg_error *error)
{
    bool ended = !error;
    struct bg_error broken;
    if (!error) {
        bg_fail(&broken, BG_TRUNCATED, "the connection ended in the middle of a %s",
                c->state == BG_HTTP_HANDSHAKE ? "TLS handshake" : "request");
        error = &broken;
    }
    if (c->state == BG_HTTP_HANDSHAKE) {
        atomic_fetch_add(&counters(c)->handshakes_failed, 1);
        observe(c, BG_HTTP_NOTICE_HANDSHAKE_FAILED, 0, error);
    } else if (c->state != BG_HTTP_IDLE && c->state != BG_HTTP_LEAVING) {
        observe(c, BG_HTTP_NOTICE_BROKEN, 0, error);
    }
    flush(c);
    if (ended)
        bg_http_connection_drop(c);
    else
        linger(c);
}

/* Whether there is plaintext; otherwise there is nothing to do until more comes. */
static bool has_plain(struct bg_http_connection *c)
{
    struct bg_http_thread *thread = c->thread;
    enum bg_tls_step step = BG_TLS_DONE;
    struct bg_error error;
    size_t size = c->plain.size, got;
    if (size)
        return true;
    free(c->kept_plain);
    c->kept_plain = NULL;
    while (size < BG_HTTP_CHUNK) {
        step = bg_tls_read(c->tls, thread->plaintext + size, BG_HTTP_CHUNK - size, &got, &error);
        if (step != BG_TLS_DONE)
            break;
        size += got;
    }
    c->plain = (struct bg_span){thread->plaintext, size};
    if (step == BG_TLS_FAILED || (step == BG_TLS_CLOSED && !size)) {
        end_input(c, step == BG_TLS_FAILED ? &error : NULL);
        return false;
    }
    return size > 0;
}

/* ---- one step per state: whether there is another ---- */

static bool shake_hands(struct bg_http_connection *c)
{
    struct bg_error error;
    struct bg_peer peer;
    bool resumed;
    enum bg_tls_step step = bg_tls_handshake(c->tls, &error, &peer, &resumed);
    /* Its time runs from our last word. */
    if (c->thread->out.size)
        enter(c, BG_HTTP_HANDSHAKE);
    flush(c);
    if (c->state == BG_HTTP_CLOSED || step == BG_TLS_WANTS)
        return false;
    if (step != BG_TLS_DONE) {
        end_input(c, &error);
        return false;
    }
    memcpy(peer.address, c->peer.address, sizeof peer.address);
    c->peer = peer;
    atomic_fetch_add(&counters(c)->handshakes, 1);
    if (resumed)
        atomic_fetch_add(&counters(c)->resumptions, 1);
    enter(c, BG_HTTP_IDLE);
    return true;
}

static void begin_exchange(struct bg_http_connection *c)
{
    struct bg_http_server *server = c->thread->server;
    struct bg_http_head *head = bg_http_parser_take_head(&c->parser);
    struct bg_error error;
    atomic_fetch_add(&counters(c)->requests, 1);
    if (c->peer.authenticated && c->peer.not_after < (uint64_t)time(NULL)) {
        bg_http_head_destroy(&head);
        bg_tls_refuse_time(false, &error);
        refuse(c, 403, &error);
        return;
    }
    bool full = atomic_load(&server->exchanges) >= limits(c)->exchanges;
    c->exchange = full ? NULL : bg_http_exchange_create(c, head);
    if (!c->exchange) {
        bg_http_head_destroy(&head);
        bg_fail(&error, BG_BUSY, "as many requests as are served at a time are being served");
        refuse(c, 503, &error);
        return;
    }
    enter(c, BG_HTTP_WAITING);
    bg_http_hand_over(c->exchange);
}

static bool read_head(struct bg_http_connection *c)
{
    struct bg_span piece;
    struct bg_error error;
    unsigned http;
    if (!has_plain(c))
        return false;
    switch (bg_http_parser_next(&c->parser, &c->plain, &piece, &http, &error)) {
    case BG_HTTP_EVENT_HEAD:
        begin_exchange(c);
        return true;
    case BG_HTTP_EVENT_REFUSED:
        refuse(c, http, &error);
        return true;
    default:
        if (c->state == BG_HTTP_IDLE)
            enter(c, BG_HTTP_HEADING);
        return true;
    }
}

static void end_body(struct bg_http_connection *c, enum bg_status status)
{
    enter(c, BG_HTTP_WAITING);
    bg_http_body_end(c->exchange, status);
}

static bool read_body(struct bg_http_connection *c)
{
    struct bg_span piece;
    struct bg_error error;
    unsigned http;
    if (bg_http_parser_remaining(&c->parser) > 0 && !has_plain(c))
        return false;
    switch (bg_http_parser_next(&c->parser, &c->plain, &piece, &http, &error)) {
    case BG_HTTP_EVENT_BODY:
        c->progress += piece.size;
        if (!bg_http_body_take(c->exchange, piece))
            end_body(c, c->exchange->status);
        return true;
    case BG_HTTP_EVENT_END:
        end_body(c, BG_OK);
        return true;
    case BG_HTTP_EVENT_REFUSED:
        refuse(c, http, &error);
        return true;
    default:
        return true;
    }
}

static bool next_request(struct bg_http_connection *c)
{
    bg_http_reply_destroy(&c->reply);
    enter(c, bg_http_parser_inside(&c->parser) ? BG_HTTP_SKIPPING : BG_HTTP_IDLE);
    if (c->thread->stopping)
        bg_http_connection_retire(c);
    return true;
}

static bool send_reply(struct bg_http_connection *c)
{
    struct bg_span next = {0};
    while (c->writes == 0 && (next = bg_http_reply_next(c->reply, RECORD_BYTES)).size) {
        if (!say(c, next))
            return false;
        c->reply->sent += next.size;
    }
    if (next.size || c->writes)
        return false;
    if (c->reply->close) {
        say_farewell(c);
        linger(c);
        return true;
    }
    return next_request(c);
}

static bool skip_body(struct bg_http_connection *c)
{
    struct bg_span piece;
    struct bg_error error;
    unsigned http;
    if (bg_http_parser_remaining(&c->parser) > 0 && !has_plain(c))
        return false;
    switch (bg_http_parser_next(&c->parser, &c->plain, &piece, &http, &error)) {
    case BG_HTTP_EVENT_END:
        enter(c, BG_HTTP_IDLE);
        return true;
    case BG_HTTP_EVENT_REFUSED:
        bg_http_connection_drop(c);
        return false;
    default:
        c->progress += piece.size;
        return true;
    }
}

static bool step(struct bg_http_connection *c)
{
    switch (c->state) {
    case BG_HTTP_HANDSHAKE:
        return shake_hands(c);
    case BG_HTTP_IDLE:
    case BG_HTTP_HEADING:
        return read_head(c);
    case BG_HTTP_BODY:
        return read_body(c);
    case BG_HTTP_REPLYING:
        return send_reply(c);
    case BG_HTTP_SKIPPING:
        return skip_body(c);
    default:
        return false;
    }
}

/* ---- reading ---- */

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer)
{
    struct bg_http_connection *c = handle->data;
    (void)suggested;
    *ret_buffer = uv_buf_init((char *)c->thread->ciphertext, BG_HTTP_CHUNK);
}

static uint8_t *copy(struct bg_span bytes, struct bg_span more)
{
    uint8_t *copied = malloc(bytes.size + more.size);
    if (copied && bytes.size)
        memcpy(copied, bytes.data, bytes.size);
    if (copied && more.size)
        memcpy(copied + bytes.size, more.data, more.size);
    return copied;
}

/* What was not used up outlives the thread's buffers. false: out of memory. */
static bool keep(struct bg_http_connection *c, struct bg_span more)
{
    struct bg_span rest = bg_tls_unread(c->tls);
    uint8_t *kept = NULL;
    if (rest.size + more.size && (more.size || rest.data != c->ciphertext)) {
        kept = copy(rest, more);
        if (!kept)
            return false;
        rest = (struct bg_span){kept, rest.size + more.size};
    }
    if (kept || rest.size == 0) {
        free(c->ciphertext);
        c->ciphertext = kept;
        bg_tls_feed(c->tls, rest);
    }
    if (c->plain.size && !c->kept_plain) {
        c->kept_plain = copy(c->plain, (struct bg_span){0});
        c->plain.data = c->kept_plain;
        return c->kept_plain;
    }
    if (c->plain.size == 0) {
        free(c->kept_plain);
        c->kept_plain = NULL;
    }
    return true;
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct bg_http_connection *c = stream->data;
    struct bg_span got = {(const uint8_t *)buffer->base, size > 0 ? (size_t)size : 0};
    if (c->state == BG_HTTP_CLOSED || size == 0)
        return;
    if (size < 0) {
        end_input(c, NULL);
        return;
    }
    atomic_fetch_add(&counters(c)->bytes_in, got.size);
    if (c->state == BG_HTTP_LEAVING)
        return;
    if (bg_tls_unread(c->tls).size == 0)
        bg_tls_feed(c->tls, got);
    else if (!keep(c, got)) {
        bg_http_connection_drop(c);
        return;
    }
    run(c);
}

/* Whether more input is of use. While it is the owner's turn only to learn that the peer has gone, and not if a body is
 * on its way: what came of it before a break shall still be read. */
static bool wants_input(const struct bg_http_connection *c)
{
    if (c->state != BG_HTTP_WAITING && c->state != BG_HTTP_REPLYING)
        return true;
    return bg_http_parser_remaining(&c->parser) == 0 && bg_tls_unread(c->tls).size < AHEAD_LIMIT;
}

static void run(struct bg_http_connection *c)
{
    while (step(c))
        ;
    flush(c);
    if (c->state == BG_HTTP_CLOSED)
        return;
    if (!keep(c, (struct bg_span){0})) {
        bg_http_connection_drop(c);
        return;
    }
    bool wanted = wants_input(c);
    if (wanted != c->reading) {
        if (wanted)
            uv_read_start((uv_stream_t *)&c->tcp, on_room, on_read);
        else
            uv_read_stop((uv_stream_t *)&c->tcp);
        c->reading = wanted;
    }
}

/* ---- from outside ---- */

static void on_turned_away(uv_handle_t *handle)
{
    free(handle);
}

static void turn_away(struct bg_http_thread *thread)
{
    struct bg_error error;
    uv_tcp_t *tcp = malloc(sizeof *tcp);
    if (!tcp)
        return;
    uv_tcp_init(&thread->loop, tcp);
    uv_accept((uv_stream_t *)&thread->listener, (uv_stream_t *)tcp);
    uv_close((uv_handle_t *)tcp, on_turned_away);
    atomic_fetch_add(&thread->server->counters.connections_refused, 1);
    bg_fail(&error, BG_BUSY, "as many connections as are held at a time are open");
    bg_http_observe(thread->server, BG_HTTP_NOTICE_REFUSED, 503, NULL, &error);
}

static void read_address(struct bg_http_connection *c)
{
    struct sockaddr_storage address;
    int size = sizeof address;
    if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&address, &size) == 0)
        uv_ip_name((const struct sockaddr *)&address, c->peer.address, sizeof c->peer.address);
}

void bg_http_connection_accept(struct bg_http_thread *thread)
{
    struct bg_http_server *server = thread->server;
    bool full = atomic_fetch_add(&server->connections, 1) >= server->settings.limits.connections;
    struct bg_http_connection *c = full ? NULL : calloc(1, sizeof *c);
    if (c)
        c->tls = bg_tls_create(thread->tls, &thread->out);
    if (!c || !c->tls) {
        free(c);
        atomic_fetch_sub(&server->connections, 1);
        turn_away(thread);
        return;
    }
    c->thread = thread;
    c->next = thread->first;
    if (c->next)
        c->next->previous = c;
    thread->first = c;
    bg_http_parser_init(&c->parser, server->settings.limits.head_bytes);
    uv_tcp_init(&thread->loop, &c->tcp);
    c->tcp.data = c;
    atomic_fetch_add(&server->counters.connections, 1);
    enter(c, BG_HTTP_HANDSHAKE);
    if (uv_accept((uv_stream_t *)&thread->listener, (uv_stream_t *)&c->tcp) != 0) {
        bg_http_connection_drop(c);
        return;
    }
    uv_tcp_nodelay(&c->tcp, 1);
    read_address(c);
    run(c);
}

static void begin_body(struct bg_http_connection *c)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    enter(c, BG_HTTP_BODY);
    if (c->exchange->head->expects_continue)
        say(c, (struct bg_span){(const uint8_t *)go_on, sizeof go_on - 1});
}

void bg_http_connection_obey(struct bg_http_exchange *exchange)
{
    struct bg_http_connection *c = exchange->connection;
    if (exchange->wish != BG_HTTP_RESPOND) {
        if (!bg_http_body_begin(exchange)) {
            bg_http_body_end(exchange, exchange->status);
            return;
        }
        begin_body(c);
        run(c);
        return;
    }
    if (c) {
        c->exchange = NULL;
        reply(c, exchange->reply);
        exchange->reply = NULL;
    }
    bg_http_exchange_destroy(exchange);
    if (c)
        run(c);
}

static bool stands_still(struct bg_http_connection *c, uint64_t now, uint64_t patience_ns)
{
    if (now - c->since < patience_ns)
        return false;
    if (c->progress < limits(c)->body_least_bytes)
        return true;
    c->since = now;
    c->progress = 0;
    return false;
}

void bg_http_connection_check_deadline(struct bg_http_connection *c)
{
    const struct bg_http_limits *limit = limits(c);
    uint64_t clock = c->thread->clock, waited = clock > c->since ? clock - c->since : 0, now = c->since + waited;
    struct bg_error error;
    if (c->state == BG_HTTP_HANDSHAKE && waited >= limit->handshake_ns) {
        bg_fail(&error, BG_TOO_LATE, "the TLS handshake took too long");
        end_input(c, &error);
    } else if (c->state == BG_HTTP_IDLE && waited >= limit->idle_ns) {
        bg_http_connection_retire(c);
    } else if ((c->state == BG_HTTP_IDLE || c->state == BG_HTTP_WAITING) && waited >= RESTING_NS && !c->resting) {
        c->resting = true;
        bg_tls_rest(c->tls);
        c->thread->rested++;
    } else if ((c->state == BG_HTTP_HEADING && waited >= limit->head_ns) ||
               (c->state == BG_HTTP_BODY && stands_still(c, now, limit->body_ns))) {
        bg_fail(&error, BG_TOO_LATE, "the request's %s came too slowly",
                c->state == BG_HTTP_BODY ? "body" : "head");
        refuse(c, 408, &error);
        run(c);
    } else if ((c->state == BG_HTTP_REPLYING && stands_still(c, now, limit->response_ns)) ||
               (c->state == BG_HTTP_SKIPPING && stands_still(c, now, limit->body_ns))) {
        bg_fail(&error, BG_TOO_LATE, "the peer took too long to %s", c->state == BG_HTTP_REPLYING
                                                                          ? "read its response"
                                                                          : "send the rest of a body");
        end_input(c, &error);
    } else if (c->state == BG_HTTP_LEAVING && waited >= LEAVING_NS) {
        bg_http_connection_drop(c);
    }
}

void bg_http_connection_retire(struct bg_http_connection *c)
{
    bool talked = c->state == BG_HTTP_IDLE || c->state == BG_HTTP_SKIPPING;
    if (talked)
        say_farewell(c);
    if (talked || c->state == BG_HTTP_HANDSHAKE || c->state == BG_HTTP_HEADING)
        bg_http_connection_drop(c);
}
