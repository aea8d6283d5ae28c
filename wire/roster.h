/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who belongs to a population, as the key holder says: clients with their cells, edges, and who was revoked. Its
 * version grows with every change, so whoever has one asks for what is newer.
 *
 * Body: u64 version | u64 clients, per client: 32 cell label, 65 point | u64 edges, 65 point each |
 *       u64 revoked, 32 id each, ascending | 64 signature
 */
#pragma once

#include "base/arena.h"
#include "wire/groups.h"

struct bg_roster_client {
    struct bg_cell cell;
    uint8_t point[BG_PUBLIC_POINT_BYTES];
};

struct bg_roster_edge {
    uint8_t point[BG_PUBLIC_POINT_BYTES];
};

struct bg_roster_message {
    uint64_t version;
    size_t client_count;
    const struct bg_roster_client *clients; /* none revoked; whoever reads it looks for duplicates */
    size_t edge_count;
    const struct bg_roster_edge *edges;
    size_t revoked_count;
    const struct bg_digest *revoked; /* ids of anyone: clients, edges, roots, operators */
};

void bg_roster_message_encode_unsigned(struct bg_writer *w, const struct bg_population *population,
                                       const struct bg_roster_message *message);
/* Lists from the arena. Points are not checked to be on the curve. */
BG_MUST_CHECK enum bg_status bg_roster_message_decode(const struct bg_frame *frame, struct bg_arena *arena,
                                                      struct bg_error *error, struct bg_roster_message *ret);
