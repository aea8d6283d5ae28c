/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Knowledge tags: a member shows that it knows what its ciphertexts encrypt. Whoever resubmits or mauls another's does
 * not know their padded plaintexts, which are uniform, and cannot say what a random combination of them is.
 *
 *   challenge  K = SHA-256("burgee knowledge" ‖ header); the header names the block and its digest, so that weights are
 *              drawn after the ciphertexts
 *   weights    e_0, e_1, …: HKDF-Expand(K, "burgee knowledge weights"), 16 bytes each, little-endian
 *   z          Σ e_t X_t mod n^s over the block's padded plaintexts X_t, but for a tail (crypto/tail.h) that lacks
 *              digits: its X is known mod n^s' alone and stands by itself
 *   tag        the first 16 bytes of SHA-256("burgee knowledge tag" ‖ K ‖ the s digits of z ‖ the s' digits of such a
 *              tail's X)
 *
 * The other side has ∏ c_t^(e_t), which opens to z (crypto/opening.h).
 */
#pragma once

#include "crypto/digits.h"

#define BG_KNOWLEDGE_MOST_POSITIONS 64
#define BG_KNOWLEDGE_TAG_BYTES 16

struct bg_knowledge {
    struct bg_digest challenge;
    uint8_t weights[BG_KNOWLEDGE_MOST_POSITIONS * BG_DIGITS_WEIGHT_BYTES];
};

void bg_knowledge_init(struct bg_knowledge *knowledge, struct bg_span header);
/* Of the s digits of z and those of a tail that lacks some; empty where there is none. */
void bg_knowledge_tag(const struct bg_knowledge *knowledge, struct bg_span z, struct bg_span tail,
                      uint8_t ret_tag[static BG_KNOWLEDGE_TAG_BYTES]);
/* Of 1 to BG_KNOWLEDGE_MOST_POSITIONS plaintexts, whose last one lacks `lacking` bytes. */
void bg_knowledge_prove(const struct bg_knowledge *knowledge, const struct bg_public_key *key,
                        const uint8_t *plaintexts, size_t count, size_t lacking,
                        uint8_t ret_tag[static BG_KNOWLEDGE_TAG_BYTES]);
