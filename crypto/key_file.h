/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secret key files, for the key holder alone. Integers are little-endian.
 *
 *    0  magic     4 bytes   "BRGS"
 *    4  version   u16       1
 *    6  flags     u16       bit 0 INSECURE: set if and only if bits < 2048; the others are 0
 *    8  bits      u32       of n = p·q: 512 … 8192, a multiple of 64
 *   12  p         bits/16 bytes
 *    …  q         bits/16 bytes
 *    …  digest    32 bytes  SHA-256 of everything before
 *
 * Nothing else is stored: the rest is derived when the key is created, from the same two primes, for any s.
 */
#pragma once

#include "crypto/secret_key.h"

/* Errors name the file: BG_PERMISSION, with the command that cures it, when group or others have any right
 * to it; BG_NOT_FOUND, BG_IO, BG_TRUNCATED, BG_BAD_MAGIC, BG_BAD_VERSION, BG_BAD_DIGEST, BG_DECODE
 * (impossible bits or flags, bytes left over); BG_BAD_KEY and BG_FAULT as bg_secret_key_create. */
BG_MUST_CHECK enum bg_status bg_secret_key_load(const char *path, uint32_t s, bool allow_insecure,
                                                struct bg_error *error, struct bg_secret_key **ret_key);
/* Writes a file of mode 0600. BG_INVALID when `path` exists: a secret key is never overwritten. */
BG_MUST_CHECK enum bg_status bg_secret_key_save(const struct bg_secret_key *key, const char *path,
                                                struct bg_error *error);
