/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define FIRST_MEMORY ((size_t)4 << 10) /* of a body whose length is not known */

bool bg_http_body_begin(struct bg_http_exchange *exchange)
{
    uint64_t size = exchange->head->content_length;
    if (!exchange->connection)
        exchange->status = BG_TRUNCATED;
    else if (size != UINT64_MAX && size > exchange->limit)
        exchange->status = BG_TOO_LARGE;
    else if (exchange->wish == BG_HTTP_READ && size != UINT64_MAX)
        exchange->status = bg_http_exchange_reserve(exchange, (size_t)size);
    return exchange->status == BG_OK;
}

static enum bg_status take_memory(struct bg_http_exchange *exchange, struct bg_span piece)
{
    size_t needed = exchange->memory_size + piece.size, capacity = exchange->memory_capacity;
    if (needed > exchange->limit)
        return BG_TOO_LARGE;
    while (capacity < needed)
        capacity = capacity < FIRST_MEMORY ? FIRST_MEMORY : 2 * capacity;
    enum bg_status status = bg_http_exchange_reserve(exchange, capacity);
    if (status)
        return status;
    memcpy(exchange->memory + exchange->memory_size, piece.data, piece.size);
    exchange->memory_size = needed;
    return BG_OK;
}

static enum bg_status take_file(struct bg_http_exchange *exchange, struct bg_span piece)
{
    if (piece.size > exchange->limit - exchange->written)
        return BG_TOO_LARGE;
    while (piece.size) {
        ssize_t put = pwrite(exchange->file, piece.data, piece.size, (off_t)(exchange->offset + exchange->written));
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            exchange->error_number = put < 0 ? errno : EIO;
            return BG_IO;
        }
        exchange->written += (uint64_t)put;
        piece.data += put;
        piece.size -= (size_t)put;
    }
    return BG_OK;
}

bool bg_http_body_take(struct bg_http_exchange *exchange, struct bg_span piece)
{
    exchange->status = exchange->wish == BG_HTTP_READ ? take_memory(exchange, piece) : take_file(exchange, piece);
    return exchange->status == BG_OK;
}

static void synchronise(uv_work_t *work)
{
    struct bg_http_exchange *exchange = work->data;
    if (fdatasync(exchange->file) == 0)
        return;
    exchange->error_number = errno;
    exchange->status = BG_FAULT;
}

static void on_synchronised(uv_work_t *work, int code)
{
    (void)code;
    bg_http_hand_over(work->data);
}

void bg_http_body_end(struct bg_http_exchange *exchange, enum bg_status status)
{
    exchange->status = status;
    if (exchange->wish == BG_HTTP_RECEIVE && exchange->durable && (exchange->written || status == BG_OK)) {
        exchange->sync.data = exchange;
        int failed = uv_queue_work(&exchange->thread->loop, &exchange->sync, synchronise, on_synchronised);
        assert(!failed);
        (void)failed;
    } else {
        bg_http_hand_over(exchange);
    }
}
