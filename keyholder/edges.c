/* SPDX-License-Identifier: Apache-2.0 */
#include "keyholder/edges.h"

#include <stdlib.h>

static void drop_waiting(struct bg_edges *edges)
{
    for (size_t g = 0; g < edges->group_count; g++)
        free(edges->waiting[g].sums);
    free(edges->waiting);
    edges->waiting = NULL;
    edges->group_count = 0;
}

void bg_edges_finish(struct bg_edges *edges)
{
    drop_waiting(edges);
    bg_edges_clear(edges);
}

enum bg_status bg_edges_begin_epoch(struct bg_edges *edges, size_t group_count)
{
    struct bg_waiting_sums *waiting = calloc(group_count, sizeof *waiting);
    if (!waiting)
        return BG_NO_MEMORY;
    drop_waiting(edges);
    edges->waiting = waiting;
    edges->group_count = group_count;
    return BG_OK;
}

void bg_edges_keep(struct bg_edges *edges, struct bg_opening *opening)
{
    const struct bg_release *release = &opening->release;
    struct bg_waiting_sums *waiting = &edges->waiting[release->group];
    free(waiting->sums);
    *waiting = (struct bg_waiting_sums){.plan_id = opening->frame.plan_id,
                                        .record = opening->record,
                                        .positions = release->positions,
                                        .sums = opening->sums,
                                        .size = bg_opening_sum_bytes(opening)};
    opening->sums = NULL;
}

const struct bg_waiting_sums *bg_edges_find(const struct bg_edges *edges, struct bg_span bytes)
{
    struct bg_record record;
    struct bg_writer w;
    if (bg_record_decode(bytes, &record) != BG_OK || record.group >= edges->group_count)
        return NULL;
    const struct bg_waiting_sums *waiting = &edges->waiting[record.group];
    bg_writer_init(&w);
    bg_record_encode(&w, &waiting->record);
    bool found = waiting->sums && bg_span_equal(bg_writer_span(&w), bytes);
    bg_writer_finish(&w);
    return found ? waiting : NULL;
}

bool bg_edges_is_barred(const struct bg_edges *edges, const struct bg_digest *edge)
{
    for (size_t i = 0; i < edges->barred_count; i++)
        if (bg_digest_equal(&edges->barred[i], edge))
            return true;
    return false;
}

enum bg_status bg_edges_bar(struct bg_edges *edges, const struct bg_digest *edge)
{
    if (bg_edges_is_barred(edges, edge))
        return BG_OK;
    struct bg_digest *barred = reallocarray(edges->barred, edges->barred_count + 1, sizeof *barred);
    if (!barred)
        return BG_NO_MEMORY;
    barred[edges->barred_count++] = *edge;
    edges->barred = barred;
    return BG_OK;
}

void bg_edges_clear(struct bg_edges *edges)
{
    free(edges->barred);
    edges->barred = NULL;
    edges->barred_count = 0;
}
