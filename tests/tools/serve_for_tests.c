/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small HTTPS server around net/http_server.h:  serve_for_tests FOLDER [limit=value …]
 *
 * It makes an authority and certificates in the folder (NAME.pem, NAME.key), listens on a free port of 127.0.0.1, says
 * so on stdout and then tells there, one JSON object per line, what the server notices by itself. It ends when its
 * stdin does.
 */
#include "base/file.h"
#include "base/number.h"
#include "crypto/certificate.h"
#include "net/http_server.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define POPULATION "tests"
#define DAY ((uint64_t)86400)
#define SHARED_BYTES ((size_t)8 << 20)

static const char *folder;
static struct bg_loop *loop;
static struct bg_http_server *server;
static struct bg_http_content *shared;
static struct bg_http_exchange *waiting[64];
static size_t waiting_count;
static struct bg_http_exchange *receiving; /* the last one, until it is there */

static void fail(const char *what, const struct bg_error *error)
{
    fprintf(stderr, "serve_for_tests: %s: %s\n", what, error ? error->text : "");
    exit(1);
}

/* ---- credentials ---- */

static void save(const char *name, const char *suffix, const char *text)
{
    char path[512];
    struct bg_error error;
    snprintf(path, sizeof path, "%s/%s.%s", folder, name, suffix);
    if (bg_file_write(path, (struct bg_span){(const uint8_t *)text, strlen(text)}, 0600, &error))
        fail(path, &error);
}

static struct bg_identity *make_identity(const char *name, struct bg_pem *ret_key)
{
    struct bg_random random = bg_random_system();
    struct bg_identity *identity;
    if (bg_identity_create(&random, &identity) || bg_identity_pem(identity, ret_key))
        fail("no key", NULL);
    save(name, "key", ret_key->text);
    return identity;
}

static struct bg_identity *make_authority(const char *name, struct bg_pem *ret_pem)
{
    struct bg_random random = bg_random_system();
    struct bg_pem key;
    struct bg_identity *authority = make_identity(name, &key);
    if (bg_authority_create(authority, POPULATION, (uint64_t)time(NULL) - 100 * DAY, &random, ret_pem))
        fail("no authority", NULL);
    save(name, "pem", ret_pem->text);
    return authority;
}

static void issue(const struct bg_identity *authority, const char *name, enum bg_certificate_role role, uint64_t from,
                  uint32_t days, struct bg_pem *ret_pem, struct bg_pem *ret_key)
{
    struct bg_random random = bg_random_system();
    struct bg_identity *identity = make_identity(name, ret_key);
    if (bg_certificate_issue(authority, POPULATION, bg_identity_point(identity), role, from, days, &random, ret_pem))
        fail("no certificate", NULL);
    save(name, "pem", ret_pem->text);
    bg_identity_destroy(&identity);
}

/* Keeps them in static memory. */
static struct bg_credentials make_credentials(void)
{
    static struct bg_pem authority_pem, foreign_pem, pem, key, other, other_key;
    uint64_t now = (uint64_t)time(NULL);
    struct bg_identity *authority = make_authority("authority", &authority_pem);
    struct bg_identity *foreign = make_authority("foreign-authority", &foreign_pem);
    issue(authority, "server", BG_CERTIFICATE_ROOT, now, 30, &pem, &key);
    issue(authority, "client", BG_CERTIFICATE_CLIENT, now, 30, &other, &other_key);
    issue(authority, "expired", BG_CERTIFICATE_CLIENT, now - 10 * DAY, 5, &other, &other_key);
    issue(authority, "future", BG_CERTIFICATE_CLIENT, now + 10 * DAY, 5, &other, &other_key);
    issue(authority, "ending", BG_CERTIFICATE_CLIENT, now - DAY + 4, 1, &other, &other_key);
    issue(foreign, "foreign", BG_CERTIFICATE_CLIENT, now, 30, &other, &other_key);
    bg_identity_destroy(&authority);
    bg_identity_destroy(&foreign);
    return (struct bg_credentials){.certificate = pem.text, .key = key.text, .authority = authority_pem.text};
}

/* ---- what is served ---- */

static void answer(struct bg_http_exchange *exchange, unsigned status, const char *text)
{
    const struct bg_http_response response = {
        .status = status, .content_type = "text/plain", .body = {(const uint8_t *)text, strlen(text)}};
    bg_http_respond(exchange, &response);
}

