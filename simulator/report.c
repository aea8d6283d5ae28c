/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/report.h"

#include "base/file.h"
#include "base/json.h"
#include "base/usage.h"
#include "crypto/cipher.h"
#include "simulator/fit.h"
#include "simulator/plot.h"

#include <stdlib.h>
#include <string.h>

static const char *rule_in_force(const struct bg_report *report)
{
    return bg_rule_name((enum bg_rule)(report->config->learning.rule + 1));
}

static const char *codec_in_force(const struct bg_report *report)
{
    return bg_codec_mode_names[report->config->learning.codec_mode];
}

void bg_report_header(const struct bg_report *report, FILE *out)
{
    const struct bg_simulator_config *c = report->config;
    const struct bg_dataset *dataset = &report->data->dataset;
    uint32_t clients = report->data->partition.clients;
    const struct bg_model *model = bg_federation_model(report->federation)->model;
    bg_dataset_describe(dataset, out);
    fprintf(out, "%zu rows to train on, %zu %s rows (%zu %s)\n", report->data->training.count,
            report->data->test.count, report->data->on_validation ? "validation" : "test", report->data->repeats,
            c->data_keep_repeats ? "of them repeat a training row" : "repeated a training row and were left out");
    fprintf(out, "model %s, %zu features, %u classes, %zu parameters\n", model->spec, (size_t)model->columns,
            model->classes, model->layout.coordinates);
    fprintf(out, "%u clients in %zu groups, codec %s, rule %s, encryption %s", clients,
            bg_federation_groups(report->federation), codec_in_force(report), rule_in_force(report),
            bg_encryption_names[c->encryption]);
    if (c->encryption != BG_ENCRYPTION_OFF)
        fprintf(out, " (%llu bits, s = %llu)", (unsigned long long)c->key_bits, (unsigned long long)c->key_s);
    if (bg_federation_byzantine(report->federation))
        fprintf(out, ", %zu clients Byzantine", bg_federation_byzantine(report->federation));
    fprintf(out, ", %u threads\n", report->threads);
    if (c->tree_edges[0])
        fprintf(out, "edges between them and the root, from the root downwards: %s\n", c->tree_edges);
    if (clients < c->clients)
        fprintf(out, "%llu of the %llu clients asked for have no rows and do not take part\n",
                (unsigned long long)c->clients - clients, (unsigned long long)c->clients);
    if (c->encryption == BG_ENCRYPTION_PAILLIER)
        fprintf(out, "clients of this process share one mask base and its table\n");
    if (report->insecure_test_key && c->encryption != BG_ENCRYPTION_OFF && c->key_bits < BG_KEY_SECURE_BITS)
        fprintf(out, "INSECURE: a key of %llu bits protects nothing\n", (unsigned long long)c->key_bits);
    fputc('\n', out);
}

void bg_report_round_head(FILE *out)
{
    fprintf(out, "%-10s %9s %9s %8s   %-24s %12s %9s %9s %8s\n", "round", "accuracy", "macro-F1", "loss",
            "groups", "up/client", "bit/coord", "virtual", "real");
}

static void describe_groups(const struct bg_round_result *round, char *text, size_t size)
{
    int used = snprintf(text, size, "%zu of %zu used", round->groups_used, round->groups_invited);
    struct {
        size_t count;
        const char *what;
    } others[] = {{round->groups_invalid, "invalid"},
                  {round->groups_late, "late"},
                  {round->groups_refused, "refused"},
                  {round->committed ? round->groups_unused : 0, "left out"}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i].count && used > 0 && (size_t)used < size)
            used += snprintf(text + used, size - (size_t)used, ", %zu %s", others[i].count, others[i].what);
}

