/* SPDX-License-Identifier: Apache-2.0 */
/* Powers of one base from a table with windows of 10 bits, on OpenSSL's big numbers. For tools/bench_baseline.c. */
#pragma once

#include "base/status.h"

#include <gmp.h>
#include <stdint.h>

struct bg_baseline_window;

/* For exponents of so many bits. BG_UNSUPPORTED in a build without OpenSSL. Copies. */
BG_MUST_CHECK enum bg_status bg_baseline_window_create(const mpz_t base, const mpz_t modulus, size_t exponent_bits,
                                                       struct bg_baseline_window **ret_window);
void bg_baseline_window_destroy(struct bg_baseline_window **window);
size_t bg_baseline_window_bytes(const struct bg_baseline_window *window);

/* factor · base^exponent mod modulus, kept until the next call; exponent little-endian, of exponent_bits, factor below
 * the modulus. */
BG_MUST_CHECK enum bg_status bg_baseline_window_power(struct bg_baseline_window *window, const uint8_t *exponent,
                                                      const mpz_t factor);
void bg_baseline_window_result(const struct bg_baseline_window *window, mpz_t ret);
