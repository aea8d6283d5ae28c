/* SPDX-License-Identifier: Apache-2.0 */
#include "base/math.h"

#include "base/prng.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>

TestSuite(math);

#define DRAWS 100000

/* Distance to the long double result in units in the last place of a double; huge where one is not finite. */
static double ulps(double got, long double wanted)
{
    double rounded = (double)wanted;
    if (isnan(got) || isnan(rounded))
        return isnan(got) && isnan(rounded) ? 0 : INFINITY;
    if (isinf(got) || isinf(rounded))
        return got == rounded ? 0 : INFINITY;
    int exponent;
    frexp(fmax(fabs(rounded), DBL_MIN), &exponent);
    return (double)(fabsl(got - wanted) / ldexpl(1, exponent - DBL_MANT_DIG));
}

/* Where long double is no wider than double, the library's own error counts, too. */
#define BOUND (LDBL_MANT_DIG > DBL_MANT_DIG ? 1.0 : 2.0)
#define CLOSE(got, wanted, x) cr_assert_lt(ulps((got), (wanted)), BOUND, "at %a: %a, not %La", (x), (got), (wanted))

static double between(struct bg_prng *prng, double low, double high)
{
    return low + (high - low) * bg_prng_uniform(prng);
}

static double any(struct bg_prng *prng)
{
    uint64_t bits = bg_prng_next(prng);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* 1 ± 2^-k for k of all sizes. */
static double near_one(struct bg_prng *prng)
{
    return 1 + ldexp(between(prng, -1, 1), -1 - (int)bg_prng_below(prng, 52));
}

Test(math, exp_is_close_everywhere)
{
    struct bg_prng prng;
    bg_prng_init(&prng, 1);
    for (int i = 0; i < DRAWS; i++) {
        double wide = between(&prng, -746, 710), small = between(&prng, -1, 1), bits = any(&prng);
        CLOSE(bg_exp(wide), expl(wide), wide);
        CLOSE(bg_exp(small), expl(small), small);
        CLOSE(bg_exp(bits), expl(bits), bits);
        wide = between(&prng, -1076, 1025);
        CLOSE(bg_exp2(wide), exp2l(wide), wide);
        CLOSE(bg_exp2(small), exp2l(small), small);
        CLOSE(bg_exp2(bits), exp2l(bits), bits);
    }
}

Test(math, exp_has_its_edges)
{
    cr_assert_eq(bg_exp(0.0), 1);
    cr_assert_eq(bg_exp(-0.0), 1);
    cr_assert_eq(bg_exp(0x1p-1074), 1);
    cr_assert_eq(bg_exp(INFINITY), INFINITY);
    cr_assert_eq(bg_exp(-INFINITY), 0);
    cr_assert(isnan(bg_exp(NAN)));
    cr_assert(isfinite(bg_exp(0x1.62e42fefa39efp+9)), "the largest argument with a finite result");
    cr_assert_eq(bg_exp(0x1.62e42fefa39fp+9), INFINITY);
    cr_assert_eq(bg_exp(-745), 0x1p-1074);
    cr_assert_eq(bg_exp(-746), 0);
    cr_assert_eq(bg_exp2(INFINITY), INFINITY);
    cr_assert_eq(bg_exp2(-INFINITY), 0);
    cr_assert(isnan(bg_exp2(NAN)));
    for (int k = -1080; k <= 1030; k++)
        cr_assert_eq(bg_exp2(k), ldexp(1, k), "2^%d", k);
}

Test(math, logarithms_are_close_everywhere)
{
    struct bg_prng prng;
    bg_prng_init(&prng, 2);
    for (int i = 0; i < DRAWS; i++) {
        double bits = fabs(any(&prng)), near = near_one(&prng);
        double denormal = (double)(bg_prng_next(&prng) >> 12) * 0x1p-1074;
        CLOSE(bg_ln(bits), logl(bits), bits);
        CLOSE(bg_ln(near), logl(near), near);
        CLOSE(bg_ln(denormal), logl(denormal), denormal);
        CLOSE(bg_log2(bits), log2l(bits), bits);
        CLOSE(bg_log2(near), log2l(near), near);
        CLOSE(bg_log2(denormal), log2l(denormal), denormal);
    }
}

Test(math, log1p_is_close_everywhere)
{
    struct bg_prng prng;
    bg_prng_init(&prng, 3);
    for (int i = 0; i < DRAWS; i++) {
        double bits = any(&prng), medium = between(&prng, -1, 3);
        double small = ldexp(between(&prng, -1, 1), -(int)bg_prng_below(&prng, 1070));
        CLOSE(bg_log1p(bits), log1pl(bits), bits);
        CLOSE(bg_log1p(medium), log1pl(medium), medium);
        CLOSE(bg_log1p(small), log1pl(small), small);
    }
}

Test(math, logarithms_have_their_edges)
{
    cr_assert_eq(bg_ln(1), 0);
    cr_assert_eq(bg_ln(0.0), -INFINITY);
    cr_assert_eq(bg_ln(-0.0), -INFINITY);
    cr_assert_eq(bg_ln(INFINITY), INFINITY);
    cr_assert(isnan(bg_ln(-1)) && isnan(bg_ln(-INFINITY)) && isnan(bg_ln(NAN)));
    CLOSE(bg_ln(DBL_MAX), logl(DBL_MAX), DBL_MAX);
    cr_assert_eq(bg_log2(0), -INFINITY);
    cr_assert(isnan(bg_log2(-1)) && isnan(bg_log2(NAN)));
    for (int k = -1074; k <= 1023; k++)
        cr_assert_eq(bg_log2(ldexp(1, k)), k);
    cr_assert(bg_log1p(-0.0) == 0 && signbit(bg_log1p(-0.0)));
    cr_assert_eq(bg_log1p(0x1p-1074), 0x1p-1074);
    cr_assert_eq(bg_log1p(-1), -INFINITY);
    cr_assert_eq(bg_log1p(INFINITY), INFINITY);
    cr_assert(isnan(bg_log1p(-1.5)) && isnan(bg_log1p(-INFINITY)) && isnan(bg_log1p(NAN)));
}

Test(math, pow_is_close_everywhere)
{
    struct bg_prng prng;
    bg_prng_init(&prng, 4);
    for (int i = 0; i < DRAWS; i++) {
        double x = bg_exp(between(&prng, -5, 5)), y = between(&prng, -140, 140);
        CLOSE(bg_pow(x, y), powl(x, y), x);
        x = fabs(any(&prng));
        y = i % 2 ? any(&prng) : between(&prng, -2, 2);
        CLOSE(bg_pow(x, y), powl(x, y), x);
        x = near_one(&prng);
        y = between(&prng, -1e9, 1e9);
        CLOSE(bg_pow(x, y), powl(x, y), x);
    }
}

Test(math, pow_has_its_edges)
{
    cr_assert_eq(bg_pow(2, 10), 1024);
    cr_assert_eq(bg_pow(10, 22), 1e22);
    cr_assert_eq(bg_pow(NAN, 0), 1);
    cr_assert_eq(bg_pow(1, NAN), 1);
    cr_assert_eq(bg_pow(1, INFINITY), 1);
    cr_assert_eq(bg_pow(0, 2), 0);
    cr_assert_eq(bg_pow(0, -2), INFINITY);
    cr_assert_eq(bg_pow(INFINITY, 2), INFINITY);
    cr_assert_eq(bg_pow(INFINITY, -2), 0);
    cr_assert_eq(bg_pow(2, INFINITY), INFINITY);
    cr_assert_eq(bg_pow(2, -INFINITY), 0);
    cr_assert_eq(bg_pow(0.5, -INFINITY), INFINITY);
    cr_assert_eq(bg_pow(1 - 0x1p-53, 1e300), 0);
    cr_assert_eq(bg_pow(1 - 0x1p-53, -1e300), INFINITY);
    cr_assert(isnan(bg_pow(NAN, 1)) && isnan(bg_pow(2, NAN)) && isnan(bg_pow(-1, 2)));
}

Test(math, cos_is_close_everywhere)
{
    struct bg_prng prng;
    bg_prng_init(&prng, 5);
    for (int i = 0; i < DRAWS; i++) {
        double wide = between(&prng, -1e5, 1e5), small = between(&prng, -7, 7);
        CLOSE(bg_cos(wide), cosl(wide), wide);
        CLOSE(bg_cos(small), cosl(small), small);
    }
    for (int n = 0; n <= 63661; n++) {
        double zero = (double)(n * 1.57079632679489661923132169163975L);
        CLOSE(bg_cos(zero), cosl(zero), zero);
    }
}

Test(math, cos_has_its_edges)
{
    cr_assert_eq(bg_cos(0), 1);
    cr_assert_eq(bg_cos(0x1p-1074), 1);
    cr_assert_eq(bg_cos(-1.25), bg_cos(1.25));
    CLOSE(bg_cos(1e5), cosl(1e5), 1e5);
    cr_assert(isnan(bg_cos(NAN)) && isnan(bg_cos(INFINITY)) && isnan(bg_cos(-100001)));
}

/* FNV-1a over the results' bits: another machine that computes other bits fails here. */
Test(math, results_are_the_same_bits_on_every_machine)
{
    struct bg_prng prng;
    uint64_t hash = 0xcbf29ce484222325u;
    bg_prng_init(&prng, 6);
    for (int i = 0; i < 20000; i++) {
        double x = between(&prng, -50, 50);
        double results[] = {bg_exp(x),      bg_exp2(x), bg_ln(fabs(x)), bg_log2(fabs(x)), bg_log1p(fabs(x)),
                            bg_pow(2.5, x), bg_cos(x)};
        for (size_t j = 0; j < sizeof results; j++)
            hash = (hash ^ ((const uint8_t *)results)[j]) * 0x100000001b3u;
    }
    cr_assert_eq(hash, 0x793893e545fc93ecu, "0x%016llx", (unsigned long long)hash);
}
