/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who signed it: the P-256 key pair of a client, a root or a key holder. Everyone is known by the SHA-256 of
 * their public key. Signatures are deterministic ECDSA (RFC 6979) over SHA-256: signing needs no randomness
 * and the same message always gets the same bytes.
 */
#pragma once

#include "base/span.h"
#include "crypto/random.h"

#define BG_PUBLIC_POINT_BYTES 65 /* 04 ‖ x ‖ y, big-endian (SEC 1, uncompressed) */
#define BG_SIGNATURE_BYTES 64    /* r ‖ s, big-endian (IEEE P1363) */
#define BG_SCALAR_BYTES 32       /* big-endian */

/* Immutable after creation: any number of threads may sign with one. */
struct bg_identity;

/* A fresh key, its secret uniform in [1, order). BG_RANDOM, BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_identity_create(const struct bg_random *random,
                                                struct bg_identity **ret_identity);
/* Copies the secret. BG_BAD_KEY unless it is in [1, order). */
BG_MUST_CHECK enum bg_status bg_identity_from_secret(const uint8_t secret[static BG_SCALAR_BYTES],
                                                     struct bg_identity **ret_identity);
/* Wipes the secret. */
void bg_identity_destroy(struct bg_identity **identity);

/* BG_PUBLIC_POINT_BYTES; borrowed, lives as long as the identity. */
const uint8_t *bg_identity_point(const struct bg_identity *identity);
const struct bg_digest *bg_identity_digest(const struct bg_identity *identity);
/* For storing it; the caller wipes the copy. */
void bg_identity_secret(const struct bg_identity *identity, uint8_t ret_secret[static BG_SCALAR_BYTES]);

BG_MUST_CHECK enum bg_status bg_identity_sign(const struct bg_identity *identity, struct bg_span message,
                                              uint8_t ret_signature[static BG_SIGNATURE_BYTES]);

/* Of anyone's public key. */
void bg_point_digest(const uint8_t point[static BG_PUBLIC_POINT_BYTES], struct bg_digest *ret_digest);
/* Once, where a key comes in: BG_BAD_KEY unless it is a point of the curve in the one accepted form. */
BG_MUST_CHECK enum bg_status bg_point_check(const uint8_t point[static BG_PUBLIC_POINT_BYTES]);
/* BG_BAD_SIGNATURE for any other message, key or signature, r or s outside [1, order) included; BG_BAD_KEY
 * for what bg_point_check refuses. Both (r, s) and (r, order − s) verify: never tell messages apart by their
 * signatures. */
BG_MUST_CHECK enum bg_status bg_point_verify(const uint8_t point[static BG_PUBLIC_POINT_BYTES],
                                             struct bg_span message,
                                             const uint8_t signature[static BG_SIGNATURE_BYTES]);
