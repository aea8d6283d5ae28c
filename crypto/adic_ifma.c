/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel for AVX-512 IFMA, whose one instruction multiplies eight pairs of 52-bit limbs: eight numbers at a time.
 *
 * A digit is an array of `limbs` vectors of eight 64-bit lanes, one number per lane. A limb is the low 52 bits of its
 * lane: multiplications read no others, so what carries leave above them stays there. Products are summed in columns:
 * column c of T = Σ T_c 2^(52c) holds a signed sum of 64 bits.
 *
 * Limbs come in tiles of ten: 8 bits more than a multiple of 512, which leaves room for digits up to 4b. A tile of
 * multipliers and the eleven columns that it adds to at once stay in registers while the other factor streams by.
 *
 * Reduction. Let κ = −1/b mod 2^52 and N = (κ b + 1) / 2^52. Adding q κ b = q N 2^52 − q to a column clears it if
 * q is that column, after the carry has moved to the next: quotients of κ b cost no multiplication. All limbs but
 * the highest go that way, and that one with b itself, as usual:
 *   u_d = (T_d + Q κ b + r b 2^(52(k−1))) / R        Q < 2^(52(k−1)), r < 2^52, R = 2^(52k)
 *   q_d = Q κ + r 2^(52(k−1)) < 2R                   quotient of b, as crypto/adic.h wants it
 * So that no u_d is negative, T_d starts from R b; the b that this adds to u_d is taken off as a 1 from the next digit.
 *
 * Bounds. Digits are below 4b: with e ≤ 5 and R ≥ 2^8 b, T_d ≤ 5 (4b)² + R b < R (5·16 b / 2^8 + b) < 1.32 R b, and
 * Q κ b and r b 2^(52(k−1)) are each below R b, so u_d < 3.32 b. A column sums at most 2k halves below 2^52 for each
 * of e products and for the reduction, a limb of R b − q, and a carry: (2·160·6 + 4) 2^52 < 2^63 for bases of
 * 8192 bits.
 */
#include "crypto/adic_ifma.h"

#include "base/checked.h"
#include "base/cpu.h"
#include "crypto/adic_select.h"

#include <string.h>

#define TILE 10
#define WINDOW (TILE + 1)
#define SPARE_BITS 8

/* Loops would leave arrays of vectors in memory. */
#define EACH(action) action(0) action(1) action(2) action(3) action(4) action(5) action(6) action(7) action(8) action(9)

BG_IFMA_INLINE void load_tile(__m512i tile[TILE], const __m512i *limbs)
{
#define LOAD(t) tile[t] = _mm512_load_si512(limbs + t);
    EACH(LOAD)
#undef LOAD
}

BG_IFMA_INLINE void broadcast_tile(__m512i tile[TILE], const uint64_t *limbs)
{
#define BROADCAST(t) tile[t] = bg_ifma_broadcast(limbs[t]);
    EACH(BROADCAST)
#undef BROADCAST
}

/* Column c of ten or eleven successive ones is window[c % WINDOW]. */
#define AT(c) window[(c) % WINDOW]

/* Adds Σ_t x_t y 2^(52t), t < rows, from column c on; the last limb of x is multiplied by `last` instead of y. */
BG_IFMA_INLINE void add_products(__m512i window[WINDOW], unsigned c, const __m512i x[TILE], unsigned rows,
                                 __m512i y, __m512i last)
{
#define LOW(t)                                                                                                         \
    if (t < rows)                                                                                                      \
        AT(c + t) = bg_ifma_low(AT(c + t), x[t], t == TILE - 1 ? last : y);
#define HIGH(t)                                                                                                        \
    if (t < rows)                                                                                                      \
        AT(c + t + 1) = bg_ifma_high(AT(c + t + 1), x[t], t == TILE - 1 ? last : y);
    EACH(LOW)
    EACH(HIGH)
#undef LOW
#undef HIGH
}

BG_IFMA_INLINE void load_window(__m512i window[WINDOW], const __m512i *columns)
{
#define LOAD(t) window[t] = columns[t];
    EACH(LOAD)
#undef LOAD
}

BG_IFMA_INLINE void store_window(const __m512i window[WINDOW], __m512i *columns)
{
#define STORE(t) columns[t] = window[t];
    EACH(STORE)
#undef STORE
}

/* From columns TILE … to 0 … */
BG_IFMA_INLINE void rotate_window(__m512i window[WINDOW])
{
    __m512i spare = AT(TILE);
    window[10] = window[9];
    window[9] = window[8];
    window[8] = window[7];
    window[7] = window[6];
    window[6] = window[5];
    window[5] = window[4];
    window[4] = window[3];
    window[3] = window[2];
    window[2] = window[1];
    window[1] = window[0];
    window[0] = spare;
}

