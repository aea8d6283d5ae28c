/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cpu.h"
#include "compress/kernel_sets.h"
#include "compress/window.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,bmi2,popcnt")))
#define LANES 16

/* The lanes of the `left` values there still are. */
static __mmask16 lanes(size_t left)
{
    return (__mmask16)(left < LANES ? (1u << left) - 1 : 0xffff);
}

/* Of splitmix64, from eight of its states. */
AVX512 static __m512i outputs(__m512i state)
{
    __m512i z = _mm512_xor_si512(state, _mm512_srli_epi64(state, 30));
    z = _mm512_mullo_epi64(z, _mm512_set1_epi64((long long)0xbf58476d1ce4e5b9));
    z = _mm512_xor_si512(z, _mm512_srli_epi64(z, 27));
    z = _mm512_mullo_epi64(z, _mm512_set1_epi64((long long)0x94d049bb133111eb));
    return _mm512_xor_si512(z, _mm512_srli_epi64(z, 31));
}

/* State k is k times the step. A phase is the upper half of an output; the lower half stays below it all along, as
 * so much less than one. */
AVX512 static void window(const struct bg_window *window, size_t first, size_t count, uint64_t *ret_words)
{
    const uint64_t step = 0x9e3779b97f4a7c15;
    const __m512i lane = _mm512_setr_epi64(1, 2, 3, 4, 5, 6, 7, 8), begin = _mm512_set1_epi64((long long)first);
    __m512i state = _mm512_mullo_epi64(_mm512_add_epi64(begin, lane), _mm512_set1_epi64((long long)step));
    __m512i start = _mm512_set1_epi64((long long)((uint64_t)window->first << 32));
    __m512i last = _mm512_set1_epi64((long long)((uint64_t)~window->rest << 32 | UINT32_MAX));
    for (size_t i = 0; i < count; i += 64) {
        uint64_t word = 0;
        for (unsigned j = 0; j < 64; j += 8) {
            __m512i phase = _mm512_sub_epi64(outputs(state), start);
            word |= (uint64_t)_mm512_cmple_epu64_mask(phase, last) << j;
            state = _mm512_add_epi64(state, _mm512_set1_epi64((long long)(8 * step)));
        }
        ret_words[i / 64] = count - i < 64 ? word & (((uint64_t)1 << (count - i)) - 1) : word;
    }
}

AVX512 static uint64_t gather(uint64_t word, uint64_t mask)
{
    return _pext_u64(word, mask);
}

AVX512 static uint64_t spread(uint64_t word, uint64_t mask)
{
    return _pdep_u64(word, mask);
}

AVX512 static void magnitudes(const float *values, size_t count, double totals[static BG_CODEC_TOTALS])
{
    __m512d low = _mm512_loadu_pd(totals), high = _mm512_loadu_pd(totals + 8);
    for (size_t i = 0; i < count; i += LANES) {
        __m512 value = _mm512_abs_ps(_mm512_maskz_loadu_ps(lanes(count - i), values + i));
        low = _mm512_add_pd(low, _mm512_cvtps_pd(_mm512_castps512_ps256(value)));
        high = _mm512_add_pd(high, _mm512_cvtps_pd(_mm512_extractf32x8_ps(value, 1)));
    }
    _mm512_storeu_pd(totals, low);
    _mm512_storeu_pd(totals + 8, high);
}

AVX512 static void squares(const float *values, size_t count, double totals[static BG_CODEC_TOTALS])
{
    __m512d low = _mm512_loadu_pd(totals), high = _mm512_loadu_pd(totals + 8);
    for (size_t i = 0; i < count; i += LANES) {
        __m512 value = _mm512_maskz_loadu_ps(lanes(count - i), values + i);
        __m512d first = _mm512_cvtps_pd(_mm512_castps512_ps256(value));
        __m512d second = _mm512_cvtps_pd(_mm512_extractf32x8_ps(value, 1));
        low = _mm512_add_pd(low, _mm512_mul_pd(first, first));
        high = _mm512_add_pd(high, _mm512_mul_pd(second, second));
    }
    _mm512_storeu_pd(totals, low);
    _mm512_storeu_pd(totals + 8, high);
}

