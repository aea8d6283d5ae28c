/* SPDX-License-Identifier: Apache-2.0 */
/* burgee-aggregator: the root on a network, and on files with one verb per call. */
#include "aggregator/enrol.h"
#include "aggregator/models.h"
#include "aggregator/offline.h"
#include "aggregator/service.h"
#include "base/arguments.h"
#include "base/cpu.h"
#include "base/json.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct flags {
    const char *config, *key_holder, *commitment, *cell, *out, *reveal, *label;
    bool json, quiet, without_missing, exit_after_rounds, print_config, help, version;
};

struct run {
    struct bg_arguments arguments;
    const char *verb, *folder;
    const char *const *files;
    size_t file_count;
    struct flags flags;
    struct bg_aggregator_config config;
    struct bg_offline_settings settings;
    struct bg_json *json, *wrote, *updates; /* NULL unless --json */
};

enum place {
    ON_FILES = 0,  /* opens the folder of a root on files */
    NEW_FOLDER,
    ON_NETWORK,    /* prints by itself */
};

struct verb {
    const char *name;
    enum bg_status (*work)(struct run *run, struct bg_offline *offline, struct bg_error *error);
    enum place place;
    size_t files_least, files_most;
    const char *usage, *help;
};

/* ---- what is printed ---- */

static void on_wrote(void *context, const char *path)
{
    struct run *run = context;
    bg_json_add_string(run->wrote, NULL, path);
    if (!run->json && !run->flags.quiet)
        printf("wrote %s\n", path);
}

static void on_warn(void *context, const struct bg_error *error)
{
    (void)context;
    bg_log_error(BG_LOG_WARN, "group not used", error);
}

static void report_update(struct run *run, const char *file, const struct bg_digest *client, bool news,
                          const struct bg_error *error)
{
    char hex[2 * BG_DIGEST_BYTES + 1] = "";
    if (client)
        bg_digest_to_hex(client, hex);
    struct bg_json *update = bg_json_add_object(run->updates, NULL);
    bg_json_add_string(update, "file", file);
    bg_json_add_bool(update, "accepted", error == NULL);
    if (client)
        bg_json_add_string(update, "client", hex);
    if (error) {
        bg_json_add_string(update, "status", bg_status_name(error->status));
        bg_json_add_string(update, "error", error->text);
        bg_log_error(BG_LOG_WARN, "update refused", error);
    } else if (!run->json && !run->flags.quiet) {
        printf("%s: %s update of client %s\n", file, news ? "accepted the" : "had already accepted the", hex);
    }
}

static void report_round(struct run *run, const struct bg_offline_round *round)
{
    struct bg_json *object = run->json ? bg_json_add_object(run->json, "round") : NULL;
    bg_json_add_u64(object, "round", round->round);
    bg_json_add_string(object, "stage", bg_task_stage_name(round->stage));
    bg_json_add_string(object, "outcome", round->outcome == BG_OK ? "committed" : bg_status_name(round->outcome));
    bg_json_add_bool(object, "held", round->held);
    bg_json_add_u64(object, "invited", round->invited);
    bg_json_add_u64(object, "opened", round->opened);
    bg_json_add_u64(object, "used", round->used);
    bg_json_add_u64(object, "invalid", round->invalid);
    bg_json_add_u64(object, "refused", round->refused);
    bg_json_add_u64(object, "sat_out", round->sat_out);
    bg_json_add_number(object, "margin", round->margin);
    if (run->json || run->flags.quiet)
        return;
    printf("round %llu (%s) %s%s: %zu of %zu groups used, %zu opened, %zu invalid, %zu refused, %zu sat out\n",
           (unsigned long long)round->round, bg_task_stage_name(round->stage),
           round->outcome == BG_OK ? "committed" : round->held ? "held: " : "abandoned: ",
           round->outcome == BG_OK ? "" : bg_status_text(round->outcome), round->used, round->invited,
           round->opened, round->invalid, round->refused, round->sat_out);
}

static void print_json(struct bg_json *root)
{
    char *text = bg_json_print(root, true);
    if (text)
        puts(text);
    free(text);
}

