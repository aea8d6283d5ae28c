/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel for 64-bit ARM: two numbers at a time, in limbs of 28 bits, whose products NEON adds up in 64 bits.
 *
 * A column of T_d is a sum of products below 2^56: at most MOST_TERMS of them, then the columns are carried into
 * limbs again. The limbs leave at least SPARE bits above b, hence digits below 3b with nothing to take off:
 * T_d ≤ 9e·b² < R·b/2 gives less than 2b, and a sum takes off 2b if it reaches that, which leaves more only by the
 * carries from one digit to the next: fewer than 2^t after t sums in a row.
 */
#include "crypto/adic.h"

#include "base/cpu.h"

#include <arm_neon.h>
#include <string.h>

#define LANES 2
#define LIMB_BITS 28 /* 3.5 bytes */
#define LIMB_MASK (((uint64_t)1 << LIMB_BITS) - 1)
#define SPARE 7
#define MOST_TERMS 240
#define BLOCK 14

/* The columns of T_d, LANES to each. */
struct sum {
    uint64x2_t *columns;
    size_t count;
    unsigned terms; /* no column has more */
};

static size_t limbs(uint32_t base_bits)
{
    return (base_bits + SPARE + LIMB_BITS - 1) / LIMB_BITS;
}

/* Columns, a quotient, and the digits of a result. */
static size_t scratch_words(const struct bg_adic *ring)
{
    return (2 * LANES + 1 + (ring->digits > 1 ? ring->digits : 2)) * ring->limbs * LANES;
}

/* Limb i of a digit, of every lane. */
static uint32x2_t *pairs_of(uint64_t *words)
{
    return (uint32x2_t *)words;
}

static const uint32x2_t *read_pairs_of(const uint64_t *words)
{
    return (const uint32x2_t *)words;
}

static void carry_from(struct sum *sum, size_t first)
{
    uint64x2_t mask = vdupq_n_u64(LIMB_MASK), carry = vdupq_n_u64(0);
    for (size_t i = first; i + 1 < sum->count; i++) {
        uint64x2_t column = vaddq_u64(sum->columns[i], carry);
        sum->columns[i] = vandq_u64(column, mask);
        carry = vshrq_n_u64(column, LIMB_BITS);
    }
    sum->columns[sum->count - 1] = vaddq_u64(sum->columns[sum->count - 1], carry);
    sum->terms = 1;
}

static void make_room(struct sum *sum, size_t first, unsigned terms)
{
    if (sum->terms + terms > MOST_TERMS)
        carry_from(sum, first);
    sum->terms += terms;
}

/* The limbs of a number: of each lane its own, or one for all. */
struct limbs {
    const uint32x2_t *own;
    const uint64_t *all; /* read if own is NULL: the low halves */
};

static inline __attribute__((always_inline)) uint32x2_t limb_at(struct limbs y, size_t j)
{
    return y.own ? y.own[j] : vld1_dup_u32((const uint32_t *)&y.all[j]);
}

/* columns += Σ_{r<rows} x_r 2^(28r) · y, for `rows` known when this is compiled: the columns under the rows stay in
 * registers and move along y. */
static inline __attribute__((always_inline)) void add_rows(uint64x2_t *columns, const uint32x2_t *x,
                                                           const unsigned rows, struct limbs y, size_t count)
{
    uint64x2_t window[BLOCK];
    uint32x2_t factor[BLOCK];
    size_t j = 0;

#pragma GCC unroll 16
    for (unsigned r = 0; r < rows; r++) {
        window[r] = columns[r];
        factor[r] = x[r];
    }
    for (; j + rows <= count; j += rows) {
#pragma GCC unroll 16
        for (unsigned step = 0; step < rows; step++) {
            uint32x2_t limb = limb_at(y, j + step);
#pragma GCC unroll 16
            for (unsigned r = 0; r < rows; r++)
                window[(step + r) % rows] = vmlal_u32(window[(step + r) % rows], factor[r], limb);
            columns[j + step] = window[step];
            window[step] = columns[j + step + rows];
        }
    }
#pragma GCC unroll 16
    for (unsigned r = 0; r < rows; r++)
        columns[j + r] = window[r];
    for (; j < count; j++)
        for (unsigned r = 0; r < rows; r++)
            columns[j + r] = vmlal_u32(columns[j + r], factor[r], limb_at(y, j));
}

