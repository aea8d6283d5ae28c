/* SPDX-License-Identifier: Apache-2.0 */
/* burgee-status: what a running root does, for an operator in a terminal. */
#include "base/arguments.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/number.h"
#include "client/config.h"
#include "net/https_client.h"
#include "protocol/membership.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REPLY_MOST ((size_t)4 << 20)
#define PATIENCE_NS (10 * BG_SECOND)
#define WATCH_NS (2 * BG_SECOND)

static const char help[] =
    "usage: burgee status [URL] --identity DIR [--rounds N] [--watch] [--json | --metrics]\n"
    "\n"
    "Shows what a running root does: whether it is well, the round that runs, and the newest rounds. DIR is the\n"
    "folder of an operator: the key holder gives a token of that role (burgee-keyholder token new --role operator),\n"
    "and burgee-client enrol makes the folder. Without URL the root is asked that the folder knows.\n"
    "\n"
    "  --identity DIR     who asks\n"
    "  --rounds N         newest ones to show; default 20\n"
    "  --watch            again every 2 s, until it is stopped\n"
    "  --json             print what the root says, one object per line\n"
    "  --metrics          print its page for Prometheus instead (docs/OPERATIONS.md)\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 the root is well; 64 wrong usage; 65 it answers what is no answer; 66 no such folder; 74 it\n"
    "cannot be reached; 75 it is not well; 77 it refuses.\n";

struct flags {
    const char *identity, *rounds;
    bool watch, json, metrics, help, version;
};

struct status {
    struct flags flags;
    struct bg_arguments arguments;
    struct bg_client_config config; /* of the folder: where the root is */
    const char *url;
    uint64_t rounds_shown;
    struct bg_membership membership;
    struct bg_digest pin;
    struct bg_loop *loop;
    struct bg_https_client *client;
    struct bg_loop_timer *timer;
    struct bg_json *health, *rounds; /* of the last answers */
    enum bg_status outcome;
    struct bg_error error;
};

/* ---- what is shown ---- */

static const char *text_of(const struct bg_json *object, const char *key)
{
    const struct bg_json *value = bg_json_get(object, key);
    return value && bg_json_type(value) == BG_JSON_STRING ? bg_json_string(value) : "-";
}

static double number_of(const struct bg_json *object, const char *key)
{
    const struct bg_json *value = bg_json_get(object, key);
    return value && bg_json_type(value) == BG_JSON_NUMBER ? bg_json_number(value) : 0;
}

static bool truth_of(const struct bg_json *object, const char *key)
{
    const struct bg_json *value = bg_json_get(object, key);
    return value && bg_json_type(value) == BG_JSON_BOOL && bg_json_bool(value);
}

static void print_round(const struct bg_json *round)
{
    char groups[48];
    const struct bg_json *counts = bg_json_get(round, "groups");
    snprintf(groups, sizeof groups, "%.0f of %.0f used", number_of(counts, "used"), number_of(counts, "invited"));
    printf("%8.0f  %-10.10s %-10.10s %-20s %8.0f %10.1f kB %8.2f s  %.12s\n", number_of(round, "round"),
           text_of(round, "stage"), text_of(round, "outcome"), groups, number_of(round, "updates"),
           number_of(round, "update_bytes") / 1e3, number_of(round, "seconds"), text_of(round, "model"));
}

static void print_text(const struct status *s)
{
    const struct bg_json *rounds = bg_json_get(s->rounds, "rounds");
    double running = number_of(s->rounds, "round");
    if (s->flags.watch && isatty(STDOUT_FILENO))
        fputs("\033[H\033[J", stdout);
    printf("%s at %s: %s%s%s\n", text_of(s->rounds, "population"), s->url, text_of(s->health, "status"),
           truth_of(s->health, "store") ? "" : ", its store cannot be written",
           truth_of(s->health, "key_holder") ? "" : ", the key holder does not answer");
    printf("%.0f clients on the roster; ", number_of(s->rounds, "clients"));
    if (running > 0)
        printf("round %.0f is open\n\n", running);
    else
        printf("no round is open\n\n");
    printf("%8s  %-10s %-10s %-20s %8s %13s %10s  %s\n", "round", "stage", "outcome", "groups", "updates", "bytes",
           "seconds", "model");
    for (const struct bg_json *round = rounds ? bg_json_at(rounds, 0) : NULL; round; round = bg_json_next(round))
        print_round(round);
    fflush(stdout);
}

