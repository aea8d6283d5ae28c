/* SPDX-License-Identifier: Apache-2.0 */
/* Updates over HTTPS: what breaks goes on, what is not in order is refused. */
#include "https_world.h"
#include "net/http_routes.h"
#include "net/upload_fields.h"
#include "relay.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEBIBYTE ((size_t)1 << 20)
#define CUT_BYTES ((uint64_t)128 << 10) /* what a broken connection may cost */

struct world {
    struct https_world https;
    uint8_t *body;
    size_t size;
    size_t served, replies;
    enum bg_status answers, status; /* what the role says, what came */
    bool keeps;           /* the role keeps the bytes, and does not answer */
    struct bg_call *call; /* of a role that does not answer */
    struct bg_held_bytes *held;
    struct bg_span bytes;
    unsigned http;        /* of a plain request */
    char offset[32], complete[8], location[128], limit[64];
};

static atomic_uint synced;      /* files that were made durable */
static atomic_bool breaks_sync; /* the next one is not */

/* In place of the C library's. */
int fdatasync(int file)
{
    bool breaks = atomic_exchange(&breaks_sync, false);
    atomic_fetch_add(&synced, !breaks);
    errno = EIO;
    return breaks ? -1 : fsync(file);
}

static void serve(void *role, const struct bg_request *request, struct bg_call *call)
{
    struct world *world = role;
    world->served++;
    cr_assert_eq(request->route, BG_ROUTE_UPDATE);
    cr_assert_eq(request->body.size, world->size);
    cr_assert_eq(memcmp(request->body.data, world->body, world->size), 0, "the same bytes arrive");
    const char *path = bg_https_upload_file(request->held);
    struct stat facts;
    cr_assert_not_null(path);
    cr_assert_eq(stat(path, &facts), 0);
    cr_assert_eq((uint64_t)facts.st_size, world->size);
    if (world->keeps) {
        world->held = bg_held_keep(request->held);
        world->bytes = request->body;
        world->call = call;
        bg_loop_stop(world->https.loop);
        return;
    }
    bg_call_answer(call, world->answers, (struct bg_span){(const uint8_t *)"pace", 4});
}

static void on_reply(void *context, enum bg_status status, struct bg_span reply)
{
    struct world *world = context;
    world->replies++;
    world->status = status;
    cr_assert_eq(reply.size, status == BG_OK ? 4 : 0);
    bg_loop_stop(world->https.loop);
}

static void begin(struct world *world, size_t size)
{
    *world = (struct world){.size = size, .body = malloc(size + 1)};
    for (size_t i = 0; i < size; i++)
        world->body[i] = (uint8_t)(i * 2654435761u >> 13);
    world_init(&world->https, serve, world);
    world_start_server(&world->https);
}

static void end(struct world *world)
{
    world_finish(&world->https);
    free(world->body);
}

static void start_upload(struct world *world, size_t device)
{
    struct bg_request request = {.route = BG_ROUTE_UPDATE, .body = {world->body, world->size}};
    cr_assert_eq(bg_transport_send(world->https.devices[device].to_server, &request, on_reply, world), BG_OK);
}

static void upload(struct world *world)
{
    start_upload(world, 0);
    world_run(&world->https);
}

static void upload_through_cuts(size_t size, unsigned cuts, uint64_t most, uint64_t seed)
{
    struct world world;
    begin(&world, size);
    struct relay *relay = relay_start(world.https.port, &(struct relay_plan){cuts, most, seed, false});
    world.https.relay = relay_port(relay);
    world_start_devices(&world.https);
    upload(&world);
    uint64_t sent = bg_https_transport_sent(world.https.devices[0].transport);
    unsigned cut = relay_cuts(relay);
    relay_stop(relay);
    cr_assert_eq(world.status, BG_OK);
    cr_assert_eq(world.served, 1);
    cr_assert_eq(world_uploads(&world.https), 0);
    cr_assert_geq(sent, size);
    cr_assert_leq(sent, size + cut * CUT_BYTES);
    end(&world);
}

