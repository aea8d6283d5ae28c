/* SPDX-License-Identifier: Apache-2.0 */
/* Published vectors are printed in hex; these turn them into bytes for tests. */
#pragma once

#include "base/span.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

static inline uint8_t hex_digit(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = strchr(digits, digit);
    cr_assert(at && digit, "a vector is not in hex");
    return (uint8_t)(at - digits);
}

/* Writes strlen(hex) / 2 bytes and gives a span of them. */
static inline struct bg_span from_hex(const char *hex, uint8_t *ret_bytes)
{
    size_t size = strlen(hex) / 2;
    for (size_t i = 0; i < size; i++)
        ret_bytes[i] = (uint8_t)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
    return (struct bg_span){ret_bytes, size};
}

static inline struct bg_span of_text(const char *text)
{
    return (struct bg_span){(const uint8_t *)text, strlen(text)};
}

static inline void expect_hex(const void *bytes, const char *hex)
{
    uint8_t expected[512];
    cr_assert(strlen(hex) <= 2 * sizeof expected);
    struct bg_span span = from_hex(hex, expected);
    cr_assert_arr_eq((const uint8_t *)bytes, expected, span.size);
}
