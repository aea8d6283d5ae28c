/* SPDX-License-Identifier: Apache-2.0 */
#include "client/key_ring.h"

#include <stdlib.h>

struct bg_device_key {
    struct bg_public_key *key;
    struct bg_mask_table *table; /* NULL until a plan encrypts with it, and while it rests */
    struct bg_mask_pool *pool;
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
        bg_public_key_create(part->modulus, part->key_bits, part->s, ring->settings.allow_insecure, error, &key);
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

static enum bg_status make_masks(const struct bg_device_ring *ring, struct bg_device_key *entry,
                                 struct bg_error *error)
{
    const struct bg_device_ring_settings *settings = &ring->settings;
    enum bg_status status =
        entry->pool ? BG_OK : bg_mask_pool_create(entry->key, settings->pool_bytes, &entry->pool);
    if (status == BG_OK)
        status = bg_mask_table_create(entry->key, &settings->random, &settings->masks, &entry->table);
    if (status == BG_OK)
        return BG_OK;
    return bg_fail(error, status, "masks from a table of at most %zu bytes: %s", settings->masks.memory_bytes,
                   bg_status_text(status));
}

static enum bg_status get(struct bg_key_ring *keys, const struct bg_key_part *part, struct bg_error *error,
                          struct bg_client_key *ret_key)
{
    struct bg_device_ring *ring = (struct bg_device_ring *)keys;
    pthread_mutex_lock(&ring->lock);
    struct bg_device_key *entry = find(ring, part);
    enum bg_status status = entry ? BG_OK : add(ring, part, error, &entry);
    if (status == BG_OK && part->encryption == BG_PLAN_PAILLIER && !entry->table)
        status = make_masks(ring, entry, error);
    if (status == BG_OK)
        *ret_key = (struct bg_client_key){entry->key, entry->table, entry->pool};
    pthread_mutex_unlock(&ring->lock);
    return status;
}

void bg_device_ring_init(struct bg_device_ring *ring, const struct bg_device_ring_settings *settings)
{
    *ring = (struct bg_device_ring){.keys = {.get = get}, .settings = *settings};
    pthread_mutex_init(&ring->lock, NULL);
}

void bg_device_ring_finish(struct bg_device_ring *ring)
{
    while (ring->newest) {
        struct bg_device_key *older = ring->newest->older;
        bg_mask_pool_destroy(&ring->newest->pool);
        bg_mask_table_destroy(&ring->newest->table);
        bg_public_key_destroy(&ring->newest->key);
        free(ring->newest);
        ring->newest = older;
    }
    pthread_mutex_destroy(&ring->lock);
}

bool bg_device_ring_rest(struct bg_device_ring *ring)
{
    bool had = false;
    pthread_mutex_lock(&ring->lock);
    for (struct bg_device_key *entry = ring->newest; entry; entry = entry->older) {
        had |= entry->table != NULL;
        bg_mask_table_destroy(&entry->table);
    }
    pthread_mutex_unlock(&ring->lock);
    return had;
}

struct bg_mask_stats bg_device_ring_stats(struct bg_device_ring *ring)
{
    struct bg_mask_stats sum = {0};
    pthread_mutex_lock(&ring->lock);
    for (const struct bg_device_key *entry = ring->newest; entry; entry = entry->older) {
        if (!entry->pool)
            continue;
        struct bg_mask_stats one = bg_mask_pool_stats(entry->pool);
        sum.capacity += one.capacity;
        sum.level += one.level;
        sum.drawn += one.drawn;
        sum.hits += one.hits;
    }
    pthread_mutex_unlock(&ring->lock);
    return sum;
}
