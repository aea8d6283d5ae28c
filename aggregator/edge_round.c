/* SPDX-License-Identifier: Apache-2.0 */
/* A round at an edge: groups go to the key holder, and what became of them to the parent. */
#include "aggregator/edge_state.h"
#include "crypto/digest.h"
#include "protocol/envelope.h"
#include "wire/report.h"

#include <stdlib.h>

static enum bg_status verify_manifest(void *context, struct bg_upload *upload,
                                      const uint8_t point[static BG_PUBLIC_POINT_BYTES], struct bg_error *error)
{
    (void)context;
    return bg_upload_verify_signature(upload, point, error);
}

static void keep_update(void *context, const struct bg_kept_update *update, struct bg_keeping *keeping)
{
    struct bg_edge *edge = context;
    if (edge->settings.keep_update)
        edge->settings.keep_update(edge->settings.keep_context, update, keeping);
    else
        bg_intake_kept(&edge->intake, keeping, BG_OK);
}

static void update_accepted(void *context, struct bg_call *call)
{
    bg_edge_answer_accepted(context, call);
}

static void update_refused(void *context, const struct bg_digest *client, const struct bg_error *error)
{
    bg_edge_notify(context, (struct bg_edge_notice){.kind = BG_EDGE_NOTICE_REFUSED, .client = client, .error = error});
}

static void group_failed(struct bg_edge *edge, uint32_t group)
{
    bg_edge_notify(edge,
                   (struct bg_edge_notice){.kind = BG_EDGE_NOTICE_GROUP, .group = group, .error = &edge->error});
}

/* ---- reports ---- */

struct question {
    struct bg_edge *edge;
    uint32_t group;
    uint64_t generation;
};

static void ask(struct bg_edge *edge, uint32_t group);

/* The group's way out, if the answer is still for it. */
static struct bg_edge_group *take_answer(const struct question *question)
{
    struct bg_edge *edge = question->edge;
    if (question->generation != edge->generation || !edge->out[question->group].question.size)
        return NULL;
    return &edge->out[question->group];
}

static enum bg_status write_report(struct bg_edge *edge, uint32_t group, const struct bg_record *record)
{
    struct bg_edge_group *out = &edge->out[group];
    const struct bg_upload *uploads[BG_MAX_GROUP_MEMBERS];
    struct bg_span manifests[BG_MAX_GROUP_MEMBERS];
    uint32_t count = bg_intake_uploads(&edge->intake, group, out->members, uploads);
    for (uint32_t m = 0; m < count; m++)
        manifests[m] = uploads[m]->frame;
    struct bg_report report = {.edge = *bg_identity_digest(edge->settings.identity),
                               .round = edge->task.task.round,
                               .attempt = edge->task.task.attempt,
                               .group = group,
                               .member_count = count,
                               .manifests = manifests,
                               .opened = record != NULL};
    if (record)
        report.record = *record;
    bg_writer_finish(&out->question);
    bg_report_encode_unsigned(&out->question, &edge->settings.trust.population, &edge->plan.id, &report);
    return bg_envelope_close(edge->settings.identity, BG_SIGNED_REPORT, &out->question, 0);
}

/* `record` NULL: of a group that was not opened. */
static void report(struct bg_edge *edge, uint32_t group, const struct bg_record *record)
{
    struct bg_edge_group *out = &edge->out[group];
    enum bg_status status = write_report(edge, group, record);
    out->route = BG_ROUTE_REPORT;
    if (status == BG_OK) {
        ask(edge, group);
        return;
    }
    bg_writer_finish(&out->question);
    bg_fail(&edge->error, status, "report of group %u: %s", group, bg_status_text(status));
    group_failed(edge, group);
}

static void on_reported(struct bg_edge *edge, uint32_t group, enum bg_status status)
{
    bg_writer_finish(&edge->out[group].question);
    if (status == BG_OK) {
        bg_edge_notify(edge, (struct bg_edge_notice){.kind = BG_EDGE_NOTICE_REPORTED, .group = group});
        return;
    }
    bg_fail(&edge->error, status, "the root does not take the report of group %u: %s", group, bg_status_text(status));
    group_failed(edge, group);
}

/* ---- records ---- */

