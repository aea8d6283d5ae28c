/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key holder, a root and clients as processes on this machine, with real certificates on loopback, from an empty
 * folder to the last round. They see files and each other only: rows are dealt to the clients' folders first, and
 * published models are judged here, by rows that no client has.
 */
#pragma once

#include "up/processes.h"
#include "up/result.h"

struct bg_up_settings {
    const struct bg_simulator_config *config; /* checked by bg_up_check; kept */
    bool insecure_test_key;
    const char *folder;   /* exists and is empty; borrowed */
    const char *programs; /* folder of burgee-client and the others; borrowed */
    FILE *out;            /* lines for people; NULL: none */
    bool bar;             /* out is a terminal: show how each round goes */
};

struct bg_up;

/* Starts everything, runs all rounds and ends everything. BG_BUSY: interrupted. What failed is named in *error, with
 * the last line that the program in question said. *ret_up is given as soon as there is a result to show, whatever the
 * status; NULL otherwise. */
BG_MUST_CHECK enum bg_status bg_up_perform(const struct bg_up_settings *settings, struct bg_error *error,
                                           struct bg_up **ret_up);
const struct bg_up_result *bg_up_result(const struct bg_up *up);
void bg_up_destroy(struct bg_up **up);