/* columns += x y for the `rows` lowest limbs of x, at most BLOCK, and `count` of y */
static inline __attribute__((always_inline)) void add_block(uint64x2_t *columns, const uint32x2_t *x, unsigned rows,
                                                            struct limbs y, size_t count)
{
    if (rows == BLOCK) {
        add_rows(columns, x, BLOCK, y, count);
        return;
    }
    for (; rows >= 4; rows -= 4, columns += 4, x += 4)
        add_rows(columns, x, 4, y, count);
    for (; rows >= 1; rows--, columns++, x++)
        add_rows(columns, x, 1, y, count);
}

static void add_own_block(uint64x2_t *columns, const uint32x2_t *x, unsigned rows, const uint32x2_t *y, size_t count)
{
    add_block(columns, x, rows, (struct limbs){.own = y}, count);
}

static void add_base_block(uint64x2_t *columns, const uint32x2_t *x, unsigned rows, const uint64_t *base, size_t count)
{
    add_block(columns, x, rows, (struct limbs){.all = base}, count);
}

static unsigned rows_from(size_t i, size_t k)
{
    return k - i < BLOCK ? (unsigned)(k - i) : BLOCK;
}

/* sum += x y */
static void add_product(struct sum *sum, const uint32x2_t *x, const uint32x2_t *y, size_t k)
{
    for (size_t i = 0; i < k; i += BLOCK) {
        unsigned rows = rows_from(i, k);
        make_room(sum, 0, rows);
        add_own_block(sum->columns + i, x + i, rows, y, k);
    }
}

/* sum += x²: each block of rows meets itself, and twice what lies above it. */
static void add_square(struct sum *sum, const uint32x2_t *x, size_t k)
{
    uint32x2_t twice[BLOCK];
    for (size_t i = 0; i < k; i += BLOCK) {
        unsigned rows = rows_from(i, k);
        make_room(sum, 0, 3 * rows);
        add_own_block(sum->columns + 2 * i, x + i, rows, x + i, rows);
        for (unsigned r = 0; r < rows; r++)
            twice[r] = vadd_u32(x[i + r], x[i + r]);
        add_own_block(sum->columns + 2 * i + rows, twice, rows, x + i + rows, k - i - rows);
    }
}

/* The quotients of one block of limbs, from columns that lack nothing but what the block itself adds. Gives the carry
 * into the next block. takes: what to add to each column, see reduce. */
static inline __attribute__((always_inline)) uint64x2_t divide_rows(const struct bg_adic *ring,
                                                                    const uint64x2_t *columns, const unsigned rows,
                                                                    uint64x2_t carry, const uint64x2_t *takes,
                                                                    uint32x2_t *ret_quotient)
{
    struct limbs base = {.all = ring->base_limbs};
    uint32x2_t inverse = vdup_n_u32((uint32_t)ring->inverse), mask = vdup_n_u32((uint32_t)LIMB_MASK);

#pragma GCC unroll 16
    for (unsigned r = 0; r < rows; r++) {
        uint64x2_t value = vaddq_u64(vaddq_u64(columns[r], takes[r]), carry);
#pragma GCC unroll 16
        for (unsigned earlier = 0; earlier < r; earlier++)
            value = vmlal_u32(value, ret_quotient[earlier], limb_at(base, r - earlier));
        ret_quotient[r] = vand_u32(vmul_u32(vmovn_u64(value), inverse), mask);
        carry = vshrq_n_u64(vmlal_u32(value, ret_quotient[r], limb_at(base, 0)), LIMB_BITS);
    }
    return carry;
}

static uint64x2_t divide_block(const struct bg_adic *ring, const uint64x2_t *columns, unsigned rows, uint64x2_t carry,
                               const uint64x2_t *takes, uint32x2_t *ret_quotient)
{
    if (rows == BLOCK)
        return divide_rows(ring, columns, BLOCK, carry, takes, ret_quotient);
    return divide_rows(ring, columns, rows, carry, takes, ret_quotient);
}

/*
 * From T_d + q_{d−1} to the digit and q_d; `quotient` holds the one, then the other.
 *
 * Taking off the limbs of q_{d−1} must not borrow: 2^28 is added to column 0, 2^28 − 1 to columns 1 … k−1 and −1 to
 * column k, together 0. Below column k no value is negative then; and the carry into it is at least 1, since the
 * columns below, with R added, sum up to a positive multiple of R.
 */
