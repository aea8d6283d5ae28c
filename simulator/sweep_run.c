/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The children. Each writes to its pipe one 'r' per round and then one JSON object: {"summary": …}, or
 * {"failure": "…"}. One that writes neither has fallen.
 */
#include "simulator/sweep.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/workers.h"
#include "simulator/run.h"
#include "simulator/svg.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_JOBS 256
#define ANSWER_LIMIT ((size_t)1 << 20)
#define BAR_CELLS 30
#define WAIT_MS 1000

struct child {
    pid_t pid; /* 0: free */
    int pipe;
    size_t run;
    uint64_t rounds; /* ended so far */
    char *answer;
    size_t size;
    uint64_t begin;
};

struct crew {
    struct bg_sweep *sweep;
    const struct bg_sweep_settings *settings;
    unsigned jobs;
    bool terminal;
    struct child *children; /* (jobs) */
    struct pollfd *polls;   /* (jobs) */
    struct bg_simulator_data data;
    size_t opened_for; /* combination; SIZE_MAX: nothing is open */
    size_t ended, to_run;
    double weight_all, weight_ended; /* in rounds */
    uint64_t begin;
};

static bool is_stopping(const struct crew *crew)
{
    return crew->settings->stopping && *crew->settings->stopping;
}

/* ---- in the child ---- */

