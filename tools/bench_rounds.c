/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench_rounds.h"

#include "base/clock.h"

#include <assert.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bg_bench_median(double *values, size_t count)
{
    assert(count > 0);
    qsort(values, count, sizeof *values, compare);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

static enum bg_status time_task(const struct bg_bench_task *task, struct bg_error *error, double *ret_seconds)
{
    enum bg_status status = task->prepare ? task->prepare(task->context, error) : BG_OK;
    if (status != BG_OK)
        return status;
    uint64_t begun = bg_clock_thread_cpu_ns();
    status = task->run(task->context, error);
    *ret_seconds = (double)(bg_clock_thread_cpu_ns() - begun) / 1e9;
    return status;
}

enum bg_status bg_bench_rounds(const struct bg_bench_task *tasks, size_t count, size_t rounds, struct bg_error *error,
                               double *ret_seconds)
{
    assert(rounds > 0);
    double *times = calloc(count, (rounds + 1) * sizeof *times);
    enum bg_status status = times || count == 0 ? BG_OK : bg_fail(error, BG_NO_MEMORY, "out of memory");

    /* Row i has task i's times; the last one, of the first turn, is not looked at. */
    for (size_t turn = 0; turn <= rounds && status == BG_OK; turn++)
        for (size_t k = 0; k < count && status == BG_OK; k++) {
            size_t i = turn % 2 ? count - 1 - k : k;
            status = time_task(&tasks[i], error, &times[i * (rounds + 1) + (rounds - turn)]);
        }
    for (size_t i = 0; i < count && status == BG_OK; i++)
        ret_seconds[i] = bg_bench_median(&times[i * (rounds + 1)], rounds);
    free(times);
    return status;
}
