/* SPDX-License-Identifier: Apache-2.0 */
#include "https_world.h"

#include "tests/threads/require.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MEBIBYTE ((uint64_t)1 << 20)

static void too_late(void *context)
{
    (void)context;
    fprintf(stderr, "nothing happened for a minute\n");
    abort();
}

static void issue(const struct bg_identity *authority, enum bg_certificate_role role, struct bg_pem *ret_certificate,
                  struct bg_pem *ret_key, struct bg_digest *ret_id, struct bg_digest *ret_pin)
{
    struct bg_random random = bg_random_system();
    struct bg_identity *identity;
    REQUIRE(bg_identity_create(&random, &identity) == BG_OK);
    REQUIRE(bg_identity_pem(identity, ret_key) == BG_OK);
    REQUIRE(bg_certificate_issue(authority, WORLD_POPULATION, bg_identity_point(identity), role, (uint64_t)time(NULL),
                                 10, &random, ret_certificate) == BG_OK);
    *ret_id = *bg_identity_digest(identity);
    bg_point_pin(bg_identity_point(identity), ret_pin);
    bg_identity_destroy(&identity);
}

void world_init(struct https_world *world, bg_serve_function *serve, void *role)
{
    struct bg_random random = bg_random_system();
    struct bg_identity *authority;
    struct bg_digest id, pin;
    *world = (struct https_world){
        .serve = serve, .role = role, .upload_most = 128 * MEBIBYTE, .uploads_most = 512 * MEBIBYTE};
    REQUIRE(bg_loop_create(NULL, &world->loop) == BG_OK);
    REQUIRE(bg_loop_timer_create(world->loop, too_late, world, &world->guard) == BG_OK);
    REQUIRE(bg_identity_create(&random, &authority) == BG_OK);
    REQUIRE(bg_authority_create(authority, WORLD_POPULATION, (uint64_t)time(NULL), &random, &world->authority) ==
            BG_OK);
    issue(authority, BG_CERTIFICATE_ROOT, &world->certificate, &world->key, &id, &world->pin);
    for (size_t i = 0; i < WORLD_DEVICES; i++) {
        struct device *device = &world->devices[i];
        issue(authority, BG_CERTIFICATE_CLIENT, &device->certificate, &device->key, &device->id, &pin);
    }
    bg_identity_destroy(&authority);
    snprintf(world->uploads, sizeof world->uploads, "/tmp/burgee-uploads-XXXXXX");
    REQUIRE(mkdtemp(world->uploads));
}

static void take(void *context, struct bg_http_exchange *exchange)
{
    struct https_world *world = context;
    REQUIRE(bg_http_peer(exchange)->authenticated);
    if (!bg_https_service_take(world->service, exchange))
        bg_http_refuse(exchange, BG_NOT_FOUND, "there is nothing here");
}

void world_start_server(struct https_world *world)
{
    struct bg_error error;
    struct bg_https_service_settings service = {.population = WORLD_POPULATION,
                                                .routes = UINT32_MAX,
                                                .uploads = world->uploads,
                                                .upload_most_bytes = world->upload_most,
                                                .uploads_most_bytes = world->uploads_most,
                                                .serve = world->serve,
                                                .server = world->role};
    struct bg_http_server_settings server = {
        .loop = world->loop,
        .address = "127.0.0.1",
        .port = world->port,
        .threads = 2,
        .credentials = {world->certificate.text, world->key.text, world->authority.text},
        .limits = bg_http_limits_default,
        .serve = take,
        .context = world,
    };
    REQUIRE(bg_https_service_create(&service, &error, &world->service) == BG_OK);
    REQUIRE(bg_http_server_create(&server, &error, &world->server) == BG_OK);
    world->port = bg_http_server_port(world->server);
}

void world_stop_server(struct https_world *world)
{
    bg_http_server_destroy(&world->server);
    bg_https_service_destroy(&world->service);
}

static void warn(void *context, const struct bg_error *error)
{
    struct https_world *world = context;
    world->warnings++;
    snprintf(world->warning, sizeof world->warning, "%s", error->text);
}

void world_start_devices(struct https_world *world)
{
    char url[64];
    struct bg_error error;
    snprintf(url, sizeof url, "https://127.0.0.1:%u", world->relay ? world->relay : world->port);
    for (size_t i = 0; i < WORLD_DEVICES; i++) {
        struct device *device = &world->devices[i];
        struct bg_https_settings client = {
            .loop = world->loop,
            .credentials = {device->certificate.text, device->key.text, world->authority.text},
            .proxy = "",
            .connect_ns = 20 * BG_SECOND,
            .idle_ns = 20 * BG_SECOND,
        };
        REQUIRE(bg_https_client_create(&client, &error, &device->client) == BG_OK);
        struct bg_https_transport_settings transport = {.client = device->client,
                                                        .url = url,
                                                        .population = WORLD_POPULATION,
                                                        .pin = world->pin,
                                                        .patience_ns = 200 * BG_MILLISECOND,
                                                        .tries = 8,
                                                        .seed = i,
                                                        .warn = warn,
                                                        .context = world};
        REQUIRE(bg_https_transport_create(&transport, &error, &device->transport) == BG_OK);
        device->to_server = bg_https_transport(device->transport);
    }
}

void world_stop_devices(struct https_world *world)
{
    for (size_t i = 0; i < WORLD_DEVICES; i++) {
        bg_https_transport_destroy(&world->devices[i].transport);
        bg_https_client_destroy(&world->devices[i].client);
    }
}

static size_t each_upload(const struct https_world *world, bool removes)
{
    DIR *entries = opendir(world->uploads);
    const struct dirent *entry;
    size_t count = 0;
    REQUIRE(entries);
    while ((entry = readdir(entries))) {
        if (entry->d_name[0] == '.')
            continue;
        count++;
        if (removes)
            unlinkat(dirfd(entries), entry->d_name, 0);
    }
    closedir(entries);
    return count;
}

size_t world_uploads(const struct https_world *world)
{
    return each_upload(world, false);
}

void world_finish(struct https_world *world)
{
    world_stop_devices(world);
    world_stop_server(world);
    bg_loop_timer_destroy(&world->guard);
    bg_loop_destroy(&world->loop);
    each_upload(world, true);
    REQUIRE(rmdir(world->uploads) == 0);
}

void world_run(struct https_world *world)
{
    bg_loop_timer_set(world->guard, bg_clock_monotonic_ns() + 60 * BG_SECOND);
    bg_loop_run(world->loop);
    bg_loop_timer_set(world->guard, UINT64_MAX);
}
