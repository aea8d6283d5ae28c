/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_server.h"

#include "base/clock.h"
#include "net/http_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SESSIONS ((size_t)16384)
#define SESSION_NS (12 * 3600 * BG_SECOND)

const struct bg_http_limits bg_http_limits_default = {
    .connections = 12000,
    .exchanges = 4096,
    .memory_bytes = (size_t)64 << 20,
    .head_bytes = (size_t)16 << 10,
    .handshake_ns = 60 * BG_SECOND,
    .head_ns = 20 * BG_SECOND,
    .idle_ns = 120 * BG_SECOND,
    .body_ns = 30 * BG_SECOND,
    .body_least_bytes = (size_t)4 << 10,
    .response_ns = 30 * BG_SECOND,
    .retry_after_seconds = 5,
};

void bg_http_observe(struct bg_http_server *server, enum bg_http_notice_kind kind, unsigned http,
                     const struct bg_peer *peer, const struct bg_error *error)
{
    const struct bg_http_notice notice = {.kind = kind, .http = http, .peer = peer, .error = error};
    if (server->settings.observe)
        server->settings.observe(server->settings.context, &notice);
}

/* ---- the owner's turn ---- */

static void deliver(struct bg_http_server *server, struct bg_http_exchange *exchange)
{
    enum bg_status status = exchange->status;
    switch (exchange->wish) {
    case BG_HTTP_SERVE:
        server->settings.serve(server->settings.context, exchange);
        break;
    case BG_HTTP_READ:
        exchange->on_body(exchange->context, exchange, status,
                          status ? (struct bg_span){0} : (struct bg_span){exchange->memory, exchange->memory_size});
        break;
    default:
        exchange->on_file(exchange->context, exchange, status, exchange->written, exchange->error_number);
        break;
    }
}

static struct bg_http_exchange *take_ready(struct bg_http_server *server, bool *ret_closed)
{
    pthread_mutex_lock(&server->lock);
    struct bg_http_exchange *first = server->ready_first;
    server->ready_first = server->ready_last = NULL;
    server->announced = false;
    *ret_closed = server->threads_open == 0;
    pthread_mutex_unlock(&server->lock);
    return first;
}

/* On the owner's thread. An owner may destroy the server from inside: what it has not seen is then dealt with there. */
static void take_turn(void *argument)
{
    struct bg_http_server *server = argument;
    bool closed, gone = false;
    server->turn = take_ready(server, &closed);
    server->gone_in_turn = &gone;
    while (!gone && server->turn) {
        struct bg_http_exchange *exchange = server->turn;
        server->turn = exchange->next;
        deliver(server, exchange);
    }
    if (gone)
        return;
    server->gone_in_turn = NULL;
    if (closed && server->stopped) {
        void (*stopped)(void *context) = server->stopped;
        server->stopped = NULL;
        stopped(server->stopped_context);
    }
}

/* With the lock held. */
static void announce(struct bg_http_server *server)
{
    if (!server->announced)
        server->announced = bg_loop_post(server->settings.loop, take_turn, server) == BG_OK;
}

void bg_http_announce(struct bg_http_server *server)
{
    pthread_mutex_lock(&server->lock);
    if (server->ready_first)
        announce(server);
    pthread_mutex_unlock(&server->lock);
}

void bg_http_hand_over(struct bg_http_exchange *exchange)
{
    struct bg_http_server *server = exchange->server;
    exchange->next = NULL;
    pthread_mutex_lock(&server->lock);
    if (server->ready_last)
        server->ready_last->next = exchange;
    else
        server->ready_first = exchange;
    server->ready_last = exchange;
    announce(server);
    pthread_mutex_unlock(&server->lock);
}

void bg_http_thread_closed(struct bg_http_server *server)
{
    pthread_mutex_lock(&server->lock);
    if (--server->threads_open == 0)
        announce(server);
    pthread_mutex_unlock(&server->lock);
}

/* ---- the server ---- */

