/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arguments.h"
#include "base/file.h"
#include "base/log.h"
#include "simulator/html.h"
#include "simulator/run.h"
#include "simulator/sweep.h"

#include <stdlib.h>
#include <string.h>

/* Of both verbs; each reads those it knows. */
struct flags {
    const char *config, *json, *csv, *html, *plot, *model, *seeds, *jobs, *runs;
    bool quiet, verbose, insecure_test_key, print_config, resume, help, version;
};

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
    (void)number;
    stopping = 1;
}

static void listen_to_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void print_settings(void)
{
    printf("\nSettings:\n");
    bg_options_help(bg_simulator_options, bg_simulator_option_count, stdout);
}

static void print_help(void)
{
    printf("usage: burgee-simulator [--config FILE] [--set KEY=VALUE]... [options]\n"
           "       burgee-simulator sweep --help\n"
           "\n"
           "Runs a whole federation in one process on a virtual clock: clients that train, vote, encrypt and\n"
           "send; edges, a root; a key holder. Results depend on configuration and seed only. `sweep` runs many and\n"
           "compares them in one table.\n"
           "\n"
           "  --config FILE          settings as JSON\n"
           "  --set KEY=VALUE        one setting; after --config, may be repeated\n"
           "  --json FILE            write everything measured\n"
           "  --csv FILE             write one row per round\n"
           "  --html FILE            write a page with charts and all settings; opens offline\n"
           "  --plot FILE            draw accuracy per round as PNG (needs gnuplot)\n"
           "  --model FILE           write the final model (safetensors)\n"
           "  --quiet                print nothing but errors\n"
           "  --verbose              log every refused message and unused group\n"
           "  --insecure-test-key    allow keys below 2048 bits\n"
           "  --print-config         print the effective settings and end\n"
           "  --help, --version\n");
    print_settings();
}

static void print_sweep_help(void)
{
    printf("usage: burgee-simulator sweep [--config FILE] [--set KEY=VALUE]... [--grid KEY=VALUE,VALUE,...]...\n"
           "                              [--variant NAME:KEY=VALUE,KEY=VALUE,...]... [--seeds N|LIST] [options]\n"
           "\n"
           "Runs every combination of variants and grid values with every seed, and writes one table: mean and\n"
           "spread over the seeds, and each run. A run that fails is a row of the table.\n"
           "\n"
           "  --config FILE          settings as JSON that all runs start from\n"
           "  --set KEY=VALUE        one setting of all runs; may be repeated\n"
           "  --grid KEY=V,V,...     a setting and the values it takes; may be repeated: all combinations\n"
           "  --variant NAME:K=V,... a name for settings that go together (NAME: alone for none); may be repeated\n"
           "  --seeds N|LIST         3: seeds 1, 2 and 3; 1,5,7: these. Default: simulation.seed\n"
           "  --json FILE            write the table, after every run\n"
           "  --csv FILE             write it as CSV: rows \"run\", \"mean\", \"sd\", \"min\" and \"max\"\n"
           "  --html FILE            write it as a page with the scores of each seed; opens offline\n"
           "  --runs FOLDER          write what --json of each single run would be as FOLDER/run-N.json\n"
           "  --jobs N               runs at a time; default: one per processor\n"
           "  --resume               take what --json FILE has finished, run the rest\n"
           "  --quiet                print nothing but errors\n"
           "  --insecure-test-key    allow keys below 2048 bits\n"
           "  --help\n"
           "\n"
           "Ends with 0 if all runs finished, 70 if one failed, 75 if it was stopped before the end.\n");
    print_settings();
}

/* ---- one simulation ---- */

static enum bg_status write_results(const struct flags *f, const struct bg_report *report, struct bg_error *error)
{
    enum bg_status status = BG_OK;
    if (f->model)
        status = bg_file_write(f->model, bg_federation_model_file(report->federation), 0644, error);
    if (status == BG_OK && f->json)
        status = bg_report_write_json(report, f->json, error);
    if (status == BG_OK && f->csv)
        status = bg_report_write_csv(report, f->csv, error);
    if (status == BG_OK && f->html)
        status = bg_report_write_html(report, f->html, error);
    if (status == BG_OK && f->plot)
        status = bg_report_plot(report, f->plot, error);
    if (status == BG_UNSUPPORTED) {
        bg_log(BG_LOG_WARN, "no plot", "reason=\"gnuplot is not installed\"");
        status = BG_OK;
    }
    return status;
}