Test(uploads, broken_fifty_times_little_is_sent_twice)
{
    struct world world;
    begin(&world, 64 * MEBIBYTE);
    struct relay *relay = relay_start(world.https.port, &(struct relay_plan){50, 2 * MEBIBYTE, 7, false});
    world.https.relay = relay_port(relay);
    world_start_devices(&world.https);
    upload(&world);
    uint64_t sent = bg_https_transport_sent(world.https.devices[0].transport);
    cr_assert_eq(relay_cuts(relay), 50);
    relay_stop(relay);
    printf("# 64 MiB through 50 cuts: %" PRIu64 " bytes sent, %" PRIu64 " KiB lost per cut\n", sent,
           (sent - world.size) / 50 >> 10);
    cr_assert_eq(world.status, BG_OK);
    cr_assert_eq(world.served, 1);
    cr_assert_leq(sent, world.size + 50 * CUT_BYTES);
    end(&world);
    NO_LEAKS();
}

Test(uploads, of_all_sizes_go_on_after_breaks)
{
    for (uint64_t seed = 0; seed < 4; seed++) {
        upload_through_cuts(1, 3, 5000, seed);
        upload_through_cuts(BG_UPLOAD_WHOLE_BYTES, 3, 150000, seed);
        upload_through_cuts(BG_UPLOAD_WHOLE_BYTES + 1, 4, 150000, seed);
        upload_through_cuts(9 * MEBIBYTE + 5, 6, 3 * MEBIBYTE, seed);
    }
    NO_LEAKS();
}

static void restart_server(void *argument)
{
    struct world *world = argument;
    world_stop_server(&world->https);
    world_start_server(&world->https);
}

static void restart_device(void *argument)
{
    struct world *world = argument;
    world_stop_devices(&world->https);
    world_start_devices(&world->https);
    start_upload(world, 0);
}

Test(uploads, go_on_before_the_server_notices_that_the_connection_is_dead)
{
    struct world world;
    begin(&world, 9 * MEBIBYTE);
    struct relay *relay = relay_start(world.https.port, &(struct relay_plan){4, 3 * MEBIBYTE, 11, true});
    world.https.relay = relay_port(relay);
    world_start_devices(&world.https);
    uint64_t began = bg_clock_monotonic_ns();
    upload(&world);
    uint64_t took = bg_clock_monotonic_ns() - began;
    cr_assert_eq(relay_cuts(relay), 4);
    relay_stop(relay);
    cr_assert_eq(world.status, BG_OK);
    cr_assert_eq(world.served, 1);
    cr_assert_lt(took, bg_http_limits_default.body_ns, "it took %" PRIu64 " ms", took / BG_MILLISECOND);
    end(&world);
    NO_LEAKS();
}

static void stop(void *argument)
{
    struct world *world = argument;
    bg_loop_stop(world->https.loop);
}

/* Waits until some MiB are in the server's file, restarts somebody, and goes on. */
static void restart_in_the_middle(void (*restart)(void *argument))
{
    struct world world;
    begin(&world, 40 * MEBIBYTE);
    world_start_devices(&world.https);
    start_upload(&world, 0);
    uint64_t sent = 0;
    while (sent < 8 * MEBIBYTE) {
        cr_assert_eq(bg_loop_post(world.https.loop, stop, &world), BG_OK);
        world_run(&world.https);
        sent = bg_https_transport_sent(world.https.devices[0].transport);
    }
    cr_assert_eq(world.replies, 0);
    restart(&world);
    world_run(&world.https);
    sent = (restart == restart_device ? sent : 0) + bg_https_transport_sent(world.https.devices[0].transport);
    cr_assert_eq(world.status, BG_OK);
    cr_assert_eq(world.served, 1);
    cr_assert_leq(sent, world.size + 2 * CUT_BYTES);
    end(&world);
}

Test(uploads, go_on_after_the_server_was_started_anew)
{
    restart_in_the_middle(restart_server);
    NO_LEAKS();
}

Test(uploads, go_on_after_the_device_was_started_anew)
{
    restart_in_the_middle(restart_device);
    NO_LEAKS();
}

Test(uploads, what_a_role_puts_off_is_not_sent_again)
{
    static const enum bg_status statuses[] = {BG_BUSY, BG_IO, BG_NO_MEMORY};
    struct world world;
    begin(&world, MEBIBYTE);
    world_start_devices(&world.https);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        world.answers = statuses[i];
        upload(&world);
        cr_assert_eq(world.status, statuses[i]);
        cr_assert_eq(world_uploads(&world.https), 1);
    }
    world.answers = BG_OK;
    upload(&world);
    cr_assert_eq(world.status, BG_OK);
    cr_assert_eq(world.served, 4);
    cr_assert_eq(bg_https_transport_sent(world.https.devices[0].transport), world.size);
    cr_assert_eq(world_uploads(&world.https), 0);
    upload(&world);
    cr_assert_eq(world.status, BG_OK);
    cr_assert_eq(world.served, 4, "the answer is given again");
    cr_assert_eq(bg_https_transport_sent(world.https.devices[0].transport), world.size);
    end(&world);
    NO_LEAKS();
}