static enum bg_status make_threads(struct bg_http_server *server, struct bg_error *error)
{
    const struct bg_http_server_settings *settings = &server->settings;
    for (unsigned i = 0; i < server->thread_count; i++) {
        struct bg_http_thread *thread = &server->threads[i];
        enum bg_status status = bg_tls_server_create(&settings->credentials, settings->strangers, server->cache,
                                                     error, &thread->tls);
        if (!status)
            status = bg_http_thread_init(thread, server, error);
        if (status)
            return status;
    }
    for (unsigned i = 0; i < server->thread_count; i++) {
        enum bg_status status = bg_http_thread_start(&server->threads[i], error);
        if (status)
            return status;
    }
    return BG_OK;
}

enum bg_status bg_http_server_create(const struct bg_http_server_settings *settings, struct bg_error *error,
                                     struct bg_http_server **ret_server)
{
    assert(settings->threads >= 1 && settings->serve && settings->loop);
    struct bg_http_server *server = calloc(1, sizeof *server);
    if (!server)
        return bg_fail(error, BG_NO_MEMORY, "no memory for a server");
    pthread_mutex_init(&server->lock, NULL);
    server->settings = *settings;
    server->port = settings->port;
    server->thread_count = server->threads_open = settings->threads;
    server->threads = calloc(settings->threads, sizeof *server->threads);
    server->cache = bg_tls_cache_create(SESSIONS, SESSION_NS);
    enum bg_status status = server->threads && server->cache
                                ? make_threads(server, error)
                                : bg_fail(error, BG_NO_MEMORY, "no memory for a server");
    if (status) {
        bg_http_server_destroy(&server);
        return status;
    }
    server->settings.credentials = (struct bg_credentials){0};
    server->settings.address = NULL;
    *ret_server = server;
    return BG_OK;
}

uint16_t bg_http_server_port(const struct bg_http_server *server)
{
    return server->port;
}

void bg_http_server_stop(struct bg_http_server *server, uint64_t patience_ns, void (*stopped)(void *context),
                         void *context)
{
    assert(!server->stopping);
    server->stopping = true;
    server->stopped = stopped;
    server->stopped_context = context;
    for (unsigned i = 0; i < server->thread_count; i++)
        bg_http_thread_stop(&server->threads[i], patience_ns);
}

void bg_http_server_free(struct bg_http_server *server)
{
    pthread_mutex_destroy(&server->lock);
    free(server->threads);
    free(server);
}

/* Those that the owner waits for hear that they have failed; it never hears of the others. */
static void drop(struct bg_http_server *server, struct bg_http_exchange *exchange)
{
    while (exchange) {
        struct bg_http_exchange *next = exchange->next;
        if (exchange->wish == BG_HTTP_SERVE)
            bg_http_exchange_destroy(exchange);
        else
            deliver(server, exchange);
        exchange = next;
    }
}

void bg_http_server_destroy(struct bg_http_server **server)
{
    struct bg_http_server *s = *server;
    bool closed;
    if (!s)
        return;
    *server = NULL;
    for (unsigned i = 0; s->threads && i < s->thread_count; i++)
        bg_http_thread_finish(&s->threads[i]);
    bg_loop_forget(s->settings.loop, s);
    bg_tls_cache_destroy(&s->cache);
    if (s->gone_in_turn)
        *s->gone_in_turn = true;
    s->gone = true;
    atomic_fetch_add(&s->exchanges, 1); /* ours, until the end of this function */
    drop(s, s->turn);
    drop(s, take_ready(s, &closed));
    if (atomic_fetch_sub(&s->exchanges, 1) == 1)
        bg_http_server_free(s);
}

struct bg_http_stats bg_http_server_stats(const struct bg_http_server *server)
{
    const struct bg_http_counters *c = &server->counters;
    return (struct bg_http_stats){
        .connections_open = atomic_load(&server->connections),
        .connections = atomic_load(&c->connections),
        .connections_refused = atomic_load(&c->connections_refused),
        .handshakes = atomic_load(&c->handshakes),
        .resumptions = atomic_load(&c->resumptions),
        .handshakes_failed = atomic_load(&c->handshakes_failed),
        .requests = atomic_load(&c->requests),
        .requests_refused = atomic_load(&c->requests_refused),
        .bytes_in = atomic_load(&c->bytes_in),
        .bytes_out = atomic_load(&c->bytes_out),
    };
}