static void write_all(int file, const char *text, size_t size)
{
    while (size) {
        ssize_t written = write(file, text, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            _exit(1);
        text += written;
        size -= (size_t)written;
    }
}

static void tell_round(void *context, const struct bg_round_result *round)
{
    (void)round;
    write_all(*(const int *)context, "r", 1);
}

/* free() it; NULL when memory runs out. */
static char *result_path(const struct crew *crew, size_t run)
{
    char *path;
    return asprintf(&path, "%s/run-%zu.json", crew->settings->runs_folder, run + 1) < 0 ? NULL : path;
}

static enum bg_status keep_result(const struct crew *crew, size_t run, const struct bg_report *report,
                                  struct bg_error *error)
{
    if (!crew->settings->runs_folder)
        return BG_OK;
    char *path = result_path(crew, run);
    enum bg_status status = path ? bg_report_write_json(report, path, error)
                                 : bg_fail(error, BG_NO_MEMORY, "sweep: out of memory");
    free(path);
    return status;
}

static _Noreturn void be_child(const struct crew *crew, size_t index, int pipe)
{
    const struct bg_sweep_run *wanted = &crew->sweep->runs[index];
    struct bg_simulator_config config = crew->sweep->combinations[wanted->combination].config;
    config.seed = wanted->seed;
    if (!config.threads) {
        unsigned processors = bg_available_processors();
        config.threads = processors > crew->jobs ? processors / crew->jobs : 1;
    }
    struct bg_run_settings settings = {.config = &config,
                                       .source = crew->opened_for == SIZE_MAX ? NULL : &crew->data,
                                       .insecure_test_key = crew->sweep->insecure_test_key,
                                       .round_ended = tell_round,
                                       .context = &pipe};
    struct bg_run *run = NULL;
    struct bg_error error = {BG_OK, ""};
    struct bg_json *answer = bg_json_object();
    enum bg_status status = bg_run_perform(&settings, &error, &run);
    if (status == BG_OK)
        status = keep_result(crew, index, bg_run_report(run), &error);
    if (status == BG_OK)
        bg_report_summary_to_json(bg_run_report(run), bg_json_add_object(answer, "summary"));
    else
        bg_json_add_string(answer, "failure", error.text);
    char *text = bg_json_print(answer, false);
    if (!text)
        _exit(1);
    write_all(pipe, text, strlen(text));
    _exit(0);
}

/* ---- what is shown ---- */

/* "", or "; 3 min 05 s left" once anything is known. */
static void show_rest(const struct crew *crew, char *text, size_t size)
{
    double done = crew->weight_ended, elapsed = (double)(bg_clock_monotonic_ns() - crew->begin) / 1e9;
    char duration[48];
    for (unsigned i = 0; i < crew->jobs; i++)
        done += crew->children[i].pid ? (double)crew->children[i].rounds : 0;
    text[0] = '\0';
    if (done <= 0 || done >= crew->weight_all)
        return;
    double left = elapsed * (crew->weight_all - done) / done;
    if (left < 120)
        snprintf(duration, sizeof duration, "%.0f s", left);
    else
        bg_format_seconds(left, duration, sizeof duration);
    snprintf(text, size, "; %s left", duration);
}

static void show_bar(const struct crew *crew)
{
    if (!crew->terminal)
        return;
    double done = crew->weight_ended;
    for (unsigned i = 0; i < crew->jobs; i++)
        done += crew->children[i].pid ? (double)crew->children[i].rounds : 0;
    int filled = crew->weight_all > 0 ? (int)(BAR_CELLS * done / crew->weight_all) : BAR_CELLS;
    char rest[64];
    show_rest(crew, rest, sizeof rest);
    fprintf(crew->settings->out, "\r\033[K[%.*s%.*s] %zu of %zu runs%s", filled < BAR_CELLS ? filled : BAR_CELLS,
            "##############################", filled < BAR_CELLS ? BAR_CELLS - filled : 0,
            "..............................", crew->ended, crew->to_run, rest);
    fflush(crew->settings->out);
}

static double number_of(const struct bg_sweep_run *run, const char *key)
{
    const struct bg_json *value = bg_json_get(bg_json_get(run->summary, "summary"), key);
    return value && bg_json_type(value) == BG_JSON_NUMBER ? bg_json_number(value) : 0;
}

static void show_run(const struct crew *crew, const struct bg_sweep_run *run, double seconds)
{
    FILE *out = crew->settings->out;
    char rest[64];
    if (!out)
        return;
    show_rest(crew, rest, sizeof rest);
    fprintf(out, "%s%*zu/%zu  %s, seed %llu: ", crew->terminal ? "\r\033[K" : "", crew->to_run > 99 ? 4 : 2,
            crew->ended, crew->to_run, crew->sweep->combinations[run->combination].name,
            (unsigned long long)run->seed);
    if (run->state == BG_SWEEP_FINISHED)
        fprintf(out, "accuracy %.2f %%, macro-F1 %.2f %%, ", 100 * number_of(run, "accuracy"),
                100 * number_of(run, "macro_f1"));
    else
        fprintf(out, "FAILED: %s; ", run->failure);
    fprintf(out, "%.1f s%s\n", seconds, rest);
    fflush(out);
}

/* ---- in the parent ---- */

static double weight(const struct crew *crew, const struct bg_sweep_run *run)
{
    return (double)bg_run_planned_rounds(&crew->sweep->combinations[run->combination].config);
}

static enum bg_status write_files(const struct crew *crew, struct bg_error *error)
{
    const struct bg_sweep_settings *s = crew->settings;
    enum bg_status status = s->json ? bg_sweep_write_json(crew->sweep, s->json, error) : BG_OK;
    if (status == BG_OK && s->csv)
        status = bg_sweep_write_csv(crew->sweep, s->csv, error);
    return status == BG_OK && s->html ? bg_sweep_write_html(crew->sweep, s->html, error) : status;
}

/* A waiting run whose data are open, or else the first that waits; SIZE_MAX if none. */
static size_t next_run(const struct crew *crew)
{
    const struct bg_sweep *sweep = crew->sweep;
    size_t first = SIZE_MAX;
    for (size_t i = 0; i < sweep->run_count; i++) {
        const struct bg_sweep_run *run = &sweep->runs[i];
        if (run->state != BG_SWEEP_WAITING)
            continue;
        if (crew->opened_for != SIZE_MAX &&
            bg_simulator_data_same_source(&sweep->combinations[run->combination].config,
                                          &sweep->combinations[crew->opened_for].config))
            return i;
        first = first == SIZE_MAX ? i : first;
    }
    return first;
}

/* The children have what they need of the data set that is closed here. */
static enum bg_status open_data(struct crew *crew, size_t combination, struct bg_error *error)
{
    const struct bg_sweep_combination *all = crew->sweep->combinations;
    if (crew->opened_for != SIZE_MAX) {
        if (bg_simulator_data_same_source(&all[combination].config, &all[crew->opened_for].config))
            return BG_OK;
        bg_simulator_data_finish(&crew->data);
        crew->opened_for = SIZE_MAX;
    }
    enum bg_status status = bg_simulator_data_open(&all[combination].config, error, &crew->data);
    if (status == BG_OK)
        crew->opened_for = combination;
    return status;
}

static enum bg_status end_run(struct crew *crew, size_t index, uint64_t begin, struct bg_error *error)
{
    struct bg_sweep_run *run = &crew->sweep->runs[index];
    crew->ended++;
    crew->weight_ended += weight(crew, run);
    show_run(crew, run, (double)(bg_clock_monotonic_ns() - begin) / 1e9);
    return write_files(crew, error);
}

static void fail_run(struct crew *crew, size_t index, const char *why)
{
    struct bg_sweep_run *run = &crew->sweep->runs[index];
    const char *copy = bg_arena_text(&crew->sweep->arena, why);
    run->state = BG_SWEEP_FAILED;
    run->failure = copy ? copy : "out of memory";
}

static enum bg_status start_child(struct crew *crew, struct child *child, size_t index, struct bg_error *error)
{
    int ends[2];
    uint64_t begin = bg_clock_monotonic_ns();
    struct bg_error why;
    if (open_data(crew, crew->sweep->runs[index].combination, &why) != BG_OK) {
        fail_run(crew, index, why.text);
        return end_run(crew, index, begin, error);
    }
    if (pipe(ends) != 0)
        return bg_fail(error, BG_IO, "sweep: no pipe to a run: %s", strerror(errno));
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGINT, SIG_IGN); /* a terminal tells everybody; the parent decides */
        signal(SIGTERM, SIG_IGN);
        close(ends[0]);
        be_child(crew, index, ends[1]);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return bg_fail(error, BG_NO_MEMORY, "sweep: cannot start a run: %s", strerror(errno));
    }
    *child = (struct child){.pid = pid, .pipe = ends[0], .run = index, .begin = begin};
    crew->sweep->runs[index].state = BG_SWEEP_RUNNING;
    return BG_OK;
}

