/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message that one recipient can open: HPKE (RFC 9180) in base mode, single shot, with
 * DHKEM(P-256, HKDF-SHA256), HKDF-SHA256 and ChaCha20-Poly1305.
 *
 *   sealed = ephemeral point 65 ‖ ciphertext, as long as the plaintext ‖ tag 16
 *
 * `info` and `aad` are bound but not sent: both sides must name the same context. The sender is not
 * authenticated; what seals travel in is signed.
 */
#pragma once

#include "crypto/identity.h"

#define BG_SEAL_OVERHEAD (BG_PUBLIC_POINT_BYTES + 16)

/* A recipient's key pair. Never also a signing identity: one key, one use. Immutable after creation. */
struct bg_sealing_key;

/* As their namesakes of struct bg_identity. */
BG_MUST_CHECK enum bg_status bg_sealing_key_create(const struct bg_random *random,
                                                   struct bg_sealing_key **ret_key);
BG_MUST_CHECK enum bg_status bg_sealing_key_from_secret(const uint8_t secret[static BG_SCALAR_BYTES],
                                                        struct bg_sealing_key **ret_key);
void bg_sealing_key_destroy(struct bg_sealing_key **key);
const uint8_t *bg_sealing_key_point(const struct bg_sealing_key *key);
void bg_sealing_key_secret(const struct bg_sealing_key *key, uint8_t ret_secret[static BG_SCALAR_BYTES]);

/* Writes plaintext.size + BG_SEAL_OVERHEAD bytes. BG_BAD_KEY: recipient is not a point of the curve, or gives
 * the all-zero secret. */
BG_MUST_CHECK enum bg_status bg_seal(const uint8_t recipient[static BG_PUBLIC_POINT_BYTES],
                                     struct bg_span info, struct bg_span aad, struct bg_span plaintext,
                                     const struct bg_random *random, uint8_t *ret_sealed);
/* Writes sealed.size − BG_SEAL_OVERHEAD bytes. BG_TRUNCATED: shorter than the overhead. BG_BAD_SEAL: altered,
 * or sealed to another key, info or aad; ret_plaintext is then zeroed or untouched. */
BG_MUST_CHECK enum bg_status bg_seal_open(const struct bg_sealing_key *key, struct bg_span info,
                                          struct bg_span aad, struct bg_span sealed, uint8_t *ret_plaintext);
