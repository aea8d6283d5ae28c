/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a file, decompressed as they are read: gzip, xz and zstd are recognised by their first bytes,
 * whatever the file is called; anything else passes as it is. Several compressed units after each other read
 * as one. Memory is bounded by the decoders' windows (xz and zstd: at most 128 MiB), never by the file's
 * size.
 */
#pragma once

#include "base/error.h"

#include <stddef.h>

struct bg_stream;

/* Copies path. BG_NOT_FOUND, BG_IO. */
BG_MUST_CHECK enum bg_status bg_stream_open(const char *path, struct bg_error *error,
                                            struct bg_stream **ret_stream);
void bg_stream_destroy(struct bg_stream **stream);
/* Gives between 1 and `capacity` (> 0) bytes, 0 only at the end. BG_DATA for a compressed file that is
 * damaged or ends too early, BG_TOO_LARGE for a window over the bound, BG_IO; after a failure the stream
 * stays failed. */
BG_MUST_CHECK enum bg_status bg_stream_read(struct bg_stream *stream, void *buffer, size_t capacity,
                                            struct bg_error *error, size_t *ret_size);
