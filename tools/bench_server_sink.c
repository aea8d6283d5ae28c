/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench_server_sink.h"

#include "base/number.h"
#include "base/workers.h"
#include "crypto/digest.h"
#include "net/http_server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct sink {
    const struct bg_bench_sink_settings *settings;
    struct bg_loop *loop;
    struct bg_workers *workers;
    struct bg_http_server *server;
    struct bg_http_exchange **held; /* (settings->connections) */
    size_t held_count, uploads;
};

struct upload {
    struct bg_job job;
    struct sink *sink;
    struct bg_http_exchange *exchange;
    int file;
    uint64_t bytes;
    char path[PATH_MAX];
    uint8_t point[BG_PUBLIC_POINT_BYTES], signature[BG_SIGNATURE_BYTES];
    bool good;
};

void bg_bench_digest(struct bg_span body, struct bg_digest *ret_digest)
{
    struct bg_sha256_state list;
    bg_sha256_init(&list);
    for (size_t at = 0; at < body.size; at += BG_BENCH_BLOCK_BYTES) {
        size_t left = body.size - at;
        struct bg_span block = {body.data + at, left < BG_BENCH_BLOCK_BYTES ? left : BG_BENCH_BLOCK_BYTES};
        struct bg_digest digest;
        bg_sha256(block, &digest);
        bg_sha256_update(&list, (struct bg_span){digest.bytes, sizeof digest.bytes});
    }
    bg_sha256_finish(&list, ret_digest);
}

static void respond(struct bg_http_exchange *exchange, unsigned status)
{
    struct bg_http_response response = {.status = status};
    bg_http_respond(exchange, &response);
}

/* ---- checking one ---- */

static void check(struct bg_job *job)
{
    struct upload *upload = (struct upload *)job;
    void *body = mmap(NULL, upload->bytes, PROT_READ, MAP_SHARED, upload->file, 0);
    struct bg_digest digest;
    if (body == MAP_FAILED)
        return;
    bg_bench_digest((struct bg_span){body, upload->bytes}, &digest);
    munmap(body, upload->bytes);
    upload->good = bg_point_verify(upload->point, (struct bg_span){digest.bytes, sizeof digest.bytes},
                                   upload->signature) == BG_OK;
}

static void finish(struct upload *upload, unsigned status)
{
    respond(upload->exchange, status);
    close(upload->file);
    free(upload);
}

static void checked(struct bg_job *job)
{
    struct upload *upload = (struct upload *)job;
    finish(upload, upload->good ? 204 : 403);
}

static void received(void *context, struct bg_http_exchange *exchange, enum bg_status status, uint64_t written,
                     int error_number)
{
    struct upload *upload = context;
    (void)exchange;
    (void)error_number;
    upload->bytes = written;
    upload->job = (struct bg_job){.run = check, .done = checked};
    if (status != BG_OK || !written)
        finish(upload, 400);
    else if (!upload->sink->settings->folder)
        finish(upload, 204);
    else if (bg_workers_submit(upload->sink->workers, &upload->job) != BG_OK)
        finish(upload, 503);
}

static bool read_signature(const char *hex, uint8_t ret_signature[static BG_SIGNATURE_BYTES])
{
    struct bg_digest halves[2];
    char half[2 * BG_DIGEST_BYTES + 1] = "";
    if (!hex || strlen(hex) != 2 * BG_SIGNATURE_BYTES)
        return false;
    for (size_t i = 0; i < 2; i++) {
        memcpy(half, hex + i * 2 * BG_DIGEST_BYTES, 2 * BG_DIGEST_BYTES);
        if (bg_digest_from_hex(half, &halves[i]) != BG_OK)
            return false;
    }
    memcpy(ret_signature, halves, BG_SIGNATURE_BYTES);
    return true;
}