/* Adds ten limbs of y, one per step, times the tile x: each step takes one column in and puts one back. */
BG_IFMA_INLINE void add_tile(__m512i window[WINDOW], __m512i *columns, const __m512i x[TILE], const __m512i *y)
{
#define STEP(t)                                                                                                        \
    AT(t + TILE) = columns[t + TILE];                                                                                  \
    add_products(window, t, x, TILE, y[t], y[t]);                                                                      \
    columns[t] = AT(t);
    EACH(STEP)
#undef STEP
    rotate_window(window);
}

/* The products x_i x_j, i < j, of one tile */
BG_IFMA_INLINE void add_triangle(__m512i window[WINDOW], __m512i *columns, const __m512i x[TILE])
{
#define STEP(t)                                                                                                        \
    AT(t + TILE) = columns[t + TILE];                                                                                  \
    add_products(window, t, x, t, x[t], x[t]);                                                                         \
    columns[t] = AT(t);
    EACH(STEP)
#undef STEP
    rotate_window(window);
}

/* columns += x y */
static void add_product(__m512i *columns, const __m512i *x, const __m512i *y, size_t limbs)
{
    for (size_t i = 0; i < limbs; i += TILE) {
        __m512i tile[TILE], window[WINDOW];
        load_tile(tile, x + i);
        load_window(window, columns + i);
        for (size_t j = 0; j < limbs; j += TILE)
            add_tile(window, columns + i + j, tile, y + j);
        store_window(window, columns + i + limbs);
    }
}

/* columns += Σ_{i<j} x_i x_j 2^(52(i+j)) */
static void add_half_square(__m512i *columns, const __m512i *x, size_t limbs)
{
    for (size_t i = 0; i < limbs; i += TILE) {
        __m512i tile[TILE], window[WINDOW];
        load_tile(tile, x + i);
        load_window(window, columns + 2 * i);
        add_triangle(window, columns + 2 * i, tile);
        for (size_t j = i + TILE; j < limbs; j += TILE)
            add_tile(window, columns + i + j, tile, x + j);
        store_window(window, columns + i + limbs);
    }
}

/* columns += 2 half, and half = 0 */
static void add_doubled(__m512i *columns, __m512i *half, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        columns[i] = _mm512_add_epi64(columns[i], _mm512_add_epi64(half[i], half[i]));
        half[i] = _mm512_setzero_si512();
    }
}

/* columns += Σ_i x_i² 2^(104i) */
static void add_squares(__m512i *columns, const __m512i *x, size_t limbs)
{
    for (size_t i = 0; i < limbs; i++) {
        columns[2 * i] = bg_ifma_low(columns[2 * i], x[i], x[i]);
        columns[2 * i + 1] = bg_ifma_high(columns[2 * i + 1], x[i], x[i]);
    }
}

/* The limb of column c becomes a quotient, which takes its place, and the column's carry moves on. */
BG_IFMA_INLINE void clear_column(__m512i window[WINDOW], unsigned c, __m512i *columns, const __m512i multiple[TILE])
{
    __m512i quotient = AT(c);
    columns[c] = quotient;
    AT(c + WINDOW) = columns[c + WINDOW];
    AT(c + 1) = _mm512_add_epi64(AT(c + 1), bg_ifma_carry(quotient));
    add_products(window, c + 1, multiple, TILE, quotient, quotient);
}

/* With b itself: r times its least limb makes the column a multiple of 2^52, hence the rounding of its carry. */
BG_IFMA_INLINE void clear_last_column(__m512i window[WINDOW], unsigned c, __m512i *columns, const struct bg_adic *ring)
{
    __m512i tile[TILE], zero = _mm512_setzero_si512();
    __m512i column = AT(c), quotient = bg_ifma_low(zero, column, bg_ifma_broadcast(ring->inverse));
    __m512i carry = bg_ifma_carry(_mm512_add_epi64(column, bg_ifma_limb(bg_ifma_broadcast(UINT64_MAX))));

    columns[c] = quotient;
    AT(c + WINDOW) = columns[c + WINDOW];
    AT(c + 1) = bg_ifma_high(_mm512_add_epi64(AT(c + 1), carry), quotient, bg_ifma_broadcast(ring->base_limbs[0]));
    broadcast_tile(tile, ring->base_limbs + 1);
    add_products(window, c + 1, tile, TILE, quotient, quotient);
}

/* Ten limbs of κ b / 2^52 times the tile of quotients */
BG_IFMA_INLINE void add_multiples(__m512i window[WINDOW], __m512i *columns, const __m512i quotients[TILE],
                          const uint64_t *multiple)
{
#define STEP(t)                                                                                                        \
    {                                                                                                                  \
        __m512i y = bg_ifma_broadcast(multiple[t]);                                                                    \
        AT(t + TILE) = columns[t + TILE];                                                                              \
        add_products(window, t, quotients, TILE, y, y);                                                                \
        columns[t] = AT(t);                                                                                            \
    }
    EACH(STEP)
#undef STEP
    rotate_window(window);
}

