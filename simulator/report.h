/* SPDX-License-Identifier: Apache-2.0 */
/* What a simulation shows: lines while it runs, then JSON, CSV and a plot. */
#pragma once

#include "simulator/federation.h"

#include <stdio.h>

struct bg_json;

/* Everything a report is made of; borrowed. Rounds are in order; those that fit scales or statistics first. */
struct bg_report {
    const struct bg_simulator_config *config;
    const struct bg_simulator_data *data;
    const struct bg_federation *federation;
    const struct bg_round_result *rounds;
    size_t round_count;
    const struct bg_confusion *confusion; /* of the final model */
    const struct bg_confusion *central;   /* NULL if not trained */
    bool insecure_test_key;
    uint64_t warnings;            /* everything worth a warning, groups that could not be used included */
    uint64_t wall_ns;
    unsigned threads;
};

/* A few lines before the first round. */
void bg_report_header(const struct bg_report *report, FILE *out);
/* The column heads, and one line per round under them. */
void bg_report_round_head(FILE *out);
void bg_report_round(const struct bg_report *report, const struct bg_round_result *round, FILE *out);
/* A few lines after the last round. */
void bg_report_summary(const struct bg_report *report, FILE *out);

/* Adds the members of "summary" to an object: numbers, truths and texts about the whole run. */
void bg_report_summary_to_json(const struct bg_report *report, struct bg_json *object);
/* Adds "summary", "config", "data", "fit", "rounds", "result" and "central" to an object. */
void bg_report_to_json(const struct bg_report *report, struct bg_json *object);
BG_MUST_CHECK enum bg_status bg_report_write_json(const struct bg_report *report, const char *path,
                                                  struct bg_error *error);
/* One row per round. */
BG_MUST_CHECK enum bg_status bg_report_write_csv(const struct bg_report *report, const char *path,
                                                 struct bg_error *error);
/* Accuracy and macro-F1 per round as a PNG, drawn by gnuplot. BG_UNSUPPORTED without gnuplot. */
BG_MUST_CHECK enum bg_status bg_report_plot(const struct bg_report *report, const char *path,
                                            struct bg_error *error);
