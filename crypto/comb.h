/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Powers of one fixed unit mod n^(s+1) (the comb of Lim and Lee, CRYPTO '94), in base n; for crypto/ alone.
 *
 * The bits of an exponent are cut into blocks, a block of r rows and w columns taking r·w consecutive ones, row by
 * row. A table holds for each block, from bit f on, the products of all sets of its rows' powers
 *   T[m] = ∏_{j ∈ m} x^(2^(f + j·w))                 m ⊂ {0 … r−1}, T[∅] = 1
 * and with m_k(i) the rows that have a 1 in column i of block k
 *   x^a = ∏_i (∏_{k: i < w_k} T_k[m_k(i)])^(2^i)     Σ w_k − 1 products and max w_k − 1 squarings,
 * whatever the exponent is. Rows and widths of the blocks differ by at most one.
 *
 * Every unit is one of its own low digit and a power of 1+n, which the group of units ≡ 1 mod n consists of:
 *   R·T = y (1+n)^μ      y < n, μ mod n^s
 * That is how entries are kept, and the value that runs through the columns is X (1+n)^M: a product is
 * X ← X·y / R, M ← M + μ, and y has one digit. It takes s+1 products of digits where two numbers of s+1 digits take
 * (s+1)(s+2)/2. The last step multiplies (1+n)^M in.
 */
#pragma once

#include "crypto/big.h"

#include <stdbool.h>

#define BG_COMB_MOST_BLOCKS 32
#define BG_COMB_MOST_ROWS 20

struct bg_comb_settings {
    size_t exponent_bits; /* at least 1 */
    size_t memory_bytes;  /* for the table */
    /* Reads all entries of a block wherever one is wanted, so that a neighbour on the same processor cannot learn
     * from its caches which. Otherwise only addresses depend on exponents, never branches. */
    bool uniform_reads;
};

struct bg_comb_block {
    size_t rows, width;
    size_t first_bit;
    size_t first_entry;
};

struct bg_comb_shape {
    size_t block_count;
    size_t entries;
    size_t bits;     /* of all blocks: at least exponent_bits */
    size_t width;    /* of the widest block */
    size_t products;
    size_t squares;
    struct bg_comb_block blocks[BG_COMB_MOST_BLOCKS];
};

/* The shape that takes the least time among those that fit; of equal ones the smallest. BG_INVALID: none fits. */
BG_MUST_CHECK enum bg_status bg_comb_choose(const struct bg_adic *ring, const struct bg_comb_settings *settings,
                                            struct bg_comb_shape *ret_shape);

/* Immutable after creation: threads may share it. */
struct bg_comb;

/* `base` is one compact number of s+1 digits, a unit. Keeps key. BG_INVALID as above; BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_comb_create(const struct bg_public_key *key, const struct bg_comb_settings *settings,
                                            const uint64_t *base, struct bg_comb **ret_comb);
/* Wipes the table. */
void bg_comb_destroy(struct bg_comb **comb);
size_t bg_comb_bytes(const struct bg_comb *comb);

/* Bytes of an exponent: shape.bits of them, little-endian. */
size_t bg_comb_exponent_bytes(const struct bg_comb *comb);

/* Vectors of a space that bg_comb_power computes in, the first ones; the result is in vector 0. */
#define BG_COMB_VECTORS 5
/* Vector 0 = R·base^a for `count` exponents, one per lane, 1 ≤ count ≤ lanes; bits from shape.bits on are ignored. */
void bg_comb_power(const struct bg_comb *comb, const struct bg_adic_space *space, const uint8_t *const exponents[],
                   unsigned count);
