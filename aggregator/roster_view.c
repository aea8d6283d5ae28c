/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/roster_view.h"

#include "protocol/envelope.h"
#include "wire/roster.h"

#include <stdlib.h>
#include <string.h>

void bg_roster_view_init(struct bg_roster_view *view, uint64_t seed)
{
    *view = (struct bg_roster_view){.seed = seed};
    bg_digest_table_init(&view->places, seed);
    bg_digest_table_init(&view->revoked, seed);
}

void bg_roster_view_finish(struct bg_roster_view *view)
{
    bg_digest_table_finish(&view->places);
    bg_digest_table_finish(&view->revoked);
    free(view->clients);
    bg_roster_view_init(view, view->seed);
}

static enum bg_status fail_entry(const struct bg_digest *id, enum bg_status status, struct bg_error *error)
{
    char hex[2 * BG_DIGEST_BYTES + 1];
    bg_digest_to_hex(id, hex);
    return bg_fail(error, status, "roster: %s: %s", hex,
                   status == BG_DUPLICATE ? "is in it twice" : bg_status_text(status));
}

static enum bg_status copy(const struct bg_roster_message *message, struct bg_error *error, struct bg_roster_view *view)
{
    struct bg_digest id;
    view->version = message->version;
    view->clients = calloc(message->client_count + 1, sizeof *view->clients);
    if (!view->clients)
        return bg_fail(error, BG_NO_MEMORY, "roster: out of memory");
    for (size_t i = 0; i < message->client_count; i++) {
        struct bg_roster_entry *entry = &view->clients[view->client_count];
        entry->cell = message->clients[i].cell;
        memcpy(entry->public_key, message->clients[i].point, sizeof entry->public_key);
        bg_point_digest(entry->public_key, &entry->client);
        enum bg_status status = bg_digest_table_put(&view->places, &entry->client, (uint32_t)view->client_count++);
        if (status != BG_OK)
            return fail_entry(&entry->client, status, error);
    }
    for (size_t i = 0; i < message->edge_count; i++) {
        bg_point_digest(message->edges[i].point, &id);
        enum bg_status status =
            bg_digest_table_put(&view->places, &id, (uint32_t)(view->client_count + view->edge_count++));
        if (status != BG_OK)
            return fail_entry(&id, status, error);
    }
    for (size_t i = 0; i < message->revoked_count; i++) {
        enum bg_status status = bg_digest_table_put(&view->revoked, &message->revoked[i], 0);
        if (status != BG_OK)
            return fail_entry(&message->revoked[i], status, error);
    }
    return BG_OK;
}

enum bg_status bg_roster_view_accept(struct bg_roster_view *view, const struct bg_population *population,
                                     const uint8_t key_holder[static BG_PUBLIC_POINT_BYTES], struct bg_span bytes,
                                     struct bg_error *error, bool *ret_news)
{
    struct bg_arena arena;
    struct bg_frame frame;
    struct bg_roster_message message;
    struct bg_roster_view fresh;
    bg_arena_init(&arena, SIZE_MAX);
    bg_roster_view_init(&fresh, view->seed);
    enum bg_status status = bg_frame_expect(bytes, BG_FRAME_ROSTER, error, &frame);
    if (status == BG_OK && !bg_population_equal(&frame.population, population))
        status = bg_fail(error, BG_WRONG_POPULATION, "roster: of population %s, this one is %s", frame.population.name,
                         population->name);
    if (status == BG_OK) {
        status = bg_envelope_verify_frame(key_holder, BG_SIGNED_ROSTER, &frame);
        if (status != BG_OK)
            bg_fail(error, status, "roster: not signed by the key holder");
    }
    if (status == BG_OK)
        status = bg_roster_message_decode(&frame, &arena, error, &message);
    bool news = status == BG_OK && message.version > view->version;
    if (news)
        status = copy(&message, error, &fresh);
    if (news && status == BG_OK) {
        bg_roster_view_finish(view);
        *view = fresh;
    } else {
        bg_roster_view_finish(&fresh);
    }
    bg_arena_finish(&arena);
    if (status == BG_OK)
        *ret_news = news;
    return status;
}

bool bg_roster_view_client(const struct bg_roster_view *view, const struct bg_digest *id)
{
    uint32_t place;
    return bg_digest_table_find(&view->places, id, &place) && place < view->client_count;
}

bool bg_roster_view_edge(const struct bg_roster_view *view, const struct bg_digest *id)
{
    uint32_t place;
    return bg_digest_table_find(&view->places, id, &place) && place >= view->client_count;
}

bool bg_roster_view_revoked(const struct bg_roster_view *view, const struct bg_digest *id)
{
    uint32_t place;
    return bg_digest_table_find(&view->revoked, id, &place);
}

static int by_cell(const void *a, const void *b)
{
    const struct bg_cell *x = a, *y = b;
    return strncmp(x->label, y->label, sizeof x->label);
}

bool bg_roster_view_has_cell(const struct bg_roster_view *view, size_t clients)
{
    struct bg_cell *cells = calloc(view->client_count + 1, sizeof *cells);
    size_t run = 0;
    bool found = false;
    if (!cells)
        return true; /* the key holder will say */
    for (size_t i = 0; i < view->client_count; i++)
        cells[i] = view->clients[i].cell;
    qsort(cells, view->client_count, sizeof *cells, by_cell);
    for (size_t i = 0; i < view->client_count && !found; i++) {
        run = i && by_cell(&cells[i - 1], &cells[i]) == 0 ? run + 1 : 1;
        found = run >= clients;
    }
    free(cells);
    return found;
}

size_t bg_roster_view_homeless(const struct bg_roster_view *view, const struct bg_groups *groups)
{
    size_t housed = 0;
    for (size_t g = 0; g < groups->count; g++) {
        const struct bg_group *group = &groups->groups[g];
        uint32_t there = 0;
        for (uint32_t m = 0; m < group->member_count; m++)
            there += bg_roster_view_client(view, &group->members[m]);
        if (there == group->member_count)
            housed += there;
    }
    return view->client_count - housed;
}
