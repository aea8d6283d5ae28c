/* SPDX-License-Identifier: Apache-2.0 */
/* A server and devices on one loop with real TLS between them; what cannot be made ends the test. */
#pragma once

#include "crypto/certificate.h"
#include "net/https_transport.h"

#define WORLD_POPULATION "pi-lab"
#define WORLD_DEVICES 2

struct device {
    struct bg_digest id;
    struct bg_pem certificate, key;
    struct bg_https_client *client;
    struct bg_https_transport *transport;
    struct bg_transport *to_server;
};

struct https_world {
    struct bg_loop *loop;
    struct bg_pem authority, certificate, key;
    struct bg_digest pin;
    struct bg_http_server *server;
    struct bg_https_service *service;
    struct device devices[WORLD_DEVICES];
    uint16_t port, relay; /* relay: where devices connect instead, if not 0 */
    bg_serve_function *serve;
    void *role;
    char uploads[64];     /* a folder of its own */
    uint64_t upload_most, uploads_most; /* set them before the server starts */
    size_t warnings;
    char warning[512];    /* the last one */
    struct bg_loop_timer *guard;
};

/* The loop, keys and certificates, the folder. */
void world_init(struct https_world *world, bg_serve_function *serve, void *role);
void world_start_server(struct https_world *world);
void world_stop_server(struct https_world *world);
/* Clients and transports, to the port of the server or the relay. */
void world_start_devices(struct https_world *world);
void world_stop_devices(struct https_world *world);
/* Stops what runs, and removes the folder. */
void world_finish(struct https_world *world);
/* Until bg_loop_stop; fails after a minute. */
void world_run(struct https_world *world);
/* Files in the folder of uploads. */
size_t world_uploads(const struct https_world *world);
