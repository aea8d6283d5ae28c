/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arguments.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "simulator/central.h"
#include "simulator/report.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct flags {
    const char *config, *json, *csv, *plot, *model;
    bool quiet, verbose, insecure_test_key, print_config, help, version;
};

struct run {
    struct bg_arguments arguments;
    struct flags flags;
    struct bg_simulator_config config;
    struct bg_simulator_data data;
    struct bg_federation *federation;
    struct bg_workers *workers;
    struct bg_round_result *rounds;
    struct bg_confusion confusion, central;
    struct bg_report report;
    uint64_t warnings;
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

static enum bg_status parse(struct run *run, int argc, char **argv, struct bg_error *error)
{
    struct flags *f = &run->flags;
    const struct bg_flag table[] = {{"--config", .value = &f->config},
                                    {"--set", .setting = ""},
                                    {"--json", .value = &f->json},
                                    {"--csv", .value = &f->csv},
                                    {"--plot", .value = &f->plot},
                                    {"--model", .value = &f->model},
                                    {"--quiet", .on = &f->quiet},
                                    {"--verbose", .on = &f->verbose},
                                    {"--insecure-test-key", .on = &f->insecure_test_key},
                                    {"--print-config", .on = &f->print_config},
                                    {"--help", .on = &f->help},
                                    {"--version", .on = &f->version}};
    enum bg_status status =
        bg_arguments_parse(argc, argv, table, sizeof table / sizeof *table, error, &run->arguments);
    if (status == BG_OK && run->arguments.word_count)
        status = bg_fail(error, BG_INVALID, "%s: no such argument; see --help", run->arguments.words[0]);
    return status;
}

static enum bg_status configure(struct run *run, struct bg_error *error)
{
    enum bg_status status =
        bg_options_read(bg_simulator_options, bg_simulator_option_count, run->flags.config, run->arguments.settings,
                        run->arguments.setting_count, &run->config, error);
    return status == BG_OK ? bg_simulator_config_check(&run->config, run->flags.insecure_test_key, error) : status;
}

/* Shown with --verbose only: an attacker can cause any number of them. All are counted. */
static void warn(void *context, const char *what, uint64_t round, const struct bg_error *error)
{
    struct run *run = context;
    char quoted[600];
    run->warnings++;
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
                                              .insecure_test_key = run->flags.insecure_test_key,
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
                                     .insecure_test_key = run->flags.insecure_test_key,
                                     .threads = threads};
    return BG_OK;
}

/* A calibration round that fails is tried again in the place of a learning round, so the run ends in any case. */
static enum bg_status run_rounds(struct run *run, struct bg_error *error)
{
    uint64_t planned = run->config.rounds + (run->config.learning.codec_mode == 0);
    for (uint64_t i = 0; i < planned && !stopping; i++) {
        bool evaluate = (i + 1) % run->config.evaluate_every == 0 || i + 1 == planned;
        enum bg_status status = bg_federation_round(run->federation, evaluate, error, &run->rounds[i]);
        if (status != BG_OK)
            return status;
        run->report.round_count = i + 1;
        if (!run->flags.quiet)
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
    if (!run->flags.quiet)
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
    const struct flags *f = &run->flags;
    enum bg_status status = BG_OK;
    if (f->model)
        status = bg_file_write(f->model, bg_federation_model_file(run->federation), 0644, error);
    if (status == BG_OK && f->json)
        status = bg_report_write_json(&run->report, f->json, error);
    if (status == BG_OK && f->csv)
        status = bg_report_write_csv(&run->report, f->csv, error);
    if (status == BG_OK && f->plot)
        status = bg_report_plot(&run->report, f->plot, error);
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
    if (!run->flags.quiet) {
        bg_report_header(&run->report, stdout);
        bg_report_round_head(stdout);
    }
    status = run_rounds(run, error);
    if (status == BG_OK)
        status = evaluate(run, error);
    if (status != BG_OK)
        return status;
    run->report.warnings = run->warnings;
    run->report.wall_ns = bg_clock_monotonic_ns() - begin;
    if (!run->flags.quiet)
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
    bg_arguments_finish(&run->arguments);
    free(run->rounds);
}

static enum bg_status run_program(struct run *run, int argc, char **argv, struct bg_error *error)
{
    enum bg_status status = parse(run, argc, argv, error);
    if (status != BG_OK)
        return status;
    if (run->flags.help) {
        print_help();
        return BG_OK;
    }
    if (run->flags.version) {
        puts("burgee-simulator " BG_VERSION);
        return BG_OK;
    }
    status = configure(run, error);
    if (status != BG_OK)
        return status;
    if (run->flags.print_config) {
        bg_options_print(bg_simulator_options, bg_simulator_option_count, &run->config, stdout);
        return BG_OK;
    }
    bg_log_set_level(run->flags.verbose ? BG_LOG_DEBUG : BG_LOG_INFO);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return simulate(run, error);
}

int main(int argc, char **argv)
{
    static struct run run;
    struct bg_error error = {BG_OK, ""};
    enum bg_status status = run_program(&run, argc, argv, &error);
    if (status != BG_OK)
        bg_log_error(BG_LOG_ERROR, "stopped", &error);
    run_finish(&run);
    return status == BG_OK ? 0 : bg_status_exit_code(status);
}
