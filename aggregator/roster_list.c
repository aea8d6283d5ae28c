/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/roster_list.h"

#include <stdlib.h>
#include <string.h>

void bg_roster_list_init(struct bg_roster_list *list, uint64_t seed)
{
    *list = (struct bg_roster_list){0};
    bg_digest_table_init(&list->places, seed);
}

void bg_roster_list_finish(struct bg_roster_list *list)
{
    bg_digest_table_finish(&list->places);
    free(list->entries);
    *list = (struct bg_roster_list){0};
}

enum bg_status bg_roster_list_add(struct bg_roster_list *list, const struct bg_roster_entry *entry,
                                  struct bg_error *error)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 64;
        struct bg_roster_entry *entries = reallocarray(list->entries, capacity, sizeof *entries);
        if (!entries)
            return bg_fail(error, BG_NO_MEMORY, "roster: out of memory at %zu clients", list->count);
        list->entries = entries;
        list->capacity = capacity;
    }
    enum bg_status status = bg_digest_table_put(&list->places, &entry->client, (uint32_t)list->count);
    if (status != BG_OK) {
        char client[2 * BG_DIGEST_BYTES + 1];
        bg_digest_to_hex(&entry->client, client);
        return bg_fail(error, status, "roster: client %s: %s", client,
                       status == BG_DUPLICATE ? "is enrolled already" : bg_status_text(status));
    }
    list->entries[list->count++] = *entry;
    return BG_OK;
}

enum bg_status bg_roster_list_copy(const struct bg_roster_list *list, struct bg_arena *arena, struct bg_error *error,
                                   struct bg_roster *ret_roster)
{
    struct bg_roster_entry *entries = BG_ARENA_ARRAY(arena, struct bg_roster_entry, list->count);
    if (!entries)
        return bg_fail(error, BG_NO_MEMORY, "roster: out of memory");
    if (list->count)
        memcpy(entries, list->entries, list->count * sizeof *entries);
    enum bg_status status = bg_roster_sort(entries, list->count, error);
    if (status == BG_OK)
        *ret_roster = (struct bg_roster){entries, list->count};
    return status;
}