static void print_json(const struct status *s)
{
    struct bg_json *root = bg_json_object();
    bg_json_add_copy(root, "health", s->health);
    bg_json_add_copy(root, "rounds", s->rounds);
    char *text = bg_json_print(root, false);
    if (text)
        puts(text);
    fflush(stdout);
    free(text);
    bg_json_destroy(&root);
}

/* ---- asking ---- */

static void end(struct status *s, enum bg_status outcome)
{
    s->outcome = outcome;
    bg_loop_stop(s->loop);
}

static void ask(struct status *s, const char *path, bg_https_function *on_reply)
{
    char url[2 * BG_OPTION_TEXT_BYTES];
    struct bg_https_call *call;
    snprintf(url, sizeof url, "%s%s", s->url, path);
    struct bg_https_request request = {.method = "GET",
                                       .url = url,
                                       .pin = s->pin,
                                       .reply_limit = REPLY_MOST,
                                       .timeout_ns = PATIENCE_NS};
    enum bg_status status = bg_https_send(s->client, &request, on_reply, s, &call);
    if (status != BG_OK)
        end(s, bg_fail(&s->error, status, "%s: %s", url, bg_status_text(status)));
}

/* Whether an answer has a body to look at; `also` is an HTTP status besides 200 that has one. */
static bool check(struct status *s, const struct bg_https_reply *reply, unsigned also)
{
    if (reply->status == BG_OK && (reply->http == 200 || reply->http == also))
        return true;
    if (reply->status != BG_OK) {
        s->error = *reply->error;
        end(s, reply->status);
    } else if (reply->http == 403) {
        end(s, bg_fail(&s->error, BG_PERMISSION, "%s refuses: the folder's certificate is not an operator's", s->url));
    } else {
        end(s, bg_fail(&s->error, BG_IO, "%s answers with HTTP status %u", s->url, reply->http));
    }
    return false;
}

static struct bg_json *take(struct status *s, const struct bg_https_reply *reply, unsigned also)
{
    struct bg_json *root = NULL;
    enum bg_status status = BG_OK;
    if (check(s, reply, also))
        status = bg_json_parse(reply->body, s->url, &s->error, &root);
    if (status != BG_OK)
        end(s, status);
    return root;
}

static void on_metrics(void *context, const struct bg_https_reply *reply)
{
    struct status *s = context;
    if (!check(s, reply, 200))
        return;
    fwrite(reply->body.data, 1, reply->body.size, stdout);
    end(s, BG_OK);
}

static void on_rounds(void *context, const struct bg_https_reply *reply)
{
    struct status *s = context;
    bg_json_destroy(&s->rounds);
    s->rounds = take(s, reply, 200);
    if (!s->rounds)
        return;
    if (s->flags.json)
        print_json(s);
    else
        print_text(s);
    if (s->flags.watch)
        bg_loop_timer_set(s->timer, bg_clock_monotonic_ns() + WATCH_NS);
    else if (strcmp(text_of(s->health, "status"), "ok") == 0)
        end(s, BG_OK);
    else
        end(s, bg_fail(&s->error, BG_BUSY, "%s is not well", s->url));
}

static void on_health(void *context, const struct bg_https_reply *reply)
{
    struct status *s = context;
    char path[2 * BG_OPTION_TEXT_BYTES];
    bg_json_destroy(&s->health);
    s->health = take(s, reply, 503);
    snprintf(path, sizeof path, "/v1/%s/rounds?limit=%" PRIu64, s->config.population, s->rounds_shown);
    if (s->health)
        ask(s, path, on_rounds);
}

static void look(void *context)
{
    ask(context, "/healthz", on_health);
}

static void stop(void *context)
{
    end(context, BG_OK);
}

/* ---- the command ---- */