static void on_body(void *context, struct bg_http_exchange *exchange, enum bg_status status, struct bg_span body)
{
    (void)context;
    if (status)
        answer(exchange, (unsigned)bg_status_http(status), bg_status_name(status));
    else
        bg_http_respond(exchange, &(struct bg_http_response){.status = 200, .body = body});
}

static void on_file(void *context, struct bg_http_exchange *exchange, enum bg_status status, uint64_t written,
                    int error_number)
{
    int *file = context;
    char text[80];
    if (exchange == receiving)
        receiving = NULL;
    close(*file);
    free(file);
    snprintf(text, sizeof text, "%s %llu %d", status ? bg_status_name(status) : "OK", (unsigned long long)written,
             error_number);
    printf("{\"event\": \"file\", \"text\": \"%s\"}\n", text);
    fflush(stdout);
    answer(exchange, status ? (unsigned)bg_status_http(status) : 200, text);
}

static void receive(struct bg_http_exchange *exchange, const char *name, bool durable)
{
    char path[512];
    int *file = malloc(sizeof *file);
    snprintf(path, sizeof path, "%s/upload-%s", folder, name);
    *file = strcmp(name, "full") == 0 ? open("/dev/full", O_WRONLY | O_CLOEXEC)
                                      : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (*file < 0)
        fail(path, NULL);
    receiving = exchange;
    bg_http_receive(exchange, *file, 0, (uint64_t)64 << 20, durable, on_file, file);
}

static void share(struct bg_http_exchange *exchange)
{
    const char *range = bg_http_header(exchange, "Range");
    struct bg_http_response response = {.status = 200, .content = shared, .content_size = SHARED_BYTES};
    if (range && strcmp(range, "bytes=1000-1009") == 0) {
        response.status = 206;
        response.content_first = 1000;
        response.content_size = 10;
    }
    bg_http_respond(exchange, &response);
}

static void release(void)
{
    for (size_t i = 0; i < waiting_count; i++)
        answer(waiting[i], 200, "released");
    waiting_count = 0;
}

static void tell_peer(struct bg_http_exchange *exchange)
{
    const struct bg_peer *peer = bg_http_peer(exchange);
    char hex[2 * BG_DIGEST_BYTES + 1], text[256];
    bg_digest_to_hex(&peer->id, hex);
    snprintf(text, sizeof text, "%d %s %s %s", peer->authenticated, peer->authenticated ? hex : "-",
             peer->authenticated ? peer->role : "-", peer->address);
    answer(exchange, 200, text);
}

static void tell_stats(struct bg_http_exchange *exchange)
{
    struct bg_http_stats stats = bg_http_server_stats(server);
    char text[512];
    snprintf(text, sizeof text,
             "{\"open\": %llu, \"connections\": %llu, \"connections_refused\": %llu, \"handshakes\": %llu, "
             "\"resumptions\": %llu, \"handshakes_failed\": %llu, \"requests\": %llu, \"requests_refused\": %llu}",
             (unsigned long long)stats.connections_open, (unsigned long long)stats.connections,
             (unsigned long long)stats.connections_refused, (unsigned long long)stats.handshakes,
             (unsigned long long)stats.resumptions, (unsigned long long)stats.handshakes_failed,
             (unsigned long long)stats.requests, (unsigned long long)stats.requests_refused);
    answer(exchange, 200, text);
}

static void on_stopped(void *context)
{
    (void)context;
    printf("{\"event\": \"stopped\"}\n");
    fflush(stdout);
    bg_loop_stop(loop);
}

static void serve(void *context, struct bg_http_exchange *exchange)
{
    const char *path = bg_http_path(exchange);
    (void)context;
    if (strcmp(path, "/hello") == 0) {
        answer(exchange, 200, "hello");
    } else if (strcmp(path, "/echo") == 0) {
        bg_http_read(exchange, (size_t)1 << 20, on_body, NULL);
    } else if (strncmp(path, "/file/", 6) == 0) {
        receive(exchange, path + 6, false);
    } else if (strncmp(path, "/durable/", 9) == 0) {
        receive(exchange, path + 9, true);
    } else if (strcmp(path, "/shared") == 0) {
        share(exchange);
    } else if (strcmp(path, "/wait") == 0 && waiting_count < sizeof waiting / sizeof *waiting) {
        waiting[waiting_count++] = exchange;
        printf("{\"event\": \"waiting\"}\n");
        fflush(stdout);
    } else if (strcmp(path, "/abort") == 0 && receiving) {
        bg_http_abort(receiving);
        answer(exchange, 200, "aborted");
    } else if (strcmp(path, "/release") == 0) {
        release();
        answer(exchange, 200, "done");
    } else if (strcmp(path, "/peer") == 0) {
        tell_peer(exchange);
    } else if (strcmp(path, "/stats") == 0) {
        tell_stats(exchange);
    } else if (strcmp(path, "/stop") == 0) {
        bg_http_server_stop(server, 5 * BG_SECOND, on_stopped, NULL);
        answer(exchange, 200, "stopping");
    } else {
        answer(exchange, 404, path);
    }
}

