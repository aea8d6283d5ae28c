/* SPDX-License-Identifier: Apache-2.0 */
/* From an empty folder to members that run: what an operator does by hand, in the same order. */
#include "base/clock.h"
#include "up/attacker.h"
#include "up/federation_state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORDS_MOST 24
#define TOKEN_BYTES 256
#define PATIENCE_NS (120 * BG_SECOND) /* for one step of setting up */

/* ---- commands that end ---- */

/* Lines that a command says. */
struct lines {
    char (*at)[TOKEN_BYTES]; /* (most) */
    size_t most, count;
};

/* One that runs. */
struct command {
    struct bg_up *up;
    const struct bg_up_member *member; /* whose errors it writes */
    struct lines *lines;               /* NULL: nobody listens */
    bool running;
    int exit_code;
};

static void on_said(void *context, const char *line)
{
    struct lines *lines = ((struct command *)context)->lines;
    if (lines && lines->count < lines->most)
        snprintf(lines->at[lines->count++], TOKEN_BYTES, "%s", line);
}

static void on_end(void *context, const struct bg_process_end *end)
{
    struct command *command = context;
    command->up->result.cpu_ns[command->member->role] += end->cpu_ns;
    command->running = false;
    command->exit_code = end->exit_code;
}

/* Words behind the program's name, NULL behind the last. */
static enum bg_status start_program(struct bg_up *up, const char *program, const char *const *words,
                                    const struct bg_process_settings *settings, struct bg_error *error,
                                    struct bg_process **ret_process)
{
    char path[PATH_MAX];
    const char *arguments[WORDS_MOST + 2] = {path};
    struct bg_process_settings complete = *settings;
    enum bg_status status = bg_up_path(path, up->settings.programs, program, error);
    for (size_t i = 0; words[i] && i < WORDS_MOST; i++)
        arguments[i + 1] = words[i];
    complete.arguments = arguments;
    return status == BG_OK ? bg_processes_start(up->processes, &complete, error, ret_process) : status;
}

static enum bg_status begin_command(struct command *command, struct bg_up *up, const struct bg_up_member *member,
                                    const char *program, const char *const *words, struct lines *lines,
                                    struct bg_error *error)
{
    struct bg_process *process;
    struct bg_process_settings settings = {
        .errors = member->errors, .said = on_said, .ended = on_end, .context = command};
    *command = (struct command){.up = up, .member = member, .lines = lines, .running = true};
    return start_program(up, program, words, &settings, error, &process);
}

static enum bg_status check_ended(const struct command *command, const char *what, struct bg_error *error)
{
    char line[300];
    if (command->exit_code == 0)
        return BG_OK;
    bg_up_last_line(command->member->errors, line, sizeof line);
    return bg_fail(error, BG_IO, "%s failed with exit status %d: %s", what, command->exit_code, line);
}

/* One step of waiting: BG_OK until it is time to give up. */
static enum bg_status wait_on(struct bg_up *up, uint64_t until, const char *what, struct bg_error *error)
{
    if (bg_processes_interrupted())
        return bg_fail(error, BG_BUSY, "interrupted");
    if (up->status != BG_OK) {
        *error = up->error;
        return up->status;
    }
    if (bg_clock_monotonic_ns() >= until)
        return bg_fail(error, BG_TOO_LATE, "%s took more than %llu s", what,
                       (unsigned long long)(PATIENCE_NS / BG_SECOND));
    bg_processes_wait(up->processes, until);
    return BG_OK;
}

static enum bg_status run_command(struct bg_up *up, const struct bg_up_member *member, const char *program,
                                  const char *const *words, struct lines *lines, struct bg_error *error)
{
    struct command command;
    char what[128];
    snprintf(what, sizeof what, "%s %s", program, words[0]);
    uint64_t until = bg_clock_monotonic_ns() + PATIENCE_NS;
    enum bg_status status = begin_command(&command, up, member, program, words, lines, error);
    if (status != BG_OK)
        return status;
    while (status == BG_OK && command.running)
        status = wait_on(up, until, what, error);
    if (status != BG_OK) { /* the command lives in this frame */
        up->stopping = true;
        bg_processes_end(up->processes, BG_SECOND);
        return status;
    }
    return check_ended(&command, what, error);
}

/* ---- members that stay ---- */

static enum bg_status start_member(struct bg_up *up, struct bg_up_member *member, const char *program,
                                   const char *const *words, struct bg_error *error)
{
    struct bg_process_settings settings = {
        .errors = member->errors, .said = bg_up_hear, .ended = bg_up_mourn, .context = member};
    return start_program(up, program, words, &settings, error, &member->process);
}

static enum bg_status wait_ready(struct bg_up *up, const struct bg_up_member *member, struct bg_error *error)
{
    uint64_t until = bg_clock_monotonic_ns() + PATIENCE_NS;
    enum bg_status status = BG_OK;
    while (status == BG_OK && !member->url[0])
        status = wait_on(up, until, "starting to serve", error);
    return status;
}

