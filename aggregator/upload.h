/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One member's update on its way in: the manifest first, then its blocks in any order, each checked before it counts.
 * The checks are split as the driver needs them: `begin` and `place` look at what is cheap and decide whether the
 * message belongs here; `verify` functions are arithmetic for a worker.
 */
#pragma once

#include "crypto/seal.h"
#include "protocol/shape.h"
#include "wire/block.h"
#include "wire/manifest.h"

struct bg_upload {
    uint8_t *manifest_bytes; /* the frame as sent; NULL: no manifest yet */
    size_t manifest_size;
    struct bg_manifest manifest; /* spans into the above */
    bool verified;               /* signature, seed and commitment are good */
    uint8_t seed[BG_SEED_BYTES]; /* of the pads; wiped by finish */
    uint8_t *payload;            /* positions × position_bytes, zero-extended; NULL before the first block */
    uint8_t *block_states;       /* (blocks) enum bg_block_state */
    size_t blocks;
    size_t blocks_good;
};

enum bg_block_state {
    BG_BLOCK_ABSENT = 0,
    BG_BLOCK_CHECKING,
    BG_BLOCK_GOOD,
};

void bg_upload_finish(struct bg_upload *upload);
bool bg_upload_complete(const struct bg_upload *upload);

/* What the round expects of a manifest; borrowed. */
struct bg_upload_terms {
    const struct bg_plan *plan;
    const struct bg_digest *plan_id;
    const struct bg_task *task;
    const struct bg_digest *task_digest;      /* of its frame */
    const struct bg_shape *shape;
    const struct bg_public_key *key;          /* NULL with encryption off */
    const struct bg_sealing_key *sealing_key; /* NULL with encryption off, and at an edge */
};

/* Not with encryption off. */
struct bg_cipher bg_upload_cipher(const struct bg_upload_terms *terms);

/* Copies a manifest into an empty upload after the checks that need no arithmetic. BG_STALE_PLAN, BG_WRONG_ROUND,
 * BG_DECODE and others, each with a sentence; the upload stays empty then. For an upload that has a manifest: BG_OK if
 * it is the same frame, BG_DUPLICATE otherwise. */
BG_MUST_CHECK enum bg_status bg_upload_begin(struct bg_upload *upload, const struct bg_upload_terms *terms,
                                             const struct bg_frame *frame, const struct bg_manifest *manifest,
                                             struct bg_error *error);
/* Arithmetic: the client's signature. */
BG_MUST_CHECK enum bg_status bg_upload_verify_signature(const struct bg_upload *upload,
                                                        const uint8_t point[static BG_PUBLIC_POINT_BYTES],
                                                        struct bg_error *error);
/* Arithmetic, for the root: the signature, the sealed seed and its commitment; fills upload->seed. */
BG_MUST_CHECK enum bg_status bg_upload_verify(struct bg_upload *upload, const struct bg_upload_terms *terms,
                                              const uint8_t point[static BG_PUBLIC_POINT_BYTES],
                                              struct bg_error *error);
/* Copies a block's payload to its place and marks it CHECKING. BG_NOT_FOUND: no verified manifest; BG_WRONG_ROUND,
 * BG_UNKNOWN_CLIENT: of another manifest; BG_INVALID: its index, positions or size are not the manifest's; BG_DUPLICATE
 * for other content than was accepted; for the same content BG_OK, and *ret_news is false. */
BG_MUST_CHECK enum bg_status bg_upload_place(struct bg_upload *upload, const struct bg_upload_terms *terms,
                                             const struct bg_block *block, struct bg_error *error, bool *ret_news);
/* Arithmetic: digest and ciphertexts of a placed block. */
BG_MUST_CHECK enum bg_status bg_upload_verify_block(const struct bg_upload *upload,
                                                    const struct bg_upload_terms *terms, size_t index,
                                                    struct bg_error *error);
/* Counts a placed block by the verdict of its check. */
void bg_upload_settle_block(struct bg_upload *upload, size_t index, bool good);
/* A good block as its sender sent it; the payload is borrowed. */
struct bg_block bg_upload_block(const struct bg_upload *upload, const struct bg_shape *shape, size_t index);
