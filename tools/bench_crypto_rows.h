/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results of `burgee-bench crypto`: rows named group/who, such as encrypt/window, and how many times as fast burgee's
 * own are as the others of the same group.
 */
#pragma once

#include "base/json.h"

#include <stdio.h>

struct bg_bench_row {
    char name[48];      /* "encrypt-pool/portable" */
    char group[24];     /* whose rows it is compared with: "encrypt" */
    const char *absent; /* why it was not measured, NULL: it was */
    bool ours;          /* not a baseline */
    bool coordinate;    /* one of many in a ciphertext, instead of a whole one */
    double seconds;     /* for one ciphertext or coordinate */
    size_t table_bytes; /* 0: no table */
    double bytes;       /* of ciphertext, for a coordinate and for a sum; 0: not of interest */
};

#define BG_BENCH_MOST_ROWS 64
struct bg_bench_rows {
    struct bg_bench_row rows[BG_BENCH_MOST_ROWS];
    size_t count;
};

/* Whom rows are compared with, NULL at the end. */
extern const char *const bg_bench_rivals[];

/* How many times as long group/rival took as this row: 0 for baselines, and where there is no such row. */
double bg_bench_ratio(const struct bg_bench_rows *rows, const struct bg_bench_row *row, const char *rival);

/* One table of the operations and one of the coordinates, for people. */
void bg_bench_rows_print(const struct bg_bench_rows *rows, FILE *out);
/* Appends one object per row to an array. */
void bg_bench_rows_add(const struct bg_bench_rows *rows, struct bg_json *array);
