/* SPDX-License-Identifier: Apache-2.0 */
#include "up/result.h"

#include "base/file.h"
#include "base/json.h"
#include "crypto/cipher.h"
#include "crypto/public_key.h"
#include "simulator/plot.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const role_names[BG_UP_ROLE_COUNT] = {"keyholder", "root", "clients"};

const char *bg_up_role_name(enum bg_up_role role)
{
    return role_names[role];
}

double bg_up_seconds_per_round(const struct bg_up_result *result)
{
    uint64_t ns = 0, rounds = 0;
    for (size_t i = 0; i < result->round_count; i++)
        if (result->rounds[i].learning) {
            ns += result->rounds[i].wall_ns;
            rounds++;
        }
    return rounds ? (double)ns / 1e9 / (double)rounds : 0;
}

static size_t committed(const struct bg_up_result *result)
{
    size_t count = 0;
    for (size_t i = 0; i < result->round_count; i++)
        count += result->rounds[i].committed;
    return count;
}

static uint64_t update_bytes(const struct bg_up_result *result)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < result->round_count; i++)
        bytes += result->rounds[i].update_bytes;
    return bytes;
}

/* ---- for people ---- */

void bg_up_print_head(FILE *out)
{
    fprintf(out, "%-12s %9s %9s   %-26s %8s %12s %9s\n", "round", "accuracy", "macro-F1", "groups", "updates",
            "bytes", "seconds");
}

static size_t learning_rounds(const struct bg_up_result *result)
{
    size_t count = 0;
    for (size_t i = 0; i < result->round_count; i++)
        count += result->rounds[i].learning;
    return count;
}

static void format_percent(bool known, double share, char ret_text[static 16])
{
    if (known)
        snprintf(ret_text, 16, "%.2f %%", 100 * share);
    else
        strcpy(ret_text, "-");
}

void bg_up_print_round(const struct bg_up_result *result, const struct bg_up_round *round, FILE *out)
{
    char name[48], accuracy[16], f1[16], groups[64];
    if (round->learning)
        snprintf(name, sizeof name, "%zu/%" PRIu64, learning_rounds(result), result->config->rounds);
    else
        snprintf(name, sizeof name, "%s", round->stage);
    format_percent(round->evaluated, round->accuracy, accuracy);
    format_percent(round->evaluated, round->macro_f1, f1);
    int length = snprintf(groups, sizeof groups, "%zu of %zu used", round->groups_used, round->groups_invited);
    if (round->groups_invalid && length > 0)
        snprintf(groups + length, sizeof groups - (size_t)length, ", %zu invalid", round->groups_invalid);
    fprintf(out, "%-12s %9s %9s   %-26s %8zu %9.1f kB %7.2f s%s%s\n", name, accuracy, f1, groups, round->updates,
            (double)round->update_bytes / 1e3, (double)round->wall_ns / 1e9, round->committed ? "" : "  ",
            round->committed ? "" : round->outcome);
    fflush(out);
}

void bg_up_print_summary(const struct bg_up_result *result, FILE *out)
{
    char model[2 * BG_DIGEST_BYTES + 1];
    bg_digest_to_hex(&result->model, model);
    fputc('\n', out);
    if (result->evaluated)
        fprintf(out, "federated  accuracy %.2f %%, macro-F1 %.2f %%%s\n",
                100 * bg_confusion_accuracy(&result->confusion), 100 * bg_confusion_macro_f1(&result->confusion),
                result->data->dataset.synthetic ? "  (synthetic data)" : "");
    if (result->central.classes)
        fprintf(out, "central    accuracy %.2f %%, macro-F1 %.2f %%  (the same model, all data pooled)\n",
                100 * bg_confusion_accuracy(&result->central), 100 * bg_confusion_macro_f1(&result->central));
    fprintf(out, "rounds     %zu of %zu committed, %.2f s per round of learning\n", committed(result),
            result->round_count, bg_up_seconds_per_round(result));
    fprintf(out, "updates    %.1f MB in all from %zu clients", (double)update_bytes(result) / 1e6, result->clients);
    if (result->byzantine)
        fprintf(out, ", %zu of them Byzantine", result->byzantine);
    if (result->clients_lost)
        fprintf(out, "; %zu ended before the others", result->clients_lost);
    fprintf(out, "\nprocessor ");
    for (size_t i = 0; i < BG_UP_ROLE_COUNT; i++)
        fprintf(out, "%s %s %.1f s", i ? "," : "", role_names[i], (double)result->cpu_ns[i] / 1e9);
    if (result->round_count) {
        const struct bg_usage *usage = result->rounds[result->round_count - 1].usage;
        fprintf(out, "\nmemory    ");
        for (size_t i = 0; i < BG_UP_ROLE_COUNT; i++)
            fprintf(out, "%s %s %.1f MB%s", i ? "," : "", role_names[i], (double)usage[i].resident_bytes / 1e6,
                    i == BG_UP_CLIENTS ? " at most each" : "");
    }
    if (result->evaluated)
        fprintf(out, "\nmodel      %s", model);
    fprintf(out, "\ntook       %.1f s, of which %.1f s to set up\n", (double)result->wall_ns / 1e9,
            (double)result->set_up_ns / 1e9);
    if (result->insecure_test_key && result->config->encryption != BG_ENCRYPTION_OFF &&
        result->config->key_bits < BG_KEY_SECURE_BITS)
        fprintf(out, "INSECURE: a key of %" PRIu64 " bits protects nothing\n", result->config->key_bits);
}

