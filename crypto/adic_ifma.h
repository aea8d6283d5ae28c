/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the IFMA kernel share. A vector has one 64-bit lane per number; a limb is the low 52 bits of its
 * lane. Multiplications read no others, so what carries leave above them stays there.
 */
#pragma once

#include "crypto/adic.h"

#include <immintrin.h>

#define BG_IFMA_LANES 8
#define BG_IFMA_LIMB_BITS 52
#define BG_IFMA_INLINE static inline __attribute__((always_inline, target("avx512f,avx512ifma")))

struct bg_ifma_scratch {
    __m512i *columns;     /* of a sum, one more than twice the limbs */
    __m512i *half;        /* as many, of half a square or of products of halves */
    __m512i *digits;      /* of a result */
    __m512i *differences; /* half a digit for every digit of two factors */
};

size_t bg_ifma_scratch_words(const struct bg_adic *ring);
struct bg_ifma_scratch bg_ifma_divide_scratch(const struct bg_adic *ring, uint64_t *words);

/* Of struct bg_adic_kernel */
void bg_ifma_load(const struct bg_adic *ring, uint32_t digits, const uint64_t *const numbers[], uint64_t *ret);
void bg_ifma_store(const struct bg_adic *ring, uint32_t digits, const uint64_t *x, unsigned count,
                   uint64_t *const ret_numbers[], uint64_t *scratch_words);
void bg_ifma_add(const struct bg_adic *ring, uint32_t digits, const uint64_t *x, const uint64_t *y, uint64_t *ret,
                 uint64_t *scratch_words);

BG_IFMA_INLINE const __m512i *bg_ifma_vectors(const uint64_t *words)
{
    return (const __m512i *)words;
}

/* sum + the low or high 52 bits of the product of two limbs */
BG_IFMA_INLINE __m512i bg_ifma_low(__m512i sum, __m512i x, __m512i y)
{
    return _mm512_madd52lo_epu64(sum, x, y);
}

BG_IFMA_INLINE __m512i bg_ifma_high(__m512i sum, __m512i x, __m512i y)
{
    return _mm512_madd52hi_epu64(sum, x, y);
}

BG_IFMA_INLINE __m512i bg_ifma_broadcast(uint64_t limb)
{
    return _mm512_set1_epi64((long long)limb);
}

/* A column as limb and carry; columns are signed. */
BG_IFMA_INLINE __m512i bg_ifma_limb(__m512i column)
{
    return _mm512_and_si512(column, bg_ifma_broadcast((UINT64_C(1) << BG_IFMA_LIMB_BITS) - 1));
}

BG_IFMA_INLINE __m512i bg_ifma_carry(__m512i column)
{
    return _mm512_srai_epi64(column, BG_IFMA_LIMB_BITS);
}
