/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masks: what hides a plaintext in a ciphertext (Damgård, Jurik, Nielsen, IJIS 2010). Each client has its own
 * h_s = (−x²)^(n^s) mod n^(s+1) from a random unit x; a mask is h_s^a for a fresh uniform a of half the bits of n.
 *
 * A table holds powers of one h_s (crypto/comb.h) and is immutable, so that any number of threads may draw from it. A
 * source draws, from a pool (crypto/mask_pool.h) while that has masks; it is for one thread.
 */
#pragma once

#include "crypto/mask_pool.h"
#include "crypto/random.h"

struct bg_mask_table;
struct bg_mask_source;

/* Twice as much would save one product in eleven and take twice as long to build. On ARM what a small board can
 * spare: a fifth more products, for a quarter of the time to build it. docs/CRYPTO.md has the table. */
#if defined(__x86_64__)
#define BG_MASK_TABLE_STANDARD_KIB 8192
#else
#define BG_MASK_TABLE_STANDARD_KIB 2048
#endif
#define BG_MASK_TABLE_STANDARD_BYTES ((size_t)BG_MASK_TABLE_STANDARD_KIB << 10)

#define BG_MASK_SHORT_EXPONENT_BITS 512

/* "half", "512", NULL: choices of an option. */
enum bg_mask_exponent { BG_MASK_EXPONENT_HALF = 0, BG_MASK_EXPONENT_SHORT };
extern const char *const bg_mask_exponent_names[];

struct bg_mask_settings {
    size_t memory_bytes; /* for the table, a standard one above */
    /* For processors shared with strangers: see struct bg_comb_settings. */
    bool uniform_reads;
    /* 0: half the bits of n, rounded up, for which h_s^a is as good as uniform. Fewer, at least
     * BG_MASK_SHORT_EXPONENT_BITS, are faster and rest on one more assumption: that short powers of h_s cannot be
     * told from long ones. */
    uint32_t exponent_bits;
};

/* Draws x and computes the table with the fewest products per mask that fits. Keeps key; borrows random. BG_INVALID:
 * fewer exponent bits than allowed, or no table is that small; BG_RANDOM. */
BG_MUST_CHECK enum bg_status bg_mask_table_create(const struct bg_public_key *key, const struct bg_random *random,
                                                  const struct bg_mask_settings *settings,
                                                  struct bg_mask_table **ret_table);
/* Wipes it. */
void bg_mask_table_destroy(struct bg_mask_table **table);
size_t bg_mask_table_bytes(const struct bg_mask_table *table);

/* Keeps table, pool (may be NULL) and the context of random. */
BG_MUST_CHECK enum bg_status bg_mask_source_create(const struct bg_mask_table *table, const struct bg_random *random,
                                                   struct bg_mask_pool *pool, struct bg_mask_source **ret_source);
/* Wipes what it computed with. */
void bg_mask_source_destroy(struct bg_mask_source **source);
/* Computes up to `count` masks into the pool, fewer when it fills up. BG_RANDOM leaves those already there. */
BG_MUST_CHECK enum bg_status bg_mask_source_fill(struct bg_mask_source *source, size_t count);