/* ---- JSON ---- */

static void summary_to_json(const struct bg_up_result *result, struct bg_json *object)
{
    char model[2 * BG_DIGEST_BYTES + 1];
    bg_digest_to_hex(&result->model, model);
    if (result->evaluated) {
        bg_json_add_number(object, "accuracy", bg_confusion_accuracy(&result->confusion));
        bg_json_add_number(object, "macro_f1", bg_confusion_macro_f1(&result->confusion));
        bg_json_add_string(object, "model_digest", model);
    }
    if (result->central.classes) {
        bg_json_add_number(object, "central_accuracy", bg_confusion_accuracy(&result->central));
        bg_json_add_number(object, "central_macro_f1", bg_confusion_macro_f1(&result->central));
    }
    bg_json_add_u64(object, "rounds", result->round_count);
    bg_json_add_u64(object, "rounds_committed", committed(result));
    bg_json_add_number(object, "seconds_per_round", bg_up_seconds_per_round(result));
    bg_json_add_u64(object, "update_bytes", update_bytes(result));
    bg_json_add_u64(object, "clients", result->clients);
    bg_json_add_u64(object, "cells", result->config->cells);
    bg_json_add_u64(object, "byzantine_clients", result->byzantine);
    bg_json_add_u64(object, "clients_lost", result->clients_lost);
    bg_json_add_u64(object, "killed", result->killed);
    bg_json_add_bool(object, "synthetic", result->data->dataset.synthetic);
    bg_json_add_bool(object, "insecure_test_key", result->insecure_test_key);
    bg_json_add_number(object, "set_up_seconds", (double)result->set_up_ns / 1e9);
    bg_json_add_number(object, "wall_seconds", (double)result->wall_ns / 1e9);
    struct bg_json *cpu = bg_json_add_object(object, "cpu_seconds");
    for (size_t i = 0; i < BG_UP_ROLE_COUNT; i++)
        bg_json_add_number(cpu, role_names[i], (double)result->cpu_ns[i] / 1e9);
}

static void usage_to_json(const struct bg_up_round *round, struct bg_json *parent)
{
    struct bg_json *object = bg_json_add_object(parent, "usage");
    for (size_t i = 0; i < BG_UP_ROLE_COUNT; i++) {
        struct bg_json *role = bg_json_add_object(object, role_names[i]);
        bg_json_add_u64(role, "resident_bytes", round->usage[i].resident_bytes);
        bg_json_add_u64(role, "private_bytes", round->usage[i].private_bytes);
        bg_json_add_u64(role, "open_files", round->usage[i].open_files);
    }
}

