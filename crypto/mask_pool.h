/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masks computed ahead of need, on processors that are idle. Each leaves the pool once and is wiped there before the
 * call that takes it returns. The memory is never written to a core dump and is empty in a forked child
 * (MADV_DONTDUMP, MADV_WIPEONFORK); where the system cannot promise both, the pool holds nothing. Nobody writes it to
 * disk, and as far as RLIMIT_MEMLOCK lets it it is locked, which keeps the system from swapping it out. Two copies of
 * one running machine, from a snapshot of its memory, use the same masks: that is out of its reach.
 *
 * Threads may share it: some fill it through their sources while others draw.
 */
#pragma once

#include "crypto/public_key.h"

struct bg_mask_pool;

/* What a pool of `masks` masks takes. */
size_t bg_mask_pool_bytes(const struct bg_public_key *key, size_t masks);
/* For masks under `key` (kept), which may be of different tables. 0 bytes: a pool that only counts. */
BG_MUST_CHECK enum bg_status bg_mask_pool_create(const struct bg_public_key *key, size_t memory_bytes,
                                                 struct bg_mask_pool **ret_pool);
/* Wipes the unused masks. No source may have it any more. */
void bg_mask_pool_destroy(struct bg_mask_pool **pool);

struct bg_mask_stats {
    size_t capacity; /* masks that the pool can hold */
    size_t level;    /* masks in it */
    uint64_t drawn;  /* masks asked for, ever */
    uint64_t hits;   /* of these given from the pool */
};
struct bg_mask_stats bg_mask_pool_stats(struct bg_mask_pool *pool);
