/* SPDX-License-Identifier: Apache-2.0 */
/* Written by gen_prng.py. */
#pragma once

#include <stdint.h>

static const struct {
    uint64_t seed;
    uint64_t values[6];
} prng_seed_vectors[] = {
    {0x0u,
     {0x99ec5f36cb75f2b4u, 0xbf6e1f784956452au, 0x1a5f849d4933e6e0u,
      0x6aa594f1262d2d2cu, 0xbba5ad4a1f842e59u, 0xffef8375d9ebcacau}},
    {0x1u,
     {0xb3f2af6d0fc710c5u, 0x853b559647364ceau, 0x92f89756082a4514u,
      0x642e1c7bc266a3a7u, 0xb27a48e29a233673u, 0x24c123126ffda722u}},
    {0x12d687u,
     {0x30a3a1c363600467u, 0x19405f0f579929cau, 0x115beaac046ddbd9u,
      0xeb17caf48f27d7f6u, 0xa0c94fe1cce9d136u, 0x70e3326578802da2u}},
    {0xffffffffffffffffu,
     {0x8f5520d52a7ead08u, 0xc476a018caa1802du, 0x81de31c0d260469eu,
      0xbf658d7e065f3c2fu, 0x913593fda1bca32au, 0xbb535e93941ba525u}},
};

static const struct {
    uint64_t seed;
    const char *purpose;
    uint64_t index;
    uint64_t value;
} prng_stream_vectors[] = {
    {0x0u, "", 0x0u, 0x8c4986f3f0e565d5u},
    {0x7u, "shuffle", 0x0u, 0xbe714d19af986dfau},
    {0x7u, "shuffle", 0x1u, 0x002a47197c74a206u},
    {0x7u, "weights", 0x1u, 0xcb7b6cc0d2f5120eu},
    {0xffffffffffffffffu, "x", 0xffffffffffffffffu, 0xde75cc0e27707637u},
};

/* Seed 42, one draw after another. */
static const struct {
    uint64_t bound;
    uint64_t value;
} prng_below_vectors[] = {
    {0x1u, 0x0000000000000000u},
    {0x2u, 0x0000000000000000u},
    {0x6u, 0x0000000000000005u},
    {0xf4243u, 0x000000000004cbf2u},
    {0x8000000000000001u, 0x7de6dc7fe2ec5e63u},
    {0x8000000000000001u, 0x450da53101795237u},
    {0x8000000000000001u, 0x382154855a65ddb1u},
    {0xffffffffffffffffu, 0xd99a2743ebe60087u},
};

/* 0 … 15 shuffled with seed 42. */
static const uint32_t prng_shuffle_vector[] = {14, 9, 7, 2, 3, 1, 10, 8, 15, 11, 13, 4, 0, 5, 12, 6};