static void print_fields(const struct bg_json *object)
{
    for (const struct bg_json *field = bg_json_at(object, 0); field; field = bg_json_next(field)) {
        enum bg_json_type type = bg_json_type(field);
        printf("%-14s %s\n", bg_json_key(field),
               type == BG_JSON_STRING   ? bg_json_string(field)
               : type == BG_JSON_NUMBER ? bg_json_number_text(field)
               : bg_json_bool(field)    ? "yes"
                                        : "no");
    }
}

/* ---- verbs ---- */

static enum bg_status init(struct run *run, struct bg_offline *offline, struct bg_error *error)
{
    struct bg_offline_trust trust = {.key_holder_file = run->flags.key_holder};
    (void)offline;
    if (!trust.key_holder_file != !run->flags.commitment)
        return bg_fail(error, BG_INVALID, "init takes --key-holder POINT and --commitment HEX together: what the key "
                                          "holder prints; or neither, and enrol follows");
    if (!trust.key_holder_file)
        return bg_offline_init(&run->settings, NULL, error);
    if (bg_digest_from_hex(run->flags.commitment, &trust.commitment) != BG_OK)
        return bg_fail(error, BG_INVALID, "--commitment %s: give the 64 hex digits that the key holder prints",
                       run->flags.commitment);
    return bg_offline_init(&run->settings, &trust, error);
}

static enum bg_status enrol_by_token(struct run *run, struct bg_offline *offline, struct bg_error *error)
{
    const char *label = run->flags.label ? run->flags.label : "";
    (void)offline;
    enum bg_status status =
        bg_aggregator_enrol(run->folder, run->files[0], run->files[1], label, &run->config, error);
    if (status == BG_OK && run->flags.json)
        printf("{\"event\": \"enrolled\"}\n");
    else if (status == BG_OK && !run->flags.quiet)
        printf("enrolled; next: burgee-aggregator serve %s\n", run->folder);
    return status;
}

static enum bg_status serve(struct run *run, struct bg_offline *offline, struct bg_error *error)
{
    struct bg_aggregator_service_settings settings = {.folder = run->folder,
                                                      .config = &run->config,
                                                      .exit_after_rounds = run->flags.exit_after_rounds,
                                                      .json = run->flags.json,
                                                      .quiet = run->flags.quiet};
    (void)offline;
    return bg_aggregator_service_run(&settings, error);
}

static enum bg_status models(struct run *run, struct bg_offline *offline, struct bg_error *error)
{
    static const struct {
        const char *name;
        enum bg_status (*work)(const struct bg_models_request *request, struct bg_error *error);
    } kinds[] = {{"list", bg_models_list}, {"show", bg_models_show}, {"export", bg_models_export}};
    struct bg_models_request request = {.folder = run->files[0],
                                        .which = run->file_count > 1 ? run->files[1] : NULL,
                                        .out = run->flags.out,
                                        .json = run->flags.json};
    (void)offline;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(run->folder, kinds[i].name) == 0)
            return kinds[i].work(&request, error);
    return bg_fail(error, BG_INVALID, "models %s: give list, show or export", run->folder);
}

static enum bg_status enrol(struct run *run, struct bg_offline *offline, struct bg_error *error)
{
    const char *cell = run->flags.cell ? run->flags.cell : "default";
    enum bg_status status = BG_OK;
    for (size_t i = 0; status == BG_OK && i < run->file_count; i++)
        status = bg_offline_enrol(offline, run->files[i], cell, error);
    return status;
}

static enum bg_status epoch(struct run *run, struct bg_offline *offline, struct bg_error *error)
{
    if (!run->flags.out == !run->flags.reveal)
        return bg_fail(error, BG_INVALID, "epoch needs --out REQUEST, then --reveal ANSWER");
    return run->flags.out ? bg_offline_ask_epoch(offline, run->flags.out, error)
                              : bg_offline_accept_epoch(offline, run->flags.reveal, error);
}

static enum bg_status open_round(struct run *run, struct bg_offline *offline, struct bg_error *error)
{
    (void)run;
    return bg_offline_open_round(offline, error);
}

