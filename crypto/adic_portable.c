/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The portable kernel, on GMP's mpn functions: one number at a time, in GMP's limbs.
 *
 * Either the digits fill their limbs (R < 2b), or at least SPARE bits are left at the top.
 *   full   digits are below R. A reduction gives less than (d+1)R + b at digit d; b is taken off while that is not
 *          below R, and each time 1 is carried to the next digit. As b > R/2, 2d+1 times suffice.
 *   spare  digits are below 2b: T_d ≤ 4e·b² < R·b/2, so that u_d < 3b/2, and nothing needs taking off.
 */
#include "crypto/adic.h"

#include <stdbool.h>
#include <string.h>

#define LIMB_BITS ((size_t)GMP_NUMB_BITS)
#define LIMBS_PER_WORD (64 / LIMB_BITS)
#define SPARE 6
/* Limbs that rows of a reduction cover where GMP makes products faster than rows: by half of 2048 bits on x86-64. */
#if defined(__x86_64__)
#define BLOCK 16
#else
#define BLOCK 0
#endif

/* Wherever this file counts limbs they are GMP's; a vector holds the same bytes as words. */
static mp_limb_t *limbs_of(uint64_t *words)
{
    return (mp_limb_t *)words;
}

static const mp_limb_t *read_limbs_of(const uint64_t *words)
{
    return (const mp_limb_t *)words;
}

static mp_size_t limbs_per_digit(const struct bg_adic *ring)
{
    return (mp_size_t)(ring->limbs * LIMBS_PER_WORD);
}

static bool is_full(const struct bg_adic *ring)
{
    return ring->base_bits == 64 * ring->limbs;
}

static size_t limbs(uint32_t base_bits)
{
    return base_bits % 64 ? (base_bits + SPARE + 63) / 64 : base_bits / 64;
}

/* A sum of products, one product, a quotient, and the digits of a result. */
static size_t scratch_words(const struct bg_adic *ring)
{
    return (2 + 2 + 1 + ring->digits) * ring->limbs;
}

struct scratch {
    mp_limb_t *sum;      /* T_d: 2k limbs … */
    mp_limb_t carry;     /* … and what does not fit, as two's complement */
    mp_limb_t *product;  /* 2k */
    mp_limb_t *quotient; /* k: q_{d−1} */
    mp_limb_t *digits;
};

static struct scratch divide_scratch(const struct bg_adic *ring, uint64_t *words)
{
    mp_size_t k = limbs_per_digit(ring);
    mp_limb_t *first = limbs_of(words);
    return (struct scratch){.sum = first, .product = first + 2 * k, .quotient = first + 4 * k, .digits = first + 5 * k};
}

static void add_product(struct scratch *s, mp_size_t k)
{
    s->carry += mpn_add_n(s->sum, s->sum, s->product, 2 * k);
}

/* sum += quotient·b from limb `first` on, for the `count` limbs of the quotient that make the sum's limbs there 0.
 * They are found row by row with as many limbs of b; the rest of b is one product. */
static void clear_limbs(const struct bg_adic *ring, struct scratch *s, mp_size_t first, mp_size_t count)
{
    const mp_limb_t *base = read_limbs_of(ring->base_limbs);
    mp_size_t k = limbs_per_digit(ring), above = 2 * k - first - 2 * count;
    mp_limb_t inverse = (mp_limb_t)ring->inverse, *sum = s->sum + first, *quotient = s->quotient + first;

    for (mp_size_t i = 0; i < count; i++) {
        quotient[i] = sum[i] * inverse;
        sum[i] = mpn_addmul_1(sum + i, base, count, quotient[i]);
    }
    mp_limb_t carry = mpn_add_n(sum + count, sum + count, sum, count);
    s->carry += above ? mpn_add_1(sum + 2 * count, sum + 2 * count, above, carry) : carry;
    if (count == k)
        return;
    mpn_mul(s->product, base + count, k - count, quotient, count);
    carry = mpn_add_n(sum + count, sum + count, s->product, k);
    above = k - first - count;
    s->carry += above ? mpn_add_1(sum + count + k, sum + count + k, above, carry) : carry;
}

