/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What edges report of groups that they gathered. Nothing of it is taken on trust: the edge signed it, the key holder
 * the record, the clients their manifests, and each manifest must be one that the root itself would have accepted.
 */
#include "aggregator/root_state.h"
#include "crypto/digest.h"
#include "protocol/envelope.h"
#include "wire/report.h"

#include <stdlib.h>
#include <string.h>

/* A report that is being checked; its spans are the request's, which lives until the call is answered. */
struct bg_root_report {
    struct bg_call *call;
    struct bg_frame frame;
    struct bg_report content;
    struct bg_arena arena;
    const uint8_t *edge; /* its public key */
    uint64_t members;    /* mask, as the manifests say */
    const struct bg_roster_entry **entries; /* (member_count) arena */
    struct bg_upload *uploads;              /* (member_count) */
};

static void report_finish(struct bg_root_report *report)
{
    for (uint32_t i = 0; report->uploads && i < report->content.member_count; i++)
        bg_upload_finish(&report->uploads[i]);
    free(report->uploads);
    bg_arena_finish(&report->arena);
    free(report);
}

static void refuse(struct bg_root *root, struct bg_root_report *report, const struct bg_digest *edge,
                   enum bg_status status, struct bg_error *error)
{
    char hex[2 * BG_DIGEST_BYTES + 1];
    bg_digest_to_hex(edge, hex);
    bg_fail_in(error, status, "edge %s", hex);
    bg_root_notify(root, (struct bg_root_notice){.kind = BG_ROOT_NOTICE_REFUSED,
                                                 .client = edge,
                                                 .group = report->content.group,
                                                 .error = error});
    bg_call_answer(report->call, status, (struct bg_span){NULL, 0});
    report_finish(report);
}

const uint8_t *bg_root_edge(const struct bg_root *root, const struct bg_digest *id)
{
    for (size_t i = 0; i < root->settings.edge_count; i++) {
        const uint8_t *point = root->settings.edges + i * BG_PUBLIC_POINT_BYTES;
        struct bg_digest digest;
        bg_point_digest(point, &digest);
        if (bg_digest_equal(&digest, id))
            return point;
    }
    return NULL;
}

/* ---- before any arithmetic ---- */

static enum bg_status check_round(struct bg_root *root, const struct bg_root_report *report)
{
    const struct bg_report *content = &report->content;
    const struct bg_round *round = &root->round;
    if (!bg_population_equal(&report->frame.population, &root->settings.population))
        return bg_fail(&root->error, BG_WRONG_POPULATION, "report of population %s", report->frame.population.name);
    if (!root->has_shape || content->round != round->number || content->attempt != round->attempt)
        return bg_fail(&root->error, BG_WRONG_ROUND, "report of round %llu, the root is in %llu",
                       (unsigned long long)content->round, (unsigned long long)round->number);
    if (!bg_digest_equal(&report->frame.plan_id, &root->plan_id))
        return bg_fail(&root->error, BG_STALE_PLAN, "report under a plan that is not in force");
    if (content->group >= root->group_count || round->groups[content->group].progress == BG_GROUP_NOT_INVITED)
        return bg_fail(&root->error, BG_REFUSED, "report of group %u, which is not invited to round %llu",
                       content->group, (unsigned long long)round->number);
    return BG_OK;
}

/* Which member sent manifest i, and that the root would take it. */
static enum bg_status read_manifest(struct bg_root *root, struct bg_root_report *report, uint32_t i)
{
    struct bg_frame frame;
    struct bg_manifest manifest;
    uint32_t place, group = report->content.group;
    char hex[2 * BG_DIGEST_BYTES + 1];
    enum bg_status status = bg_frame_expect(report->content.manifests[i], BG_FRAME_MANIFEST, &root->error, &frame);
    if (status == BG_OK)
        status = bg_manifest_decode(&frame, &root->error, &manifest);
    if (status != BG_OK)
        return bg_fail_in(&root->error, status, "report of group %u", group);
    bg_digest_to_hex(&manifest.client, hex);
    report->entries[i] = bg_roster_find(&root->epoch_roster, &manifest.client);
    if (!report->entries[i] || manifest.group != group ||
        !bg_digest_table_find(&root->intake.clients, &manifest.client, &place) ||
        place / BG_MAX_GROUP_MEMBERS != group || report->members >> place % BG_MAX_GROUP_MEMBERS)
        return bg_fail(&root->error, BG_UNKNOWN_CLIENT,
                       "report of group %u: client %s is no member of it, or not in its order", group, hex);
    report->members |= (uint64_t)1 << place % BG_MAX_GROUP_MEMBERS;
    status = bg_upload_begin_manifest(&report->uploads[i], &root->terms, &frame, &manifest, &root->error);
    return status == BG_OK ? BG_OK : bg_fail_in(&root->error, status, "report of group %u", group);
}

