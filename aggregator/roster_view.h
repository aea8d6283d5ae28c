/* SPDX-License-Identifier: Apache-2.0 */
/* Who belongs to the population, as the key holder said last: whom a root on a network listens to. */
#pragma once

#include "base/digest_table.h"
#include "crypto/identity.h"
#include "protocol/partition.h"

struct bg_roster_view {
    uint64_t version; /* 0: nothing heard yet */
    struct bg_roster_entry *clients; /* (client_count) */
    size_t client_count;
    size_t edge_count;
    struct bg_digest_table places; /* id → place of a client, or client_count and more for edges */
    struct bg_digest_table revoked;
    uint64_t seed;
};

/* `seed` is that of its tables: one that devices do not know. */
void bg_roster_view_init(struct bg_roster_view *view, uint64_t seed);
void bg_roster_view_finish(struct bg_roster_view *view);

/* A roster frame in place of what was heard before; *ret_news is whether it is newer: an older one changes nothing.
 * BG_WRONG_POPULATION, BG_BAD_SIGNATURE, BG_DUPLICATE, and what bg_roster_message_decode refuses. */
BG_MUST_CHECK enum bg_status bg_roster_view_accept(struct bg_roster_view *view, const struct bg_population *population,
                                                   const uint8_t key_holder[static BG_PUBLIC_POINT_BYTES],
                                                   struct bg_span frame, struct bg_error *error, bool *ret_news);
bool bg_roster_view_client(const struct bg_roster_view *view, const struct bg_digest *id);
bool bg_roster_view_edge(const struct bg_roster_view *view, const struct bg_digest *id);
bool bg_roster_view_revoked(const struct bg_roster_view *view, const struct bg_digest *id);
/* Whether some cell has at least that many. */
bool bg_roster_view_has_cell(const struct bg_roster_view *view, size_t clients);
/* Of its clients, those that these groups give no place, or one among members who are gone. */
size_t bg_roster_view_homeless(const struct bg_roster_view *view, const struct bg_groups *groups);
