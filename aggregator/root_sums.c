/* SPDX-License-Identifier: Apache-2.0 */
/* From a complete group to its sum without pads: what the key holder is asked, and what is made of its answer. */
#include "aggregator/root_state.h"
#include "crypto/digest.h"
#include "protocol/envelope.h"

#include <stdlib.h>
#include <string.h>

void bg_root_group_finish(struct bg_root_group *group)
{
    for (uint32_t i = 0; i < group->reported_count; i++)
        bg_upload_finish(&group->reported[i]);
    free(group->reported);
    bg_writer_finish(&group->question);
    bg_group_sum_finish(&group->sum);
    *group = (struct bg_root_group){.retry_at = UINT64_MAX};
}

static void answered(struct bg_root *root, uint32_t group, enum bg_status status, const struct bg_error *error)
{
    if (status != BG_OK)
        bg_root_notify(root,
                       (struct bg_root_notice){.kind = BG_ROOT_NOTICE_GROUP, .group = group, .error = error});
    bg_writer_finish(&root->members[group].question);
    bg_intake_step(&root->intake, (struct bg_round_event){.kind = BG_ROUND_ANSWERED, .group = group, .status = status});
}

/* ---- unpadding ---- */

size_t bg_root_sum_units(const struct bg_root *root)
{
    return root->shape.measures ? root->shape.slots : root->shape.vote_count;
}

static void run_unpad(struct bg_job *job)
{
    struct bg_root_work *work = bg_root_work_of(job);
    struct bg_root *root = work->root;
    struct bg_root_group *group = &root->members[work->group];
    const struct bg_upload *uploads[BG_MAX_GROUP_MEMBERS];
    uint32_t members = group->reported_count;
    for (uint32_t i = 0; i < members; i++)
        uploads[i] = &group->reported[i];
    if (!members)
        members = bg_intake_uploads(&root->intake, work->group, group->members, uploads);
    struct bg_group_sum *sum = &group->sum;
    work->status = work->sums ? bg_group_sum_unpad(&root->terms, uploads, members, work->sums, &work->error, sum,
                                                   &work->position)
                              : bg_group_sum_plain(&root->terms, uploads, members, &work->error, sum);
}

static void unpadded(struct bg_root *root, struct bg_root_work *work)
{
    root->members[work->group].summed = work->status == BG_OK;
    if (work->status == BG_OUT_OF_RANGE)
        bg_root_audit(root, work->group, work->position);
    answered(root, work->group, work->status, &work->error);
}

/* Takes `sums` (NULL with encryption off). */
static void queue_unpad(struct bg_root *root, uint32_t group, uint8_t *sums)
{
    struct bg_root_work *work =
        bg_root_queue(root, BG_PHASE_AGGREGATION, bg_root_sum_units(root), run_unpad, unpadded);
    if (!work) {
        free(sums);
        bg_fail(&root->error, BG_NO_MEMORY, "group sum: out of memory");
        answered(root, group, BG_NO_MEMORY, &root->error);
        return;
    }
    work->work.actor = group;
    work->group = group;
    work->sums = sums;
}

/* ---- what the key holder answers ---- */

/* The chain of records as far as it was seen: a neighbour that is known must fit, and no number comes twice. */
static enum bg_status check_chain(struct bg_root *root, const struct bg_sums *sums)
{
    struct bg_root_record record = {.sequence = sums->record.sequence, .previous = sums->record.previous};
    struct bg_root_record *slot = &root->records[record.sequence % BG_ROOT_RECORDS];
    const struct bg_root_record *before = &root->records[(record.sequence - 1) % BG_ROOT_RECORDS];
    const struct bg_root_record *after = &root->records[(record.sequence + 1) % BG_ROOT_RECORDS];
    bg_sha256(sums->record_bytes, &record.digest);
    bool forked = (slot->sequence == record.sequence && !bg_digest_equal(&slot->digest, &record.digest)) ||
                  (before->sequence && before->sequence == record.sequence - 1 &&
                   !bg_digest_equal(&before->digest, &record.previous)) ||
                  (after->sequence == record.sequence + 1 && !bg_digest_equal(&after->previous, &record.digest));
    if (record.sequence == 0 || forked)
        return bg_fail(&root->error, BG_BAD_DIGEST,
                       "record %llu of the key holder does not fit its chain: stop and compare its records",
                       (unsigned long long)record.sequence);
    *slot = record;
    return BG_OK;
}

static enum bg_status check_sums(struct bg_root *root, uint32_t group, struct bg_span reply, struct bg_sums *sums)
{
    struct bg_frame frame;
    const struct bg_record *record = &sums->record;
    const struct bg_root_group *asked = &root->members[group];
    enum bg_status status = bg_frame_expect(reply, BG_FRAME_SUMS, &root->error, &frame);
    if (status == BG_OK)
        status = bg_sums_decode(&frame, &root->error, sums);
    if (status != BG_OK)
        return status;
    struct bg_span signed_bytes = {sums->record_bytes.data, BG_RECORD_BYTES - BG_SIGNATURE_BYTES};
    status = bg_envelope_verify(root->settings.key_holder, BG_SIGNED_RECORD, signed_bytes,
                                (struct bg_span){record->signature, BG_SIGNATURE_BYTES});
    if (status != BG_OK)
        return bg_fail(&root->error, status, "sums of group %u: the record is not signed by the key holder", group);
    if (!bg_digest_equal(&frame.plan_id, &root->plan_id) || sums->round != root->round.number ||
        sums->attempt != root->round.attempt || sums->group != group || record->round != sums->round ||
        record->attempt != sums->attempt || record->group != group || record->epoch != root->epoch ||
        record->members != asked->members ||
        !bg_digest_equal(&record->manifests, &asked->manifests) ||
        !bg_digest_equal(&record->product, &asked->product_digest) || sums->positions != root->shape.positions ||
        sums->sums.size != bg_shape_sums_bytes(&root->shape))
        return bg_fail(&root->error, BG_DECODE, "sums of group %u: not an answer to what was asked", group);
    memcpy(root->members[group].record, sums->record_bytes.data, BG_RECORD_BYTES);
    return check_chain(root, sums);
}