static enum bg_status check_record(struct bg_edge *edge, uint32_t group, struct bg_span reply,
                                   struct bg_record *ret_record)
{
    const struct bg_edge_group *out = &edge->out[group];
    const struct bg_task *task = &edge->task.task;
    struct bg_record record;
    enum bg_status status = bg_record_decode(reply, &record);
    if (status != BG_OK)
        return bg_fail(&edge->error, status, "release of group %u: the answer is no record", group);
    struct bg_span signed_bytes = {reply.data, BG_RECORD_BYTES - BG_SIGNATURE_BYTES};
    status = bg_envelope_verify(edge->settings.trust.key_holder, BG_SIGNED_RECORD, signed_bytes,
                                (struct bg_span){record.signature, BG_SIGNATURE_BYTES});
    if (status != BG_OK)
        return bg_fail(&edge->error, status, "release of group %u: the record is not signed by the key holder", group);
    if (record.epoch != task->epoch || record.round != task->round || record.attempt != task->attempt ||
        record.group != group || record.members != out->members ||
        !bg_digest_equal(&record.manifests, &out->manifests) || !bg_digest_equal(&record.product, &out->product))
        return bg_fail(&edge->error, BG_DECODE, "release of group %u: the record is of something else", group);
    *ret_record = record;
    return BG_OK;
}

static void on_record(struct bg_edge *edge, uint32_t group, enum bg_status status, struct bg_span reply)
{
    struct bg_record record;
    if (status != BG_OK)
        bg_fail(&edge->error, status, "the key holder does not open group %u: %s", group, bg_status_text(status));
    else
        status = check_record(edge, group, reply, &record);
    bg_writer_finish(&edge->out[group].question);
    if (status != BG_OK)
        group_failed(edge, group);
    report(edge, group, status == BG_OK ? &record : NULL);
    /* Only the root can call a group invalid. */
    bg_intake_step(&edge->intake,
                   (struct bg_round_event){.kind = BG_ROUND_ANSWERED,
                                           .group = group,
                                           .status = status == BG_OUT_OF_RANGE ? BG_REFUSED : status});
}

static void on_answer(void *context, enum bg_status status, struct bg_span reply)
{
    struct question question = *(struct question *)context;
    struct bg_edge *edge = question.edge;
    struct bg_edge_group *out = take_answer(&question);
    free(context);
    if (!out)
        return;
    if (status == BG_IO || status == BG_BUSY || status == BG_NO_MEMORY)
        out->retry_at = edge->now + edge->settings.retry_ns;
    else if (out->route == BG_ROUTE_RELEASE)
        on_record(edge, question.group, status, reply);
    else
        on_reported(edge, question.group, status);
}

static void ask(struct bg_edge *edge, uint32_t group)
{
    struct bg_edge_group *out = &edge->out[group];
    struct question *question = malloc(sizeof *question);
    out->retry_at = UINT64_MAX;
    if (!question) {
        out->retry_at = edge->now + edge->settings.retry_ns;
        return;
    }
    *question = (struct question){edge, group, edge->generation};
    bg_edge_ask(edge, out->route == BG_ROUTE_RELEASE ? edge->settings.key_holder : edge->settings.parent, out->route,
                bg_writer_span(&out->question), on_answer, question);
}

void bg_edge_retry(struct bg_edge *edge)
{
    for (size_t g = 0; g < edge->intake.group_count; g++)
        if (edge->out[g].question.size && edge->out[g].retry_at <= edge->now)
            ask(edge, (uint32_t)g);
}

/* ---- actions ---- */

static void release(struct bg_edge *edge, uint32_t group, uint64_t members)
{
    struct bg_edge_group *out = &edge->out[group];
    out->members = members;
    out->route = BG_ROUTE_RELEASE;
    enum bg_status status =
        bg_intake_write_release(&edge->intake, group, members, &out->question, &out->manifests, &out->product);
    if (status == BG_OK) {
        ask(edge, group);
        return;
    }
    bg_writer_finish(&out->question);
    bg_fail(&edge->error, status, "release of group %u: %s", group, bg_status_text(status));
    group_failed(edge, group);
    bg_intake_step(&edge->intake,
                   (struct bg_round_event){.kind = BG_ROUND_ANSWERED, .group = group, .status = status});
}

/* Who had arrived where nothing was opened: the root measures how many of the invited come. */
static void report_others(struct bg_edge *edge)
{
    for (size_t g = 0; g < edge->intake.group_count; g++) {
        const struct bg_round_group *group = &edge->round.groups[g];
        if (group->progress != BG_GROUP_SAT_OUT || !group->arrived)
            continue;
        edge->out[g].members = group->arrived;
        report(edge, (uint32_t)g, NULL);
    }
}

static void step(struct bg_edge *edge, enum bg_round_event_kind kind)
{
    bg_intake_step(&edge->intake, (struct bg_round_event){.kind = kind, .status = BG_OK});
}

