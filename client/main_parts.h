/* SPDX-License-Identifier: Apache-2.0 */
/* burgee-client: what main.c (the command line, verbs on files) and main_network.c (verbs on the network) share. */
#pragma once

#include "base/arguments.h"
#include "client/config.h"

struct bg_json;

struct bg_client_flags {
    const char *config, *plan, *groups, *task, *model, *out, *receipt, *label, *rounds;
    bool lost, json, quiet, print_config, help, version;
};

struct bg_client_run {
    struct bg_arguments arguments;
    struct bg_client_flags flags;
    struct bg_client_config config;
    struct bg_json *json; /* NULL unless --json, or where the verb prints events */
    bool abandoned;       /* work still runs: the process ends without waiting for it */
};

/* Of the command line; words[0] is the verb. */
typedef enum bg_status bg_client_verb(struct bg_client_run *run, struct bg_error *error);

bool bg_client_prints_lines(const struct bg_client_run *run);

bg_client_verb bg_client_verb_enrol, bg_client_verb_run, bg_client_verb_renew, bg_client_verb_show;