BG_IFMA_INLINE __m512i carried(__m512i column, __m512i *carry)
{
    column = _mm512_add_epi64(column, *carry);
    *carry = bg_ifma_carry(column);
    return column;
}

/* The same for the last tile, whose columns are then complete: carries them to limbs. */
BG_IFMA_INLINE void finish_columns(__m512i window[WINDOW], const __m512i *columns, const __m512i quotients[TILE],
                           const uint64_t *multiple, const uint64_t *base, __m512i *carry, __m512i *ret_limbs)
{
#define STEP(t)                                                                                                        \
    AT(t + TILE) = columns[t + TILE];                                                                                  \
    add_products(window, t, quotients, TILE, bg_ifma_broadcast(multiple[t]), bg_ifma_broadcast(base[t]));              \
    ret_limbs[t] = carried(AT(t), carry);
    EACH(STEP)
#undef STEP
    rotate_window(window);
}

/* Clears ten columns, all but the last ten of k. */
static void clear_tile(const struct bg_adic *ring, __m512i *columns)
{
    const uint64_t *multiple = ring->multiple_limbs;
    __m512i window[WINDOW], tile[TILE];

    load_window(window, columns);
    AT(TILE) = columns[TILE];
    broadcast_tile(tile, multiple);
#define STEP(t) clear_column(window, t, columns, tile);
    EACH(STEP)
#undef STEP
    columns[TILE] = AT(TILE);
    load_tile(tile, columns);
    for (size_t j = TILE; j < ring->limbs; j += TILE)
        add_multiples(window, columns + 1 + j, tile, multiple + j);
    store_window(window, columns + 1 + ring->limbs);
}

/* Clears the last ten. */
static void finish_tile(const struct bg_adic *ring, __m512i *columns, __m512i *ret_limbs)
{
    const uint64_t *multiple = ring->multiple_limbs, *base = ring->base_limbs + 1;
    __m512i window[WINDOW], tile[TILE], carry = _mm512_setzero_si512();

    load_window(window, columns);
    AT(TILE) = columns[TILE];
    broadcast_tile(tile, multiple);
#define STEP(t)                                                                                                        \
    if (t < TILE - 1)                                                                                                  \
        clear_column(window, t, columns, tile);                                                                        \
    else                                                                                                               \
        clear_last_column(window, t, columns, ring);
    EACH(STEP)
#undef STEP
    *ret_limbs++ = carried(AT(TILE), &carry);
    load_tile(tile, columns);
    for (size_t j = TILE; j < ring->limbs; j += TILE, ret_limbs += TILE)
        finish_columns(window, columns + 1 + j, tile, multiple + j, base + j, &carry, ret_limbs);
#define STEP(t)                                                                                                        \
    if (t < TILE - 1)                                                                                                  \
        ret_limbs[t] = carried(AT(t), &carry);
    EACH(STEP)
#undef STEP
}

/* ret_limbs = u_d; leaves the quotients in the columns below k. */
static void reduce(const struct bg_adic *ring, __m512i *columns, __m512i *ret_limbs)
{
    size_t i = 0;
    for (; i + TILE < ring->limbs; i += TILE)
        clear_tile(ring, columns + i);
    finish_tile(ring, columns + i, ret_limbs);
}

static void clear(__m512i *vectors, size_t count)
{
    for (size_t i = 0; i < count; i++)
        vectors[i] = _mm512_setzero_si512();
}

/* columns = R b + what is in those below k */
static void set_upper_columns(const struct bg_adic *ring, __m512i *columns)
{
    for (size_t i = 0; i < ring->limbs; i++)
        columns[ring->limbs + i] = bg_ifma_broadcast(ring->base_limbs[i]);
    columns[2 * ring->limbs] = _mm512_setzero_si512();
}

static void begin_first(const struct bg_adic *ring, __m512i *columns)
{
    clear(columns, ring->limbs);
    set_upper_columns(ring, columns);
}

/* From the quotients of the digit below, whose R b became a 1 here, to R (b − 1) − q_{d−1} */
static void begin_next(const struct bg_adic *ring, __m512i *columns)
{
    size_t last = ring->limbs - 1;
    __m512i zero = _mm512_setzero_si512(), inverse = bg_ifma_broadcast(ring->inverse), above = zero;

    for (size_t i = 0; i < last; i++) {
        __m512i quotient = columns[i];
        columns[i] = _mm512_sub_epi64(zero, bg_ifma_low(above, quotient, inverse));
        above = bg_ifma_high(zero, quotient, inverse);
    }
    columns[last] = _mm512_sub_epi64(zero, _mm512_add_epi64(above, columns[last]));
    set_upper_columns(ring, columns);
    columns[last + 1] = _mm512_sub_epi64(columns[last + 1], bg_ifma_broadcast(1));
}

