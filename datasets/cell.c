/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/cell.h"

#include "base/number.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define TEXT_LIMIT 400
#define EXPONENT_LIMIT 100000
#define EXACT_MANTISSA ((uint64_t)1 << 53)

static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* A decimal number as written: mantissa × 10^exponent, unless `digits` overran what a uint64_t holds. */
struct decimal {
    uint64_t mantissa;
    int digits; /* significant ones; the mantissa is exact up to 19 */
    int exponent;
    bool negative;
};

static bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

static const char *scan_digits(const char *at, const char *end, struct decimal *number)
{
    for (; at < end && is_digit(*at); at++) {
        number->mantissa = number->mantissa * 10 + (uint64_t)(*at - '0');
        number->digits += number->digits > 0 || *at != '0';
    }
    return at;
}

/* False unless the whole text is a number. */
static bool scan(const char *at, const char *end, struct decimal *number)
{
    *number = (struct decimal){0};
    if (at < end && (*at == '-' || *at == '+'))
        number->negative = *at++ == '-';
    const char *whole = at;
    at = scan_digits(at, end, number);
    size_t written = (size_t)(at - whole);
    if (at < end && *at == '.') {
        const char *fraction = ++at;
        at = scan_digits(at, end, number);
        number->exponent = -(int)(at - fraction);
        written += (size_t)(at - fraction);
    }
    if (written == 0)
        return false;
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        bool negative = at < end && *at == '-';
        at += at < end && (*at == '-' || *at == '+');
        int exponent = 0;
        const char *first = at;
        for (; at < end && is_digit(*at); at++)
            exponent = exponent < EXPONENT_LIMIT ? exponent * 10 + (*at - '0') : exponent;
        if (at == first)
            return false;
        number->exponent += negative ? -exponent : exponent;
    }
    return at == end;
}

/* mantissa / 10^power for 2^53 ≤ mantissa < 2^64 and 1 ≤ power ≤ 18: the quotient is extended four bits at a
 * time until it has at least 56, then rounded once to 53, with the remainder as sticky bit. The remainder
 * stays below 10^18 < 2^60, so that shifting it by four never overflows. */
static double divide(uint64_t mantissa, int power)
{
    uint64_t divisor = 1;
    for (int i = 0; i < power; i++)
        divisor *= 10;
    uint64_t quotient = mantissa / divisor;
    uint64_t remainder = mantissa % divisor;
    int shift = 0;
    while (quotient < (uint64_t)1 << 55) {
        remainder <<= 4;
        quotient = quotient << 4 | remainder / divisor;
        remainder %= divisor;
        shift += 4;
    }
    int drop = 64 - __builtin_clzll(quotient) - 53;
    uint64_t kept = quotient >> drop;
    uint64_t dropped = quotient & (((uint64_t)1 << drop) - 1);
    uint64_t half = (uint64_t)1 << (drop - 1);
    kept += dropped > half || (dropped == half && (remainder != 0 || (kept & 1)));
    return ldexp((double)kept, drop - shift);
}

/* Of what is a number: one that no double can hold is ±infinity. */
static enum bg_cell parse_slowly(const char *text, size_t size, bool negative, double *ret)
{
    char copy[TEXT_LIMIT + 1];
    if (size > 0 && *text == '+') {
        text++;
        size--;
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    if (bg_parse_real(copy, -DBL_MAX, DBL_MAX, ret) == BG_OK)
        return BG_CELL_FINITE;
    *ret = negative ? -INFINITY : INFINITY;
    return BG_CELL_INFINITE;
}

static enum bg_cell parse_word(const char *text, size_t size, double *ret)
{
    bool negative = size > 0 && *text == '-';
    if (size > 0 && (*text == '-' || *text == '+')) {
        text++;
        size--;
    }
    if (size == 3 && strncasecmp(text, "nan", 3) == 0)
        return BG_CELL_NAN;
    if ((size == 3 && strncasecmp(text, "inf", 3) == 0) ||
        (size == 8 && strncasecmp(text, "infinity", 8) == 0)) {
        *ret = negative ? -INFINITY : INFINITY;
        return BG_CELL_INFINITE;
    }
    return BG_CELL_BAD;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

enum bg_cell bg_cell_read(const char *text, size_t size, double *ret)
{
    while (size > 0 && is_blank(text[size - 1]))
        size--;
    while (size > 0 && is_blank(*text)) {
        text++;
        size--;
    }
    if (size == 0)
        return BG_CELL_MISSING;
    if (size > TEXT_LIMIT)
        return BG_CELL_BAD;
    struct decimal number;
    if (!scan(text, text + size, &number))
        return parse_word(text, size, ret);
    double value;
    int power = number.exponent;
    if (number.digits == 0)
        value = 0;
    else if (number.digits <= 19 && number.mantissa <= EXACT_MANTISSA && power >= -22 && power <= 22)
        value = power < 0 ? (double)number.mantissa / powers[-power]
                          : (double)number.mantissa * powers[power];
    else if (number.digits <= 19 && number.mantissa > EXACT_MANTISSA && power >= -18 && power < 0)
        value = divide(number.mantissa, -power);
    else
        return parse_slowly(text, size, number.negative, ret);
    *ret = number.negative ? -value : value;
    return BG_CELL_FINITE;
}
