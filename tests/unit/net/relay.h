/* SPDX-License-Identifier: Apache-2.0 */
/* A TCP relay on a thread of its own that breaks connections after seeded random numbers of bytes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct relay;

struct relay_plan {
    unsigned cuts;  /* so many connections, the first ones, are reset … */
    uint64_t most;  /* … after 1 to so many bytes of the client's */
    uint64_t seed;
    bool silent;    /* the server does not hear of it, as when a device leaves its network */
};

/* To 127.0.0.1:port. */
struct relay *relay_start(uint16_t port, const struct relay_plan *plan);
uint16_t relay_port(const struct relay *relay);
unsigned relay_cuts(const struct relay *relay);
void relay_stop(struct relay *relay);