static void reduce(const struct bg_adic *ring, uint32_t d, struct sum *sum, uint32x2_t *quotient, uint32x2_t *ret_digit)
{
    size_t k = ring->limbs;
    uint64x2_t carry = vdupq_n_u64(0), mask = vdupq_n_u64(LIMB_MASK);
    uint64x2_t takes[BLOCK];

    for (size_t i = 0; i < k; i += BLOCK) {
        unsigned rows = rows_from(i, k);
        for (unsigned r = 0; r < rows; r++)
            takes[r] = d == 0 ? vdupq_n_u64(0)
                              : vsubq_u64(vdupq_n_u64(LIMB_MASK + (i + r == 0)), vmovl_u32(quotient[i + r]));
        make_room(sum, i, rows + 2);
        carry = divide_block(ring, sum->columns + i, rows, carry, takes, quotient + i);
        /* The block's own columns are done with: what is added to them as well does not matter. */
        add_base_block(sum->columns + i, quotient + i, rows, ring->base_limbs, k);
    }
    carry = vsubq_u64(carry, vdupq_n_u64(d != 0));
    for (size_t i = 0; i < k; i++) {
        uint64x2_t column = vaddq_u64(sum->columns[k + i], carry);
        ret_digit[i] = vmovn_u64(vandq_u64(column, mask));
        carry = vshrq_n_u64(column, LIMB_BITS);
    }
}

struct scratch {
    struct sum sum;
    uint32x2_t *quotient;
    uint32x2_t *digits;
};

static struct scratch divide_scratch(const struct bg_adic *ring, uint64_t *words)
{
    size_t k = ring->limbs;
    uint32x2_t *pairs = pairs_of(words + 2 * k * LANES);
    return (struct scratch){
        .sum = {.columns = (uint64x2_t *)words, .count = 2 * k}, .quotient = pairs, .digits = pairs + k};
}

static void begin_sum(struct sum *sum)
{
    memset(sum->columns, 0, sum->count * sizeof *sum->columns);
    sum->terms = 0;
}

static void multiply(const struct bg_adic *ring, uint32_t digits, const uint64_t *x_words, const uint64_t *y_words,
                     uint64_t *ret, uint64_t *scratch_words)
{
    struct scratch s = divide_scratch(ring, scratch_words);
    const uint32x2_t *x = read_pairs_of(x_words), *y = read_pairs_of(y_words);
    size_t k = ring->limbs;

    for (uint32_t d = 0; d < digits; d++) {
        begin_sum(&s.sum);
        for (uint32_t i = 0; i <= d; i++)
            add_product(&s.sum, x + i * k, y + (d - i) * k, k);
        reduce(ring, d, &s.sum, s.quotient, s.digits + d * k);
    }
    memcpy(ret, s.digits, digits * k * sizeof *s.digits);
}

/* T_d = 2 Σ_{i<j} x_i x_j, and x_{d/2}² for even d */
static void square(const struct bg_adic *ring, uint32_t digits, const uint64_t *x_words, uint64_t *ret,
                   uint64_t *scratch_words)
{
    struct scratch s = divide_scratch(ring, scratch_words);
    const uint32x2_t *x = read_pairs_of(x_words);
    size_t k = ring->limbs;

    for (uint32_t d = 0; d < digits; d++) {
        begin_sum(&s.sum);
        for (uint32_t i = 0; 2 * i < d; i++)
            add_product(&s.sum, x + i * k, x + (d - i) * k, k);
        if (d > 0) {
            if (2 * s.sum.terms > MOST_TERMS)
                carry_from(&s.sum, 0);
            s.sum.terms *= 2;
            for (size_t i = 0; i < s.sum.count; i++)
                s.sum.columns[i] = vaddq_u64(s.sum.columns[i], s.sum.columns[i]);
        }
        if (d % 2 == 0)
            add_square(&s.sum, x + d / 2 * k, k);
        reduce(ring, d, &s.sum, s.quotient, s.digits + d * k);
    }
    memcpy(ret, s.digits, digits * k * sizeof *s.digits);
}

