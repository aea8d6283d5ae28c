/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of P-256 keys: signing identities and sealing keys, and the public halves that are handed around.
 * Integers are little-endian.
 *
 *    0  magic     4 bytes   "BRGI"
 *    4  version   u16       1
 *    6  kind      u16       identity: 1 secret, 2 public; sealing key: 3 secret, 4 public
 *    8  key       secret: 32 bytes, big-endian scalar; public: 65 bytes, uncompressed point
 *    …  digest    32 bytes  SHA-256 of everything before
 *
 * Errors name the file. Loading: BG_NOT_FOUND, BG_IO, BG_TRUNCATED, BG_TOO_LARGE, BG_BAD_MAGIC,
 * BG_BAD_VERSION, BG_DECODE for another kind, BG_BAD_DIGEST, BG_BAD_KEY for a key out of range or off the
 * curve.
 */
#pragma once

#include "base/error.h"
#include "crypto/identity.h"
#include "crypto/seal.h"

#define BG_POINT_FILE_MAGIC "BRGI"

/* Secret files are written with mode 0600 and never over an existing file (BG_INVALID). Loading them also
 * gives BG_PERMISSION, with the command that cures it, when group or others have any right to the file. */
BG_MUST_CHECK enum bg_status bg_identity_save(const struct bg_identity *identity, const char *path,
                                              struct bg_error *error);
BG_MUST_CHECK enum bg_status bg_identity_load(const char *path, struct bg_error *error,
                                              struct bg_identity **ret_identity);
BG_MUST_CHECK enum bg_status bg_sealing_key_save(const struct bg_sealing_key *key, const char *path,
                                                 struct bg_error *error);
BG_MUST_CHECK enum bg_status bg_sealing_key_load(const char *path, struct bg_error *error,
                                                 struct bg_sealing_key **ret_key);

enum bg_point_kind {
    BG_POINT_IDENTITY = 2,
    BG_POINT_SEALING = 4,
};

/* Replaces `path`. BG_BAD_KEY as bg_point_check: nothing is written. */
BG_MUST_CHECK enum bg_status bg_point_save(enum bg_point_kind kind,
                                           const uint8_t point[static BG_PUBLIC_POINT_BYTES],
                                           const char *path, struct bg_error *error);
BG_MUST_CHECK enum bg_status bg_point_load(enum bg_point_kind kind, const char *path, struct bg_error *error,
                                           uint8_t ret_point[static BG_PUBLIC_POINT_BYTES]);

/* The identity whose secret is in a file, made with that file where there is none; then writes its point file. So an
 * interrupted call can be repeated. Errors as of save and load. */
BG_MUST_CHECK enum bg_status bg_identity_provide(const char *secret_path, const char *point_path,
                                                 const struct bg_random *random, struct bg_error *error,
                                                 struct bg_identity **ret_identity);
