/* SPDX-License-Identifier: Apache-2.0 */
#include "up/processes.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE (30 * BG_SECOND)

struct heard {
    char text[256];
    size_t ends;
    struct bg_process_end end;
};

static void said(void *context, const char *line)
{
    struct heard *heard = context;
    size_t used = strlen(heard->text);
    snprintf(heard->text + used, sizeof heard->text - used, "%.100s;", line);
}

static void ended(void *context, const struct bg_process_end *end)
{
    struct heard *heard = context;
    heard->ends++;
    heard->end = *end;
}

static struct bg_process *start(struct bg_processes *processes, const char *script, struct heard *heard)
{
    const char *const arguments[] = {"/bin/sh", "-c", script, NULL};
    struct bg_process_settings settings = {arguments, "/dev/null", said, ended, heard};
    struct bg_process *process;
    cr_assert_eq(bg_processes_start(processes, &settings, NULL, &process), BG_OK);
    return process;
}

static void wait_for_end(struct bg_processes *processes, const struct heard *heard)
{
    uint64_t until = bg_clock_monotonic_ns() + PATIENCE;
    while (!heard->ends && bg_clock_monotonic_ns() < until)
        bg_processes_wait(processes, until);
    cr_assert_eq(heard->ends, 1);
}

/* A zombie does not: it waits for somebody to ask how it ended. */
static bool lives(pid_t id)
{
    char path[64], state = 'Z';
    snprintf(path, sizeof path, "/proc/%d/stat", (int)id);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = 'Z';
    fclose(file);
    return state != 'Z';
}

static void expect_death(pid_t id)
{
    uint64_t until = bg_clock_monotonic_ns() + PATIENCE;
    while (lives(id) && bg_clock_monotonic_ns() < until)
        usleep(1000);
    cr_assert_not(lives(id), "%d lives", (int)id);
}

static struct bg_processes *processes_create(void)
{
    struct bg_processes *processes;
    cr_assert_eq(bg_processes_create(NULL, &processes), BG_OK);
    return processes;
}

Test(processes, tell_lines_and_their_end)
{
    struct bg_processes *processes = processes_create();
    struct heard heard = {.ends = 0};
    start(processes, "printf 'one\\ntwo\\n\\nhalf'; exit 7", &heard);
    wait_for_end(processes, &heard);
    cr_assert_str_eq(heard.text, "one;two;;half;");
    cr_assert_eq(heard.end.exit_code, 7);
    cr_assert_eq(bg_processes_running(processes), 0);
    bg_processes_destroy(&processes);
}

Test(processes, long_lines_are_cut)
{
    struct bg_processes *processes = processes_create();
    struct heard heard = {.ends = 0};
    start(processes, "head -c 200000 /dev/zero | tr '\\0' x; echo; echo after", &heard);
    wait_for_end(processes, &heard);
    cr_assert_str_eq(heard.text + strlen(heard.text) - 7, ";after;");
    bg_processes_destroy(&processes);
}

Test(processes, a_program_that_is_not_there_ends_with_127)
{
    struct bg_processes *processes = processes_create();
    const char *const arguments[] = {"/nowhere/burgee-client", NULL};
    struct heard heard = {.ends = 0};
    struct bg_process_settings settings = {arguments, "/dev/null", said, ended, &heard};
    struct bg_process *process;
    cr_assert_eq(bg_processes_start(processes, &settings, NULL, &process), BG_OK);
    wait_for_end(processes, &heard);
    cr_assert_eq(heard.end.exit_code, 127);
    bg_processes_destroy(&processes);
}

Test(processes, what_ignores_the_request_is_killed_with_all_it_started)
{
    struct bg_processes *processes = processes_create();
    struct heard deaf = {.ends = 0}, polite = {.ends = 0};
    start(processes, "trap '' TERM; sleep 1000 & echo $!; while :; do sleep 0.1; done", &deaf);
    start(processes, "echo up; exec sleep 1000", &polite);
    uint64_t until = bg_clock_monotonic_ns() + PATIENCE;
    while ((!deaf.text[0] || !polite.text[0]) && bg_clock_monotonic_ns() < until)
        bg_processes_wait(processes, until);
    cr_assert_eq(bg_processes_end(processes, BG_SECOND / 2), 1);
    cr_assert_eq(deaf.end.exit_code, 128 + SIGKILL);
    cr_assert_eq(polite.end.exit_code, 128 + SIGTERM);
    cr_assert_eq(bg_processes_running(processes), 0);
    pid_t started = (pid_t)strtod(deaf.text, NULL);
    cr_assert_gt(started, 1);
    expect_death(started);
    bg_processes_destroy(&processes);
}

/* A process starts one and is killed. */
Test(processes, die_with_the_one_that_started_them)
{
    int told[2];
    pid_t grandchild = 0;
    cr_assert_eq(pipe(told), 0);
    pid_t child = fork();
    if (child == 0) {
        struct heard heard = {.ends = 0};
        struct bg_processes *processes = processes_create();
        grandchild = bg_process_id(start(processes, "echo up; while :; do sleep 0.1; done", &heard));
        while (!heard.text[0])
            bg_processes_wait(processes, UINT64_MAX);
        _exit(write(told[1], &grandchild, sizeof grandchild) == sizeof grandchild && pause());
    }
    cr_assert_eq(read(told[0], &grandchild, sizeof grandchild), sizeof grandchild);
    cr_assert(lives(grandchild));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    expect_death(grandchild);
}
