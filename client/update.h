/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a codec update to bytes on the wire: slots → plaintexts → + pads → ciphertexts → blocks, and the signed
 * manifest over them.
 */
#pragma once

#include "crypto/identity.h"
#include "protocol/shape.h"
#include "wire/manifest.h"

/* Everything is borrowed. */
struct bg_update_context {
    const struct bg_plan *plan;
    const struct bg_digest *plan_id;
    const struct bg_task *task;
    const struct bg_digest *task_digest; /* of its frame as received */
    const struct bg_shape *shape;       /* of plan and task */
    const struct bg_identity *identity; /* of the client */
    uint32_t group;
    const struct bg_cipher *cipher;     /* NULL with encryption off */
    struct bg_mask_source *masks;       /* NULL unless the cipher is paillier */
    const struct bg_random *random;
};

/* One update ready to be sent: a manifest frame, then its block frames in order. */
struct bg_update {
    struct bg_writer frames;
    size_t manifest_bytes; /* the blocks begin here */
    size_t block_bytes;    /* of each block's frame but the last, which may be shorter */
    size_t block_count;
};

/* (shape->votes_at) values of one member before its votes. */
void bg_update_fields(const struct bg_shape *shape, const struct bg_task *task, const struct bg_codec_update *codec,
                      uint64_t *ret_fields);

/* `values` are one member's; `coordinates` (vote_count) in mode dense, else NULL. Draws a fresh pad seed, seals it
 * to the root and wipes it. BG_RANDOM, BG_NO_MEMORY, BG_INVALID for a slot that its radix cannot hold, BG_BAD_KEY. */
BG_MUST_CHECK enum bg_status bg_update_build(const struct bg_update_context *context,
                                             const struct bg_values *values, const float *coordinates,
                                             struct bg_error *error, struct bg_update *ret_update);
void bg_update_finish(struct bg_update *update);

/* Frame i: 0 is the manifest, 1 … block_count its blocks. */
struct bg_span bg_update_frame(const struct bg_update *update, size_t i);
