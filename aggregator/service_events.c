/* SPDX-License-Identifier: Apache-2.0 */
/* What a service tells people and programs: log lines on stderr, events on stdout, metrics. */
#include "aggregator/service_parts.h"
#include "base/json.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct hex {
    char text[2 * BG_DIGEST_BYTES + 1];
};

static struct hex hex_of(const struct bg_digest *digest)
{
    struct hex hex;
    bg_digest_to_hex(digest, hex.text);
    return hex;
}

/* NULL unless events are wanted. */
static struct bg_json *begin_event(const struct bg_aggregator_service *service, const char *name)
{
    struct bg_json *event = service->settings->json ? bg_json_object() : NULL;
    bg_json_add_string(event, "event", name);
    return event;
}

static void end_event(struct bg_json *event)
{
    char *text = event ? bg_json_print(event, false) : NULL;
    if (text) {
        puts(text);
        fflush(stdout);
    }
    free(text);
    bg_json_destroy(&event);
}

/* ---- rounds of before ---- */

static enum bg_verdict verdict_of(bool held, enum bg_status outcome)
{
    return outcome == BG_OK ? BG_VERDICT_COMMITTED : held ? BG_VERDICT_HELD : BG_VERDICT_ABANDONED;
}

static enum bg_status recall_round(void *context, const struct bg_stored_round *round)
{
    struct bg_aggregator_service *service = context;
    struct bg_round_summary summary = {.round = round->number,
                                       .stage = (enum bg_task_stage)round->stage,
                                       .verdict = verdict_of(round->held, round->outcome),
                                       .reason = round->outcome,
                                       .opened_at = round->opened_at / 1000,
                                       .duration_ns = round->length_ns,
                                       .groups_invited = round->invited,
                                       .groups_opened = round->opened,
                                       .groups_used = round->used,
                                       .groups_invalid = round->invalid,
                                       .groups_refused = round->refused,
                                       .groups_sat_out = round->sat_out,
                                       .clients_invited = round->clients,
                                       .updates = round->updates,
                                       .update_bytes = round->update_bytes,
                                       .margin = round->margin,
                                       .model = round->model};
    memcpy(summary.phases_ns, round->phases_ns, sizeof summary.phases_ns);
    if (!round->ended)
        return BG_OK;
    service->learning_rounds += summary.stage == BG_STAGE_LEARNING;
    bg_metrics_recall_round(&service->metrics, &summary);
    return BG_OK;
}

enum bg_status bg_service_recall_rounds(struct bg_aggregator_service *service, struct bg_error *error)
{
    return bg_database_rounds(bg_memory_database(service->memory), 1, recall_round, service, error);
}

/* ---- events ---- */

void bg_service_tell_ready(struct bg_aggregator_service *service)
{
    uint64_t round = bg_root_round(service->root)->number;
    const struct bg_groups *groups = bg_root_groups(service->root);
    struct bg_json *event = begin_event(service, "ready");
    bg_json_add_string(event, "url", service->url);
    bg_json_add_u64(event, "epoch", groups ? groups->epoch : 0);
    bg_json_add_u64(event, "round", round);
    end_event(event);
    bg_log(BG_LOG_INFO, "ready", "url=%s round=%" PRIu64, service->url, round);
}

void bg_service_tell_roster(const struct bg_aggregator_service *service)
{
    struct bg_json *event = begin_event(service, "roster");
    bg_json_add_u64(event, "version", service->roster.version);
    bg_json_add_u64(event, "clients", service->roster.client_count);
    end_event(event);
    bg_log(BG_LOG_INFO, "roster", "version=%" PRIu64 " clients=%zu", service->roster.version,
           service->roster.client_count);
}

void bg_service_tell_update(void *context, const struct bg_kept_update *update)
{
    struct bg_aggregator_service *service = context;
    struct hex client = hex_of(&update->client);
    struct bg_json *event = begin_event(service, "update");
    bg_json_add_u64(event, "round", update->round);
    bg_json_add_string(event, "client", client.text);
    bg_json_add_u64(event, "bytes", update->bytes.size);
    end_event(event);
    bg_log(BG_LOG_DEBUG, "update", "round=%" PRIu64 " client=%s bytes=%zu", update->round, client.text,
           update->bytes.size);
    service->kept_updates++;
    bg_metrics_count_update(&service->metrics, BG_UPDATE_ACCEPTED);
}

