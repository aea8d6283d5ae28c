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
#include "base/checked.h"
#include "base/cpu.h"
#include "crypto/adic.h"

#include <assert.h>
#include <immintrin.h>
#include <string.h>

#define LANES 8
#define LIMB_BITS 52
#define TILE 10
#define WINDOW (TILE + 1)
#define SPARE_BITS 8

#define INLINE static inline __attribute__((always_inline))
/* Loops would leave arrays of vectors in memory. */
#define EACH(action) action(0) action(1) action(2) action(3) action(4) action(5) action(6) action(7) action(8) action(9)

static const __m512i *vectors_of(const uint64_t *words)
{
    return (const __m512i *)words;
}

INLINE __m512i low(__m512i sum, __m512i x, __m512i y)
{
    return _mm512_madd52lo_epu64(sum, x, y);
}

INLINE __m512i high(__m512i sum, __m512i x, __m512i y)
{
    return _mm512_madd52hi_epu64(sum, x, y);
}

INLINE __m512i broadcast(uint64_t limb)
{
    return _mm512_set1_epi64((long long)limb);
}

INLINE __m512i carry_of(__m512i column)
{
    return _mm512_srai_epi64(column, LIMB_BITS);
}

INLINE __m512i limb_of(__m512i column)
{
    return _mm512_and_si512(column, broadcast((UINT64_C(1) << LIMB_BITS) - 1));
}

INLINE void load_tile(__m512i tile[TILE], const __m512i *limbs)
{
#define LOAD(t) tile[t] = _mm512_load_si512(limbs + t);
    EACH(LOAD)
#undef LOAD
}

INLINE void broadcast_tile(__m512i tile[TILE], const uint64_t *limbs)
{
#define BROADCAST(t) tile[t] = broadcast(limbs[t]);
    EACH(BROADCAST)
#undef BROADCAST
}

/* Column c of ten or eleven successive ones is window[c % WINDOW]. */
#define AT(c) window[(c) % WINDOW]

/* Adds Σ_t x_t y 2^(52t), t < rows, from column c on; the last limb of x is multiplied by `last` instead of y. */
INLINE void add_products(__m512i window[WINDOW], unsigned c, const __m512i x[TILE], unsigned rows, __m512i y,
                         __m512i last)
{
#define LOW(t)                                                                                                         \
    if (t < rows)                                                                                                      \
        AT(c + t) = low(AT(c + t), x[t], t == TILE - 1 ? last : y);
#define HIGH(t)                                                                                                        \
    if (t < rows)                                                                                                      \
        AT(c + t + 1) = high(AT(c + t + 1), x[t], t == TILE - 1 ? last : y);
    EACH(LOW)
    EACH(HIGH)
#undef LOW
#undef HIGH
}

INLINE void load_window(__m512i window[WINDOW], const __m512i *columns)
{
#define LOAD(t) window[t] = columns[t];
    EACH(LOAD)
#undef LOAD
}

INLINE void store_window(const __m512i window[WINDOW], __m512i *columns)
{
#define STORE(t) columns[t] = window[t];
    EACH(STORE)
#undef STORE
}

/* From columns TILE … to 0 … */
INLINE void rotate_window(__m512i window[WINDOW])
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
INLINE void add_tile(__m512i window[WINDOW], __m512i *columns, const __m512i x[TILE], const __m512i *y)
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
INLINE void add_triangle(__m512i window[WINDOW], __m512i *columns, const __m512i x[TILE])
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
        columns[2 * i] = low(columns[2 * i], x[i], x[i]);
        columns[2 * i + 1] = high(columns[2 * i + 1], x[i], x[i]);
    }
}

/* The limb of column c becomes a quotient, which takes its place, and the column's carry moves on. */
INLINE void clear_column(__m512i window[WINDOW], unsigned c, __m512i *columns, const __m512i multiple[TILE])
{
    __m512i quotient = AT(c);
    columns[c] = quotient;
    AT(c + WINDOW) = columns[c + WINDOW];
    AT(c + 1) = _mm512_add_epi64(AT(c + 1), carry_of(quotient));
    add_products(window, c + 1, multiple, TILE, quotient, quotient);
}

/* With b itself: r times its least limb makes the column a multiple of 2^52, hence the rounding of its carry. */
INLINE void clear_last_column(__m512i window[WINDOW], unsigned c, __m512i *columns, const struct bg_adic *ring)
{
    __m512i tile[TILE], zero = _mm512_setzero_si512();
    __m512i column = AT(c), quotient = low(zero, column, broadcast(ring->inverse));
    __m512i carry = carry_of(_mm512_add_epi64(column, broadcast((UINT64_C(1) << LIMB_BITS) - 1)));

    columns[c] = quotient;
    AT(c + WINDOW) = columns[c + WINDOW];
    AT(c + 1) = high(_mm512_add_epi64(AT(c + 1), carry), quotient, broadcast(ring->base_limbs[0]));
    broadcast_tile(tile, ring->base_limbs + 1);
    add_products(window, c + 1, tile, TILE, quotient, quotient);
}

