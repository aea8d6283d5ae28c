/* SPDX-License-Identifier: Apache-2.0 */
#include "keyholder/enrolment.h"

#include "crypto/identity.h"

#include <stdlib.h>
#include <string.h>

void bg_enrolment_init(struct bg_enrolment *enrolment, uint64_t seed)
{
    *enrolment = (struct bg_enrolment){0};
    bg_digest_table_init(&enrolment->indices, seed);
}

static void free_texts(struct bg_device *device)
{
    free((char *)device->label);
    free((char *)device->owner);
}

void bg_enrolment_finish(struct bg_enrolment *enrolment)
{
    for (size_t i = 0; i < enrolment->count; i++)
        free_texts(&enrolment->devices[i]);
    free(enrolment->devices);
    free(enrolment->entries);
    bg_digest_table_finish(&enrolment->indices);
}

struct bg_roster bg_enrolment_roster(struct bg_enrolment *enrolment)
{
    if (enrolment->stale) {
        size_t count = 0;
        for (size_t i = 0; i < enrolment->count; i++) {
            const struct bg_device *device = &enrolment->devices[i];
            if (device->role != BG_CERTIFICATE_CLIENT || device->revoked)
                continue;
            struct bg_roster_entry *entry = &enrolment->entries[count++];
            *entry = (struct bg_roster_entry){.client = device->id, .cell = device->cell};
            memcpy(entry->public_key, device->point, sizeof entry->public_key);
        }
        enrolment->entry_count = count;
        /* The table has kept duplicates out, the only thing that sorting refuses. */
        enrolment->stale = bg_roster_sort(enrolment->entries, count, NULL) != BG_OK;
    }
    return (struct bg_roster){enrolment->entries, enrolment->entry_count};
}

static enum bg_status reserve(struct bg_enrolment *enrolment)
{
    if (enrolment->count < enrolment->capacity)
        return BG_OK;
    if (enrolment->count >= BG_MAX_CLIENTS)
        return BG_TOO_LARGE;
    size_t capacity = enrolment->capacity ? 2 * enrolment->capacity : 64;
    struct bg_device *devices = reallocarray(enrolment->devices, capacity, sizeof *devices);
    if (!devices)
        return BG_NO_MEMORY;
    enrolment->devices = devices;
    struct bg_roster_entry *entries = reallocarray(enrolment->entries, capacity, sizeof *entries);
    if (!entries)
        return BG_NO_MEMORY;
    enrolment->entries = entries;
    enrolment->capacity = capacity;
    return BG_OK;
}

struct bg_device *bg_enrolment_find(const struct bg_enrolment *enrolment, const struct bg_digest *id)
{
    uint32_t index;
    return bg_digest_table_find(&enrolment->indices, id, &index) ? &enrolment->devices[index] : NULL;
}

static enum bg_status known_already(const struct bg_device *known, const struct bg_device *device, const char *hex,
                                    struct bg_error *error)
{
    if (known->revoked)
        return bg_fail(error, BG_REFUSED, "%s %s: was revoked; its device needs a new key",
                       bg_certificate_role_name(known->role), hex);
    if (known->role != device->role)
        return bg_fail(error, BG_DUPLICATE, "%s %s: enrolled as %s already; a key has one role",
                       bg_certificate_role_name(device->role), hex, bg_certificate_role_name(known->role));
    if (memcmp(known->cell.label, device->cell.label, BG_CELL_BYTES) != 0)
        return bg_fail(error, BG_DUPLICATE, "client %s: enrolled in cell %s already", hex, known->cell.label);
    return BG_OK;
}

static enum bg_status append(struct bg_enrolment *enrolment, const struct bg_device *device)
{
    enum bg_status status = reserve(enrolment);
    if (status != BG_OK)
        return status;
    struct bg_device added = *device;
    added.label = strdup(device->label ? device->label : "");
    added.owner = strdup(device->owner ? device->owner : "");
    status = added.label && added.owner
                 ? bg_digest_table_put(&enrolment->indices, &added.id, (uint32_t)enrolment->count)
                 : BG_NO_MEMORY;
    if (status != BG_OK) {
        free_texts(&added);
        return status;
    }
    enrolment->devices[enrolment->count++] = added;
    enrolment->stale = true;
    enrolment->version++;
    return BG_OK;
}

enum bg_status bg_enrolment_add(struct bg_enrolment *enrolment, const struct bg_device *device, const char *cell,
                                struct bg_error *error, bool *ret_news)
{
    struct bg_device wanted = *device;
    struct bg_population label = {{0}};
    char hex[2 * BG_DIGEST_BYTES + 1];
    const char *role = bg_certificate_role_name(device->role);
    bg_point_digest(wanted.point, &wanted.id);
    bg_digest_to_hex(&wanted.id, hex);
    enum bg_status status = bg_point_check(wanted.point);
    if (status != BG_OK)
        return bg_fail(error, status, "%s %s: its public key is no point of the curve", role, hex);
    /* cells are written as populations are */
    if (device->role == BG_CERTIFICATE_CLIENT && bg_population_set(&label, cell) != BG_OK)
        return bg_fail(error, BG_INVALID, "client %s: cell \"%.40s\" is not 1 to 31 of a-z 0-9 . _ -", hex, cell);
    if ((wanted.label && !bg_plain_text(wanted.label, BG_LABEL_BYTES)) ||
        (wanted.owner && !bg_plain_text(wanted.owner, BG_OWNER_BYTES)))
        return bg_fail(error, BG_INVALID, "%s %s: its label or owner is too long, or has control characters", role,
                       hex);
    memcpy(wanted.cell.label, label.name, sizeof wanted.cell.label);
    const struct bg_device *known = bg_enrolment_find(enrolment, &wanted.id);
    status = known ? known_already(known, &wanted, hex, error) : append(enrolment, &wanted);
    if (status != BG_OK)
        return known ? status
                     : bg_fail(error, status, "%s %s: no room beside %zu devices", role, hex, enrolment->count);
    *ret_news = !known;
    return BG_OK;
}

void bg_enrolment_revoke(struct bg_enrolment *enrolment, struct bg_device *device, uint64_t when)
{
    device->revoked = when ? when : 1;
    enrolment->stale = true;
    enrolment->version++;
}
