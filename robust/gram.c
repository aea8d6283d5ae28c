/* SPDX-License-Identifier: Apache-2.0 */
#include "robust/gram.h"

#include "base/checked.h"
#include "base/workers.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

/*
 * d is cut into at most PANELS panels, a panel into blocks. A panel's sums depend on d alone, and panels are
 * added in their order whichever thread made them.
 *
 * Integers: a block's dot product is at most 256·2^30 = 2^38 and so exact in double; across blocks it is
 * accumulated in int64, at most 2^32·2^30 = 2^62.
 */
enum {
    PANELS = 64,
    BLOCK = 256,
    LANES = 8
};

union sum {
    double real;
    int64_t exact;
};

struct gram_pass {
    const struct bg_columns *columns;
    bool exact;
    size_t panel_length;
    union sum *sums; /* (panels, p, p), lower triangles */
    double *blocks;  /* (panels, p, BLOCK), what a panel is working on */
    atomic_bool out_of_range;
};

static double dot(const double *a, const double *b, size_t padded)
{
    double lanes[LANES] = {0};
    for (size_t t = 0; t < padded; t += LANES)
        for (size_t lane = 0; lane < LANES; lane++)
            lanes[lane] += a[t + lane] * b[t + lane];
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

static bool read_block(const struct bg_columns *columns, size_t begin, size_t count, size_t padded,
                       double *block)
{
    bool in_range = true;
    for (size_t i = 0; i < columns->count; i++) {
        double *row = block + i * BLOCK;
        bg_column_read(columns, i, begin, count, row);
        for (size_t t = count; t < padded; t++)
            row[t] = 0;
        if (columns->type == BG_COLUMN_INT32)
            for (size_t t = 0; t < count; t++)
                in_range = in_range && row[t] >= -32768 && row[t] <= 32768;
    }
    return in_range;
}

static void sum_panel(void *context, size_t panel)
{
    struct gram_pass *pass = context;
    const struct bg_columns *columns = pass->columns;
    size_t p = columns->count, begin = panel * pass->panel_length;
    size_t end = begin + pass->panel_length < columns->length ? begin + pass->panel_length : columns->length;
    union sum *sums = pass->sums + panel * p * p;
    double *block = pass->blocks + panel * p * BLOCK;
    for (; begin < end; begin += BLOCK) {
        size_t count = end - begin < BLOCK ? end - begin : BLOCK;
        size_t padded = (count + LANES - 1) / LANES * LANES;
        if (!read_block(columns, begin, count, padded, block)) {
            atomic_store(&pass->out_of_range, true);
            return;
        }
        for (size_t i = 0; i < p; i++) {
            for (size_t j = 0; j <= i; j++) {
                double product = dot(block + i * BLOCK, block + j * BLOCK, padded);
                if (pass->exact)
                    sums[i * p + j].exact += (int64_t)product;
                else
                    sums[i * p + j].real += product;
            }
        }
    }
}

static void add_panels(const struct gram_pass *pass, size_t panels, double *ret_gram)
{
    size_t p = pass->columns->count;
    for (size_t i = 0; i < p; i++) {
        for (size_t j = 0; j <= i; j++) {
            union sum total = pass->sums[i * p + j];
            for (size_t panel = 1; panel < panels; panel++) {
                union sum part = pass->sums[panel * p * p + i * p + j];
                if (pass->exact)
                    total.exact += part.exact;
                else
                    total.real += part.real;
            }
            double sum = pass->exact ? (double)total.exact : total.real;
            sum = sum * bg_column_factor(pass->columns, i) * bg_column_factor(pass->columns, j);
            ret_gram[i * p + j] = ret_gram[j * p + i] = sum;
        }
    }
}

enum bg_status bg_gram(const struct bg_columns *columns, struct bg_workers *workers, struct bg_error *error,
                       double *ret_gram)
{
    size_t p = columns->count;
    assert(p >= 1 && p <= BG_COLUMNS_MAX);
    struct gram_pass pass = {
        .columns = columns,
        .exact = columns->type == BG_COLUMN_INT8 || columns->type == BG_COLUMN_INT16 ||
                 columns->type == BG_COLUMN_INT32,
        .panel_length = bg_divide_up(bg_divide_up(columns->length, PANELS), BLOCK) * BLOCK,
    };
    size_t panels = columns->length ? bg_divide_up(columns->length, pass.panel_length) : 1;
    enum bg_status status = BG_OK;
    /* Zero bytes are 0.0 as well as the integer 0. */
    pass.sums = calloc(panels * p * p, sizeof *pass.sums);
    pass.blocks = calloc(panels * p * BLOCK, sizeof *pass.blocks);
    if (!pass.sums || !pass.blocks) {
        status = bg_fail(error, BG_NO_MEMORY, "no memory for the Gram matrix of %zu columns", p);
        goto out;
    }
    if (workers)
        bg_workers_for(workers, panels, sum_panel, &pass);
    else
        for (size_t panel = 0; panel < panels; panel++)
            sum_panel(&pass, panel);
    if (atomic_load(&pass.out_of_range))
        status = bg_fail(error, BG_OUT_OF_RANGE, "a 32-bit column has a value beyond 32768 in size");
    else
        add_panels(&pass, panels, ret_gram);
out:
    free(pass.sums);
    free(pass.blocks);
    return status;
}

void bg_gram_signs(const struct bg_sign_bits *const *columns, size_t count, double *ret_gram)
{
    for (size_t i = 0; i < count; i++) {
        size_t length = columns[i]->count;
        ret_gram[i * count + i] = (double)length;
        for (size_t j = 0; j < i; j++) {
            uint64_t differing = 0;
            for (size_t word = 0; word < bg_sign_words(length); word++)
                differing +=
                    (uint64_t)__builtin_popcountll(columns[i]->words[word] ^ columns[j]->words[word]);
            ret_gram[i * count + j] = ret_gram[j * count + i] =
                (double)((int64_t)length - 2 * (int64_t)differing);
        }
    }
}
