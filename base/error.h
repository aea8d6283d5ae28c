/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A status with the sentence that names what went wrong: the file, key, client or tensor, and what to do.
 * Functions that parse files or policies take `struct bg_error *error` as their last input; NULL is allowed
 * and drops the sentence. It is written only on failure.
 */
#pragma once

#include "base/status.h"

struct bg_error {
    enum bg_status status;
    char text[480]; /* one line of printable UTF-8, no trailing newline or period; question marks for what is not */
};

/* Fills *error (if not NULL) and returns status, so that callers write `return bg_fail(error, BG_DATA, …)`. */
enum bg_status bg_fail(struct bg_error *error, enum bg_status status, const char *format, ...) BG_PRINTF(3, 4);

/* Puts "context: " in front of the sentence already in *error (if not NULL) and returns status. */
enum bg_status bg_fail_in(struct bg_error *error, enum bg_status status, const char *format, ...) BG_PRINTF(3, 4);