/* As many as `tokens` has room for. `cell`: of clients, else NULL. */
static enum bg_status new_tokens(struct bg_up *up, const char *role, const char *cell, struct lines *tokens,
                                 struct bg_error *error)
{
    char count[24];
    snprintf(count, sizeof count, "%zu", tokens->most);
    const char *const words[] = {"token",   "new", up->keyholder.folder, "--role", role, "--count", count,
                                 cell ? "--cell" : NULL, cell, NULL};
    enum bg_status status = run_command(up, &up->keyholder, "burgee-keyholder", words, tokens, error);
    if (status == BG_OK && tokens->count < tokens->most)
        return bg_fail(error, BG_FAULT, "burgee-keyholder token gave %zu of %zu tokens", tokens->count, tokens->most);
    return status;
}

static enum bg_status start_keyholder(struct bg_up *up, struct bg_error *error)
{
    char file[PATH_MAX];
    struct bg_keyholder_config config;
    struct bg_up_member *member = &up->keyholder;
    enum bg_status status = bg_up_configure_keyholder(&up->config, up->settings.insecure_test_key, error, &config);
    if (status == BG_OK)
        status = bg_up_path(file, up->settings.folder, "keyholder.json", error);
    if (status == BG_OK)
        status = bg_options_save(bg_keyholder_options, bg_keyholder_option_count, &config, file, error);
    const char *const init[] = {"init", "--out", member->folder, "--config", file, "--quiet", NULL};
    if (status == BG_OK)
        status = run_command(up, member, "burgee-keyholder", init, NULL, error);
    const char *const serve[] = {"serve", member->folder, "--json", NULL};
    if (status == BG_OK)
        status = start_member(up, member, "burgee-keyholder", serve, error);
    return status == BG_OK ? wait_ready(up, member, error) : status;
}

/* One that is free now: clients are told the root's place before it serves there. */
static enum bg_status find_port(uint16_t *ret_port, struct bg_error *error)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = s >= 0 && bind(s, (struct sockaddr *)&address, size) == 0 &&
                getsockname(s, (struct sockaddr *)&address, &size) == 0;
    int number = errno;
    if (s >= 0)
        close(s);
    *ret_port = ntohs(address.sin_port);
    return good ? BG_OK : bg_fail(error, BG_IO, "no free port on loopback: %s", strerror(number));
}

static enum bg_status enrol_root(struct bg_up *up, struct bg_error *error)
{
    char token[1][TOKEN_BYTES], file[PATH_MAX], at[64], url[64];
    struct lines tokens = {token, 1, 0};
    struct bg_aggregator_config config;
    struct bg_up_data data = {up->schema, up->names};
    struct bg_up_member *member = &up->root;
    uint16_t port;
    enum bg_status status =
        bg_up_configure_aggregator(&up->config, up->settings.insecure_test_key, &data, error, &config);
    if (status == BG_OK)
        status = bg_up_path(file, up->settings.folder, "root.json", error);
    if (status == BG_OK)
        status = bg_options_save(bg_aggregator_options, bg_aggregator_option_count, &config, file, error);
    if (status == BG_OK)
        status = find_port(&port, error);
    if (status != BG_OK)
        return status;
    snprintf(at, sizeof at, "listen.port=%u", port);
    snprintf(url, sizeof url, "listen.url=https://127.0.0.1:%u", port);
    const char *const init[] = {"init", member->folder, "--config", file, "--set", at, "--set", url, "--quiet", NULL};
    status = run_command(up, member, "burgee-aggregator", init, NULL, error);
    if (status == BG_OK)
        status = new_tokens(up, "root", NULL, &tokens, error);
    const char *const enrol[] = {"enrol", member->folder, up->keyholder.url, token[0], "--quiet", NULL};
    return status == BG_OK ? run_command(up, member, "burgee-aggregator", enrol, NULL, error) : status;
}

/* ---- clients ---- */

/* k_max of the first epoch, as protocol/partition.h has it. */
static uint64_t largest_group(const struct bg_up *up)
{
    uint64_t most = 1, cells = up->config.cells, least = up->config.group_least;
    for (uint64_t cell = 0; cell < cells; cell++) {
        uint64_t clients = up->client_count / cells + (cell < up->client_count % cells);
        uint64_t groups = (clients + up->config.group_size - 1) / up->config.group_size;
        while (groups > 1 && clients / groups < least)
            groups--;
        if (clients >= least && (clients + groups - 1) / groups > most)
            most = (clients + groups - 1) / groups;
    }
    return most;
}

