/* SPDX-License-Identifier: Apache-2.0 */
#include "base/number.h"

#include "base/prng.h"

#include "tests/unit/no_leaks.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

TestSuite(number);

Test(number, u64_reads_whole_decimal_numbers)
{
    uint64_t value = 7;
    cr_assert_eq(bg_parse_u64("0", 0, UINT64_MAX, &value), BG_OK);
    cr_assert_eq(value, 0);
    cr_assert_eq(bg_parse_u64("00012", 0, UINT64_MAX, &value), BG_OK);
    cr_assert_eq(value, 12);
    cr_assert_eq(bg_parse_u64("18446744073709551615", 0, UINT64_MAX, &value), BG_OK);
    cr_assert_eq(value, UINT64_MAX);
}

Test(number, u64_refuses_everything_else)
{
    static const char *const wrong[] = {"",    " 1", "1 ",  "+1", "-1",  "-0", "1.0", "1e3",
                                        "0x1", "1,", "1\n", "a",  "1_0", "٣",  "true"};
    uint64_t value = 7;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_assert_eq(bg_parse_u64(wrong[i], 0, UINT64_MAX, &value), BG_DECODE, "\"%s\"", wrong[i]);
    cr_assert_eq(value, 7);
}

Test(number, u64_keeps_its_bounds)
{
    uint64_t value = 7;
    cr_assert_eq(bg_parse_u64("18446744073709551616", 0, UINT64_MAX, &value), BG_INVALID);
    cr_assert_eq(bg_parse_u64("18446744073709551620", 0, UINT64_MAX, &value), BG_INVALID);
    cr_assert_eq(bg_parse_u64("99999999999999999999999999999999999999", 0, UINT64_MAX, &value), BG_INVALID);
    cr_assert_eq(bg_parse_u64("9", 10, 20, &value), BG_INVALID);
    cr_assert_eq(bg_parse_u64("21", 10, 20, &value), BG_INVALID);
    cr_assert_eq(value, 7);
    cr_assert_eq(bg_parse_u64("10", 10, 20, &value), BG_OK);
    cr_assert_eq(bg_parse_u64("20", 10, 20, &value), BG_OK);
    cr_assert_eq(value, 20);
}

static double real(const char *text)
{
    double value = NAN;
    cr_assert_eq(bg_parse_real(text, -INFINITY, INFINITY, &value), BG_OK, "\"%s\"", text);
    return value;
}

Test(number, real_reads_decimal_numbers)
{
    cr_assert_eq(real("0"), 0);
    cr_assert(signbit(real("-0")));
    cr_assert_eq(real("0.1"), 0.1);
    cr_assert_eq(real("-12.5e-1"), -1.25);
    cr_assert_eq(real("+3"), 3);
    cr_assert_eq(real(".5"), 0.5);
    cr_assert_eq(real("5."), 5);
    cr_assert_eq(real("1E+22"), 1e22);
    cr_assert_eq(real("9007199254740993"), 9007199254740992.0);
    cr_assert_eq(real("0.000000000000000000000000000000000000000000001"), 1e-45);
    cr_assert_eq(real("123456789012345678901234567890"), 123456789012345678901234567890.0);
    cr_assert_eq(real("1.7976931348623157e308"), DBL_MAX);
    cr_assert_eq(real("4.9406564584124654e-324"), 0x1p-1074);
    cr_assert_eq(real("1e-400"), 0);
    cr_assert_eq(real("1e-99999999999999"), 0);
    cr_assert_eq(real("0e99999999999999"), 0);
    cr_assert_eq(real("2.2250738585072011e-308"), 2.2250738585072011e-308);
}

Test(number, real_refuses_everything_else)
{
    static const char *const wrong[] = {"",   " 1",  "1 ",  "-",   "+",    ".",     "e5",       "1e",   "1e+", "1,5",
                                        "1f", "0x1", "inf", "nan", "1..2", "1.2.3", "Infinity", "--1", "1\n", "1e1.5"};
    double value = 7;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_assert_eq(bg_parse_real(wrong[i], -INFINITY, INFINITY, &value), BG_DECODE, "\"%s\"", wrong[i]);
    cr_assert_eq(value, 7);
}

