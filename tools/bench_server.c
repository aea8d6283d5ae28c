/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads of many clients at once: what a server takes for them. */
#include "tools/bench.h"

#include "base/arguments.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/number.h"
#include "base/prng.h"
#include "base/usage.h"
#include "tools/bench_server_load.h"
#include "tools/bench_server_sink.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const char help[] =
    "usage: burgee-bench server [--clients N] [--kib N] [--threads N] [--idle N] [--json]\n"
    "\n"
    "Forks a server and loads it over loopback: N clients at once, each with its own certificate, upload a body\n"
    "over mutual TLS. Tells the processor time that the server's process took and whether all was acknowledged, for\n"
    "a server that throws bodies away (`tls`) and one that writes them to files, hashes them in blocks of 48 KiB and\n"
    "verifies a signature for each (`sink`). Then how much memory idle connections take.\n"
    "\n"
    "  --clients N        at once; default 1000\n"
    "  --kib N            of a body; default 1024\n"
    "  --threads N        of a server, for connections and for hashing each; default 2\n"
    "  --idle N           connections; default 10000; 0: not measured\n"
    "  --json             print one JSON object\n"
    "  --help             print this and exit\n"
    "\n"
    "Exit status: 0 measured, errors of uploads are in the table; 64 wrong usage; 71 out of memory; 74 input/output.\n";

#define RESTING_SECONDS 3 /* until a server counts all of its connections as idle, and more */

struct options {
    struct bg_arguments words;
    const char *clients_text, *kib_text, *threads_text, *idle_text;
    uint64_t clients, kib, threads, idle;
    bool json, help;
};

/* A server that was loaded. */
struct row {
    const char *name;
    struct bg_bench_load_result load;
    double cpu_seconds;
};

struct idle {
    pid_t server;
    struct bg_usage before, after;
};

/* ---- the server's process ---- */

struct server {
    pid_t id;
    uint16_t port;
};

static _Noreturn void serve(struct bg_bench_sink_settings settings)
{
    struct bg_error error;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    enum bg_status status = bg_bench_sink_run(&settings, &error);
    if (status != BG_OK)
        fprintf(stderr, "burgee-bench: server: %s\n", error.text);
    _exit(status != BG_OK);
}

static enum bg_status start(const struct bg_bench_sink_settings *settings, struct bg_error *error,
                            struct server *ret_server)
{
    struct bg_bench_sink_settings complete = *settings;
    int ends[2];
    if (pipe(ends) != 0)
        return bg_fail(error, BG_IO, "no pipe: %s", strerror(errno));
    complete.ready = ends[1];
    fflush(stdout);
    ret_server->id = fork();
    if (ret_server->id == 0)
        serve(complete);
    close(ends[1]);
    bool good = ret_server->id > 0 && read(ends[0], &ret_server->port, sizeof ret_server->port) == 2;
    close(ends[0]);
    return good ? BG_OK : bg_fail(error, BG_IO, "the server did not start");
}

