/* SPDX-License-Identifier: Apache-2.0 */
/* burgee-aggregator: the root on files, one verb per call. */
#include "aggregator/offline.h"
#include "base/json.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct arguments {
    const char *verb, *folder;
    const char **files;
    size_t file_count;
    const char **sets; /* --set */
    size_t set_count;
    const char *config, *key_holder, *commitment, *cell, *out, *reveal;
    bool json, quiet, without_missing, print_config, help, version;
};

struct run {
    struct arguments arguments;
    struct bg_aggregator_config config;
    struct bg_offline_settings settings;
    struct bg_json *json, *wrote, *updates; /* NULL unless --json */
};

struct verb {
    const char *name;
    enum bg_status (*work)(struct run *run, struct bg_offline *offline, struct bg_error *error);
    bool takes_files;
    const char *usage, *help;
};

/* ---- what is printed ---- */

static void on_wrote(void *context, const char *path)
{
    struct run *run = context;
    bg_json_add_string(run->wrote, NULL, path);
    if (!run->json && !run->arguments.quiet)
        printf("wrote %s\n", path);
}

static void log_error(enum bg_log_level level, const char *message, const struct bg_error *error)
{
    char quoted[600];
    bg_log(level, message, "status=%s error=%s", bg_status_name(error->status),
           bg_log_quote(error->text, quoted, sizeof quoted));
}

static void on_warn(void *context, const struct bg_error *error)
{
    (void)context;
    log_error(BG_LOG_WARN, "group not used", error);
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
        log_error(BG_LOG_WARN, "update refused", error);
    } else if (!run->json && !run->arguments.quiet) {
        printf("%s: %s update of client %s\n", file, news ? "accepted the" : "had already accepted the", hex);
    }
}