/* That the record is of these manifests; who signed it is for a worker. */
static enum bg_status check_record(struct bg_root *root, const struct bg_root_report *report)
{
    const struct bg_report *content = &report->content;
    struct bg_digest manifests = bg_manifests_digest(content->manifests, content->member_count);
    const struct bg_round_group *group = &root->round.groups[content->group];
    if (!content->opened)
        return BG_OK;
    if (content->record.epoch != root->epoch || content->record.members != report->members ||
        !bg_digest_equal(&content->record.manifests, &manifests))
        return bg_fail(&root->error, BG_REFUSED, "report of group %u: its record is of other manifests",
                       content->group);
    if (group->opened && group->release_set != report->members)
        return bg_fail(&root->error, BG_REFUSED,
                       "report of group %u: the key holder opened it for other members than before: compare its "
                       "records",
                       content->group);
    return BG_OK;
}

static enum bg_status read_report(struct bg_root *root, struct bg_root_report *report)
{
    const struct bg_report *content = &report->content;
    report->edge = bg_root_edge(root, &content->edge);
    if (!report->edge)
        return bg_fail(&root->error, BG_REFUSED, "report: its signer is no edge of this root");
    enum bg_status status = check_round(root, report);
    if (status != BG_OK)
        return status;
    report->entries = BG_ARENA_ARRAY(&report->arena, const struct bg_roster_entry *, content->member_count);
    report->uploads = calloc(content->member_count, sizeof *report->uploads);
    if (!report->entries || !report->uploads)
        return bg_fail(&root->error, BG_NO_MEMORY, "report of group %u: out of memory", content->group);
    for (uint32_t i = 0; status == BG_OK && i < content->member_count; i++)
        status = read_manifest(root, report, i);
    return status == BG_OK ? check_record(root, report) : status;
}

/* ---- the arithmetic ---- */

static void run_report_check(struct bg_job *job)
{
    struct bg_root_work *work = bg_root_work_of(job);
    const struct bg_root *root = work->root;
    struct bg_root_report *report = work->report;
    const struct bg_report *content = &report->content;
    struct bg_span record = {content->record_bytes.data, BG_RECORD_BYTES - BG_SIGNATURE_BYTES};
    struct bg_span signature = {content->record.signature, BG_SIGNATURE_BYTES};
    work->status = bg_envelope_verify_frame(report->edge, BG_SIGNED_REPORT, &report->frame);
    if (work->status != BG_OK) {
        bg_fail(&work->error, work->status, "report of group %u: not signed by the edge it names", work->group);
        return;
    }
    if (content->opened)
        work->status = bg_envelope_verify(root->settings.key_holder, BG_SIGNED_RECORD, record, signature);
    if (work->status != BG_OK)
        bg_fail(&work->error, work->status, "report of group %u: its record is not signed by the key holder",
                work->group);
    for (uint32_t i = 0; work->status == BG_OK && i < content->member_count; i++)
        work->status =
            bg_upload_verify(&report->uploads[i], &root->terms, report->entries[i]->public_key, &work->error);
}

/* Hands the manifests over to the group and has its sums fetched. */
static void adopt(struct bg_root *root, struct bg_root_report *report)
{
    const struct bg_report *content = &report->content;
    struct bg_root_group *group = &root->members[content->group];
    if (content->opened) {
        group->members = report->members;
        group->reported = report->uploads;
        group->reported_count = content->member_count;
        group->manifests = content->record.manifests;
        group->product_digest = content->record.product;
        memcpy(group->record, content->record_bytes.data, BG_RECORD_BYTES);
        report->uploads = NULL;
    }
    bg_intake_step(&root->intake,
                   (struct bg_round_event){.kind = BG_ROUND_REPORTED,
                                           .group = content->group,
                                           .members = report->members,
                                           .status = content->opened ? BG_OK : BG_TOO_FEW});
}