/* An attacker is this program itself, which has the simulator's attacks. */
static enum bg_status run_client(struct bg_up *up, struct bg_up_member *member, struct bg_error *error)
{
    char kind[BG_OPTION_TEXT_BYTES] = "", seed[24], most[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)(up->config.seed + member->index));
    snprintf(most, sizeof most, "%llu", (unsigned long long)largest_group(up));
    for (size_t i = 0; i < bg_simulator_option_count; i++)
        if (strcmp(bg_simulator_options[i].key, "attack.kind") == 0)
            bg_option_text(&bg_simulator_options[i], &up->config, kind);
    const char *const honest[] = {"run", member->folder, "--json", NULL};
    const char *const hostile[] = {BG_UP_ATTACKER, member->folder, kind, seed, most, NULL};
    return member->byzantine ? start_member(up, member, "burgee-up", hostile, error)
                             : start_member(up, member, "burgee-client", honest, error);
}

struct enrolling {
    struct command command;
    char token[TOKEN_BYTES];
};

/* Clients are spread over cells as in a simulation. */
static enum bg_status give_tokens(struct bg_up *up, struct enrolling *enrolling, struct bg_error *error)
{
    size_t cells = (size_t)up->config.cells;
    struct lines tokens = {.at = calloc(up->client_count, TOKEN_BYTES)};
    enum bg_status status = tokens.at ? BG_OK : bg_fail(error, BG_NO_MEMORY, "tokens: out of memory");
    for (size_t cell = 0; status == BG_OK && cell < cells && cell < up->client_count; cell++) {
        char name[32];
        snprintf(name, sizeof name, "cell-%zu", cell);
        tokens.count = 0;
        tokens.most = (up->client_count - cell + cells - 1) / cells;
        status = new_tokens(up, "client", name, &tokens, error);
        for (size_t i = 0; status == BG_OK && i < tokens.count; i++)
            memcpy(enrolling[cell + i * cells].token, tokens.at[i], TOKEN_BYTES);
    }
    free(tokens.at);
    return status;
}

static enum bg_status begin_enrolment(struct bg_up *up, size_t i, struct enrolling *enrolling, struct bg_error *error)
{
    struct bg_up_member *member = &up->clients[i];
    const char *const words[] = {"enrol", member->folder, up->keyholder.url, enrolling->token, "--quiet", NULL};
    return begin_command(&enrolling->command, up, member, "burgee-client", words, NULL, error);
}

static size_t count_running(const struct enrolling *enrolling, size_t count)
{
    size_t running = 0;
    for (size_t i = 0; i < count; i++)
        running += enrolling[i].command.running;
    return running;
}

static enum bg_status enrol_clients(struct bg_up *up, struct enrolling *enrolling, struct bg_error *error)
{
    size_t side_by_side = 2 * (size_t)bg_available_processors();
    uint64_t until = bg_clock_monotonic_ns() + PATIENCE_NS;
    enum bg_status status = give_tokens(up, enrolling, error);
    for (size_t i = 0; status == BG_OK && i < up->client_count; i++) {
        until = bg_clock_monotonic_ns() + PATIENCE_NS;
        while (status == BG_OK && count_running(enrolling, i) >= side_by_side)
            status = wait_on(up, until, "enrolling", error);
        if (status == BG_OK)
            status = begin_enrolment(up, i, &enrolling[i], error);
    }
    while (status == BG_OK && count_running(enrolling, up->client_count))
        status = wait_on(up, until, "enrolling", error);
    for (size_t i = 0; status == BG_OK && i < up->client_count; i++)
        status = check_ended(&enrolling[i].command, "burgee-client enrol", error);
    if (status != BG_OK) { /* commands live no longer than this call */
        up->stopping = true;
        bg_processes_end(up->processes, BG_SECOND);
    }
    return status;
}

static enum bg_status start_clients(struct bg_up *up, struct bg_error *error)
{
    enum bg_status status = BG_OK;
    for (size_t i = 0; status == BG_OK && i < up->client_count; i++)
        status = run_client(up, &up->clients[i], error);
    for (size_t i = 0; status == BG_OK && i < up->client_count; i++)
        status = wait_ready(up, &up->clients[i], error);
    return status;
}

/* The root serves when all clients are on the roster, so that its first epoch has a place for each. */
enum bg_status bg_up_start(struct bg_up *up, struct bg_error *error)
{
    struct enrolling *enrolling = calloc(up->client_count, sizeof *enrolling);
    if (!enrolling)
        return bg_fail(error, BG_NO_MEMORY, "clients: out of memory");
    enum bg_status status = start_keyholder(up, error);
    if (status == BG_OK)
        status = enrol_root(up, error);
    if (status == BG_OK)
        status = enrol_clients(up, enrolling, error);
    free(enrolling);
    const char *const serve[] = {"serve", up->root.folder, "--json", NULL};
    if (status == BG_OK)
        status = start_member(up, &up->root, "burgee-aggregator", serve, error);
    if (status == BG_OK)
        status = wait_ready(up, &up->root, error);
    return status == BG_OK ? start_clients(up, error) : status;
}
