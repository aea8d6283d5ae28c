/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "crypto/random.h"
#include "crypto/secret_key.h"

/* Draws primes uniformly among those that a key may have (crypto/secret_key.h) and whose two top bits are
 * set, so that n has exactly `bits` bits. bits: 2048 or 3072; with allow_insecure, which is for tests, any
 * multiple of 64 from BG_KEY_LEAST_BITS to BG_KEY_MOST_BITS. BG_INVALID: other bits or s; BG_RANDOM. Its
 * time depends on the primes that it rejects, and GMP's primality test is not constant-time: generate where
 * nobody measures. */
BG_MUST_CHECK enum bg_status bg_secret_key_generate(uint32_t bits, uint32_t s, bool allow_insecure,
                                                    const struct bg_random *random, struct bg_error *error,
                                                    struct bg_secret_key **ret_key);
