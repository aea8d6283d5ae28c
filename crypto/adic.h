/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic modulo b^e for odd b, in base b: x = Σ_{i<e} x_i b^i, every digit in Montgomery form. For crypto/ alone.
 *
 * A product's digit d sums the products of digits that add up to d; Montgomery's reduction modulo b (Math. Comp.
 * 1985) turns it into u_d and the carry into the next:
 *   T_d = Σ_{i+j=d} x_i y_j − q_{d−1}        q_d = −T_d / b mod R        u_d = (T_d + q_d b) / R
 * since T_d b^d = R u_d b^d − q_d b^(d+1). So Σ u_d b^d ≡ x y / R mod b^e: e(e+1)/2 products and e reductions of the
 * size of b, where a Montgomery product modulo b^e takes 2e² of that size. Digits of results are not necessarily
 * below b: one number has several forms in base b until it is stored.
 *
 * The digits below any d ≤ e are the same number mod b^d, so one ring serves all smaller exponents: operations take
 * the count of digits that they read and write.
 *
 * Two forms of numbers:
 *   compact   e digits below b, each ring->digit_words 64-bit words, little-endian: tables, pools, wire
 *   vector    ring->kernel->lanes numbers side by side, aligned to 64 bytes: limb i of digit d in lane l is the low
 *             limb_bits bits of element (d · limbs + i) · lanes + l, of 32 bits if limbs fit them, else of 64
 *
 * The memory of a vector has room for as many compact numbers as there are lanes.
 */
#pragma once

#include "base/status.h"

#include <gmp.h>
#include <stddef.h>
#include <stdint.h>

#define BG_ADIC_MOST_DIGITS 5
#define BG_ADIC_MOST_LANES 8
#define BG_ADIC_ALIGNMENT 64 /* bytes, of vectors */

struct bg_adic;

struct bg_adic_kernel {
    const char *name;
    uint32_t needs; /* features of base/cpu.h */
    unsigned lanes; /* at most BG_ADIC_MOST_LANES */
    unsigned limb_bits;
    unsigned digit_bound; /* digits of vectors are below this times b, and below R */
    /* Limbs of a digit in a lane: R = 2^(limb_bits · limbs). */
    size_t (*limbs)(uint32_t base_bits);
    /* 64-bit words of scratch memory for one operation on `digits` digits. */
    size_t (*scratch_words)(const struct bg_adic *ring);

    /* ret may be x or y. */
    void (*multiply)(const struct bg_adic *ring, uint32_t digits, const uint64_t *x, const uint64_t *y, uint64_t *ret,
                     uint64_t *scratch);
    void (*square)(const struct bg_adic *ring, uint32_t digits, const uint64_t *x, uint64_t *ret, uint64_t *scratch);
    void (*scale)(const struct bg_adic *ring, uint32_t digits, const uint64_t *x, const uint64_t *y, uint64_t *ret,
                  uint64_t *scratch);
    void (*add)(const struct bg_adic *ring, uint32_t digits, const uint64_t *x, const uint64_t *y, uint64_t *ret,
                uint64_t *scratch);
    /* One compact number per lane. */
    void (*load)(const struct bg_adic *ring, uint32_t digits, const uint64_t *const numbers[], uint64_t *ret);
    /* The first `count` lanes, carried so that each digit is below b, and the top one reduced. */
    void (*store)(const struct bg_adic *ring, uint32_t digits, const uint64_t *x, unsigned count,
                  uint64_t *const ret_numbers[], uint64_t *scratch);
    /* bg_adic_select_words; NULL: with the instructions of every machine. */
    void (*select)(const uint64_t *vectors, size_t words, size_t count, size_t wanted, uint64_t *ret);
};

/* Best first, the portable one last, then NULL. */
extern const struct bg_adic_kernel *const bg_adic_kernels[];
#if defined(__aarch64__)
extern const struct bg_adic_kernel bg_adic_neon;
#elif defined(__x86_64__)
extern const struct bg_adic_kernel bg_adic_ifma;
#endif
extern const struct bg_adic_kernel bg_adic_portable;

/* Immutable after creation: threads may share it. */
struct bg_adic {
    const struct bg_adic_kernel *kernel;
    uint32_t base_bits;
    uint32_t digits;     /* e */
    size_t digit_words;  /* of a compact digit */
    size_t limbs;        /* of a digit in a lane */
    size_t vector_words; /* of a whole vector: digits · limbs · lanes, rounded up to 64 bytes */
    size_t scratch_words;
    uint64_t inverse;      /* −1/b mod 2^64 */
    uint64_t *base;        /* compact */
    uint64_t *base_limbs;  /* b in limbs, one lane, and a limb of 0 */
    uint64_t *complement_limbs; /* R − 1 − b in limbs */
    uint64_t *multiple_limbs; /* (κ b + 1) / 2^limb_bits in limbs, where κ = −1/b mod 2^limb_bits */
    uint64_t *memory;      /* of all constants */
    /* Vectors, every lane alike. */
    uint64_t *unit;        /* 1, not in Montgomery form */
    uint64_t *one;         /* R */
    uint64_t *radix;       /* R² */
};

