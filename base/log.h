/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logfmt on stderr, for programs only: bg_log(BG_LOG_INFO, "round closed", "round=%u used=%u", r, u) prints
 *   level=info msg="round closed" round=12 used=9
 * Never vectors, ciphertexts, keys or seeds: identifiers only. One write() per line; safe from any thread.
 */
#pragma once

#include "base/error.h"

#include <stddef.h>

/* An event without fields passes "". */
#pragma GCC diagnostic ignored "-Wformat-zero-length"

enum bg_log_level {
    BG_LOG_ERROR = 0,
    BG_LOG_WARN,
    BG_LOG_INFO,
    BG_LOG_DEBUG,
};

/* The only mutable global of base/; BG_LOG_INFO at start. */
void bg_log_set_level(enum bg_log_level level);
/* `fields` is "" or space-separated key=value pairs in printf form; a value with blanks must be quoted by the
 * caller with bg_log_quote. A message past 500 bytes and a line past 4,096 are cut; control bytes become
 * question marks. */
void bg_log(enum bg_log_level level, const char *message, const char *fields, ...) BG_PRINTF(3, 4);
/* With its status and its sentence. */
void bg_log_error(enum bg_log_level level, const char *message, const struct bg_error *error);
/* Writes text as a quoted logfmt value, cut to capacity (≥ 3) between characters: quotes, backslashes, control
 * characters and bytes that are not UTF-8 are escaped. Gives ret_quoted. */
const char *bg_log_quote(const char *text, char *ret_quoted, size_t capacity);