Test(uploads, what_a_role_refused_is_shown_to_it_again)
{
    struct world world;
    begin(&world, MEBIBYTE);
    world_start_devices(&world.https);
    world.answers = BG_UNKNOWN_CLIENT;
    upload(&world);
    cr_assert_eq(world.status, BG_UNKNOWN_CLIENT);
    world.answers = BG_OK;
    upload(&world);
    cr_assert_eq(world.status, BG_OK);
    cr_assert_eq(world.served, 2);
    end(&world);
    NO_LEAKS();
}

Test(uploads, a_role_may_keep_the_bytes_beyond_its_answer)
{
    struct world world;
    begin(&world, 3 * MEBIBYTE);
    world_start_devices(&world.https);
    world.keeps = true;
    upload(&world);
    cr_assert_eq(world_uploads(&world.https), 1);
    bg_call_answer(world.call, BG_OK, (struct bg_span){(const uint8_t *)"pace", 4});
    cr_assert_eq(world_uploads(&world.https), 0, "its name goes with the answer");
    world_run(&world.https);
    cr_assert_eq(world.status, BG_OK);
    world_stop_devices(&world.https);
    world_stop_server(&world.https);
    cr_assert_eq(memcmp(world.bytes.data, world.body, world.size), 0);
    bg_held_release(world.held);
    end(&world);
    NO_LEAKS();
}

Test(uploads, a_role_that_goes_without_an_answer_leaves_the_file)
{
    struct world world;
    begin(&world, 3 * MEBIBYTE);
    world_start_devices(&world.https);
    world.keeps = true;
    upload(&world);
    world_stop_server(&world.https);
    bg_held_release(world.held);
    cr_assert_eq(world_uploads(&world.https), 1);
    world.keeps = false;
    world_start_server(&world.https);
    world_run(&world.https);
    cr_assert_eq(world.status, BG_OK);
    cr_assert_eq(world.served, 2);
    cr_assert_eq(bg_https_transport_sent(world.https.devices[0].transport), world.size);
    end(&world);
    NO_LEAKS();
}

Test(uploads, are_given_up_when_the_server_stays_away_or_full)
{
    struct world world;
    begin(&world, MEBIBYTE);
    world_start_devices(&world.https);
    world_stop_server(&world.https);
    upload(&world);
    cr_assert_eq(world.status, BG_IO);
    cr_assert(strstr(world.https.warning, "no connection"), "%s", world.https.warning);
    cr_assert_geq(world.https.warnings, 8);
    world.https.uploads_most = MEBIBYTE - 1;
    world_start_server(&world.https);
    upload(&world);
    cr_assert_eq(world.status, BG_BUSY);
    cr_assert(strstr(world.https.warning, "507"), "%s", world.https.warning);
    world_stop_server(&world.https);
    world.https.upload_most = MEBIBYTE - 1;
    world_start_server(&world.https);
    upload(&world);
    cr_assert_eq(world.status, BG_TOO_LARGE);
    cr_assert_eq(world.served, 0);
    end(&world);
    NO_LEAKS();
}

Test(uploads, a_full_disk_is_said_and_they_go_on_when_there_is_room)
{
    struct world world;
    const struct rlimit little = {.rlim_cur = MEBIBYTE, .rlim_max = RLIM_INFINITY};
    const struct rlimit enough = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    begin(&world, 2 * MEBIBYTE);
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
    world_start_devices(&world.https);
    upload(&world);
    cr_assert_eq(world.status, BG_BUSY);
    cr_assert(strstr(world.https.warning, "507"), "%s", world.https.warning);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &enough), 0);
    uint64_t sent = bg_https_transport_sent(world.https.devices[0].transport);
    upload(&world);
    cr_assert_eq(world.status, BG_OK);
    cr_assert_eq(world.served, 1);
    sent = bg_https_transport_sent(world.https.devices[0].transport) - sent;
    cr_assert_eq(sent, MEBIBYTE, "what was there is kept: %" PRIu64, sent);
    end(&world);
    NO_LEAKS();
}