struct sums_request {
    struct bg_root *root;
    uint32_t group;
    uint64_t round;
};

static void retry_later(struct bg_root *root, struct bg_root_group *group)
{
    group->retry_at = root->now + root->settings.retry_ns;
    if (group->retry_at < root->release_retry_at)
        root->release_retry_at = group->retry_at;
}

static void on_sums(void *context, enum bg_status status, struct bg_span reply)
{
    struct sums_request request = *(struct sums_request *)context;
    struct bg_root *root = request.root;
    struct bg_root_group *group = &root->members[request.group];
    struct bg_sums sums;
    free(context);
    root->busy--;
    if (root->round.number != request.round || !group->question.size)
        return; /* the round ended without it */
    root->key_over |= status == BG_STALE_PLAN;
    if (status == BG_IO || status == BG_BUSY) {
        retry_later(root, group);
        return;
    }
    if (status != BG_OK)
        bg_fail(&root->error, status, "the key holder does not open group %u: %s", request.group,
                bg_status_text(status));
    else
        status = check_sums(root, request.group, reply, &sums);
    if (status == BG_OK && !bg_root_keep_in_round(root, (struct bg_root_step){.kind = BG_ROOT_STEP_SUMS,
                                                                              .group = request.group,
                                                                              .bytes = reply}))
        return;
    uint8_t *copy = NULL;
    if (status == BG_OK) {
        copy = calloc(root->shape.positions, root->shape.sum_bytes);
        if (!copy)
            status = bg_fail(&root->error, BG_NO_MEMORY, "group sum: out of memory");
    }
    if (status != BG_OK) {
        /* Only this side's own check of a sum may call a group invalid. */
        answered(root, request.group, status == BG_OUT_OF_RANGE ? BG_REFUSED : status, &root->error);
        return;
    }
    memcpy(copy, sums.sums.data, sums.sums.size);
    queue_unpad(root, request.group, copy);
}

static void ask(struct bg_root *root, uint32_t group)
{
    struct bg_root_group *g = &root->members[group];
    struct sums_request *context = malloc(sizeof *context);
    struct bg_request request = {.route = g->route,
                                 .peer = *bg_identity_digest(root->settings.identity),
                                 .body = bg_writer_span(&g->question)};
    g->retry_at = UINT64_MAX;
    if (!context) {
        retry_later(root, g);
        return;
    }
    *context = (struct sums_request){.root = root, .group = group, .round = root->round.number};
    root->busy++;
    enum bg_status status = bg_transport_send(root->settings.key_holder_transport, &request, on_sums, context);
    if (status != BG_OK)
        on_sums(context, status, (struct bg_span){NULL, 0});
}

void bg_root_retry_sums(struct bg_root *root)
{
    if (root->release_retry_at > root->now)
        return;
    root->release_retry_at = UINT64_MAX;
    for (size_t g = 0; g < root->group_count; g++) {
        const struct bg_root_group *group = &root->members[g];
        if (!group->question.size)
            continue;
        if (group->retry_at <= root->now)
            ask(root, (uint32_t)g);
        else if (group->retry_at < root->release_retry_at)
            root->release_retry_at = group->retry_at;
    }
}

/* ---- what it is asked ---- */

void bg_root_fetch(struct bg_root *root, uint32_t group)
{
    struct bg_root_group *g = &root->members[group];
    g->route = BG_ROUTE_SUMS;
    bg_writer_init(&g->question);
    bg_write_bytes(&g->question, g->record, sizeof g->record);
    if (g->question.status != BG_OK) {
        bg_fail(&root->error, BG_NO_MEMORY, "sums of group %u: out of memory", group);
        answered(root, group, BG_NO_MEMORY, &root->error);
        return;
    }
    ask(root, group);
}

void bg_root_release(struct bg_root *root, uint32_t group, uint64_t members)
{
    struct bg_root_group *g = &root->members[group];
    g->members = members;
    g->route = BG_ROUTE_RELEASE;
    if (root->plan.key.encryption == BG_PLAN_OFF) {
        queue_unpad(root, group, NULL);
        return;
    }
    bg_writer_init(&g->question);
    enum bg_status status = bg_intake_write_release(&root->intake, group, members, &g->question, &g->manifests,
                                                    &g->product_digest);
    if (status != BG_OK) {
        bg_fail(&root->error, status, "release of group %u: %s", group, bg_status_text(status));
        answered(root, group, status, &root->error);
        return;
    }
    ask(root, group);
}
