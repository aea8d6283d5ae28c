/* SPDX-License-Identifier: Apache-2.0 */
#include "up/federation.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "simulator/central.h"
#include "simulator/run.h"
#include "up/federation_state.h"

#include <stdlib.h>
#include <string.h>

#define GRACE_NS (5 * BG_SECOND)

static enum bg_status open_data(struct bg_up *up, struct bg_error *error)
{
    enum bg_status status = bg_simulator_data_open(&up->config, error, &up->data);
    if (status != BG_OK)
        return status;
    up->client_count = up->data.partition.clients;
    if (!up->config.clients)
        up->config.clients = up->client_count;
    up->result.clients = up->client_count;
    up->judge = (struct bg_judge){.workers = up->workers, .rows = &up->data.test};
    up->result.rounds = calloc(bg_run_planned_rounds(&up->config), sizeof *up->result.rounds);
    return up->result.rounds ? BG_OK : bg_fail(error, BG_NO_MEMORY, "rounds: out of memory");
}

static enum bg_status set_up(struct bg_up *up, struct bg_error *error)
{
    bg_cpu_choose(up->config.kernels);
    enum bg_status status = bg_workers_create(bg_available_processors(), 64, NULL, NULL, &up->workers);
    if (status != BG_OK)
        return bg_fail(error, status, "threads: %s", bg_status_text(status));
    status = open_data(up, error);
    if (status == BG_OK)
        status = bg_up_make_files(up, error);
    return status == BG_OK ? bg_processes_create(error, &up->processes) : status;
}

static void describe(const struct bg_up *up)
{
    FILE *out = up->settings.out;
    if (!out)
        return;
    bg_dataset_describe(&up->data.dataset, out);
    fprintf(out, "%zu rows to train on, %zu to judge by\n", up->data.training.count, up->data.test.count);
    fprintf(out, "%zu clients in %llu cell%s, a root and a key holder on loopback", up->client_count,
            (unsigned long long)up->config.cells, up->config.cells > 1 ? "s" : "");
    if (up->result.byzantine)
        fprintf(out, "; %zu clients are Byzantine", up->result.byzantine);
    fprintf(out, "\nwho runs both root and key holder can read every update: this is a trial, not a deployment\n\n");
    fflush(out);
}

static enum bg_status run_rounds(struct bg_up *up, struct bg_error *error)
{
    while (!up->finished && up->status == BG_OK && !bg_processes_interrupted())
        bg_processes_wait(up->processes, UINT64_MAX);
    if (up->status != BG_OK)
        *error = up->error;
    else if (!up->finished)
        return bg_fail(error, BG_BUSY, "interrupted after %zu rounds", up->result.round_count);
    return up->status;
}

static enum bg_status compare(struct bg_up *up, struct bg_error *error)
{
    if (!up->config.central)
        return BG_OK;
    if (up->settings.out)
        fprintf(up->settings.out, "\ntraining the same model on all rows, %llu epochs, for comparison ...\n",
                (unsigned long long)up->config.central_epochs);
    enum bg_status status = bg_confusion_init(&up->result.central, up->data.dataset.classes);
    return status == BG_OK ? bg_central_train(&up->config, &up->data, up->workers, error, &up->result.central)
                           : bg_fail(error, status, "comparison: out of memory");
}

enum bg_status bg_up_perform(const struct bg_up_settings *settings, struct bg_error *error, struct bg_up **ret_up)
{
    uint64_t begin = bg_clock_monotonic_ns();
    struct bg_up *up = calloc(1, sizeof *up);
    *ret_up = NULL;
    if (!up)
        return bg_fail(error, BG_NO_MEMORY, "out of memory");
    up->settings = *settings;
    up->config = *settings->config;
    up->result.config = &up->config;
    up->result.data = &up->data;
    up->result.insecure_test_key = settings->insecure_test_key;
    enum bg_status status = set_up(up, error);
    if (status != BG_OK) {
        bg_up_destroy(&up);
        return status;
    }
    describe(up);
    status = bg_up_start(up, error);
    up->result.set_up_ns = bg_clock_monotonic_ns() - begin;
    if (status == BG_OK && settings->out)
        bg_up_print_head(settings->out);
    if (status == BG_OK)
        status = run_rounds(up, error);
    up->stopping = true;
    up->result.killed = bg_processes_end(up->processes, GRACE_NS);
    up->result.wall_ns = bg_clock_monotonic_ns() - begin;
    *ret_up = up;
    return status == BG_OK ? compare(up, error) : status;
}

const struct bg_up_result *bg_up_result(const struct bg_up *up)
{
    return &up->result;
}

void bg_up_destroy(struct bg_up **up)
{
    struct bg_up *u = *up;
    if (!u)
        return;
    bg_processes_destroy(&u->processes);
    bg_judge_finish(&u->judge);
    bg_confusion_finish(&u->result.confusion);
    bg_confusion_finish(&u->result.central);
    bg_simulator_data_finish(&u->data);
    bg_workers_destroy(&u->workers);
    free(u->result.rounds);
    free(u->clients);
    free(u);
    *up = NULL;
}
