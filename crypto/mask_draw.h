/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masks as encryption takes them, for crypto/ alone. With μ = h_s^a mod n^(s+1), a mask is two compact numbers of
 * crypto/adic.h one after the other:
 *   s+1 digits   μ
 *   s digits     R·μ mod n^s, its Montgomery form
 * so that μ·(1+n)^m = μ + n·(μ·f mod n^s), f = ((1+n)^m − 1)/n mod n^s, is one product of s digits and one sum.
 */
#pragma once

#include "crypto/mask.h"

/* 64-bit words of a mask: 2s+1 compact digits. */
size_t bg_mask_words(const struct bg_public_key *key);
/* `count` masks never given before, one after the other: from the pool while it has some, then computed, the lanes of
 * the key's kernel at a time. The caller wipes them after their one use. BG_RANDOM: ret_masks is wiped. */
BG_MUST_CHECK enum bg_status bg_mask_draw(struct bg_mask_source *source, size_t count, uint64_t *ret_masks);

/* Keeps places for up to `count` masks that are about to be computed; gives for how many. */
size_t bg_mask_pool_reserve(struct bg_mask_pool *pool, size_t count);
/* Copies `count` masks in, and gives up all of the `reserved` places. */
void bg_mask_pool_put(struct bg_mask_pool *pool, size_t reserved, size_t count, const uint64_t *masks);
/* Moves up to `count` masks out; gives how many. */
size_t bg_mask_pool_take(struct bg_mask_pool *pool, size_t count, uint64_t *ret_masks);
