/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparing the speed of several tasks on a machine that others use as well: the tasks take turns, so that a slow
 * moment meets all of them, and of each one's times the median counts. Time is processor time of the calling thread.
 */
#pragma once

#include "base/error.h"

#include <stddef.h>

struct bg_bench_task {
    enum bg_status (*prepare)(void *context, struct bg_error *error); /* before every run, not timed; may be NULL */
    enum bg_status (*run)(void *context, struct bg_error *error);     /* long enough to time: 1 ms or more */
    void *context;
};

/* Runs every task once to warm up and then once per round, rounds > 0, forwards and backwards in turn. ret_seconds: the
 * median time of each task's run, `count` of them. Stops at the first task that fails. */
BG_MUST_CHECK enum bg_status bg_bench_rounds(const struct bg_bench_task *tasks, size_t count, size_t rounds,
                                             struct bg_error *error, double *ret_seconds);

/* Sorts the values; of an even number of them it is the mean of the two in the middle. count > 0. */
double bg_bench_median(double *values, size_t count);
