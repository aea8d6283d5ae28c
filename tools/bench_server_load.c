/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench_server_load.h"

#include "base/clock.h"
#include "net/https_client.h"
#include "tools/bench_server_sink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_NS (300 * BG_SECOND)

struct load {
    struct bg_loop *loop;
    struct bg_https_client **clients; /* (count) */
    size_t count, waiting;
    uint64_t begin;
    struct bg_bench_load_result *result;
    void (*hold)(void *context);
    void *context;
};

static void end(struct load *load)
{
    load->result->seconds = (double)(bg_clock_monotonic_ns() - load->begin) / 1e9;
    if (load->hold)
        load->hold(load->context);
    bg_loop_stop(load->loop);
}

static void on_reply(void *context, const struct bg_https_reply *reply)
{
    struct load *load = context;
    bool good = reply->status == BG_OK && reply->http == 204;
    if (!good && !load->result->errors++)
        snprintf(load->result->first, sizeof load->result->first, "%s",
                 reply->status == BG_OK ? "the server refused it" : reply->error->text);
    if (--load->waiting == 0)
        end(load);
}

static enum bg_status init(struct load *load, size_t count, struct bg_error *error)
{
    load->clients = calloc(count, sizeof(struct bg_https_client *));
    if (!load->clients)
        return bg_fail(error, BG_NO_MEMORY, "out of memory");
    load->count = count;
    return bg_loop_create(error, &load->loop);
}

static void finish(struct load *load)
{
    for (size_t i = 0; i < load->count; i++)
        bg_https_client_destroy(&load->clients[i]);
    bg_loop_destroy(&load->loop);
    free(load->clients);
}

static enum bg_status make_client(struct load *load, const struct bg_bench_keys *keys, size_t i,
                                  struct bg_error *error)
{
    struct bg_https_settings settings = {.loop = load->loop,
                                         .credentials = bg_bench_credentials(keys, &keys->clients[i]),
                                         .proxy = "",
                                         .connect_ns = PATIENCE_NS,
                                         .idle_ns = PATIENCE_NS};
    return bg_https_client_create(&settings, error, &load->clients[i]);
}

static enum bg_status sign(const struct bg_identity *identity, const struct bg_digest *digest, char *ret_hex,
                           struct bg_error *error)
{
    uint8_t signature[BG_SIGNATURE_BYTES];
    enum bg_status status =
        bg_identity_sign(identity, (struct bg_span){digest->bytes, sizeof digest->bytes}, signature);
    for (size_t i = 0; status == BG_OK && i < sizeof signature; i++)
        snprintf(ret_hex + 2 * i, 3, "%02x", signature[i]);
    return status == BG_OK ? BG_OK : bg_fail(error, status, "signature: %s", bg_status_text(status));
}

static enum bg_status send_upload(struct load *load, const struct bg_bench_keys *keys, size_t i, const char *url,
                                  struct bg_span body, const struct bg_digest *digest, struct bg_error *error)
{
    char signature[2 * BG_SIGNATURE_BYTES + 1];
    struct bg_https_field field = {BG_BENCH_SIGNATURE, signature};
    struct bg_https_request request = {.method = "POST",
                                       .url = url,
                                       .pin = keys->pin,
                                       .fields = &field,
                                       .field_count = 1,
                                       .body = body,
                                       .reply_limit = 4096,
                                       .timeout_ns = PATIENCE_NS};
    struct bg_https_call *call;
    enum bg_status status = sign(keys->clients[i].identity, digest, signature, error);
    if (status != BG_OK)
        return status;
    status = bg_https_send(load->clients[i], &request, on_reply, load, &call);
    return status == BG_OK ? BG_OK : bg_fail(error, status, "client %zu: %s", i, bg_status_text(status));
}

enum bg_status bg_bench_upload(const struct bg_bench_keys *keys, uint16_t port, struct bg_span body,
                               struct bg_error *error, struct bg_bench_load_result *ret_result)
{
    struct bg_bench_load_result result = {.errors = 0};
    struct load load = {.result = &result, .waiting = keys->client_count};
    struct bg_digest digest;
    char url[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%u/uploads", port);
    bg_bench_digest(body, &digest);
    enum bg_status status = init(&load, keys->client_count, error);
    for (size_t i = 0; status == BG_OK && i < load.count; i++)
        status = make_client(&load, keys, i, error);
    load.begin = bg_clock_monotonic_ns();
    for (size_t i = 0; status == BG_OK && i < load.count; i++)
        status = send_upload(&load, keys, i, url, body, &digest, error);
    if (status == BG_OK)
        bg_loop_run(load.loop);
    finish(&load);
    *ret_result = result;
    return status;
}

enum bg_status bg_bench_hold(const struct bg_bench_keys *keys, uint16_t port, size_t count,
                             void (*hold)(void *context), void *context, struct bg_error *error,
                             struct bg_bench_load_result *ret_result)
{
    struct bg_bench_load_result result = {.errors = 0};
    struct load load = {.result = &result, .waiting = 1, .hold = hold, .context = context};
    struct bg_https_call *call;
    char url[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%u/hold/%zu", port, count);
    struct bg_https_request request = {.method = "GET", .url = url, .pin = keys->pin, .reply_limit = 4096};
    enum bg_status status = init(&load, 1, error);
    if (status == BG_OK)
        status = make_client(&load, keys, 0, error);
    load.begin = bg_clock_monotonic_ns();
    for (size_t i = 0; status == BG_OK && i < count; i++) {
        status = bg_https_send(load.clients[0], &request, on_reply, &load, &call);
        if (status != BG_OK)
            bg_fail(error, status, "connection %zu: %s", i, bg_status_text(status));
    }
    if (status == BG_OK)
        bg_loop_run(load.loop);
    finish(&load);
    *ret_result = result;
    return status;
}
