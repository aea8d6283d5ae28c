/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends requests by net/https_client.h for tests: https_probe SETTING=VALUE … URL; one line of JSON per reply. With
 * hold=1 it stays after the last one, says "idle" once its connections are closed, and waits for SIGTERM.
 */
#include "base/file.h"
#include "base/json.h"
#include "base/number.h"
#include "net/https_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES 65536

struct probe {
    struct bg_loop *loop;
    struct bg_https_client *client;
    struct bg_https_request request;
    struct bg_https_settings settings;
    struct bg_loop_timer *idle;
    const char *field;
    uint64_t times, bytes, hold;
};

static void print(struct bg_json *object)
{
    char *text = bg_json_print(object, false);
    puts(text);
    fflush(stdout);
    free(text);
    bg_json_destroy(&object);
}

static void say_idle(void *context)
{
    (void)context;
    struct bg_json *object = bg_json_object();
    bg_json_add_string(object, "event", "idle");
    print(object);
}

static void stop(void *context)
{
    struct probe *probe = context;
    bg_loop_stop(probe->loop);
}

static void send(struct probe *probe);

static void on_reply(void *context, const struct bg_https_reply *reply)
{
    struct probe *probe = context;
    struct bg_json *object = bg_json_object();
    bg_json_add_string(object, "status", reply->status == BG_OK ? "OK" : bg_status_name(reply->status));
    bg_json_add_string(object, "error", reply->error ? reply->error->text : "");
    bg_json_add_u64(object, "http", reply->http);
    bg_json_add_u64(object, "sent", reply->sent);
    bg_json_add_u64(object, "size", reply->body.size);
    const char *value = probe->field && reply->status == BG_OK ? bg_https_field(reply, probe->field) : NULL;
    if (value)
        bg_json_add_string(object, "field", value);
    print(object);
    if (--probe->times > 0)
        send(probe);
    else if (probe->hold)
        bg_loop_timer_set(probe->idle, bg_clock_monotonic_ns() + probe->settings.idle_ns + 50 * BG_MILLISECOND);
    else
        bg_loop_stop(probe->loop);
}

static void send(struct probe *probe)
{
    struct bg_https_call *call;
    enum bg_status status = bg_https_send(probe->client, &probe->request, on_reply, probe, &call);
    if (status != BG_OK) {
        fprintf(stderr, "https_probe: %s\n", bg_status_text(status));
        exit(bg_status_exit_code(status));
    }
}

static const char *text_of(const char *path)
{
    uint8_t *data;
    size_t size;
    struct bg_error error;
    if (bg_file_read(path, FILE_BYTES, &error, &data, &size) != BG_OK) {
        fprintf(stderr, "https_probe: %s\n", error.text);
        exit(1);
    }
    return (const char *)data;
}

static void set(struct probe *probe, const char *key, const char *value)
{
    uint64_t number = 0;
    bool whole = bg_parse_u64(value, 0, UINT64_MAX / BG_MILLISECOND, &number) == BG_OK;
    if (strcmp(key, "pin") == 0)
        whole = bg_digest_from_hex(value, &probe->request.pin) == BG_OK;
    else if (strcmp(key, "limit") == 0)
        probe->request.reply_limit = number;
    else if (strcmp(key, "timeout_ms") == 0)
        probe->request.timeout_ns = number * BG_MILLISECOND;
    else if (strcmp(key, "connect_ms") == 0)
        probe->settings.connect_ns = number * BG_MILLISECOND;
    else if (strcmp(key, "idle_ms") == 0)
        probe->settings.idle_ns = number * BG_MILLISECOND;
    else if (strcmp(key, "times") == 0)
        probe->times = number;
    else if (strcmp(key, "bytes") == 0)
        probe->bytes = number;
    else if (strcmp(key, "hold") == 0)
        probe->hold = number;
    else {
        whole = true;
        if (strcmp(key, "certificate") == 0)
            probe->settings.credentials.certificate = text_of(value);
        else if (strcmp(key, "key") == 0)
            probe->settings.credentials.key = text_of(value);
        else if (strcmp(key, "authority") == 0)
            probe->settings.credentials.authority = text_of(value);
        else if (strcmp(key, "proxy") == 0)
            probe->settings.proxy = value;
        else if (strcmp(key, "method") == 0)
            probe->request.method = value;
        else if (strcmp(key, "field") == 0)
            probe->field = value;
        else
            whole = false;
    }
    if (!whole) {
        fprintf(stderr, "https_probe: %s=%s\n", key, value);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    struct bg_error error;
    struct probe probe = {
        .times = 1,
        .request = {.method = "GET", .reply_limit = 1 << 20, .timeout_ns = 10 * BG_SECOND},
        .settings = {.connect_ns = 10 * BG_SECOND, .idle_ns = BG_SECOND},
    };
    for (int i = 1; i < argc - 1; i++) {
        char *equals = strchr(argv[i], '=');
        if (!equals)
            return 1;
        *equals = '\0';
        set(&probe, argv[i], equals + 1);
    }
    probe.request.url = argv[argc - 1];
    uint8_t *body = calloc(1, probe.bytes + 1);
    probe.request.body = (struct bg_span){body, probe.bytes};
    if (bg_loop_create(&error, &probe.loop) != BG_OK)
        return 1;
    probe.settings.loop = probe.loop;
    if (bg_loop_on_stop_signal(probe.loop, stop, &probe) != BG_OK ||
        bg_loop_timer_create(probe.loop, say_idle, NULL, &probe.idle) != BG_OK ||
        bg_https_client_create(&probe.settings, &error, &probe.client) != BG_OK)
        return 1;
    send(&probe);
    bg_loop_run(probe.loop);
    bg_https_client_destroy(&probe.client);
    bg_loop_timer_destroy(&probe.idle);
    bg_loop_destroy(&probe.loop);
    free((void *)probe.settings.credentials.certificate);
    free((void *)probe.settings.credentials.key);
    free((void *)probe.settings.credentials.authority);
    free(body);
    return 0;
}
