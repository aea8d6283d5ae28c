/* SPDX-License-Identifier: Apache-2.0 */
#include "store/crc32c.h"

#define POLYNOMIAL 0x82f63b78u /* reflected */

uint32_t bg_crc32c(uint32_t crc, struct bg_span bytes)
{
    uint32_t table[16]; /* of four bits each */
    for (uint32_t i = 0; i < 16; i++) {
        uint32_t rest = i;
        for (int bit = 0; bit < 4; bit++)
            rest = rest & 1 ? rest >> 1 ^ POLYNOMIAL : rest >> 1;
        table[i] = rest;
    }
    crc = ~crc;
    for (size_t i = 0; i < bytes.size; i++) {
        crc ^= bytes.data[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}
