/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client signs for one update: which ciphertexts, for which round, under which key, with which pads.
 * The signature covers the label and the frame up to the signature.
 *
 * Body: 32 key id | 32 model digest | 32 task digest | u64 epoch | u64 round | u32 attempt | u32 group |
 *       32 client id | u64 positions T | 32 × ceil(T/64) block digests | 32 pad commitment |
 *       u32 size, sealed seed | u32 size, sealed knowledge tags | 64 signature
 *
 * The task digest is SHA-256 of the task's whole frame as the client received it, header to signature: members whose
 * manifests agree in it voted on the same terms. A block digest is SHA-256 of the block's payload (wire/block.h).
 * Sealed seed: 113 bytes (HPKE: point 65, ciphertext 32, tag 16), or 0 with encryption off. Knowledge tags:
 * 65 + 16·blocks + 16 bytes where the plan asks for them, else 0.
 */
#pragma once

#include "wire/frame.h"

struct bg_manifest {
    struct bg_digest key_id;
    struct bg_digest model;
    struct bg_digest task;
    uint64_t epoch;
    uint64_t round;
    uint32_t attempt;
    uint32_t group;
    struct bg_digest client;
    uint64_t positions;
    struct bg_span block_digests; /* 32 bytes each */
    struct bg_digest pad_commitment;
    struct bg_span sealed_seed;
    struct bg_span sealed_tags;
    struct bg_span signature; /* 64 bytes; set by decode */
    struct bg_span signed_bytes; /* what it covers; set by decode */
};

static inline size_t bg_manifest_blocks(uint64_t positions)
{
    return (size_t)(positions / BG_BLOCK_POSITIONS + (positions % BG_BLOCK_POSITIONS != 0));
}

/* Of sealed knowledge tags. */
static inline size_t bg_manifest_tags_bytes(size_t blocks)
{
    return BG_PUBLIC_POINT_BYTES + BG_SEALED_TAG_BYTES * blocks + 16;
}

/* The body up to its positions. */
void bg_manifest_encode_head(struct bg_writer *w, const struct bg_manifest *manifest);
/* As bg_task_encode_unsigned. block_digests.size must be 32·bg_manifest_blocks(positions). */
void bg_manifest_encode_unsigned(struct bg_writer *w, const struct bg_population *population,
                                 const struct bg_digest *plan_id, const struct bg_manifest *manifest);
/* Spans keep the frame's bytes. Structure only; signature, plan and round are the caller's checks. */
BG_MUST_CHECK enum bg_status bg_manifest_decode(const struct bg_frame *frame, struct bg_error *error,
                                                struct bg_manifest *ret);
struct bg_digest bg_manifest_block_digest(const struct bg_manifest *manifest, size_t block);
