/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_internal.h"

#include <assert.h>
#include <stdlib.h>

#define SKIP_LIMIT ((uint64_t)64 << 10)

struct bg_http_exchange *bg_http_exchange_create(struct bg_http_connection *connection, struct bg_http_head *head)
{
    struct bg_http_exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange)
        return NULL;
    exchange->thread = connection->thread;
    exchange->server = connection->thread->server;
    exchange->connection = connection;
    exchange->head = head;
    exchange->peer = connection->peer;
    exchange->file = -1;
    atomic_fetch_add(&exchange->server->exchanges, 1);
    return exchange;
}

void bg_http_exchange_destroy(struct bg_http_exchange *exchange)
{
    struct bg_http_server *server = exchange->server;
    atomic_fetch_sub(&server->memory, exchange->memory_capacity);
    free(exchange->memory);
    bg_http_head_destroy(&exchange->head);
    bg_http_reply_destroy(&exchange->reply);
    free(exchange);
    atomic_fetch_sub(&server->exchanges, 1);
}

enum bg_status bg_http_exchange_reserve(struct bg_http_exchange *exchange, size_t size)
{
    struct bg_http_server *server = exchange->server;
    size_t limit = server->settings.limits.memory_bytes;
    if (size <= exchange->memory_capacity)
        return BG_OK;
    size_t more = size - exchange->memory_capacity, used = atomic_load(&server->memory);
    do {
        if (used > limit || more > limit - used)
            return BG_BUSY;
    } while (!atomic_compare_exchange_weak(&server->memory, &used, used + more));
    uint8_t *memory = realloc(exchange->memory, size);
    if (!memory) {
        atomic_fetch_sub(&server->memory, more);
        return BG_NO_MEMORY;
    }
    exchange->memory = memory;
    exchange->memory_capacity = size;
    return BG_OK;
}

/* ---- the owner's side ---- */

enum bg_http_method bg_http_method(const struct bg_http_exchange *exchange)
{
    return exchange->head->method;
}

const char *bg_http_path(const struct bg_http_exchange *exchange)
{
    return exchange->head->path;
}

const char *bg_http_query(const struct bg_http_exchange *exchange)
{
    return exchange->head->query;
}

const char *bg_http_header(const struct bg_http_exchange *exchange, const char *name)
{
    return bg_http_head_field(exchange->head, name);
}

uint64_t bg_http_content_length(const struct bg_http_exchange *exchange)
{
    return exchange->head->content_length;
}

const struct bg_peer *bg_http_peer(const struct bg_http_exchange *exchange)
{
    return &exchange->peer;
}

static void wish(struct bg_http_exchange *exchange, enum bg_http_wish wished)
{
    assert(exchange->wish == BG_HTTP_SERVE || (wished == BG_HTTP_RESPOND && exchange->wish != BG_HTTP_RESPOND));
    exchange->wish = wished;
    exchange->status = BG_OK;
    if (!exchange->server->gone)
        bg_http_thread_send(exchange->thread, exchange);
}

void bg_http_read(struct bg_http_exchange *exchange, size_t limit, bg_http_body_function *done, void *context)
{
    exchange->limit = limit;
    exchange->on_body = done;
    exchange->context = context;
    wish(exchange, BG_HTTP_READ);
    if (exchange->server->gone)
        done(context, exchange, BG_TRUNCATED, (struct bg_span){0});
}

void bg_http_receive(struct bg_http_exchange *exchange, int file, uint64_t offset, uint64_t limit, bool durable,
                     bg_http_file_function *done, void *context)
{
    exchange->file = file;
    exchange->offset = offset;
    exchange->limit = limit;
    exchange->durable = durable;
    exchange->on_file = done;
    exchange->context = context;
    wish(exchange, BG_HTTP_RECEIVE);
    if (exchange->server->gone)
        done(context, exchange, BG_TRUNCATED, 0, 0);
}

void bg_http_abort(struct bg_http_exchange *exchange)
{
    assert(exchange->wish == BG_HTTP_READ || exchange->wish == BG_HTTP_RECEIVE);
    atomic_store(&exchange->aborted, true);
    if (!exchange->server->gone)
        bg_http_thread_abort(exchange->thread);
}

/* Whether so much of the body has not been read that a new connection is cheaper, or it is unclear whether the peer
 * will send it. */
static bool leaves_body(const struct bg_http_exchange *exchange)
{
    bool whole = exchange->wish != BG_HTTP_SERVE && exchange->status == BG_OK;
    return !whole && (exchange->head->content_length > SKIP_LIMIT || exchange->head->expects_continue);
}

void bg_http_respond(struct bg_http_exchange *exchange, const struct bg_http_response *response)
{
    struct bg_http_server *server = exchange->server;
    if (server->gone) {
        bg_http_exchange_destroy(exchange);
        if (atomic_load(&server->exchanges) == 0)
            bg_http_server_free(server);
        return;
    }
    struct bg_http_response last = *response;
    last.close = response->close || server->stopping || !exchange->head->keep_alive || leaves_body(exchange);
    assert(!last.content || last.body.size == 0);
    exchange->reply = bg_http_reply_create(&last, exchange->head->method == BG_HTTP_HEAD,
                                           server->settings.limits.retry_after_seconds);
    wish(exchange, BG_HTTP_RESPOND);
}
