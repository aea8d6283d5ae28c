/* SPDX-License-Identifier: Apache-2.0 */
/* Who belongs to the population, when it is divided into groups anew, and when the next round begins. */
#include "aggregator/service_parts.h"
#include "base/log.h"

#include <string.h>

#define ROSTER_RETRY_NS (2 * BG_SECOND)    /* after no answer, or one that does not help */
#define ROSTER_LEAST_NS (BG_SECOND / 10)   /* between two questions in any case */
#define WORK_NS (BG_SECOND / 100)          /* between two looks at work that outlives its round */
#define HOMELESS_SHARE 5                   /* a fifth of the clients without a group: time for a new partition */
#define LINGER_NS (10 * BG_SECOND)         /* for clients that have not asked how the last round ended */

/* ---- the roster ---- */

static enum bg_status accept(struct bg_aggregator_service *service, struct bg_span frame, struct bg_error *error,
                             bool *ret_news)
{
    return bg_roster_view_accept(&service->roster, &service->population, service->membership.key_holder, frame, error,
                                 ret_news);
}

static void ask_for_roster(void *context);

static void on_roster(void *context, enum bg_status status, struct bg_span reply)
{
    struct bg_aggregator_service *service = context;
    struct bg_error error;
    bool news = false;
    uint64_t now = bg_clock_monotonic_ns();
    service->roster_waits = false;
    service->key_holder_answers = status != BG_IO;
    if (status == BG_OK) {
        status = accept(service, reply, &error, &news);
        if (status == BG_OK && news)
            status = bg_database_set_document(bg_memory_database(service->memory), "roster", reply, &error);
        if (status != BG_OK)
            bg_service_tell_failed(service, &error);
    }
    if (status == BG_OK && news) {
        service->roster_news = true;
        service->roster_changed = now;
        bg_service_tell_roster(service);
    }
    /* BG_BUSY ends a long wait: nothing has changed. What is not newer is an older one, set back by somebody. */
    bool well = (status == BG_OK && news) || (status == BG_BUSY && now - service->roster_asked > BG_SECOND);
    uint64_t next = service->roster_asked + ROSTER_LEAST_NS;
    bg_loop_timer_set(service->roster_timer, !well ? now + ROSTER_RETRY_NS : next > now ? next : now);
    if (!news)
        return;
    bg_driver_enter(service->driver);
    bg_service_consider(service);
    bg_driver_leave(service->driver);
}

static void ask_for_roster(void *context)
{
    struct bg_aggregator_service *service = context;
    struct bg_writer version;
    bg_writer_init(&version);
    bg_write_u64(&version, service->roster.version);
    struct bg_request request = {.route = BG_ROUTE_ROSTER,
                                 .peer = service->membership.about.id,
                                 .body = bg_writer_span(&version)};
    service->roster_asked = bg_clock_monotonic_ns();
    bg_service_tell_place(service); /* not after the answer, which may take as long as a long poll */
    enum bg_status status =
        version.status == BG_OK
            ? bg_transport_send(bg_https_transport(service->key_holder), &request, on_roster, service)
            : BG_NO_MEMORY;
    service->roster_waits = status == BG_OK;
    bg_writer_finish(&version);
    if (status != BG_OK)
        bg_loop_timer_set(service->roster_timer, service->roster_asked + ROSTER_RETRY_NS);
}

/* What was heard last, so that a restart without a key holder knows its clients. */
enum bg_status bg_service_recall_roster(struct bg_aggregator_service *service, struct bg_error *error)
{
    struct bg_writer frame;
    bg_writer_init(&frame);
    enum bg_status status = bg_database_document(bg_memory_database(service->memory), "roster", error, &frame);
    if (status == BG_OK)
        status = accept(service, bg_writer_span(&frame), error, &service->roster_news);
    bg_writer_finish(&frame);
    return status == BG_NOT_FOUND ? BG_OK : status;
}

static void consider_again(void *context)
{
    struct bg_aggregator_service *service = context;
    bg_driver_enter(service->driver);
    bg_service_consider(service);
    bg_driver_leave(service->driver);
}

enum bg_status bg_service_make_timers(struct bg_aggregator_service *service, struct bg_error *error)
{
    enum bg_status status = bg_loop_timer_create(service->loop, ask_for_roster, service, &service->roster_timer);
    if (status == BG_OK)
        status = bg_loop_timer_create(service->loop, consider_again, service, &service->consider_timer);
    return status == BG_OK ? BG_OK : bg_fail(error, status, "no timers: %s", bg_status_text(status));
}

void bg_service_follow_roster(struct bg_aggregator_service *service)
{
    bg_loop_timer_set(service->consider_timer, bg_clock_monotonic_ns());
    ask_for_roster(service);
}

/* ---- epochs ---- */

/* Since the last enrolment; otherwise it is looked at again then. */
static bool is_settled(struct bg_aggregator_service *service)
{
    uint64_t settled = service->roster_changed + (uint64_t)(service->config->epoch_settle_seconds * 1e9);
    if (bg_clock_monotonic_ns() >= settled)
        return true;
    bg_loop_timer_set(service->consider_timer, settled);
    return false;
}

