/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli, RFC 3720 appendix B.4): finds accidents, not forgeries. */
#pragma once

#include "base/span.h"

#include <stdint.h>

/* Continues from `crc`, 0 at the start: the checksum of A ‖ B is bg_crc32c(bg_crc32c(0, A), B). */
uint32_t bg_crc32c(uint32_t crc, struct bg_span bytes);
