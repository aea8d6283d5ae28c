/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest_table.h"

#include "base/checked.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 16
#define MULTIPLIER 0x9e3779b97f4a7c15u

struct bg_digest_entry {
    struct bg_digest digest;
    uint32_t index;
    bool taken;
};

void bg_digest_table_init(struct bg_digest_table *table, uint64_t seed)
{
    *table = (struct bg_digest_table){.seed = seed};
}

void bg_digest_table_finish(struct bg_digest_table *table)
{
    free(table->entries);
    bg_digest_table_init(table, table->seed);
}

/* All 32 bytes count: peers may name digests that are not digests of anything. */
static uint64_t hash(uint64_t seed, const struct bg_digest *digest)
{
    uint64_t value = seed;
    for (size_t i = 0; i < BG_DIGEST_BYTES; i += sizeof value) {
        uint64_t word;
        memcpy(&word, digest->bytes + i, sizeof word);
        value = (value ^ word) * MULTIPLIER;
        value = (value ^ value >> 32) * MULTIPLIER;
        value ^= value >> 29;
    }
    return value;
}

/* The digest's entry, or the free one where it belongs. There is always a free one. */
static struct bg_digest_entry *locate(const struct bg_digest_table *table, const struct bg_digest *digest)
{
    size_t mask = table->capacity - 1;
    size_t i = (size_t)hash(table->seed, digest) & mask;
    while (table->entries[i].taken && !bg_digest_equal(&table->entries[i].digest, digest))
        i = (i + 1) & mask;
    return &table->entries[i];
}

static bool grow(struct bg_digest_table *table)
{
    struct bg_digest_table larger = {.seed = table->seed, .count = table->count, .capacity = FIRST_CAPACITY};
    if (table->capacity > 0 && !bg_size_multiply(table->capacity, 2, &larger.capacity))
        return false;
    larger.entries = calloc(larger.capacity, sizeof *larger.entries);
    if (!larger.entries)
        return false;
    for (size_t i = 0; i < table->capacity; i++)
        if (table->entries[i].taken)
            *locate(&larger, &table->entries[i].digest) = table->entries[i];
    free(table->entries);
    *table = larger;
    return true;
}

enum bg_status bg_digest_table_put(struct bg_digest_table *table, const struct bg_digest *digest, uint32_t index)
{
    uint32_t present;
    if (bg_digest_table_find(table, digest, &present))
        return BG_DUPLICATE;
    if (table->count >= table->capacity / 4 * 3 && !grow(table))
        return BG_NO_MEMORY;
    *locate(table, digest) = (struct bg_digest_entry){.digest = *digest, .index = index, .taken = true};
    table->count++;
    return BG_OK;
}

bool bg_digest_table_find(const struct bg_digest_table *table, const struct bg_digest *digest,
                          uint32_t *ret_index)
{
    if (table->capacity == 0)
        return false;
    const struct bg_digest_entry *entry = locate(table, digest);
    if (entry->taken)
        *ret_index = entry->index;
    return entry->taken;
}
