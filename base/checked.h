/* SPDX-License-Identifier: Apache-2.0 */
/* Size arithmetic that cannot wrap. Each returns false, and leaves *ret untouched, where the result overflows. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool bg_size_add(size_t a, size_t b, size_t *ret)
{
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *ret = sum;
    return true;
}

static inline bool bg_size_multiply(size_t a, size_t b, size_t *ret)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *ret = product;
    return true;
}

/* Smallest multiple of `unit` (> 0) that is at least `size`. */
static inline bool bg_size_round_up(size_t size, size_t unit, size_t *ret)
{
    size_t excess = size % unit;
    return bg_size_add(size, excess ? unit - excess : 0, ret);
}

static inline size_t bg_divide_up(size_t a, size_t b)
{
    return a / b + (a % b != 0);
}
