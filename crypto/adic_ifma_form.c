/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers on their way into the lanes of vectors and out again, and what must look at their size: sums.
 *
 * Limb i of a digit starts at bit 52i of its words, word i at bit 64i of its limbs. Either way eight numbers at once
 * are shifted; four words of each are transposed by two rounds of exchanges between vectors.
 *
 * Multiples of b are taken off as x + q (R − b) mod R for a quotient q that is x / b or one less: a floating-point
 * number made of leading limbs has an error far below 2^-44, by which it is lessened before it is cut off. Carries are
 * small next to b.
 */
#include "crypto/adic_ifma.h"

static __mmask8 mask_of(size_t words)
{
    return (__mmask8)(words < 4 ? (1u << words) - 1 : 0xf);
}

/* From four words of numbers 0 and 2, 1 and 3, 4 and 6, 5 and 7 to four rows, one per word */
BG_IFMA_INLINE void transpose_in(__m512i a, __m512i b, __m512i c, __m512i d, __m512i *ret)
{
    __m512i ab_even = _mm512_unpacklo_epi64(a, b), ab_odd = _mm512_unpackhi_epi64(a, b);
    __m512i cd_even = _mm512_unpacklo_epi64(c, d), cd_odd = _mm512_unpackhi_epi64(c, d);
    ret[0] = _mm512_shuffle_i64x2(ab_even, cd_even, 0x88);
    ret[1] = _mm512_shuffle_i64x2(ab_odd, cd_odd, 0x88);
    ret[2] = _mm512_shuffle_i64x2(ab_even, cd_even, 0xdd);
    ret[3] = _mm512_shuffle_i64x2(ab_odd, cd_odd, 0xdd);
}