static enum bg_status check_places(const struct flags *f, struct bg_error *error)
{
    const char *const paths[] = {f->model, f->json, f->csv, f->html, f->plot};
    enum bg_status status = BG_OK;
    for (size_t i = 0; status == BG_OK && i < sizeof paths / sizeof *paths; i++)
        if (paths[i])
            status = bg_file_check_place(paths[i], error);
    return status;
}

static enum bg_status simulate(const struct flags *f, const struct bg_simulator_config *config, struct bg_error *error)
{
    struct bg_run *run = NULL;
    struct bg_run_settings settings = {.config = config,
                                       .insecure_test_key = f->insecure_test_key,
                                       .out = f->quiet ? NULL : stdout,
                                       .stopping = &stopping};
    enum bg_status status = check_places(f, error);
    if (status == BG_OK)
        status = bg_run_perform(&settings, error, &run);
    if (status != BG_OK)
        return status;
    if (stopping)
        bg_log(BG_LOG_WARN, "interrupted", "rounds=%zu", bg_run_report(run)->round_count);
    status = write_results(f, bg_run_report(run), error);
    bg_run_destroy(&run);
    return status;
}

static enum bg_status read_config(const struct flags *f, const struct bg_arguments *arguments,
                                  struct bg_simulator_config *ret_config, struct bg_error *error)
{
    return bg_options_read(bg_simulator_options, bg_simulator_option_count, f->config, arguments->settings,
                           arguments->setting_count, ret_config, error);
}

static enum bg_status refuse_words(const struct bg_arguments *arguments, struct bg_error *error)
{
    return arguments->word_count
               ? bg_fail(error, BG_INVALID, "%s: no such argument; see --help", arguments->words[0])
               : BG_OK;
}

static enum bg_status run_once(int argc, char **argv, struct bg_error *error)
{
    struct flags f = {0};
    struct bg_arguments arguments = {0};
    struct bg_simulator_config config = {0};
    const struct bg_flag table[] = {{"--config", .value = &f.config},
                                    {"--set", .setting = ""},
                                    {"--json", .value = &f.json},
                                    {"--csv", .value = &f.csv},
                                    {"--html", .value = &f.html},
                                    {"--plot", .value = &f.plot},
                                    {"--model", .value = &f.model},
                                    {"--quiet", .on = &f.quiet},
                                    {"--verbose", .on = &f.verbose},
                                    {"--insecure-test-key", .on = &f.insecure_test_key},
                                    {"--print-config", .on = &f.print_config},
                                    {"--help", .on = &f.help},
                                    {"--version", .on = &f.version}};
    enum bg_status status = bg_arguments_parse(argc, argv, table, sizeof table / sizeof *table, error, &arguments);
    if (status == BG_OK)
        status = refuse_words(&arguments, error);
    if (status != BG_OK || f.help || f.version) {
        if (status == BG_OK && f.help)
            print_help();
        else if (status == BG_OK)
            puts("burgee-simulator " BG_VERSION);
        goto out;
    }
    status = read_config(&f, &arguments, &config, error);
    if (status == BG_OK)
        status = bg_simulator_config_check(&config, f.insecure_test_key, error);
    if (status == BG_OK && f.print_config) {
        bg_options_print(bg_simulator_options, bg_simulator_option_count, &config, stdout);
        goto out;
    }
    bg_log_set_level(f.verbose ? BG_LOG_DEBUG : BG_LOG_INFO);
    if (status == BG_OK)
        status = simulate(&f, &config, error);
out:
    bg_arguments_finish(&arguments);
    return status;
}

/* ---- many ---- */

