/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTPS server on threads of its own, and an authority, for tests of what a device does on the network. */
#pragma once

#include "crypto/certificate.h"
#include "net/http_server.h"
#include "protocol/enrolment.h"

#include <pthread.h>

struct served {
    char folder[64];                  /* of this test; removed at the end */
    const char *root_url;             /* where it says the root is; nobody is there unless a test sets it */
    struct bg_random random;
    const struct bg_identity *authority; /* the key holder's */
    struct bg_pem authority_pem;
    char population[32];
    struct bg_loop *loop;
    struct bg_http_server *server;
    struct bg_http_server_settings settings;
    struct bg_pem certificate, key;   /* of the server */
    char url[64];
    pthread_t thread;
    bool running;
};

/* Makes the folder and the authority; nothing is served. Keeps the identity. */
void served_init(struct served *served, const struct bg_identity *authority, const char *population);
void served_finish(struct served *served);
/* A certificate from now on, for `days`. */
void served_certify(struct served *served, const struct bg_identity *identity, enum bg_certificate_role role,
                    uint32_t days, struct bg_pem *ret_pem);
/* Listens, with this key. Give what it serves to served->settings before. */
void served_listen(struct served *served, const struct bg_identity *identity, enum bg_certificate_role role);
/* Begins to answer, on a thread of its own … */
void served_start(struct served *served);
/* … and ends, if it runs. */
void served_stop(struct served *served);
/* Answers a request as a key holder does: a client's certificate for `days`, and a root at root_url. */
void served_grant(struct served *served, struct bg_http_exchange *exchange, const struct bg_enrolment_request *request,
                  const struct bg_identity *root, uint32_t days);
/* folder/name */
const char *served_path(const struct served *served, const char *name, char ret_path[static 160]);