void bg_report_round(const struct bg_report *report, const struct bg_round_result *round, FILE *out)
{
    char name[16], groups[96], accuracy[16] = "-", f1[16] = "-", loss[16] = "-", bits[16] = "-";
    uint64_t learning = 0;
    for (size_t i = 0; i < report->round_count; i++)
        learning += report->rounds[i].stage == BG_STAGE_LEARNING;
    if (round->stage != BG_STAGE_LEARNING)
        snprintf(name, sizeof name, "%s", bg_task_stage_name(round->stage));
    else
        snprintf(name, sizeof name, "%llu/%llu", (unsigned long long)learning,
                 (unsigned long long)report->config->rounds);
    if (round->evaluated) {
        snprintf(accuracy, sizeof accuracy, "%.2f %%", 100 * round->accuracy);
        snprintf(f1, sizeof f1, "%.2f %%", 100 * round->macro_f1);
    }
    if (!bg_task_stage_measures(round->stage))
        snprintf(loss, sizeof loss, "%.4f", round->mean_loss);
    if (round->bits_per_coordinate > 0)
        snprintf(bits, sizeof bits, "%.2f", round->bits_per_coordinate);
    describe_groups(round, groups, sizeof groups);
    fprintf(out, "%-10s %9s %9s %8s   %-24s %9.1f kB %9s %7.1f s %6.2f s", name, accuracy, f1, loss,
            groups, (double)round->uplink_bytes / 1e3, bits, (double)round->virtual_ns / 1e9,
            (double)round->wall_ns / 1e9);
    if (!round->committed)
        fprintf(out, "  %s: %s", round->held ? "held" : "ABANDONED", bg_status_text(round->reason));
    fputc('\n', out);
    fflush(out);
}

struct totals {
    size_t committed, held, abandoned, invalid, late, refused, invited, complete, requests, asks, peak;
    size_t reports, edges_down, moves;
    uint64_t uplink_bytes;      /* of one client that takes part in every round */
    double learning_bytes;      /* mean over the rounds of learning … */
    double bits_per_coordinate; /* … likewise */
};

static struct totals count_totals(const struct bg_report *report)
{
    struct totals totals = {0};
    size_t learning = 0;
    for (size_t i = 0; i < report->round_count; i++) {
        const struct bg_round_result *round = &report->rounds[i];
        totals.committed += round->committed;
        totals.held += round->held;
        totals.abandoned += !round->committed && !round->held;
        totals.invalid += round->groups_invalid;
        totals.late += round->groups_late;
        totals.refused += round->groups_refused;
        totals.invited += round->groups_invited;
        totals.complete += round->groups_complete;
        totals.requests += round->requests;
        totals.asks += round->asks;
        totals.reports += round->reports;
        totals.edges_down += round->edges_down;
        totals.moves += round->moves;
        if (round->requests_peak > totals.peak)
            totals.peak = round->requests_peak;
        totals.uplink_bytes += round->uplink_bytes;
        if (round->stage != BG_STAGE_LEARNING)
            continue;
        learning++;
        totals.learning_bytes += (double)round->uplink_bytes;
        totals.bits_per_coordinate += round->bits_per_coordinate;
    }
    totals.learning_bytes /= learning ? (double)learning : 1;
    totals.bits_per_coordinate /= learning ? (double)learning : 1;
    return totals;
}

static void masks_to_json(const struct bg_report *report, struct bg_json *parent)
{
    struct bg_mask_stats masks = bg_federation_masks(report->federation);
    struct bg_json *object = bg_json_add_object(parent, "masks");
    bg_json_add_u64(object, "capacity", masks.capacity);
    bg_json_add_u64(object, "level", masks.level);
    bg_json_add_u64(object, "drawn", masks.drawn);
    bg_json_add_u64(object, "hits", masks.hits);
}

static void fit_summary(const struct bg_report *report, FILE *out)
{
    const struct bg_model_card *card = bg_federation_model(report->federation);
    struct bg_fit_distance distance;
    if (report->config->learning.fit != 0 ||
        bg_fit_compare(&card->transform, &report->data->central, &distance) != BG_OK)
        return;
    fprintf(out, "inputs     %zu from %zu features that vary; means %.2f standard deviations from pooled ones (median; "
                 "%.2f at most), scales %.0f %% (%.0f %%)\n",
            card->transform.inputs, distance.features - distance.dropped, distance.mean_median, distance.mean_most,
            100 * distance.scale_median, 100 * distance.scale_most);
}

