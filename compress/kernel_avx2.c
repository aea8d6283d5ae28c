/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cpu.h"
#include "compress/kernel_sets.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt")))
#define LANES 8

AVX2 static uint64_t gather(uint64_t word, uint64_t mask)
{
    return _pext_u64(word, mask);
}

AVX2 static uint64_t spread(uint64_t word, uint64_t mask)
{
    return _pdep_u64(word, mask);
}

AVX2 static void magnitudes(const float *values, size_t count, double totals[static BG_CODEC_TOTALS])
{
    size_t whole = count - count % BG_CODEC_TOTALS;
    __m256d sums[4];
    __m256 sign = _mm256_set1_ps(-0.0F);
    for (int k = 0; k < 4; k++)
        sums[k] = _mm256_loadu_pd(totals + 4 * k);
    for (size_t i = 0; i < whole; i += BG_CODEC_TOTALS) {
        __m256 first = _mm256_andnot_ps(sign, _mm256_loadu_ps(values + i));
        __m256 second = _mm256_andnot_ps(sign, _mm256_loadu_ps(values + i + 8));
        sums[0] = _mm256_add_pd(sums[0], _mm256_cvtps_pd(_mm256_castps256_ps128(first)));
        sums[1] = _mm256_add_pd(sums[1], _mm256_cvtps_pd(_mm256_extractf128_ps(first, 1)));
        sums[2] = _mm256_add_pd(sums[2], _mm256_cvtps_pd(_mm256_castps256_ps128(second)));
        sums[3] = _mm256_add_pd(sums[3], _mm256_cvtps_pd(_mm256_extractf128_ps(second, 1)));
    }
    for (int k = 0; k < 4; k++)
        _mm256_storeu_pd(totals + 4 * k, sums[k]);
    bg_codec_portable.magnitudes(values + whole, count - whole, totals);
}

AVX2 static __m256d square(__m128 value)
{
    __m256d wide = _mm256_cvtps_pd(value);
    return _mm256_mul_pd(wide, wide);
}

AVX2 static void squares(const float *values, size_t count, double totals[static BG_CODEC_TOTALS])
{
    size_t whole = count - count % BG_CODEC_TOTALS;
    __m256d sums[4];
    for (int k = 0; k < 4; k++)
        sums[k] = _mm256_loadu_pd(totals + 4 * k);
    for (size_t i = 0; i < whole; i += BG_CODEC_TOTALS)
        for (int k = 0; k < 4; k++)
            sums[k] = _mm256_add_pd(sums[k], square(_mm_loadu_ps(values + i + 4 * k)));
    for (int k = 0; k < 4; k++)
        _mm256_storeu_pd(totals + 4 * k, sums[k]);
    bg_codec_portable.squares(values + whole, count - whole, totals);
}

AVX2 static void compare(const float *values, size_t count, float threshold, uint64_t *ret_above, uint64_t *ret_equal)
{
    size_t whole = count - count % 64;
    __m256 with = _mm256_set1_ps(threshold);
    for (size_t begin = 0; begin < whole; begin += 64) {
        uint64_t above = 0, equal = 0;
        for (size_t i = 0; i < 64; i += LANES) {
            __m256 value = _mm256_loadu_ps(values + begin + i);
            above |= (uint64_t)_mm256_movemask_ps(_mm256_cmp_ps(value, with, _CMP_GT_OQ)) << i;
            equal |= (uint64_t)_mm256_movemask_ps(_mm256_cmp_ps(value, with, _CMP_EQ_OQ)) << i;
        }
        ret_above[begin / 64] = above;
        ret_equal[begin / 64] = equal;
    }
    bg_codec_portable.compare(values + whole, count - whole, threshold, ret_above + whole / 64, ret_equal + whole / 64);
}

/* Each takes its second operand where the two are equal, as the portable one does. */
AVX2 static __m256 clipped(__m256 value, __m256 least, __m256 most)
{
    return _mm256_min_ps(most, _mm256_max_ps(least, value));
}

