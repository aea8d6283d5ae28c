/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A borrowed view of labelled rows: what datasets give and models take. `rows` selects and orders rows of the
 * shared matrix, so that clients of one process share its memory.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct bg_examples {
    const float *features;  /* (all rows, columns) row-major, finite */
    const uint16_t *labels; /* (all rows), each < classes */
    const uint32_t *rows;   /* (count) indices into the matrix; NULL: rows 0 … count−1 */
    size_t count;
    size_t columns;
    uint32_t classes;
};

static inline size_t bg_example_row(const struct bg_examples *examples, size_t i)
{
    return examples->rows ? examples->rows[i] : i;
}

static inline const float *bg_example_features(const struct bg_examples *examples, size_t i)
{
    return examples->features + bg_example_row(examples, i) * examples->columns;
}

static inline uint16_t bg_example_label(const struct bg_examples *examples, size_t i)
{
    return examples->labels[bg_example_row(examples, i)];
}

/* Examples first … first + count − 1, which must exist. */
static inline struct bg_examples bg_examples_slice(const struct bg_examples *examples, size_t first, size_t count)
{
    struct bg_examples slice = *examples;
    slice.count = count;
    if (examples->rows) {
        slice.rows += first;
    } else {
        slice.features += first * examples->columns;
        slice.labels += first;
    }
    return slice;
}
