/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cpu.h"
#include "compress/kernel_sets.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#define LANES 4
#define PAIRS (BG_CODEC_TOTALS / 2)

static void magnitudes(const float *values, size_t count, double totals[static BG_CODEC_TOTALS])
{
    size_t whole = count - count % BG_CODEC_TOTALS;
    float64x2_t sums[PAIRS];
    for (int k = 0; k < PAIRS; k++)
        sums[k] = vld1q_f64(totals + 2 * k);
    for (size_t i = 0; i < whole; i += BG_CODEC_TOTALS)
        for (int k = 0; k < PAIRS; k++)
            sums[k] = vaddq_f64(sums[k], vcvt_f64_f32(vabs_f32(vld1_f32(values + i + 2 * k))));
    for (int k = 0; k < PAIRS; k++)
        vst1q_f64(totals + 2 * k, sums[k]);
    bg_codec_portable.magnitudes(values + whole, count - whole, totals);
}

static void squares(const float *values, size_t count, double totals[static BG_CODEC_TOTALS])
{
    size_t whole = count - count % BG_CODEC_TOTALS;
    float64x2_t sums[PAIRS];
    for (int k = 0; k < PAIRS; k++)
        sums[k] = vld1q_f64(totals + 2 * k);
    for (size_t i = 0; i < whole; i += BG_CODEC_TOTALS)
        for (int k = 0; k < PAIRS; k++) {
            float64x2_t value = vcvt_f64_f32(vld1_f32(values + i + 2 * k));
            sums[k] = vaddq_f64(sums[k], vmulq_f64(value, value));
        }
    for (int k = 0; k < PAIRS; k++)
        vst1q_f64(totals + 2 * k, sums[k]);
    bg_codec_portable.squares(values + whole, count - whole, totals);
}

/* One byte per lane of four: all ones or zero, as the lanes are. */
static uint8x16_t narrowed(const uint32x4_t lanes[static 4])
{
    uint16x8_t first = vcombine_u16(vmovn_u32(lanes[0]), vmovn_u32(lanes[1]));
    uint16x8_t second = vcombine_u16(vmovn_u32(lanes[2]), vmovn_u32(lanes[3]));
    return vcombine_u8(vmovn_u16(first), vmovn_u16(second));
}

/* One bit per byte of four: sums of neighbours bring the bits of eight bytes together. */
static uint64_t word_of(const uint8x16_t bytes[static 4])
{
    static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t bit = vld1q_u8(weights);
    uint8x16_t first = vpaddq_u8(vandq_u8(bytes[0], bit), vandq_u8(bytes[1], bit));
    uint8x16_t second = vpaddq_u8(vandq_u8(bytes[2], bit), vandq_u8(bytes[3], bit));
    uint8x16_t sums = vpaddq_u8(first, second);
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(sums, sums)), 0);
}

static void compare(const float *values, size_t count, float threshold, uint64_t *ret_above, uint64_t *ret_equal)
{
    size_t whole = count - count % 64;
    float32x4_t with = vdupq_n_f32(threshold);
    for (size_t begin = 0; begin < whole; begin += 64) {
        uint8x16_t above[4], equal[4];
        for (int k = 0; k < 4; k++) {
            uint32x4_t more[4], same[4];
            for (int j = 0; j < 4; j++) {
                float32x4_t value = vld1q_f32(values + begin + 16 * k + LANES * j);
                more[j] = vcgtq_f32(value, with);
                same[j] = vceqq_f32(value, with);
            }
            above[k] = narrowed(more);
            equal[k] = narrowed(same);
        }
        ret_above[begin / 64] = word_of(above);
        ret_equal[begin / 64] = word_of(equal);
    }
    bg_codec_portable.compare(values + whole, count - whole, threshold, ret_above + whole / 64, ret_equal + whole / 64);
}

/* Lane k is all ones where bit k is set. */
static uint32x4_t lanes_of(uint64_t bits)
{
    static const uint32_t lane[LANES] = {1, 2, 4, 8};
    return vtstq_u32(vdupq_n_u32((uint32_t)bits), vld1q_u32(lane));
}

/* Not by the instructions for least and most, which order zeros by their sign. */
static float32x4_t clipped(float32x4_t value, float32x4_t least, float32x4_t most)
{
    return vbslq_f32(vcltq_f32(value, least), least, vbslq_f32(vcgtq_f32(value, most), most, value));
}

