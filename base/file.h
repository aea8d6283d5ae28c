/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files: bounded reads, and writes that are complete and durable or absent. */
#pragma once

#include "base/error.h"
#include "base/span.h"

/* Reads all of `path` into a fresh block (free() it); a zero byte follows the data. BG_NOT_FOUND, BG_IO, or
 * BG_TOO_LARGE past `limit` bytes. */
BG_MUST_CHECK enum bg_status bg_file_read(const char *path, size_t limit, struct bg_error *error,
                                          uint8_t **ret_data, size_t *ret_size);
/* Writes a temporary file beside `path` with `mode`, fsyncs it, renames it over `path`, fsyncs the folder. */
BG_MUST_CHECK enum bg_status bg_file_write(const char *path, struct bg_span content, unsigned mode,
                                           struct bg_error *error);
/* Removes what writes of `path` left whose process was killed. Nobody may be writing it. */
void bg_file_sweep(const char *path);
/* Whether bg_file_write could write there as things stand, before hours of work for it: BG_NOT_FOUND or BG_IO. */
BG_MUST_CHECK enum bg_status bg_file_check_place(const char *path, struct bg_error *error);
