/* SPDX-License-Identifier: Apache-2.0 */
/* What `burgee-bench codec` measures: one row per task and kernel, and memcpy as the first. */
#pragma once

#include "base/error.h"
#include "compress/kernel.h"

#include <stdbool.h>
#include <stddef.h>

struct bg_bench_codec_row {
    char name[48];  /* "sign/avx2" */
    bool absent;    /* this processor lacks what the kernel needs */
    double seconds; /* per coordinate */
    double bytes;   /* read and written per coordinate, 0: not of interest */
};

#define BG_BENCH_CODEC_MOST_ROWS 48
struct bg_bench_codec {
    size_t coordinates, rounds; /* given, at least 1000 and 1 */
    struct bg_bench_codec_row rows[BG_BENCH_CODEC_MOST_ROWS];
    size_t row_count;
};

/* Fills the rows. BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_bench_codec_run(struct bg_bench_codec *bench, struct bg_error *error);
/* Bytes per second, of memcpy's. */
double bg_bench_codec_of_memcpy(const struct bg_bench_codec *bench, const struct bg_bench_codec_row *row);
