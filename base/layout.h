/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where each named tensor lies in one flat block of float32 parameters: the shape that model, codec, plan and
 * model files share. Tensors follow each other without gaps, row-major, in the order they were added.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BG_TENSOR_NAME_BYTES 128 /* with the NUL */
#define BG_TENSOR_MAX_RANK 4
#define BG_LAYOUT_MAX_TENSORS 4096
#define BG_LAYOUT_MAX_COORDINATES ((size_t)1 << 31) /* fits size_t on 32-bit devices, too */

struct bg_tensor {
    char name[BG_TENSOR_NAME_BYTES];
    uint32_t rank;
    uint32_t shape[BG_TENSOR_MAX_RANK]; /* unused entries 1 */
    size_t offset;                      /* of its first coordinate in the flat block */
    size_t count;                       /* product of the shape, > 0 */
};

struct bg_layout {
    struct bg_tensor *tensors;
    size_t tensor_count;
    size_t coordinates; /* of all tensors */
};

void bg_layout_init(struct bg_layout *layout);
void bg_layout_finish(struct bg_layout *layout);
/* BG_INVALID: empty or repeated name, rank 0 or over the maximum, a zero extent; BG_TOO_LARGE: over a limit. */
BG_MUST_CHECK enum bg_status bg_layout_add(struct bg_layout *layout, const char *name, uint32_t rank,
                                           const uint32_t *shape, struct bg_error *error);
BG_MUST_CHECK enum bg_status bg_layout_copy(const struct bg_layout *layout, struct bg_layout *ret_copy);
/* Same names, shapes and order. */
bool bg_layout_equal(const struct bg_layout *a, const struct bg_layout *b);
/* NULL if there is none of that name. */
const struct bg_tensor *bg_layout_find(const struct bg_layout *layout, const char *name);