static enum bg_status sweep(const struct flags *f, const struct bg_sweep_plan *plan, unsigned jobs,
                            struct bg_error *error)
{
    struct bg_sweep table;
    enum bg_status status = bg_sweep_init(plan, error, &table);
    if (status != BG_OK)
        return status;
    struct bg_sweep_settings settings = {.json = f->json,
                                         .csv = f->csv,
                                         .html = f->html,
                                         .runs_folder = f->runs,
                                         .jobs = jobs,
                                         .out = f->quiet ? NULL : stdout,
                                         .stopping = &stopping};
    if (f->resume)
        status = bg_sweep_resume(&table, f->json, error);
    if (status == BG_OK)
        status = bg_sweep_perform(&table, &settings, error);
    if (settings.out && (status == BG_OK || status == BG_BUSY || status == BG_FAULT)) {
        fputc('\n', settings.out);
        bg_sweep_print(&table, settings.out);
    }
    bg_sweep_finish(&table);
    return status;
}

static enum bg_status check_sweep_flags(const struct flags *f, unsigned *ret_jobs, struct bg_error *error)
{
    uint64_t jobs = 0;
    if (f->jobs && bg_parse_u64(f->jobs, 1, 256, &jobs) != BG_OK)
        return bg_fail(error, BG_INVALID, "--jobs %s: write a number from 1 to 256", f->jobs);
    if (f->resume && !f->json)
        return bg_fail(error, BG_INVALID, "--resume needs --json FILE: what is finished is read from there");
    *ret_jobs = (unsigned)jobs;
    return BG_OK;
}

static enum bg_status run_sweep(int argc, char **argv, struct bg_error *error)
{
    struct flags f = {0};
    struct bg_arguments arguments = {0};
    struct bg_simulator_config config = {0};
    unsigned jobs = 0;
    struct bg_words grids = {calloc((size_t)argc, sizeof *grids.at), 0};
    struct bg_words variants = {calloc((size_t)argc, sizeof *variants.at), 0};
    const struct bg_flag table[] = {{"--config", .value = &f.config},
                                    {"--set", .setting = ""},
                                    {"--grid", .words = &grids},
                                    {"--variant", .words = &variants},
                                    {"--seeds", .value = &f.seeds},
                                    {"--json", .value = &f.json},
                                    {"--csv", .value = &f.csv},
                                    {"--html", .value = &f.html},
                                    {"--runs", .value = &f.runs},
                                    {"--jobs", .value = &f.jobs},
                                    {"--resume", .on = &f.resume},
                                    {"--quiet", .on = &f.quiet},
                                    {"--insecure-test-key", .on = &f.insecure_test_key},
                                    {"--help", .on = &f.help}};
    enum bg_status status = grids.at && variants.at ? BG_OK : bg_fail(error, BG_NO_MEMORY, "out of memory");
    if (status == BG_OK)
        status = bg_arguments_parse(argc, argv, table, sizeof table / sizeof *table, error, &arguments);
    if (status == BG_OK)
        status = refuse_words(&arguments, error);
    if (status == BG_OK && f.help) {
        print_sweep_help();
        goto out;
    }
    if (status == BG_OK)
        status = check_sweep_flags(&f, &jobs, error);
    if (status == BG_OK)
        status = read_config(&f, &arguments, &config, error);
    if (status == BG_OK) {
        struct bg_sweep_plan plan = {.base = &config,
                                     .grids = grids.at,
                                     .grid_count = grids.count,
                                     .variants = variants.at,
                                     .variant_count = variants.count,
                                     .seeds = f.seeds,
                                     .insecure_test_key = f.insecure_test_key};
        status = sweep(&f, &plan, jobs, error);
    }
out:
    bg_arguments_finish(&arguments);
    free(grids.at);
    free(variants.at);
    return status;
}

int main(int argc, char **argv)
{
    struct bg_error error = {BG_OK, ""};
    bool many = argc > 1 && strcmp(argv[1], "sweep") == 0;
    listen_to_signals();
    enum bg_status status = many ? run_sweep(argc - 1, argv + 1, &error) : run_once(argc, argv, &error);
    if (status != BG_OK)
        bg_log_error(BG_LOG_ERROR, "stopped", &error);
    return status == BG_OK ? 0 : bg_status_exit_code(status);
}