void bg_report_summary(const struct bg_report *report, FILE *out)
{
    struct totals totals = count_totals(report);
    char hex[2 * BG_DIGEST_BYTES + 1];
    struct bg_digest digest = bg_federation_model_digest(report->federation);
    bg_digest_to_hex(&digest, hex);
    fprintf(out, "\nclass                     rows  precision   recall       F1\n");
    for (uint32_t i = 0; i < report->confusion->classes; i++) {
        struct bg_class_score score = bg_confusion_class(report->confusion, i);
        fprintf(out, "%-20s %9llu %8.2f %% %6.2f %% %6.2f %%\n", report->data->dataset.class_names[i],
                (unsigned long long)score.truths, 100 * score.precision, 100 * score.recall, 100 * score.f1);
    }
    fprintf(out, "\nfederated  accuracy %.2f %%, macro-F1 %.2f %%%s\n", 100 * bg_confusion_accuracy(report->confusion),
            100 * bg_confusion_macro_f1(report->confusion),
            report->data->dataset.synthetic ? "  (synthetic data)" : "");
    if (report->central)
        fprintf(out, "central    accuracy %.2f %%, macro-F1 %.2f %%  (the same model, all data pooled)\n",
                100 * bg_confusion_accuracy(report->central), 100 * bg_confusion_macro_f1(report->central));
    fprintf(out, "rounds     %zu committed, %zu held, %zu abandoned; groups %zu invalid, %zu late, %zu refused\n",
            totals.committed, totals.held, totals.abandoned, totals.invalid, totals.late, totals.refused);
    fprintf(out, "uplink     %.1f kB per client and round, %.2f bits per coordinate (fp32: 32, bare signs: 1), "
                 "%.1f kB in all\n",
            totals.learning_bytes / 1e3, totals.bits_per_coordinate, (double)totals.uplink_bytes / 1e3);
    fprintf(out, "pace       %zu of %zu invited groups complete; %zu requests, %zu of them for a task or receipt, at "
                 "most %zu in a second\n",
            totals.complete, totals.invited, totals.requests, totals.asks, totals.peak);
    if (bg_federation_levels(report->federation))
        fprintf(out, "edges      %zu groups reported; edges were down %zu times in all, clients turned elsewhere %zu "
                     "times\n",
                totals.reports, totals.edges_down, totals.moves);
    fit_summary(report, out);
    struct bg_mask_stats masks = bg_federation_masks(report->federation);
    if (masks.capacity)
        fprintf(out, "masks      %llu drawn, %.1f %% of them from the pool, which has %zu of %zu\n",
                (unsigned long long)masks.drawn, masks.drawn ? 100.0 * (double)masks.hits / (double)masks.drawn : 0,
                masks.level, masks.capacity);
    fprintf(out, "model      %s\n", hex);
    fprintf(out, "took       %.1f s, %.0f MB at most\n", (double)report->wall_ns / 1e9,
            (double)bg_peak_rss_bytes() / 1e6);
}

/* ---- JSON ---- */

void bg_report_summary_to_json(const struct bg_report *report, struct bg_json *object)
{
    struct totals totals = count_totals(report);
    char hex[2 * BG_DIGEST_BYTES + 1];
    struct bg_digest digest = bg_federation_model_digest(report->federation);
    bg_digest_to_hex(&digest, hex);
    bg_json_add_number(object, "accuracy", bg_confusion_accuracy(report->confusion));
    bg_json_add_number(object, "macro_f1", bg_confusion_macro_f1(report->confusion));
    if (report->central) {
        bg_json_add_number(object, "central_accuracy", bg_confusion_accuracy(report->central));
        bg_json_add_number(object, "central_macro_f1", bg_confusion_macro_f1(report->central));
    }
    bg_json_add_u64(object, "rounds_committed", totals.committed);
    bg_json_add_u64(object, "rounds_held", totals.held);
    bg_json_add_u64(object, "rounds_abandoned", totals.abandoned);
    bg_json_add_u64(object, "groups_invalid", totals.invalid);
    bg_json_add_u64(object, "groups_late", totals.late);
    bg_json_add_u64(object, "groups_refused", totals.refused);
    bg_json_add_u64(object, "warnings", report->warnings);
    bg_json_add_number(object, "uplink_bytes_per_client_round", totals.learning_bytes);
    bg_json_add_number(object, "bits_per_coordinate", totals.bits_per_coordinate);
    bg_json_add_u64(object, "uplink_bytes_per_client", totals.uplink_bytes);
    bg_json_add_string(object, "model_digest", hex);
    bg_json_add_bool(object, "synthetic", report->data->dataset.synthetic);
    bg_json_add_bool(object, "on_validation", report->data->on_validation);
    bg_json_add_u64(object, "training_rows", report->data->training.count);
    bg_json_add_u64(object, "test_rows", report->data->test.count);
    bg_json_add_u64(object, "repeated_rows", report->data->repeats);
    bg_json_add_u64(object, "clients", report->data->partition.clients);
    bg_json_add_u64(object, "byzantine_clients", bg_federation_byzantine(report->federation));
    bg_json_add_number(object, "virtual_seconds", (double)bg_federation_virtual_ns(report->federation) / 1e9);
    bg_json_add_number(object, "wall_seconds", (double)report->wall_ns / 1e9);
    bg_json_add_u64(object, "peak_rss_bytes", bg_peak_rss_bytes());
    bg_json_add_u64(object, "threads", report->threads);
    bg_json_add_bool(object, "shared_masks", report->config->encryption == BG_ENCRYPTION_PAILLIER);
    masks_to_json(report, object);
    bg_json_add_bool(object, "insecure_test_key", report->insecure_test_key);
    struct bg_json *cpu = bg_json_add_object(object, "cpu_seconds");
    for (unsigned phase = 0; phase < BG_PHASE_COUNT; phase++) {
        uint64_t ns = bg_federation_cpu_ns(report->federation, phase);
        if (ns)
            bg_json_add_number(cpu, bg_phase_name(phase), (double)ns / 1e9);
    }
}