static size_t limbs(uint32_t base_bits)
{
    return bg_divide_up(base_bits + SPARE_BITS, TILE * BG_IFMA_LIMB_BITS) * TILE;
}

size_t bg_ifma_scratch_words(const struct bg_adic *ring)
{
    return (2 * (2 * ring->limbs + 1) + ring->digits * ring->limbs) * BG_IFMA_LANES;
}

struct bg_ifma_scratch bg_ifma_divide_scratch(const struct bg_adic *ring, uint64_t *words)
{
    __m512i *first = (__m512i *)words;
    size_t columns = 2 * ring->limbs + 1;
    return (struct bg_ifma_scratch){first, first + columns, first + 2 * columns};
}

/* From T_d to u_d, which all but the top digit keep in scratch memory, as `ret` may be a factor. */
static void finish_digit(const struct bg_adic *ring, uint32_t d, uint32_t digits, const struct bg_ifma_scratch *s,
                         __m512i *ret)
{
    size_t k = ring->limbs;

    if (d + 1 < digits) {
        reduce(ring, s->columns, s->digits + d * k);
        begin_next(ring, s->columns);
        return;
    }
    reduce(ring, s->columns, ret + d * k);
    memcpy(ret, s->digits, d * k * sizeof *ret);
}

static void multiply(const struct bg_adic *ring, uint32_t digits, const uint64_t *x_words, const uint64_t *y_words,
                     uint64_t *ret, uint64_t *scratch_words)
{
    struct bg_ifma_scratch s = bg_ifma_divide_scratch(ring, scratch_words);
    const __m512i *x = bg_ifma_vectors(x_words), *y = bg_ifma_vectors(y_words);
    size_t k = ring->limbs;

    begin_first(ring, s.columns);
    for (uint32_t d = 0; d < digits; d++) {
        for (uint32_t i = 0; i <= d; i++)
            add_product(s.columns, x + i * k, y + (d - i) * k, k);
        finish_digit(ring, d, digits, &s, (__m512i *)ret);
    }
}

/* T_d = 2 Σ_{i<j} x_i x_j, and x_{d/2}² for even d */
static void square(const struct bg_adic *ring, uint32_t digits, const uint64_t *x_words, uint64_t *ret,
                   uint64_t *scratch_words)
{
    struct bg_ifma_scratch s = bg_ifma_divide_scratch(ring, scratch_words);
    const __m512i *x = bg_ifma_vectors(x_words);
    size_t k = ring->limbs;

    begin_first(ring, s.columns);
    clear(s.half, 2 * k);
    for (uint32_t d = 0; d < digits; d++) {
        for (uint32_t i = 0; 2 * i < d; i++)
            add_product(s.half, x + i * k, x + (d - i) * k, k);
        if (d % 2 == 0)
            add_half_square(s.half, x + d / 2 * k, k);
        add_doubled(s.columns, s.half, 2 * k);
        if (d % 2 == 0)
            add_squares(s.columns, x + d / 2 * k, k);
        finish_digit(ring, d, digits, &s, (__m512i *)ret);
    }
}

/* T_d = x_d y_0 */
static void scale(const struct bg_adic *ring, uint32_t digits, const uint64_t *x_words, const uint64_t *y_words,
                  uint64_t *ret, uint64_t *scratch_words)
{
    struct bg_ifma_scratch s = bg_ifma_divide_scratch(ring, scratch_words);
    const __m512i *x = bg_ifma_vectors(x_words), *y = bg_ifma_vectors(y_words);

    begin_first(ring, s.columns);
    for (uint32_t d = 0; d < digits; d++) {
        add_product(s.columns, x + d * ring->limbs, y, ring->limbs);
        finish_digit(ring, d, digits, &s, (__m512i *)ret);
    }
}

static void select_vector(const uint64_t *vectors, size_t words, size_t count, size_t wanted, uint64_t *ret)
{
    bg_adic_select_words(vectors, words, count, wanted, ret);
}

const struct bg_adic_kernel bg_adic_ifma = {
    .name = "ifma",
    .needs = BG_CPU_AVX512 | BG_CPU_VBMI | BG_CPU_IFMA,
    .lanes = BG_IFMA_LANES,
    .limb_bits = BG_IFMA_LIMB_BITS,
    .digit_bound = 4,
    .limbs = limbs,
    .scratch_words = bg_ifma_scratch_words,
    .multiply = multiply,
    .square = square,
    .scale = scale,
    .add = bg_ifma_add,
    .load = bg_ifma_load,
    .store = bg_ifma_store,
    .select = select_vector,
};
