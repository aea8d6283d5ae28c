/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that an aggregator was told of, in the order it was told, each once. */
#pragma once

#include "base/digest_table.h"
#include "protocol/partition.h"

struct bg_roster_list {
    struct bg_digest_table places; /* client id → place */
    struct bg_roster_entry *entries;
    size_t count, capacity;
};

/* `seed` is that of the table. */
void bg_roster_list_init(struct bg_roster_list *list, uint64_t seed);
void bg_roster_list_finish(struct bg_roster_list *list);
/* Copies. BG_DUPLICATE names a client that is there already. */
BG_MUST_CHECK enum bg_status bg_roster_list_add(struct bg_roster_list *list, const struct bg_roster_entry *entry,
                                                struct bg_error *error);
/* A sorted copy, in the arena. */
BG_MUST_CHECK enum bg_status bg_roster_list_copy(const struct bg_roster_list *list, struct bg_arena *arena,
                                                 struct bg_error *error, struct bg_roster *ret_roster);

/* How clients stand in a root's files: u64 count | per client: 65 public key, text cell. */
void bg_roster_entries_write(struct bg_writer *w, const struct bg_roster_entry *entries, size_t count);
/* Gives the entries (heap; NULL of none), also those before a failure of the reader. */
void bg_roster_entries_read(struct bg_reader *r, struct bg_roster_entry **ret_entries, size_t *ret_count);