Test(number, real_keeps_its_bounds)
{
    double value = 7;
    cr_assert_eq(bg_parse_real("1e309", -INFINITY, INFINITY, &value), BG_INVALID);
    cr_assert_eq(bg_parse_real("-1e99999999999999", -INFINITY, INFINITY, &value), BG_INVALID);
    cr_assert_eq(bg_parse_real("0.09", 0.1, 0.5, &value), BG_INVALID);
    cr_assert_eq(bg_parse_real("0.51", 0.1, 0.5, &value), BG_INVALID);
    cr_assert_eq(value, 7);
    cr_assert_eq(bg_parse_real("0.1", 0.1, 0.5, &value), BG_OK);
    cr_assert_eq(bg_parse_real("0.5", 0.1, 0.5, &value), BG_OK);
}

Test(number, real_rounds_as_the_c_library_does)
{
    struct bg_prng prng;
    char text[64];
    bg_prng_init(&prng, 1);
    for (int i = 0; i < 200000; i++) {
        uint64_t digits = bg_prng_next(&prng) >> bg_prng_below(&prng, 64);
        int exponent = (int)bg_prng_below(&prng, i % 2 ? 60 : 700) - (i % 2 ? 30 : 350);
        snprintf(text, sizeof text, "%s%llu.%03lluE%d", i & 4 ? "-" : "", (unsigned long long)digits,
                 (unsigned long long)bg_prng_below(&prng, 1000), exponent);
        double expected = strtod(text, NULL), value;
        if (isfinite(expected)) {
            value = real(text);
            cr_assert(memcmp(&value, &expected, sizeof value) == 0, "%s", text);
        } else {
            cr_assert_eq(bg_parse_real(text, -INFINITY, INFINITY, &value), BG_INVALID);
        }
    }
}

Test(number, format_is_short_and_reads_back)
{
    char text[BG_REAL_TEXT_BYTES];
    bg_format_real(0.1, text);
    cr_assert_str_eq(text, "0.1");
    bg_format_real(0.30000000000000004, text);
    cr_assert_str_eq(text, "0.30000000000000004");
    bg_format_real(-0.0, text);
    cr_assert_str_eq(text, "-0");
    bg_format_real(25, text);
    cr_assert_str_eq(text, "25");
    bg_format_real(-DBL_MAX, text);
    cr_assert_eq(real(text), -DBL_MAX);
    bg_format_real(-0x1.123456789abcdp-1022, text);
    cr_assert_lt(strlen(text), BG_REAL_TEXT_BYTES);
    struct bg_prng prng;
    bg_prng_init(&prng, 2);
    for (int i = 0; i < 50000; i++) {
        uint64_t bits = bg_prng_next(&prng);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        bg_format_real(value, text);
        cr_assert_eq(real(text), value, "%s", text);
    }
    NO_LEAKS();
}

/* A comma for the decimal point, or false where the system has no such locale. */
static bool use_comma_locale(void)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "es_ES.UTF-8", "nl_NL.UTF-8"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (setlocale(LC_ALL, names[i]) && strcmp(localeconv()->decimal_point, ",") == 0)
            return true;
    return false;
}

Test(number, the_locale_changes_nothing)
{
    if (!use_comma_locale())
        cr_skip_test("no locale with a decimal comma is installed");
    char text[BG_REAL_TEXT_BYTES];
    bg_format_real(1.5e-30, text);
    cr_assert_str_eq(text, "1.5e-30");
    cr_assert_eq(real("1.5"), 1.5);
    cr_assert_eq(real("1.2345678901234567890123e-300"), 1.2345678901234567890123e-300);
    bg_format_real(1.5, text);
    cr_assert_str_eq(text, "1.5");
}
