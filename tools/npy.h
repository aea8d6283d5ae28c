/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NumPy's .npy files, versions 1.0 to 3.0: little-endian float32 and float64 and int8 in C order, one or two
 * dimensions. Strict: the header must be a dictionary of exactly descr, fortran_order and shape, and the file
 * must end where the data does.
 */
#pragma once

#include "base/error.h"
#include "robust/columns.h"

#include <stdint.h>

struct bg_npy {
    enum bg_column_type type; /* BG_COLUMN_INT8, BG_COLUMN_FLOAT32 or BG_COLUMN_FLOAT64 */
    uint32_t dimensions;      /* 1 or 2 */
    size_t rows, columns;     /* one dimension: rows 1 */
    void *data;               /* rows × columns, row-major, aligned for any type; owned */
};

size_t bg_column_type_bytes(enum bg_column_type type);

/* BG_NOT_FOUND, BG_IO, BG_NO_MEMORY; BG_DATA names the file and what is wrong with it, BG_UNSUPPORTED an
 * array that is well-formed but not of the kinds above. */
BG_MUST_CHECK enum bg_status bg_npy_load(const char *path, struct bg_error *error, struct bg_npy *ret_npy);
void bg_npy_finish(struct bg_npy *npy);
/* Writes a vector as version 1.0 float64, whole or not at all. */
BG_MUST_CHECK enum bg_status bg_npy_save(const char *path, const double *values, size_t count,
                                         struct bg_error *error);