static void fit_to_json(const struct bg_report *report, struct bg_json *parent)
{
    struct bg_json *object = bg_json_add_object(parent, "fit");
    const struct bg_model_card *card = bg_federation_model(report->federation);
    struct bg_fit_distance distance;
    bg_json_add_string(object, "of", bg_fit_names[report->config->learning.fit]);
    bg_json_add_u64(object, "features", card->transform.columns);
    bg_json_add_u64(object, "inputs", card->transform.inputs);
    if (bg_fit_compare(&card->transform, &report->data->central, &distance) == BG_OK) {
        bg_json_add_u64(object, "features_that_vary", distance.features);
        bg_json_add_u64(object, "features_dropped", distance.dropped);
        bg_json_add_number(object, "mean_difference_median", distance.mean_median);
        bg_json_add_number(object, "mean_difference_max", distance.mean_most);
        bg_json_add_number(object, "scale_difference_median", distance.scale_median);
        bg_json_add_number(object, "scale_difference_max", distance.scale_most);
    }
    struct bg_json *prior = bg_json_add_array(object, "class_prior");
    struct bg_json *central = bg_json_add_array(object, "central_class_prior");
    for (uint32_t c = 0; c < card->model->classes; c++) {
        if (card->class_prior)
            bg_json_add_number(prior, NULL, (double)card->class_prior[c]);
        bg_json_add_number(central, NULL, (double)report->data->class_prior[c]);
    }
}

static void rule_to_json(const struct bg_rule_result *rule, struct bg_json *parent)
{
    struct bg_json *object = bg_json_add_object(parent, "rule");
    bg_json_add_number(object, "margin", rule->margin);
    bg_json_add_number(object, "eigengap", rule->eigengap);
    bg_json_add_u64(object, "f", rule->faulty);
    bg_json_add_bool(object, "tie", rule->tie);
    struct bg_json *coefficients = bg_json_add_array(object, "coefficients");
    struct bg_json *ratios = bg_json_add_array(object, "ratios");
    for (size_t i = 0; i < rule->count; i++) {
        bg_json_add_number(coefficients, NULL, rule->coefficients[i]);
        bg_json_add_number(ratios, NULL, rule->ratios[i]);
    }
}

static void pace_to_json(const struct bg_round_result *round, struct bg_json *parent)
{
    struct bg_json *object = bg_json_add_object(parent, "pace");
    bg_json_add_number(object, "deadline_seconds", (double)round->deadline_ns / 1e9);
    struct bg_json *arrivals = bg_json_add_array(object, "arrival_seconds");
    for (size_t i = 0; i < BG_ARRIVAL_SHARES; i++) {
        struct bg_json *percentile = bg_json_add_object(arrivals, NULL);
        bg_json_add_number(percentile, "share", bg_arrival_shares[i]);
        bg_json_add_number(percentile, "seconds", (double)round->arrivals_ns[i] / 1e9);
    }
    bg_json_add_u64(object, "groups_complete", round->groups_complete);
    bg_json_add_u64(object, "requests", round->requests);
    bg_json_add_u64(object, "requests_for_task_or_receipt", round->asks);
    bg_json_add_u64(object, "requests_in_busiest_second", round->requests_peak);
}

