/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/slots.h"

#include "base/cpu.h"

#include <arm_neon.h>

/* Eight slots are `width` bytes. A slot is taken with three bytes after the one it begins in: 7 + 16 bits are less. */
static void gather(const uint64_t *words, size_t count, unsigned width, uint16_t *ret_values)
{
    const uint8_t *bytes = (const uint8_t *)words;
    uint8_t pick[32];
    int32_t up[8];
    for (unsigned i = 0; i < 8; i++) {
        up[i] = -(int32_t)(i * width % 8);
        for (unsigned byte = 0; byte < 4; byte++)
            pick[4 * i + byte] = (uint8_t)(i * width / 8 + byte);
    }
    const uint8x16_t pick_low = vld1q_u8(pick), pick_high = vld1q_u8(pick + 16);
    const int32x4_t up_low = vld1q_s32(up), up_high = vld1q_s32(up + 4);
    const uint16x8_t mask = vdupq_n_u16((uint16_t)((1u << width) - 1));
    size_t i = 0;
    for (; i + 8 <= count; i += 8, bytes += width) {
        uint8x16_t source = vld1q_u8(bytes);
        uint32x4_t low = vshlq_u32(vreinterpretq_u32_u8(vqtbl1q_u8(source, pick_low)), up_low);
        uint32x4_t high = vshlq_u32(vreinterpretq_u32_u8(vqtbl1q_u8(source, pick_high)), up_high);
        uint16x8_t values = vmovn_high_u32(vmovn_u32(low), high);
        vst1q_u16(ret_values + i, vandq_u16(values, mask));
    }
    for (; i < count; i++)
        ret_values[i] = bg_slot_at(words, i, width);
}

const struct bg_slots_kernel bg_slots_neon = {"neon", BG_CPU_NEON, bg_slots_spread, gather};
