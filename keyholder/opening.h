/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One release on its way: what was asked, what of it has been checked, what came out. Reading looks at everything that
 * needs no arithmetic; verify, challenge and open are arithmetic for a worker, in this order, and read nothing but the
 * opening, the request's bytes and what settings keep. Sentences begin with round and group.
 */
#pragma once

#include "keyholder/epochs.h"
#include "keyholder/policy.h"
#include "wire/manifest.h"
#include "wire/release.h"

struct bg_opening_member {
    struct bg_manifest manifest;
    uint8_t point[BG_PUBLIC_POINT_BYTES];
    struct bg_span *payloads; /* (blocks) of its block frames */
};

struct bg_opening {
    const struct bg_keyholder_settings *settings;
    struct bg_arena arena;
    struct bg_frame frame;
    struct bg_release release;         /* into the request's bytes */
    struct bg_opening_member *members; /* (release.member_count), in the group's order */
    size_t blocks;                     /* of each member */
    size_t tail_lacks;                 /* bytes of the last position (crypto/tail.h), by the product's size */
    uint32_t *challenged;              /* (challenged_count) block indices to multiply, ascending */
    size_t challenged_count;
    bool knows;                        /* the epoch's plan asks for knowledge tags */
    struct bg_policy_request request;  /* its digest is set by verify */
    struct bg_record record;           /* all but sequence, previous and signature; digests set by verify */
    uint8_t *sums;                     /* set by open: bg_opening_sum_bytes of them */
};

/* Before anything else. */
void bg_opening_init(struct bg_opening *opening, const struct bg_keyholder_settings *settings);
void bg_opening_finish(struct bg_opening *opening);

/* Decodes a release and the block frames after it, whose bytes it keeps, and draws the challenge. BG_WRONG_POPULATION;
 * BG_STALE_PLAN: of another epoch, or manifests of another plan; BG_WRONG_ROUND, BG_REFUSED: manifests of another
 * round, group, key, or over different models, tasks or positions; BG_UNKNOWN_CLIENT: not a member of the group;
 * BG_DUPLICATE: a member twice; BG_NOT_FOUND: a block is missing; and what decoding gives. */
BG_MUST_CHECK enum bg_status bg_opening_read(struct bg_opening *opening, const struct bg_epochs *epochs,
                                             const struct bg_enrolment *enrolment, struct bg_span body,
                                             struct bg_error *error);
/* The members' signatures, and the digests of what they signed. BG_BAD_SIGNATURE names the client. */
BG_MUST_CHECK enum bg_status bg_opening_verify(struct bg_opening *opening, struct bg_error *error);
/* Whether the product is that of the challenged blocks, and these are what the members signed: BG_BAD_DIGEST,
 * BG_BAD_CIPHERTEXT, BG_REFUSED for another product. */
BG_MUST_CHECK enum bg_status bg_opening_challenge(const struct bg_opening *opening, struct bg_error *error);
/* Fills sums, unless a member's knowledge tags of the challenged blocks are false (`again`: they were looked at when it
 * was opened first): BG_BAD_KNOWLEDGE names the client. Otherwise the errors of bg_open_products. */
BG_MUST_CHECK enum bg_status bg_opening_open(struct bg_opening *opening, bool again, struct bg_error *error);
/* Bytes of all sums, opened or not. */
size_t bg_opening_sum_bytes(const struct bg_opening *opening);
/* Appends the sums frame with the opening's record. */
void bg_opening_answer(const struct bg_opening *opening, struct bg_writer *w);
