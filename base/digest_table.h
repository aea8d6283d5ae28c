/* SPDX-License-Identifier: Apache-2.0 */
/* From digests to indices: open addressing that grows. Entries are never removed. Not thread-safe. */
#pragma once

#include "base/span.h"

struct bg_digest_entry;

struct bg_digest_table {
    struct bg_digest_entry *entries;
    size_t capacity; /* 0 or a power of two */
    size_t count;
    uint64_t seed;
};

/* `seed` decides which keys collide: where peers choose digests, it must be one they do not know. What the
 * table answers does not depend on it. Allocates nothing. */
void bg_digest_table_init(struct bg_digest_table *table, uint64_t seed);
void bg_digest_table_finish(struct bg_digest_table *table);
/* Copies the digest. BG_DUPLICATE if it is there, with the index unchanged; BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_digest_table_put(struct bg_digest_table *table, const struct bg_digest *digest,
                                                 uint32_t index);
bool bg_digest_table_find(const struct bg_digest_table *table, const struct bg_digest *digest,
                          uint32_t *ret_index);
static inline size_t bg_digest_table_count(const struct bg_digest_table *table)
{
    return table->count;
}
