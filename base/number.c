/* SPDX-License-Identifier: Apache-2.0 */
#include "base/number.h"

#include <assert.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

enum bg_status bg_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;
    bool overflow = false;
    const char *c = text;
    for (; is_digit(*c); c++)
        overflow = overflow || __builtin_mul_overflow(value, 10u, &value) ||
                   __builtin_add_overflow(value, (uint64_t)(*c - '0'), &value);
    if (c == text || *c != '\0')
        return BG_DECODE;
    if (overflow || value < min || value > max)
        return BG_INVALID;
    *ret = value;
    return BG_OK;
}

/* A decimal number as digits · 10^exponent; `exact` if the digits fit. */
struct decimal {
    uint64_t digits;
    int exponent;
    bool negative;
    bool exact;
};

static bool scan_decimal(const char *text, struct decimal *ret)
{
    struct decimal decimal = {.exact = true};
    const char *c = text;
    if (*c == '+' || *c == '-')
        decimal.negative = *c++ == '-';
    size_t count = 0;
    bool point = false;
    for (; is_digit(*c) || (*c == '.' && !point); c++) {
        if (*c == '.') {
            point = true;
            continue;
        }
        count++;
        decimal.exact &= decimal.digits < UINT64_MAX / 10 - 1;
        if (decimal.exact) {
            decimal.digits = decimal.digits * 10 + (uint64_t)(*c - '0');
            decimal.exponent -= point;
        }
    }
    if (count == 0)
        return false;
    if (*c == 'e' || *c == 'E') {
        c++;
        bool down = *c == '-';
        c += *c == '+' || *c == '-';
        if (!is_digit(*c))
            return false;
        int exponent = 0;
        for (; is_digit(*c); c++)
            exponent = exponent < 10000 ? exponent * 10 + (*c - '0') : exponent;
        decimal.exact &= exponent < 10000;
        decimal.exponent += down ? -exponent : exponent;
    }
    *ret = decimal;
    return *c == '\0';
}

static double parse_general(const char *text)
{
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    assert(c_locale);
    double value = strtod_l(text, NULL, c_locale);
    freelocale(c_locale);
    return value;
}

enum bg_status bg_parse_real(const char *text, double min, double max, double *ret)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    struct decimal decimal;
    if (!scan_decimal(text, &decimal))
        return BG_DECODE;
    double value;
    if (decimal.exact && decimal.digits <= (uint64_t)1 << 53 && decimal.exponent >= -22 && decimal.exponent <= 22) {
        /* Both operands are exact doubles, so one operation rounds correctly. */
        value = (double)decimal.digits;
        value = decimal.exponent < 0 ? value / powers[-decimal.exponent] : value * powers[decimal.exponent];
        value = decimal.negative ? -value : value;
    } else {
        value = parse_general(text);
    }
    if (!isfinite(value) || value < min || value > max)
        return BG_INVALID;
    *ret = value;
    return BG_OK;
}

void bg_format_real(double value, char ret_text[static BG_REAL_TEXT_BYTES])
{
    assert(isfinite(value));
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    assert(c_locale);
    locale_t before = uselocale(c_locale);
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(ret_text, BG_REAL_TEXT_BYTES, "%.*g", digits, value);
        double back;
        if (bg_parse_real(ret_text, -INFINITY, INFINITY, &back) == BG_OK && back == value)
            break;
    }
    uselocale(before);
    freelocale(c_locale);
}