static double stop(const struct server *server)
{
    struct rusage usage = {0};
    kill(server->id, SIGTERM);
    wait4(server->id, NULL, 0, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* ---- measurements ---- */

/* The load runs in a process of its own, so that each server is forked from one without threads. */
static enum bg_status load_apart(const struct bg_bench_keys *keys, uint16_t port, struct bg_span body,
                                 struct bg_error *error, struct bg_bench_load_result *ret_result)
{
    int ends[2];
    if (pipe(ends) != 0)
        return bg_fail(error, BG_IO, "no pipe: %s", strerror(errno));
    pid_t id = fork();
    if (id == 0) {
        struct bg_bench_load_result result;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        enum bg_status status = bg_bench_upload(keys, port, body, error, &result);
        if (status != BG_OK)
            fprintf(stderr, "burgee-bench: clients: %s\n", error->text);
        _exit(status != BG_OK || write(ends[1], &result, sizeof result) != sizeof result);
    }
    close(ends[1]);
    bool good = id > 0 && read(ends[0], ret_result, sizeof *ret_result) == sizeof *ret_result;
    close(ends[0]);
    if (id > 0)
        waitpid(id, NULL, 0);
    return good ? BG_OK : bg_fail(error, BG_IO, "the clients failed");
}

static enum bg_status measure(const struct options *options, const struct bg_bench_keys *keys, const char *folder,
                              struct bg_span body, struct bg_error *error, struct row *row)
{
    struct bg_bench_sink_settings settings = {.keys = keys,
                                              .folder = folder,
                                              .connections = options->clients,
                                              .body_bytes = body.size,
                                              .threads = (unsigned)options->threads};
    struct server server;
    enum bg_status status = start(&settings, error, &server);
    if (status != BG_OK)
        return status;
    status = load_apart(keys, server.port, body, error, &row->load);
    row->cpu_seconds = stop(&server);
    return status;
}

static void look(void *context)
{
    struct idle *idle = context;
    sleep(RESTING_SECONDS);
    idle->after = bg_usage_of(idle->server);
}

static enum bg_status measure_idle(const struct options *options, const struct bg_bench_keys *keys,
                                   struct bg_error *error, struct idle *ret_idle, struct bg_bench_load_result *ret_load)
{
    struct bg_bench_sink_settings settings = {
        .keys = keys, .connections = options->idle, .body_bytes = 1, .threads = (unsigned)options->threads};
    struct server server;
    enum bg_status status = start(&settings, error, &server);
    if (status != BG_OK)
        return status;
    *ret_idle = (struct idle){.server = server.id, .before = bg_usage_of(server.id)};
    status = bg_bench_hold(keys, server.port, options->idle, look, ret_idle, error, ret_load);
    stop(&server);
    return status;
}

/* ---- results ---- */

static void print_row(const struct options *options, const struct row *row, const struct row *first)
{
    double megabytes = (double)options->clients * (double)options->kib / 1024;
    printf("%-6s %8.2f s processor %6.2fx %8.2f s %8.0f MB/s %6zu errors%s%s\n", row->name, row->cpu_seconds,
           row->cpu_seconds / first->cpu_seconds, row->load.seconds, megabytes / row->load.seconds, row->load.errors,
           row->load.errors ? ": " : "", row->load.first);
}

static void row_to_json(const struct row *row, struct bg_json *rows)
{
    struct bg_json *object = bg_json_add_object(rows, NULL);
    bg_json_add_string(object, "name", row->name);
    bg_json_add_number(object, "cpu_seconds", row->cpu_seconds);
    bg_json_add_number(object, "seconds", row->load.seconds);
    bg_json_add_u64(object, "errors", row->load.errors);
}

static uint64_t idle_bytes(const struct idle *idle)
{
    return idle->after.resident_bytes - idle->before.resident_bytes;
}

static void print_results(const struct options *options, const struct row *rows, size_t count, const struct idle *idle,
                          const struct bg_bench_load_result *idle_load)
{
    struct bg_json *root = options->json ? bg_json_object() : NULL;
    struct bg_json *array = root ? bg_json_add_array(root, "rows") : NULL;
    for (size_t i = 0; i < count; i++)
        if (root)
            row_to_json(&rows[i], array);
        else
            print_row(options, &rows[i], &rows[0]);
    if (options->idle && !root)
        printf("%llu idle connections: %.0f MB, %.1f kB each; the server has %.0f MB; %zu errors%s%s\n",
               (unsigned long long)options->idle, (double)idle_bytes(idle) / 1e6,
               (double)idle_bytes(idle) / 1e3 / (double)options->idle, (double)idle->after.resident_bytes / 1e6,
               idle_load->errors, idle_load->errors ? ": " : "", idle_load->first);
    if (!root)
        return;
    bg_json_add_u64(root, "clients", options->clients);
    bg_json_add_u64(root, "body_bytes", options->kib << 10);
    bg_json_add_u64(root, "idle_connections", options->idle);
    bg_json_add_u64(root, "idle_errors", idle_load->errors);
    bg_json_add_u64(root, "idle_resident_bytes", idle->after.resident_bytes);
    bg_json_add_u64(root, "idle_bytes", options->idle ? idle_bytes(idle) : 0);
    char *text = bg_json_print(root, true);
    if (text)
        puts(text);
    free(text);
    bg_json_destroy(&root);
}

/* ---- the command ---- */

static enum bg_status parse(int argc, char **argv, struct options *o, struct bg_error *error)
{
    const struct bg_flag flags[] = {{"--clients", .value = &o->clients_text}, {"--kib", .value = &o->kib_text},
                                    {"--threads", .value = &o->threads_text}, {"--idle", .value = &o->idle_text},
                                    {"--json", .on = &o->json},               {"--help", .on = &o->help}};
    enum bg_status status = bg_arguments_parse(argc, argv, flags, sizeof flags / sizeof *flags, error, &o->words);
    const struct {
        const char *flag, *text;
        uint64_t least, most, *value, standard;
    } numbers[] = {{"--clients", o->clients_text, 1, 100000, &o->clients, 1000},
                   {"--kib", o->kib_text, 1, 1048576, &o->kib, 1024},
                   {"--threads", o->threads_text, 1, 64, &o->threads, 2},
                   {"--idle", o->idle_text, 0, 100000, &o->idle, 10000}};
    if (status == BG_OK && o->words.word_count)
        status = bg_fail(error, BG_INVALID, "%s: no such argument; see --help", o->words.words[0]);
    for (size_t i = 0; status == BG_OK && i < sizeof numbers / sizeof *numbers; i++) {
        *numbers[i].value = numbers[i].standard;
        if (numbers[i].text &&
            bg_parse_u64(numbers[i].text, numbers[i].least, numbers[i].most, numbers[i].value) != BG_OK)
            status = bg_fail(error, BG_INVALID, "%s %s: write a number from %llu to %llu", numbers[i].flag,
                             numbers[i].text, (unsigned long long)numbers[i].least,
                             (unsigned long long)numbers[i].most);
    }
    return status;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about;
    (void)kind;
    (void)place;
    return remove(path);
}

static enum bg_status measure_all(const struct options *options, const char *folder, struct bg_error *error)
{
    struct row rows[] = {{.name = "tls"}, {.name = "sink"}};
    struct idle idle = {0};
    struct bg_bench_load_result idle_load = {.errors = 0};
    struct bg_bench_keys keys;
    size_t size = options->kib << 10;
    uint8_t *body = malloc(size);
    struct bg_prng prng;
    if (!body)
        return bg_fail(error, BG_NO_MEMORY, "out of memory");
    bg_prng_init_stream(&prng, 1, "bench", 0);
    for (size_t i = 0; i < size; i++)
        body[i] = (uint8_t)(bg_prng_next(&prng) >> 56);
    enum bg_status status = bg_bench_keys_make(options->clients, error, &keys);
    if (status != BG_OK) {
        free(body);
        return status;
    }
    for (size_t i = 0; status == BG_OK && i < 2; i++)
        status = measure(options, &keys, i ? folder : NULL, (struct bg_span){body, size}, error, &rows[i]);
    if (status == BG_OK && options->idle)
        status = measure_idle(options, &keys, error, &idle, &idle_load);
    if (status == BG_OK)
        print_results(options, rows, 2, &idle, &idle_load);
    bg_bench_keys_finish(&keys);
    free(body);
    return status;
}

enum bg_status bg_bench_server(int argc, char **argv, struct bg_error *error)
{
    struct options options = {0};
    char folder[] = "/tmp/burgee-bench-XXXXXX";
    struct rlimit files;
    enum bg_status status = parse(argc, argv, &options, error);
    if (status == BG_OK && options.help)
        fputs(help, stdout);
    if (status != BG_OK || options.help)
        goto out;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (!mkdtemp(folder)) {
        status = bg_fail(error, BG_IO, "%s: %s", folder, strerror(errno));
        goto out;
    }
    status = measure_all(&options, folder, error);
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
out:
    bg_arguments_finish(&options.words);
    return status;
}
