/* SPDX-License-Identifier: Apache-2.0 */
/* Products of powers with short public exponents, as random checks of many ciphertexts at once take them. */
#pragma once

#include "base/workers.h"
#include "crypto/adic.h"

/* ret_number = ∏ numbers[t]^weights[t] for `count` ≥ 1 compact numbers of all the ring's digits, one after the other;
 * weights little-endian, of weight_bytes each. Its time depends on the weights. workers may be NULL. BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_weigh(const struct bg_adic *ring, const uint64_t *numbers, const uint8_t *weights,
                                      size_t weight_bytes, size_t count, struct bg_workers *workers,
                                      uint64_t *ret_number);
