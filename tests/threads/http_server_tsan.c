/* SPDX-License-Identifier: Apache-2.0 */
/* Clients on many threads, a server on several and its owner on one, for ThreadSanitizer: requests, bodies, long polls,
 * clients that leave, and a stop in the middle of it. */
#include "crypto/certificate.h"
#include "net/http_server.h"
#include "net/https_client.h"
#include "tests/threads/require.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define CLIENTS 4
#define CALLS 60
#define BODY_BYTES ((size_t)50000)

static struct bg_loop *owner;
static struct bg_http_server *server;
static struct bg_pem authority_pem, pems[CLIENTS + 1], keys[CLIENTS + 1];
static struct bg_digest pin;
static char url[64];
static uint8_t body[BODY_BYTES];
static _Atomic unsigned observed;
static FILE *file; /* all uploads go there */
static struct bg_http_exchange *held; /* the owner's: one long poll at a time */

/* ---- the server ---- */

static void respond(struct bg_http_exchange *exchange, unsigned status, struct bg_span bytes)
{
    bg_http_respond(exchange, &(struct bg_http_response){.status = status, .body = bytes});
}

static void on_body(void *context, struct bg_http_exchange *exchange, enum bg_status status, struct bg_span bytes)
{
    (void)context;
    respond(exchange, status ? (unsigned)bg_status_http(status) : 200, bytes);
}

static void on_file(void *context, struct bg_http_exchange *exchange, enum bg_status status, uint64_t written,
                    int error_number)
{
    (void)context;
    (void)written;
    (void)error_number;
    respond(exchange, status ? (unsigned)bg_status_http(status) : 204, (struct bg_span){0});
}

static void serve(void *context, struct bg_http_exchange *exchange)
{
    (void)context;
    const char *path = bg_http_path(exchange);
    if (strcmp(path, "/echo") == 0) {
        bg_http_read(exchange, BODY_BYTES, on_body, NULL);
    } else if (strcmp(path, "/file") == 0) {
        bg_http_receive(exchange, fileno(file), 0, BODY_BYTES, true, on_file, NULL);
    } else {
        if (held)
            respond(held, 200, (struct bg_span){0});
        held = exchange;
    }
}

static void observe(void *context, const struct bg_http_notice *notice)
{
    (void)context;
    (void)notice;
    atomic_fetch_add(&observed, 1);
}

/* ---- a client ---- */

struct client {
    unsigned number;
    struct bg_loop *loop;
    struct bg_https_client *https;
    struct bg_loop_timer *patience;
    struct bg_https_call *call;
    unsigned calls, answered;
};

static void ask(struct client *client);

static void on_reply(void *context, const struct bg_https_reply *reply)
{
    struct client *client = context;
    if (reply->status == BG_OK) {
        client->answered++;
        REQUIRE(reply->http != 200 || reply->body.size == 0 || reply->body.size == BODY_BYTES);
    }
    ask(client);
}

/* It has waited enough. */
static void on_patience(void *context)
{
    struct client *client = context;
    bg_https_cancel(client->call);
    ask(client);
}

static void ask(struct client *client)
{
    static const char *const paths[] = {"/echo", "/file", "/wait"};
    char target[96];
    if (client->calls++ == CALLS) {
        bg_loop_timer_set(client->patience, UINT64_MAX);
        bg_loop_stop(client->loop);
        return;
    }
    unsigned kind = (client->calls + client->number) % 3;
    snprintf(target, sizeof target, "%s%s", url, paths[kind]);
    const struct bg_https_request request = {
        .method = kind == 2 ? "GET" : "POST", .url = target, .pin = pin,
        .body = kind == 2 ? (struct bg_span){0} : (struct bg_span){body, BODY_BYTES}, .reply_limit = BODY_BYTES};
    REQUIRE(bg_https_send(client->https, &request, on_reply, client, &client->call) == BG_OK);
    bg_loop_timer_set(client->patience, bg_clock_monotonic_ns() + (kind == 2 ? 20 : 5000) * BG_MILLISECOND);
}