void bg_service_tell_refused(struct bg_aggregator_service *service, const char *who, const struct bg_error *error)
{
    char quoted[sizeof error->text + 64];
    uint64_t untold;
    if (!bg_repeats_tell(&service->repeats, who, error->text, bg_clock_monotonic_ns(), &untold))
        return;
    struct bg_json *event = begin_event(service, "refused");
    bg_json_add_string(event, "client", who);
    bg_json_add_string(event, "reason", bg_status_name(error->status));
    bg_json_add_string(event, "error", error->text);
    end_event(event);
    bg_log(BG_LOG_WARN, "refused", "client=%s reason=%s untold=%" PRIu64 " error=%s", who,
           bg_status_name(error->status), untold, bg_log_quote(error->text, quoted, sizeof quoted));
}

void bg_service_tell_failed(const struct bg_aggregator_service *service, const struct bg_error *error)
{
    struct bg_json *event = begin_event(service, "failed");
    bg_json_add_string(event, "error", error->text);
    end_event(event);
    bg_log_error(BG_LOG_ERROR, "failed", error);
}

void bg_service_tell_done(const struct bg_aggregator_service *service)
{
    struct bg_json *event = begin_event(service, "done");
    bg_json_add_u64(event, "rounds", service->learning_rounds);
    end_event(event);
    bg_log(BG_LOG_INFO, "done", "rounds=%" PRIu64, service->learning_rounds);
}

void bg_service_warn(void *context, const struct bg_error *error)
{
    (void)context;
    bg_log_error(BG_LOG_WARN, "warning", error);
}

static void tell_epoch(const struct bg_aggregator_service *service)
{
    const struct bg_groups *groups = bg_root_groups(service->root);
    struct bg_roster roster = bg_root_epoch_roster(service->root);
    struct bg_json *event = begin_event(service, "epoch");
    bg_json_add_u64(event, "epoch", groups->epoch);
    bg_json_add_u64(event, "clients", roster.count);
    bg_json_add_u64(event, "groups", groups->count);
    end_event(event);
    bg_log(BG_LOG_INFO, "epoch", "epoch=%" PRIu64 " clients=%zu groups=%zu", groups->epoch, roster.count,
           groups->count);
}

static void begin_round(struct bg_aggregator_service *service)
{
    service->opened_at = (uint64_t)time(NULL);
    service->opened_ns = bg_clock_monotonic_ns();
    memcpy(service->phases_ns, bg_driver_phase_ns(service->driver), sizeof service->phases_ns);
}

void bg_service_phases(void *context, uint64_t ret_ns[static BG_PHASE_COUNT])
{
    const struct bg_aggregator_service *service = context;
    const uint64_t *now = bg_driver_phase_ns(service->driver);
    for (size_t p = 0; p < BG_PHASE_COUNT; p++)
        ret_ns[p] = now[p] - service->phases_ns[p];
}

static void tell_opened(const struct bg_aggregator_service *service, const struct bg_root_notice *notice)
{
    size_t clients = bg_round_clients(notice->state);
    struct bg_json *event = begin_event(service, "opened");
    bg_json_add_u64(event, "round", notice->round);
    bg_json_add_string(event, "stage", bg_task_stage_name(notice->stage));
    bg_json_add_u64(event, "clients", clients);
    end_event(event);
    bg_log(BG_LOG_INFO, "round opened", "round=%" PRIu64 " stage=%s clients=%zu", notice->round,
           bg_task_stage_name(notice->stage), clients);
}

static struct bg_round_summary summarise(struct bg_aggregator_service *service, const struct bg_root_notice *notice)
{
    const struct bg_round *round = notice->state;
    struct bg_memory_updates updates = bg_memory_round_updates(service->memory);
    struct bg_round_summary summary = {.round = notice->round,
                                       .stage = notice->stage,
                                       .verdict = verdict_of(round->held, round->outcome),
                                       .reason = round->outcome,
                                       .opened_at = service->opened_at,
                                       .duration_ns = bg_clock_monotonic_ns() - service->opened_ns,
                                       .groups_invited = round->invited,
                                       .groups_opened = bg_round_count(round, BG_GROUP_OPENED),
                                       .groups_invalid = bg_round_count(round, BG_GROUP_INVALID),
                                       .groups_refused = bg_round_count(round, BG_GROUP_REFUSED),
                                       .groups_sat_out = bg_round_count(round, BG_GROUP_SAT_OUT),
                                       .clients_invited = bg_round_clients(round),
                                       .updates = updates.count,
                                       .update_bytes = updates.bytes,
                                       .model = *bg_root_model_digest(service->root)};
    for (size_t g = 0; notice->combination && round->outcome == BG_OK && g < summary.groups_opened; g++)
        summary.groups_used += notice->combination->used[g];
    if (notice->combination)
        summary.margin = notice->combination->rule.margin;
    bg_service_phases(service, summary.phases_ns);
    return summary;
}

