/* SPDX-License-Identifier: Apache-2.0 */
/* Fills a pool of masks from workers while other threads draw from it, for ThreadSanitizer; no mask comes out twice. */
#include "base/workers.h"
#include "crypto/mask_draw.h"
#include "tests/threads/require.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define DRAWERS 2
#define DRAWS 60
#define TOGETHER 5
#define FILLERS 4
#define POOLED 24

struct shared {
    const struct bg_public_key *key;
    const struct bg_mask_table *table;
    struct bg_mask_pool *pool;
    struct bg_random random;
    atomic_bool over;
};

struct filler {
    struct bg_job job;
    struct shared *shared;
};

static void fill(struct bg_job *job)
{
    struct shared *shared = ((struct filler *)job)->shared;
    struct bg_mask_source *source;
    REQUIRE(bg_mask_source_create(shared->table, &shared->random, shared->pool, &source) == BG_OK);
    while (!atomic_load(&shared->over)) {
        REQUIRE(bg_mask_source_fill(source, 3) == BG_OK);
        struct bg_mask_stats stats = bg_mask_pool_stats(shared->pool);
        REQUIRE(stats.level <= stats.capacity && stats.hits <= stats.drawn);
    }
    bg_mask_source_destroy(&source);
}

struct drawer {
    struct shared *shared;
    uint64_t *masks; /* DRAWS · TOGETHER */
};

static void *draw(void *argument)
{
    struct drawer *drawer = argument;
    struct shared *shared = drawer->shared;
    struct bg_mask_source *source;
    REQUIRE(bg_mask_source_create(shared->table, &shared->random, shared->pool, &source) == BG_OK);
    for (size_t i = 0; i < DRAWS; i++)
        REQUIRE(bg_mask_draw(source, TOGETHER, drawer->masks + i * TOGETHER * bg_mask_words(shared->key)) == BG_OK);
    bg_mask_source_destroy(&source);
    return NULL;
}

static size_t mask_bytes;

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, mask_bytes);
}

static void use(struct shared *shared)
{
    struct bg_workers *workers;
    struct filler fillers[FILLERS];
    struct drawer drawers[DRAWERS];
    pthread_t drawing[DRAWERS];
    size_t count = DRAWERS * DRAWS * TOGETHER;
    mask_bytes = bg_mask_words(shared->key) * sizeof(uint64_t);
    uint64_t *masks = calloc(count, mask_bytes);
    REQUIRE(masks && bg_workers_create(3, FILLERS, NULL, NULL, &workers) == BG_OK);
    for (size_t i = 0; i < FILLERS; i++) {
        fillers[i] = (struct filler){.job = {.run = fill, .idle = i % 2 == 0}, .shared = shared};
        REQUIRE(bg_workers_submit(workers, &fillers[i].job) == BG_OK);
    }
    for (size_t i = 0; i < DRAWERS; i++) {
        drawers[i] = (struct drawer){shared, masks + i * count / DRAWERS * bg_mask_words(shared->key)};
        REQUIRE(pthread_create(&drawing[i], NULL, draw, &drawers[i]) == 0);
    }
    for (size_t i = 0; i < DRAWERS; i++)
        pthread_join(drawing[i], NULL);
    atomic_store(&shared->over, true);
    bg_workers_destroy(&workers);

    struct bg_mask_stats stats = bg_mask_pool_stats(shared->pool);
    REQUIRE(stats.drawn == count && stats.capacity == POOLED && stats.level <= POOLED);
    qsort(masks, count, mask_bytes, compare);
    for (size_t i = 1; i < count; i++)
        REQUIRE(compare(masks + (i - 1) * bg_mask_words(shared->key), masks + i * bg_mask_words(shared->key)) != 0);
    free(masks);
}

int main(void)
{
    uint8_t n[BG_KEY_LEAST_BITS / 8];
    struct bg_public_key *key;
    struct bg_mask_table *table;
    struct bg_error error;
    struct shared shared = {.random = bg_random_system()};
    do {
        REQUIRE(bg_random_fill(&shared.random, n, sizeof n) == BG_OK);
        n[0] |= 1;
        n[sizeof n - 1] |= 0x80;
    } while (bg_public_key_create((struct bg_span){n, sizeof n}, 8 * sizeof n, 1, true, &error, &key) != BG_OK);
    REQUIRE(bg_mask_table_create(key, &shared.random, &(struct bg_mask_settings){.memory_bytes = 1 << 16}, &table) ==
            BG_OK);
    REQUIRE(bg_mask_pool_create(key, bg_mask_pool_bytes(key, POOLED), &shared.pool) == BG_OK);
    shared.key = key;
    shared.table = table;
    use(&shared);
    bg_mask_pool_destroy(&shared.pool);
    bg_mask_table_destroy(&table);
    bg_public_key_destroy(&key);
    return 0;
}