static void round_to_json(const struct bg_up_round *round, struct bg_json *rounds)
{
    struct bg_json *object = bg_json_add_object(rounds, NULL);
    bg_json_add_u64(object, "round", round->round);
    bg_json_add_string(object, "stage", round->stage);
    bg_json_add_string(object, "outcome", round->outcome);
    bg_json_add_u64(object, "groups_invited", round->groups_invited);
    bg_json_add_u64(object, "groups_opened", round->groups_opened);
    bg_json_add_u64(object, "groups_used", round->groups_used);
    bg_json_add_u64(object, "groups_invalid", round->groups_invalid);
    bg_json_add_u64(object, "updates", round->updates);
    bg_json_add_u64(object, "update_bytes", round->update_bytes);
    bg_json_add_number(object, "root_seconds", (double)round->root_ns / 1e9);
    bg_json_add_number(object, "seconds", (double)round->wall_ns / 1e9);
    if (round->evaluated) {
        bg_json_add_number(object, "accuracy", round->accuracy);
        bg_json_add_number(object, "macro_f1", round->macro_f1);
    }
    usage_to_json(round, object);
}

static enum bg_status write_text(const char *text, const char *path, struct bg_error *error)
{
    if (!text)
        return bg_fail(error, BG_NO_MEMORY, "%s: out of memory", path);
    return bg_file_write(path, (struct bg_span){(const uint8_t *)text, strlen(text)}, 0644, error);
}

enum bg_status bg_up_write_json(const struct bg_up_result *result, const char *path, struct bg_error *error)
{
    struct bg_json *root = bg_json_object();
    summary_to_json(result, bg_json_add_object(root, "summary"));
    bg_options_to_json(bg_simulator_options, bg_simulator_option_count, result->config,
                       bg_json_add_object(root, "config"));
    struct bg_json *rounds = bg_json_add_array(root, "rounds");
    for (size_t i = 0; i < result->round_count; i++)
        round_to_json(&result->rounds[i], rounds);
    if (result->evaluated)
        bg_confusion_to_json(&result->confusion, (const char *const *)result->data->dataset.class_names,
                             bg_json_add_object(root, "result"));
    char *text = bg_json_print(root, true);
    bg_json_destroy(&root);
    enum bg_status status = write_text(text, path, error);
    free(text);
    return status;
}

/* ---- CSV ---- */

enum bg_status bg_up_write_csv(const struct bg_up_result *result, const char *path, struct bg_error *error)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return bg_fail(error, BG_NO_MEMORY, "%s: out of memory", path);
    fputs("round,stage,outcome,groups_invited,groups_opened,groups_used,groups_invalid,updates,update_bytes,seconds,"
          "accuracy,macro_f1\n", out);
    for (size_t i = 0; i < result->round_count; i++) {
        const struct bg_up_round *r = &result->rounds[i];
        fprintf(out, "%" PRIu64 ",%s,%s,%zu,%zu,%zu,%zu,%zu,%" PRIu64 ",%.6f,", r->round, r->stage, r->outcome,
                r->groups_invited, r->groups_opened, r->groups_used, r->groups_invalid, r->updates, r->update_bytes,
                (double)r->wall_ns / 1e9);
        if (r->evaluated)
            fprintf(out, "%.6f,%.6f", r->accuracy, r->macro_f1);
        else
            fputc(',', out);
        fputc('\n', out);
    }
    enum bg_status status = fclose(out) == 0 ? write_text(text, path, error)
                                             : bg_fail(error, BG_NO_MEMORY, "%s: out of memory", path);
    free(text);
    return status;
}

/* ---- the plot ---- */

enum bg_status bg_up_plot(const struct bg_up_result *result, const char *path, struct bg_error *error)
{
    struct bg_plot_point *points = calloc(result->round_count + 1, sizeof *points);
    struct bg_plot plot = {.points = points,
                           .rounds = result->config->rounds,
                           .clients = result->clients,
                           .synthetic = result->data->dataset.synthetic,
                           .central = result->central.classes ? bg_confusion_accuracy(&result->central) : 0};
    uint64_t learning = 0;
    if (!points)
        return bg_fail(error, BG_NO_MEMORY, "%s: out of memory", path);
    for (size_t i = 0; i < result->round_count; i++) {
        const struct bg_up_round *round = &result->rounds[i];
        plot.groups = round->groups_invited > plot.groups ? round->groups_invited : plot.groups;
        learning += round->learning;
        if (round->learning && round->evaluated)
            points[plot.count++] = (struct bg_plot_point){learning, round->accuracy, round->macro_f1};
    }
    enum bg_status status = bg_plot_draw(&plot, path, error);
    free(points);
    return status;
}
