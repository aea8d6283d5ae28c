/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/roster_list.h"

#include "crypto/identity.h"
#include "wire/limits.h"

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

void bg_roster_entries_write(struct bg_writer *w, const struct bg_roster_entry *entries, size_t count)
{
    bg_write_u64(w, count);
    for (size_t i = 0; i < count; i++) {
        bg_write_bytes(w, entries[i].public_key, BG_PUBLIC_POINT_BYTES);
        bg_write_text(w, entries[i].cell.label);
    }
}

void bg_roster_entries_read(struct bg_reader *r, struct bg_roster_entry **ret_entries, size_t *ret_count)
{
    size_t count = bg_read_count(r, BG_MAX_CLIENTS, BG_PUBLIC_POINT_BYTES + 2);
    struct bg_roster_entry *entries = count ? calloc(count, sizeof *entries) : NULL;
    *ret_entries = entries;
    *ret_count = 0;
    if (count && !entries)
        bg_reader_fail(r, BG_NO_MEMORY);
    for (size_t i = 0; i < count && r->status == BG_OK; i++) {
        struct bg_span point = bg_read_span(r, BG_PUBLIC_POINT_BYTES);
        bg_read_text(r, entries[i].cell.label, sizeof entries[i].cell.label);
        if (r->status != BG_OK)
            return;
        memcpy(entries[i].public_key, point.data, point.size);
        bg_point_digest(entries[i].public_key, &entries[i].client);
        *ret_count = i + 1;
    }
}