static void scale(const struct bg_adic *ring, uint32_t digits, const uint64_t *x_words, const uint64_t *y_words,
                  uint64_t *ret, uint64_t *scratch_words)
{
    struct scratch s = divide_scratch(ring, scratch_words);
    const uint32x2_t *x = read_pairs_of(x_words), *y = read_pairs_of(y_words);
    size_t k = ring->limbs;

    for (uint32_t d = 0; d < digits; d++) {
        begin_sum(&s.sum);
        add_product(&s.sum, x + d * k, y, k);
        reduce(ring, d, &s.sum, s.quotient, s.digits + d * k);
    }
    memcpy(ret, s.digits, digits * k * sizeof *s.digits);
}

/* digit − b where that is not negative. Gives all ones in the lanes where it was done. */
static uint64x2_t take_off(const struct bg_adic *ring, uint32x2_t *digit, uint32x2_t *spare)
{
    int64x2_t carry = vdupq_n_s64(0), mask = vdupq_n_s64((int64_t)LIMB_MASK);
    size_t k = ring->limbs;

    for (size_t i = 0; i < k; i++) {
        int64x2_t limb = vreinterpretq_s64_u64(vmovl_u32(digit[i]));
        int64x2_t value = vaddq_s64(vsubq_s64(limb, vdupq_n_s64((int64_t)ring->base_limbs[i])), carry);
        spare[i] = vreinterpret_u32_s32(vmovn_s64(vandq_s64(value, mask)));
        carry = vshrq_n_s64(value, LIMB_BITS);
    }
    uint64x2_t done = vcgezq_s64(carry);
    uint32x2_t chosen = vmovn_u64(done);
    for (size_t i = 0; i < k; i++)
        digit[i] = vbsl_u32(chosen, spare[i], digit[i]);
    return done;
}

static void carry_digit(const uint64x2_t added, uint32x2_t *digit, size_t k)
{
    uint64x2_t carry = added, mask = vdupq_n_u64(LIMB_MASK);
    for (size_t i = 0; i < k; i++) {
        uint64x2_t limb = vaddq_u64(vmovl_u32(digit[i]), carry);
        digit[i] = vmovn_u64(vandq_u64(limb, mask));
        carry = vshrq_n_u64(limb, LIMB_BITS);
    }
}

/* x + y + carry − 2b where that is not negative, else x + y + carry. Gives the carry into the next digit. */
static uint64x2_t add_digit(const struct bg_adic *ring, const uint32x2_t *x, const uint32x2_t *y, uint64x2_t carry,
                            uint32x2_t *spare, uint32x2_t *ret)
{
    const uint64x2_t mask = vdupq_n_u64(LIMB_MASK);
    int64x2_t borrow = vdupq_n_s64(0);
    size_t k = ring->limbs;

    for (size_t i = 0; i < k; i++) {
        uint64x2_t column = vaddq_u64(vaddl_u32(x[i], y[i]), carry);
        uint64x2_t limb = vandq_u64(column, mask);
        carry = vshrq_n_u64(column, LIMB_BITS);
        int64x2_t less = vaddq_s64(
            vreinterpretq_s64_u64(vsubq_u64(limb, vld1q_dup_u64(&ring->base_limbs[i]))), borrow);
        less = vsubq_s64(less, vreinterpretq_s64_u64(vld1q_dup_u64(&ring->base_limbs[i])));
        borrow = vshrq_n_s64(less, LIMB_BITS);
        spare[i] = vmovn_u64(vandq_u64(vreinterpretq_u64_s64(less), mask));
        ret[i] = vmovn_u64(limb);
    }
    uint64x2_t reached = vcgezq_s64(borrow);
    uint32x2_t chosen = vmovn_u64(reached);
    for (size_t i = 0; i < k; i++)
        ret[i] = vbsl_u32(chosen, spare[i], ret[i]);
    return vandq_u64(reached, vdupq_n_u64(2));
}

static void add(const struct bg_adic *ring, uint32_t digits, const uint64_t *x_words, const uint64_t *y_words,
                uint64_t *ret_words, uint64_t *scratch_words)
{
    struct scratch s = divide_scratch(ring, scratch_words);
    const uint32x2_t *x = read_pairs_of(x_words), *y = read_pairs_of(y_words);
    uint32x2_t *ret = pairs_of(ret_words);
    uint64x2_t carry = vdupq_n_u64(0);
    size_t k = ring->limbs;

    for (uint32_t d = 0; d < digits; d++)
        carry = add_digit(ring, x + d * k, y + d * k, carry, s.digits, ret + d * k);
}

