/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that load a server, each over a connection of its own. */
#pragma once

#include "tools/bench_server_keys.h"

struct bg_bench_load_result {
    size_t errors;
    double seconds;   /* from the first connection to the last answer */
    char first[480];  /* of the errors; "" if there is none */
};

/* Every client of the keys uploads `body`, all at once, each with its own certificate. */
BG_MUST_CHECK enum bg_status bg_bench_upload(const struct bg_bench_keys *keys, uint16_t port, struct bg_span body,
                                             struct bg_error *error, struct bg_bench_load_result *ret_result);
/* Opens `count` connections, on which requests wait, all but one, while `hold` runs. */
BG_MUST_CHECK enum bg_status bg_bench_hold(const struct bg_bench_keys *keys, uint16_t port, size_t count,
                                           void (*hold)(void *context), void *context, struct bg_error *error,
                                           struct bg_bench_load_result *ret_result);