/* Virtual seconds, counted from the round's begin, next to the real ones of this process. */
static void phases_to_json(const struct bg_round_result *round, struct bg_json *parent)
{
    struct bg_json *phases = bg_json_add_object(parent, "phases");
    for (unsigned i = 0; i < BG_PHASE_COUNT; i++) {
        const struct bg_phase_sum *sum = &round->phases[i];
        if (!sum->marks && !round->cpu_ns[i])
            continue;
        struct bg_json *object = bg_json_add_object(phases, bg_phase_name(i));
        bg_json_add_number(object, "begin_seconds", (double)sum->begin_ns / 1e9);
        bg_json_add_number(object, "end_seconds", (double)sum->end_ns / 1e9);
        bg_json_add_number(object, "busy_seconds", (double)sum->busy_ns / 1e9);
        bg_json_add_number(object, "cpu_seconds", (double)round->cpu_ns[i] / 1e9);
        bg_json_add_u64(object, "bytes", sum->bytes);
        bg_json_add_u64(object, "marks", sum->marks);
    }
    if (round->marks_lost)
        bg_json_add_u64(parent, "phase_marks_lost", round->marks_lost);
}

/* What came to root and edges, level by level. */
static void tree_to_json(const struct bg_round_result *round, size_t levels, struct bg_json *parent)
{
    struct bg_json *object = bg_json_add_object(parent, "tree");
    bg_json_add_u64(object, "reports", round->reports);
    bg_json_add_u64(object, "clients_moved", round->moves);
    bg_json_add_u64(object, "edges_down", round->edges_down);
    struct bg_json *list = bg_json_add_array(object, "levels");
    for (size_t i = 0; i <= levels; i++) {
        const struct bg_level_traffic *level = &round->levels[i];
        struct bg_json *one = bg_json_add_object(list, NULL);
        bg_json_add_u64(one, "bytes_up", level->bytes_up);
        bg_json_add_u64(one, "bytes_down", level->bytes_down);
        bg_json_add_u64(one, "contributions", level->contributions);
        bg_json_add_number(one, "begin_seconds", (double)level->begin_ns / 1e9);
        bg_json_add_number(one, "end_seconds", (double)level->end_ns / 1e9);
    }
}

static void round_to_json(const struct bg_report *report, const struct bg_round_result *round, struct bg_json *parent)
{
    struct bg_json *object = bg_json_add_object(parent, NULL);
    bg_json_add_u64(object, "round", round->round);
    bg_json_add_string(object, "stage", bg_task_stage_name(round->stage));
    bg_json_add_string(object, "outcome", round->committed ? "committed" : round->held ? "held" : "abandoned");
    if (!round->committed)
        bg_json_add_string(object, "reason", bg_status_name(round->reason));
    if (round->evaluated) {
        bg_json_add_number(object, "accuracy", round->accuracy);
        bg_json_add_number(object, "macro_f1", round->macro_f1);
    }
    bg_json_add_number(object, "mean_loss", round->mean_loss);
    bg_json_add_u64(object, "updates", round->updates);
    bg_json_add_u64(object, "groups_invited", round->groups_invited);
    bg_json_add_u64(object, "groups_used", round->groups_used);
    bg_json_add_u64(object, "groups_unused", round->groups_unused);
    bg_json_add_u64(object, "groups_invalid", round->groups_invalid);
    bg_json_add_u64(object, "groups_late", round->groups_late);
    bg_json_add_u64(object, "groups_refused", round->groups_refused);
    bg_json_add_u64(object, "uplink_bytes", round->uplink_bytes);
    bg_json_add_number(object, "bits_per_coordinate", round->bits_per_coordinate);
    bg_json_add_number(object, "virtual_seconds", (double)round->virtual_ns / 1e9);
    bg_json_add_number(object, "wall_seconds", (double)round->wall_ns / 1e9);
    pace_to_json(round, object);
    phases_to_json(round, object);
    tree_to_json(round, bg_federation_levels(report->federation), object);
    if (round->has_rule)
        rule_to_json(&round->rule, object);
}

