/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the key holder keeps because edges release groups, too: sums that wait for the root, the last of each group of
 * the epoch; and which edges are barred, because a product of theirs was not that of the members' blocks.
 */
#pragma once

#include "keyholder/opening.h"

struct bg_waiting_sums {
    struct bg_digest plan_id;
    struct bg_record record;
    uint64_t positions;
    uint8_t *sums; /* owned; NULL: none wait */
    size_t size;
};

/* Zeroed: none. */
struct bg_edges {
    struct bg_waiting_sums *waiting; /* (group_count) */
    size_t group_count;
    struct bg_digest *barred;
    size_t barred_count;
};

void bg_edges_finish(struct bg_edges *edges);

/* Drops what waits and makes room for an epoch's groups. BG_NO_MEMORY: nothing has changed. */
BG_MUST_CHECK enum bg_status bg_edges_begin_epoch(struct bg_edges *edges, size_t group_count);
/* Takes the opening's sums, with its record, in place of what waits for that group. */
void bg_edges_keep(struct bg_edges *edges, struct bg_opening *opening);
/* What was opened under exactly this record of BG_RECORD_BYTES; NULL if nothing waits. */
const struct bg_waiting_sums *bg_edges_find(const struct bg_edges *edges, struct bg_span record);

bool bg_edges_is_barred(const struct bg_edges *edges, const struct bg_digest *edge);
/* BG_OK also for one that is barred already. BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_edges_bar(struct bg_edges *edges, const struct bg_digest *edge);
/* Lets all of them release again. */
void bg_edges_clear(struct bg_edges *edges);
