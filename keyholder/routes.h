/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which path of a key holder's server does what, and for whom:
 *
 *   GET  /healthz                       everybody: {"status":"ok","role":"keyholder","epoch":N}
 *   POST /v1/POPULATION/enrolment       everybody with a token, "-" being any population (protocol/enrolment.h)
 *   POST /v1/POPULATION/renewal         whoever is enrolled and shows its certificate
 *   the routes of a key holder          root and edges (net/https_transport.h)
 *
 * A revoked device is refused by name, before anything of its request is read.
 */
#pragma once

#include "keyholder/keyholder.h"
#include "net/driver.h"
#include "net/https_transport.h"

/* Everything is kept. */
struct bg_keyholder_routes {
    struct bg_keyholder *keyholder;
    struct bg_driver *driver;
    struct bg_https_service *service;
    const char *population;
    const char *root_url; /* told to devices in place of what the root says; "": not */
    /* A device was admitted or has renewed its certificate; or one was refused, and why. */
    void (*admitted)(void *context, const struct bg_digest *device, bool renewed, const char *address);
    void (*refused)(void *context, const struct bg_peer *peer, const struct bg_error *error);
    void *context;
};

/* A serve function of bg_http_server_settings; `context` is the struct bg_keyholder_routes. */
void bg_keyholder_route(void *context, struct bg_http_exchange *exchange);
