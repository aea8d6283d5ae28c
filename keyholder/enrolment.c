/* SPDX-License-Identifier: Apache-2.0 */
#include "keyholder/enrolment.h"

#include "crypto/identity.h"

#include <stdlib.h>
#include <string.h>

void bg_enrolment_init(struct bg_enrolment *enrolment, uint64_t seed)
{
    *enrolment = (struct bg_enrolment){.sorted = true};
    bg_digest_table_init(&enrolment->indices, seed);
}

void bg_enrolment_finish(struct bg_enrolment *enrolment)
{
    free(enrolment->entries);
    bg_digest_table_finish(&enrolment->indices);
}

struct bg_roster bg_enrolment_roster(struct bg_enrolment *enrolment)
{
    /* The table has kept duplicates out, the only thing that sorting refuses. */
    if (!enrolment->sorted)
        enrolment->sorted = bg_roster_sort(enrolment->entries, enrolment->count, NULL) == BG_OK;
    return (struct bg_roster){enrolment->entries, enrolment->count};
}

static enum bg_status reserve(struct bg_enrolment *enrolment)
{
    if (enrolment->count < enrolment->capacity)
        return BG_OK;
    if (enrolment->count >= BG_MAX_CLIENTS)
        return BG_TOO_LARGE;
    size_t capacity = enrolment->capacity ? 2 * enrolment->capacity : 64;
    struct bg_roster_entry *entries = realloc(enrolment->entries, capacity * sizeof *entries);
    if (!entries)
        return BG_NO_MEMORY;
    enrolment->entries = entries;
    enrolment->capacity = capacity;
    return BG_OK;
}

static enum bg_status known_already(struct bg_enrolment *enrolment, const struct bg_roster_entry *entry,
                                    const char *hex, struct bg_error *error)
{
    struct bg_roster roster = bg_enrolment_roster(enrolment);
    const struct bg_roster_entry *known = bg_roster_find(&roster, &entry->client);
    if (known && memcmp(known->cell.label, entry->cell.label, BG_CELL_BYTES) != 0)
        return bg_fail(error, BG_DUPLICATE, "client %s: enrolled in cell %s already", hex, known->cell.label);
    return BG_OK;
}

enum bg_status bg_enrolment_add(struct bg_enrolment *enrolment, const uint8_t point[static BG_PUBLIC_POINT_BYTES],
                                const char *cell, struct bg_error *error, bool *ret_news)
{
    struct bg_roster_entry entry = {0};
    struct bg_population label;
    char hex[2 * BG_DIGEST_BYTES + 1];
    uint32_t index;
    bg_point_digest(point, &entry.client);
    bg_digest_to_hex(&entry.client, hex);
    enum bg_status status = bg_point_check(point);
    if (status != BG_OK)
        return bg_fail(error, status, "client %s: its public key is no point of the curve", hex);
    if (bg_population_set(&label, cell) != BG_OK) /* cells are written as populations are */
        return bg_fail(error, BG_INVALID, "client %s: cell \"%.40s\" is not 1 to 31 of a-z 0-9 . _ -", hex, cell);
    memcpy(entry.cell.label, label.name, sizeof entry.cell.label);
    memcpy(entry.public_key, point, BG_PUBLIC_POINT_BYTES);
    if (bg_digest_table_find(&enrolment->indices, &entry.client, &index)) {
        status = known_already(enrolment, &entry, hex, error);
        if (status == BG_OK)
            *ret_news = false;
        return status;
    }
    status = reserve(enrolment);
    if (status == BG_OK)
        status = bg_digest_table_put(&enrolment->indices, &entry.client, (uint32_t)enrolment->count);
    if (status != BG_OK)
        return bg_fail(error, status, "client %s: no room on a roster of %zu", hex, enrolment->count);
    enrolment->entries[enrolment->count++] = entry;
    enrolment->sorted = false;
    *ret_news = true;
    return BG_OK;
}