/* ---- requests that are not in order ---- */

#define UPDATES "/v1/" WORLD_POPULATION "/updates"
#define KEY "0123456789abcdef"
#define OTHER_KEY "fedcba9876543210"

static void copy_field(const struct bg_https_reply *reply, const char *name, char *ret_text, size_t capacity)
{
    const char *value = bg_https_field(reply, name);
    snprintf(ret_text, capacity, "%s", value ? value : "");
}

static void on_plain_reply(void *context, const struct bg_https_reply *reply)
{
    struct world *world = context;
    cr_assert_eq(reply->status, BG_OK, "%s", reply->error ? reply->error->text : "");
    world->http = reply->http;
    copy_field(reply, BG_UPLOAD_OFFSET, world->offset, sizeof world->offset);
    copy_field(reply, BG_UPLOAD_COMPLETE, world->complete, sizeof world->complete);
    copy_field(reply, "Location", world->location, sizeof world->location);
    copy_field(reply, BG_UPLOAD_LIMIT, world->limit, sizeof world->limit);
    bg_loop_stop(world->https.loop);
}

/* One request by hand; `fields` are "name: value", up to NULL. */
static unsigned ask(struct world *world, size_t device, const char *method, const char *path, size_t first,
                    size_t size, const char *const *fields)
{
    struct bg_https_field named[6];
    char text[6][128], url[128];
    size_t count = 0;
    struct bg_https_call *call;
    for (; fields && fields[count]; count++) {
        snprintf(text[count], sizeof text[count], "%s", fields[count]);
        char *colon = strchr(text[count], ':');
        *colon = '\0';
        named[count] = (struct bg_https_field){text[count], colon + 2};
    }
    snprintf(url, sizeof url, "https://127.0.0.1:%u%s", world->https.port, path);
    struct bg_https_request request = {.method = method,
                                       .url = url,
                                       .pin = world->https.pin,
                                       .fields = named,
                                       .field_count = count,
                                       .body = {world->body + first, size},
                                       .reply_limit = 10000,
                                       .timeout_ns = 20 * BG_SECOND};
    cr_assert_eq(bg_https_send(world->https.devices[device].client, &request, on_plain_reply, world, &call), BG_OK);
    world_run(&world->https);
    return world->http;
}

#define FIELDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define PART "Content-Type: " BG_UPLOAD_TYPE
#define OFFER FIELDS("Upload-Complete: ?0", "Upload-Length: 1000", "Idempotency-Key: " KEY)

Test(uploads, by_hand_in_order)
{
    struct world world;
    begin(&world, 1000);
    world_start_devices(&world.https);
    cr_assert_eq(ask(&world, 0, "POST", UPDATES, 0, 0, OFFER), 201);
    cr_assert_str_eq(world.location, UPDATES "/" KEY);
    cr_assert_str_eq(world.offset, "0");
    cr_assert_str_eq(world.complete, "?0");
    cr_assert_str_eq(world.limit, "max-size=134217728");
    cr_assert_eq(
        ask(&world, 0, "PATCH", UPDATES "/" KEY, 0, 300, FIELDS(PART, "Upload-Offset: 0", "Upload-Complete: ?0")), 204);
    cr_assert_str_eq(world.offset, "300");
    cr_assert_eq(ask(&world, 0, "POST", UPDATES, 0, 0, OFFER), 201);
    cr_assert_str_eq(world.offset, "300", "created again it is as far as it was");
    cr_assert_eq(ask(&world, 0, "HEAD", UPDATES "/" KEY, 0, 0, NULL), 204);
    cr_assert_str_eq(world.offset, "300");
    cr_assert_eq(ask(&world, 0, "GET", UPDATES "/" KEY, 0, 0, NULL), 409);
    cr_assert_eq(world.served, 0);
    cr_assert_eq(
        ask(&world, 0, "PATCH", UPDATES "/" KEY, 300, 700, FIELDS(PART, "Upload-Offset: 300", "Upload-Complete: ?1")),
        200);
    cr_assert_str_eq(world.complete, "?1");
    cr_assert_eq(ask(&world, 0, "HEAD", UPDATES "/" KEY, 0, 0, NULL), 204);
    cr_assert_str_eq(world.complete, "?1");
    cr_assert_eq(ask(&world, 0, "GET", UPDATES "/" KEY, 0, 0, NULL), 200);
    cr_assert_eq(world.served, 1);
    end(&world);
    NO_LEAKS();
}

