/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masks: what hides a plaintext in a ciphertext (Damgård, Jurik, Nielsen, IJIS 2010). Each client has its own
 * h_s = (−x²)^(n^s) mod n^(s+1) from a random unit x; a mask is h_s^a for a fresh uniform a of |n|/2 bits.
 *
 * A table holds powers of one h_s (fixed-base comb of Lim and Lee, CRYPTO '94) and is immutable, so that any
 * number of threads may draw from it. A source draws; it is for one thread. Reads of the table depend on a,
 * so other users of the same processor cache are not kept from learning about it.
 */
#pragma once

#include "crypto/public_key.h"
#include "crypto/random.h"

struct bg_mask_table;
struct bg_mask_source;

#define BG_MASK_TABLE_STANDARD_BYTES ((size_t)4 << 20)

/* Draws x and computes the table with the fewest products per mask that fits in memory_bytes. Keeps key;
 * borrows random. BG_INVALID when not even one entry fits; BG_RANDOM. */
BG_MUST_CHECK enum bg_status bg_mask_table_create(const struct bg_public_key *key,
                                                  const struct bg_random *random, size_t memory_bytes,
                                                  struct bg_mask_table **ret_table);
/* Wipes it. */
void bg_mask_table_destroy(struct bg_mask_table **table);
size_t bg_mask_table_bytes(const struct bg_mask_table *table);
/* Modular products and squarings per mask, at most. */
size_t bg_mask_table_products(const struct bg_mask_table *table);

/* Keeps table and the context of random. Up to pool_capacity masks can be computed ahead of need; the pool's
 * memory is not dumped and is empty in a forked child, so that no mask is ever used twice. Where the system
 * cannot promise that, the pool's capacity is 0 and masks are computed when drawn. */
BG_MUST_CHECK enum bg_status bg_mask_source_create(const struct bg_mask_table *table,
                                                   const struct bg_random *random, size_t pool_capacity,
                                                   struct bg_mask_source **ret_source);
/* Wipes the unused masks. */
void bg_mask_source_destroy(struct bg_mask_source **source);
/* Computes up to `count` masks into the pool, fewer when it fills up. BG_RANDOM leaves those already there.
 */
BG_MUST_CHECK enum bg_status bg_mask_source_fill(struct bg_mask_source *source, size_t count);

struct bg_mask_stats {
    size_t capacity; /* of the pool */
    size_t level;    /* masks in the pool */
    uint64_t drawn;  /* ever, from pool or computed */
    uint64_t hits;   /* of these from the pool */
};
struct bg_mask_stats bg_mask_source_stats(const struct bg_mask_source *source);
