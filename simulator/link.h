/* SPDX-License-Identifier: Apache-2.0 */
/* What a message costs on the way: latency, jitter, rate and loss of each client's link, from a seed. */
#pragma once

#include "base/prng.h"
#include "simulator/config.h"

#include <stdbool.h>

struct bg_link {
    double up_ns_per_byte;
    double down_ns_per_byte;
    double latency_ns;
    double jitter_ns;
    double loss;
    struct bg_prng prng;
};

#define BG_LINK_OVERHEAD_BYTES 120 /* of TCP, TLS and HTTP around a message, roughly */

void bg_link_init(struct bg_link *link, const struct bg_simulator_config *config);
/* Nanoseconds on the way; UINT64_MAX: lost. */
uint64_t bg_link_delay(struct bg_link *link, size_t bytes, bool upward);
