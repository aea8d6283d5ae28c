/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of tensors. A file of float32 tensors that we could have written is written again and parses to the same
 * tensors and metadata; headers have many spellings.
 */
#include "model/safetensors.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

/* What bg_safetensors_write can say: float32, of rank and extents that a layout has. */
static bool to_layout(const struct bg_safetensors *file, struct bg_layout *layout)
{
    for (size_t i = 0; i < file->tensor_count; i++) {
        const struct bg_safetensor *tensor = &file->tensors[i];
        uint32_t shape[BG_TENSOR_MAX_RANK];
        for (size_t d = 0; d < BG_TENSOR_MAX_RANK; d++) {
            shape[d] = (uint32_t)tensor->shape[d];
            if (shape[d] != tensor->shape[d])
                return false;
        }
        if (tensor->dtype != BG_DTYPE_F32 ||
            bg_layout_add(layout, tensor->name, tensor->rank, shape, NULL) != BG_OK)
            return false;
    }
    return true;
}

static void require_same(const struct bg_safetensors *a, const struct bg_safetensors *b)
{
    FUZZ_REQUIRE(a->tensor_count == b->tensor_count && a->metadata_count == b->metadata_count, "something is gone");
    for (size_t i = 0; i < a->tensor_count; i++) {
        const struct bg_safetensor *x = &a->tensors[i], *y = bg_safetensors_find(b, x->name);
        FUZZ_REQUIRE(y && x->dtype == y->dtype && x->rank == y->rank &&
                         memcmp(x->shape, y->shape, sizeof x->shape) == 0 && bg_span_equal(x->data, y->data),
                     "%s", x->name);
    }
    for (size_t i = 0; i < a->metadata_count; i++) {
        const char *value = bg_safetensors_metadata(b, a->metadata[i].key);
        FUZZ_REQUIRE(value && strcmp(value, a->metadata[i].value) == 0, "%s", a->metadata[i].key);
    }
}

static enum bg_status write_again(const struct bg_safetensors *file, const struct bg_layout *layout,
                                  struct bg_writer *w)
{
    struct bg_arena arena;
    bg_arena_init(&arena, SIZE_MAX);
    struct bg_tensor_values *tensors = BG_ARENA_ARRAY(&arena, struct bg_tensor_values, file->tensor_count);
    enum bg_status status = tensors ? BG_OK : BG_NO_MEMORY;
    for (size_t i = 0; status == BG_OK && i < file->tensor_count; i++) {
        float *values = BG_ARENA_ARRAY(&arena, float, layout->tensors[i].count);
        if (values)
            memcpy(values, file->tensors[i].data.data, file->tensors[i].data.size);
        else
            status = BG_NO_MEMORY;
        tensors[i] = (struct bg_tensor_values){&layout->tensors[i], values};
    }
    if (status == BG_OK)
        status = bg_safetensors_write(w, file->metadata, file->metadata_count, tensors, file->tensor_count);
    bg_arena_finish(&arena);
    return status;
}

static enum bg_status check(struct bg_span input)
{
    struct bg_safetensors file = {0}, again = {0};
    struct bg_error error;
    struct bg_layout layout;
    struct bg_writer w;
    enum bg_status status = bg_safetensors_parse(input, "input", &error, &file);
    if (status != BG_OK)
        return fuzz_refused(status, &error);
    bg_layout_init(&layout);
    bg_writer_init(&w);
    if (to_layout(&file, &layout)) {
        status = write_again(&file, &layout, &w);
        FUZZ_REQUIRE(status == BG_OK || status == BG_NO_MEMORY, "%s", bg_status_name(status));
        if (status == BG_OK) {
            status = bg_safetensors_parse(bg_writer_span(&w), "again", &error, &again);
            FUZZ_REQUIRE(status == BG_OK || status == BG_NO_MEMORY, "%s", error.text);
        }
        if (status == BG_OK) {
            require_same(&file, &again);
            bg_safetensors_finish(&again);
        }
    }
    bg_writer_finish(&w);
    bg_layout_finish(&layout);
    bg_safetensors_finish(&file);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(check, data, size);
}
