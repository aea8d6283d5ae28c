/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Public key files, which every role reads. Integers are little-endian.
 *
 *    0  magic     4 bytes   "BRGP"
 *    4  version   u16       1
 *    6  flags     u16       bit 0 INSECURE: set if and only if bits < 2048; the others are 0
 *    8  bits      u32       512 … 8192, a multiple of 64
 *   12  n         bits/8 bytes
 *    …  digest    32 bytes  SHA-256 of everything before
 *
 * The exponent s belongs to the plan, not to the key: one file serves every s.
 */
#pragma once

#include "crypto/public_key.h"

/* Errors name the file: BG_NOT_FOUND, BG_IO, BG_TRUNCATED, BG_BAD_MAGIC, BG_BAD_VERSION, BG_BAD_DIGEST,
 * BG_DECODE (impossible bits or flags, bytes left over), and BG_BAD_KEY as bg_public_key_create. */
BG_MUST_CHECK enum bg_status bg_public_key_load(const char *path, uint32_t s, bool allow_insecure,
                                                struct bg_error *error, struct bg_public_key **ret_key);
/* Replaces `path`. */
BG_MUST_CHECK enum bg_status bg_public_key_save(const struct bg_public_key *key, const char *path,
                                                struct bg_error *error);
