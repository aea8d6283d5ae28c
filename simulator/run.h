/* SPDX-License-Identifier: Apache-2.0 */
/* One simulation, from its settings to everything that came of it. */
#pragma once

#include "simulator/report.h"

#include <signal.h>

struct bg_run;

/* All borrowed for the life of the run. */
struct bg_run_settings {
    const struct bg_simulator_config *config; /* checked */
    const struct bg_simulator_data *source;   /* opened for a config that reads the same; NULL: the run opens its own */
    bool insecure_test_key;
    FILE *out;                             /* lines for people while it runs; NULL: none */
    const volatile sig_atomic_t *stopping; /* not 0: end after the round that runs; NULL: nobody asks */
    void (*round_ended)(void *context, const struct bg_round_result *round); /* may be NULL */
    void *context;
};

/* Opens the data, makes the federation, runs all rounds, evaluates, and trains centrally where the config says so.
 * What failed is named in *error. */
BG_MUST_CHECK enum bg_status bg_run_perform(const struct bg_run_settings *settings, struct bg_error *error,
                                            struct bg_run **ret_run);
/* Rounds that a config asks for, those before learning included. */
uint64_t bg_run_planned_rounds(const struct bg_simulator_config *config);
/* Valid while the run lives. */
const struct bg_report *bg_run_report(const struct bg_run *run);
void bg_run_destroy(struct bg_run **run);