BG_IFMA_INLINE __m512i pair(__m256i low, __m256i high)
{
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

/* Words `first` … of each number, one row per word; writes up to three rows more. */
static void load_words(const uint64_t *const numbers[], size_t first, size_t words, __m512i *ret)
{
    const uint64_t *n[BG_IFMA_LANES];
    for (unsigned i = 0; i < BG_IFMA_LANES; i++)
        n[i] = numbers[i] + first;

    size_t i = 0;
#define FOUR(j) _mm256_loadu_si256((const __m256i *)(n[j] + i))
    for (; i + 4 <= words; i += 4)
        transpose_in(pair(FOUR(0), FOUR(2)), pair(FOUR(1), FOUR(3)), pair(FOUR(4), FOUR(6)), pair(FOUR(5), FOUR(7)),
                     ret + i);
#undef FOUR
    if (i == words)
        return;
    __mmask8 mask = mask_of(words - i);
#define SOME(j) _mm256_maskz_loadu_epi64(mask, n[j] + i)
    transpose_in(pair(SOME(0), SOME(2)), pair(SOME(1), SOME(3)), pair(SOME(4), SOME(6)), pair(SOME(5), SOME(7)),
                 ret + i);
#undef SOME
}

/* The words lie where limbs go: from the top down, each limb overwrites a word that no lower one needs. Sixteen limbs
 * are thirteen words. */
static void words_to_limbs(__m512i *digit, size_t limbs)
{
    for (size_t i = limbs / 16 + 1; i-- > 0;) {
        __m512i *limb = digit + 16 * i;
        const __m512i *word = digit + 13 * i;
        size_t count = limbs - 16 * i;
#define LIMB(t)                                                                                                        \
    if (t < count)                                                                                                     \
        limb[t] = _mm512_shrdi_epi64(word[13 * t / 16], word[13 * t / 16 + 1], 52 * t % 64);
        LIMB(15) LIMB(14) LIMB(13) LIMB(12) LIMB(11) LIMB(10) LIMB(9) LIMB(8)
        LIMB(7) LIMB(6) LIMB(5) LIMB(4) LIMB(3) LIMB(2) LIMB(1) LIMB(0)
#undef LIMB
    }
}

void bg_ifma_load(const struct bg_adic *ring, uint32_t digits, const uint64_t *const numbers[], uint64_t *ret)
{
    const size_t words = ring->digit_words;
    for (uint32_t d = 0; d < digits; d++) {
        __m512i *digit = (__m512i *)ret + d * ring->limbs;
        load_words(numbers, d * words, words, digit);
        for (size_t i = words; i < ring->limbs; i++)
            digit[i] = _mm512_setzero_si512();
        words_to_limbs(digit, ring->limbs);
    }
}

/* The limb that has the highest bit of b, the one above and the one below */
struct leading {
    size_t first, end;
    double inverse; /* of b's, or a little less */
};

static struct leading leading_of_base(const struct bg_adic *ring)
{
    size_t top = (ring->base_bits - 1) / BG_IFMA_LIMB_BITS;
    struct leading leading = {top ? top - 1 : 0, top + 2 < ring->limbs ? top + 2 : ring->limbs, 0};
    double sum = 0;
    for (size_t i = leading.end; i-- > leading.first;)
        sum = sum * 0x1p52 + (double)ring->base_limbs[i];
    leading.inverse = (1 - 0x1p-44) / sum;
    return leading;
}

/* Column i of x + y, or of x alone */
BG_IFMA_INLINE __m512i column(const __m512i *x, const __m512i *y, size_t i)
{
    return y ? _mm512_add_epi64(bg_ifma_limb(x[i]), bg_ifma_limb(y[i])) : bg_ifma_limb(x[i]);
}

/* (x + y) / b, possibly one less */
BG_IFMA_INLINE __m512i quotient_of(const struct leading *leading, const __m512i *x, const __m512i *y)
{
    __m512d sum = _mm512_setzero_pd();
    for (size_t i = leading->end; i-- > leading->first;)
        sum = _mm512_fmadd_pd(sum, _mm512_set1_pd(0x1p52), _mm512_cvtepi64_pd(column(x, y, i)));
    return _mm512_cvttpd_epi64(_mm512_mul_pd(sum, _mm512_set1_pd(leading->inverse)));
}

/* Where columns are carried to limbs of x + y + carry − q b */
struct remainder {
    __m512i quotient;
    __m512i below; /* limb of R − 1 − b in the column below */
    __m512i carry;
};

BG_IFMA_INLINE struct remainder begin_remainder(const struct leading *leading, const __m512i *x, const __m512i *y,
                                                __m512i carry)
{
    __m512i quotient = quotient_of(leading, x, y);
    return (struct remainder){quotient, _mm512_setzero_si512(), _mm512_add_epi64(carry, quotient)};
}

BG_IFMA_INLINE __m512i next_limb(const struct bg_adic *ring, size_t i, __m512i column, struct remainder *remainder)
{
    __m512i complement = bg_ifma_broadcast(ring->complement_limbs[i]);
    column = bg_ifma_low(column, complement, remainder->quotient);
    column = bg_ifma_high(column, remainder->below, remainder->quotient);
    column = _mm512_add_epi64(column, remainder->carry);
    remainder->below = complement;
    remainder->carry = bg_ifma_carry(column);
    return column;
}

/* Digits of sums end below b or hardly above, never far enough to matter to a product. */
void bg_ifma_add(const struct bg_adic *ring, uint32_t digits, const uint64_t *x_words, const uint64_t *y_words,
                 uint64_t *ret_words, uint64_t *scratch_words)
{
    const __m512i *x = bg_ifma_vectors(x_words), *y = bg_ifma_vectors(y_words);
    const struct leading leading = leading_of_base(ring);
    const size_t k = ring->limbs;
    __m512i *ret = (__m512i *)ret_words, carry = _mm512_setzero_si512();

    (void)scratch_words;
    for (uint32_t d = 0; d < digits; d++, x += k, y += k, ret += k) {
        struct remainder remainder = begin_remainder(&leading, x, y, carry);
        for (size_t i = 0; i < k; i++)
            ret[i] = next_limb(ring, i, column(x, y, i), &remainder);
        carry = remainder.quotient;
    }
}

/* ret = x + carry brought below b; carry = how often b was taken off. Chooses between the remainder and, in `spare`,
 * that less b. */
static void bring_below_base(const struct bg_adic *ring, const struct leading *leading, const __m512i *x,
                             __m512i *carry, __m512i *ret, __m512i *spare)
{
    const size_t k = ring->limbs;
    const __m512i mask = bg_ifma_limb(bg_ifma_broadcast(UINT64_MAX));
    struct remainder remainder = begin_remainder(leading, x, NULL, *carry);
    __m512i borrow = _mm512_setzero_si512();

    for (size_t i = 0; i < k; i++) {
        ret[i] = bg_ifma_limb(next_limb(ring, i, column(x, NULL, i), &remainder));
        spare[i] = _mm512_sub_epi64(_mm512_add_epi64(ret[i], borrow), bg_ifma_broadcast(ring->base_limbs[i]));
        borrow = bg_ifma_carry(spare[i]);
    }
    __mmask8 above = _mm512_testn_epi64_mask(borrow, borrow);
    for (size_t i = 0; i < k; i++)
        ret[i] = _mm512_mask_and_epi64(ret[i], above, spare[i], mask);
    *carry = _mm512_mask_add_epi64(remainder.quotient, above, remainder.quotient, bg_ifma_broadcast(1));
}

/* A word spans two limbs, or three from bit 40 of the first one on; two that are 0 follow the highest. */
static void limbs_to_words(const __m512i *limbs, size_t words, __m512i *ret)
{
    const uint64_t free_bits = 64 - BG_IFMA_LIMB_BITS;
    for (size_t i = 0; i < words; i++) {
        size_t limb = i * 64 / BG_IFMA_LIMB_BITS, bit = i * 64 % BG_IFMA_LIMB_BITS;
        __m512i word = _mm512_shrdv_epi64(_mm512_slli_epi64(limbs[limb], free_bits), limbs[limb + 1],
                                          bg_ifma_broadcast(bit + free_bits));
        if (bit > BG_IFMA_LIMB_BITS - free_bits)
            word = _mm512_or_si512(
                word, _mm512_sllv_epi64(limbs[limb + 2], bg_ifma_broadcast(2 * BG_IFMA_LIMB_BITS - bit)));
        ret[i] = word;
    }
}

/* Four words of each number from as many rows */
BG_IFMA_INLINE void transpose_out(const __m512i *rows, unsigned count, uint64_t *const ret_numbers[], size_t first,
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

void bg_ifma_store(const struct bg_adic *ring, uint32_t digits, const uint64_t *x, unsigned count,
                   uint64_t *const ret_numbers[], uint64_t *scratch_words)
{
    struct bg_ifma_scratch s = bg_ifma_divide_scratch(ring, scratch_words);
    const struct leading leading = leading_of_base(ring);
    const size_t k = ring->limbs, words = ring->digit_words;
    __m512i carry = _mm512_setzero_si512();

    s.columns[k] = s.columns[k + 1] = carry;
    for (uint32_t d = 0; d < digits; d++) {
        bring_below_base(ring, &leading, bg_ifma_vectors(x) + d * k, &carry, s.columns, s.half);
        limbs_to_words(s.columns, words, s.half);
        for (size_t i = 0; i < words; i += 4)
            transpose_out(s.half + i, count, ret_numbers, d * words + i, mask_of(words - i));
    }
}
