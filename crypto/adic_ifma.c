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
 * 8192 bits. By halves it is 3k instead of 2k for a product, hence not for bases as long as that: (17·120 + 4) 2^52.
 */
#include "crypto/adic_ifma.h"

#include "base/checked.h"
#include "base/cpu.h"
#include "crypto/adic_select.h"

#include <stdbool.h>
#include <string.h>

#define TILE 10
#define WINDOW (TILE + 1)
#define SPARE_BITS 8
/* Fewer limbs would not gain by it, more could overflow columns. */
#define LEAST_SPLIT 40
#define MOST_SPLIT 120

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

/* What column c of T_d is before anything is added to it, `columns` being T's memory: */
enum origin {
    STORED,    /* what the memory has */
    ZERO,      /* nothing */
    BASE,      /* a limb of R b */
    QUOTIENTS, /* of −q_{d−1}: the memory has columns that the digit below cleared, from 0 on */
};

BG_IFMA_INLINE __m512i column_of(const struct bg_adic *ring, enum origin origin, const __m512i *columns, size_t c)
{
    const __m512i zero = _mm512_setzero_si512(), inverse = bg_ifma_broadcast(ring->inverse);
    switch (origin) {
    case STORED: return columns[c];
    case BASE: return bg_ifma_broadcast(ring->base_limbs[c - ring->limbs]);
    case QUOTIENTS: {
        __m512i above = c > 0 ? bg_ifma_high(zero, columns[c - 1], inverse) : zero;
        return _mm512_sub_epi64(zero, bg_ifma_low(above, columns[c], inverse));
    }
    default: return zero;
    }
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

/* Adds ten limbs of y, one per step, times the tile x, from column c on: each step takes in the column ten further
 * on and puts one back. */
BG_IFMA_INLINE void add_tile(const struct bg_adic *ring, enum origin origin, __m512i window[WINDOW], __m512i *columns,
                             size_t c, const __m512i x[TILE], const __m512i *y)
{
#define STEP(t)                                                                                                        \
    AT(t + TILE) = column_of(ring, origin, columns, c + t + TILE);                                                     \
    add_products(window, t, x, TILE, y[t], y[t]);                                                                      \
    columns[c + t] = AT(t);
    EACH(STEP)
#undef STEP
    rotate_window(window);
}

/* The products x_i x_j, i < j, of one tile */
BG_IFMA_INLINE void add_triangle(const struct bg_adic *ring, enum origin origin, __m512i window[WINDOW],
                                 __m512i *columns, size_t c, const __m512i x[TILE])
{
#define STEP(t)                                                                                                        \
    AT(t + TILE) = column_of(ring, origin, columns, c + t + TILE);                                                     \
    add_products(window, t, x, t, x[t], x[t]);                                                                         \
    columns[c + t] = AT(t);
    EACH(STEP)
#undef STEP
    rotate_window(window);
}

BG_IFMA_INLINE void load_window(const struct bg_adic *ring, enum origin origin, __m512i window[WINDOW],
                                const __m512i *columns, size_t c)
{
#define LOAD(t) window[t] = column_of(ring, origin, columns, c + t);
    EACH(LOAD)
#undef LOAD
}

/* A tile of x times y. Of its columns, the last ten are of origin `upper`, those before of `lower`. */
BG_IFMA_INLINE void add_row(const struct bg_adic *ring, enum origin lower, enum origin upper, __m512i *columns,
                            size_t first, const __m512i *x, const __m512i *y, size_t limbs)
{
    __m512i tile[TILE], window[WINDOW];
    size_t j = 0, end = limbs - (lower == upper ? 0 : TILE);

    load_tile(tile, x + first);
    load_window(ring, lower, window, columns, first);
    for (; j < end; j += TILE)
        add_tile(ring, lower, window, columns, first + j, tile, y + j);
    if (lower != upper)
        add_tile(ring, upper, window, columns, first + j, tile, y + j);
    store_window(window, columns + first + limbs);
}

/* T = what it is before + x y; rows after the first find what that stored, but for ten columns. */
BG_IFMA_INLINE void add_rows(const struct bg_adic *ring, enum origin lower, enum origin upper, __m512i *columns,
                             const __m512i *x, const __m512i *y, size_t limbs)
{
    size_t i = 0;
    if (lower != STORED) {
        add_row(ring, lower, upper, columns, i, x, y, limbs);
        i += TILE;
    }
    for (; i < limbs; i += TILE)
        add_row(ring, STORED, upper, columns, i, x, y, limbs);
}

static void set_product(const struct bg_adic *ring, __m512i *columns, const __m512i *x, const __m512i *y, size_t limbs)
{
    add_rows(ring, ZERO, ZERO, columns, x, y, limbs);
}

static void add_product(const struct bg_adic *ring, __m512i *columns, const __m512i *x, const __m512i *y, size_t limbs)
{
    add_rows(ring, STORED, STORED, columns, x, y, limbs);
}

BG_IFMA_INLINE void add_half_row(const struct bg_adic *ring, enum origin lower, enum origin upper, __m512i *columns,
                                 size_t first, const __m512i *x)
{
    __m512i tile[TILE], window[WINDOW];
    size_t j = first + TILE, last = ring->limbs - TILE;

    load_tile(tile, x + first);
    load_window(ring, lower, window, columns, 2 * first);
    add_triangle(ring, lower, window, columns, 2 * first, tile);
    for (; j < last; j += TILE)
        add_tile(ring, lower, window, columns, first + j, tile, x + j);
    add_tile(ring, upper, window, columns, first + j, tile, x + j);
    store_window(window, columns + first + ring->limbs);
}

/* columns += Σ_{i<j} x_i x_j 2^(52(i+j)) */
BG_IFMA_INLINE void add_half_square(const struct bg_adic *ring, enum origin origin, __m512i *columns, const __m512i *x)
{
    const size_t last = ring->limbs - TILE;
    __m512i tile[TILE], window[WINDOW];

    for (size_t i = 0; i < last; i += TILE)
        if (i == 0)
            add_half_row(ring, origin, origin, columns, i, x);
        else
            add_half_row(ring, STORED, origin, columns, i, x);
    load_tile(tile, x + last);
    load_window(ring, last ? STORED : origin, window, columns, 2 * last);
    add_triangle(ring, origin, window, columns, 2 * last, tile);
    store_window(window, columns + 2 * last + TILE);
}

/* What the quotients in one column after the other take from T_d: κ times each */
struct passing {
    __m512i inverse;
    __m512i above; /* what the quotient below takes from this column */
};

BG_IFMA_INLINE struct passing begin_passing(const struct bg_adic *ring)
{
    return (struct passing){bg_ifma_broadcast(ring->inverse), _mm512_setzero_si512()};
}

BG_IFMA_INLINE __m512i pass_on(struct passing *passing, __m512i quotient, __m512i column)
{
    column = _mm512_sub_epi64(column, bg_ifma_low(passing->above, quotient, passing->inverse));
    passing->above = bg_ifma_high(_mm512_setzero_si512(), quotient, passing->inverse);
    return column;
}

/* T_d = what it starts from + 2 half + Σ_i x_i² 2^(104i) */
BG_IFMA_INLINE void gather_square(const struct bg_adic *ring, enum origin origin, __m512i *columns, const __m512i *half,
                                  const __m512i *x)
{
    const size_t k = ring->limbs;
    struct passing passing = begin_passing(ring);

    for (size_t c = 0; c < 2 * k; c++) {
        __m512i column = _mm512_add_epi64(half[c], half[c]);
        if (x)
            column = c % 2 ? bg_ifma_high(column, x[c / 2], x[c / 2]) : bg_ifma_low(column, x[c / 2], x[c / 2]);
        if (c >= k)
            columns[c] = _mm512_add_epi64(column, column_of(ring, BASE, columns, c));
        else
            columns[c] = origin == QUOTIENTS ? pass_on(&passing, columns[c], column) : column;
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

/* With b itself: r times its least limb makes the column a multiple of 2^52, hence the rounding of its carry. Gives r;
 * the column that stays, times κ, is r as well. */
BG_IFMA_INLINE __m512i clear_last_column(__m512i window[WINDOW], unsigned c, __m512i *columns,
                                         const struct bg_adic *ring)
{
    __m512i tile[TILE], zero = _mm512_setzero_si512();
    __m512i column = AT(c), quotient = bg_ifma_low(zero, column, bg_ifma_broadcast(ring->inverse));
    __m512i carry = bg_ifma_carry(_mm512_add_epi64(column, bg_ifma_limb(bg_ifma_broadcast(UINT64_MAX))));

    columns[c] = column;
    AT(c + WINDOW) = columns[c + WINDOW];
    AT(c + 1) = bg_ifma_high(_mm512_add_epi64(AT(c + 1), carry), quotient, bg_ifma_broadcast(ring->base_limbs[0]));
    broadcast_tile(tile, ring->base_limbs + 1);
    add_products(window, c + 1, tile, TILE, quotient, quotient);
    return quotient;
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

    load_window(ring, STORED, window, columns, 0);
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
    __m512i window[WINDOW], tile[TILE], last, carry = _mm512_setzero_si512();

    load_window(ring, STORED, window, columns, 0);
    AT(TILE) = columns[TILE];
    broadcast_tile(tile, multiple);
#define STEP(t)                                                                                                        \
    if (t < TILE - 1)                                                                                                  \
        clear_column(window, t, columns, tile);                                                                        \
    else                                                                                                               \
        last = clear_last_column(window, t, columns, ring);
    EACH(STEP)
#undef STEP
    *ret_limbs++ = carried(AT(TILE), &carry);
    load_tile(tile, columns);
    tile[TILE - 1] = last;
    for (size_t j = TILE; j < ring->limbs; j += TILE, ret_limbs += TILE)
        finish_columns(window, columns + 1 + j, tile, multiple + j, base + j, &carry, ret_limbs);
#define STEP(t)                                                                                                        \
    if (t < TILE - 1)                                                                                                  \
        ret_limbs[t] = carried(AT(t), &carry);
    EACH(STEP)
#undef STEP
}

static size_t limbs(uint32_t base_bits)
{
    return bg_divide_up(base_bits + SPARE_BITS, TILE * BG_IFMA_LIMB_BITS) * TILE;
}

size_t bg_ifma_scratch_words(const struct bg_adic *ring)
{
    return (2 * (2 * ring->limbs + 1) + 2 * ring->digits * ring->limbs) * BG_IFMA_LANES;
}

struct bg_ifma_scratch bg_ifma_divide_scratch(const struct bg_adic *ring, uint64_t *words)
{
    __m512i *first = (__m512i *)words;
    size_t columns = 2 * ring->limbs + 1;
    __m512i *digits = first + 2 * columns;
    return (struct bg_ifma_scratch){first, first + columns, digits, digits + ring->digits * ring->limbs};
}

/* Long digits are multiplied by halves of h limbs (Karatsuba and Ofman 1962): with x = l + B u, y = l' + B u',
 * B = 2^(52h),
 *   x y = l l' + B (l l' + u u' + (l − u)(u' − l')) + B² u u'
 * A difference is δ − σ B with 0 ≤ δ < B and σ 0 or 1, hence (δ − σ B)(δ' − σ' B) = δ δ' − B (σ δ' + σ' δ) + B² σ σ'.
 */
struct factor {
    const __m512i *limbs;
    __m512i *differences;                /* δ of each digit */
    __mmask8 signs[BG_ADIC_MOST_DIGITS]; /* σ in each lane */
};

static bool is_split(const struct bg_adic *ring)
{
    return ring->limbs >= LEAST_SPLIT && ring->limbs <= MOST_SPLIT && ring->limbs % (2 * TILE) == 0;
}

static __mmask8 subtract(const __m512i *x, const __m512i *y, size_t limbs, __m512i *ret)
{
    __m512i borrow = _mm512_setzero_si512();
    for (size_t i = 0; i < limbs; i++) {
        __m512i difference = _mm512_sub_epi64(bg_ifma_limb(x[i]), bg_ifma_limb(y[i]));
        difference = _mm512_add_epi64(difference, borrow);
        ret[i] = bg_ifma_limb(difference);
        borrow = bg_ifma_carry(difference);
    }
    return _mm512_movepi64_mask(borrow);
}

/* Of each digit the half from limb `first` on, which is 0 or h, less the other */
static void find_differences(const struct bg_adic *ring, uint32_t digits, size_t first, struct factor *factor)
{
    const size_t k = ring->limbs, h = k / 2;
    for (uint32_t d = 0; d < digits; d++) {
        const __m512i *digit = factor->limbs + d * k;
        factor->signs[d] = subtract(digit + first, digit + h - first, h, factor->differences + d * h);
    }
}

static void begin_factors(const struct bg_adic *ring, uint32_t x_digits, uint32_t y_digits,
                          const struct bg_ifma_scratch *s, struct factor *x, struct factor *y)
{
    if (!is_split(ring))
        return;
    x->differences = s->differences;
    y->differences = s->differences + x_digits * (ring->limbs / 2);
    find_differences(ring, x_digits, 0, x);
    find_differences(ring, y_digits, ring->limbs / 2, y);
}

/* T_d = what it starts from + (1 + B) lower + (B + B²) upper */
BG_IFMA_INLINE void gather_halves(const struct bg_adic *ring, enum origin origin, __m512i *columns,
                                  const __m512i *lower, const __m512i *upper)
{
    const size_t k = ring->limbs, h = k / 2;
    struct passing first = begin_passing(ring), second = begin_passing(ring);

    if (origin == QUOTIENTS)
        second.above = bg_ifma_high(second.above, columns[h - 1], second.inverse);
    for (size_t c = 0; c < h; c++) {
        __m512i middle = _mm512_add_epi64(lower[h + c], upper[c]);
        __m512i below = _mm512_add_epi64(middle, lower[c]), above = _mm512_add_epi64(middle, upper[h + c]);
        __m512i base = column_of(ring, BASE, columns, k + c), higher_base = column_of(ring, BASE, columns, k + h + c);
        columns[c] = origin == QUOTIENTS ? pass_on(&first, columns[c], lower[c]) : lower[c];
        columns[h + c] = origin == QUOTIENTS ? pass_on(&second, columns[h + c], below) : below;
        columns[k + c] = _mm512_add_epi64(base, above);
        columns[k + h + c] = _mm512_add_epi64(higher_base, upper[h + c]);
    }
}

/* columns += −B (σ δ' + σ' δ) + B² σ σ', the columns being those from B on */
static void add_signs(__m512i *columns, const __m512i *x, __mmask8 x_sign, const __m512i *y, __mmask8 y_sign, size_t h)
{
    for (size_t i = 0; i < h; i++) {
        columns[h + i] = _mm512_mask_sub_epi64(columns[h + i], x_sign, columns[h + i], y[i]);
        columns[h + i] = _mm512_mask_sub_epi64(columns[h + i], y_sign, columns[h + i], x[i]);
    }
    __mmask8 both = x_sign & y_sign;
    columns[2 * h] = _mm512_mask_add_epi64(columns[2 * h], both, columns[2 * h], bg_ifma_broadcast(1));
}

static void sum_split_products(const struct bg_adic *ring, uint32_t d, uint32_t first, const struct bg_ifma_scratch *s,
                               const struct factor *x, const struct factor *y)
{
    const size_t k = ring->limbs, h = k / 2;
    __m512i *lower = s->half, *upper = s->half + k;

    for (uint32_t i = first; i <= d; i++) {
        const __m512i *xi = x->limbs + i * k, *yj = y->limbs + (d - i) * k;
        if (i == first) {
            set_product(ring, lower, xi, yj, h);
            set_product(ring, upper, xi + h, yj + h, h);
        } else {
            add_product(ring, lower, xi, yj, h);
            add_product(ring, upper, xi + h, yj + h, h);
        }
    }
    if (d == 0)
        gather_halves(ring, ZERO, s->columns, lower, upper);
    else
        gather_halves(ring, QUOTIENTS, s->columns, lower, upper);
    for (uint32_t i = first; i <= d; i++) {
        const __m512i *xi = x->differences + i * h, *yj = y->differences + (d - i) * h;
        add_signs(s->columns + h, xi, x->signs[i], yj, y->signs[d - i], h);
        add_product(ring, s->columns + h, xi, yj, h);
    }
}

/* T_d = what it starts from + Σ x_i y_{d−i}, i from `first` on */
static void sum_products(const struct bg_adic *ring, uint32_t d, uint32_t first, const struct bg_ifma_scratch *s,
                         const struct factor *x, const struct factor *y)
{
    const size_t k = ring->limbs;
    const __m512i *x_first = x->limbs + first * k, *y_last = y->limbs + (d - first) * k;

    if (is_split(ring)) {
        sum_split_products(ring, d, first, s, x, y);
        return;
    }
    if (d == 0)
        add_rows(ring, ZERO, BASE, s->columns, x_first, y_last, k);
    else
        add_rows(ring, QUOTIENTS, BASE, s->columns, x_first, y_last, k);
    for (uint32_t i = first + 1; i <= d; i++)
        add_product(ring, s->columns, x->limbs + i * k, y->limbs + (d - i) * k, k);
}

/* ret_limbs = u_d from T_d, less the 1 for R b in the digit below; leaves the columns that were cleared. */
static void reduce(const struct bg_adic *ring, uint32_t d, __m512i *columns, __m512i *ret_limbs)
{
    size_t i = 0;
    if (d > 0)
        columns[ring->limbs] = _mm512_sub_epi64(columns[ring->limbs], bg_ifma_broadcast(1));
    columns[2 * ring->limbs] = _mm512_setzero_si512();
    for (; i + TILE < ring->limbs; i += TILE)
        clear_tile(ring, columns + i);
    finish_tile(ring, columns + i, ret_limbs);
}

/* Where to put digit d while lower digits of factors are still of use. */
static __m512i *place_of(const struct bg_adic *ring, uint32_t d, uint32_t digits, const struct bg_ifma_scratch *s,
                         uint64_t *ret)
{
    return (d + 1 < digits ? s->digits : (__m512i *)ret) + d * ring->limbs;
}

static void multiply(const struct bg_adic *ring, uint32_t digits, const uint64_t *x_words, const uint64_t *y_words,
                     uint64_t *ret, uint64_t *scratch_words)
{
    const struct bg_ifma_scratch s = bg_ifma_divide_scratch(ring, scratch_words);
    struct factor x = {.limbs = bg_ifma_vectors(x_words)}, y = {.limbs = bg_ifma_vectors(y_words)};

    begin_factors(ring, digits, digits, &s, &x, &y);
    for (uint32_t d = 0; d < digits; d++) {
        sum_products(ring, d, 0, &s, &x, &y);
        reduce(ring, d, s.columns, place_of(ring, d, digits, &s, ret));
    }
    memcpy(ret, s.digits, (digits - 1) * ring->limbs * sizeof *s.digits);
}

/* T_d = 2 Σ_{i<j} x_i x_j, and x_{d/2}² for even d */
static void square(const struct bg_adic *ring, uint32_t digits, const uint64_t *x_words, uint64_t *ret,
                   uint64_t *scratch_words)
{
    struct bg_ifma_scratch s = bg_ifma_divide_scratch(ring, scratch_words);
    const __m512i *x = bg_ifma_vectors(x_words);
    const size_t k = ring->limbs;

    for (uint32_t d = 0; d < digits; d++) {
        const __m512i *middle = d % 2 ? NULL : x + d / 2 * k;
        if (d == 0)
            add_half_square(ring, ZERO, s.half, middle);
        else
            set_product(ring, s.half, x, x + d * k, k);
        for (uint32_t i = 1; 2 * i < d; i++)
            add_product(ring, s.half, x + i * k, x + (d - i) * k, k);
        if (d > 0 && middle)
            add_half_square(ring, STORED, s.half, middle);
        if (d == 0)
            gather_square(ring, ZERO, s.columns, s.half, middle);
        else
            gather_square(ring, QUOTIENTS, s.columns, s.half, middle);
        reduce(ring, d, s.columns, place_of(ring, d, digits, &s, ret));
    }
    memcpy(ret, s.digits, (digits - 1) * k * sizeof *x);
}

/* T_d = x_d y_0: no digit of x is read again, so that ret may be x right away. */
static void scale(const struct bg_adic *ring, uint32_t digits, const uint64_t *x_words, const uint64_t *y_words,
                  uint64_t *ret, uint64_t *scratch_words)
{
    const struct bg_ifma_scratch s = bg_ifma_divide_scratch(ring, scratch_words);
    struct factor x = {.limbs = bg_ifma_vectors(x_words)}, y = {.limbs = bg_ifma_vectors(y_words)};

    begin_factors(ring, digits, 1, &s, &x, &y);
    for (uint32_t d = 0; d < digits; d++) {
        sum_products(ring, d, d, &s, &x, &y);
        reduce(ring, d, s.columns, (__m512i *)ret + d * ring->limbs);
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
