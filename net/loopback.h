/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transport inside one process: requests and replies cross a link that the owner models. No clock of its own:
 * the owner's `post` runs a delivery after a delay, in order of (time, sequence). Equal replies that are on their way
 * at the same time are kept once: a document that all clients ask for at once costs its size, not theirs. The server
 * may hold a request's body for as long as it wants.
 */
#pragma once

#include "net/transport.h"

struct bg_loopback_reply;

struct bg_loopback {
    struct bg_transport transport; /* what clients of this link send through */
    bg_serve_function *serve;
    void *server;
    /* Nanoseconds until `bytes` have crossed, of the request (upward 1) or of its reply (upward 0); UINT64_MAX if the
     * message is lost. A lost request or reply is answered with BG_IO after `timeout_ns`. */
    uint64_t (*delay)(void *owner, const struct bg_request *request, size_t bytes, int upward);
    /* Runs `run(argument)` after delay_ns. */
    enum bg_status (*post)(void *owner, uint64_t delay_ns, void (*run)(void *argument), void *argument);
    void *owner;
    uint64_t timeout_ns;
    uint64_t calls;      /* sent so far */
    uint64_t bytes_up;   /* of requests, header estimate excluded */
    uint64_t bytes_down;
    struct bg_loopback_reply *replies; /* on their way, the latest first */
    size_t replies_kept;               /* of these */
};

/* Keeps server and owner. Caller's memory; nothing to finish. */
void bg_loopback_init(struct bg_loopback *loopback, bg_serve_function *serve, void *server,
                      uint64_t (*delay)(void *owner, const struct bg_request *request, size_t bytes, int upward),
                      enum bg_status (*post)(void *owner, uint64_t delay_ns, void (*run)(void *argument),
                                             void *argument),
                      void *owner, uint64_t timeout_ns);