Test(uploads, with_content_in_the_offer_or_all_of_it)
{
    struct world world;
    begin(&world, 1000);
    world_start_devices(&world.https);
    cr_assert_eq(ask(&world, 0, "POST", UPDATES, 0, 400, OFFER), 201);
    cr_assert_str_eq(world.offset, "400");
    cr_assert_eq(ask(&world, 0, "POST", UPDATES, 0, 1000, NULL), 200);
    cr_assert_eq(world.served, 1, "a plain POST is an upload as well");
    cr_assert_eq(ask(&world, 0, "HEAD", UPDATES "/" KEY, 0, 0, NULL), 404, "in whose place it came");
    cr_assert_eq(world_uploads(&world.https), 0);
    end(&world);
    NO_LEAKS();
}

Test(uploads, that_make_no_sense_are_refused)
{
    static const struct {
        const char *method, *path;
        size_t size;
        unsigned http;
        const char *fields[5];
    } cases[] = {
        {"POST", UPDATES, 0, 400, {0}},
        {"POST", UPDATES, 0, 411, {"Upload-Complete: ?0"}},
        {"POST", UPDATES, 10, 400, {"Upload-Complete: ?1", "Upload-Length: 11"}},
        {"POST", UPDATES, 10, 400, {"Upload-Complete: ?0", "Upload-Length: 9"}},
        {"POST", UPDATES, 0, 400, {"Upload-Complete: ?0", "Upload-Length: x"}},
        {"POST", UPDATES, 0, 400, {"Upload-Complete: 1", "Upload-Length: 9"}},
        {"POST", UPDATES, 0, 400, {"Upload-Complete: ?0", "Upload-Length: 9", "Idempotency-Key: ../../x"}},
        {"POST", UPDATES, 0, 413, {"Upload-Complete: ?0", "Upload-Length: 134217729"}},
        {"POST", UPDATES, 0, 413, {"Upload-Complete: ?0", "Upload-Length: 9223372036854775807"}},
        {"GET", UPDATES, 0, 405, {0}},
        {"POST", "/v1/other/updates", 10, 404, {0}},
        {"POST", UPDATES "/" KEY, 10, 405, {0}},
        {"PATCH", UPDATES "/" OTHER_KEY, 10, 404, {PART, "Upload-Offset: 0", "Upload-Complete: ?0"}},
        {"PATCH", UPDATES "/" KEY, 10, 415, {"Upload-Offset: 300", "Upload-Complete: ?0"}},
        {"PATCH", UPDATES "/" KEY, 10, 400, {PART, "Upload-Complete: ?0"}},
        {"PATCH", UPDATES "/" KEY, 10, 400, {PART, "Upload-Offset: 300"}},
        {"PATCH", UPDATES "/" KEY, 10, 400, {PART, "Upload-Offset: -1", "Upload-Complete: ?0"}},
        {"PATCH", UPDATES "/" KEY, 10, 409, {PART, "Upload-Offset: 299", "Upload-Complete: ?0"}},
        {"PATCH", UPDATES "/" KEY, 10, 409, {PART, "Upload-Offset: 301", "Upload-Complete: ?1"}},
        {"PATCH", UPDATES "/" KEY, 900, 413, {PART, "Upload-Offset: 300", "Upload-Complete: ?0"}},
        {"GET", UPDATES "/" KEY "/", 0, 404, {0}},
    };
    struct world world;
    begin(&world, 1000);
    world_start_devices(&world.https);
    cr_assert_eq(ask(&world, 0, "POST", UPDATES, 0, 300, OFFER), 201);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned http = ask(&world, 0, cases[i].method, cases[i].path, 0, cases[i].size, cases[i].fields);
        cr_assert_eq(http, cases[i].http, "case %zu: %s %s: %u", i, cases[i].method, cases[i].path, http);
    }
    cr_assert_eq(ask(&world, 0, "HEAD", UPDATES "/" KEY, 0, 0, NULL), 204);
    cr_assert_str_eq(world.offset, "300", "none of them did anything");
    cr_assert_eq(world.served, 0);
    end(&world);
    NO_LEAKS();
}

