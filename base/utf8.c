/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

size_t bg_utf8_next(const uint8_t *text, size_t size, uint32_t *ret_point)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    if (size == 0)
        return 0;
    uint8_t lead = text[0];
    if (lead < 0x80) {
        *ret_point = lead;
        return 1;
    }
    size_t extra = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || extra >= size)
        return 0;
    uint32_t point = lead & (0x3fu >> extra);
    for (size_t i = 1; i <= extra; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (text[i] & 0x3fu);
    }
    if (point < least[extra] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        return 0;
    *ret_point = point;
    return extra + 1;
}
