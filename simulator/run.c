/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/run.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/log.h"
#include "simulator/central.h"

#include <stdlib.h>

struct bg_run {
    struct bg_run_settings settings;
    struct bg_simulator_config config; /* with as many clients as the data gave */
    struct bg_simulator_data data;
    struct bg_federation *federation;
    struct bg_workers *workers;
    struct bg_round_result *rounds;
    struct bg_confusion confusion, central;
    struct bg_report report;
};

/* Shown with --verbose only: an attacker can cause any number of them. All are counted. */
static void warn(void *context, const char *what, uint64_t round, const struct bg_error *error)
{
    struct bg_run *run = context;
    char quoted[600];
    run->report.warnings++;
    bg_log(BG_LOG_DEBUG, what, "round=%llu status=%s error=%s", (unsigned long long)round,
           bg_status_name(error->status), bg_log_quote(error->text, quoted, sizeof quoted));
}

static bool is_stopping(const struct bg_run *run)
{
    return run->settings.stopping && *run->settings.stopping;
}

uint64_t bg_run_planned_rounds(const struct bg_simulator_config *config)
{
    const struct bg_learning_config *learning = &config->learning;
    bool projects = learning->components || learning->variance > 0;
    return config->rounds + (learning->codec_mode == 0) + (learning->fit == 0 ? 1 + projects : 0);
}

static enum bg_status open_data(struct bg_run *run, struct bg_error *error)
{
    const struct bg_run_settings *s = &run->settings;
    return s->source ? bg_simulator_data_deal(s->config, s->source, error, &run->data)
                     : bg_simulator_data_open(s->config, error, &run->data);
}

/* Those that have rows must do for a federation, too. */
static enum bg_status check_clients(struct bg_run *run, struct bg_error *error)
{
    struct bg_simulator_config dealt = run->config;
    uint64_t asked = run->config.clients;
    dealt.clients = run->data.partition.clients;
    if (!asked)
        run->config.clients = dealt.clients;
    enum bg_status status = bg_simulator_config_check(&dealt, run->settings.insecure_test_key, error);
    if (status == BG_OK || asked <= dealt.clients)
        return status;
    return bg_fail_in(error, status, "%llu of %llu clients have no rows: set data.least_rows",
                      (unsigned long long)(asked - dealt.clients), (unsigned long long)asked);
}

static enum bg_status set_up(struct bg_run *run, struct bg_error *error)
{
    const struct bg_simulator_config *config = run->settings.config;
    unsigned threads = config->threads ? (unsigned)config->threads : bg_available_processors();
    bg_cpu_choose(config->kernels);
    enum bg_status status = bg_workers_create(threads, 64, NULL, NULL, &run->workers);
    if (status != BG_OK)
        return bg_fail(error, status, "simulation.threads=%u: cannot start them", threads);
    status = open_data(run, error);
    if (status == BG_OK)
        status = check_clients(run, error);
    if (status != BG_OK)
        return status;
    struct bg_federation_settings settings = {.config = config,
                                              .data = &run->data,
                                              .insecure_test_key = run->settings.insecure_test_key,
                                              .warn = warn,
                                              .context = run};
    status = bg_federation_create(&settings, run->workers, error, &run->federation);
    if (status != BG_OK)
        return status;
    uint64_t planned = bg_run_planned_rounds(config);
    run->rounds = calloc(planned, sizeof *run->rounds);
    if (!run->rounds)
        return bg_fail(error, BG_NO_MEMORY, "rounds.count=%llu: out of memory", (unsigned long long)config->rounds);
    run->report.config = config;
    run->report.data = &run->data;
    run->report.federation = run->federation;
    run->report.rounds = run->rounds;
    run->report.insecure_test_key = run->settings.insecure_test_key;
    run->report.threads = threads;
    return BG_OK;
}

/* A round before learning that fails is tried again in the place of a learning round, so the run ends in any case. */
static enum bg_status run_rounds(struct bg_run *run, struct bg_error *error)
{
    const struct bg_run_settings *s = &run->settings;
    uint64_t planned = bg_run_planned_rounds(s->config);
    for (uint64_t i = 0; i < planned && !is_stopping(run); i++) {
        bool evaluate = (i + 1) % s->config->evaluate_every == 0 || i + 1 == planned;
        enum bg_status status = bg_federation_round(run->federation, evaluate, error, &run->rounds[i]);
        if (status != BG_OK)
            return status;
        run->report.round_count = i + 1;
        if (s->out)
            bg_report_round(&run->report, &run->rounds[i], s->out);
        if (s->round_ended)
            s->round_ended(s->context, &run->rounds[i]);
    }
    return BG_OK;
}

static enum bg_status evaluate(struct bg_run *run, struct bg_error *error)
{
    const struct bg_simulator_config *config = run->settings.config;
    uint32_t classes = run->data.dataset.classes;
    enum bg_status status = bg_confusion_init(&run->confusion, classes);
    if (status == BG_OK)
        status = bg_federation_evaluate(run->federation, error, &run->confusion);
    run->report.confusion = &run->confusion;
    if (status != BG_OK || !config->central || is_stopping(run))
        return status;
    if (run->settings.out)
        fprintf(run->settings.out, "\ntraining the same model on all rows, %llu epochs, for comparison ...\n",
                (unsigned long long)config->central_epochs);
    status = bg_confusion_init(&run->central, classes);
    if (status == BG_OK)
        status = bg_central_train(config, &run->data, run->workers, error, &run->central);
    run->report.central = &run->central;
    return status;
}

enum bg_status bg_run_perform(const struct bg_run_settings *settings, struct bg_error *error, struct bg_run **ret_run)
{
    uint64_t begin = bg_clock_monotonic_ns();
    struct bg_run *run = calloc(1, sizeof *run);
    if (!run)
        return bg_fail(error, BG_NO_MEMORY, "simulation: out of memory");
    run->settings = *settings;
    run->config = *settings->config;
    run->settings.config = &run->config;
    enum bg_status status = set_up(run, error);
    if (status == BG_OK && settings->out) {
        bg_report_header(&run->report, settings->out);
        bg_report_round_head(settings->out);
    }
    if (status == BG_OK)
        status = run_rounds(run, error);
    if (status == BG_OK)
        status = evaluate(run, error);
    if (status != BG_OK) {
        bg_run_destroy(&run);
        return status;
    }
    run->report.wall_ns = bg_clock_monotonic_ns() - begin;
    if (settings->out)
        bg_report_summary(&run->report, settings->out);
    *ret_run = run;
    return BG_OK;
}

const struct bg_report *bg_run_report(const struct bg_run *run)
{
    return &run->report;
}

void bg_run_destroy(struct bg_run **run)
{
    struct bg_run *r = *run;
    if (!r)
        return;
    bg_federation_destroy(&r->federation);
    bg_confusion_finish(&r->confusion);
    bg_confusion_finish(&r->central);
    if (r->settings.source)
        bg_partition_finish(&r->data.partition);
    else
        bg_simulator_data_finish(&r->data);
    bg_workers_destroy(&r->workers);
    free(r->rounds);
    free(r);
    *run = NULL;
}
