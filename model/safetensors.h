/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of named tensors: u64 header length, a JSON header, the tensors' bytes; little-endian, row-major.
 *
 *   {"__metadata__": {key: text, …}, name: {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …}
 *
 * Offsets count from the end of the header. The reader is strict: a header of at most BG_SAFETENSORS_MAX_HEADER bytes
 * that starts with '{', nothing repeated, nothing unknown in an entry, every tensor exactly as large as its shape and
 * type say, and the tensors cover the bytes after the header without hole, overlap or rest.
 */
#pragma once

#include "base/arena.h"
#include "base/layout.h"
#include "base/span.h"

#define BG_SAFETENSORS_MAX_HEADER ((size_t)16 << 20)
#define BG_SAFETENSORS_MAX_METADATA ((size_t)1024)

/*        name  bytes */
#define BG_DTYPE_MAP(X) \
    X(F32, 4)           \
    X(F16, 2)           \
    X(BF16, 2)          \
    X(I64, 8)

enum bg_dtype {
#define X(name, bytes) BG_DTYPE_##name,
    BG_DTYPE_MAP(X)
#undef X
    BG_DTYPE_COUNT
};

const char *bg_dtype_name(enum bg_dtype dtype);
size_t bg_dtype_size(enum bg_dtype dtype);

struct bg_safetensor {
    char name[BG_TENSOR_NAME_BYTES];
    enum bg_dtype dtype;
    uint32_t rank; /* 0 for a scalar */
    uint64_t shape[BG_TENSOR_MAX_RANK]; /* unused entries 1 */
    struct bg_span data;                /* in the parsed bytes */
};

struct bg_metadata {
    const char *key;
    const char *value;
};

struct bg_safetensors {
    const char *file; /* what errors call it */
    struct bg_safetensor *tensors;
    size_t tensor_count; /* in the order of their data */
    struct bg_metadata *metadata;
    size_t metadata_count;
    struct bg_arena arena;
};

/* Keeps the content until bg_safetensors_finish; copies `file`. The error names file and tensor: BG_TRUNCATED,
 * BG_TOO_LARGE, BG_DECODE, or BG_UNSUPPORTED for a data type not listed above. */
BG_MUST_CHECK enum bg_status bg_safetensors_parse(struct bg_span content, const char *file, struct bg_error *error,
                                                  struct bg_safetensors *ret_tensors);
void bg_safetensors_finish(struct bg_safetensors *tensors);
/* NULL if there is none of that name. */
const struct bg_safetensor *bg_safetensors_find(const struct bg_safetensors *tensors, const char *name);
const char *bg_safetensors_metadata(const struct bg_safetensors *tensors, const char *key);
/* BG_DATA unless a tensor of this name and shape is there, as F32: check before taking memory for it. */
BG_MUST_CHECK enum bg_status bg_safetensors_check(const struct bg_safetensors *tensors,
                                                  const struct bg_tensor *tensor, struct bg_error *error);
/* The values (tensor->count) of a tensor that bg_safetensors_check accepts: BG_DATA; BG_NOT_FINITE if one is NaN or
 * infinite. */
BG_MUST_CHECK enum bg_status bg_safetensors_read(const struct bg_safetensors *tensors, const struct bg_tensor *tensor,
                                                 struct bg_error *error, float *ret_values);

struct bg_tensor_values {
    const struct bg_tensor *tensor; /* its name, shape and count; the offset is not used */
    const float *values;            /* (tensor->count) */
};

/* Appends a file: metadata and tensors in the order given, the header padded with blanks to a multiple of 8. Equal
 * inputs give equal bytes. Names must differ. BG_NO_MEMORY, or BG_TOO_LARGE for a header over the limit. */
BG_MUST_CHECK enum bg_status bg_safetensors_write(struct bg_writer *writer, const struct bg_metadata *metadata,
                                                  size_t metadata_count, const struct bg_tensor_values *tensors,
                                                  size_t tensor_count);
