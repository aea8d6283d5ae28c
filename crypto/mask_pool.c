/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/mask_pool.h"

#include "base/checked.h"
#include "crypto/mask_draw.h"
#include "crypto/wipe.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

/* In the memory that a fork wipes, with the masks: a child counts from nothing. */
struct store {
    size_t level;
    size_t reserved; /* places of masks that are being computed */
    uint64_t drawn;
    uint64_t hits;
    uint64_t masks[];
};

struct bg_mask_pool {
    pthread_mutex_t lock; /* guards *store */
    struct store *store;
    size_t store_bytes;
    size_t mask_words;
    size_t capacity;
};

size_t bg_mask_pool_bytes(const struct bg_public_key *key, size_t masks)
{
    return sizeof(struct store) + masks * bg_mask_words(key) * sizeof(uint64_t);
}

static struct store *map_store(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

/* False unless the system keeps it from dumps and children. Swap is another matter: limits on locked memory
 * (RLIMIT_MEMLOCK) are small in places that have none. */
static bool keep_private(struct store *store, size_t bytes)
{
    (void)mlock2(store, bytes, MLOCK_ONFAULT);
    return madvise(store, bytes, MADV_WIPEONFORK) == 0 && madvise(store, bytes, MADV_DONTDUMP) == 0;
}

enum bg_status bg_mask_pool_create(const struct bg_public_key *key, size_t memory_bytes,
                                   struct bg_mask_pool **ret_pool)
{
    struct bg_mask_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return BG_NO_MEMORY;
    pool->mask_words = bg_mask_words(key);
    pool->store_bytes = memory_bytes > sizeof *pool->store ? memory_bytes : sizeof *pool->store;
    pool->store = map_store(pool->store_bytes);
    if (!pool->store || pthread_mutex_init(&pool->lock, NULL) != 0) {
        if (pool->store)
            munmap(pool->store, pool->store_bytes);
        free(pool);
        return BG_NO_MEMORY;
    }
    if (keep_private(pool->store, pool->store_bytes))
        pool->capacity = (pool->store_bytes - sizeof *pool->store) / (pool->mask_words * sizeof(uint64_t));
    *ret_pool = pool;
    return BG_OK;
}

void bg_mask_pool_destroy(struct bg_mask_pool **pool)
{
    struct bg_mask_pool *p = *pool;
    if (!p)
        return;
    bg_wipe(p->store->masks, p->store->level * p->mask_words * sizeof(uint64_t));
    munmap(p->store, p->store_bytes);
    pthread_mutex_destroy(&p->lock);
    free(p);
    *pool = NULL;
}

struct bg_mask_stats bg_mask_pool_stats(struct bg_mask_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    struct bg_mask_stats stats = {.capacity = pool->capacity,
                                  .level = pool->store->level,
                                  .drawn = pool->store->drawn,
                                  .hits = pool->store->hits};
    pthread_mutex_unlock(&pool->lock);
    return stats;
}

size_t bg_mask_pool_reserve(struct bg_mask_pool *pool, size_t count)
{
    pthread_mutex_lock(&pool->lock);
    size_t room = pool->capacity - pool->store->level - pool->store->reserved;
    size_t given = count < room ? count : room;
    pool->store->reserved += given;
    pthread_mutex_unlock(&pool->lock);
    return given;
}

void bg_mask_pool_put(struct bg_mask_pool *pool, size_t reserved, size_t count, const uint64_t *masks)
{
    assert(count <= reserved);
    pthread_mutex_lock(&pool->lock);
    struct store *store = pool->store;
    memcpy(store->masks + store->level * pool->mask_words, masks, count * pool->mask_words * sizeof *masks);
    store->level += count;
    store->reserved -= reserved;
    pthread_mutex_unlock(&pool->lock);
}

size_t bg_mask_pool_take(struct bg_mask_pool *pool, size_t count, uint64_t *ret_masks)
{
    pthread_mutex_lock(&pool->lock);
    struct store *store = pool->store;
    size_t taken = count < store->level ? count : store->level;
    uint64_t *masks = store->masks + (store->level - taken) * pool->mask_words;
    memcpy(ret_masks, masks, taken * pool->mask_words * sizeof *masks);
    bg_wipe(masks, taken * pool->mask_words * sizeof *masks);
    store->level -= taken;
    store->drawn += count;
    store->hits += taken;
    pthread_mutex_unlock(&pool->lock);
    return taken;
}
