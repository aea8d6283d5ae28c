/* SPDX-License-Identifier: Apache-2.0 */
/* Two devices that upload through a relay which breaks connections, to a server with threads, whose role's work runs on
 * workers: for ThreadSanitizer. */
#include "net/driver.h"
#include "tests/threads/require.h"
#include "tests/unit/net/https_world.h"
#include "tests/unit/net/relay.h"

#include <string.h>

#define UPLOADS 4 /* of each device, one after the other */
#define BYTES ((size_t)1 << 20)

/* Adds an update up on a worker, and answers then. */
struct sum {
    struct bg_work work;
    struct role *role;
    struct bg_call *call;
    struct bg_span bytes;
    uint64_t value;
};

struct role {
    struct https_world https;
    struct bg_driver *driver;
    struct bg_driver_port ports[WORLD_DEVICES];
    struct bg_work_queue queue;
    struct sum sums[WORLD_DEVICES * UPLOADS];
    size_t served, answered;
    uint8_t body[BYTES];
};

static void run_sum(struct bg_job *job)
{
    struct sum *sum = (struct sum *)job;
    for (size_t i = 0; i < sum->bytes.size; i++)
        sum->value += sum->bytes.data[i];
}

static void sum_done(struct bg_job *job)
{
    struct sum *sum = (struct sum *)job;
    bg_call_answer(sum->call, BG_OK, (struct bg_span){(const uint8_t *)&sum->value, sizeof sum->value});
}

static void serve(void *context, const struct bg_request *request, struct bg_call *call)
{
    struct role *role = context;
    REQUIRE(role->served < WORLD_DEVICES * UPLOADS);
    struct sum *sum = &role->sums[role->served++];
    bg_driver_enter(role->driver);
    *sum = (struct sum){
        .work = {.job = {.run = run_sum, .done = sum_done}}, .role = role, .call = call, .bytes = request->body};
    bg_work_push(&role->queue, &sum->work);
    bg_driver_leave(role->driver);
}

static void tick(void *role, uint64_t now)
{
    (void)role;
    (void)now;
}

static uint64_t next_wake(const void *role)
{
    (void)role;
    return UINT64_MAX;
}

static struct bg_work *next_work(void *role)
{
    return bg_work_pop(&((struct role *)role)->queue);
}

struct device_run {
    struct role *role;
    size_t device, done;
};

static void send(struct device_run *run);

static void on_reply(void *context, enum bg_status status, struct bg_span reply)
{
    struct device_run *run = context;
    struct role *role = run->role;
    uint64_t value;
    REQUIRE(status == BG_OK && reply.size == sizeof value);
    memcpy(&value, reply.data, sizeof value);
    REQUIRE(value == BYTES - 2 + run->device + run->done);
    run->done++;
    if (++role->answered == WORLD_DEVICES * UPLOADS)
        bg_loop_stop(role->https.loop);
    else if (run->done < UPLOADS)
        send(run);
}

static void send(struct device_run *run)
{
    struct role *role = run->role;
    role->body[0] = (uint8_t)(run->device + run->done); /* no two updates of a device are the same */
    role->body[1] = 0;
    struct bg_request request = {.route = BG_ROUTE_UPDATE, .body = {role->body, sizeof role->body}};
    REQUIRE(bg_transport_send(&role->ports[run->device].transport, &request, on_reply, run) == BG_OK);
}

int main(void)
{
    static struct role role;
    static const struct bg_driver_ops ops = {tick, next_wake, next_work};
    struct device_run runs[WORLD_DEVICES];
    memset(role.body, 1, sizeof role.body);
    world_init(&role.https, serve, &role);
    REQUIRE(bg_driver_create(role.https.loop, &ops, 2, NULL, NULL, NULL, &role.driver) == BG_OK);
    bg_driver_start(role.driver, &role);
    world_start_server(&role.https);
    struct relay *relay = relay_start(role.https.port, &(struct relay_plan){6, BYTES, 5, true});
    role.https.relay = relay_port(relay);
    world_start_devices(&role.https);
    for (size_t i = 0; i < WORLD_DEVICES; i++) {
        bg_driver_port_init(&role.ports[i], role.driver, role.https.devices[i].to_server);
        runs[i] = (struct device_run){.role = &role, .device = i};
        send(&runs[i]);
    }
    world_run(&role.https);
    REQUIRE(relay_cuts(relay) == 6);
    relay_stop(relay);
    world_stop_devices(&role.https);
    world_stop_server(&role.https);
    bg_driver_destroy(&role.driver);
    world_finish(&role.https);
    return 0;
}