/* Writes what a round's end leaves and reports it. Its outcome is the program's. */
static enum bg_status settle(struct run *run, struct bg_offline *offline, struct bg_error *error)
{
    const struct bg_offline_round *round = bg_offline_round(offline);
    enum bg_status status = bg_offline_settle(offline, error);
    if (status != BG_OK || !round->ended)
        return status;
    report_round(run, round);
    if (round->outcome == BG_OK)
        return BG_OK;
    return bg_fail(error, round->outcome, "round %llu %s: %s", (unsigned long long)round->round,
                   round->held ? "held" : "abandoned", bg_status_text(round->outcome));
}

/* Every file is looked at; the first refusal is the program's outcome, unless the round itself ends badly. */
static enum bg_status fold(struct run *run, struct bg_offline *offline, struct bg_error *error)
{
    enum bg_status first = BG_OK;
    size_t refused = 0;
    for (size_t i = 0; i < run->file_count; i++) {
        const char *file = run->files[i];
        struct bg_error refusal;
        struct bg_digest client;
        bool news = false;
        enum bg_status status = bg_offline_fold(offline, file, &refusal, &client, &news);
        report_update(run, file, status == BG_OK ? &client : NULL, news, status == BG_OK ? NULL : &refusal);
        refused += status != BG_OK;
        if (first == BG_OK)
            first = status;
    }
    enum bg_status status = settle(run, offline, error);
    if (status != BG_OK || !refused)
        return status;
    return bg_fail(error, first, "%zu of %zu updates refused", refused, run->file_count);
}

static enum bg_status close_round(struct run *run, struct bg_offline *offline, struct bg_error *error)
{
    enum bg_status status = bg_offline_close_round(offline, error);
    return status == BG_OK ? settle(run, offline, error) : status;
}

static enum bg_status step(struct run *run, struct bg_offline *offline, struct bg_error *error)
{
    enum bg_status status = BG_OK;
    const struct bg_offline_round *round = bg_offline_round(offline);
    if (!round->round && !run->file_count)
        return bg_fail(error, BG_WRONG_ROUND, "no round is open");
    for (size_t i = 0; status == BG_OK && i < run->file_count; i++)
        status = bg_offline_take_sums(offline, run->files[i], error);
    if (status == BG_OK && !round->round) {
        if (!run->json && !run->flags.quiet)
            puts("the round of these sums has ended; its receipt says how");
        return BG_OK;
    }
    if (status == BG_OK && run->flags.without_missing && !round->ended)
        status = bg_offline_give_up(offline, error);
    if (status != BG_OK)
        return status;
    if (round->ended)
        return settle(run, offline, error);
    struct bg_error sentence;
    bg_offline_waiting(offline, &sentence);
    return bg_fail(error, BG_BUSY, "waiting for %s", sentence.text);
}

static enum bg_status show(struct run *run, struct bg_offline *offline, struct bg_error *error)
{
    struct bg_json *object = run->json ? run->json : bg_json_object();
    (void)error;
    bg_offline_show(offline, object);
    if (!run->json) {
        print_fields(object);
        bg_json_destroy(&object);
    }
    return BG_OK;
}

static const struct verb verbs[] = {
    {"init", init, NEW_FOLDER, 0, 0, "init DIR [--key-holder POINT --commitment HEX]",
     "make a root in the new folder DIR: keys, initial model (settings model.*, data.*)"},
    {"enrol", enrol_by_token, ON_NETWORK, 2, 2, "enrol DIR URL TOKEN [--label TEXT]",
     "with a token of the role root, ask the key holder at URL for a certificate (TOKEN -: from stdin)"},
    {"serve", serve, ON_NETWORK, 0, 0, "serve DIR [--exit-after-rounds]",
     "be the root on the network, until SIGTERM or SIGINT"},
    {"models", models, ON_NETWORK, 1, 2, "models list|show|export DIR [DIGEST|ROUND] [--out FILE]",
     "the models that it has published, also while it serves"},
    {"enrol", enrol, ON_FILES, 1, SIZE_MAX, "enrol DIR POINT... [--cell LABEL]",
     "on files: put clients on the roster, as the key holder did"},
    {"epoch", epoch, ON_FILES, 0, 0, "epoch DIR --out REQUEST | --reveal ANSWER",
     "on files: ask the key holder for groups; take its answer, write plan and groups"},
    {"open", open_round, ON_FILES, 0, 0, "open DIR", "on files: open the next round, write its task"},
    {"fold", fold, ON_FILES, 1, SIZE_MAX, "fold DIR UPDATE...",
     "on files: check clients' updates, write the releases of complete groups"},
    {"close", close_round, ON_FILES, 0, 0, "close DIR",
     "on files: take no more updates, release groups that may open without all members"},
    {"step", step, ON_FILES, 0, SIZE_MAX, "step DIR [SUMS...] [--without-missing]",
     "on files: take opened sums; with the last one aggregate, write model and receipt"},
    {"show", show, ON_FILES, 0, 0, "show DIR", "on files: say where the root stands"},
};

