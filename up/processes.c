/* SPDX-License-Identifier: Apache-2.0 */
#include "up/processes.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_MOST ((size_t)64 << 10)
#define NOT_STARTED 127

struct bg_process {
    struct bg_process *next;
    struct bg_process_settings settings;
    pid_t id;
    int output; /* -1: closed */
    char *line; /* what it has begun to say */
    size_t line_size;
};

struct bg_processes {
    struct bg_process *first;
    size_t count;
    struct pollfd *polled; /* (polled_room) */
    size_t polled_room;
    sigset_t unblocked; /* while it waits */
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    if (number != SIGCHLD)
        interrupted = 1;
}

bool bg_processes_interrupted(void)
{
    return interrupted;
}

/* ---- the set ---- */

enum bg_status bg_processes_create(struct bg_error *error, struct bg_processes **ret_processes)
{
    static const int caught[] = {SIGINT, SIGTERM, SIGCHLD};
    struct sigaction action = {.sa_handler = on_signal};
    struct bg_processes *processes = calloc(1, sizeof *processes);
    sigset_t blocked;
    if (!processes)
        return bg_fail(error, BG_NO_MEMORY, "out of memory");
    sigemptyset(&blocked);
    for (size_t i = 0; i < sizeof caught / sizeof *caught; i++) {
        sigaddset(&blocked, caught[i]);
        sigaction(caught[i], &action, NULL);
    }
    sigprocmask(SIG_BLOCK, &blocked, &processes->unblocked);
    for (size_t i = 0; i < sizeof caught / sizeof *caught; i++)
        sigdelset(&processes->unblocked, caught[i]);
    *ret_processes = processes;
    return BG_OK;
}

static void forget(struct bg_processes *processes, struct bg_process *process)
{
    struct bg_process **link = &processes->first;
    while (*link != process)
        link = &(*link)->next;
    *link = process->next;
    processes->count--;
    if (process->output >= 0)
        close(process->output);
    free(process->line);
    free(process);
}

void bg_processes_destroy(struct bg_processes **processes)
{
    struct bg_processes *p = *processes;
    if (!p)
        return;
    while (p->first) {
        kill(-p->first->id, SIGKILL);
        waitpid(p->first->id, NULL, 0);
        forget(p, p->first);
    }
    free(p->polled);
    free(p);
    *processes = NULL;
}

size_t bg_processes_running(const struct bg_processes *processes)
{
    return processes->count;
}

/* ---- starting one ---- */

/* In the child, between fork and exec: no memory, no locks. */
static _Noreturn void become(const struct bg_process_settings *settings, pid_t parent, int output, int errors,
                             const sigset_t *signals)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(NOT_STARTED);
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing < 0 || dup2(nothing, 0) < 0 || dup2(output, 1) < 0 || dup2(errors, 2) < 0)
        _exit(NOT_STARTED);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    sigprocmask(SIG_SETMASK, signals, NULL);
    execv(settings->arguments[0], (char *const *)settings->arguments);
    _exit(NOT_STARTED);
}

static enum bg_status spawn(struct bg_processes *processes, struct bg_process *process, struct bg_error *error)
{
    const struct bg_process_settings *s = &process->settings;
    int ends[2], errors = open(s->errors, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (errors < 0)
        return bg_fail(error, BG_IO, "%s: cannot open it: %s", s->errors, strerror(errno));
    if (pipe2(ends, O_CLOEXEC) != 0) {
        close(errors);
        return bg_fail(error, BG_IO, "%s: no pipe: %s", s->arguments[0], strerror(errno));
    }
    pid_t parent = getpid();
    process->id = fork();
    if (process->id == 0)
        become(s, parent, ends[1], errors, &processes->unblocked);
    int number = errno;
    close(errors);
    close(ends[1]);
    if (process->id < 0) {
        close(ends[0]);
        return bg_fail(error, BG_IO, "%s: cannot start it: %s", s->arguments[0], strerror(number));
    }
    setpgid(process->id, process->id);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    process->output = ends[0];
    return BG_OK;
}

enum bg_status bg_processes_start(struct bg_processes *processes, const struct bg_process_settings *settings,
                                  struct bg_error *error, struct bg_process **ret_process)
{
    struct bg_process *process = calloc(1, sizeof *process);
    if (!process)
        return bg_fail(error, BG_NO_MEMORY, "out of memory");
    process->settings = *settings;
    enum bg_status status = spawn(processes, process, error);
    if (status != BG_OK) {
        free(process);
        return status;
    }
    process->next = processes->first;
    processes->first = process;
    processes->count++;
    *ret_process = process;
    return BG_OK;
}

pid_t bg_process_id(const struct bg_process *process)
{
    return process->id;
}

void bg_process_stop(struct bg_process *process)
{
    kill(-process->id, SIGTERM);
}

/* ---- what they say ---- */

static void say(struct bg_process *process)
{
    process->line[process->line_size] = '\0';
    if (process->settings.said)
        process->settings.said(process->settings.context, process->line);
    process->line_size = 0;
}

/* A line that is too long is cut. */
static void take(struct bg_process *process, const char *text, size_t size)
{
    if (!process->line && !(process->line = malloc(LINE_MOST)))
        return;
    for (size_t i = 0; i < size; i++)
        if (text[i] == '\n')
            say(process);
        else if (process->line_size < LINE_MOST - 1)
            process->line[process->line_size++] = text[i];
}

static void listen_to(struct bg_process *process)
{
    char text[4096];
    ssize_t size;
    while (process->output >= 0) {
        size = read(process->output, text, sizeof text);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 && errno == EAGAIN)
            return;
        if (size <= 0) {
            close(process->output);
            process->output = -1;
        } else {
            take(process, text, (size_t)size);
        }
    }
}

