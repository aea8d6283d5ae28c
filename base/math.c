/* SPDX-License-Identifier: Apache-2.0 */
#include "base/math.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>

/* 16 concerns half precision only. */
_Static_assert((FLT_EVAL_METHOD == 0 || FLT_EVAL_METHOD == 16) && DBL_MANT_DIG == 53,
               "double arithmetic must be IEEE 754 binary64");

/*
 * Constants are split so that (head × small integer) is exact: the heads of ln 2 have 42 bits (times |k| < 2^11),
 * those of π/2 have 35 bits (times n < 2^17).
 */
#define LN2 0x1.62e42fefa39efp-1
#define LN2_REST 0x1.abc9e3b39803fp-56
#define LN2_HEAD 0x1.62e42fefa3800p-1
#define LN2_TAIL 0x1.ef35793c76730p-45
#define INVERSE_LN2 0x1.71547652b82fep+0
#define INVERSE_LN2_REST 0x1.777d0ffda0d24p-56
#define THIRD 0x1.5555555555555p-2
#define THIRD_REST 0x1.5555555555555p-56
#define SQRT_HALF 0x1.6a09e667f3bcdp-1
#define TWO_OVER_PI 0x1.45f306dc9c883p-1
#define HALF_PI_1 0x1.921fb54440000p+0
#define HALF_PI_2 0x1.68c234c4c0000p-39
#define HALF_PI_3 0x1.98a2e03707345p-77

/* The unevaluated sum high + low, |low| ≤ ulp(high) / 2: about 106 bits. */
struct wide {
    double high, low;
};

static struct wide sum(double a, double b)
{
    double high = a + b;
    double shadow = high - a;
    return (struct wide){high, (a - (high - shadow)) + (b - shadow)};
}

/* Dekker's exact product; |a|, |b| < 2^970. */
static struct wide product(double a, double b)
{
    double high = a * b;
    double ca = a * 134217729.0, cb = b * 134217729.0; /* 2^27 + 1 cuts a significand in two halves */
    double ah = ca - (ca - a), al = a - ah;
    double bh = cb - (cb - b), bl = b - bh;
    return (struct wide){high, ((ah * bh - high) + ah * bl + al * bh) + al * bl};
}

static struct wide wide_add(struct wide a, struct wide b)
{
    struct wide s = sum(a.high, b.high);
    return sum(s.high, s.low + (a.low + b.low));
}

static struct wide wide_multiply(struct wide a, struct wide b)
{
    struct wide p = product(a.high, b.high);
    return sum(p.high, p.low + (a.high * b.low + a.low * b.high));
}

static double polynomial(double x, const double *coefficients, size_t count)
{
    double value = 0;
    while (count-- > 0)
        value = value * x + coefficients[count];
    return value;
}
#define POLYNOMIAL(x, table) polynomial((x), (table), sizeof(table) / sizeof *(table))

/*
 * 2^k · exp(r + c) for |r| ≤ ln 2 / 2 and |c| tiny: Taylor to degree 13, whose remainder is below 2^-57.
 */
static double exp_reduced(int k, double r, double c)
{
    static const double table[] = {
        1.0 / 2,     1.0 / 6,      1.0 / 24,      1.0 / 120,      1.0 / 720,       1.0 / 5040,
        1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0,
    };
    return ldexp(1 + (r + (c + r * r * POLYNOMIAL(r, table))), k);
}

/* exp(x.high + x.low), saturating. */
static double exp_wide(struct wide x)
{
    if (x.high > 710)
        return INFINITY;
    if (x.high < -746)
        return 0;
    double k = floor(x.high * INVERSE_LN2 + 0.5);
    struct wide r = sum(x.high - k * LN2_HEAD, x.low - k * LN2_TAIL);
    return exp_reduced((int)k, r.high, r.low);
}

double bg_exp(double x)
{
    return isnan(x) ? x : exp_wide((struct wide){x, 0});
}

double bg_exp2(double x)
{
    if (isnan(x))
        return x;
    if (x >= 1024)
        return INFINITY;
    if (x < -1076)
        return 0;
    double k = floor(x + 0.5);
    struct wide r = wide_multiply((struct wide){x - k, 0}, (struct wide){LN2, LN2_REST});
    return exp_reduced((int)k, r.high, r.low);
}

/*
 * log(1 + f) for 1 + f in [√½, √2]: with s = f / (2 + f), |s| < 0.172, it is 2 atanh s = 2 s (1 + s²/3 + s⁴/5 + …).
 * The first two terms are wide, the rest (below 2^-12) is cut where it falls under 2^-66.
 */
