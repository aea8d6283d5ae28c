/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <criterion/criterion.h>

TestSuite(utf8);

static size_t encode(uint32_t point, uint8_t ret[static 4])
{
    if (point < 0x80) {
        ret[0] = (uint8_t)point;
        return 1;
    }
    size_t extra = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    static const uint8_t leads[] = {0, 0xc0, 0xe0, 0xf0};
    ret[0] = (uint8_t)(leads[extra] | point >> (6 * extra));
    for (size_t i = 1; i <= extra; i++)
        ret[i] = (uint8_t)(0x80 | (point >> (6 * (extra - i)) & 0x3f));
    return extra + 1;
}

Test(utf8, reads_every_code_point_and_no_surrogate)
{
    uint8_t bytes[4];
    for (uint32_t point = 0; point <= 0x110010; point++) {
        uint32_t seen = 0;
        size_t size = encode(point, bytes);
        bool valid = point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
        size_t step = bg_utf8_next(bytes, size, &seen);
        cr_assert(step == (valid ? size : 0) && (!valid || seen == point), "U+%04X", point);
        for (size_t cut = 0; cut < size; cut += 1 + 100 * (point > 0x3000))
            cr_assert_eq(bg_utf8_next(bytes, cut, &seen), 0);
    }
}

Test(utf8, two_byte_sequences_are_exact)
{
    for (unsigned lead = 0x80; lead < 0x100; lead++)
        for (unsigned next = 0; next < 0x100; next++) {
            uint8_t bytes[] = {(uint8_t)lead, (uint8_t)next};
            uint32_t point;
            bool valid = lead >= 0xc2 && lead <= 0xdf && (next & 0xc0) == 0x80;
            cr_assert_eq(bg_utf8_next(bytes, 2, &point), valid ? 2 : 0);
        }
}