static void *run_client(void *argument)
{
    struct client *client = argument;
    struct bg_error error;
    REQUIRE(bg_loop_create(&error, &client->loop) == BG_OK);
    const struct bg_https_settings settings = {
        .loop = client->loop,
        .credentials = {pems[client->number].text, keys[client->number].text, authority_pem.text},
        .proxy = "", .connect_ns = 20 * BG_SECOND, .idle_ns = BG_SECOND};
    REQUIRE(bg_https_client_create(&settings, &error, &client->https) == BG_OK);
    REQUIRE(bg_loop_timer_create(client->loop, on_patience, client, &client->patience) == BG_OK);
    ask(client);
    bg_loop_run(client->loop);
    bg_loop_timer_destroy(&client->patience);
    bg_https_client_destroy(&client->https);
    bg_loop_destroy(&client->loop);
    return NULL;
}

/* ---- all of them ---- */

static void make_credentials(void)
{
    struct bg_random random = bg_random_system();
    struct bg_identity *authority, *identity;
    uint64_t now = (uint64_t)time(NULL);
    REQUIRE(bg_identity_create(&random, &authority) == BG_OK);
    REQUIRE(bg_authority_create(authority, "tests", now, &random, &authority_pem) == BG_OK);
    for (unsigned i = 0; i <= CLIENTS; i++) {
        REQUIRE(bg_identity_create(&random, &identity) == BG_OK);
        REQUIRE(bg_identity_pem(identity, &keys[i]) == BG_OK);
        REQUIRE(bg_certificate_issue(authority, "tests", bg_identity_point(identity),
                                     i == CLIENTS ? BG_CERTIFICATE_ROOT : BG_CERTIFICATE_CLIENT, now, 1, &random,
                                     &pems[i]) == BG_OK);
        bg_point_pin(bg_identity_point(identity), &pin); /* of the last, which is the server's */
        bg_identity_destroy(&identity);
    }
    bg_identity_destroy(&authority);
}

static void on_stopped(void *context)
{
    (void)context;
    bg_loop_stop(owner);
}

static void stop(void *argument)
{
    (void)argument;
    bg_http_server_stop(server, BG_SECOND, on_stopped, NULL);
}

static void *run_owner(void *argument)
{
    bg_loop_run(owner);
    return argument;
}

int main(void)
{
    struct bg_error error;
    struct client clients[CLIENTS] = {0};
    pthread_t threads[CLIENTS], owning;
    make_credentials();
    file = tmpfile();
    REQUIRE(file);
    REQUIRE(bg_loop_create(&error, &owner) == BG_OK);
    const struct bg_http_server_settings settings = {
        .loop = owner, .address = "127.0.0.1", .threads = 2, .limits = bg_http_limits_default, .serve = serve,
        .credentials = {pems[CLIENTS].text, keys[CLIENTS].text, authority_pem.text}, .observe = observe};
    REQUIRE(bg_http_server_create(&settings, &error, &server) == BG_OK);
    snprintf(url, sizeof url, "https://127.0.0.1:%u", (unsigned)bg_http_server_port(server));
    REQUIRE(pthread_create(&owning, NULL, run_owner, NULL) == 0);
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i].number = i;
        REQUIRE(pthread_create(&threads[i], NULL, run_client, &clients[i]) == 0);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
        REQUIRE(clients[i].answered >= CALLS / 3);
    }
    struct bg_http_stats stats = bg_http_server_stats(server);
    REQUIRE(stats.requests >= CLIENTS * CALLS / 3 && stats.bytes_in > CLIENTS * BODY_BYTES);
    REQUIRE(bg_loop_post(owner, stop, NULL) == BG_OK);
    REQUIRE(pthread_join(owning, NULL) == 0);
    bg_http_server_destroy(&server);
    if (held)
        respond(held, 200, (struct bg_span){0});
    bg_loop_destroy(&owner);
    fclose(file);
    return 0;
}
