/* SPDX-License-Identifier: Apache-2.0 */
#include "base/prng.h"

#include "base/math.h"

#include <assert.h>
#include <math.h>

#define GOLDEN 0x9e3779b97f4a7c15u

/* splitmix64's finaliser: a bijection whose output bits all depend on all input bits. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint64_t rotate_left(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

void bg_prng_init(struct bg_prng *prng, uint64_t seed)
{
    for (size_t i = 0; i < 4; i++)
        prng->state[i] = mix(seed += GOLDEN);
}

void bg_prng_init_stream(struct bg_prng *prng, uint64_t seed, const char *purpose, uint64_t index)
{
    uint64_t hash = seed;
    const char *c = purpose;
    do
        hash = mix((hash + GOLDEN) ^ (uint8_t)*c);
    while (*c++);
    bg_prng_init(prng, mix((hash + GOLDEN) ^ index));
}

uint64_t bg_prng_next(struct bg_prng *prng)
{
    uint64_t *s = prng->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t bg_prng_below(struct bg_prng *prng, uint64_t bound)
{
    assert(bound > 0);
    uint64_t excess = -bound % bound; /* 2^64 mod bound: values below it would be one too many */
    uint64_t value;
    do
        value = bg_prng_next(prng);
    while (value < excess);
    return value % bound;
}

double bg_prng_uniform(struct bg_prng *prng)
{
    return (double)(bg_prng_next(prng) >> 11) * 0x1p-53;
}

double bg_prng_normal(struct bg_prng *prng)
{
    double x, square;
    do {
        x = 2 * bg_prng_uniform(prng) - 1;
        double y = 2 * bg_prng_uniform(prng) - 1;
        square = x * x + y * y;
    } while (square >= 1 || square == 0);
    return x * sqrt(-2 * bg_ln(square) / square);
}

double bg_prng_gamma(struct bg_prng *prng, double shape)
{
    assert(shape > 0);
    if (shape < 1) {
        double boost = bg_pow(1 - bg_prng_uniform(prng), 1 / shape);
        return boost * bg_prng_gamma(prng, shape + 1);
    }
    double d = shape - 1.0 / 3;
    double c = 1 / sqrt(9 * d);
    for (;;) {
        double x = bg_prng_normal(prng);
        double v = 1 + c * x;
        v = v * v * v;
        if (v > 0 && bg_ln(1 - bg_prng_uniform(prng)) < x * x / 2 + d * (1 - v + bg_ln(v)))
            return d * v;
    }
}

void bg_prng_shuffle(struct bg_prng *prng, uint32_t *indices, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)bg_prng_below(prng, i);
        uint32_t kept = indices[i - 1];
        indices[i - 1] = indices[j];
        indices[j] = kept;
    }
}
