/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The deterministic generator of simulations, shuffles and initial weights: xoshiro256** seeded through
 * splitmix64 (Blackman and Vigna). Same seed, same stream, on every machine. Never for keys, pads or masks:
 * those take their bytes from crypto/random.h.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct bg_prng {
    uint64_t state[4];
};

void bg_prng_init(struct bg_prng *prng, uint64_t seed);
/* A stream of its own for (seed, purpose, index): purpose is a short literal such as "shuffle". */
void bg_prng_init_stream(struct bg_prng *prng, uint64_t seed, const char *purpose, uint64_t index);
uint64_t bg_prng_next(struct bg_prng *prng);
/* Uniform in [0, bound), bound > 0, without bias. */
uint64_t bg_prng_below(struct bg_prng *prng, uint64_t bound);
/* Uniform in [0, 1), 53 bits. */
double bg_prng_uniform(struct bg_prng *prng);
/* Standard normal (polar method on own logarithm, base/math.h). */
double bg_prng_normal(struct bg_prng *prng);
/* Gamma(shape > 0, scale 1) after Marsaglia and Tsang. */
double bg_prng_gamma(struct bg_prng *prng, double shape);
/* A uniform permutation of indices[0..count). */
void bg_prng_shuffle(struct bg_prng *prng, uint32_t *indices, size_t count);