Test(uploads, that_end_early_go_on)
{
    struct world world;
    begin(&world, 1000);
    world_start_devices(&world.https);
    cr_assert_eq(ask(&world, 0, "POST", UPDATES, 0, 0, OFFER), 201);
    cr_assert_eq(
        ask(&world, 0, "PATCH", UPDATES "/" KEY, 0, 10, FIELDS(PART, "Upload-Offset: 0", "Upload-Complete: ?1")), 400);
    cr_assert_str_eq(world.offset, "10");
    cr_assert_eq(world.served, 0);
    end(&world);
    NO_LEAKS();
}

Test(uploads, belong_to_who_began_them)
{
    struct world world;
    begin(&world, 1000);
    world_start_devices(&world.https);
    cr_assert_eq(ask(&world, 0, "POST", UPDATES, 0, 300, OFFER), 201);
    cr_assert_eq(ask(&world, 1, "HEAD", UPDATES "/" KEY, 0, 0, NULL), 404);
    cr_assert_eq(ask(&world, 1, "DELETE", UPDATES "/" KEY, 0, 0, NULL), 404);
    cr_assert_eq(
        ask(&world, 1, "PATCH", UPDATES "/" KEY, 300, 700, FIELDS(PART, "Upload-Offset: 300", "Upload-Complete: ?1")),
        404);
    cr_assert_eq(ask(&world, 1, "POST", UPDATES, 0, 0, OFFER), 201);
    cr_assert_str_eq(world.offset, "0", "with the same key it has one of its own");
    cr_assert_eq(ask(&world, 0, "DELETE", UPDATES "/" KEY, 0, 0, NULL), 204);
    cr_assert_eq(ask(&world, 0, "HEAD", UPDATES "/" KEY, 0, 0, NULL), 404);
    cr_assert_eq(world_uploads(&world.https), 0);
    end(&world);
    NO_LEAKS();
}

Test(uploads, one_per_client_and_not_too_many_in_all)
{
    struct world world;
    begin(&world, 1000);
    world_stop_server(&world.https);
    world.https.uploads_most = 1500;
    world_start_server(&world.https);
    world_start_devices(&world.https);
    cr_assert_eq(ask(&world, 0, "POST", UPDATES, 0, 300, OFFER), 201);
    cr_assert_eq(ask(&world, 1, "POST", UPDATES, 0, 0, OFFER), 507);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(ask(&world, 0, "POST", UPDATES, 0, 100,
                         FIELDS("Upload-Complete: ?0", "Upload-Length: 1400",
                                i % 2 ? "Idempotency-Key: " KEY : "Idempotency-Key: " OTHER_KEY)),
                     201);
    cr_assert_eq(world_uploads(&world.https), 1);
    cr_assert_eq(ask(&world, 0, "POST", UPDATES, 0, 500, FIELDS("Upload-Complete: ?0", "Upload-Length: 500")), 201);
    cr_assert_eq(ask(&world, 1, "POST", UPDATES, 0, 0, OFFER), 201, "there is room again");
    end(&world);
    NO_LEAKS();
}

static void write_file(const struct world *world, const char *name, size_t size)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", world->https.uploads, name);
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(world->body, 1, size, file), size);
    fclose(file);
}

/* What a server that ended has of an upload of `said` bytes. */
static void leave(const struct world *world, size_t device, size_t said, size_t size)
{
    char name[128], hex[2 * BG_DIGEST_BYTES + 1];
    bg_digest_to_hex(&world->https.devices[device].id, hex);
    snprintf(name, sizeof name, "%s-" KEY "-%zu", hex, said);
    write_file(world, name, size);
}

Test(uploads, left_in_the_folder_go_on_if_they_can)
{
    struct world world;
    begin(&world, 1000);
    world_stop_server(&world.https);
    leave(&world, 0, 1000, 600);
    leave(&world, 1, 500, 600); /* more than there can be */
    write_file(&world, "notes.txt", 5);
    world_start_server(&world.https);
    world_start_devices(&world.https);
    cr_assert_eq(world_uploads(&world.https), 2, "what is not an upload is left alone");
    cr_assert_eq(ask(&world, 1, "HEAD", UPDATES "/" KEY, 0, 0, NULL), 404);
    cr_assert_eq(
        ask(&world, 0, "PATCH", UPDATES "/" KEY, 600, 400, FIELDS(PART, "Upload-Offset: 600", "Upload-Complete: ?1")),
        200);
    cr_assert_eq(world.served, 1);
    end(&world);
    NO_LEAKS();
}