AVX512 static void compare(const float *values, size_t count, float threshold, uint64_t *ret_above,
                           uint64_t *ret_equal)
{
    __m512 with = _mm512_set1_ps(threshold);
    for (size_t begin = 0; begin < count; begin += 64) {
        uint64_t above = 0, equal = 0;
        for (size_t i = begin; i < begin + 64 && i < count; i += LANES) {
            __mmask16 m = lanes(count - i);
            __m512 value = _mm512_maskz_loadu_ps(m, values + i);
            above |= (uint64_t)_mm512_mask_cmp_ps_mask(m, value, with, _CMP_GT_OQ) << (i % 64);
            equal |= (uint64_t)_mm512_mask_cmp_ps_mask(m, value, with, _CMP_EQ_OQ) << (i % 64);
        }
        ret_above[begin / 64] = above;
        ret_equal[begin / 64] = equal;
    }
}

/* Each takes its second operand where the two are equal, as the portable one does. */
AVX512 static __m512 clipped(__m512 value, __m512 least, __m512 most)
{
    return _mm512_min_ps(most, _mm512_max_ps(least, value));
}

AVX512 static void settle(const float *sums, size_t count, const uint64_t *voted, const uint64_t *up, float centre,
                          float scale, float limit, float *ret_residual)
{
    __m512 least = _mm512_set1_ps(-limit), most = _mm512_set1_ps(limit);
    __m512 middle = _mm512_set1_ps(centre), raised = _mm512_set1_ps(scale), lowered = _mm512_set1_ps(-scale);
    for (size_t i = 0; i < count; i += LANES) {
        __mmask16 m = lanes(count - i), voting = (__mmask16)(voted[i / 64] >> (i % 64));
        __m512 sum = _mm512_maskz_loadu_ps(m, sums + i);
        __m512 sent = _mm512_mask_blend_ps((__mmask16)(up[i / 64] >> (i % 64)), lowered, raised);
        __m512 left = _mm512_mask_sub_ps(sum, voting, _mm512_sub_ps(sum, middle), sent);
        _mm512_mask_storeu_ps(ret_residual + i, m, clipped(left, least, most));
    }
}

AVX512 static void divide(const float *values, size_t count, float low, float high, size_t *ret_below,
                          size_t *ret_within)
{
    __m512 least = _mm512_set1_ps(low), most = _mm512_set1_ps(high);
    size_t below = 0, above = 0;
    for (size_t i = 0; i < count; i += LANES) {
        __mmask16 m = lanes(count - i);
        __m512 value = _mm512_maskz_loadu_ps(m, values + i);
        below += (size_t)__builtin_popcount(_mm512_mask_cmp_ps_mask(m, value, least, _CMP_LT_OQ));
        above += (size_t)__builtin_popcount(_mm512_mask_cmp_ps_mask(m, value, most, _CMP_GT_OQ));
    }
    *ret_below = below;
    *ret_within = count - below - above;
}

/* What is stored ends no later than what was loaded. */
AVX512 static size_t keep(const float *values, size_t count, float low, float high, float *ret_kept)
{
    __m512 least = _mm512_set1_ps(low), most = _mm512_set1_ps(high);
    size_t kept = 0;
    for (size_t i = 0; i < count; i += LANES) {
        __mmask16 m = lanes(count - i);
        __m512 value = _mm512_maskz_loadu_ps(m, values + i);
        __mmask16 wanted = _mm512_mask_cmp_ps_mask(_mm512_mask_cmp_ps_mask(m, value, least, _CMP_GE_OQ), value, most,
                                                   _CMP_LE_OQ);
        _mm512_mask_storeu_ps(ret_kept + kept, m, _mm512_maskz_compress_ps(wanted, value));
        kept += (size_t)__builtin_popcount(wanted);
    }
    return kept;
}

const struct bg_codec_kernel bg_codec_avx512 = {
    .name = "avx512",
    .needs = BG_CPU_AVX2 | BG_CPU_AVX512,
    .window = window,
    .gather = gather,
    .spread = spread,
    .magnitudes = magnitudes,
    .squares = squares,
    .compare = compare,
    .settle = settle,
    .divide = divide,
    .keep = keep,
};
#endif
