/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that this one starts and outlives: each in a process group of its own, what it says read line by line, its
 * errors in a file. The kernel kills them when this program dies, however it dies. One thread, the one that created
 * the set, does everything.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct bg_processes;
struct bg_process;

struct bg_process_end {
    int exit_code;   /* 128 + signal if it was killed */
    uint64_t cpu_ns; /* processor time that it took */
};

struct bg_process_settings {
    const char *const *arguments; /* NULL behind the last; the first is the program's path; borrowed */
    const char *errors;           /* file that its standard error is appended to; borrowed */
    void (*said)(void *context, const char *line);                   /* a line of its standard output; may be NULL */
    void (*ended)(void *context, const struct bg_process_end *end);  /* it is gone afterwards; may be NULL */
    void *context;
};

/* SIGINT and SIGTERM are caught from now on; once per program. */
BG_MUST_CHECK enum bg_status bg_processes_create(struct bg_error *error, struct bg_processes **ret_processes);
/* Kills what is left. */
void bg_processes_destroy(struct bg_processes **processes);
/* BG_IO, BG_NO_MEMORY. A program that is not there ends with 127. */
BG_MUST_CHECK enum bg_status bg_processes_start(struct bg_processes *processes,
                                                const struct bg_process_settings *settings, struct bg_error *error,
                                                struct bg_process **ret_process);
pid_t bg_process_id(const struct bg_process *process);
/* SIGTERM to its group. */
void bg_process_stop(struct bg_process *process);
size_t bg_processes_running(const struct bg_processes *processes);
/* Waits until something is said, ends or interrupts, or until an instant of bg_clock_monotonic_ns, and tells what was
 * said and ended. */
void bg_processes_wait(struct bg_processes *processes, uint64_t until);
/* Whether SIGINT or SIGTERM came. */
bool bg_processes_interrupted(void);
/* Stops all, waits `grace_ns` for them to end, kills the others. Returns how many were killed. */
size_t bg_processes_end(struct bg_processes *processes, uint64_t grace_ns);
