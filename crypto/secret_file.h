/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to crypto/: files that only their owner may touch. Errors name the file. */
#pragma once

#include "base/error.h"
#include "base/span.h"

/* Reads the first `capacity` bytes at most. BG_PERMISSION, with the command that cures it, when group or
 * others have any right to the file, judged on the open file, so that nobody can swap it in between.
 * BG_NOT_FOUND, BG_IO. The caller wipes ret_bytes, also after a failure. */
BG_MUST_CHECK enum bg_status bg_secret_file_read(const char *path, struct bg_error *error, uint8_t *ret_bytes,
                                                 size_t capacity, size_t *ret_size);
/* Mode 0600. BG_INVALID when `path` exists: a secret is never overwritten. */
BG_MUST_CHECK enum bg_status bg_secret_file_write(const char *path, struct bg_span content,
                                                  struct bg_error *error);
