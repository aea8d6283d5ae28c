/* SPDX-License-Identifier: Apache-2.0 */
#include "robust/columns.h"

#include <stdint.h>

void bg_column_read(const struct bg_columns *columns, size_t i, size_t begin, size_t count,
                    double *ret_values)
{
    const void *data = columns->data[i];
    switch (columns->type) {
    case BG_COLUMN_INT8:
        for (size_t t = 0; t < count; t++)
            ret_values[t] = ((const int8_t *)data)[begin + t];
        break;
    case BG_COLUMN_INT16:
        for (size_t t = 0; t < count; t++)
            ret_values[t] = ((const int16_t *)data)[begin + t];
        break;
    case BG_COLUMN_INT32:
        for (size_t t = 0; t < count; t++)
            ret_values[t] = ((const int32_t *)data)[begin + t];
        break;
    case BG_COLUMN_FLOAT32:
        for (size_t t = 0; t < count; t++)
            ret_values[t] = (double)((const float *)data)[begin + t];
        break;
    case BG_COLUMN_FLOAT64:
        for (size_t t = 0; t < count; t++)
            ret_values[t] = ((const double *)data)[begin + t];
        break;
    }
}
