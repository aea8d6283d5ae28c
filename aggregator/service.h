/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root on a network: its core (aggregator/root.h) on a loop, its memory (aggregator/memory.h) in its folder, a
 * server that its clients reach, and the key holder at the other end of a transport. It hears from the key holder who
 * belongs to the population, agrees on an epoch when there are enough, and goes through round after round. It may be
 * killed at any point and started again.
 *
 * Events, each told once; what is refused again and again, once a minute:
 *   ready    url, epoch, round: the first of them; what ran before a restart goes on
 *   roster   version, clients
 *   epoch    epoch, clients, groups
 *   opened   round, stage, clients
 *   update   round, client, bytes: it is durable, its client hears of it next
 *   ended    round, stage, outcome ("committed" or a status), held; groups: invited, opened, used, invalid,
 *            refused, sat_out; updates, bytes, model, seconds
 *   refused  client, reason, error
 *   group    round, group, error: it could not be used
 *   failed   error
 *   done     rounds: rounds.count of them are over
 */
#pragma once

#include "aggregator/config.h"

struct bg_aggregator_service_settings {
    const char *folder;
    const struct bg_aggregator_config *config;
    bool exit_after_rounds; /* ends when rounds.count are over and their clients know */
    bool json;              /* events on stdout, one object per line */
    bool quiet;             /* without json: no line per round there either */
};

/* Until it is told to end (SIGTERM, SIGINT). Errors: what of folder and settings keeps it from beginning, and what it
 * could not keep: then nothing else was acknowledged, and a restart goes on from there. */
BG_MUST_CHECK enum bg_status bg_aggregator_service_run(const struct bg_aggregator_service_settings *settings,
                                                       struct bg_error *error);