/* Whether a report of this group can still change anything. */
static bool is_awaited(const struct bg_root *root, const struct bg_root_report *report)
{
    enum bg_round_state state = root->round.state;
    return root->has_shape && report->content.round == root->round.number &&
           (state == BG_ROUND_OPEN || state == BG_ROUND_CLOSING) &&
           root->round.groups[report->content.group].progress == BG_GROUP_GATHERING;
}

/* BG_OK: the root has it all already. */
static enum bg_status compare(const struct bg_root *root, const struct bg_root_report *report)
{
    static const uint8_t none[BG_RECORD_BYTES] = {0};
    const struct bg_root_group *group = &root->members[report->content.group];
    enum bg_group_progress progress = root->round.groups[report->content.group].progress;
    bool known = memcmp(group->record, none, sizeof none) != 0;
    if (!report->content.opened)
        return BG_OK;
    if (!known)
        return progress == BG_GROUP_RELEASED ? BG_BUSY : BG_TOO_LATE;
    return memcmp(group->record, report->content.record_bytes.data, BG_RECORD_BYTES) == 0 ? BG_OK : BG_DUPLICATE;
}

static void report_checked(struct bg_root *root, struct bg_root_work *work)
{
    struct bg_root_report *report = work->report;
    root->members[work->group].reporting = false;
    if (work->status == BG_OK && !is_awaited(root, report))
        work->status = bg_fail(&work->error, BG_TOO_LATE, "report of group %u: the round did not wait for it",
                               work->group);
    if (work->status != BG_OK) {
        struct bg_digest edge = report->content.edge;
        refuse(root, report, &edge, work->status, &work->error);
        return;
    }
    adopt(root, report);
    bg_call_answer(report->call, BG_OK, (struct bg_span){NULL, 0});
    report_finish(report);
}

static void answer_unawaited(struct bg_root *root, struct bg_root_report *report)
{
    struct bg_digest edge = report->content.edge;
    enum bg_status status = compare(root, report);
    if (status == BG_OK || status == BG_BUSY) {
        bg_call_answer(report->call, status, (struct bg_span){NULL, 0});
        report_finish(report);
        return;
    }
    bg_fail(&root->error, status, "report of group %u: %s", report->content.group,
            status == BG_TOO_LATE ? "the round did not wait for it" : "the group was opened under another record");
    refuse(root, report, &edge, status, &root->error);
}

void bg_root_serve_report(struct bg_root *root, const struct bg_request *request, struct bg_call *call)
{
    struct bg_root_report *report = calloc(1, sizeof *report);
    if (!report) {
        bg_call_answer(call, BG_NO_MEMORY, (struct bg_span){NULL, 0});
        return;
    }
    report->call = call;
    bg_arena_init(&report->arena, BG_ROOT_MEMORY);
    enum bg_status status = BG_OK;
    if (!bg_root_edge(root, &request->peer))
        status = bg_fail(&root->error, BG_REFUSED, "report: its sender is no edge of this root");
    if (status == BG_OK)
        status = bg_frame_expect(request->body, BG_FRAME_REPORT, &root->error, &report->frame);
    if (status == BG_OK)
        status = bg_report_decode(&report->frame, &report->arena, &root->error, &report->content);
    struct bg_digest blamed = status == BG_OK ? report->content.edge : request->peer;
    if (status == BG_OK)
        status = read_report(root, report);
    if (status != BG_OK) {
        refuse(root, report, &blamed, status, &root->error);
        return;
    }
    if (!is_awaited(root, report)) {
        answer_unawaited(root, report);
        return;
    }
    struct bg_root_group *group = &root->members[report->content.group];
    struct bg_root_work *work = NULL;
    if (!group->reporting)
        work = bg_root_queue(root, BG_PHASE_INTAKE, report->content.member_count, run_report_check, report_checked);
    if (!work) {
        bg_call_answer(call, group->reporting ? BG_BUSY : BG_NO_MEMORY, (struct bg_span){NULL, 0});
        report_finish(report);
        return;
    }
    group->reporting = true;
    work->work.actor = report->content.group;
    work->group = report->content.group;
    work->report = report;
}