static void read_answer(struct crew *crew, const struct child *child, int how)
{
    struct bg_sweep_run *run = &crew->sweep->runs[child->run];
    struct bg_json *answer = NULL;
    struct bg_error why = {BG_OK, ""};
    char text[128];
    enum bg_status status =
        bg_json_parse((struct bg_span){(const uint8_t *)child->answer, child->size}, "answer", &why, &answer);
    const struct bg_json *summary = status == BG_OK ? bg_json_get(answer, "summary") : NULL;
    const struct bg_json *failure = status == BG_OK ? bg_json_get(answer, "failure") : NULL;
    if (summary) {
        run->state = BG_SWEEP_FINISHED;
        run->summary = answer;
        return;
    }
    if (WIFSIGNALED(how))
        snprintf(text, sizeof text, "the run was ended by signal %d (%s)", WTERMSIG(how), strsignal(WTERMSIG(how)));
    else
        snprintf(text, sizeof text, "the run ended without a result, exit status %d", WEXITSTATUS(how));
    fail_run(crew, child->run, failure ? bg_json_string(failure) : text);
    bg_json_destroy(&answer);
}

static enum bg_status end_child(struct crew *crew, struct child *child, struct bg_error *error)
{
    int how = 0;
    close(child->pipe);
    while (waitpid(child->pid, &how, 0) < 0 && errno == EINTR)
        continue;
    child->pid = 0;
    read_answer(crew, child, how);
    free(child->answer);
    child->answer = NULL;
    return end_run(crew, child->run, child->begin, error);
}

static enum bg_status hear_child(struct crew *crew, struct child *child, struct bg_error *error)
{
    char buffer[4096];
    ssize_t size = read(child->pipe, buffer, sizeof buffer);
    if (size < 0 && errno == EINTR)
        return BG_OK;
    if (size <= 0)
        return end_child(crew, child, error);
    size_t at = 0, count = (size_t)size;
    while (!child->size && at < count && buffer[at] == 'r') {
        child->rounds++;
        at++;
    }
    if (at == count || child->size + count - at > ANSWER_LIMIT)
        return BG_OK;
    char *answer = realloc(child->answer, child->size + count - at);
    if (!answer)
        return bg_fail(error, BG_NO_MEMORY, "sweep: out of memory");
    memcpy(answer + child->size, buffer + at, count - at);
    child->answer = answer;
    child->size += count - at;
    return BG_OK;
}

static enum bg_status fill_crew(struct crew *crew, struct bg_error *error)
{
    enum bg_status status = BG_OK;
    for (unsigned i = 0; i < crew->jobs && status == BG_OK && !is_stopping(crew);) {
        size_t next = crew->children[i].pid ? SIZE_MAX : next_run(crew);
        if (next == SIZE_MAX)
            i++;
        else
            status = start_child(crew, &crew->children[i], next, error);
    }
    return status;
}