static bool are_enough(const struct bg_aggregator_service *service)
{
    const struct bg_aggregator_config *config = service->config;
    return service->roster.client_count >= config->epoch_clients &&
           bg_roster_view_has_cell(&service->roster, config->group_least);
}

/* Each partition tells more about single clients, so there are only so many under one key. */
static bool partitions_left(const struct bg_aggregator_service *service)
{
    const struct bg_plan *plan = bg_root_plan(service->root);
    uint64_t most = service->config->epoch_partitions;
    if (!plan)
        return true;
    if (!most)
        most = plan->key.group_size > 2 ? plan->key.group_size - 1 : 1;
    return bg_root_key_epochs(service->root) < most;
}

static bool wants_epoch(struct bg_aggregator_service *service)
{
    const struct bg_groups *groups = bg_root_groups(service->root);
    if (service->roster.version == service->refused_version)
        return false;
    if (bg_root_key_over(service->root))
        return are_enough(service);
    if (!groups)
        return are_enough(service) && is_settled(service);
    size_t homeless = bg_roster_view_homeless(&service->roster, groups);
    return homeless > 0 && homeless * HOMELESS_SHARE >= service->roster.client_count && partitions_left(service) &&
           are_enough(service) && is_settled(service);
}

static void begin_epoch(struct bg_aggregator_service *service)
{
    struct bg_error error;
    service->refused_version = service->roster.version;
    service->asking = true;
    if (bg_root_begin_epoch(service->root, &error) == BG_OK)
        return;
    service->asking = false;
    if (!bg_root_failed(service->root))
        bg_service_tell_failed(service, &error);
}

/* ---- rounds ---- */

static void finish_rounds(struct bg_aggregator_service *service)
{
    if (!service->done) {
        service->done = true;
        service->next_round_at = bg_clock_monotonic_ns() + LINGER_NS;
        bg_service_tell_done(service);
    }
    if (!service->settings->exit_after_rounds)
        return;
    bool told = service->receipts_told >= bg_memory_round_updates(service->memory).count;
    if (told || bg_clock_monotonic_ns() >= service->next_round_at)
        bg_service_stop(service);
    else
        bg_loop_timer_set(service->consider_timer, service->next_round_at);
}

static void open_round(struct bg_aggregator_service *service)
{
    struct bg_error error;
    if (bg_clock_monotonic_ns() < service->next_round_at) {
        bg_loop_timer_set(service->consider_timer, service->next_round_at);
        return;
    }
    if (bg_root_open_round(service->root, &error) == BG_OK || bg_root_failed(service->root))
        return;
    bg_service_tell_failed(service, &error);
    bg_loop_timer_set(service->consider_timer, bg_clock_monotonic_ns() + ROSTER_RETRY_NS);
}

void bg_service_consider(struct bg_aggregator_service *service)
{
    struct bg_root *root = service->root;
    struct bg_error error;
    if (!service->resumed || service->stopping || service->asking)
        return;
    if (bg_root_failed(root)) {
        bg_fail(&error, BG_IO, "what must be kept cannot be: nothing more is acknowledged; start again when it can");
        bg_service_fail(service, service->error.status ? &service->error : &error);
        return;
    }
    if (service->roster_news) {
        enum bg_status status =
            bg_root_set_roster(root, service->roster.clients, service->roster.client_count, &error);
        service->roster_news = status != BG_OK;
        if (status != BG_OK)
            bg_service_tell_failed(service, &error);
    }
    if (bg_root_winds_down(root)) {
        bg_loop_timer_set(service->consider_timer, bg_clock_monotonic_ns() + WORK_NS);
        return;
    }
    bool idle = bg_root_idle(root);
    bool without_epoch = !bg_root_groups(root) && !bg_root_plan_due(root) && bg_root_rests(root);
    if (service->config->rounds && service->learning_rounds >= service->config->rounds) {
        if (idle)
            finish_rounds(service);
    } else if ((idle || without_epoch) && wants_epoch(service)) {
        begin_epoch(service);
    } else if (idle) {
        open_round(service);
    }
}

void bg_service_population_notice(struct bg_aggregator_service *service, const struct bg_root_notice *notice)
{
    switch (notice->kind) {
    case BG_ROOT_NOTICE_EPOCH:
        service->asking = false;
        service->refused_version = 0;
        break;
    case BG_ROOT_NOTICE_FAILED:
        service->asking = false;
        service->error = *notice->error;
        break;
    case BG_ROOT_NOTICE_ENDED:
        service->learning_rounds += notice->stage == BG_STAGE_LEARNING;
        service->receipts_told = 0;
        service->next_round_at =
            bg_clock_monotonic_ns() + (uint64_t)(service->config->pause_seconds * 1e9);
        break;
    case BG_ROOT_NOTICE_OPENED:
    case BG_ROOT_NOTICE_REFUSED:
    case BG_ROOT_NOTICE_NAMED:
    case BG_ROOT_NOTICE_GROUP:
        return;
    }
    /* Not from inside the root's own step. */
    bg_loop_timer_set(service->consider_timer, bg_clock_monotonic_ns());
}