/* ---- the command line ---- */

static void print_help(void)
{
    printf("usage: burgee-aggregator VERB DIR [arguments] [options]\n"
           "\n"
           "The root aggregator: on the network, or on files, one round by hand, every step to be seen.\n"
           "\n");
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        printf("  %-58s %s\n", verbs[i].usage, verbs[i].help);
    printf("\n"
           "  --config FILE          settings as JSON; standard: DIR/config.json, which init writes\n"
           "  --set KEY=VALUE        one setting; may be repeated\n"
           "  --insecure-test-key    the same as --set encryption.insecure_test_key=true\n"
           "  --without-missing      step: groups whose release has no answer sit the round out\n"
           "  --exit-after-rounds    serve: end when rounds.count are over and their clients know\n"
           "  --json                 print one JSON object; serve: one per event and line\n"
           "  --quiet                print nothing but errors\n"
           "  --print-config         print the effective settings and end\n"
           "  --help, --version\n"
           "\n"
           "Exit status: 0, 64 wrong use, 65 refused or bad input, a round held or abandoned, 66 not found, 71 out of\n"
           "memory, 74 input/output, 75 busy or waiting for files, 77 permissions, 78 configuration.\n"
           "\n"
           "Settings of DIR/config.json:\n");
    bg_options_help(bg_aggregator_options, bg_aggregator_option_count, stdout);
}

static enum bg_status parse(struct run *run, int argc, char **argv, struct bg_error *error)
{
    struct flags *f = &run->flags;
    const struct bg_flag table[] = {{"--config", .value = &f->config},
                                    {"--set", .setting = ""},
                                    {"--insecure-test-key", .setting = "encryption.insecure_test_key=true"},
                                    {"--key-holder", .value = &f->key_holder},
                                    {"--commitment", .value = &f->commitment},
                                    {"--cell", .value = &f->cell},
                                    {"--out", .value = &f->out},
                                    {"--reveal", .value = &f->reveal},
                                    {"--label", .value = &f->label},
                                    {"--exit-after-rounds", .on = &f->exit_after_rounds},
                                    {"--without-missing", .on = &f->without_missing},
                                    {"--json", .on = &f->json},
                                    {"--quiet", .on = &f->quiet},
                                    {"--print-config", .on = &f->print_config},
                                    {"--help", .on = &f->help},
                                    {"--version", .on = &f->version}};
    enum bg_status status =
        bg_arguments_parse(argc, argv, table, sizeof table / sizeof *table, error, &run->arguments);
    if (status != BG_OK)
        return status;
    const struct bg_arguments *a = &run->arguments;
    run->verb = a->words[0];
    run->folder = a->word_count > 1 ? a->words[1] : NULL;
    run->file_count = a->word_count > 2 ? a->word_count - 2 : 0;
    run->files = a->words + a->word_count - run->file_count;
    return BG_OK;
}

/* `enrol` is two verbs: with a token for a root on the network, with points for one on files. */
static bool is_meant(const struct run *run, const struct verb *verb)
{
    bool url = run->file_count && strncmp(run->files[0], "https:", 6) == 0;
    return strcmp(run->verb, verb->name) == 0 &&
           (strcmp(verb->name, "enrol") != 0 || url == (verb->place == ON_NETWORK));
}