/* Waits until a child says something; *ret_any: there are children. */
static enum bg_status hear_crew(struct crew *crew, struct bg_error *error, bool *ret_any)
{
    enum bg_status status = BG_OK;
    *ret_any = false;
    for (unsigned i = 0; i < crew->jobs; i++) {
        crew->polls[i] = (struct pollfd){.fd = crew->children[i].pid ? crew->children[i].pipe : -1, .events = POLLIN};
        *ret_any = *ret_any || crew->children[i].pid;
    }
    if (!*ret_any)
        return BG_OK;
    show_bar(crew);
    if (poll(crew->polls, crew->jobs, WAIT_MS) <= 0)
        return BG_OK;
    for (unsigned i = 0; i < crew->jobs && status == BG_OK; i++)
        if (crew->polls[i].revents)
            status = hear_child(crew, &crew->children[i], error);
    return status;
}

static void end_crew(struct crew *crew)
{
    for (unsigned i = 0; i < crew->jobs; i++) {
        struct child *child = &crew->children[i];
        if (!child->pid)
            continue;
        kill(child->pid, SIGKILL);
        close(child->pipe);
        while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
        free(child->answer);
        crew->sweep->runs[child->run].state = BG_SWEEP_WAITING;
    }
}

static enum bg_status verdict(const struct crew *crew, struct bg_error *error)
{
    const struct bg_sweep *sweep = crew->sweep;
    size_t waiting = 0, failed = 0;
    const struct bg_sweep_run *first = NULL;
    for (size_t i = 0; i < sweep->run_count; i++) {
        waiting += sweep->runs[i].state == BG_SWEEP_WAITING;
        failed += sweep->runs[i].state == BG_SWEEP_FAILED;
        if (sweep->runs[i].state == BG_SWEEP_FAILED && !first)
            first = &sweep->runs[i];
    }
    if (waiting)
        return bg_fail(error, BG_BUSY, "sweep: stopped with %zu of %zu runs to do; --resume goes on", waiting,
                       sweep->run_count);
    if (failed)
        return bg_fail(error, BG_FAULT, "sweep: %zu of %zu runs failed, first %s, seed %llu: %s", failed,
                       sweep->run_count, sweep->combinations[first->combination].name,
                       (unsigned long long)first->seed, first->failure);
    return BG_OK;
}

/* Before hours of work: whether its results have a place. */
static enum bg_status check_places(const struct crew *crew, struct bg_error *error)
{
    enum bg_status status = write_files(crew, error);
    if (status != BG_OK || !crew->settings->runs_folder)
        return status;
    char *path = result_path(crew, 0);
    status = path ? bg_file_check_place(path, error) : bg_fail(error, BG_NO_MEMORY, "sweep: out of memory");
    free(path);
    return status;
}

static enum bg_status work_through(struct crew *crew, struct bg_error *error)
{
    bool any = true;
    enum bg_status status = check_places(crew, error);
    while (status == BG_OK && any && !is_stopping(crew)) {
        status = fill_crew(crew, error);
        if (status == BG_OK)
            status = hear_crew(crew, error, &any);
    }
    end_crew(crew);
    if (crew->terminal)
        fputs("\r\033[K", crew->settings->out);
    if (status == BG_OK)
        status = write_files(crew, error);
    return status == BG_OK ? verdict(crew, error) : status;
}

enum bg_status bg_sweep_perform(struct bg_sweep *sweep, const struct bg_sweep_settings *settings,
                                struct bg_error *error)
{
    unsigned jobs = settings->jobs ? settings->jobs : bg_available_processors();
    struct crew crew = {.sweep = sweep,
                        .settings = settings,
                        .jobs = jobs < MOST_JOBS ? jobs : MOST_JOBS,
                        .terminal = settings->out && isatty(fileno(settings->out)),
                        .opened_for = SIZE_MAX,
                        .begin = bg_clock_monotonic_ns()};
    for (size_t i = 0; i < sweep->run_count; i++)
        if (sweep->runs[i].state == BG_SWEEP_WAITING) {
            crew.to_run++;
            crew.weight_all += weight(&crew, &sweep->runs[i]);
        }
    crew.jobs = crew.to_run && crew.to_run < crew.jobs ? (unsigned)crew.to_run : crew.jobs;
    crew.children = calloc(crew.jobs, sizeof *crew.children);
    crew.polls = calloc(crew.jobs, sizeof *crew.polls);
    enum bg_status status = crew.children && crew.polls ? work_through(&crew, error)
                                                        : bg_fail(error, BG_NO_MEMORY, "sweep: out of memory");
    bg_simulator_data_finish(&crew.data);
    free(crew.children);
    free(crew.polls);
    return status;
}
