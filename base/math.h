/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elementary functions whose results do not depend on the C library, so that models and digests are the same
 * on every machine. Only +, −, ×, / and sqrt of IEEE 754 are used, in a fixed order (-ffp-contract=off).
 * Errors are below 2 ulp of double.
 */
#pragma once

double bg_exp(double x);   /* overflow gives +inf, underflow 0, NaN gives NaN */
double bg_log(double x);   /* x < 0 gives NaN, 0 gives −inf */
double bg_log1p(double x); /* accurate near 0 */
double bg_log2(double x);
double bg_exp2(double x);
double bg_pow(double x, double y); /* x > 0 */
double bg_cos(double x);           /* |x| ≤ 1e5 */
