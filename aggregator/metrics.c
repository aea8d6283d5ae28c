/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/metrics.h"

#include "base/clock.h"
#include "base/json.h"

#include <string.h>

static const char *const verdict_names[BG_VERDICT_COUNT] = {"committed", "held", "abandoned"};
static const char *const result_names[BG_UPDATE_RESULT_COUNT] = {"accepted", "repeated", "refused"};
static const uint64_t round_bounds[BG_ROUND_BOUNDS] = {
    BG_SECOND / 10,  BG_SECOND / 4,   BG_SECOND / 2,   BG_SECOND,        5 * BG_SECOND / 2,  5 * BG_SECOND,
    10 * BG_SECOND,  30 * BG_SECOND,  60 * BG_SECOND,  300 * BG_SECOND,  1800 * BG_SECOND,   3600 * BG_SECOND};
static const struct bg_label no_label = {NULL, NULL};

const char *bg_verdict_name(enum bg_verdict verdict)
{
    return verdict_names[verdict];
}

/* ---- counting ---- */

void bg_metrics_init(struct bg_metrics *metrics)
{
    memset(metrics, 0, sizeof *metrics);
}

static struct bg_histogram durations(const struct bg_metrics *metrics)
{
    return (struct bg_histogram){.bounds_ns = round_bounds,
                                 .count = BG_ROUND_BOUNDS,
                                 .buckets = (uint64_t *)metrics->round_buckets,
                                 .sum_ns = metrics->round_sum_ns};
}

void bg_metrics_count_update(struct bg_metrics *metrics, enum bg_update_result result)
{
    metrics->updates[result]++;
}

void bg_metrics_recall_round(struct bg_metrics *metrics, const struct bg_round_summary *round)
{
    metrics->newest[metrics->summaries++ % BG_ROUNDS_KEPT] = *round;
}

void bg_metrics_add_round(struct bg_metrics *metrics, const struct bg_round_summary *round)
{
    struct bg_histogram histogram = durations(metrics);
    metrics->rounds[round->verdict]++;
    bg_histogram_observe(&histogram, round->duration_ns);
    metrics->round_sum_ns = histogram.sum_ns;
    bg_metrics_recall_round(metrics, round);
}

/* ---- /metrics ---- */

static void write_each(struct bg_writer *w, const char *name, const char *help, const char *label,
                       const char *const *values, const uint64_t *counts, size_t count)
{
    bg_expose_family(w, name, "counter", help);
    for (size_t i = 0; i < count; i++)
        bg_expose_number(w, name, (struct bg_label){label, values[i]}, counts[i]);
}

static void write_network(const struct bg_metrics_now *now, struct bg_writer *w)
{
    static const char *const directions[] = {"in", "out"};
    uint64_t bytes[] = {now->bytes_in, now->bytes_out};
    bg_expose_counter(w, "burgee_http_requests_total", "Requests that came, refused ones included.", now->requests);
    bg_expose_counter(w, "burgee_http_requests_refused_total", "Requests that the server refused unread.",
                      now->requests_refused);
    bg_expose_gauge(w, "burgee_http_connections", "Open connections.", now->connections_open);
    bg_expose_counter(w, "burgee_http_connections_total", "Connections that came.", now->connections);
    bg_expose_counter(w, "burgee_tls_handshakes_failed_total", "Handshakes that failed.", now->handshakes_failed);
    write_each(w, "burgee_bytes_total", "Bytes on the network, TLS included.", "direction", directions, bytes, 2);
}

static void write_phases(const struct bg_metrics_now *now, struct bg_writer *w)
{
    bg_expose_family(w, "burgee_phase_seconds_total", "counter", "Processor time of arithmetic.");
    for (int i = 0; i < BG_PHASE_COUNT; i++) {
        struct bg_label label = {"phase", bg_phase_name((enum bg_phase)i)};
        bg_expose_seconds(w, "burgee_phase_seconds_total", label, now->phases_ns[i]);
    }
}