static struct wide log_reduced(struct wide f)
{
    static const double table[] = {
        1.0 / 5,  1.0 / 7,  1.0 / 9,  1.0 / 11, 1.0 / 13, 1.0 / 15,
        1.0 / 17, 1.0 / 19, 1.0 / 21, 1.0 / 23, 1.0 / 25, 1.0 / 27,
    };
    struct wide d = wide_add((struct wide){2, 0}, f);
    double quotient = f.high / d.high;
    struct wide back = product(quotient, d.high);
    double rest = ((f.high - back.high) - back.low + f.low) - quotient * d.low;
    struct wide s = sum(quotient, rest / d.high);
    struct wide z = wide_multiply(s, s);
    struct wide series = wide_multiply(z, (struct wide){THIRD, THIRD_REST});
    series = wide_add(series, sum(z.high * z.high * POLYNOMIAL(z.high, table), 0));
    s = (struct wide){2 * s.high, 2 * s.low};
    return wide_add(s, wide_multiply(s, series));
}

/* x = 2^k (1 + f) with 1 + f in [√½, √2); 0 < x < ∞. */
static int split(double x, double *ret_f)
{
    int k;
    double m = frexp(x, &k);
    if (m < SQRT_HALF) {
        m *= 2;
        k--;
    }
    *ret_f = m - 1;
    return k;
}

static struct wide log_wide(double x)
{
    double f;
    int k = split(x, &f);
    struct wide whole = sum(k * LN2_HEAD, k * LN2_TAIL);
    return wide_add(whole, log_reduced((struct wide){f, 0}));
}

/* The values that no logarithm computes; false if x is an ordinary positive number. */
static bool log_is_special(double x, double *ret)
{
    if (x > 0 && x < INFINITY)
        return false;
    *ret = x > 0 || isnan(x) ? x : x == 0 ? -INFINITY : NAN;
    return true;
}

double bg_ln(double x)
{
    double special;
    return log_is_special(x, &special) ? special : log_wide(x).high;
}

double bg_log2(double x)
{
    double f;
    if (log_is_special(x, &f))
        return f;
    int k = split(x, &f);
    struct wide fraction = wide_multiply(log_reduced((struct wide){f, 0}),
                                         (struct wide){INVERSE_LN2, INVERSE_LN2_REST});
    return wide_add((struct wide){k, 0}, fraction).high;
}

double bg_log1p(double x)
{
    if (fabs(x) < 0x1p-54)
        return x;
    double special;
    struct wide u = sum(1, x);
    if (log_is_special(u.high, &special))
        return special;
    if (x > -0.25 && x < 0.375)
        return log_reduced((struct wide){x, 0}).high;
    struct wide l = log_wide(u.high); /* log(u + δ) = log u + δ/u − … ; |δ/u| ≤ 2^-53 */
    return l.high + (l.low + u.low / u.high);
}

double bg_pow(double x, double y)
{
    if (y == 0 || x == 1)
        return 1;
    if (isnan(x) || isnan(y) || x < 0)
        return NAN;
    if (x == 0 || x == INFINITY)
        return (x == 0) == (y > 0) ? 0 : INFINITY;
    /* |log x| ≥ 2^-53 saturates long before |y| = 2^64, and the product stays inside Dekker's range. */
    y = fmin(fmax(y, -0x1p64), 0x1p64);
    return exp_wide(wide_multiply((struct wide){y, 0}, log_wide(x)));
}

double bg_cos(double x)
{
    static const double sine[] = {
        -1.0 / 6,        1.0 / 120,           -1.0 / 5040,           1.0 / 362880,
        -1.0 / 39916800, 1.0 / 6227020800.0, -1.0 / 1307674368000.0, 1.0 / 355687428096000.0,
    };
    static const double cosine[] = {
        1.0 / 24,        -1.0 / 720,           1.0 / 40320,           -1.0 / 3628800,
        1.0 / 479001600, -1.0 / 87178291200.0, 1.0 / 20922789888000.0,
    };
    x = fabs(x);
    if (!(x <= 1e5))
        return NAN;
    double n = floor(x * TWO_OVER_PI + 0.5);
    struct wide r = sum(x - n * HALF_PI_1, -(n * HALF_PI_2));
    r = wide_add(r, (struct wide){-(n * HALF_PI_3), 0});
    double z = r.high * r.high;
    int quadrant = (int)n & 3;
    double value;
    if (quadrant & 1) {
        value = r.high + (r.low * (1 - z / 2) + r.high * z * POLYNOMIAL(z, sine));
    } else {
        double head = 1 - z / 2;
        value = head + (((1 - head) - z / 2) + (z * z * POLYNOMIAL(z, cosine) - r.high * r.low));
    }
    return quadrant == 1 || quadrant == 2 ? -value : value;
}
