/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/link.h"

void bg_link_init(struct bg_link *link, const struct bg_simulator_config *config)
{
    *link = (struct bg_link){.up_ns_per_byte = 8e3 / config->uplink_mbit,
                             .down_ns_per_byte = 8e3 / config->downlink_mbit,
                             .latency_ns = config->latency_ms * 1e6,
                             .jitter_ns = config->jitter_ms * 1e6,
                             .loss = config->loss};
    bg_prng_init_stream(&link->prng, config->seed, "link", 0);
}

uint64_t bg_link_delay(struct bg_link *link, size_t bytes, bool upward)
{
    double per_byte = upward ? link->up_ns_per_byte : link->down_ns_per_byte;
    double jitter = bg_prng_uniform(&link->prng) * link->jitter_ns;
    bool lost = link->loss > 0 && bg_prng_uniform(&link->prng) < link->loss;
    return lost ? UINT64_MAX
                : (uint64_t)(link->latency_ns + jitter + per_byte * (double)(bytes + BG_LINK_OVERHEAD_BYTES));
}
