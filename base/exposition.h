/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics as text that Prometheus reads (text format 0.0.4): a family, then its samples. Numbers are integers;
 * durations are given in nanoseconds and written in seconds, exactly.
 */
#pragma once

#include "base/span.h"

#define BG_EXPOSITION_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* One label of a sample; a NULL name: none. The value may be any text. */
struct bg_label {
    const char *name, *value;
};

/* "# HELP" and "# TYPE"; type is "counter", "gauge" or "histogram". help: one line. */
void bg_expose_family(struct bg_writer *w, const char *name, const char *type, const char *help);
void bg_expose_number(struct bg_writer *w, const char *name, struct bg_label label, uint64_t value);
void bg_expose_seconds(struct bg_writer *w, const char *name, struct bg_label label, uint64_t ns);
/* A family with one sample without label. */
void bg_expose_counter(struct bg_writer *w, const char *name, const char *help, uint64_t value);
void bg_expose_gauge(struct bg_writer *w, const char *name, const char *help, uint64_t value);

/* How many observations were at most so long. */
struct bg_histogram {
    const uint64_t *bounds_ns; /* (count) ascending */
    size_t count;
    uint64_t *buckets; /* (count + 1) the last: longer than every bound; caller's memory, zeroed */
    uint64_t sum_ns;
};

void bg_histogram_observe(struct bg_histogram *histogram, uint64_t ns);
/* Its family, cumulative buckets, _sum and _count. */
void bg_expose_histogram(struct bg_writer *w, const char *name, const char *help,
                         const struct bg_histogram *histogram);
