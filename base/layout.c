/* SPDX-License-Identifier: Apache-2.0 */
#include "base/layout.h"

#include "base/checked.h"

#include <stdlib.h>
#include <string.h>

void bg_layout_init(struct bg_layout *layout)
{
    *layout = (struct bg_layout){0};
}

void bg_layout_finish(struct bg_layout *layout)
{
    free(layout->tensors);
    bg_layout_init(layout);
}

static enum bg_status shape_count(const char *name, uint32_t rank, const uint32_t *shape, struct bg_error *error,
                                  size_t *ret_count)
{
    size_t count = 1;
    if (rank == 0 || rank > BG_TENSOR_MAX_RANK)
        return bg_fail(error, BG_INVALID, "tensor %s: rank %u is not 1 to %d", name, rank, BG_TENSOR_MAX_RANK);
    for (uint32_t i = 0; i < rank; i++) {
        if (shape[i] == 0)
            return bg_fail(error, BG_INVALID, "tensor %s: extent %u is zero", name, i);
        if (!bg_size_multiply(count, shape[i], &count) || count > BG_LAYOUT_MAX_COORDINATES)
            return bg_fail(error, BG_TOO_LARGE, "tensor %s: more than %zu coordinates", name,
                           BG_LAYOUT_MAX_COORDINATES);
    }
    *ret_count = count;
    return BG_OK;
}

enum bg_status bg_layout_add(struct bg_layout *layout, const char *name, uint32_t rank, const uint32_t *shape,
                             struct bg_error *error)
{
    size_t count = 0;
    if (name[0] == '\0' || strlen(name) >= BG_TENSOR_NAME_BYTES)
        return bg_fail(error, BG_INVALID, "tensor name of %zu bytes: give 1 to %d", strlen(name),
                       BG_TENSOR_NAME_BYTES - 1);
    if (bg_layout_find(layout, name))
        return bg_fail(error, BG_INVALID, "tensor %s appears twice", name);
    enum bg_status status = shape_count(name, rank, shape, error, &count);
    if (status != BG_OK)
        return status;
    if (layout->tensor_count == BG_LAYOUT_MAX_TENSORS || count > BG_LAYOUT_MAX_COORDINATES - layout->coordinates)
        return bg_fail(error, BG_TOO_LARGE, "tensor %s: the layout is over its limit", name);
    struct bg_tensor *tensors = realloc(layout->tensors, (layout->tensor_count + 1) * sizeof *tensors);
    if (!tensors)
        return bg_fail(error, BG_NO_MEMORY, "tensor %s: out of memory", name);
    layout->tensors = tensors;
    struct bg_tensor *tensor = &tensors[layout->tensor_count++];
    *tensor = (struct bg_tensor){.rank = rank, .offset = layout->coordinates, .count = count};
    strcpy(tensor->name, name);
    for (uint32_t i = 0; i < BG_TENSOR_MAX_RANK; i++)
        tensor->shape[i] = i < rank ? shape[i] : 1;
    layout->coordinates += count;
    return BG_OK;
}

enum bg_status bg_layout_copy(const struct bg_layout *layout, struct bg_layout *ret_copy)
{
    struct bg_layout copy = *layout;
    copy.tensors = malloc((layout->tensor_count ? layout->tensor_count : 1) * sizeof *copy.tensors);
    if (!copy.tensors)
        return BG_NO_MEMORY;
    if (layout->tensor_count)
        memcpy(copy.tensors, layout->tensors, layout->tensor_count * sizeof *copy.tensors);
    *ret_copy = copy;
    return BG_OK;
}

static bool tensor_equal(const struct bg_tensor *a, const struct bg_tensor *b)
{
    return strcmp(a->name, b->name) == 0 && a->rank == b->rank && memcmp(a->shape, b->shape, sizeof a->shape) == 0;
}

bool bg_layout_equal(const struct bg_layout *a, const struct bg_layout *b)
{
    if (a->tensor_count != b->tensor_count)
        return false;
    for (size_t i = 0; i < a->tensor_count; i++)
        if (!tensor_equal(&a->tensors[i], &b->tensors[i]))
            return false;
    return true;
}

const struct bg_tensor *bg_layout_find(const struct bg_layout *layout, const char *name)
{
    for (size_t i = 0; i < layout->tensor_count; i++)
        if (strcmp(layout->tensors[i].name, name) == 0)
            return &layout->tensors[i];
    return NULL;
}
