/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/edge.h"

#include "aggregator/edge_state.h"

#include <stdlib.h>

void bg_edge_notify(struct bg_edge *edge, struct bg_edge_notice notice)
{
    notice.round = edge->round.number;
    if (edge->settings.observe)
        edge->settings.observe(edge->settings.observe_context, &notice);
}

void bg_edge_fail(struct bg_edge *edge)
{
    bg_edge_notify(edge, (struct bg_edge_notice){.kind = BG_EDGE_NOTICE_FAILED, .error = &edge->error});
}

void bg_edge_ask(struct bg_edge *edge, struct bg_transport *to, enum bg_route route, struct bg_span body,
                 bg_reply_function *on_reply, void *context)
{
    struct bg_request request = {
        .route = route, .peer = *bg_identity_digest(edge->settings.identity), .body = body};
    enum bg_status status = bg_transport_send(to, &request, on_reply, context);
    if (status != BG_OK)
        on_reply(context, status, (struct bg_span){NULL, 0});
}

static void answer(struct bg_call *call, enum bg_status status)
{
    bg_call_answer(call, status, (struct bg_span){NULL, 0});
}

/* ---- reports of edges below ---- */

static void on_passed(void *context, enum bg_status status, struct bg_span reply)
{
    (void)reply;
    answer(context, status);
}

/* What the report says is for the root to judge: its signer is named there. */
static void pass_on(struct bg_edge *edge, const struct bg_request *request, struct bg_call *call)
{
    const struct bg_edge_settings *settings = &edge->settings;
    for (size_t i = 0; i < settings->child_count; i++)
        if (bg_digest_equal(&settings->children[i], &request->peer)) {
            bg_edge_ask(edge, settings->parent, BG_ROUTE_REPORT, request->body, on_passed, call);
            return;
        }
    char hex[2 * BG_DIGEST_BYTES + 1];
    bg_digest_to_hex(&request->peer, hex);
    bg_fail(&edge->error, BG_REFUSED, "report: its sender %s is no edge below this one", hex);
    bg_edge_notify(edge, (struct bg_edge_notice){
                             .kind = BG_EDGE_NOTICE_REFUSED, .client = &request->peer, .error = &edge->error});
    answer(call, BG_REFUSED);
}

/* ---- updates ---- */

/* Of a round that this edge has not heard of: it may be the one that is open by now. */
static bool is_ahead(const struct bg_edge *edge, const struct bg_request *request)
{
    struct bg_frame frame;
    struct bg_manifest manifest;
    if (bg_upload_read(request->body, NULL, &frame, &manifest) != BG_OK)
        return false;
    return !edge->has_task || manifest.round > edge->task.task.round ||
           (manifest.round == edge->task.task.round && manifest.attempt > edge->task.task.attempt);
}

static void serve_update(struct bg_edge *edge, const struct bg_request *request, struct bg_call *call)
{
    if (!is_ahead(edge, request)) {
        bg_intake_serve(&edge->intake, request, call);
        return;
    }
    answer(call, BG_BUSY);
    bg_edge_refresh(edge);
}

/* A document that comes with the plan: whoever asks for it has a task that names the plan. */
static void serve_document(struct bg_edge *edge, const struct bg_document *document, struct bg_call *call)
{
    if (edge->has_plan) {
        bg_call_answer(call, BG_OK, bg_document_span(document));
        return;
    }
    answer(call, BG_BUSY);
    bg_edge_refresh(edge);
}

void bg_edge_serve(void *context, const struct bg_request *request, struct bg_call *call)
{
    struct bg_edge *edge = context;
    switch (request->route) {
    case BG_ROUTE_PLAN:
        serve_document(edge, &edge->plan.document, call);
        return;
    case BG_ROUTE_GROUPS:
        serve_document(edge, &edge->groups_document, call);
        return;
    case BG_ROUTE_TASK:
        bg_edge_serve_task(edge, request, call);
        return;
    case BG_ROUTE_MODEL:
        bg_edge_serve_model(edge, request, call);
        return;
    case BG_ROUTE_RECEIPT:
        bg_edge_serve_receipt(edge, request, call);
        return;
    case BG_ROUTE_UPDATE:
        serve_update(edge, request, call);
        return;
    case BG_ROUTE_REPORT:
        pass_on(edge, request, call);
        return;
    default:
        answer(call, BG_NOT_FOUND);
        return;
    }
}

/* ---- life ---- */

enum bg_status bg_edge_create(const struct bg_edge_settings *settings, uint64_t now, struct bg_error *error,
                              struct bg_edge **ret_edge)
{
    struct bg_edge *edge = calloc(1, sizeof *edge);
    if (!edge)
        return bg_fail(error, BG_NO_MEMORY, "edge: out of memory");
    edge->settings = *settings;
    edge->wake = UINT64_MAX;
    edge->poll_at = now;
    bg_roster_list_init(&edge->enrolled, settings->seed);
    bg_intake_init(&edge->intake, &bg_edge_intake_ops, edge, &edge->queue, &edge->round);
    edge->now = edge->intake.now = now;
    *ret_edge = edge;
    return BG_OK;
}

void bg_edge_destroy(struct bg_edge **edge)
{
    struct bg_edge *e = *edge;
    if (!e)
        return;
    bg_edge_end_epoch(e);
    bg_edge_documents_finish(e);
    bg_roster_list_finish(&e->enrolled);
    free(e);
    *edge = NULL;
}

enum bg_status bg_edge_enrol(struct bg_edge *edge, const struct bg_roster_entry *entry, struct bg_error *error)
{
    return bg_roster_list_add(&edge->enrolled, entry, error);
}

void bg_edge_tick(struct bg_edge *edge, uint64_t now)
{
    edge->now = edge->intake.now = now;
    bg_edge_retry(edge);
    if (edge->wake <= now) {
        edge->wake = UINT64_MAX;
        bg_intake_step(&edge->intake, (struct bg_round_event){.kind = BG_ROUND_TIME});
    }
    bg_edge_turn(edge);
    if (edge->poll_at <= now) {
        edge->poll_at = now + edge->settings.poll_ns;
        bg_edge_refresh(edge);
    }
}

uint64_t bg_edge_next_wake(const struct bg_edge *edge)
{
    uint64_t wake = edge->wake < edge->poll_at ? edge->wake : edge->poll_at;
    for (size_t g = 0; g < edge->intake.group_count; g++)
        if (edge->out[g].question.size && edge->out[g].retry_at < wake)
            wake = edge->out[g].retry_at;
    /* The last work to end turns to the next round: at the next instant, as its own call is not over yet. */
    return edge->sync == BG_EDGE_SYNC_TURNING && !edge->intake.busy ? edge->now : wake;
}

void bg_edge_rest(struct bg_edge *edge)
{
    edge->poll_at = UINT64_MAX;
}

void bg_edge_kept(struct bg_edge *edge, struct bg_keeping *keeping, enum bg_status status)
{
    bg_intake_kept(&edge->intake, keeping, status);
}

struct bg_work *bg_edge_work(struct bg_edge *edge)
{
    return bg_work_pop(&edge->queue);
}