/* Nothing is combined or published here: an edge's round is over when every group has been answered. */
static void perform(void *context, struct bg_round_action action)
{
    struct bg_edge *edge = context;
    switch (action.kind) {
    case BG_ROUND_DO_RELEASE:
        release(edge, action.group, action.members);
        return;
    case BG_ROUND_DO_COMBINE:
        report_others(edge);
        step(edge, BG_ROUND_COMBINED);
        return;
    case BG_ROUND_DO_PUBLISH:
        step(edge, BG_ROUND_PUBLISHED);
        return;
    case BG_ROUND_DO_SETTLE:
        edge->wake = UINT64_MAX;
        step(edge, BG_ROUND_SETTLED);
        return;
    case BG_ROUND_DO_WAKE:
        edge->wake = action.at;
        return;
    case BG_ROUND_DO_CLOSE:
    case BG_ROUND_DO_FETCH:
    case BG_ROUND_DO_FOLD:
    case BG_ROUND_ACTION_COUNT:
        return;
    }
}

const struct bg_intake_ops bg_edge_intake_ops = {.verify = verify_manifest,
                                                 .keep = keep_update,
                                                 .accepted = update_accepted,
                                                 .refused = update_refused,
                                                 .perform = perform};

/* ---- rounds and epochs ---- */

void bg_edge_end_round(struct bg_edge *edge)
{
    edge->generation++;
    edge->wake = UINT64_MAX;
    bg_intake_end_round(&edge->intake);
    for (size_t g = 0; g < edge->intake.group_count; g++)
        bg_writer_finish(&edge->out[g].question);
    if (edge->has_shape)
        bg_shape_finish(&edge->shape);
    edge->has_shape = false;
}

void bg_edge_end_epoch(struct bg_edge *edge)
{
    bg_edge_end_round(edge);
    bg_intake_end_epoch(&edge->intake);
    bg_public_key_destroy(&edge->key);
    free(edge->out);
    edge->out = NULL;
}

enum bg_status bg_edge_begin_epoch(struct bg_edge *edge)
{
    const struct bg_key_part *part = &edge->plan.plan.key;
    struct bg_round_rules rules = {.group_least = part->group_least, .full_rounds = edge->settings.full_rounds};
    enum bg_status status = bg_public_key_create(part->modulus, part->key_bits, part->s,
                                                 edge->settings.allow_insecure_key, &edge->error, &edge->key);
    if (status != BG_OK)
        return status;
    if (!bg_digest_equal(bg_public_key_id(edge->key), &part->key_id))
        return bg_fail(&edge->error, BG_BAD_KEY, "plan: the key id is not that of the key");
    status = bg_roster_list_copy(&edge->enrolled, &edge->groups_document.arena, &edge->error, &edge->roster);
    if (status != BG_OK)
        return status;
    edge->out = calloc(edge->groups.count, sizeof *edge->out);
    status = edge->out ? bg_intake_begin_epoch(&edge->intake, &rules, &edge->groups, &edge->roster,
                                               edge->settings.seed)
                       : BG_NO_MEMORY;
    return status == BG_OK ? BG_OK : bg_fail(&edge->error, status, "epoch: %s", bg_status_text(status));
}

enum bg_status bg_edge_begin_round(struct bg_edge *edge)
{
    const struct bg_task *task = &edge->task.task;
    uint64_t half = task->deadline_ns / 2;
    uint64_t allowance = edge->settings.allowance_ns < half ? edge->settings.allowance_ns : half;
    uint64_t lasts = task->deadline_ns - allowance;
    uint64_t left = UINT64_MAX - 1 - edge->now;
    enum bg_status status = bg_shape_init(&edge->plan.plan, task, &edge->error, &edge->shape);
    if (status != BG_OK)
        return status;
    edge->has_shape = true;
    edge->terms = (struct bg_upload_terms){.plan = &edge->plan.plan,
                                           .plan_id = &edge->plan.id,
                                           .task = task,
                                           .task_digest = &edge->task.digest,
                                           .shape = &edge->shape,
                                           .key = edge->key};
    bg_intake_begin_round(&edge->intake, &edge->terms);
    bg_intake_step(&edge->intake, (struct bg_round_event){.kind = BG_ROUND_START,
                                                          .number = task->round,
                                                          .attempt = task->attempt,
                                                          .deadline = edge->now + (lasts < left ? lasts : left),
                                                          .invited = task->invited,
                                                          .invited_count = task->invited_count});
    if (edge->round.state != BG_ROUND_OPEN)
        return bg_fail(&edge->error, BG_DECODE, "task of round %llu: invites groups that are not in the epoch",
                       (unsigned long long)task->round);
    bg_edge_notify(edge, (struct bg_edge_notice){.kind = BG_EDGE_NOTICE_OPENED});
    return BG_OK;
}
