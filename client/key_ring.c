/* SPDX-License-Identifier: Apache-2.0 */
#include "client/key_ring.h"

#include <stdlib.h>

struct bg_device_key {
    struct bg_public_key *key;
    struct bg_mask_table *table; /* NULL until a plan encrypts with it */
    struct bg_device_key *older;
};

static struct bg_device_key *find(const struct bg_device_ring *ring, const struct bg_key_part *part)
{
    struct bg_device_key *entry = ring->newest;
    while (entry && !(bg_digest_equal(bg_public_key_id(entry->key), &part->key_id) &&
                      bg_public_key_s(entry->key) == part->s))
        entry = entry->older;
    return entry;
}

static enum bg_status make_key(const struct bg_device_ring *ring, const struct bg_key_part *part,
                               struct bg_error *error, struct bg_public_key **ret_key)
{
    struct bg_public_key *key;
    enum bg_status status =
        bg_public_key_create(part->modulus, part->key_bits, part->s, ring->allow_insecure, error, &key);
    if (status != BG_OK)
        return bg_fail_in(error, status, "plan");
    if (!bg_digest_equal(bg_public_key_id(key), &part->key_id))
        status = bg_fail(error, BG_BAD_KEY, "plan: its key id is not that of its modulus");
    else if (bg_public_key_insecure(key) != part->insecure)
        status = bg_fail(error, BG_BAD_KEY, "plan: a key of %u bits that is %smarked insecure", part->key_bits,
                         part->insecure ? "" : "not ");
    if (status != BG_OK)
        bg_public_key_destroy(&key);
    else
        *ret_key = key;
    return status;
}

static enum bg_status add(struct bg_device_ring *ring, const struct bg_key_part *part, struct bg_error *error,
                          struct bg_device_key **ret_entry)
{
    struct bg_device_key *entry = calloc(1, sizeof *entry);
    if (!entry)
        return bg_fail(error, BG_NO_MEMORY, "plan: out of memory for its key");
    enum bg_status status = make_key(ring, part, error, &entry->key);
    if (status != BG_OK) {
        free(entry);
        return status;
    }
    entry->older = ring->newest;
    ring->newest = entry;
    *ret_entry = entry;
    return BG_OK;
}

static enum bg_status get(struct bg_key_ring *keys, const struct bg_key_part *part, struct bg_error *error,
                          const struct bg_public_key **ret_key, const struct bg_mask_table **ret_table)
{
    struct bg_device_ring *ring = (struct bg_device_ring *)keys;
    struct bg_device_key *entry = find(ring, part);
    enum bg_status status = entry ? BG_OK : add(ring, part, error, &entry);
    if (status == BG_OK && part->encryption == BG_PLAN_PAILLIER && !entry->table) {
        struct bg_mask_settings masks = {.memory_bytes = ring->table_bytes};
        status = bg_mask_table_create(entry->key, &ring->random, &masks, &entry->table);
        if (status != BG_OK)
            bg_fail(error, status, "masks of at most %zu bytes: %s", ring->table_bytes, bg_status_text(status));
    }
    if (status != BG_OK)
        return status;
    *ret_key = entry->key;
    *ret_table = entry->table;
    return BG_OK;
}

void bg_device_ring_init(struct bg_device_ring *ring, const struct bg_random *random, size_t table_bytes,
                         bool allow_insecure)
{
    *ring = (struct bg_device_ring){
        .keys = {.get = get}, .random = *random, .table_bytes = table_bytes, .allow_insecure = allow_insecure};
}

void bg_device_ring_finish(struct bg_device_ring *ring)
{
    while (ring->newest) {
        struct bg_device_key *older = ring->newest->older;
        bg_mask_table_destroy(&ring->newest->table);
        bg_public_key_destroy(&ring->newest->key);
        free(ring->newest);
        ring->newest = older;
    }
}
