/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "simulator/central.h"
#include "simulator/report.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct arguments {
    const char *json, *csv, *plot, *model;
    bool quiet, verbose, insecure_test_key, print_config;
};

struct run {
    struct arguments arguments;
    struct bg_simulator_config config;
    struct bg_simulator_data data;
    struct bg_federation *federation;
    struct bg_workers *workers;
    struct bg_round_result *rounds;
    struct bg_confusion confusion, central;
    struct bg_report report;
    uint64_t refused;
};

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
    (void)number;
    stopping = 1;
}

static void print_help(void)
{
    printf("usage: burgee-simulator [--config FILE] [--set KEY=VALUE]... [options]\n"
           "\n"
           "Runs a whole federation in one process on a virtual clock: clients that train, vote, encrypt and\n"
           "send; a root; a key holder. Results depend on configuration and seed only.\n"
           "\n"
           "  --config FILE          settings as JSON\n"
           "  --set KEY=VALUE        one setting; after --config, may be repeated\n"
           "  --json FILE            write everything measured\n"
           "  --csv FILE             write one row per round\n"
           "  --plot FILE            draw accuracy per round as PNG (needs gnuplot)\n"
           "  --model FILE           write the final model (safetensors)\n"
           "  --quiet                print nothing but errors\n"
           "  --verbose              log every refused message and unused group\n"
           "  --insecure-test-key    allow keys below 2048 bits\n"
           "  --print-config         print the effective settings and end\n"
           "  --help, --version\n"
           "\n"
           "Settings:\n");
    bg_options_help(bg_simulator_options, bg_simulator_option_count, stdout);
}

static int fail(const struct bg_error *error)
{
    char quoted[600];
    bg_log(BG_LOG_ERROR, "stopped", "status=%s error=%s", bg_status_name(error->status),
           bg_log_quote(error->text, quoted, sizeof quoted));
    return bg_status_exit_code(error->status);
}

static void print_config(const struct bg_simulator_config *config)
{
    struct bg_json *root = bg_json_object();
    bg_options_to_json(bg_simulator_options, bg_simulator_option_count, config, root);
    char *text = bg_json_print(root, true);
    if (text)
        puts(text);
    free(text);
    bg_json_destroy(&root);
}

/* A flag that takes a value: `--flag VALUE`. */
static const char *value_of(int argc, char **argv, int *i, struct bg_error *error)
{
    if (*i + 1 >= argc) {
        bg_fail(error, BG_INVALID, "%s needs a value; see --help", argv[*i]);
        return NULL;
    }
    return argv[++*i];
}

static enum bg_status parse_flag(struct run *run, int argc, char **argv, int *i, struct bg_error *error)
{
    struct arguments *a = &run->arguments;
    const struct {
        const char *flag;
        const char **value;
    } files[] = {{"--json", &a->json}, {"--csv", &a->csv}, {"--plot", &a->plot}, {"--model", &a->model}};
    const struct {
        const char *flag;
        bool *value;
    } switches[] = {{"--quiet", &a->quiet},
                    {"--verbose", &a->verbose},
                    {"--insecure-test-key", &a->insecure_test_key},
                    {"--print-config", &a->print_config}};
    const char *flag = argv[*i];
    for (size_t f = 0; f < sizeof switches / sizeof *switches; f++)
        if (strcmp(flag, switches[f].flag) == 0) {
            *switches[f].value = true;
            return BG_OK;
        }
    for (size_t f = 0; f < sizeof files / sizeof *files; f++)
        if (strcmp(flag, files[f].flag) == 0) {
            *files[f].value = value_of(argc, argv, i, error);
            return *files[f].value ? BG_OK : BG_INVALID;
        }
    if (strcmp(flag, "--config") != 0 && strcmp(flag, "--set") != 0)
        return bg_fail(error, BG_INVALID, "%s: no such option; see --help", flag);
    const char *value = value_of(argc, argv, i, error);
    if (!value)
        return BG_INVALID;
    return flag[2] == 'c' ? bg_options_load(bg_simulator_options, bg_simulator_option_count, value, &run->config, error)
                          : bg_options_set(bg_simulator_options, bg_simulator_option_count, value, &run->config, error);
}

static enum bg_status parse(struct run *run, int argc, char **argv, struct bg_error *error)
{
    bg_options_defaults(bg_simulator_options, bg_simulator_option_count, &run->config);
    for (int i = 1; i < argc; i++) {
        enum bg_status status = parse_flag(run, argc, argv, &i, error);
        if (status != BG_OK)
            return status;
    }
    return bg_simulator_config_check(&run->config, run->arguments.insecure_test_key, error);
}

/* The first few of a run are shown, all of them with --verbose: an attacker can cause any number. */
static void warn(void *context, const char *what, uint64_t round, const struct bg_error *error)
{
    struct run *run = context;
    char quoted[600];
    run->refused++;
    bg_log(BG_LOG_DEBUG, what, "round=%llu status=%s error=%s", (unsigned long long)round,
           bg_status_name(error->status), bg_log_quote(error->text, quoted, sizeof quoted));
}

