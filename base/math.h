/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elementary functions whose results do not depend on the C library, so that models and digests are the same
 * on every machine. Only +, −, ×, / of IEEE 754 double and exact scaling by powers of two are used, in a fixed
 * order (-ffp-contract=off). Errors are below 2 ulp.
 */
#pragma once

double bg_exp(double x);   /* overflow gives +inf, underflow 0, NaN gives NaN */
double bg_exp2(double x);  /* exact for whole x */
double bg_ln(double x);    /* x < 0 gives NaN, 0 gives −inf */
double bg_log2(double x);  /* exact for powers of two */
double bg_log1p(double x); /* log(1 + x), accurate near 0; x < −1 gives NaN */
double bg_pow(double x, double y); /* x ≥ 0, otherwise NaN; pow(x, 0) = 1 */
double bg_cos(double x);           /* |x| ≤ 1e5, otherwise NaN */