/* Ten limbs of κ b / 2^52 times the tile of quotients */
INLINE void add_multiples(__m512i window[WINDOW], __m512i *columns, const __m512i quotients[TILE],
                          const uint64_t *multiple)
{
#define STEP(t)                                                                                                        \
    {                                                                                                                  \
        __m512i y = broadcast(multiple[t]);                                                                            \
        AT(t + TILE) = columns[t + TILE];                                                                              \
        add_products(window, t, quotients, TILE, y, y);                                                                \
        columns[t] = AT(t);                                                                                            \
    }
    EACH(STEP)
#undef STEP
    rotate_window(window);
}

INLINE __m512i carried(__m512i column, __m512i *carry)
{
    column = _mm512_add_epi64(column, *carry);
    *carry = carry_of(column);
    return column;
}

/* The same for the last tile, whose columns are then complete: carries them to limbs. */
INLINE void finish_columns(__m512i window[WINDOW], const __m512i *columns, const __m512i quotients[TILE],
                           const uint64_t *multiple, const uint64_t *base, __m512i *carry, __m512i *ret_limbs)
{
#define STEP(t)                                                                                                        \
    AT(t + TILE) = columns[t + TILE];                                                                                  \
    add_products(window, t, quotients, TILE, broadcast(multiple[t]), broadcast(base[t]));                              \
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
        columns[ring->limbs + i] = broadcast(ring->base_limbs[i]);
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
    __m512i zero = _mm512_setzero_si512(), inverse = broadcast(ring->inverse), above = zero;

    for (size_t i = 0; i < last; i++) {
        __m512i quotient = columns[i];
        columns[i] = _mm512_sub_epi64(zero, low(above, quotient, inverse));
        above = high(zero, quotient, inverse);
    }
    columns[last] = _mm512_sub_epi64(zero, _mm512_add_epi64(above, columns[last]));
    set_upper_columns(ring, columns);
    columns[last + 1] = _mm512_sub_epi64(columns[last + 1], broadcast(1));
}

static size_t limbs(uint32_t base_bits)
{
    return bg_divide_up(base_bits + SPARE_BITS, TILE * LIMB_BITS) * TILE;
}

/* In vectors: columns of a sum and of half a square, digits of a result. */
static size_t scratch_words(const struct bg_adic *ring)
{
    return (2 * (2 * ring->limbs + 1) + ring->digits * ring->limbs) * LANES;
}

struct scratch {
    __m512i *columns;
    __m512i *half;
    __m512i *digits;
};

static struct scratch divide_scratch(const struct bg_adic *ring, uint64_t *words)
{
    __m512i *first = (__m512i *)words;
    size_t columns = 2 * ring->limbs + 1;
    return (struct scratch){first, first + columns, first + 2 * columns};
}

/* From T_d to u_d, which all but the top digit keep in scratch memory, as `ret` may be a factor. */
static void finish_digit(const struct bg_adic *ring, uint32_t d, uint32_t digits, const struct scratch *s, __m512i *ret)
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
    struct scratch s = divide_scratch(ring, scratch_words);
    const __m512i *x = vectors_of(x_words), *y = vectors_of(y_words);
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
    struct scratch s = divide_scratch(ring, scratch_words);
    const __m512i *x = vectors_of(x_words);
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
    struct scratch s = divide_scratch(ring, scratch_words);
    const __m512i *x = vectors_of(x_words), *y = vectors_of(y_words);

    begin_first(ring, s.columns);
    for (uint32_t d = 0; d < digits; d++) {
        add_product(s.columns, x + d * ring->limbs, y, ring->limbs);
        finish_digit(ring, d, digits, &s, (__m512i *)ret);
    }
}

/* Rows 0 … 3 of `ret`: word w of all numbers; those words of `numbers` that the mask has. */
INLINE void transpose_in(const uint64_t *const numbers[], size_t first, __mmask8 mask, __m512i *ret)
{
#define PAIR(i, j)                                                                                                     \
    _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_maskz_loadu_epi64(mask, numbers[i] + first)),                     \
                       _mm256_maskz_loadu_epi64(mask, numbers[j] + first), 1)
    __m512i a = PAIR(0, 2), b = PAIR(1, 3), c = PAIR(4, 6), d = PAIR(5, 7);
