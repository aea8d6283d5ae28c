/* SPDX-License-Identifier: Apache-2.0 */
/* What roles may rely on, whatever carries their requests: the same cases over the loopback and over HTTPS. */
#include "https_world.h"
#include "net/http_routes.h"
#include "net/loopback.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define MEBIBYTE ((size_t)1 << 20)
#define MOST_CALLS 24

/* One request with the answer that the role gives to it. */
struct exchange {
    struct world *world;
    enum bg_route route;
    size_t body_size;
    enum bg_status status;
    size_t reply_size;
    uint8_t seed;

    struct bg_call *call; /* while the role has it */
    size_t served, replies;
    uint64_t order;       /* of its reply among all */
};

struct world {
    struct https_world https; /* its loop serves both */
    struct bg_loopback loopback;
    bool over_https;
    struct bg_transport *transport;
    struct exchange exchanges[MOST_CALLS];
    size_t added, count, served, replies;
    bool late; /* the role answers when all are there, the last one first */
    bool echoes; /* it answers with the request itself */
};

static void fill(uint8_t *bytes, size_t size, uint8_t seed)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(seed + i + (i >> 8) * 7);
}

static bool is_filled(struct bg_span span, size_t size, uint8_t seed)
{
    if (span.size != size)
        return false;
    for (size_t i = 0; i < size; i++)
        if (span.data[i] != (uint8_t)(seed + i + (i >> 8) * 7))
            return false;
    return true;
}

/* ---- the role ---- */

static void answer(struct exchange *exchange)
{
    struct bg_call *call = exchange->call;
    uint8_t *reply = malloc(exchange->reply_size + 1);
    exchange->call = NULL;
    fill(reply, exchange->reply_size, (uint8_t)(exchange->seed + 1));
    bg_call_answer(call, exchange->status, (struct bg_span){reply, exchange->reply_size});
    memset(reply, 0, exchange->reply_size); /* it was copied */
    free(reply);
}

static struct exchange *find(struct world *world, const struct bg_request *request)
{
    for (size_t i = 0; i < world->count; i++) {
        struct exchange *exchange = &world->exchanges[i];
        if (!exchange->served && exchange->route == request->route &&
            is_filled(request->body, exchange->body_size, exchange->seed))
            return exchange;
    }
    cr_assert_fail("route %s was asked with a body of %zu that nobody sent", bg_route_name(request->route),
                   request->body.size);
    return NULL;
}

static void serve(void *role, const struct bg_request *request, struct bg_call *call)
{
    struct world *world = role;
    struct exchange *exchange = find(world, request);
    cr_assert(bg_digest_equal(&request->peer, &world->https.devices[0].id));
    exchange->call = call;
    exchange->served++;
    world->served++;
    if (world->echoes) {
        bg_call_answer(call, BG_OK, request->body);
        return;
    }
    if (!world->late) {
        answer(exchange);
        return;
    }
    for (size_t i = world->count; world->served == world->count && i-- > 0;)
        answer(&world->exchanges[i]);
}

/* ---- who asks ---- */

static void on_reply(void *context, enum bg_status status, struct bg_span reply)
{
    struct exchange *exchange = context;
    struct world *world = exchange->world;
    cr_assert_eq(exchange->replies, 0);
    exchange->replies++;
    exchange->order = world->replies++;
    cr_assert_eq(status, exchange->status, "%s: %s instead of %s", bg_route_name(exchange->route),
                 bg_status_name(status), bg_status_name(exchange->status));
    cr_assert(is_filled(reply, status == BG_OK ? exchange->reply_size : 0,
                        (uint8_t)(exchange->seed + !world->echoes)),
              "%s: %zu bytes, not %zu as sent", bg_route_name(exchange->route), reply.size, exchange->reply_size);
    if (world->replies == world->count)
        bg_loop_stop(world->https.loop);
}

static uint64_t no_delay(void *owner, const struct bg_request *request, size_t bytes, int upward)
{
    (void)owner;
    (void)request;
    (void)bytes;
    (void)upward;
    return 0;
}

static enum bg_status post(void *owner, uint64_t delay_ns, void (*run)(void *argument), void *argument)
{
    struct world *world = owner;
    cr_assert_eq(delay_ns, 0);
    return bg_loop_post(world->https.loop, run, argument);
}

static void begin(struct world *world, bool over_https)
{
    *world = (struct world){.over_https = over_https};
    world_init(&world->https, serve, world);
    bg_loopback_init(&world->loopback, serve, world, no_delay, post, world, BG_SECOND);
    world->transport = &world->loopback.transport;
    if (over_https) {
        world_start_server(&world->https);
        world_start_devices(&world->https);
        world->transport = world->https.devices[0].to_server;
    }
}