static void settle(const float *sums, size_t count, const uint64_t *voted, const uint64_t *up, float centre,
                   float scale, float limit, float *ret_residual)
{
    size_t whole = count - count % 64;
    float32x4_t least = vdupq_n_f32(-limit), most = vdupq_n_f32(limit);
    float32x4_t middle = vdupq_n_f32(centre), raised = vdupq_n_f32(scale), lowered = vdupq_n_f32(-scale);
    for (size_t i = 0; i < whole; i += LANES) {
        float32x4_t sum = vld1q_f32(sums + i);
        float32x4_t sent = vbslq_f32(lanes_of(up[i / 64] >> (i % 64)), raised, lowered);
        float32x4_t voter = vsubq_f32(vsubq_f32(sum, middle), sent);
        float32x4_t left = vbslq_f32(lanes_of(voted[i / 64] >> (i % 64)), voter, sum);
        vst1q_f32(ret_residual + i, clipped(left, least, most));
    }
    bg_codec_portable.settle(sums + whole, count - whole, voted + whole / 64, up + whole / 64, centre, scale, limit,
                             ret_residual + whole);
}

static void divide(const float *values, size_t count, float low, float high, size_t *ret_below, size_t *ret_within)
{
    size_t whole = count - count % LANES;
    uint64x2_t below = vdupq_n_u64(0), above = below;
    float32x4_t least = vdupq_n_f32(low), most = vdupq_n_f32(high);
    for (size_t i = 0; i < whole; i += LANES) {
        float32x4_t value = vld1q_f32(values + i);
        below = vpadalq_u32(below, vshrq_n_u32(vcltq_f32(value, least), 31));
        above = vpadalq_u32(above, vshrq_n_u32(vcgtq_f32(value, most), 31));
    }
    bg_codec_portable.divide(values + whole, count - whole, low, high, ret_below, ret_within);
    *ret_below += (size_t)vaddvq_u64(below);
    *ret_within += whole - (size_t)vaddvq_u64(below) - (size_t)vaddvq_u64(above);
}

/* Where the lanes whose bits are set go when they move to the front: a byte for each, lowest first. */
static const uint32_t fronts[16] = {0,      0,        0x01,   0x0100,   0x02,   0x0200,   0x0201,   0x020100,
                                    0x03,   0x0300,   0x0301, 0x030100, 0x0302, 0x030200, 0x030201, 0x03020100};

static float32x4_t to_front(float32x4_t value, unsigned wanted)
{
    static const uint8_t lane[16] = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3};
    static const uint8_t byte[16] = {0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3};
    uint8x16_t from = vqtbl1q_u8(vreinterpretq_u8_u32(vdupq_n_u32(fronts[wanted])), vld1q_u8(lane));
    uint8x16_t place = vorrq_u8(vshlq_n_u8(from, 2), vld1q_u8(byte));
    return vreinterpretq_f32_u8(vqtbl1q_u8(vreinterpretq_u8_f32(value), place));
}

/* What is stored ends no later than what was loaded. */
static size_t keep(const float *values, size_t count, float low, float high, float *ret_kept)
{
    static const uint32_t lane[LANES] = {1, 2, 4, 8};
    size_t whole = count - count % LANES, kept = 0;
    float32x4_t least = vdupq_n_f32(low), most = vdupq_n_f32(high);
    for (size_t i = 0; i < whole; i += LANES) {
        float32x4_t value = vld1q_f32(values + i);
        uint32x4_t within = vandq_u32(vcgeq_f32(value, least), vcleq_f32(value, most));
        unsigned wanted = vaddvq_u32(vandq_u32(within, vld1q_u32(lane)));
        vst1q_f32(ret_kept + kept, to_front(value, wanted));
        kept += (size_t)__builtin_popcount(wanted);
    }
    return kept + bg_codec_portable.keep(values + whole, count - whole, low, high, ret_kept + kept);
}

const struct bg_codec_kernel bg_codec_neon = {
    .name = "neon",
    .needs = BG_CPU_NEON,
    .window = bg_codec_portable_window,
    .gather = bg_codec_portable_gather,
    .spread = bg_codec_portable_spread,
    .magnitudes = magnitudes,
    .squares = squares,
    .compare = compare,
    .settle = settle,
    .divide = divide,
    .keep = keep,
};
#endif