#undef PAIR
    __m512i ab_even = _mm512_unpacklo_epi64(a, b), ab_odd = _mm512_unpackhi_epi64(a, b);
    __m512i cd_even = _mm512_unpacklo_epi64(c, d), cd_odd = _mm512_unpackhi_epi64(c, d);
    ret[0] = _mm512_shuffle_i64x2(ab_even, cd_even, 0x88);
    ret[1] = _mm512_shuffle_i64x2(ab_odd, cd_odd, 0x88);
    ret[2] = _mm512_shuffle_i64x2(ab_even, cd_even, 0xdd);
    ret[3] = _mm512_shuffle_i64x2(ab_odd, cd_odd, 0xdd);
}

static __mmask8 mask_of(size_t words)
{
    return (__mmask8)(words < 4 ? (1u << words) - 1 : 0xf);
}

/* The words lie where limbs go: from the top down, each limb overwrites a word that no lower one needs. */
static void words_to_limbs(__m512i *digit, size_t limbs)
{
    for (size_t i = limbs; i-- > 0;) {
        size_t bit = i * LIMB_BITS, word = bit / 64;
        digit[i] = _mm512_shrdv_epi64(digit[word], digit[word + 1], broadcast(bit % 64));
    }
}

static void load(const struct bg_adic *ring, uint32_t digits, const uint64_t *const numbers[], uint64_t *ret)
{
    for (uint32_t d = 0; d < digits; d++) {
        __m512i *digit = (__m512i *)ret + d * ring->limbs;
        size_t i = 0;
        for (; i < ring->digit_words; i += 4)
            transpose_in(numbers, d * ring->digit_words + i, mask_of(ring->digit_words - i), digit + i);
        for (; i < ring->limbs; i++)
            digit[i] = _mm512_setzero_si512();
        words_to_limbs(digit, ring->limbs);
    }
}

/* columns += addend, carried to limbs below 2^52 */
static void carry_up(__m512i *columns, __m512i addend, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        __m512i column = _mm512_add_epi64(columns[i], addend);
        columns[i] = limb_of(column);
        addend = carry_of(column);
    }
}

/* The highest limb of b, the one above and the one below, as a floating-point number */
static __m512d leading(const struct bg_adic *ring, const __m512i *limbs)
{
    const __m512d radix = _mm512_set1_pd(0x1p52);
    size_t top = (ring->base_bits - 1) / LIMB_BITS;
    __m512d sum = _mm512_setzero_pd();
    for (size_t i = top + 2; i-- > (top ? top - 1 : 0);)
        if (i < ring->limbs)
            sum = _mm512_fmadd_pd(sum, radix, _mm512_cvtepi64_pd(limbs[i]));
    return sum;
}

/* x / b for x below 10b, possibly one less: rounding and limbs that are left out make errors below 2^-48. */
static __m512i quotient_of(const struct bg_adic *ring, const __m512i *limbs, __m512i *scratch)
{
    for (size_t i = 0; i < ring->limbs; i++)
        scratch[i] = broadcast(ring->base_limbs[i]);
    __m512d quotient = _mm512_div_pd(leading(ring, limbs), leading(ring, scratch));
    return _mm512_cvttpd_epi64(_mm512_mul_pd(quotient, _mm512_set1_pd(1 - 0x1p-44)));
}

/* limbs −= quotient b, as limbs += quotient (R − b) mod R */
static void subtract_multiple(const struct bg_adic *ring, __m512i *limbs, __m512i quotient)
{
    __m512i above = quotient;
    for (size_t i = 0; i < ring->limbs; i++) {
        __m512i complement = broadcast(~ring->base_limbs[i]);
        __m512i sum = low(_mm512_add_epi64(limbs[i], above), complement, quotient);
        limbs[i] = limb_of(sum);
        above = high(carry_of(sum), complement, quotient);
    }
}

/* ret = limbs − b mod R. Gives the lanes where limbs ≥ b. */
static __mmask8 subtract_base(const struct bg_adic *ring, const __m512i *limbs, __m512i *ret)
{
    __m512i borrow = _mm512_setzero_si512();
    for (size_t i = 0; i < ring->limbs; i++) {
        __m512i difference = _mm512_sub_epi64(_mm512_add_epi64(limbs[i], borrow), broadcast(ring->base_limbs[i]));
        ret[i] = limb_of(difference);
        borrow = carry_of(difference);
    }
    return _mm512_testn_epi64_mask(borrow, borrow);
}