/* From T_d to the digit and q_d. `most` is how often b may have to be taken off; gives how often it was. */
static mp_limb_t reduce(const struct bg_adic *ring, unsigned most, struct scratch *s, mp_limb_t *ret_digit)
{
    const mp_limb_t *base = read_limbs_of(ring->base_limbs);
    mp_size_t k = limbs_per_digit(ring), step = k == 2 * BLOCK ? BLOCK : k;
    mp_limb_t taken = 0;

    for (mp_size_t i = 0; i < k; i += step)
        clear_limbs(ring, s, i, step);
    memcpy(ret_digit, s->sum + k, (size_t)k * sizeof *ret_digit);
    for (unsigned i = 0; i < most && is_full(ring); i++) {
        mp_limb_t over = s->carry != 0;
        s->carry -= mpn_cnd_sub_n(over, ret_digit, ret_digit, base, k);
        taken += over;
    }
    return taken;
}

/* T_d −= q_{d−1} − taken·R */
static void carry_over(struct scratch *s, mp_limb_t taken, mp_size_t k)
{
    s->carry -= mpn_sub(s->sum, s->sum, 2 * k, s->quotient, k);
    s->carry += mpn_add_1(s->sum + k, s->sum + k, k, taken);
}

static void multiply(const struct bg_adic *ring, uint32_t digits, const uint64_t *x_words, const uint64_t *y_words,
                     uint64_t *ret, uint64_t *scratch_words)
{
    struct scratch s = divide_scratch(ring, scratch_words);
    const mp_limb_t *x = read_limbs_of(x_words), *y = read_limbs_of(y_words);
    mp_size_t k = limbs_per_digit(ring);
    mp_limb_t taken = 0;

    for (uint32_t d = 0; d < digits; d++) {
        s.carry = 0;
        mpn_mul_n(s.sum, x, y + d * k, k);
        for (uint32_t i = 1; i <= d; i++) {
            mpn_mul_n(s.product, x + i * k, y + (d - i) * k, k);
            add_product(&s, k);
        }
        if (d > 0)
            carry_over(&s, taken, k);
        taken = reduce(ring, 2 * d + 1, &s, s.digits + d * k);
    }
    memcpy(ret, s.digits, digits * (size_t)k * sizeof *s.digits);
}

/* T_d = 2 Σ_{i<j} x_i x_j, and x_{d/2}² for even d */
static void square(const struct bg_adic *ring, uint32_t digits, const uint64_t *x_words, uint64_t *ret,
                   uint64_t *scratch_words)
{
    struct scratch s = divide_scratch(ring, scratch_words);
    const mp_limb_t *x = read_limbs_of(x_words);
    mp_size_t k = limbs_per_digit(ring);
    mp_limb_t taken = 0;

    for (uint32_t d = 0; d < digits; d++) {
        s.carry = 0;
        if (d == 0) {
            mpn_sqr(s.sum, x, k);
        } else {
            mpn_mul_n(s.sum, x, x + d * k, k);
            for (uint32_t i = 1; 2 * i < d; i++) {
                mpn_mul_n(s.product, x + i * k, x + (d - i) * k, k);
                add_product(&s, k);
            }
            s.carry = 2 * s.carry + mpn_lshift(s.sum, s.sum, 2 * k, 1);
            if (d % 2 == 0) {
                mpn_sqr(s.product, x + d / 2 * k, k);
                add_product(&s, k);
            }
            carry_over(&s, taken, k);
        }
        taken = reduce(ring, 2 * d + 1, &s, s.digits + d * k);
    }
    memcpy(ret, s.digits, digits * (size_t)k * sizeof *s.digits);
}