static void tell_ended(struct bg_aggregator_service *service, const struct bg_root_notice *notice)
{
    struct bg_round_summary s = summarise(service, notice);
    const char *outcome = s.reason == BG_OK ? "committed" : bg_status_name(s.reason);
    double seconds = (double)s.duration_ns / 1e9;
    struct hex model = hex_of(&s.model);
    struct bg_json *event = begin_event(service, "ended");
    bg_json_add_u64(event, "round", s.round);
    bg_json_add_string(event, "stage", bg_task_stage_name(s.stage));
    bg_json_add_string(event, "outcome", outcome);
    bg_json_add_bool(event, "held", s.verdict == BG_VERDICT_HELD);
    bg_json_add_u64(event, "invited", s.groups_invited);
    bg_json_add_u64(event, "opened", s.groups_opened);
    bg_json_add_u64(event, "used", s.groups_used);
    bg_json_add_u64(event, "invalid", s.groups_invalid);
    bg_json_add_u64(event, "refused", s.groups_refused);
    bg_json_add_u64(event, "sat_out", s.groups_sat_out);
    bg_json_add_u64(event, "updates", s.updates);
    bg_json_add_u64(event, "bytes", s.update_bytes);
    bg_json_add_string(event, "model", model.text);
    bg_json_add_number(event, "seconds", seconds);
    end_event(event);
    bg_log(BG_LOG_INFO, "round ended",
           "round=%" PRIu64 " stage=%s outcome=%s invited=%zu opened=%zu used=%zu updates=%zu seconds=%.3f model=%s",
           s.round, bg_task_stage_name(s.stage), outcome, s.groups_invited, s.groups_opened,
           s.groups_used, s.updates, seconds, model.text);
    if (!service->settings->json && !service->settings->quiet) {
        printf("round %" PRIu64 " (%s) %s: %zu of %zu groups used, %zu updates, %.2f s\n", s.round,
               bg_task_stage_name(s.stage), outcome, s.groups_used, s.groups_invited, s.updates, seconds);
        fflush(stdout);
    }
    bg_metrics_add_round(&service->metrics, &s);
}

static void tell_group(struct bg_aggregator_service *service, const struct bg_root_notice *notice)
{
    char quoted[sizeof notice->error->text + 64];
    struct bg_json *event = begin_event(service, "group");
    bg_json_add_u64(event, "round", notice->round);
    bg_json_add_u64(event, "group", notice->group);
    bg_json_add_string(event, "error", notice->error->text);
    end_event(event);
    bg_log(BG_LOG_WARN, "group not used", "round=%" PRIu64 " group=%" PRIu32 " error=%s", notice->round, notice->group,
           bg_log_quote(notice->error->text, quoted, sizeof quoted));
}

void bg_service_tell(struct bg_aggregator_service *service, const struct bg_root_notice *notice)
{
    switch (notice->kind) {
    case BG_ROOT_NOTICE_EPOCH: /* what is resumed was told in the life before */
        if (service->resumed)
            tell_epoch(service);
        return;
    case BG_ROOT_NOTICE_OPENED:
        begin_round(service);
        if (service->resumed)
            tell_opened(service, notice);
        return;
    case BG_ROOT_NOTICE_REFUSED:
        bg_metrics_count_update(&service->metrics, BG_UPDATE_REFUSED);
        bg_service_tell_refused(service, hex_of(notice->client).text, notice->error);
        return;
    case BG_ROOT_NOTICE_NAMED:
        bg_service_tell_refused(service, hex_of(notice->client).text, notice->error);
        return;
    case BG_ROOT_NOTICE_GROUP:
        tell_group(service, notice);
        return;
    case BG_ROOT_NOTICE_ENDED:
        tell_ended(service, notice);
        return;
    case BG_ROOT_NOTICE_FAILED:
        bg_service_tell_failed(service, notice->error);
        return;
    }
}
