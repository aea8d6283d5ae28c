/* SPDX-License-Identifier: Apache-2.0 */
/* p vectors of d numbers, of any type updates come in. */
#pragma once

#include <stddef.h>

#define BG_COLUMNS_MAX 128

enum bg_column_type {
    BG_COLUMN_INT8 = 1,
    BG_COLUMN_INT16,
    BG_COLUMN_INT32, /* each value within ±32768 */
    BG_COLUMN_FLOAT32,
    BG_COLUMN_FLOAT64,
};

/* Borrowed; column i stands for factors[i]·data[i]. Group sums v are columns of factor 1/k'. */
struct bg_columns {
    enum bg_column_type type;
    size_t count;            /* p, 1 to BG_COLUMNS_MAX */
    size_t length;           /* d, at most BG_LAYOUT_MAX_COORDINATES */
    const void *const *data; /* (p) arrays of d elements of the type */
    const double *factors;   /* (p) finite; NULL: all 1 */
};

static inline double bg_column_factor(const struct bg_columns *columns, size_t i)
{
    return columns->factors ? columns->factors[i] : 1;
}

/* Copies elements begin … begin + count − 1 of column i, without its factor. */
void bg_column_read(const struct bg_columns *columns, size_t i, size_t begin, size_t count,
                    double *ret_values);
