/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096
#define TICK_MOST_MS 1000
#define TICK_LEAST_MS 5
#define RESTED_LEAST 64

/* ---- the listener ---- */

static int parse_address(const char *text, uint16_t port, struct sockaddr_storage *ret_address, socklen_t *ret_size)
{
    memset(ret_address, 0, sizeof *ret_address);
    *ret_size = sizeof(struct sockaddr_in);
    if (uv_ip4_addr(text, port, (struct sockaddr_in *)ret_address) == 0)
        return 0;
    *ret_size = sizeof(struct sockaddr_in6);
    return uv_ip6_addr(text, port, (struct sockaddr_in6 *)ret_address);
}

/* The first socket of a server binds alone, so that a port in use is noticed, and shares its port afterwards with those
 * of the other threads. */
static int bind_socket(int file, const struct sockaddr_storage *address, socklen_t size, bool first)
{
    int on = 1;
    if (setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
        return errno;
    if (!first && setsockopt(file, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
        return errno;
    if (bind(file, (const struct sockaddr *)address, size) != 0)
        return errno;
    if (first && setsockopt(file, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
        return errno;
    return 0;
}

static uint16_t bound_port(int file)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (getsockname(file, (struct sockaddr *)&address, &size) != 0)
        return 0;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

static void on_connection(uv_stream_t *listener, int failed)
{
    if (!failed)
        bg_http_connection_accept(listener->data);
}

static enum bg_status open_listener(struct bg_http_thread *thread, struct bg_error *error)
{
    struct bg_http_server *server = thread->server;
    const char *text = server->settings.address;
    bool first = thread == server->threads;
    struct sockaddr_storage address;
    socklen_t size;
    if (parse_address(text, server->port, &address, &size) != 0)
        return bg_fail(error, BG_INVALID, "the address to listen on, %s, is not a numeric one", text);
    int file = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int failed = file < 0 ? errno : bind_socket(file, &address, size, first);
    if (!failed) {
        server->port = bound_port(file);
        failed = -uv_tcp_open(&thread->listener, file);
    }
    if (failed) {
        if (file >= 0)
            close(file);
        return bg_fail(error, BG_IO, "cannot listen on %s port %u: %s", text, (unsigned)server->port,
                       strerror(failed));
    }
    failed = -uv_listen((uv_stream_t *)&thread->listener, BACKLOG, on_connection);
    if (failed)
        return bg_fail(error, BG_IO, "cannot listen on %s port %u: %s", text, (unsigned)server->port,
                       strerror(failed));
    return BG_OK;
}

/* ---- what comes from other threads, and the passing of time ---- */

static void drop_all(struct bg_http_thread *thread)
{
    for (struct bg_http_connection *c = thread->first, *next; c; c = next) {
        next = c->next;
        bg_http_connection_drop(c);
    }
}

void bg_http_thread_check_empty(struct bg_http_thread *thread)
{
    if (!thread->stopping || thread->first || thread->empty)
        return;
    thread->empty = true;
    bg_http_thread_closed(thread->server);
}

static void begin_stop(struct bg_http_thread *thread, uint64_t patience_ns)
{
    if (thread->stopping)
        return;
    thread->stopping = true;
    thread->drop_at = bg_clock_monotonic_ns() + patience_ns;
    uv_close((uv_handle_t *)&thread->listener, NULL);
    for (struct bg_http_connection *c = thread->first, *next; c; c = next) {
        next = c->next;
        bg_http_connection_retire(c);
    }
    bg_http_thread_check_empty(thread);
}

static void end_loop(struct bg_http_thread *thread)
{
    if (!thread->stopping)
        begin_stop(thread, 0);
    drop_all(thread);
    uv_close((uv_handle_t *)&thread->wake, NULL);
    uv_close((uv_handle_t *)&thread->tick, NULL);
}

static void drop_aborted(struct bg_http_thread *thread)
{
    for (struct bg_http_connection *c = thread->first, *next; c; c = next) {
        next = c->next;
        if (c->state == BG_HTTP_BODY && atomic_load(&c->exchange->aborted))
            bg_http_connection_drop(c);
    }
}

static void on_wake(uv_async_t *wake)
{
    struct bg_http_thread *thread = wake->data;
    pthread_mutex_lock(&thread->lock);
    struct bg_http_exchange *exchange = thread->inbox_first;
    thread->inbox_first = thread->inbox_last = NULL;
    bool stop = thread->stop, quit = thread->quit, abort = thread->abort;
    thread->abort = false;
    uint64_t patience_ns = thread->patience_ns;
    pthread_mutex_unlock(&thread->lock);
    while (exchange) {
        struct bg_http_exchange *next = exchange->next;
        bg_http_connection_obey(exchange);
        exchange = next;
    }
    if (abort)
        drop_aborted(thread);
    if (stop && !quit)
        begin_stop(thread, patience_ns);
    if (quit)
        end_loop(thread);
}

/* Handshakes that run at the same time leave holes between what stays, about 25 kB each. */
static void give_memory_back(struct bg_http_thread *thread)
{
    if (thread->rested < RESTED_LEAST)
        return;
    thread->rested = 0;
    malloc_trim(0);
}

static void on_tick(uv_timer_t *tick)
{
    struct bg_http_thread *thread = tick->data;
    uint64_t now = bg_clock_monotonic_ns(), passed = now - thread->ticked_at, period = thread->period_ns;
    thread->ticked_at = now;
    thread->clock += passed < 2 * period ? passed : period * period / passed;
    for (struct bg_http_connection *c = thread->first, *next; c; c = next) {
        next = c->next;
        bg_http_connection_check_deadline(c);
    }
    if (thread->stopping && now >= thread->drop_at)
        drop_all(thread);
    give_memory_back(thread);
    bg_http_announce(thread->server);
}

/* A quarter of the shortest deadline, so that none is missed by more. */
static uint64_t tick_ms(const struct bg_http_limits *limits)
{
    const uint64_t deadlines[] = {limits->handshake_ns, limits->head_ns, limits->idle_ns, limits->body_ns,
                                  limits->response_ns};
    uint64_t ms = TICK_MOST_MS;
    for (size_t i = 0; i < sizeof deadlines / sizeof *deadlines; i++)
        if (deadlines[i] / 4 / BG_MILLISECOND < ms)
            ms = deadlines[i] / 4 / BG_MILLISECOND;
    return ms < TICK_LEAST_MS ? TICK_LEAST_MS : ms;
}

static void *run(void *argument)
{
    struct bg_http_thread *thread = argument;
    uv_run(&thread->loop, UV_RUN_DEFAULT);
    return NULL;
}

/* ---- the owner's side ---- */

enum bg_status bg_http_thread_init(struct bg_http_thread *thread, struct bg_http_server *server,
                                   struct bg_error *error)
{
    thread->server = server;
    int failed = uv_loop_init(&thread->loop);
    if (failed)
        return bg_fail(error, BG_IO, "no event loop: %s", uv_strerror(failed));
    thread->made = true;
    pthread_mutex_init(&thread->lock, NULL);
    bg_writer_init(&thread->out);
    failed = uv_async_init(&thread->loop, &thread->wake, on_wake);
    if (failed)
        return bg_fail(error, BG_IO, "no event loop: %s", uv_strerror(failed));
    uv_timer_init(&thread->loop, &thread->tick);
    uv_tcp_init(&thread->loop, &thread->listener);
    thread->wake.data = thread->tick.data = thread->listener.data = thread;
    thread->ciphertext = malloc(BG_HTTP_CHUNK);
    thread->plaintext = malloc(BG_HTTP_CHUNK);
    if (!thread->ciphertext || !thread->plaintext)
        return bg_fail(error, BG_NO_MEMORY, "no memory for a server's buffers");
    uint64_t period = tick_ms(&server->settings.limits);
    thread->period_ns = period * BG_MILLISECOND;
    thread->ticked_at = bg_clock_monotonic_ns();
    uv_timer_start(&thread->tick, on_tick, period, period);
    return open_listener(thread, error);
}

enum bg_status bg_http_thread_start(struct bg_http_thread *thread, struct bg_error *error)
{
    int failed = pthread_create(&thread->thread, NULL, run, thread);
    if (failed)
        return bg_fail(error, BG_IO, "no thread for a server: %s", strerror(failed));
    thread->started = true;
    return BG_OK;
}

static void wake_up(struct bg_http_thread *thread)
{
    uv_async_send(&thread->wake);
}

static void close_handle(uv_handle_t *handle, void *context)
{
    (void)context;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

void bg_http_thread_finish(struct bg_http_thread *thread)
{
    if (!thread->made) {
        bg_tls_server_destroy(&thread->tls);
        return;
    }
    if (thread->started) {
        pthread_mutex_lock(&thread->lock);
        thread->quit = true;
        pthread_mutex_unlock(&thread->lock);
        wake_up(thread);
        pthread_join(thread->thread, NULL);
    } else {
        uv_walk(&thread->loop, close_handle, NULL);
        uv_run(&thread->loop, UV_RUN_DEFAULT);
    }
    uv_loop_close(&thread->loop);
    bg_tls_server_destroy(&thread->tls);
    bg_writer_finish(&thread->out);
    if (thread->plaintext)
        explicit_bzero(thread->plaintext, BG_HTTP_CHUNK);
    free(thread->plaintext);
    free(thread->ciphertext);
    pthread_mutex_destroy(&thread->lock);
    thread->made = false;
}

void bg_http_thread_send(struct bg_http_thread *thread, struct bg_http_exchange *exchange)
{
    exchange->next = NULL;
    pthread_mutex_lock(&thread->lock);
    if (thread->inbox_last)
        thread->inbox_last->next = exchange;
    else
        thread->inbox_first = exchange;
    thread->inbox_last = exchange;
    pthread_mutex_unlock(&thread->lock);
    wake_up(thread);
}

void bg_http_thread_abort(struct bg_http_thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    thread->abort = true;
    pthread_mutex_unlock(&thread->lock);
    wake_up(thread);
}

void bg_http_thread_stop(struct bg_http_thread *thread, uint64_t patience_ns)
{
    pthread_mutex_lock(&thread->lock);
    thread->stop = true;
    thread->patience_ns = patience_ns;
    pthread_mutex_unlock(&thread->lock);
    wake_up(thread);
}