Test(uploads, that_were_whole_when_the_server_ended_are_made_durable)
{
    struct world world;
    begin(&world, 1000);
    world_stop_server(&world.https);
    leave(&world, 0, 1000, 1000);
    world_start_server(&world.https);
    world_start_devices(&world.https);
    const char *const *end_of_it = FIELDS(PART, "Upload-Offset: 1000", "Upload-Complete: ?1");
    cr_assert_eq(ask(&world, 0, "PATCH", UPDATES "/" KEY, 0, 0, end_of_it), 200);
    cr_assert_eq(world.served, 1);
    cr_assert_eq(atomic_load(&synced), 1, "nothing came, but the process that wrote it may not have synced it");
    end(&world);
    NO_LEAKS();
}

Test(uploads, that_cannot_be_made_durable_begin_anew)
{
    struct world world;
    begin(&world, 1000);
    world_start_devices(&world.https);
    cr_assert_eq(ask(&world, 0, "POST", UPDATES, 0, 400, OFFER), 201);
    atomic_store(&breaks_sync, true);
    cr_assert_eq(
        ask(&world, 0, "PATCH", UPDATES "/" KEY, 400, 600, FIELDS(PART, "Upload-Offset: 400", "Upload-Complete: ?1")),
        500);
    cr_assert_str_eq(world.offset, "0", "a second sync would succeed, whatever was lost");
    cr_assert_eq(world.served, 0);
    cr_assert_eq(ask(&world, 0, "POST", UPDATES, 0, 1000, FIELDS("Idempotency-Key: " KEY)), 200);
    cr_assert_eq(world.served, 1);
    end(&world);
    NO_LEAKS();
}

Test(uploads, never_write_into_a_file_that_was_kept)
{
    struct world world;
    char path[256], hex[2 * BG_DIGEST_BYTES + 1];
    uint8_t byte;
    begin(&world, 1000);
    world_stop_server(&world.https);
    leave(&world, 0, 1000, 1000);
    bg_digest_to_hex(&world.https.devices[0].id, hex);
    snprintf(path, sizeof path, "%s/%s-" KEY "-1000", world.https.uploads, hex);
    int kept = open(path, O_RDONLY);
    world_start_server(&world.https);
    world_start_devices(&world.https);
    world.body[500] ^= 1;
    cr_assert_eq(ask(&world, 0, "POST", UPDATES, 0, 1000, FIELDS("Idempotency-Key: " KEY)), 200);
    cr_assert_eq(pread(kept, &byte, 1, 500), 1);
    cr_assert_neq(byte, world.body[500], "a store may have it under another name");
    close(kept);
    end(&world);
    NO_LEAKS();
}

Test(uploads, stay_while_the_role_looks_at_them)
{
    struct world world;
    begin(&world, 1000);
    world_start_devices(&world.https);
    world.keeps = true;
    upload(&world);
    DIR *folder = opendir(world.https.uploads);
    const struct dirent *entry;
    char path[128];
    while ((entry = readdir(folder)) && entry->d_name[0] == '.')
        ;
    snprintf(path, sizeof path, UPDATES "/%.16s", strchr(entry->d_name, '-') + 1);
    closedir(folder);
    cr_assert_eq(ask(&world, 0, "DELETE", path, 0, 0, NULL), 409);
    cr_assert_eq(world_uploads(&world.https), 1);
    bg_call_answer(world.call, BG_OK, (struct bg_span){(const uint8_t *)"pace", 4});
    bg_held_release(world.held);
    world_run(&world.https);
    cr_assert_eq(world.status, BG_OK);
    end(&world);
    NO_LEAKS();
}

Test(uploads, folder_that_cannot_be_used_is_named)
{
    struct world world;
    struct bg_https_service *service;
    struct bg_error error;
    struct bg_https_service_settings settings = {
        .population = WORLD_POPULATION, .uploads = "/dev/null/uploads", .serve = serve};
    begin(&world, 10);
    cr_assert_eq(bg_https_service_create(&settings, &error, &service), BG_IO);
    cr_assert(strstr(error.text, "/dev/null/uploads"), "%s", error.text);
    end(&world);
    NO_LEAKS();
}