/* u_d < 2b + 2 here: twice suffices, and once where nothing was carried. ret may be x, whose digits go in order. */
static void scale(const struct bg_adic *ring, uint32_t digits, const uint64_t *x_words, const uint64_t *y_words,
                  uint64_t *ret_words, uint64_t *scratch_words)
{
    struct scratch s = divide_scratch(ring, scratch_words);
    const mp_limb_t *x = read_limbs_of(x_words), *y = read_limbs_of(y_words);
    mp_limb_t *ret = limbs_of(ret_words);
    mp_size_t k = limbs_per_digit(ring);
    mp_limb_t taken = 0;

    for (uint32_t d = 0; d < digits; d++) {
        s.carry = 0;
        mpn_mul_n(s.sum, x + d * k, y, k);
        if (d > 0)
            carry_over(&s, taken, k);
        taken = reduce(ring, d ? 2 : 1, &s, ret + d * k);
    }
}

static void load(const struct bg_adic *ring, uint32_t digits, const uint64_t *const numbers[], uint64_t *ret)
{
    for (uint32_t d = 0; d < digits; d++) {
        memcpy(ret + d * ring->limbs, numbers[0] + d * ring->digit_words, ring->digit_words * sizeof *ret);
        for (size_t i = ring->digit_words; i < ring->limbs; i++)
            ret[d * ring->limbs + i] = 0;
    }
}

/* top·2^… + digit is below 4b: at most three times b to take off. Gives how often it was. */
static mp_limb_t bring_below_base(const struct bg_adic *ring, mp_limb_t top, mp_limb_t *digit, mp_limb_t *spare)
{
    const mp_limb_t *base = read_limbs_of(ring->base_limbs);
    mp_size_t k = limbs_per_digit(ring);
    mp_limb_t taken = 0;

    for (int i = 0; i < 3; i++) {
        mp_limb_t below = mpn_sub_n(spare, digit, base, k) > top;
        top -= mpn_cnd_sub_n(!below, digit, digit, base, k);
        taken += !below;
    }
    return taken;
}

/* Sums of full digits lose their carries, others whatever reaches b. */
static void add(const struct bg_adic *ring, uint32_t digits, const uint64_t *x_words, const uint64_t *y_words,
                uint64_t *ret, uint64_t *scratch_words)
{
    struct scratch s = divide_scratch(ring, scratch_words);
    const mp_limb_t *x = read_limbs_of(x_words), *y = read_limbs_of(y_words);
    const mp_limb_t *base = read_limbs_of(ring->base_limbs);
    mp_size_t k = limbs_per_digit(ring);
    mp_limb_t carry = 0;

    for (uint32_t d = 0; d < digits; d++) {
        mp_limb_t *digit = s.digits + d * k;
        mp_limb_t top = mpn_add_n(digit, x + d * k, y + d * k, k);
        top += mpn_add_1(digit, digit, k, carry);
        if (!is_full(ring)) {
            carry = bring_below_base(ring, top, digit, s.product);
            continue;
        }
        carry = 0;
        for (int i = 0; i < 2; i++) {
            mp_limb_t over = top != 0;
            top -= mpn_cnd_sub_n(over, digit, digit, base, k);
            carry += over;
        }
    }
    memcpy(ret, s.digits, digits * (size_t)k * sizeof *s.digits);
}

static void store(const struct bg_adic *ring, uint32_t digits, const uint64_t *x, unsigned count,
                  uint64_t *const ret_numbers[], uint64_t *scratch_words)
{
    struct scratch s = divide_scratch(ring, scratch_words);
    mp_size_t k = limbs_per_digit(ring);
    mp_limb_t carry = 0;

    for (uint32_t d = 0; d < digits && count; d++) {
        memcpy(s.digits, x + d * ring->limbs, ring->limbs * sizeof *x);
        mp_limb_t top = mpn_add_1(s.digits, s.digits, k, carry);
        carry = bring_below_base(ring, top, s.digits, s.product);
        memcpy(ret_numbers[0] + d * ring->digit_words, s.digits, ring->digit_words * sizeof *x);
    }
}

const struct bg_adic_kernel bg_adic_portable = {
    .name = "portable",
    .lanes = 1,
    .limb_bits = 64,
    .digit_bound = 2,
    .limbs = limbs,
    .scratch_words = scratch_words,
    .multiply = multiply,
    .square = square,
    .scale = scale,
    .add = add,
    .load = load,
    .store = store,
};