static enum bg_status read_folder(struct status *s, struct bg_error *error)
{
    char path[BG_DEVICE_PATH_BYTES];
    const char *folder = s->flags.identity;
    enum bg_status status = bg_device_path(folder, "config.json", error, path);
    if (status == BG_OK)
        status = bg_membership_load(folder, "enrol it by burgee-client enrol", error, &s->membership);
    if (status == BG_OK)
        status = bg_options_read(bg_client_options, bg_client_option_count, path, NULL, 0, &s->config, error);
    if (status != BG_OK)
        return status;
    if (!s->membership.has_root)
        return bg_fail(error, BG_NOT_FOUND, "%s: no root had enrolled when this folder did: run burgee-client renew",
                       folder);
    bg_point_pin(s->membership.root, &s->pin);
    s->url = s->arguments.word_count ? s->arguments.words[0] : s->config.root_url;
    return s->url[0] ? BG_OK : bg_fail(error, BG_INVALID, "%s does not know where the root is: give its URL", folder);
}

static enum bg_status connect_and_look(struct status *s, struct bg_error *error)
{
    enum bg_status status = bg_loop_create(error, &s->loop);
    if (status != BG_OK)
        return status;
    struct bg_https_settings settings = {.loop = s->loop,
                                         .credentials = {.certificate = s->membership.certificate.text,
                                                         .key = s->membership.key.text,
                                                         .authority = s->membership.authority.text},
                                         .connect_ns = PATIENCE_NS,
                                         .idle_ns = 10 * WATCH_NS};
    status = bg_loop_on_stop_signal(s->loop, stop, s);
    if (status == BG_OK)
        status = bg_loop_timer_create(s->loop, look, s, &s->timer);
    if (status == BG_OK)
        status = bg_https_client_create(&settings, error, &s->client);
    else
        bg_fail(error, status, "%s", bg_status_text(status));
    if (status != BG_OK)
        return status;
    if (s->flags.metrics)
        ask(s, "/metrics", on_metrics);
    else
        look(s);
    bg_loop_run(s->loop);
    if (s->outcome != BG_OK)
        *error = s->error;
    return s->outcome;
}

static enum bg_status parse(struct status *s, int argc, char **argv, struct bg_error *error)
{
    struct flags *f = &s->flags;
    const struct bg_flag table[] = {{"--identity", .value = &f->identity}, {"--rounds", .value = &f->rounds},
                                    {"--watch", .on = &f->watch},          {"--json", .on = &f->json},
                                    {"--metrics", .on = &f->metrics},      {"--help", .on = &f->help},
                                    {"--version", .on = &f->version}};
    enum bg_status status = bg_arguments_parse(argc, argv, table, sizeof table / sizeof *table, error, &s->arguments);
    if (status != BG_OK || f->help || f->version)
        return status;
    s->rounds_shown = 20;
    if (f->rounds && bg_parse_u64(f->rounds, 1, 1000, &s->rounds_shown) != BG_OK)
        return bg_fail(error, BG_INVALID, "--rounds %s: write a number from 1 to 1000", f->rounds);
    if (!f->identity || s->arguments.word_count > 1)
        return bg_fail(error, BG_INVALID, "want --identity DIR, and one URL at most; see --help");
    return BG_OK;
}

static enum bg_status run(struct status *s, int argc, char **argv, struct bg_error *error)
{
    enum bg_status status = parse(s, argc, argv, error);
    if (status == BG_OK && s->flags.help) {
        fputs(help, stdout);
        return BG_OK;
    }
    if (status == BG_OK && s->flags.version) {
        puts("burgee-status " BG_VERSION);
        return BG_OK;
    }
    if (status == BG_OK)
        status = read_folder(s, error);
    return status == BG_OK ? connect_and_look(s, error) : status;
}

int main(int argc, char **argv)
{
    static struct status s;
    struct bg_error error = {BG_OK, ""};
    enum bg_status status = run(&s, argc, argv, &error);
    bg_https_client_destroy(&s.client);
    bg_loop_timer_destroy(&s.timer);
    bg_loop_destroy(&s.loop);
    bg_json_destroy(&s.health);
    bg_json_destroy(&s.rounds);
    bg_membership_finish(&s.membership);
    bg_arguments_finish(&s.arguments);
    if (status != BG_OK)
        bg_log_error(BG_LOG_ERROR, "stopped", &error);
    return status == BG_OK ? 0 : bg_status_exit_code(status);
}
