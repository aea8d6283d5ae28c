/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The aggregator asks the key holder to open one group's product; the key holder answers with the padded sums
 * and a signed record. Records form a chain: each names the digest of the one before.
 *
 * Release body: u64 round | u32 attempt | u64 epoch | u32 group | u64 members | per member: u64 size, manifest
 *               frame | u64 positions | u64 size, product payload
 * Record:       u64 sequence | u64 epoch | u64 round | u32 attempt | u32 group | u64 member mask |
 *               32 manifests digest | 32 product digest | 32 previous record digest | 64 signature
 * Sums body:    u64 round | u32 attempt | u32 group | u64 positions | u64 size, sums payload | record
 *
 * The manifests digest is SHA-256 of the concatenated SHA-256 of each manifest frame, in member order; the
 * product digest is SHA-256 of the product payload.
 */
#pragma once

#include "base/arena.h"
#include "wire/frame.h"

struct bg_release {
    uint64_t round;
    uint32_t attempt;
    uint64_t epoch;
    uint32_t group;
    uint32_t member_count;           /* 1 to BG_MAX_GROUP_MEMBERS */
    const struct bg_span *manifests; /* whole manifest frames, in member order */
    uint64_t positions;
    struct bg_span product;          /* at least `positions` bytes: ciphertexts as in wire/block.h */
};

#define BG_RECORD_BYTES 200

struct bg_record {
    uint64_t sequence; /* 1, 2, … */
    uint64_t epoch;
    uint64_t round;
    uint32_t attempt;
    uint32_t group;
    uint64_t members; /* mask over the group's members */
    struct bg_digest manifests;
    struct bg_digest product;
    struct bg_digest previous; /* SHA-256 of the previous record with its signature; zero for the first */
    uint8_t signature[BG_SIGNATURE_BYTES];
};

struct bg_sums {
    uint64_t round;
    uint32_t attempt;
    uint32_t group;
    uint64_t positions;
    struct bg_span sums;   /* padded plaintext sums, at least `positions` bytes */
    struct bg_record record;
    struct bg_span record_bytes; /* set by decode: what the chain digests; signature is its last 64 bytes */
};

void bg_release_encode(struct bg_writer *w, const struct bg_population *population,
                       const struct bg_digest *plan_id, const struct bg_release *release);
BG_MUST_CHECK enum bg_status bg_release_decode(const struct bg_frame *frame, struct bg_arena *arena,
                                               struct bg_error *error, struct bg_release *ret);
/* The record with its signature as given (zero while unsigned): BG_RECORD_BYTES bytes. */
void bg_record_encode(struct bg_writer *w, const struct bg_record *record);
BG_MUST_CHECK enum bg_status bg_record_decode(struct bg_span bytes, struct bg_record *ret);
void bg_sums_encode(struct bg_writer *w, const struct bg_population *population, const struct bg_digest *plan_id,
                    const struct bg_sums *sums);
BG_MUST_CHECK enum bg_status bg_sums_decode(const struct bg_frame *frame, struct bg_error *error,
                                            struct bg_sums *ret);
