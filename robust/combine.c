/* SPDX-License-Identifier: Apache-2.0 */
#include "robust/combine.h"

#include "base/checked.h"
#include "base/workers.h"

#include <string.h>

/* Coordinates are independent, so that cutting them into pieces changes no bit. */
enum {
    PIECE = 16384,
    BLOCK = 512
};

struct combine_pass {
    const struct bg_columns *columns;
    const double *weights;
    double *doubles;
    float *floats; /* one of the two is NULL */
};

static void combine_block(const struct combine_pass *pass, size_t begin, size_t count)
{
    double sum[BLOCK] = {0}, values[BLOCK];
    for (size_t i = 0; i < pass->columns->count; i++) {
        if (pass->weights[i] == 0)
            continue;
        double weight = pass->weights[i] * bg_column_factor(pass->columns, i);
        bg_column_read(pass->columns, i, begin, count, values);
        for (size_t t = 0; t < count; t++)
            sum[t] += weight * values[t];
    }
    if (pass->doubles)
        memcpy(pass->doubles + begin, sum, count * sizeof *sum);
    else
        for (size_t t = 0; t < count; t++)
            pass->floats[begin + t] = (float)sum[t];
}

static void combine_piece(void *context, size_t piece)
{
    const struct combine_pass *pass = context;
    size_t begin = piece * PIECE, length = pass->columns->length;
    size_t end = length - begin < PIECE ? length : begin + PIECE;
    for (; begin < end; begin += BLOCK)
        combine_block(pass, begin, end - begin < BLOCK ? end - begin : BLOCK);
}

static void combine(struct combine_pass *pass, struct bg_workers *workers)
{
    size_t pieces = bg_divide_up(pass->columns->length, PIECE);
    if (workers)
        bg_workers_for(workers, pieces, combine_piece, pass);
    else
        for (size_t piece = 0; piece < pieces; piece++)
            combine_piece(pass, piece);
}

void bg_combine(const struct bg_columns *columns, const double *weights, struct bg_workers *workers,
                double *ret_sum)
{
    combine(&(struct combine_pass){columns, weights, ret_sum, NULL}, workers);
}

void bg_combine_float(const struct bg_columns *columns, const double *weights, struct bg_workers *workers,
                      float *ret_sum)
{
    combine(&(struct combine_pass){columns, weights, NULL, ret_sum}, workers);
}
