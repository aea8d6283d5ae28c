/* SPDX-License-Identifier: Apache-2.0 */
/* What a device says of itself while it runs: JSON events, or a line per round, on stdout; what fails on stderr. */
#pragma once

#include "client/client.h"

struct bg_service_events {
    bool json, quiet;
    uint64_t receipts; /* so far */
    /* of the round under way, for its line */
    double loss;
    uint64_t bytes;
    char last_failure[sizeof((struct bg_error *)0)->text]; /* "": something else was told since */
    bool network_failed;                                   /* told by the transport, in more words */
};

void bg_service_events_ready(struct bg_service_events *events, const struct bg_digest *client,
                             const char *population, uint64_t round);
void bg_service_events_renewed(struct bg_service_events *events);
/* Of the client. */
void bg_service_events_notice(struct bg_service_events *events, const struct bg_client_notice *notice);
/* Of the transport, before the client says that a request failed. */
void bg_service_events_network(struct bg_service_events *events, const struct bg_error *error);
void bg_service_events_failed(struct bg_service_events *events, const struct bg_error *error);
