/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Bytes of the character that `text` begins with, and its code point; 0 if the bytes are not well-formed UTF-8
 * (RFC 3629: no overlong forms, no surrogates) or `size` is 0. */
size_t bg_utf8_next(const uint8_t *text, size_t size, uint32_t *ret_point);