static void take_upload(struct sink *sink, struct bg_http_exchange *exchange)
{
    struct upload *upload = calloc(1, sizeof *upload);
    const char *folder = sink->settings->folder;
    if (!upload || (folder && !read_signature(bg_http_header(exchange, BG_BENCH_SIGNATURE), upload->signature))) {
        free(upload);
        respond(exchange, 400);
        return;
    }
    *upload = (struct upload){.sink = sink, .exchange = exchange};
    read_signature(bg_http_header(exchange, BG_BENCH_SIGNATURE), upload->signature);
    memcpy(upload->point, bg_http_peer(exchange)->point, sizeof upload->point);
    if (folder)
        snprintf(upload->path, sizeof upload->path, "%s/upload-%zu", folder, sink->uploads++);
    upload->file = folder ? open(upload->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)
                          : open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (upload->file < 0) {
        free(upload);
        respond(exchange, 500);
        return;
    }
    bg_http_receive(exchange, upload->file, 0, sink->settings->body_bytes, false, received, upload);
}

/* ---- requests ---- */

static void hold(struct sink *sink, struct bg_http_exchange *exchange, const char *count)
{
    uint64_t wanted;
    if (bg_parse_u64(count, 1, sink->settings->connections, &wanted) != BG_OK) {
        respond(exchange, 400);
        return;
    }
    sink->held[sink->held_count++] = exchange;
    if (sink->held_count == wanted)
        respond(sink->held[--sink->held_count], 204);
}

static void serve(void *context, struct bg_http_exchange *exchange)
{
    struct sink *sink = context;
    const char *path = bg_http_path(exchange);
    enum bg_http_method method = bg_http_method(exchange);
    if (method == BG_HTTP_POST && strcmp(path, "/uploads") == 0)
        take_upload(sink, exchange);
    else if (method == BG_HTTP_GET && strncmp(path, "/hold/", 6) == 0)
        hold(sink, exchange, path + 6);
    else
        respond(exchange, 404);
}

static void collect(void *context)
{
    bg_workers_collect(context);
}

static void notify(void *context)
{
    struct sink *sink = context;
    if (bg_loop_post(sink->loop, collect, sink->workers) != BG_OK)
        abort();
}

static void stop(void *context)
{
    bg_loop_stop(context);
}

static enum bg_status listen_and_serve(struct sink *sink, struct bg_error *error)
{
    const struct bg_bench_sink_settings *s = sink->settings;
    struct bg_http_server_settings settings = {.loop = sink->loop,
                                               .address = "127.0.0.1",
                                               .threads = s->threads,
                                               .credentials = bg_bench_credentials(s->keys, &s->keys->server),
                                               .limits = bg_http_limits_default,
                                               .serve = serve,
                                               .context = sink};
    settings.limits.connections = settings.limits.exchanges = s->connections + 16;
    enum bg_status status = bg_http_server_create(&settings, error, &sink->server);
    if (status != BG_OK)
        return status;
    uint16_t port = bg_http_server_port(sink->server);
    if (write(s->ready, &port, sizeof port) != sizeof port)
        return bg_fail(error, BG_IO, "cannot tell the port: %s", strerror(errno));
    bg_loop_run(sink->loop);
    return BG_OK;
}

enum bg_status bg_bench_sink_run(const struct bg_bench_sink_settings *settings, struct bg_error *error)
{
    struct sink sink = {.settings = settings};
    sink.held = calloc(settings->connections, sizeof(struct bg_http_exchange *));
    if (!sink.held)
        return bg_fail(error, BG_NO_MEMORY, "out of memory");
    enum bg_status status = bg_loop_create(error, &sink.loop);
    if (status == BG_OK)
        status = bg_loop_on_stop_signal(sink.loop, stop, sink.loop);
    if (status == BG_OK) {
        status = bg_workers_create(settings->threads, settings->connections, notify, &sink, &sink.workers);
        if (status != BG_OK)
            bg_fail(error, status, "threads: %s", bg_status_text(status));
    }
    if (status == BG_OK)
        status = listen_and_serve(&sink, error);
    bg_http_server_destroy(&sink.server);
    while (sink.held_count)
        respond(sink.held[--sink.held_count], 204);
    bg_workers_destroy(&sink.workers);
    bg_loop_destroy(&sink.loop);
    free(sink.held);
    return status;
}
