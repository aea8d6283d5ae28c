/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many simulations for one table: every combination of variants and grid values, each with every seed.
 *
 * Runs are child processes, so that one that fails, or falls, is a row of the table and nothing else; children see
 * the data set that was open when they were made. What is done is on disk after every run.
 */
#pragma once

#include "base/arena.h"
#include "crypto/digest.h"
#include "simulator/config.h"

#include <signal.h>
#include <stdio.h>

struct bg_json;

#define BG_SWEEP_MOST_RUNS ((size_t)10000)

/* One way to set things, to be compared with others. */
struct bg_sweep_combination {
    const char *name;    /* "variant key=value key=value"; "settings" where nothing varies */
    const char *variant; /* "" without variants */
    const char **values; /* (axis_count) of the grid, in the order of its axes */
    struct bg_simulator_config config;
    struct bg_error refusal; /* status BG_OK: it can be run */
};

enum bg_sweep_state { BG_SWEEP_WAITING = 0, BG_SWEEP_RUNNING, BG_SWEEP_FINISHED, BG_SWEEP_FAILED };

struct bg_sweep_run {
    size_t combination;
    uint64_t seed;
    struct bg_digest identity; /* of the effective settings, but for the number of threads */
    enum bg_sweep_state state;
    bool resumed;            /* its result was read, not computed */
    struct bg_json *summary; /* FINISHED: an object with "summary", as in the run's own JSON; owned */
    const char *failure;     /* FAILED: a sentence */
};

struct bg_sweep {
    struct bg_arena arena; /* owns every text and array */
    struct bg_simulator_config base;
    bool insecure_test_key;
    const char **axes; /* (axis_count) keys of the grid */
    size_t axis_count;
    bool has_variants;
    struct bg_sweep_combination *combinations; /* variants outermost, the last axis innermost */
    size_t combination_count;
    uint64_t *seeds;
    size_t seed_count;
    struct bg_sweep_run *runs; /* (combination_count · seed_count): seeds innermost */
    size_t run_count;
};

/* What the command line says; borrowed. */
struct bg_sweep_plan {
    const struct bg_simulator_config *base; /* what every run starts from */
    const char *const *grids;               /* (grid_count) "key=value,value,…" */
    size_t grid_count;
    const char *const *variants; /* (variant_count) "name:key=value,key=value,…" */
    size_t variant_count;
    const char *seeds; /* "3": 1 to 3; "1,5,7": these; NULL: that of `base` */
    bool insecure_test_key;
};

/* BG_CONFIG or BG_INVALID for anything misspelt, naming it; a combination whose settings contradict each other is
 * kept as one that was refused. */
BG_MUST_CHECK enum bg_status bg_sweep_init(const struct bg_sweep_plan *plan, struct bg_error *error,
                                           struct bg_sweep *ret_sweep);
void bg_sweep_finish(struct bg_sweep *sweep);

struct bg_sweep_settings {
    const char *json, *csv, *html; /* written after every run; NULL: not */
    const char *runs_folder; /* each run's own JSON as FOLDER/run-N.json, N from 1; NULL: not */
    unsigned jobs;           /* runs at a time; 0: one per processor */
    FILE *out;               /* progress; NULL: none */
    const volatile sig_atomic_t *stopping; /* not 0: end the children, keep what is finished */
};

/* Runs what is waiting. BG_BUSY if it was stopped; BG_FAULT if a run failed, naming the first; what kept a file from
 * being written. */
BG_MUST_CHECK enum bg_status bg_sweep_perform(struct bg_sweep *sweep, const struct bg_sweep_settings *settings,
                                              struct bg_error *error);

/* Takes finished runs of the same settings from a file that bg_sweep_write_json made. A file that is not there is
 * fine; one of another version of this program is BG_BAD_VERSION. */
BG_MUST_CHECK enum bg_status bg_sweep_resume(struct bg_sweep *sweep, const char *path, struct bg_error *error);
BG_MUST_CHECK enum bg_status bg_sweep_write_json(const struct bg_sweep *sweep, const char *path,
                                                 struct bg_error *error);
/* One row per run, and per combination rows of mean, sd, min and max: the first column says which. */
BG_MUST_CHECK enum bg_status bg_sweep_write_csv(const struct bg_sweep *sweep, const char *path,
                                                struct bg_error *error);
/* The table and each seed's scores as a page that opens offline (simulator/html.h). */
BG_MUST_CHECK enum bg_status bg_sweep_write_html(const struct bg_sweep *sweep, const char *path,
                                                 struct bg_error *error);
/* One line per combination. */
void bg_sweep_print(const struct bg_sweep *sweep, FILE *out);

/* A number of a finished run's summary; false if it has none of that name. */
bool bg_sweep_metric(const struct bg_sweep_run *run, const char *metric, double *ret_value);
/* Runs of a combination in a state. */
size_t bg_sweep_count(const struct bg_sweep *sweep, size_t combination, enum bg_sweep_state state);

/* Of the finished runs of one combination. */
struct bg_spread {
    size_t count;
    double mean, sd, min, max; /* sd: of a sample, with count − 1; 0 for less than two */
};

/* Over a number of the runs' summaries; count 0 where no finished run has it. */
struct bg_spread bg_sweep_spread(const struct bg_sweep *sweep, size_t combination, const char *metric);
