/* SPDX-License-Identifier: Apache-2.0 */
/* What members say while rounds go by. */
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "simulator/run.h"
#include "up/federation_state.h"

#include <stdlib.h>
#include <string.h>

#define BAR_WIDTH 30

static const char *text_of(const struct bg_json *event, const char *key)
{
    const struct bg_json *value = bg_json_get(event, key);
    return value && bg_json_type(value) == BG_JSON_STRING ? bg_json_string(value) : "";
}

static double number_of(const struct bg_json *event, const char *key)
{
    const struct bg_json *value = bg_json_get(event, key);
    return value && bg_json_type(value) == BG_JSON_NUMBER && bg_json_number(value) >= 0 ? bg_json_number(value) : 0;
}

static void fail(struct bg_up *up, enum bg_status status)
{
    if (up->status == BG_OK)
        up->status = status;
}

/* ---- the bar ---- */

static void draw_bar(const struct bg_up *up, const char *stage, uint64_t round)
{
    char bar[BAR_WIDTH + 1];
    size_t full = up->wanted ? BAR_WIDTH * up->arrived / up->wanted : 0;
    if (!up->settings.out || !up->settings.bar)
        return;
    for (size_t i = 0; i < BAR_WIDTH; i++)
        bar[i] = i < full ? '#' : '-';
    bar[BAR_WIDTH] = '\0';
    fprintf(up->settings.out, "\rround %llu %s [%s] %zu of %zu updates ", (unsigned long long)round, stage, bar,
            up->arrived, up->wanted);
    fflush(up->settings.out);
}

static void wipe_bar(const struct bg_up *up)
{
    if (up->settings.out && up->settings.bar)
        fputs("\r\033[K", up->settings.out);
}

/* ---- the root ---- */

/* The published model, as anybody sees it. */
static enum bg_status judge(struct bg_up *up, const char *digest, struct bg_error *error)
{
    char name[128], path[PATH_MAX];
    struct bg_model_file file;
    snprintf(name, sizeof name, "models/%.64s", digest);
    enum bg_status status = bg_up_path(path, up->root.folder, name, error);
    if (status == BG_OK)
        status = bg_model_load(path, error, &file);
    if (status != BG_OK)
        return status;
    bg_confusion_finish(&up->result.confusion);
    up->result.evaluated = false;
    status = bg_confusion_init(&up->result.confusion, file.card.model->classes);
    if (status == BG_OK)
        status = bg_judge_model(&up->judge, &file.card, error, &up->result.confusion);
    if (status == BG_OK) {
        up->result.model = bg_model_digest(&file.card);
        up->result.evaluated = true;
    }
    bg_model_file_finish(&file);
    return status;
}

