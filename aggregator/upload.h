/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One member's update as an aggregator has it: its frames as they were sent, in the memory that they came in where the
 * request holds that, else in a copy. The checks are split as the driver needs them: `begin` looks at what is cheap and
 * decides whether the update belongs here; `verify` functions are arithmetic for workers, each of which may have a
 * range of the blocks.
 */
#pragma once

#include "crypto/product.h"
#include "crypto/seal.h"
#include "net/transport.h"
#include "protocol/shape.h"
#include "wire/block.h"
#include "wire/manifest.h"

struct bg_upload {
    struct bg_span bytes;        /* all frames; empty: there is no update */
    struct bg_held_bytes *held;  /* has them; NULL: they are the upload's own */
    struct bg_span frame;        /* the manifest's … */
    struct bg_manifest manifest; /* … with spans into it */
    struct bg_span blocks;       /* frames of one size but the last; empty in a report, which has manifests alone */
    uint8_t seed[BG_SEED_BYTES]; /* of the pads; wiped by finish */
};

/* Lets go of the bytes. */
void bg_upload_finish(struct bg_upload *upload);

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

/* What an update begins with; what is returned borrows from `bytes`. Errors as those of frames and manifests. */
BG_MUST_CHECK enum bg_status bg_upload_read(struct bg_span bytes, struct bg_error *error, struct bg_frame *ret_frame,
                                            struct bg_manifest *ret_manifest);
/* Into an empty upload, after the checks that need no arithmetic: all frames of an update, of which `frame` and
 * `manifest` were read, keeping `held` or copying where it is NULL. BG_STALE_PLAN, BG_WRONG_ROUND, BG_DECODE,
 * BG_TRUNCATED and others, each with a sentence; the upload stays empty then. */
BG_MUST_CHECK enum bg_status bg_upload_begin(struct bg_upload *upload, const struct bg_upload_terms *terms,
                                             struct bg_span bytes, struct bg_held_bytes *held,
                                             const struct bg_frame *frame, const struct bg_manifest *manifest,
                                             struct bg_error *error);
/* The same of a manifest alone, copied. */
BG_MUST_CHECK enum bg_status bg_upload_begin_manifest(struct bg_upload *upload, const struct bg_upload_terms *terms,
                                                      const struct bg_frame *frame,
                                                      const struct bg_manifest *manifest, struct bg_error *error);
/* Arithmetic: the client's signature. */
BG_MUST_CHECK enum bg_status bg_upload_verify_signature(const struct bg_upload *upload,
                                                        const uint8_t point[static BG_PUBLIC_POINT_BYTES],
                                                        struct bg_error *error);
/* Arithmetic, for the root: the signature, the sealed seed and its commitment; fills upload->seed. */
BG_MUST_CHECK enum bg_status bg_upload_verify(struct bg_upload *upload, const struct bg_upload_terms *terms,
                                              const uint8_t point[static BG_PUBLIC_POINT_BYTES],
                                              struct bg_error *error);
/* Arithmetic: that blocks first … end−1 are those of the manifest, and ciphertexts. BG_WRONG_ROUND, BG_UNKNOWN_CLIENT,
 * BG_STALE_PLAN: of another manifest; BG_INVALID: another index or size; BG_BAD_DIGEST, BG_BAD_CIPHERTEXT, and the
 * errors of frames. */
BG_MUST_CHECK enum bg_status bg_upload_verify_blocks(const struct bg_upload *upload,
                                                     const struct bg_upload_terms *terms, size_t first, size_t end,
                                                     struct bg_error *error);
size_t bg_upload_block_count(const struct bg_upload *upload);
/* Ciphertexts of a block that was verified, from position 64·index on; *ret_positions of them. Borrowed. */
struct bg_span bg_upload_payload(const struct bg_upload *upload, const struct bg_shape *shape, size_t index,
                                 size_t *ret_positions);
/* Arithmetic: all ciphertexts of a verified update into the product. BG_NO_MEMORY leaves it useless. */
BG_MUST_CHECK enum bg_status bg_upload_fold(const struct bg_upload *upload, const struct bg_shape *shape,
                                            struct bg_product *product);
