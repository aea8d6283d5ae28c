/* SPDX-License-Identifier: Apache-2.0 */
/* What a federation of processes came to, and how it is shown. */
#pragma once

#include "base/usage.h"
#include "model/evaluation.h"
#include "simulator/data.h"

#include <stdio.h>

enum bg_up_role {
    BG_UP_KEYHOLDER = 0,
    BG_UP_ROOT,
    BG_UP_CLIENTS,
    BG_UP_ROLE_COUNT
};
const char *bg_up_role_name(enum bg_up_role role);

struct bg_up_round {
    uint64_t round;
    char stage[24], outcome[16]; /* as the root calls them */
    bool learning, committed;
    size_t groups_invited, groups_opened, groups_used, groups_invalid;
    size_t updates;       /* acknowledged */
    uint64_t update_bytes; /* of them all; 0: not told */
    uint64_t root_ns;     /* from opening to end, as the root says */
    uint64_t wall_ns;     /* from the end of the round before, or from the opening of the first */
    bool evaluated;
    double accuracy, macro_f1;
    struct bg_usage usage[BG_UP_ROLE_COUNT]; /* at its end; of clients the largest of each */
};

struct bg_up_result {
    const struct bg_simulator_config *config;
    const struct bg_simulator_data *data;
    bool insecure_test_key;
    size_t clients, byzantine, clients_lost; /* lost: ended by themselves */
    struct bg_up_round *rounds; /* (round_count) */
    size_t round_count;
    bool evaluated;
    struct bg_confusion confusion; /* of the last model */
    struct bg_confusion central;   /* of the same model trained on all rows together; no classes: it was not */
    struct bg_digest model;     /* bg_model_digest of it */
    uint64_t cpu_ns[BG_UP_ROLE_COUNT];
    uint64_t set_up_ns;         /* until the root served and all clients ran */
    uint64_t wall_ns;           /* of everything */
    size_t killed;              /* processes that did not end when asked */
};

/* Mean of the rounds of learning; 0 of none. */
double bg_up_seconds_per_round(const struct bg_up_result *result);

void bg_up_print_head(FILE *out);
void bg_up_print_round(const struct bg_up_result *result, const struct bg_up_round *round, FILE *out);
void bg_up_print_summary(const struct bg_up_result *result, FILE *out);

BG_MUST_CHECK enum bg_status bg_up_write_json(const struct bg_up_result *result, const char *path,
                                              struct bg_error *error);
/* Accuracy and macro-F1 per round as a PNG, drawn by gnuplot. BG_UNSUPPORTED without gnuplot. */
BG_MUST_CHECK enum bg_status bg_up_plot(const struct bg_up_result *result, const char *path, struct bg_error *error);
/* One row per round. */
BG_MUST_CHECK enum bg_status bg_up_write_csv(const struct bg_up_result *result, const char *path,
                                             struct bg_error *error);