static struct bg_usage usage_of(const struct bg_up_member *member)
{
    return member->process ? bg_usage_of(bg_process_id(member->process)) : (struct bg_usage){0};
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void take_usage(const struct bg_up *up, struct bg_up_round *round)
{
    struct bg_usage *most = &round->usage[BG_UP_CLIENTS];
    round->usage[BG_UP_KEYHOLDER] = usage_of(&up->keyholder);
    round->usage[BG_UP_ROOT] = usage_of(&up->root);
    for (size_t i = 0; i < up->client_count; i++) {
        struct bg_usage usage = usage_of(&up->clients[i]);
        most->resident_bytes = larger(most->resident_bytes, usage.resident_bytes);
        most->private_bytes = larger(most->private_bytes, usage.private_bytes);
        most->open_files = larger(most->open_files, usage.open_files);
    }
}

static void on_ended(struct bg_up *up, const struct bg_json *event)
{
    struct bg_up_result *result = &up->result;
    uint64_t now = bg_clock_monotonic_ns(), planned = bg_run_planned_rounds(&up->config);
    if (result->round_count == planned)
        return;
    struct bg_up_round *round = &result->rounds[result->round_count++];
    *round = (struct bg_up_round){.round = (uint64_t)number_of(event, "round"),
                                  .groups_invited = (size_t)number_of(event, "invited"),
                                  .groups_opened = (size_t)number_of(event, "opened"),
                                  .groups_used = (size_t)number_of(event, "used"),
                                  .groups_invalid = (size_t)number_of(event, "invalid"),
                                  .updates = (size_t)number_of(event, "updates"),
                                  .update_bytes = (uint64_t)number_of(event, "bytes"),
                                  .root_ns = (uint64_t)(number_of(event, "seconds") * 1e9),
                                  .wall_ns = now - (up->ended_at ? up->ended_at : up->begun_at)};
    snprintf(round->stage, sizeof round->stage, "%s", text_of(event, "stage"));
    snprintf(round->outcome, sizeof round->outcome, "%s", text_of(event, "outcome"));
    round->learning = strcmp(round->stage, "learning") == 0;
    round->committed = strcmp(round->outcome, "committed") == 0;
    take_usage(up, round);
    up->ended_at = now;
    bool last = result->round_count == planned;
    if (round->committed && (last || result->round_count % up->config.evaluate_every == 0)) {
        enum bg_status status = judge(up, text_of(event, "model"), &up->error);
        round->evaluated = status == BG_OK;
        round->accuracy = round->evaluated ? bg_confusion_accuracy(&result->confusion) : 0;
        round->macro_f1 = round->evaluated ? bg_confusion_macro_f1(&result->confusion) : 0;
        if (status != BG_OK)
            fail(up, status);
    }
    wipe_bar(up);
    if (up->settings.out)
        bg_up_print_round(result, round, up->settings.out);
    up->finished = last;
}

static void on_opened(struct bg_up *up, const struct bg_json *event)
{
    if (!up->begun_at)
        up->begun_at = bg_clock_monotonic_ns();
    up->arrived = 0;
    up->wanted = (size_t)number_of(event, "clients");
    draw_bar(up, text_of(event, "stage"), (uint64_t)number_of(event, "round"));
}

static void on_update(struct bg_up *up, const struct bg_json *event)
{
    up->arrived++;
    draw_bar(up, "", (uint64_t)number_of(event, "round"));
}

static void on_root(struct bg_up *up, const struct bg_json *event)
{
    const char *kind = text_of(event, "event");
    if (strcmp(kind, "opened") == 0)
        on_opened(up, event);
    else if (strcmp(kind, "update") == 0)
        on_update(up, event);
    else if (strcmp(kind, "ended") == 0)
        on_ended(up, event);
    else if (strcmp(kind, "failed") == 0)
        bg_log(BG_LOG_WARN, "the root could not do something", "error=\"%.300s\"", text_of(event, "error"));
}

/* ---- all ---- */

void bg_up_hear(void *context, const char *line)
{
    struct bg_up_member *member = context;
    struct bg_span text = {(const uint8_t *)line, strlen(line)};
    struct bg_json *event;
    if (bg_json_parse(text, "event", NULL, &event) != BG_OK)
        return;
    if (strcmp(text_of(event, "event"), "ready") == 0)
        snprintf(member->url, sizeof member->url, "%s", member->role == BG_UP_CLIENTS ? "-" : text_of(event, "url"));
    else if (member->role == BG_UP_ROOT)
        on_root(member->up, event);
    bg_json_destroy(&event);
}

void bg_up_mourn(void *context, const struct bg_process_end *end)
{
    struct bg_up_member *member = context;
    struct bg_up *up = member->up;
    char line[300];
    member->process = NULL;
    up->result.cpu_ns[member->role] += end->cpu_ns;
    if (up->stopping)
        return;
    bg_up_last_line(member->errors, line, sizeof line);
    wipe_bar(up);
    if (member->role == BG_UP_CLIENTS) {
        up->result.clients_lost++;
        bg_log(BG_LOG_WARN, "a client ended", "client=%zu exit=%d", member->index, end->exit_code);
        if (up->result.clients_lost < up->client_count)
            return;
    }
    fail(up, bg_fail(&up->error, BG_IO, "%s ended with exit status %d: %s", bg_up_role_name(member->role),
                     end->exit_code, line));
}