/* Little-endian words to limbs. */
static uint32_t limb_of(const uint64_t *words, size_t count, size_t limb)
{
    size_t bit = limb * LIMB_BITS, word = bit / 64, shift = bit % 64;
    uint64_t value = word < count ? words[word] >> shift : 0;
    if (shift > 64 - LIMB_BITS && word + 1 < count)
        value |= words[word + 1] << (64 - shift);
    return (uint32_t)(value & LIMB_MASK);
}

/* Two limbs begin every 7 bytes. */
static void load_digit(const struct bg_adic *ring, const uint64_t *first, const uint64_t *second, uint32x2_t *ret)
{
    const uint64x2_t mask = vdupq_n_u64(LIMB_MASK);
    size_t words = ring->digit_words, i = 0;

    for (; i + 1 < ring->limbs && 7 * (i / 2) + sizeof *first <= words * sizeof *first; i += 2) {
        uint64_t values[LANES];
        memcpy(&values[0], (const uint8_t *)first + 7 * (i / 2), sizeof *values);
        memcpy(&values[1], (const uint8_t *)second + 7 * (i / 2), sizeof *values);
        uint64x2_t both = vld1q_u64(values);
        ret[i] = vmovn_u64(vandq_u64(both, mask));
        ret[i + 1] = vmovn_u64(vandq_u64(vshrq_n_u64(both, LIMB_BITS), mask));
    }
    for (; i < ring->limbs; i++) {
        uint32_t limbs[LANES] = {limb_of(first, words, i), limb_of(second, words, i)};
        ret[i] = vld1_u32(limbs);
    }
}

static void load(const struct bg_adic *ring, uint32_t digits, const uint64_t *const numbers[], uint64_t *ret)
{
    for (uint32_t d = 0; d < digits; d++)
        load_digit(ring, numbers[0] + d * ring->digit_words, numbers[1] + d * ring->digit_words,
                   pairs_of(ret) + d * ring->limbs);
}

static void store_digit(const struct bg_adic *ring, const uint32x2_t *digit, unsigned lane, uint64_t *ret_words)
{
    const uint32_t *limbs = (const uint32_t *)digit + lane;
    memset(ret_words, 0, ring->digit_words * sizeof *ret_words);
    for (size_t i = 0; i < ring->limbs; i++) {
        size_t bit = i * LIMB_BITS, word = bit / 64, shift = bit % 64;
        uint64_t limb = limbs[LANES * i];
        if (word < ring->digit_words)
            ret_words[word] |= limb << shift;
        if (shift > 64 - LIMB_BITS && word + 1 < ring->digit_words)
            ret_words[word + 1] |= limb >> (64 - shift);
    }
}

static void store(const struct bg_adic *ring, uint32_t digits, const uint64_t *x_words, unsigned count,
                  uint64_t *const ret_numbers[], uint64_t *scratch_words)
{
    struct scratch s = divide_scratch(ring, scratch_words);
    const uint32x2_t *x = read_pairs_of(x_words);
    uint64x2_t carry = vdupq_n_u64(0);
    size_t k = ring->limbs;
    uint32x2_t *spare = s.digits + k;

    for (uint32_t d = 0; d < digits; d++) {
        memcpy(s.digits, x + d * k, k * sizeof *x);
        carry_digit(carry, s.digits, k);
        carry = vdupq_n_u64(0);
        for (int i = 0; i < 3; i++)
            carry = vsubq_u64(carry, take_off(ring, s.digits, spare));
        for (unsigned lane = 0; lane < count; lane++)
            store_digit(ring, s.digits, lane, ret_numbers[lane] + d * ring->digit_words);
    }
}

const struct bg_adic_kernel bg_adic_neon = {
    .name = "neon",
    .needs = BG_CPU_NEON,
    .lanes = LANES,
    .limb_bits = LIMB_BITS,
    .digit_bound = 3,
    .limbs = limbs,
    .scratch_words = scratch_words,
    .multiply = multiply,
    .square = square,
    .scale = scale,
    .add = add,
    .load = load,
    .store = store,
};