void bg_report_to_json(const struct bg_report *report, struct bg_json *object)
{
    const char *const *names = report->data->dataset.class_names;
    bg_json_add_string(object, "program", "burgee-simulator " BG_VERSION);
    bg_report_summary_to_json(report, bg_json_add_object(object, "summary"));
    bg_options_to_json(bg_simulator_options, bg_simulator_option_count, report->config,
                       bg_json_add_object(object, "config"));
    bg_dataset_to_json(&report->data->dataset, bg_json_add_object(object, "data"));
    fit_to_json(report, object);
    struct bg_json *rounds = bg_json_add_array(object, "rounds");
    for (size_t i = 0; i < report->round_count; i++)
        round_to_json(report, &report->rounds[i], rounds);
    bg_confusion_to_json(report->confusion, names, bg_json_add_object(object, "result"));
    if (report->central)
        bg_confusion_to_json(report->central, names, bg_json_add_object(object, "central"));
}

enum bg_status bg_report_write_json(const struct bg_report *report, const char *path, struct bg_error *error)
{
    struct bg_json *root = bg_json_object();
    bg_report_to_json(report, root);
    char *text = bg_json_print(root, true);
    enum bg_status status =
        text ? bg_file_write(path, (struct bg_span){(const uint8_t *)text, strlen(text)}, 0644, error)
             : bg_fail(error, BG_NO_MEMORY, "%s: out of memory", path);
    free(text);
    bg_json_destroy(&root);
    return status;
}

/* ---- CSV ---- */

enum bg_status bg_report_write_csv(const struct bg_report *report, const char *path, struct bg_error *error)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return bg_fail(error, BG_NO_MEMORY, "%s: out of memory", path);
    fprintf(out, "round,stage,outcome,accuracy,macro_f1,mean_loss,updates,groups_invited,groups_used,"
                 "groups_unused,groups_invalid,groups_late,groups_refused,uplink_bytes,bits_per_coordinate,"
                 "virtual_seconds,wall_seconds,deadline_seconds,groups_complete,requests\n");
    for (size_t i = 0; i < report->round_count; i++) {
        const struct bg_round_result *r = &report->rounds[i];
        fprintf(out, "%llu,%s,%s,", (unsigned long long)r->round, bg_task_stage_name(r->stage),
                r->committed ? "committed" : r->held ? "held" : "abandoned");
        if (r->evaluated)
            fprintf(out, "%.9g,%.9g,", r->accuracy, r->macro_f1);
        else
            fputs(",,", out);
        fprintf(out, "%.9g,%zu,%zu,%zu,%zu,%zu,%zu,%zu,%zu,%.9g,%.9g,%.9g,%.9g,%zu,%zu\n", r->mean_loss, r->updates,
                r->groups_invited, r->groups_used, r->groups_unused, r->groups_invalid, r->groups_late,
                r->groups_refused, r->uplink_bytes, r->bits_per_coordinate, (double)r->virtual_ns / 1e9,
                (double)r->wall_ns / 1e9, (double)r->deadline_ns / 1e9, r->groups_complete, r->requests);
    }
    enum bg_status status = fclose(out) == 0
                                ? bg_file_write(path, (struct bg_span){(const uint8_t *)text, size}, 0644, error)
                                : bg_fail(error, BG_NO_MEMORY, "%s: out of memory", path);
    free(text);
    return status;
}

/* ---- the plot ---- */

enum bg_status bg_report_plot(const struct bg_report *report, const char *path, struct bg_error *error)
{
    struct bg_plot_point *points = calloc(report->round_count + 1, sizeof *points);
    struct bg_plot plot = {.points = points,
                           .rounds = report->config->rounds,
                           .clients = report->data->partition.clients,
                           .groups = bg_federation_groups(report->federation),
                           .synthetic = report->data->dataset.synthetic,
                           .central = report->central ? bg_confusion_accuracy(report->central) : 0};
    uint64_t learning = 0;
    if (!points)
        return bg_fail(error, BG_NO_MEMORY, "%s: out of memory", path);
    for (size_t i = 0; i < report->round_count; i++) {
        const struct bg_round_result *round = &report->rounds[i];
        if (round->stage != BG_STAGE_LEARNING)
            continue;
        learning++;
        if (round->evaluated)
            points[plot.count++] = (struct bg_plot_point){learning, round->accuracy, round->macro_f1};
    }
    enum bg_status status = bg_plot_draw(&plot, path, error);
    free(points);
    return status;
}