/* Brings x + carry below b. Gives how often b was taken off. */
static __m512i bring_below_base(const struct bg_adic *ring, __m512i carry, __m512i *x, __m512i *scratch)
{
    carry_up(x, carry, ring->limbs);
    __m512i quotient = quotient_of(ring, x, scratch);
    subtract_multiple(ring, x, quotient);
    __mmask8 above = subtract_base(ring, x, scratch);
    for (size_t i = 0; i < ring->limbs; i++)
        x[i] = _mm512_mask_mov_epi64(x[i], above, scratch[i]);
    return _mm512_mask_add_epi64(quotient, above, quotient, broadcast(1));
}

static void add(const struct bg_adic *ring, uint32_t digits, const uint64_t *x_words, const uint64_t *y_words,
                uint64_t *ret_words, uint64_t *scratch_words)
{
    struct scratch s = divide_scratch(ring, scratch_words);
    const __m512i *x = vectors_of(x_words), *y = vectors_of(y_words);
    __m512i *ret = (__m512i *)ret_words, carry = _mm512_setzero_si512();

    for (size_t d = 0, i = 0; d < digits; d++) {
        for (size_t end = i + ring->limbs; i < end; i++)
            ret[i] = _mm512_add_epi64(limb_of(x[i]), limb_of(y[i]));
        carry = bring_below_base(ring, carry, ret + d * ring->limbs, s.half);
    }
}

/* A word spans up to three limbs; two that are 0 follow the highest. */
static void limbs_to_words(const __m512i *limbs, size_t words, __m512i *ret)
{
    for (size_t i = 0; i < words; i++) {
        size_t limb = i * 64 / LIMB_BITS, bit = i * 64 % LIMB_BITS;
        __m512i word = _mm512_srlv_epi64(limbs[limb], broadcast(bit));
        word = _mm512_or_si512(word, _mm512_sllv_epi64(limbs[limb + 1], broadcast(LIMB_BITS - bit)));
        ret[i] = _mm512_or_si512(word, _mm512_sllv_epi64(limbs[limb + 2], broadcast(2 * LIMB_BITS - bit)));
    }
}

/* Four words of each number from as many rows. */
INLINE void transpose_out(const __m512i *rows, unsigned count, uint64_t *const ret_numbers[], size_t first,
                          __mmask8 mask)
{
    const __m512i low_pair = _mm512_set_epi64(11, 10, 3, 2, 9, 8, 1, 0);
    const __m512i high_pair = _mm512_set_epi64(15, 14, 7, 6, 13, 12, 5, 4);
    __m512i even01 = _mm512_unpacklo_epi64(rows[0], rows[1]), odd01 = _mm512_unpackhi_epi64(rows[0], rows[1]);
    __m512i even23 = _mm512_unpacklo_epi64(rows[2], rows[3]), odd23 = _mm512_unpackhi_epi64(rows[2], rows[3]);
#define STORE(i, part, pair, half)                                                                                     \
    if (i < count)                                                                                                     \
        _mm256_mask_storeu_epi64(                                                                                      \
            ret_numbers[i] + first, mask,                                                                              \
            _mm512_extracti64x4_epi64(_mm512_permutex2var_epi64(part##01, pair, part##23), half));
    STORE(0, even, low_pair, 0)
    STORE(1, odd, low_pair, 0)
    STORE(2, even, low_pair, 1)
    STORE(3, odd, low_pair, 1)
    STORE(4, even, high_pair, 0)
    STORE(5, odd, high_pair, 0)
    STORE(6, even, high_pair, 1)
    STORE(7, odd, high_pair, 1)
#undef STORE
}

static void store(const struct bg_adic *ring, uint32_t digits, const uint64_t *x, unsigned count,
                  uint64_t *const ret_numbers[], uint64_t *scratch_words)
{
    struct scratch s = divide_scratch(ring, scratch_words);
    const size_t k = ring->limbs, words = ring->digit_words;
    __m512i carry = _mm512_setzero_si512();

    s.columns[k] = s.columns[k + 1] = carry;
    for (uint32_t d = 0; d < digits; d++) {
        for (size_t i = 0; i < k; i++)
            s.columns[i] = limb_of(vectors_of(x)[d * k + i]);
        carry = bring_below_base(ring, carry, s.columns, s.half);
        limbs_to_words(s.columns, words, s.half);
        for (size_t i = 0; i < words; i += 4)
            transpose_out(s.half + i, count, ret_numbers, d * words + i, mask_of(words - i));
    }
}

const struct bg_adic_kernel bg_adic_ifma = {
    .name = "ifma",
    .needs = BG_CPU_AVX512 | BG_CPU_VBMI | BG_CPU_IFMA,
    .lanes = LANES,
    .limb_bits = LIMB_BITS,
    .digit_bound = 4,
    .limbs = limbs,
    .scratch_words = scratch_words,
    .multiply = multiply,
    .square = square,
    .scale = scale,
    .add = add,
    .load = load,
    .store = store,
};
