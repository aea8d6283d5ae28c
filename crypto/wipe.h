/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets leave memory, and are compared, without the compiler or the clock telling. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Zeroes `size` bytes; cannot be optimised away. data may be NULL when size is 0. */
static inline void bg_wipe(void *data, size_t size)
{
    if (!size)
        return;
    memset(data, 0, size);
    __asm__ volatile("" : : "r"(data) : "memory");
}

/* Takes the same time for any content. */
static inline bool bg_constant_time_equal(const void *a, const void *b, size_t size)
{
    const volatile uint8_t *x = a, *y = b;
    unsigned difference = 0;
    for (size_t i = 0; i < size; i++)
        difference |= (unsigned)(x[i] ^ y[i]);
    return difference == 0;
}
