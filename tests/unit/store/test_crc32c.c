/* SPDX-License-Identifier: Apache-2.0 */
#include "store/crc32c.h"

#include <criterion/criterion.h>
#include <string.h>

static uint32_t of(const uint8_t *bytes, size_t size)
{
    return bg_crc32c(0, (struct bg_span){bytes, size});
}

/* RFC 3720, B.4, read as little-endian words; and the catalogue's check value. */
Test(crc32c, gives_the_values_of_the_standard)
{
    uint8_t bytes[32] = {0};
    cr_expect_eq(of(bytes, sizeof bytes), 0x8a9136aau);
    memset(bytes, 0xff, sizeof bytes);
    cr_expect_eq(of(bytes, sizeof bytes), 0x62a8ab43u);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    cr_expect_eq(of(bytes, sizeof bytes), 0x46dd794eu);
    cr_expect_eq(of((const uint8_t *)"123456789", 9), 0xe3069283u);
    cr_expect_eq(of(NULL, 0), 0);
}

Test(crc32c, continues_from_an_earlier_part)
{
    const uint8_t *bytes = (const uint8_t *)"123456789";
    for (size_t cut = 0; cut <= 9; cut++) {
        uint32_t first = bg_crc32c(0, (struct bg_span){bytes, cut});
        cr_expect_eq(bg_crc32c(first, (struct bg_span){bytes + cut, 9 - cut}), 0xe3069283u);
    }
}
