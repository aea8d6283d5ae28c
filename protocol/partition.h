/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is added up with whom: the partition of an epoch, a pure function of roster and beacon that root and key
 * holder compute alike. Within each cell clients are sorted by SHA-256(beacon ‖ client id) and cut into
 * G = ceil(N/k) groups whose sizes differ by at most one, G lowered until floor(N/G) ≥ k_min. A cell of fewer than
 * k_min clients gets no group.
 */
#pragma once

#include "base/arena.h"
#include "wire/groups.h"

struct bg_roster_entry {
    struct bg_digest client;
    struct bg_cell cell;
    uint8_t public_key[BG_PUBLIC_POINT_BYTES];
};

/* Borrowed; entries sorted by client id, no two equal. */
struct bg_roster {
    const struct bg_roster_entry *entries;
    size_t count;
};

/* Sorts in place; BG_DUPLICATE names a client that appears twice. */
BG_MUST_CHECK enum bg_status bg_roster_sort(struct bg_roster_entry *entries, size_t count, struct bg_error *error);
/* NULL if absent. */
const struct bg_roster_entry *bg_roster_find(const struct bg_roster *roster, const struct bg_digest *client);
/* SHA-256 over the sorted (client id ‖ cell) list. */
struct bg_digest bg_roster_digest(const struct bg_roster *roster);

/* SHA-256 of "burgee beacon" NUL roster ‖ root nonce ‖ key-holder nonce. */
struct bg_digest bg_beacon(const struct bg_digest *roster, const struct bg_digest *root_nonce,
                           const struct bg_digest *keyholder_nonce);

/* Groups from `arena`, cells in order of their labels. *ret_group_most is k_max, the largest group's size, always less
 * than 2k. BG_INVALID unless 1 ≤ k_min ≤ k ≤ BG_MAX_GROUP_MEMBERS / 2; BG_TOO_FEW when no cell yields a group. */
BG_MUST_CHECK enum bg_status bg_partition(const struct bg_roster *roster, const struct bg_digest *beacon,
                                          uint64_t epoch, uint32_t k, uint32_t k_min, struct bg_arena *arena,
                                          struct bg_error *error, struct bg_groups *ret_groups,
                                          uint32_t *ret_group_most);

/* Group and member index of a client; false if it has no group. */
bool bg_groups_find(const struct bg_groups *groups, const struct bg_digest *client, uint32_t *ret_group,
                    uint32_t *ret_member);