static enum bg_status find_verb(const struct run *run, struct bg_error *error, const struct verb **ret_verb)
{
    const struct verb *verb = NULL;
    if (!run->verb)
        return bg_fail(error, BG_INVALID, "no verb given; see --help");
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (is_meant(run, &verbs[i]))
            verb = &verbs[i];
    if (!verb)
        return bg_fail(error, BG_INVALID, "%s: no such verb; see --help", run->verb);
    if (!run->folder || run->file_count > verb->files_most)
        return bg_fail(error, BG_INVALID, "usage: burgee-aggregator %s", verb->usage);
    if (run->file_count < verb->files_least)
        return bg_fail(error, BG_INVALID, verb->place == ON_FILES ? "no file given; usage: burgee-aggregator %s"
                                                                  : "usage: burgee-aggregator %s", verb->usage);
    *ret_verb = verb;
    return BG_OK;
}

static enum bg_status configure(struct run *run, struct bg_error *error)
{
    char path[4096];
    const char *file = run->flags.config;
    if (!file && run->folder) {
        snprintf(path, sizeof path, "%s/config.json", run->folder);
        file = access(path, F_OK) == 0 ? path : NULL;
    }
    enum bg_status status =
        bg_options_read(bg_aggregator_options, bg_aggregator_option_count, file, run->arguments.settings,
                        run->arguments.setting_count, &run->config, error);
    return status == BG_OK ? bg_aggregator_config_check(&run->config, error) : status;
}

static enum bg_status work(struct run *run, const struct verb *verb, struct bg_error *error)
{
    struct bg_offline *offline = NULL;
    bg_cpu_choose(run->config.kernels);
    if (verb->place == ON_NETWORK)
        return verb->work(run, NULL, error);
    run->settings = (struct bg_offline_settings){.folder = run->folder,
                                                 .config = &run->config,
                                                 .wrote = on_wrote,
                                                 .warn = on_warn,
                                                 .context = run};
    if (run->flags.json) {
        run->json = bg_json_object();
        bg_json_add_string(run->json, "verb", verb->name);
        if (verb->work != show)
            run->wrote = bg_json_add_array(run->json, "wrote");
        if (verb->work == fold)
            run->updates = bg_json_add_array(run->json, "updates");
    }
    enum bg_status status = verb->place == NEW_FOLDER ? BG_OK : bg_offline_create(&run->settings, error, &offline);
    if (status == BG_OK)
        status = verb->work(run, offline, error);
    bg_offline_destroy(&offline);
    if (run->json) {
        bg_json_add_string(run->json, "status", status == BG_OK ? "OK" : bg_status_name(status));
        if (status != BG_OK)
            bg_json_add_string(run->json, "error", error->text);
        print_json(run->json);
    }
    bg_json_destroy(&run->json);
    return status;
}

static enum bg_status run_program(struct run *run, int argc, char **argv, struct bg_error *error)
{
    const struct verb *verb = NULL;
    enum bg_status status = parse(run, argc, argv, error);
    if (status != BG_OK)
        return status;
    if (run->flags.help) {
        print_help();
        return BG_OK;
    }
    if (run->flags.version) {
        puts("burgee-aggregator " BG_VERSION);
        return BG_OK;
    }
    if (!run->flags.print_config)
        status = find_verb(run, error, &verb);
    if (status == BG_OK)
        status = configure(run, error);
    if (status != BG_OK || !run->flags.print_config)
        return status == BG_OK ? work(run, verb, error) : status;
    bg_options_print(bg_aggregator_options, bg_aggregator_option_count, &run->config, stdout);
    return BG_OK;
}

int main(int argc, char **argv)
{
    static struct run run;
    struct bg_error error = {BG_OK, ""};
    enum bg_status status = run_program(&run, argc, argv, &error);
    if (fflush(stdout) != 0 && status == BG_OK)
        status = bg_fail(&error, BG_IO, "cannot print the result");
    if (status != BG_OK)
        bg_log_error(BG_LOG_ERROR, "stopped", &error);
    bg_arguments_finish(&run.arguments);
    return status == BG_OK ? 0 : bg_status_exit_code(status);
}
