/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The beacon of an epoch. The key holder has committed to nonce_e in the reveal of epoch e−1 (for the first
 * epoch: in its set-up); the root sends its own nonce with the roster; the key holder reveals. The beacon is a
 * digest over all three (protocol/partition.h): neither side can choose the groups.
 *
 * Request body: u64 epoch | 32 roster digest | 32 root nonce
 * Reveal body:  u64 epoch | 32 key-holder nonce | 32 commitment to the next nonce | 64 signature
 */
#pragma once

#include "wire/frame.h"

struct bg_epoch_request {
    uint64_t epoch;
    struct bg_digest roster;
    struct bg_digest nonce;
};

struct bg_epoch_reveal {
    uint64_t epoch;
    struct bg_digest nonce;
    struct bg_digest next_commitment; /* SHA-256 of the key holder's next nonce */
};

void bg_epoch_request_encode(struct bg_writer *w, const struct bg_population *population,
                             const struct bg_epoch_request *request);
BG_MUST_CHECK enum bg_status bg_epoch_request_decode(const struct bg_frame *frame, struct bg_error *error,
                                                     struct bg_epoch_request *ret);
void bg_epoch_reveal_encode_unsigned(struct bg_writer *w, const struct bg_population *population,
                                     const struct bg_epoch_reveal *reveal);
BG_MUST_CHECK enum bg_status bg_epoch_reveal_decode(const struct bg_frame *frame, struct bg_error *error,
                                                    struct bg_epoch_reveal *ret);