void bg_metrics_write(const struct bg_metrics *metrics, const struct bg_metrics_now *now, struct bg_writer *w)
{
    struct bg_histogram histogram = durations(metrics);
    bg_expose_family(w, "burgee_build_info", "gauge", "Always 1.");
    bg_expose_number(w, "burgee_build_info", (struct bg_label){"version", BG_VERSION}, 1);
    bg_expose_gauge(w, "burgee_clients", "Clients on the roster.", now->clients);
    bg_expose_gauge(w, "burgee_round", "Number of the round that runs; 0 between rounds.", now->round);
    write_each(w, "burgee_rounds_total", "Rounds that ended.", "outcome", verdict_names, metrics->rounds,
               BG_VERDICT_COUNT);
    bg_expose_histogram(w, "burgee_round_seconds", "From the opening of a round to its end.", &histogram);
    write_each(w, "burgee_updates_total", "Updates that came.", "result", result_names, metrics->updates,
               BG_UPDATE_RESULT_COUNT);
    write_phases(now, w);
    write_network(now, w);
    bg_usage_expose(&now->usage, w);
    bg_expose_family(w, "burgee_private_memory_bytes", "gauge", "Resident memory of no file.");
    bg_expose_number(w, "burgee_private_memory_bytes", no_label, now->usage.private_bytes);
}

/* ---- /v1/{population}/rounds ---- */

static void add_groups(const struct bg_round_summary *round, struct bg_json *object)
{
    struct bg_json *groups = bg_json_add_object(object, "groups");
    bg_json_add_u64(groups, "invited", round->groups_invited);
    bg_json_add_u64(groups, "opened", round->groups_opened);
    bg_json_add_u64(groups, "used", round->groups_used);
    bg_json_add_u64(groups, "invalid", round->groups_invalid);
    bg_json_add_u64(groups, "refused", round->groups_refused);
    bg_json_add_u64(groups, "sat_out", round->groups_sat_out);
}

static void add_phases(const struct bg_round_summary *round, struct bg_json *object)
{
    struct bg_json *phases = bg_json_add_object(object, "phases");
    for (int i = 0; i < BG_PHASE_COUNT; i++)
        if (round->phases_ns[i])
            bg_json_add_number(phases, bg_phase_name((enum bg_phase)i), (double)round->phases_ns[i] / 1e9);
}

static void add_round(const struct bg_round_summary *round, struct bg_json *rounds)
{
    char model[2 * BG_DIGEST_BYTES + 1];
    struct bg_json *object = bg_json_add_object(rounds, NULL);
    bg_digest_to_hex(&round->model, model);
    bg_json_add_u64(object, "round", round->round);
    bg_json_add_string(object, "stage", bg_task_stage_name(round->stage));
    bg_json_add_string(object, "outcome", bg_verdict_name(round->verdict));
    if (round->reason != BG_OK)
        bg_json_add_string(object, "reason", bg_status_text(round->reason));
    bg_json_add_u64(object, "opened_at", round->opened_at);
    bg_json_add_number(object, "seconds", (double)round->duration_ns / 1e9);
    add_groups(round, object);
    bg_json_add_u64(object, "clients_invited", round->clients_invited);
    bg_json_add_u64(object, "updates", round->updates);
    bg_json_add_u64(object, "update_bytes", round->update_bytes);
    add_phases(round, object);
    bg_json_add_number(object, "margin", round->margin);
    bg_json_add_string(object, "model", model);
}

static char *print(struct bg_json *root, bool indented)
{
    char *text = bg_json_print(root, indented);
    bg_json_destroy(&root);
    return text;
}

char *bg_metrics_rounds(const struct bg_metrics *metrics, const struct bg_metrics_now *now, const char *population,
                        size_t limit)
{
    struct bg_json *root = bg_json_object();
    size_t kept = metrics->summaries < BG_ROUNDS_KEPT ? (size_t)metrics->summaries : BG_ROUNDS_KEPT;
    bg_json_add_string(root, "population", population);
    bg_json_add_u64(root, "round", now->round);
    bg_json_add_u64(root, "clients", now->clients);
    struct bg_json *rounds = bg_json_add_array(root, "rounds");
    for (size_t i = 0; i < kept && i < limit; i++)
        add_round(&metrics->newest[(metrics->summaries - 1 - i) % BG_ROUNDS_KEPT], rounds);
    return print(root, true);
}

/* ---- /healthz ---- */

char *bg_health_text(const struct bg_health *health, unsigned *ret_http)
{
    bool good = health->store && health->key_holder;
    struct bg_json *root = bg_json_object();
    bg_json_add_string(root, "status", good ? "ok" : "failing");
    bg_json_add_bool(root, "store", health->store);
    bg_json_add_bool(root, "key_holder", health->key_holder);
    bg_json_add_u64(root, "round", health->round);
    *ret_http = good ? 200 : 503;
    return print(root, false);
}