static void observe(void *context, const struct bg_http_notice *notice)
{
    static const char *const kinds[] = {"handshake failed", "refused", "broken"};
    (void)context;
    printf("{\"event\": \"%s\", \"status\": %u, \"text\": \"%s\"}\n", kinds[notice->kind], notice->http,
           notice->error->text);
    fflush(stdout);
}

/* ---- the program ---- */

static void set_limit(struct bg_http_server_settings *settings, const char *word)
{
    struct bg_http_limits *limits = &settings->limits;
    uint64_t threads = settings->threads, strangers = settings->strangers, retry = limits->retry_after_seconds,
             port = 0;
    const struct {
        const char *name;
        void *place;
        uint64_t unit;
    } names[] = {
        {"connections", &limits->connections, 1}, {"exchanges", &limits->exchanges, 1},
        {"memory", &limits->memory_bytes, 1}, {"head", &limits->head_bytes, 1},
        {"handshake-ms", &limits->handshake_ns, BG_MILLISECOND}, {"head-ms", &limits->head_ns, BG_MILLISECOND},
        {"idle-ms", &limits->idle_ns, BG_MILLISECOND}, {"body-ms", &limits->body_ns, BG_MILLISECOND},
        {"body-least", &limits->body_least_bytes, 1}, {"response-ms", &limits->response_ns, BG_MILLISECOND},
        {"threads", &threads, 1}, {"strangers", &strangers, 1}, {"retry-after", &retry, 1}, {"port", &port, 1},
    };
    const char *mark = strchr(word, '=');
    for (size_t i = 0; mark && i < sizeof names / sizeof *names; i++) {
        uint64_t value;
        if (strlen(names[i].name) != (size_t)(mark - word) || memcmp(names[i].name, word, (size_t)(mark - word)) != 0)
            continue;
        if (bg_parse_u64(mark + 1, 0, UINT32_MAX, &value))
            break;
        *(uint64_t *)names[i].place = value * names[i].unit;
        settings->threads = (unsigned)threads;
        settings->strangers = strangers;
        settings->port = (uint16_t)port;
        limits->retry_after_seconds = (unsigned)retry;
        return;
    }
    fail(word, NULL);
}

static void end(void *argument)
{
    (void)argument;
    bg_loop_stop(loop);
}

static void *wait_for_input(void *argument)
{
    char byte;
    while (read(0, &byte, 1) > 0)
        ;
    if (bg_loop_post(loop, end, NULL))
        exit(1);
    return argument;
}

int main(int count, char **words)
{
    struct bg_error error;
    pthread_t input;
    if (count < 2)
        fail("usage: serve_for_tests FOLDER [limit=value …]", NULL);
    folder = words[1];
    struct bg_http_server_settings settings = {
        .address = "127.0.0.1", .threads = 1, .limits = bg_http_limits_default, .serve = serve, .observe = observe};
    for (int i = 2; i < count; i++)
        set_limit(&settings, words[i]);
    settings.credentials = make_credentials();
    uint8_t *bytes = calloc(1, SHARED_BYTES);
    for (size_t i = 0; bytes && i < SHARED_BYTES; i++)
        bytes[i] = (uint8_t)(i * 31 >> 3);
    shared = bytes ? bg_http_content_create((struct bg_span){bytes, SHARED_BYTES}) : NULL;
    free(bytes);
    if (!shared || bg_loop_create(&error, &loop))
        fail("no loop", &error);
    settings.loop = loop;
    if (bg_http_server_create(&settings, &error, &server))
        fail("no server", &error);
    printf("{\"event\": \"ready\", \"port\": %u}\n", (unsigned)bg_http_server_port(server));
    fflush(stdout);
    if (pthread_create(&input, NULL, wait_for_input, NULL) != 0)
        fail("no thread", NULL);
    bg_loop_run(loop);
    bg_http_server_destroy(&server);
    release();
    pthread_join(input, NULL); /* it posts to the loop */
    bg_loop_destroy(&loop);
    bg_http_content_release(shared);
    return 0;
}
