/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One block of caller's memory cut into arrays. With base NULL nothing is cut and only `used` grows, so the
 * function that lays a block out is also the one that measures it.
 */
#pragma once

#include "base/checked.h"

#define BG_WORKSPACE_ALIGNMENT ((size_t)64)

struct bg_carver {
    uint8_t *base; /* NULL: measure */
    size_t used;   /* SIZE_MAX once the sum has overflowed: more than any allocator gives */
};

/* count × size bytes, not zeroed, each array a multiple of BG_WORKSPACE_ALIGNMENT from the base. */
static inline void *bg_carve(struct bg_carver *carver, size_t count, size_t size)
{
    size_t begin = carver->used;
    size_t bytes;
    if (!bg_size_multiply(count, size, &bytes) || !bg_size_round_up(bytes, BG_WORKSPACE_ALIGNMENT, &bytes) ||
        !bg_size_add(begin, bytes, &carver->used))
        carver->used = SIZE_MAX;
    return carver->base ? carver->base + begin : NULL;
}

#define BG_CARVE_ARRAY(carver, type, count) ((type *)bg_carve((carver), (count), sizeof(type)))