static void report_round(struct run *run, const struct bg_offline_round *round)
{
    struct bg_json *object = run->json ? bg_json_add_object(run->json, "round") : NULL;
    bg_json_add_u64(object, "round", round->round);
    bg_json_add_bool(object, "calibration", round->calibration);
    bg_json_add_string(object, "outcome", round->outcome == BG_OK ? "committed" : bg_status_name(round->outcome));
    bg_json_add_bool(object, "held", round->held);
    bg_json_add_u64(object, "invited", round->invited);
    bg_json_add_u64(object, "opened", round->opened);
    bg_json_add_u64(object, "used", round->used);
    bg_json_add_u64(object, "invalid", round->invalid);
    bg_json_add_u64(object, "refused", round->refused);
    bg_json_add_u64(object, "sat_out", round->sat_out);
    bg_json_add_number(object, "margin", round->margin);
    if (run->json || run->arguments.quiet)
        return;
    printf("round %llu%s %s%s: %zu of %zu groups used, %zu opened, %zu invalid, %zu refused, %zu sat out\n",
           (unsigned long long)round->round, round->calibration ? " (calibration)" : "",
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
    struct bg_offline_trust trust = {.key_holder_file = run->arguments.key_holder};
    (void)offline;
    if (!trust.key_holder_file || !run->arguments.commitment)
        return bg_fail(error, BG_INVALID, "init needs --key-holder POINT and --commitment HEX of the key holder");
    if (bg_digest_from_hex(run->arguments.commitment, &trust.commitment) != BG_OK)
        return bg_fail(error, BG_INVALID, "--commitment %s: give the 64 hex digits that the key holder prints",
                       run->arguments.commitment);
    return bg_offline_init(&run->settings, &trust, error);
}

static enum bg_status enrol(struct run *run, struct bg_offline *offline, struct bg_error *error)
{
    const char *cell = run->arguments.cell ? run->arguments.cell : "default";
    enum bg_status status = BG_OK;
    for (size_t i = 0; status == BG_OK && i < run->arguments.file_count; i++)
        status = bg_offline_enrol(offline, run->arguments.files[i], cell, error);
    return status;
}

static enum bg_status epoch(struct run *run, struct bg_offline *offline, struct bg_error *error)
{
    if (!run->arguments.out == !run->arguments.reveal)
        return bg_fail(error, BG_INVALID, "epoch needs --out REQUEST, then --reveal ANSWER");
    return run->arguments.out ? bg_offline_ask_epoch(offline, run->arguments.out, error)
                              : bg_offline_accept_epoch(offline, run->arguments.reveal, error);
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
    for (size_t i = 0; i < run->arguments.file_count; i++) {
        const char *file = run->arguments.files[i];
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
    return bg_fail(error, first, "%zu of %zu updates refused", refused, run->arguments.file_count);
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
    if (!round->round && !run->arguments.file_count)
        return bg_fail(error, BG_WRONG_ROUND, "no round is open");
    for (size_t i = 0; status == BG_OK && i < run->arguments.file_count; i++)
        status = bg_offline_take_sums(offline, run->arguments.files[i], error);
    if (status == BG_OK && !round->round) {
        if (!run->json && !run->arguments.quiet)
            puts("the round of these sums has ended; its receipt says how");
        return BG_OK;
    }
    if (status == BG_OK && run->arguments.without_missing && !round->ended)
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
    {"init", init, false, "init DIR --key-holder POINT --commitment HEX",
     "make a root in the new folder DIR: keys, initial model (settings model.*, data.*)"},
    {"enrol", enrol, true, "enrol DIR POINT... [--cell LABEL]",
     "put clients on the roster, as the key holder did"},
    {"epoch", epoch, false, "epoch DIR --out REQUEST | --reveal ANSWER",
     "ask the key holder for groups; take its answer, write plan and groups"},
    {"open", open_round, false, "open DIR", "open the next round, write its task"},
    {"fold", fold, true, "fold DIR UPDATE...",
     "check clients' updates, write the releases of complete groups"},
    {"close", close_round, false, "close DIR",
     "take no more updates, release groups that may open without all members"},
    {"step", step, true, "step DIR [SUMS...] [--without-missing]",
     "take opened sums; with the last one aggregate, write model and receipt"},
    {"show", show, false, "show DIR", "say where the root stands"},
};

/* ---- the command line ---- */

static void print_help(void)
{
    printf("usage: burgee-aggregator VERB DIR [arguments] [options]\n"
           "\n"
           "The root aggregator on files: one round by hand, every step to be seen.\n"
           "\n");
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        printf("  %-46s %s\n", verbs[i].usage, verbs[i].help);
    printf("\n"
           "  --config FILE          settings as JSON; standard: DIR/config.json, which init writes\n"
           "  --set KEY=VALUE        one setting; may be repeated\n"
           "  --insecure-test-key    the same as --set encryption.insecure_test_key=true\n"
           "  --without-missing      step: groups whose release has no answer sit the round out\n"
           "  --json                 print one JSON object\n"
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

static enum bg_status parse_flag(struct arguments *a, int argc, char **argv, int *i, struct bg_error *error)
{
    const struct {
        const char *flag;
        bool *value;
    } switches[] = {{"--json", &a->json},
                    {"--quiet", &a->quiet},
                    {"--without-missing", &a->without_missing},
                    {"--print-config", &a->print_config},
                    {"--help", &a->help},
                    {"--version", &a->version}};
    const struct {
        const char *flag;
        const char **value;
    } values[] = {{"--config", &a->config},         {"--set", &a->sets[a->set_count]}, {"--cell", &a->cell},
                  {"--key-holder", &a->key_holder}, {"--commitment", &a->commitment}, {"--out", &a->out},
                  {"--reveal", &a->reveal}};
    const char *flag = argv[*i];
    if (strcmp(flag, "--insecure-test-key") == 0) {
        a->sets[a->set_count++] = "encryption.insecure_test_key=true";
        return BG_OK;
    }
    for (size_t f = 0; f < sizeof switches / sizeof *switches; f++)
        if (strcmp(flag, switches[f].flag) == 0) {
            *switches[f].value = true;
            return BG_OK;
        }
    for (size_t f = 0; f < sizeof values / sizeof *values; f++) {
        if (strcmp(flag, values[f].flag) != 0)
            continue;
        if (*i + 1 >= argc)
            return bg_fail(error, BG_INVALID, "%s needs a value; see --help", flag);
        *values[f].value = argv[++*i];
        a->set_count += values[f].value == &a->sets[a->set_count];
        return BG_OK;
    }
    return bg_fail(error, BG_INVALID, "%s: no such option; see --help", flag);
}

static enum bg_status parse(struct arguments *a, int argc, char **argv, struct bg_error *error)
{
    a->files = calloc((size_t)argc + 1, sizeof *a->files);
    a->sets = calloc((size_t)argc + 1, sizeof *a->sets);
    if (!a->files || !a->sets)
        return bg_fail(error, BG_NO_MEMORY, "out of memory");
    for (int i = 1; i < argc; i++) {
        enum bg_status status = BG_OK;
        if (strncmp(argv[i], "--", 2) == 0)
            status = parse_flag(a, argc, argv, &i, error);
        else if (!a->verb)
            a->verb = argv[i];
        else if (!a->folder)
            a->folder = argv[i];
        else
            a->files[a->file_count++] = argv[i];
        if (status != BG_OK)
            return status;
    }
    return BG_OK;
}

static enum bg_status find_verb(const struct arguments *a, struct bg_error *error, const struct verb **ret_verb)
{
    const struct verb *verb = NULL;
    if (!a->verb)
        return bg_fail(error, BG_INVALID, "no verb given; see --help");
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(a->verb, verbs[i].name) == 0)
            verb = &verbs[i];
    if (!verb)
        return bg_fail(error, BG_INVALID, "%s: no such verb; see --help", a->verb);
    if (!a->folder || (a->file_count && !verb->takes_files))
        return bg_fail(error, BG_INVALID, "usage: burgee-aggregator %s", verb->usage);
    if (verb->takes_files && !a->file_count && verb->work != step)
        return bg_fail(error, BG_INVALID, "no file given; usage: burgee-aggregator %s", verb->usage);
    *ret_verb = verb;
    return BG_OK;
}

/* Defaults, then a file, then --set. */
static enum bg_status configure(struct run *run, struct bg_error *error)
{
    const struct arguments *a = &run->arguments;
    char path[4096];
    const char *file = a->config;
    enum bg_status status = BG_OK;
    bg_options_defaults(bg_aggregator_options, bg_aggregator_option_count, &run->config);
    if (!file && a->folder) {
        snprintf(path, sizeof path, "%s/config.json", a->folder);
        file = access(path, F_OK) == 0 ? path : NULL;
    }
    if (file)
        status = bg_options_load(bg_aggregator_options, bg_aggregator_option_count, file, &run->config, error);
    for (size_t i = 0; status == BG_OK && i < a->set_count; i++)
        status = bg_options_set(bg_aggregator_options, bg_aggregator_option_count, a->sets[i], &run->config, error);
    return status == BG_OK ? bg_aggregator_config_check(&run->config, error) : status;
}

static void print_config(const struct run *run)
{
    struct bg_json *root = bg_json_object();
    bg_options_to_json(bg_aggregator_options, bg_aggregator_option_count, &run->config, root);
    print_json(root);
    bg_json_destroy(&root);
}

static enum bg_status work(struct run *run, const struct verb *verb, struct bg_error *error)
{
    struct bg_offline *offline = NULL;
    run->settings = (struct bg_offline_settings){.folder = run->arguments.folder,
                                                 .config = &run->config,
                                                 .wrote = on_wrote,
                                                 .warn = on_warn,
                                                 .context = run};
    if (run->arguments.json) {
        run->json = bg_json_object();
        bg_json_add_string(run->json, "verb", verb->name);
        if (verb->work != show)
            run->wrote = bg_json_add_array(run->json, "wrote");
        if (verb->work == fold)
            run->updates = bg_json_add_array(run->json, "updates");
    }
    enum bg_status status = verb->work == init ? BG_OK : bg_offline_create(&run->settings, error, &offline);
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

int main(int argc, char **argv)
{
    static struct run run;
    struct arguments *a = &run.arguments;
    struct bg_error error = {BG_OK, ""};
    const struct verb *verb = NULL;
    enum bg_status status = parse(a, argc, argv, &error);
    if (status == BG_OK && a->help)
        print_help();
    else if (status == BG_OK && a->version)
        puts("burgee-aggregator " BG_VERSION);
    else {
        if (status == BG_OK && !a->print_config)
            status = find_verb(a, &error, &verb);
        if (status == BG_OK)
            status = configure(&run, &error);
        if (status == BG_OK && a->print_config)
            print_config(&run);
        else if (status == BG_OK)
            status = work(&run, verb, &error);
    }
    if (fflush(stdout) != 0 && status == BG_OK)
        status = bg_fail(&error, BG_IO, "cannot print the result");
    if (status != BG_OK)
        log_error(BG_LOG_ERROR, "stopped", &error);
    free(a->files);
    free(a->sets);
    return status == BG_OK ? 0 : bg_status_exit_code(status);
}