/* With the first kernel that this machine has. b odd, of at most BG_KEY_MOST_BITS; 1 ≤ digits ≤
 * BG_ADIC_MOST_DIGITS. */
BG_MUST_CHECK enum bg_status bg_adic_create(const mpz_t base, uint32_t digits, struct bg_adic **ret_ring);
/* Wipes it: bases may be secret. */
void bg_adic_destroy(struct bg_adic **ring);

/* Words of `digits` compact digits. */
static inline size_t bg_adic_compact_words(const struct bg_adic *ring, uint32_t digits)
{
    return digits * ring->digit_words;
}

/* What lies above the lowest digit of a vector, x div b: a vector of one digit less. */
static inline uint64_t *bg_adic_upper(const struct bg_adic *ring, uint64_t *x)
{
    return x + ring->limbs * ring->kernel->lanes / (ring->kernel->limb_bits > 32 ? 1 : 2);
}

/* Compact numbers of `words` words that lie `stride` bytes apart on the wire: themselves where they are aligned,
 * otherwise copied one after the other to ret_copies, which has room for `count`. */
void bg_adic_view(const uint8_t *bytes, size_t stride, unsigned count, size_t words, uint64_t *ret_copies,
                  const uint64_t *ret_numbers[]);

/* What one thread computes in: `vectors` vectors and scratch memory, zeroed. As a ring's constants it lies where GMP's
 * integers do (crypto/secure_heap.h). */
struct bg_adic_space {
    const struct bg_adic *ring; /* kept */
    uint64_t *memory;
    size_t vectors;
    size_t bytes;
};

BG_MUST_CHECK enum bg_status bg_adic_space_init(struct bg_adic_space *space, const struct bg_adic *ring,
                                                size_t vectors);
/* Wipes. A zeroed space may be finished. */
void bg_adic_space_finish(struct bg_adic_space *space);
uint64_t *bg_adic_vector(const struct bg_adic_space *space, size_t index);

/* x y / R mod b^digits, per lane; ret may be x or y. */
void bg_adic_multiply(const struct bg_adic_space *space, uint32_t digits, const uint64_t *x, const uint64_t *y,
                      uint64_t *ret);
/* x² / R */
void bg_adic_square(const struct bg_adic_space *space, uint32_t digits, const uint64_t *x, uint64_t *ret);
/* x y_0 / R for the low digit y_0 < b of a y that was loaded, taken as an integer: `digits` products instead of
 * digits(digits+1)/2. ret may be x. */
void bg_adic_scale(const struct bg_adic_space *space, uint32_t digits, const uint64_t *x, const uint64_t *y,
                   uint64_t *ret);
/* x + y; ret may be x or y, and they may be one. */
void bg_adic_add(const struct bg_adic_space *space, uint32_t digits, const uint64_t *x, const uint64_t *y,
                 uint64_t *ret);
/* x R, the Montgomery form of x, and x / R, the way back. ret may be x. */
void bg_adic_enter(const struct bg_adic_space *space, uint32_t digits, const uint64_t *x, uint64_t *ret);
void bg_adic_leave(const struct bg_adic_space *space, uint32_t digits, const uint64_t *x, uint64_t *ret);
/* Compact numbers of `digits` digits to lanes and back. Loading: one per lane, the last one repeated from `count`
 * on; 1 ≤ count ≤ lanes. Storing writes `count` of them. */
void bg_adic_load(const struct bg_adic_space *space, uint32_t digits, const uint64_t *const numbers[], unsigned count,
                  uint64_t *ret);
void bg_adic_store(const struct bg_adic_space *space, uint32_t digits, const uint64_t *x, unsigned count,
                   uint64_t *const ret_numbers[]);
/* ret = vectors[wanted] of `count` that lie one after the other; reads all of them alike. */
void bg_adic_select(const struct bg_adic_space *space, const uint64_t *vectors, size_t count, size_t wanted,
                    uint64_t *ret);

/* Compact numbers and GMP's; 0 ≤ x < b^digits. */
void bg_adic_from_big(const struct bg_adic *ring, uint32_t digits, const mpz_t x, uint64_t *ret_number);
void bg_adic_to_big(const struct bg_adic *ring, uint32_t digits, const uint64_t *number, mpz_t ret);