static uint64_t time_of(const struct rusage *usage)
{
    const struct timeval *times[] = {&usage->ru_utime, &usage->ru_stime};
    uint64_t ns = 0;
    for (size_t i = 0; i < 2; i++)
        ns += (uint64_t)times[i]->tv_sec * BG_SECOND + (uint64_t)times[i]->tv_usec * 1000;
    return ns;
}

/* While it is not waited for its number is nobody else's: whom it may have started is found by it. */
static void bury(struct bg_processes *processes, struct bg_process *process)
{
    struct rusage usage;
    int how;
    kill(-process->id, SIGKILL);
    wait4(process->id, &how, 0, &usage);
    listen_to(process);
    if (process->line_size)
        say(process);
    struct bg_process_end end = {.exit_code = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how),
                                 .cpu_ns = time_of(&usage)};
    struct bg_process_settings settings = process->settings;
    forget(processes, process);
    if (settings.ended)
        settings.ended(settings.context, &end);
}

/* Tells the end of every process that has ended. */
static bool reap(struct bg_processes *processes)
{
    bool any = false;
    for (siginfo_t info = {0}; waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid > 0;
         info = (siginfo_t){0}) {
        struct bg_process *process = processes->first;
        while (process && process->id != info.si_pid)
            process = process->next;
        if (process)
            bury(processes, process);
        else
            waitpid(info.si_pid, NULL, 0);
        any = true;
    }
    return any;
}

static size_t prepare_poll(struct bg_processes *processes)
{
    if (processes->polled_room < processes->count) {
        size_t room = processes->count + 64;
        struct pollfd *polled = reallocarray(processes->polled, room, sizeof *polled);
        if (!polled)
            return 0; /* nothing is heard now; ends are */
        processes->polled = polled;
        processes->polled_room = room;
    }
    size_t count = 0;
    for (const struct bg_process *process = processes->first; process; process = process->next)
        if (process->output >= 0)
            processes->polled[count++] = (struct pollfd){.fd = process->output, .events = POLLIN};
    return count;
}

static struct bg_process *who_has(struct bg_processes *processes, int output)
{
    struct bg_process *process = processes->first;
    while (process && process->output != output)
        process = process->next;
    return process;
}

void bg_processes_wait(struct bg_processes *processes, uint64_t until)
{
    if (reap(processes))
        return;
    uint64_t now = bg_clock_monotonic_ns(), left = until > now ? until - now : 0;
    struct timespec patience = {.tv_sec = (time_t)(left / BG_SECOND), .tv_nsec = (long)(left % BG_SECOND)};
    size_t count = prepare_poll(processes);
    int ready = ppoll(processes->polled, count, until == UINT64_MAX ? NULL : &patience, &processes->unblocked);
    for (size_t i = 0; ready > 0 && i < count; i++) {
        struct bg_process *process = processes->polled[i].revents ? who_has(processes, processes->polled[i].fd) : NULL;
        if (process)
            listen_to(process);
    }
    reap(processes);
}

size_t bg_processes_end(struct bg_processes *processes, uint64_t grace_ns)
{
    uint64_t until = bg_clock_monotonic_ns() + grace_ns;
    for (struct bg_process *process = processes->first; process; process = process->next)
        bg_process_stop(process);
    while (processes->count && bg_clock_monotonic_ns() < until)
        bg_processes_wait(processes, until);
    size_t killed = processes->count;
    for (struct bg_process *process = processes->first; process; process = process->next)
        kill(-process->id, SIGKILL);
    while (processes->count)
        bg_processes_wait(processes, UINT64_MAX);
    return killed;
}
