/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers to and from text, the same in every locale. The only place in the tree that parses numbers. */
#pragma once

#include "base/status.h"

#include <stdint.h>

/* The whole text must be one unsigned decimal number within min..max, digits only. BG_DECODE if it is not a
 * number, BG_INVALID if it is outside the bounds. */
BG_MUST_CHECK enum bg_status bg_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret);
/* The whole text must be one finite decimal number within min..max: [+-] digits [. digits] [e [+-] digits].
 * Correctly rounded. BG_DECODE and BG_INVALID as above. */
BG_MUST_CHECK enum bg_status bg_parse_real(const char *text, double min, double max, double *ret);

#define BG_REAL_TEXT_BYTES 32
/* Shortest of 15, 16 or 17 digits that reads back as the same double; value must be finite (assert). */
void bg_format_real(double value, char ret_text[static BG_REAL_TEXT_BYTES]);
