/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a federation of processes share. */
#pragma once

#include "simulator/evaluate.h"
#include "up/federation.h"
#include "up/settings.h"

#include <limits.h>

struct bg_json;

/* A role's program while it serves or runs. */
struct bg_up_member {
    struct bg_up *up;
    enum bg_up_role role;
    size_t index;               /* of a client */
    struct bg_process *process; /* NULL: it does not run */
    char folder[PATH_MAX], errors[PATH_MAX]; /* the latter: what it wrote to its standard error */
    char url[128];              /* since it serves */
    bool byzantine;
};

struct bg_up {
    struct bg_up_settings settings;
    struct bg_simulator_config config; /* with as many clients as the data gave */
    struct bg_simulator_data data;
    struct bg_judge judge;
    struct bg_workers *workers;
    struct bg_processes *processes;
    struct bg_up_member keyholder, root;
    struct bg_up_member *clients; /* (client_count) */
    size_t client_count;
    char schema[PATH_MAX], names[PATH_MAX];
    bool stopping;
    enum bg_status status; /* of what went wrong while events came */
    struct bg_error error;
    /* the round that runs */
    uint64_t begun_at, ended_at;
    size_t wanted, arrived;
    bool finished;
    struct bg_up_result result;
};

/* ---- up/federation_files.c ---- */

/* Rows, a folder and a configuration for each role. */
BG_MUST_CHECK enum bg_status bg_up_make_files(struct bg_up *up, struct bg_error *error);
/* "folder/name"; BG_INVALID: too long. */
BG_MUST_CHECK enum bg_status bg_up_path(char ret_path[static PATH_MAX], const char *folder, const char *name,
                                        struct bg_error *error);
/* The last line of what a program wrote to its standard error, or a clause that says that there is none. */
void bg_up_last_line(const char *path, char *ret_line, size_t capacity);

/* ---- up/federation_start.c ---- */

/* Until the root serves and all clients run. */
BG_MUST_CHECK enum bg_status bg_up_start(struct bg_up *up, struct bg_error *error);

/* ---- up/federation_events.c ---- */

/* A line of a member's standard output. */
void bg_up_hear(void *member, const char *line);
void bg_up_mourn(void *member, const struct bg_process_end *end);
