/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pads: what a member adds to its plaintexts, so that the key holder, who opens sums, sees uniform numbers,
 * and only the root, which has the seeds, takes the sum of the pads off again.
 *
 *   position key   κ_t = HKDF-Expand(seed, "burgee pad" ‖ population, 32 bytes, NUL-padded ‖ plan id ‖
 *                        u64 round ‖ u32 attempt ‖ u64 t, 32), integers little-endian
 *   pad            R_t = the first s·|n|/8 + 16 bytes of ChaCha20 (RFC 8439; key κ_t, nonce 0, counter 0) as
 *                        a little-endian integer, mod n^s: within 2^−128 of uniform
 *   commitment     SHA-256 of SHA-256(κ_0) ‖ … ‖ SHA-256(κ_{T−1})
 *
 * Pads are integers mod n^s, added and subtracted with carries from digit to digit: a sum is unpadded before it is
 * split into slots.
 */
#pragma once

#include "base/span.h"
#include "crypto/digest.h"
#include "crypto/public_key.h"

#define BG_SEED_BYTES 32
#define BG_POSITION_KEY_BYTES 32

/* What makes the pads of one upload different from those of any other. */
struct bg_pad_context {
    const char *population; /* at most 32 bytes */
    struct bg_digest plan_id;
    uint64_t round;
    uint32_t attempt;
};

/* The position keys of one seed. Immutable after init: threads may share it. */
struct bg_pad_keys {
    struct bg_hmac_state prefix;
};

struct bg_position_key {
    uint8_t bytes[BG_POSITION_KEY_BYTES];
};

/* Borrows seed and context. */
void bg_pad_keys_init(struct bg_pad_keys *keys, const uint8_t seed[static BG_SEED_BYTES],
                      const struct bg_pad_context *context);
/* Wipes. */
void bg_pad_keys_finish(struct bg_pad_keys *keys);
/* The caller wipes the key. */
void bg_pad_key_at(const struct bg_pad_keys *keys, uint64_t t, struct bg_position_key *ret_key);

/* Plaintexts and sums are as public_key.h has them and change in place; on failure they stay as they were. */

/* M + R mod n^s. BG_INVALID: a digit of M ≥ n. */
BG_MUST_CHECK enum bg_status bg_pad_add(const struct bg_public_key *key,
                                        const struct bg_position_key *position, uint8_t *plaintext);
/* V − Σ R mod n^s over the position keys of all `members` of the sum. BG_INVALID: a digit of V ≥ n. */
BG_MUST_CHECK enum bg_status bg_pad_subtract(const struct bg_public_key *key,
                                             const struct bg_position_key *positions, size_t members,
                                             uint8_t *sum);

/* Of the positions 0 … positions−1; constant memory. */
void bg_pad_commit(const struct bg_pad_keys *keys, uint64_t positions, struct bg_digest *ret_commitment);
/* The member's list SHA-256(κ_0) ‖ … , 32 bytes per position, from which an audit proves one position. */
void bg_pad_list(const struct bg_pad_keys *keys, uint64_t positions, uint8_t *ret_list);
/* An audit's view: BG_BAD_COMMITMENT unless `list` is what was committed to and names this key at t. */
BG_MUST_CHECK enum bg_status bg_pad_check_key(struct bg_span list, const struct bg_digest *commitment,
                                              uint64_t t, const struct bg_position_key *position);
