/* SPDX-License-Identifier: Apache-2.0 */
/* The client with the server of this program; with others: tests/tools/test_https_client.py. */
#include "https_world.h"
#include "net/https_client_call.h"
#include "net/tls_compat.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world {
    struct https_world https;
    struct bg_https_client *client;
    struct bg_loop_timer *timer;
    size_t replies;
    unsigned http;
};

static void serve(void *role, const struct bg_request *request, struct bg_call *call)
{
    (void)role;
    bg_call_answer(call, BG_OK, request->body);
}

static void stop(void *context)
{
    struct world *world = context;
    bg_loop_stop(world->https.loop);
}

static void on_reply(void *context, const struct bg_https_reply *reply)
{
    struct world *world = context;
    cr_assert_eq(reply->status, BG_OK, "%s", reply->error ? reply->error->text : "");
    world->replies++;
    world->http = reply->http;
    bg_loop_stop(world->https.loop);
}

static void begin(struct world *world, uint64_t idle_ns)
{
    *world = (struct world){.replies = 0};
    world_init(&world->https, serve, world);
    world_start_server(&world->https);
    const struct device *device = &world->https.devices[0];
    struct bg_https_settings settings = {
        .loop = world->https.loop,
        .credentials = {device->certificate.text, device->key.text, world->https.authority.text},
        .proxy = "",
        .connect_ns = 20 * BG_SECOND,
        .idle_ns = idle_ns,
    };
    cr_assert_eq(bg_https_client_create(&settings, NULL, &world->client), BG_OK);
    cr_assert_eq(bg_loop_timer_create(world->https.loop, stop, world, &world->timer), BG_OK);
}

static void end(struct world *world)
{
    bg_https_client_destroy(&world->client);
    bg_loop_timer_destroy(&world->timer);
    world_finish(&world->https);
}

static enum bg_status send_request(struct world *world, const char *url, const struct bg_https_field *field,
                           struct bg_https_call **ret_call)
{
    struct bg_https_request request = {.method = "GET",
                                       .url = url,
                                       .pin = world->https.pin,
                                       .fields = field,
                                       .field_count = field ? 1 : 0,
                                       .reply_limit = 1000,
                                       .timeout_ns = 20 * BG_SECOND};
    return bg_https_send(world->client, &request, on_reply, world, ret_call);
}

static void ask(struct world *world)
{
    char url[128];
    struct bg_https_call *call;
    snprintf(url, sizeof url, "https://127.0.0.1:%u/v1/" WORLD_POPULATION "/receipts/7", world->https.port);
    cr_assert_eq(send_request(world, url, NULL, &call), BG_OK);
    world_run(&world->https);
    cr_assert_eq(world->http, 200);
}

static void wait_ns(struct world *world, uint64_t duration)
{
    bg_loop_timer_set(world->timer, bg_clock_monotonic_ns() + duration);
    world_run(&world->https);
}

Test(https_client, sessions_outlive_connections)
{
    struct world world;
    begin(&world, 5 * BG_MILLISECOND);
    for (size_t i = 0; i < 4; i++) {
        ask(&world);
        while (bg_http_server_stats(world.https.server).connections_open)
            wait_ns(&world, 5 * BG_MILLISECOND);
    }
    struct bg_http_stats stats = bg_http_server_stats(world.https.server);
    cr_assert_eq(stats.connections, 4, "each was closed when it was idle");
    cr_assert_eq(stats.resumptions, BG_TLS_RESUMES ? 3 : 0);
    end(&world);
    NO_LEAKS();
}

Test(https_client, a_call_that_is_cancelled_is_not_answered)
{
    struct world world;
    struct bg_https_call *call;
    char url[128];
    begin(&world, BG_SECOND);
    snprintf(url, sizeof url, "https://127.0.0.1:%u/v1/" WORLD_POPULATION "/receipts/7", world.https.port);
    cr_assert_eq(send_request(&world, url, NULL, &call), BG_OK);
    bg_https_cancel(call);
    cr_assert_eq(send_request(&world, url, NULL, &call), BG_OK);
    world_run(&world.https);
    cr_assert_eq(send_request(&world, url, NULL, &call), BG_OK);
    wait_ns(&world, 0);
    bg_https_cancel(call);
    wait_ns(&world, 50 * BG_MILLISECOND);
    cr_assert_eq(world.replies, 1);
    cr_assert_eq(send_request(&world, url, NULL, &call), BG_OK);
    end(&world); /* with one under way */
    cr_assert_eq(world.replies, 1);
    NO_LEAKS();
}

Test(https_client, fields_cannot_smuggle_others)
{
    struct world world;
    struct bg_https_call *call;
    static const struct bg_https_field fields[] = {{"A", "b\r\nEvil: 1"}, {"A\nEvil", "1"}, {"A", "b\n"}};
    begin(&world, BG_SECOND);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        cr_assert_eq(send_request(&world, "https://127.0.0.1:1/", &fields[i], &call), BG_INVALID);
    cr_assert_eq(send_request(&world, "http://127.0.0.1:1/", NULL, &call), BG_INVALID);
    end(&world);
    NO_LEAKS();
}

/* As after a kept connection that broke, when no other could be made: curl's words are of the first. */
Test(https_client, a_server_that_is_gone_is_not_a_proxys_fault)
{
    static const char *const variables[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    struct bg_error error;
    struct bg_https_failure failure = {.easy = curl_easy_init(),
                                       .code = CURLE_COULDNT_CONNECT,
                                       .url = "https://127.0.0.1:7/v1/lab/receipts/5",
                                       .text = "Send failure: Broken pipe"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    cr_assert_eq(bg_https_explain(&failure, &error), BG_IO);
    cr_assert_null(strstr(error.text, "proxy"), "%s", error.text);
    cr_assert_not_null(strstr(error.text, "does the server run"), "%s", error.text);
    setenv("all_proxy", "http://gateway:3128", 1);
    cr_assert_eq(bg_https_explain(&failure, &error), BG_IO);
    cr_assert_not_null(strstr(error.text, "proxy"), "%s", error.text);
    failure.proxy = "";
    cr_assert_eq(bg_https_explain(&failure, &error), BG_IO);
    cr_assert_null(strstr(error.text, "proxy"), "%s", error.text);
    failure.proxy = "http://gateway:3128";
    cr_assert_eq(bg_https_explain(&failure, &error), BG_IO);
    cr_assert_not_null(strstr(error.text, "the proxy http://gateway:3128"), "%s", error.text);
    curl_easy_cleanup(failure.easy);
}
