/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/cell.h"

#include "base/prng.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum bg_cell read_text(const char *text, double *ret)
{
    return bg_cell_read(text, strlen(text), ret);
}

static void expect(const char *text)
{
    double value = -1;
    cr_assert_eq(read_text(text, &value), BG_CELL_FINITE, "%s", text);
    double wanted = strtod(text, NULL);
    cr_assert_eq(memcmp(&value, &wanted, sizeof value), 0, "%s gives %a, not %a", text, value, wanted);
}

Test(cell, reads_numbers_as_the_c_library_does)
{
    static const char *const texts[] = {
        "0",
        "-0",
        "1",
        "-1",
        "+7",
        "0.0",
        "00012.500",
        ".5",
        "5.",
        "123456789012345678",
        "702040.8163265307",
        "16326.530612244898",
        "99.630985809302",
        "1e3",
        "1E+3",
        "2.5e-7",
        "9007199254740993",
        "9007199254740992.5",
        "18446744073709551615",
        "1844674407370955161.5",
        "9999999999999999999",
        "0.1",
        "1e22",
        "1e23",
        "1e-22",
        "1e-23",
        "1.7976931348623157e308",
        "4.9e-324",
        "2.2250738585072011e-308",
        "1e-400",
        "123456789012345678901234567890",
        "0.000000000000000000000000000000000123",
        "8.5e15",
        "9007199254740992.0000000000000000001",
        "9007199254740993.0000000000000000001",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect(texts[i]);
}

Test(cell, rounds_random_decimals_exactly)
{
    struct bg_prng prng;
    bg_prng_init(&prng, 7);
    for (size_t i = 0; i < 300000; i++) {
        char text[64];
        uint64_t digits = bg_prng_next(&prng) >> bg_prng_below(&prng, 64);
        uint64_t fraction = bg_prng_next(&prng) >> bg_prng_below(&prng, 64);
        switch (bg_prng_below(&prng, 4)) {
        case 0:
            snprintf(text, sizeof text, "%llu.%llu", (unsigned long long)(digits % 10000000),
                     (unsigned long long)(fraction % 10000000000000u));
            break;
        case 1:
            snprintf(text, sizeof text, "-%llue%d", (unsigned long long)digits,
                     (int)bg_prng_below(&prng, 60) - 30);
            break;
        case 2:
            snprintf(text, sizeof text, "%.17g",
                     ldexp((double)(digits >> 11), (int)bg_prng_below(&prng, 120) - 100));
            break;
        default:
            snprintf(text, sizeof text, "%llu.%llu", (unsigned long long)digits,
                     (unsigned long long)fraction);
        }
        expect(text);
    }
}

/* Halfway cases of the division path: odd multiples of half an ulp, and their neighbours in the last digit. */
Test(cell, rounds_halves_to_even)
{
    struct bg_prng prng;
    bg_prng_init(&prng, 8);
    for (size_t i = 0; i < 20000; i++) {
        uint64_t mantissa = ((uint64_t)1 << 53 | bg_prng_next(&prng) >> 11) << 1 | 1;
        char text[64];
        snprintf(text, sizeof text, "%llu.0", (unsigned long long)mantissa);
        expect(text);
        snprintf(text, sizeof text, "%llu.5", (unsigned long long)(mantissa >> 3));
        expect(text);
        snprintf(text, sizeof text, "%llu.25", (unsigned long long)(mantissa >> 3));
        expect(text);
    }
}

Test(cell, tells_what_is_no_number)
{
    static const struct {
        const char *text;
        enum bg_cell cell;
    } cases[] = {
        {"", BG_CELL_MISSING},
        {"  \t", BG_CELL_MISSING},
        {"NaN", BG_CELL_NAN},
        {"nan", BG_CELL_NAN},
        {"-NaN", BG_CELL_NAN},
        {"inf", BG_CELL_INFINITE},
        {"Infinity", BG_CELL_INFINITE},
        {"-INF", BG_CELL_INFINITE},
        {"+inf", BG_CELL_INFINITE},
        {"abc", BG_CELL_BAD},
        {"1.2.3", BG_CELL_BAD},
        {"1e", BG_CELL_BAD},
        {"1e+", BG_CELL_BAD},
        {".", BG_CELL_BAD},
        {"-", BG_CELL_BAD},
        {"1 2", BG_CELL_BAD},
        {"0x10", BG_CELL_BAD},
        {"1,5", BG_CELL_BAD},
        {"infinit", BG_CELL_BAD},
        {"nan(1)", BG_CELL_BAD},
        {"--1", BG_CELL_BAD},
        {"1e999", BG_CELL_INFINITE},
        {"-1e99999999999", BG_CELL_INFINITE},
        {"1d3", BG_CELL_BAD},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double value = 3;
        cr_assert_eq(read_text(cases[i].text, &value), cases[i].cell, "\"%s\"", cases[i].text);
        if (cases[i].cell == BG_CELL_INFINITE)
            cr_assert(isinf(value) && (value < 0) == (*cases[i].text == '-'));
        else
            cr_assert_eq(value, 3);
    }
}

Test(cell, ignores_blanks_around)
{
    double value;
    cr_assert_eq(read_text("  12.5\t", &value), BG_CELL_FINITE);
    cr_assert_eq(value, 12.5);
}

Test(cell, reads_within_its_bytes)
{
    double value;
    cr_assert_eq(bg_cell_read("12345", 2, &value), BG_CELL_FINITE);
    cr_assert_eq(value, 12);
    cr_assert_eq(bg_cell_read("1\0002", 3, &value), BG_CELL_BAD);
}

Test(cell, bounds_the_length)
{
    char text[402];
    memset(text, '1', sizeof text);
    double value;
    cr_assert_eq(bg_cell_read(text, 401, &value), BG_CELL_BAD);
    text[1] = '.';
    cr_assert_eq(bg_cell_read(text, 400, &value), BG_CELL_FINITE);
    cr_assert_eq(value, 1.1111111111111112);
}
