/* SPDX-License-Identifier: Apache-2.0 */
/* How a model gets better round by round, as a picture. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bg_plot_point {
    uint64_t round; /* of learning, from 1 */
    double accuracy, macro_f1;
};

struct bg_plot {
    const struct bg_plot_point *points; /* (count) */
    size_t count;
    uint64_t rounds; /* that the axis reaches to */
    size_t clients, groups;
    bool synthetic;
    double central;  /* accuracy of the same model on pooled data; 0: not known */
};

/* A PNG, drawn by gnuplot. BG_UNSUPPORTED without gnuplot. */
BG_MUST_CHECK enum bg_status bg_plot_draw(const struct bg_plot *plot, const char *path, struct bg_error *error);
