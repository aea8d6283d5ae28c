/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain of records: one per opening, signed, each naming the digest of the one before, so that no opening can be
 * denied, left out or put in later. The signature covers everything before it (wire/release.h).
 */
#pragma once

#include "crypto/identity.h"
#include "wire/release.h"

struct bg_record_chain {
    uint64_t sequence;     /* of the newest record; 0: none */
    struct bg_digest head; /* SHA-256 of the newest record with its signature; zero before the first */
};

/* Completes `record`, whose other fields are filled in, as the next of the chain: sequence, previous and signature. The
 * chain does not move. */
BG_MUST_CHECK enum bg_status bg_records_sign(const struct bg_record_chain *chain, const struct bg_identity *identity,
                                             struct bg_record *record);
/* Moves the chain to a record of BG_RECORD_BYTES bytes. BG_BAD_SIGNATURE: not signed by `point` (BG_PUBLIC_POINT_BYTES;
 * NULL: not looked at); BG_BAD_DIGEST: not the next of the chain, naming the sequence; BG_DECODE. ret_record may be
 * NULL. */
BG_MUST_CHECK enum bg_status bg_records_extend(struct bg_record_chain *chain, const uint8_t *point,
                                               struct bg_span bytes, struct bg_error *error,
                                               struct bg_record *ret_record);