static void add(struct world *world, enum bg_route route, size_t body_size, enum bg_status status, size_t reply_size)
{
    static const size_t fixed[] = {[BG_ARGUMENT_NONE] = 0, [BG_ARGUMENT_DIGEST] = 32, [BG_ARGUMENT_NUMBER] = 8};
    const struct bg_http_route *known = bg_http_route(route);
    size_t i = world->count++;
    cr_assert_lt(i, MOST_CALLS);
    world->exchanges[i] = (struct exchange){
        .world = world,
        .route = route,
        .body_size = known->argument == BG_ARGUMENT_BODY ? body_size : fixed[known->argument],
        .status = status,
        .reply_size = reply_size,
        .seed = (uint8_t)(41 * world->added++ + 3),
    };
}

/* Sends all that was added and waits for their replies. */
static void run(struct world *world)
{
    for (size_t i = 0; i < world->count; i++) {
        struct exchange *exchange = &world->exchanges[i];
        uint8_t *body = malloc(exchange->body_size + 1);
        fill(body, exchange->body_size, exchange->seed);
        struct bg_request request = {.route = exchange->route,
                                     .peer = world->https.devices[0].id,
                                     .body = {body, exchange->body_size}};
        cr_assert_eq(bg_transport_send(world->transport, &request, on_reply, exchange), BG_OK);
        memset(body, 0, exchange->body_size); /* it was copied */
        free(body);
        cr_assert_eq(exchange->replies, 0, "never from inside");
    }
    world_run(&world->https);
    for (size_t i = 0; i < world->count; i++) {
        cr_assert_eq(world->exchanges[i].served, 1);
        cr_assert_eq(world->exchanges[i].replies, 1);
    }
    world->count = world->served = world->replies = 0;
}

#define OVER_BOTH(name)                                                                                              \
    static void name(struct world *world);                                                                           \
    static void name##_over(bool over_https)                                                                         \
    {                                                                                                                \
        static struct world world;                                                                                   \
        begin(&world, over_https);                                                                                   \
        name(&world);                                                                                                \
        world_finish(&world.https);                                                                                  \
        NO_LEAKS();                                                                                                  \
    }                                                                                                                \
    Test(conformance_loopback, name)                                                                                 \
    {                                                                                                                \
        name##_over(false);                                                                                          \
    }                                                                                                                \
    Test(conformance_https, name)                                                                                    \
    {                                                                                                                \
        name##_over(true);                                                                                           \
    }                                                                                                                \
    static void name(struct world *world)

OVER_BOTH(every_route_carries_requests_and_replies)
{
    for (enum bg_route route = 1; route < BG_ROUTE_COUNT; route++) {
        if (!bg_http_route(route))
            continue;
        static const size_t sizes[][2] = {{1, 0}, {1, 1}, {300, 4095}, {65000, 60000}};
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            add(world, route, sizes[i][0], BG_OK, sizes[i][1]);
            run(world);
        }
    }
}

OVER_BOTH(every_status_comes_back_without_bytes)
{
    static const enum bg_status statuses[] = {
#define STATUS(name, number, http, code, text) BG_##name,
        BG_STATUS_MAP(STATUS)
#undef STATUS
    };
    static const enum bg_route routes[] = {BG_ROUTE_TASK, BG_ROUTE_MODEL, BG_ROUTE_RECEIPT, BG_ROUTE_RELEASE,
                                           BG_ROUTE_UPDATE};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        for (size_t j = 0; j < sizeof routes / sizeof *routes; j++) {
            add(world, routes[j], 100 + i, statuses[i], 10);
            run(world);
        }
}

OVER_BOTH(large_bodies_arrive_whole)
{
    static const size_t sizes[] = {128 << 10, (128 << 10) + 1, 3 << 20, (16 << 20) + 7};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        add(world, BG_ROUTE_UPDATE, sizes[i], BG_OK, 90);
        run(world);
        add(world, BG_ROUTE_RELEASE, sizes[i], BG_OK, sizes[i] / 2);
        run(world);
        add(world, BG_ROUTE_MODEL, 0, BG_OK, sizes[i]);
        run(world);
    }
}

OVER_BOTH(answers_may_come_late_and_in_any_order)
{
    world->late = true;
    for (size_t i = 0; i < MOST_CALLS; i++) {
        static const enum bg_route routes[] = {BG_ROUTE_RECEIPT, BG_ROUTE_RELEASE, BG_ROUTE_MODEL};
        add(world, routes[i % 3], 50 * i + 20, i % 5 == 4 ? BG_BUSY : BG_OK, 1000 * i);
    }
    run(world);
}

OVER_BOTH(an_answer_may_be_bytes_of_the_request)
{
    world->echoes = true;
    add(world, BG_ROUTE_RECEIPT, 0, BG_OK, 8);
    add(world, BG_ROUTE_MODEL, 0, BG_OK, 32);
    add(world, BG_ROUTE_SIGNED_PLAN, 60000, BG_OK, 60000);
    add(world, BG_ROUTE_UPDATE, 60000, BG_OK, 60000);
    run(world);
}

OVER_BOTH(requests_do_not_mix)
{
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < MOST_CALLS; i++) {
            static const enum bg_route routes[] = {BG_ROUTE_SUMS, BG_ROUTE_MODEL, BG_ROUTE_RECEIPT, BG_ROUTE_REPORT};
            add(world, routes[i % 4], 10000 + i, BG_OK, 5000 + i);
        }
        run(world);
    }
}