/* Lane k is all ones where bit k of the lowest byte is set. */
AVX2 static __m256 lanes_of(uint64_t bits)
{
    const __m256i lane = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    __m256i spread = _mm256_and_si256(_mm256_set1_epi32((int)(uint32_t)bits), lane);
    return _mm256_castsi256_ps(_mm256_cmpeq_epi32(spread, lane));
}

AVX2 static void settle(const float *sums, size_t count, const uint64_t *voted, const uint64_t *up, float centre,
                        float scale, float limit, float *ret_residual)
{
    size_t whole = count - count % 64;
    __m256 least = _mm256_set1_ps(-limit), most = _mm256_set1_ps(limit);
    __m256 middle = _mm256_set1_ps(centre), raised = _mm256_set1_ps(scale), lowered = _mm256_set1_ps(-scale);
    for (size_t i = 0; i < whole; i += LANES) {
        __m256 sum = _mm256_loadu_ps(sums + i);
        __m256 sent = _mm256_blendv_ps(lowered, raised, lanes_of(up[i / 64] >> (i % 64)));
        __m256 voter = _mm256_sub_ps(_mm256_sub_ps(sum, middle), sent);
        __m256 left = _mm256_blendv_ps(sum, voter, lanes_of(voted[i / 64] >> (i % 64)));
        _mm256_storeu_ps(ret_residual + i, clipped(left, least, most));
    }
    bg_codec_portable.settle(sums + whole, count - whole, voted + whole / 64, up + whole / 64, centre, scale, limit,
                             ret_residual + whole);
}

AVX2 static void divide(const float *values, size_t count, float low, float high, size_t *ret_below,
                        size_t *ret_within)
{
    size_t whole = count - count % LANES, below = 0, above = 0;
    __m256 least = _mm256_set1_ps(low), most = _mm256_set1_ps(high);
    for (size_t i = 0; i < whole; i += LANES) {
        __m256 value = _mm256_loadu_ps(values + i);
        below += (size_t)__builtin_popcount((unsigned)_mm256_movemask_ps(_mm256_cmp_ps(value, least, _CMP_LT_OQ)));
        above += (size_t)__builtin_popcount((unsigned)_mm256_movemask_ps(_mm256_cmp_ps(value, most, _CMP_GT_OQ)));
    }
    bg_codec_portable.divide(values + whole, count - whole, low, high, ret_below, ret_within);
    *ret_below += below;
    *ret_within += whole - below - above;
}

/* Where the lanes whose bits are set go when they move to the front: one index per byte, made into lanes. */
AVX2 static __m256i to_front(unsigned wanted)
{
    uint64_t bytes = _pdep_u64(wanted, 0x0101010101010101) * 0xff;
    return _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)_pext_u64(0x0706050403020100, bytes)));
}

/* What is stored ends no later than what was loaded. */
AVX2 static size_t keep(const float *values, size_t count, float low, float high, float *ret_kept)
{
    size_t whole = count - count % LANES, kept = 0;
    __m256 least = _mm256_set1_ps(low), most = _mm256_set1_ps(high);
    for (size_t i = 0; i < whole; i += LANES) {
        __m256 value = _mm256_loadu_ps(values + i);
        __m256 within = _mm256_and_ps(_mm256_cmp_ps(value, least, _CMP_GE_OQ), _mm256_cmp_ps(value, most, _CMP_LE_OQ));
        unsigned wanted = (unsigned)_mm256_movemask_ps(within);
        _mm256_storeu_ps(ret_kept + kept, _mm256_permutevar8x32_ps(value, to_front(wanted)));
        kept += (size_t)__builtin_popcount(wanted);
    }
    return kept + bg_codec_portable.keep(values + whole, count - whole, low, high, ret_kept + kept);
}

const struct bg_codec_kernel bg_codec_avx2 = {
    .name = "avx2",
    .needs = BG_CPU_AVX2,
    .window = bg_codec_portable_window,
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
