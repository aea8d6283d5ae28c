/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/slots.h"

#include "base/cpu.h"

#include <immintrin.h>

#define WITH_AVX2 __attribute__((target("avx2,bmi2")))
#define WITH_AVX512 __attribute__((target("avx512f,avx512bw,avx512vbmi2")))

/* 64 slots are `width` words. Slot i begins at bit i·width; those that begin in one word are neighbours, and the first
 * bits of them are its mask. */
WITH_AVX2 static void spread(const uint64_t *bits, size_t count, unsigned width, uint64_t *ret_words)
{
    uint64_t masks[BG_SLOTS_MOST_WIDTH], all = 0;
    unsigned firsts[BG_SLOTS_MOST_WIDTH];

    for (unsigned bit = 0; bit < 64; bit += width)
        all |= (uint64_t)1 << bit;
    for (unsigned word = 0; word < width; word++) {
        firsts[word] = (64 * word + width - 1) / width;
        masks[word] = all << (firsts[word] * width - 64 * word);
    }
    for (size_t group = 0; 64 * group < count; group++, ret_words += width)
        for (unsigned word = 0; word < width; word++)
            ret_words[word] = _pdep_u64(bits[group] >> firsts[word], masks[word]);
}

/* Eight slots are `width` bytes. A slot is taken with three bytes after the one it begins in: 7 + 16 bits are less. */
WITH_AVX2 static void gather_avx2(const uint64_t *words, size_t count, unsigned width, uint16_t *ret_values)
{
    const uint8_t *bytes = (const uint8_t *)words;
    uint8_t pick[32];
    uint32_t down[8];
    for (unsigned i = 0; i < 8; i++) {
        down[i] = i * width % 8;
        for (unsigned byte = 0; byte < 4; byte++)
            pick[4 * i + byte] = (uint8_t)(i * width / 8 + byte < 16 ? i * width / 8 + byte : 0x80);
    }
    const __m256i picks = _mm256_loadu_si256((const __m256i *)pick), downs = _mm256_loadu_si256((const __m256i *)down),
                  mask = _mm256_set1_epi32((1 << width) - 1);
    size_t i = 0;
    for (; i + 16 <= count; i += 16, bytes += 2 * width) {
        __m256i low = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)bytes));
        __m256i high = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(bytes + width)));
        low = _mm256_and_si256(_mm256_srlv_epi32(_mm256_shuffle_epi8(low, picks), downs), mask);
        high = _mm256_and_si256(_mm256_srlv_epi32(_mm256_shuffle_epi8(high, picks), downs), mask);
        __m256i values = _mm256_permute4x64_epi64(_mm256_packus_epi32(low, high), 0xd8);
        _mm256_storeu_si256((__m256i *)(ret_values + i), values);
    }
    for (; i < count; i++)
        ret_values[i] = bg_slot_at(words, i, width);
}

/* 32 slots are 4·width bytes, at most one vector. Slot i lies in the 16-bit words i·width / 16 and the next. */
WITH_AVX512 static void gather_avx512(const uint64_t *words, size_t count, unsigned width, uint16_t *ret_values)
{
    const uint8_t *bytes = (const uint8_t *)words;
    uint16_t begins[32];
    for (unsigned i = 0; i < 32; i++)
        begins[i] = (uint16_t)(i * width);
    const __m512i begin = _mm512_loadu_si512(begins), low = _mm512_srli_epi16(begin, 4),
                  high = _mm512_add_epi16(low, _mm512_set1_epi16(1)),
                  mask = _mm512_set1_epi16((short)((1u << width) - 1));
    for (size_t i = 0; i < count; i += 32, bytes += 4 * width) {
        __m512i source = _mm512_loadu_si512(bytes);
        __m512i values = _mm512_shrdv_epi16(_mm512_permutexvar_epi16(low, source),
                                            _mm512_permutexvar_epi16(high, source), begin);
        values = _mm512_and_si512(values, mask);
        if (count - i >= 32)
            _mm512_storeu_si512(ret_values + i, values);
        else
            _mm512_mask_storeu_epi16(ret_values + i, ((__mmask32)1 << (count - i)) - 1, values);
    }
}

const struct bg_slots_kernel bg_slots_avx2 = {"avx2", BG_CPU_AVX2, spread, gather_avx2};
const struct bg_slots_kernel bg_slots_avx512 = {"avx512", BG_CPU_AVX2 | BG_CPU_VBMI, spread, gather_avx512};
