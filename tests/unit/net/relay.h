/* SPDX-License-Identifier: Apache-2.0 */
/* A TCP relay on a thread of its own that breaks connections after seeded random numbers of bytes. */
#pragma once

#include <stdint.h>

struct relay;

/* To 127.0.0.1:port. The first `cuts` connections are reset after 1 to `most` bytes of the client's. */
struct relay *relay_start(uint16_t port, unsigned cuts, uint64_t most, uint64_t seed);
uint16_t relay_port(const struct relay *relay);
unsigned relay_cuts(const struct relay *relay);
void relay_stop(struct relay *relay);