static enum bg_status set_up(struct run *run, struct bg_error *error)
{
    unsigned threads = run->config.threads ? (unsigned)run->config.threads : bg_available_processors();
    enum bg_status status = bg_workers_create(threads, 64, NULL, NULL, &run->workers);
    if (status != BG_OK)
        return bg_fail(error, status, "simulation.threads=%u: cannot start them", threads);
    status = bg_simulator_data_open(&run->config, error, &run->data);
    if (status != BG_OK)
        return status;
    struct bg_federation_settings settings = {.config = &run->config,
                                              .data = &run->data,
                                              .insecure_test_key = run->arguments.insecure_test_key,
                                              .warn = warn,
                                              .context = run};
    status = bg_federation_create(&settings, run->workers, error, &run->federation);
    if (status != BG_OK)
        return status;
    run->rounds = calloc(run->config.rounds + 1, sizeof *run->rounds);
    if (!run->rounds)
        return bg_fail(error, BG_NO_MEMORY, "rounds.count=%llu: out of memory", (unsigned long long)run->config.rounds);
    run->report = (struct bg_report){.config = &run->config,
                                     .data = &run->data,
                                     .federation = run->federation,
                                     .rounds = run->rounds,
                                     .insecure_test_key = run->arguments.insecure_test_key,
                                     .threads = threads};
    return BG_OK;
}

/* A calibration round that fails is tried again in the place of a learning round, so the run ends in any case. */
static enum bg_status run_rounds(struct run *run, struct bg_error *error)
{
    uint64_t planned = run->config.rounds + (run->config.codec_mode == 0);
    for (uint64_t i = 0; i < planned && !stopping; i++) {
        bool evaluate = (i + 1) % run->config.evaluate_every == 0 || i + 1 == planned;
        enum bg_status status = bg_federation_round(run->federation, evaluate, error, &run->rounds[i]);
        if (status != BG_OK)
            return status;
        run->report.round_count = i + 1;
        if (!run->arguments.quiet)
            bg_report_round(&run->report, &run->rounds[i], stdout);
    }
    return BG_OK;
}

static enum bg_status evaluate(struct run *run, struct bg_error *error)
{
    uint32_t classes = run->data.dataset.classes;
    enum bg_status status = bg_confusion_init(&run->confusion, classes);
    if (status == BG_OK)
        status = bg_federation_evaluate(run->federation, error, &run->confusion);
    run->report.confusion = &run->confusion;
    if (status != BG_OK || !run->config.central || stopping)
        return status;
    if (!run->arguments.quiet)
        printf("\ntraining the same model on all rows, %llu epochs, for comparison ...\n",
               (unsigned long long)run->config.central_epochs);
    status = bg_confusion_init(&run->central, classes);
    if (status == BG_OK)
        status = bg_central_train(&run->config, &run->data, run->workers, error, &run->central);
    run->report.central = &run->central;
    return status;
}

static enum bg_status write_results(const struct run *run, struct bg_error *error)
{
    const struct arguments *a = &run->arguments;
    enum bg_status status = BG_OK;
    if (a->model)
        status = bg_file_write(a->model, bg_federation_model_file(run->federation), 0644, error);
    if (status == BG_OK && a->json)
        status = bg_report_write_json(&run->report, a->json, error);
    if (status == BG_OK && a->csv)
        status = bg_report_write_csv(&run->report, a->csv, error);
    if (status == BG_OK && a->plot)
        status = bg_report_plot(&run->report, a->plot, error);
    if (status == BG_UNSUPPORTED) {
        bg_log(BG_LOG_WARN, "no plot", "reason=\"gnuplot is not installed\"");
        status = BG_OK;
    }
    return status;
}

static enum bg_status simulate(struct run *run, struct bg_error *error)
{
    uint64_t begin = bg_clock_monotonic_ns();
    enum bg_status status = set_up(run, error);
    if (status != BG_OK)
        return status;
    if (!run->arguments.quiet) {
        bg_report_header(&run->report, stdout);
        bg_report_round_head(stdout);
    }
    status = run_rounds(run, error);
    if (status == BG_OK)
        status = evaluate(run, error);
    if (status != BG_OK)
        return status;
    run->report.messages_refused = run->refused;
    run->report.wall_ns = bg_clock_monotonic_ns() - begin;
    if (!run->arguments.quiet)
        bg_report_summary(&run->report, stdout);
    if (stopping)
        bg_log(BG_LOG_WARN, "interrupted", "rounds=%zu", run->report.round_count);
    return write_results(run, error);
}

static void run_finish(struct run *run)
{
    bg_federation_destroy(&run->federation);
    bg_confusion_finish(&run->confusion);
    bg_confusion_finish(&run->central);
    bg_simulator_data_finish(&run->data);
    bg_workers_destroy(&run->workers);
    free(run->rounds);
}

int main(int argc, char **argv)
{
    static struct run run;
    struct bg_error error = {BG_OK, ""};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            print_help();
            return 0;
        }
        if (strcmp(argv[i], "--version") == 0) {
            puts("burgee-simulator " BG_VERSION);
            return 0;
        }
    }
    if (parse(&run, argc, argv, &error) != BG_OK)
        return fail(&error);
    if (run.arguments.print_config) {
        print_config(&run.config);
        return 0;
    }
    bg_log_set_level(run.arguments.verbose ? BG_LOG_DEBUG : BG_LOG_INFO);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    enum bg_status status = simulate(&run, &error);
    run_finish(&run);
    return status == BG_OK ? 0 : fail(&error);
}
