/* SPDX-License-Identifier: Apache-2.0 */
/* A set of matrix rows that answers whether a row's features occurred before, byte for byte, and under which
 * label. */
#pragma once

#include "base/examples.h"
#include "base/status.h"

#include <stdbool.h>

struct bg_row_set {
    const struct bg_examples *examples;
    uint32_t *slots; /* row + 1; 0 is free */
    size_t mask;     /* slots − 1 */
};

struct bg_row_match {
    bool same_label;
    bool other_label;
};

/* Room for all of the examples' rows, whose matrix it keeps. BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_row_set_init(struct bg_row_set *set, const struct bg_examples *examples);
void bg_row_set_finish(struct bg_row_set *set);
void bg_row_set_add(struct bg_row_set *set, uint32_t row);
struct bg_row_match bg_row_set_find(const struct bg_row_set *set, uint32_t row);
