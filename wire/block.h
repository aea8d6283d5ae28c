/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Up to 64 consecutive positions of one client's update. Not signed: its payload's digest is in the manifest.
 *
 * Body: u64 round | u32 attempt | u32 group | 32 client id | u32 block index | u32 positions | payload
 * Positions have a ciphertext each, all of one size but the last of an update, which may be shorter (crypto/tail.h).
 */
#pragma once

#include "wire/frame.h"

#define BG_BLOCK_HEADER_BYTES (BG_FRAME_HEADER_BYTES + 56) /* of a block's frame before its payload */

struct bg_block {
    uint64_t round;
    uint32_t attempt;
    uint32_t group;
    struct bg_digest client;
    uint32_t index;        /* covers positions from 64·index */
    uint32_t positions;    /* 1 to 64 */
    struct bg_span payload; /* at least `positions` bytes */
};

void bg_block_encode(struct bg_writer *w, const struct bg_population *population, const struct bg_digest *plan_id,
                     const struct bg_block *block);
BG_MUST_CHECK enum bg_status bg_block_decode(const struct bg_frame *frame, struct bg_error *error,
                                             struct bg_block *ret);
