/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device on the network: the client role on a loop, over HTTPS, with its folder (protocol/membership.h,
 * client/device_folder.h) as what it is and remembers. It may be killed at any point and started again. While it
 * trains it holds no connection. A certificate in the last third of its life is renewed on the way.
 *
 * Events, each told once where it is durable:
 *   ready     client, population, round (last one it made an update for)
 *   training  round
 *   trained   round, loss
 *   sent      round, bytes: the root has the update durably
 *   receipt   round, used
 *   renewed   its certificate
 *   failed    error; the same one again only after something else
 */
#pragma once

#include "client/client.h"
#include "client/config.h"

struct bg_client_service_settings {
    const char *folder;
    const struct bg_client_config *config; /* of enrolment: population.name, root.url, key_holder.url */
    struct bg_update_tap tap;
    uint64_t rounds; /* ends after so many receipts; 0: when it is told to (SIGTERM, SIGINT) */
    bool json;       /* events on stdout, one object per line */
    bool quiet;      /* without json: no line per round there either */
};

/* Until it is told to end. Errors: what of folder and settings keeps it from beginning, and BG_REFUSED when the device
 * was revoked; a network that is not there is none. *ret_abandoned: work ran for too long to be waited for, and still
 * does: end the process, its folder is in order. Changes the priority and the allocator of the process, as settings
 * say. */
BG_MUST_CHECK enum bg_status bg_client_service_run(const struct bg_client_service_settings *settings,
                                                   struct bg_error *error, bool *ret_abandoned);
