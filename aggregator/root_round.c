/* SPDX-License-Identifier: Apache-2.0 */
/* The root's side of one round: what the state machine of aggregator/round.h asks for is done here. */
#include "aggregator/root_state.h"
#include "crypto/digest.h"
#include "protocol/envelope.h"
#include "wire/receipt.h"
#include "wire/release.h"

#include <stdlib.h>
#include <string.h>

void bg_root_round_finish(struct bg_root *root)
{
    bg_intake_end_round(&root->intake);
    for (size_t g = 0; g < root->group_count; g++) {
        struct bg_root_group *group = &root->members[g];
        bg_writer_finish(&group->release);
        bg_group_sum_finish(&group->sum);
        group->members = 0;
        group->summed = false;
        group->retry_at = UINT64_MAX;
    }
    if (root->combined)
        bg_combination_finish(&root->combination);
    root->combined = false;
    if (root->has_shape)
        bg_shape_finish(&root->shape);
    root->has_shape = false;
    bg_arena_finish(&root->round_arena);
}

static void group_failed(struct bg_root *root, uint32_t group, const struct bg_error *error)
{
    bg_root_notify(root,
                   (struct bg_root_notice){.kind = BG_ROOT_NOTICE_GROUP, .group = group, .error = error});
}

static void answered(struct bg_root *root, uint32_t group, enum bg_status status, const struct bg_error *error)
{
    if (status != BG_OK)
        group_failed(root, group, error);
    bg_writer_finish(&root->members[group].release);
    bg_intake_step(&root->intake, (struct bg_round_event){.kind = BG_ROUND_ANSWERED, .group = group, .status = status});
}

/* ---- sums ---- */

static size_t sum_units(const struct bg_root *root)
{
    return root->shape.measures ? root->shape.slots : root->shape.vote_count;
}

static void run_unpad(struct bg_job *job)
{
    struct bg_root_work *work = bg_root_work_of(job);
    struct bg_root *root = work->root;
    const struct bg_upload *uploads[BG_MAX_GROUP_MEMBERS];
    uint32_t members = bg_intake_uploads(&root->intake, work->group, root->members[work->group].members, uploads);
    struct bg_group_sum *sum = &root->members[work->group].sum;
    work->status = work->sums ? bg_group_sum_unpad(&root->terms, uploads, members, work->sums, &work->error, sum)
                              : bg_group_sum_plain(&root->terms, uploads, members, &work->error, sum);
}

static void unpadded(struct bg_root *root, struct bg_root_work *work)
{
    root->members[work->group].summed = work->status == BG_OK;
    answered(root, work->group, work->status, &work->error);
}

/* Takes `sums` (NULL with encryption off). */
static void queue_unpad(struct bg_root *root, uint32_t group, uint8_t *sums)
{
    struct bg_root_work *work =
        bg_root_queue(root, BG_PHASE_AGGREGATION, sum_units(root), run_unpad, unpadded);
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
        sums->sums.size != root->shape.positions * root->shape.sum_bytes)
        return bg_fail(&root->error, BG_DECODE, "sums of group %u: not an answer to what was asked", group);
    return check_chain(root, sums);
}

struct release_request {
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
    struct release_request request = *(struct release_request *)context;
    struct bg_root *root = request.root;
    struct bg_root_group *group = &root->members[request.group];
    struct bg_sums sums;
    free(context);
    root->busy--;
    if (root->round.number != request.round || !group->release.size)
        return; /* the round ended without it */
    if (status == BG_IO || status == BG_BUSY) {
        retry_later(root, group);
        return;
    }
    if (status != BG_OK)
        bg_fail(&root->error, status, "the key holder does not open group %u: %s", request.group,
                bg_status_text(status));
    else
        status = check_sums(root, request.group, reply, &sums);
    uint8_t *copy = NULL;
    if (status == BG_OK) {
        copy = malloc(sums.sums.size);
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

static void send_release(struct bg_root *root, uint32_t group)
{
    struct bg_root_group *g = &root->members[group];
    struct release_request *context = malloc(sizeof *context);
    struct bg_request request = {.route = BG_ROUTE_RELEASE,
                                 .peer = *bg_identity_digest(root->settings.identity),
                                 .body = bg_writer_span(&g->release)};
    g->retry_at = UINT64_MAX;
    if (!context) {
        retry_later(root, g);
        return;
    }
    *context = (struct release_request){.root = root, .group = group, .round = root->round.number};
    root->busy++;
    enum bg_status status = bg_transport_send(root->settings.key_holder_transport, &request, on_sums, context);
    if (status != BG_OK)
        on_sums(context, status, (struct bg_span){NULL, 0});
}

void bg_root_retry_releases(struct bg_root *root)
{
    if (root->release_retry_at > root->now)
        return;
    root->release_retry_at = UINT64_MAX;
    for (size_t g = 0; g < root->group_count; g++) {
        const struct bg_root_group *group = &root->members[g];
        if (!group->release.size)
            continue;
        if (group->retry_at <= root->now)
            send_release(root, (uint32_t)g);
        else if (group->retry_at < root->release_retry_at)
            root->release_retry_at = group->retry_at;
    }
}

static void release(struct bg_root *root, uint32_t group, uint64_t members)
{
    struct bg_root_group *g = &root->members[group];
    g->members = members;
    if (root->plan.key.encryption == BG_PLAN_OFF) {
        queue_unpad(root, group, NULL);
        return;
    }
    bg_writer_init(&g->release);
    enum bg_status status = bg_intake_write_release(&root->intake, group, members, &g->release, &g->manifests,
                                                    &g->product_digest);
    if (status != BG_OK) {
        bg_fail(&root->error, status, "release of group %u: %s", group, bg_status_text(status));
        answered(root, group, status, &root->error);
        return;
    }
    send_release(root, group);
}

/* ---- combination and publication ---- */

enum bg_status bg_root_encode_version(struct bg_root *root, struct bg_root_version *version, struct bg_error *error)
{
    struct bg_model_card card = root->card;
    card.parameters = version->parameters;
    card.round = version->round;
    card.parent = version->parent;
    card.plan = root->plan_id;
    bg_writer_finish(&version->file);
    enum bg_status status = bg_model_encode(&card, &version->file, error);
    if (status == BG_OK)
        bg_sha256(bg_writer_span(&version->file), &version->digest);
    return status;
}

static size_t opened_sums(struct bg_root *root, struct bg_group_sum *ret_sums)
{
    size_t count = 0;
    for (size_t g = 0; g < root->group_count; g++)
        if (root->round.groups[g].progress == BG_GROUP_OPENED && root->members[g].summed)
            ret_sums[count++] = root->members[g].sum;
    return count;
}

static void copy_version(struct bg_root *root)
{
    const struct bg_layout *layout = &root->model->layout;
    struct bg_root_version *from = &root->current, *to = &root->next;
    memcpy(to->parameters, from->parameters, layout->coordinates * sizeof *to->parameters);
    memcpy(to->momentum, from->momentum, layout->coordinates * sizeof *to->momentum);
    memcpy(to->squares, from->squares, layout->coordinates * sizeof *to->squares);
    memcpy(to->scales, from->scales, layout->tensor_count * sizeof *to->scales);
    memcpy(to->centres, from->centres, layout->tensor_count * sizeof *to->centres);
    to->round = root->round.number;
    to->parent = from->digest;
}

static void run_combine(struct bg_job *job)
{
    struct bg_root_work *work = bg_root_work_of(job);
    struct bg_root *root = work->root;
    uint64_t learning = root->learning_rounds ? root->learning_rounds - 1 : 0;
    struct bg_combine_settings settings = {.rule = root->settings.rule,
                                           .faulty = root->settings.faulty,
                                           .server = root->settings.server,
                                           .rounds = root->settings.rounds};
    struct bg_server_state state = {.parameters = root->next.parameters,
                                    .momentum = root->next.momentum,
                                    .squares = root->next.squares,
                                    .scales = root->next.scales,
                                    .centres = root->next.centres};
    struct bg_group_sum *sums = calloc(root->group_count, sizeof *sums);
    if (!sums) {
        work->status = bg_fail(&work->error, BG_NO_MEMORY, "aggregation: out of memory");
        return;
    }
    size_t count = opened_sums(root, sums);
    if (bg_server_optimizer_adaptive(settings.server.kind))
        settings.server.step *= bg_root_schedule(root, root->settings.learning_rate_floor, learning);
    copy_version(root);
    if (root->shape.measures) {
        work->status = bg_root_fit(root, sums, count, &work->error, &root->combination);
        root->combined = work->status == BG_OK;
        free(sums);
        return;
    }
    work->status = bg_combine_round(&settings, &root->terms, sums, count, root->round.number - 1, learning, &state,
                                    &work->error, &root->combination);
    root->combined = work->status == BG_OK || work->status == BG_MARGIN;
    free(sums);
    if (work->status == BG_OK)
        work->status = bg_root_encode_version(root, &root->next, &work->error);
}

static void combined(struct bg_root *root, struct bg_root_work *work)
{
    if (work->status != BG_OK && work->status != BG_MARGIN)
        bg_root_notify(root, (struct bg_root_notice){.kind = BG_ROOT_NOTICE_FAILED, .error = &work->error});
    bg_intake_step(&root->intake, (struct bg_round_event){.kind = BG_ROUND_COMBINED, .status = work->status});
}

static void combine(struct bg_root *root)
{
    size_t units = sum_units(root) * bg_round_count(&root->round, BG_GROUP_OPENED);
    if (!bg_root_queue(root, BG_PHASE_AGGREGATION, units, run_combine, combined))
        bg_intake_step(&root->intake, (struct bg_round_event){.kind = BG_ROUND_COMBINED, .status = BG_NO_MEMORY});
}

/* The oldest of three versions becomes the scratch of the next step. */
static void publish(struct bg_root *root)
{
    struct bg_root_version oldest = root->previous;
    root->previous = root->current;
    root->current = root->next;
    root->next = oldest;
    root->card.parameters = root->current.parameters;
    root->card.round = root->current.round;
    root->card.parent = root->current.parent;
    root->card.plan = root->plan_id;
    if (root->task.stage != BG_STAGE_LEARNING)
        root->stages_done |= (uint8_t)(1u << root->task.stage);
    if (bg_task_stage_measures(root->task.stage))
        bg_root_adopt_fitted(root);
    bg_intake_step(&root->intake, (struct bg_round_event){.kind = BG_ROUND_PUBLISHED});
}

/* ---- the end of a round ---- */

/* Of groups in ascending order; *place counts those that have a sum. */
static bool group_used(const struct bg_root *root, size_t group, size_t *place)
{
    if (root->round.groups[group].progress != BG_GROUP_OPENED || !root->members[group].summed)
        return false;
    size_t mine = (*place)++;
    return root->round.outcome == BG_OK && root->combined && root->combination.used[mine];
}

static enum bg_status write_receipt(struct bg_root *root, struct bg_writer *w)
{
    bool committed = root->round.outcome == BG_OK;
    struct bg_receipt_group *groups = BG_ARENA_ARRAY(&root->round_arena, struct bg_receipt_group, root->group_count);
    struct bg_receipt receipt = {.round = root->round.number,
                                 .attempt = root->round.attempt,
                                 .outcome = committed ? BG_ROUND_COMMITTED : BG_ROUND_ABANDONED,
                                 .reason = (uint16_t)-root->round.outcome,
                                 .model = root->current.digest,
                                 .tensor_count = committed ? root->task.tensor_count : 0,
                                 .scales = bg_task_stage_measures(root->task.stage) ? root->task.scales
                                                                                 : root->current.scales,
                                 .groups = groups};
    size_t place = 0;
    if (!groups)
        return BG_NO_MEMORY;
    for (size_t g = 0; g < root->group_count; g++) {
        if (root->round.groups[g].progress == BG_GROUP_NOT_INVITED)
            continue;
        groups[receipt.group_count++] = (struct bg_receipt_group){
            .index = (uint32_t)g,
            .used = group_used(root, g, &place),
            .members = bg_round_members(&root->round, (uint32_t)g)};
    }
    bg_writer_finish(w);
    bg_receipt_encode_unsigned(w, &root->settings.population, &root->plan_id, &receipt);
    return bg_envelope_close(root->settings.identity, BG_SIGNED_RECEIPT, w, 0);
}

static int compare_durations(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Turns the instants of arrival into durations, ascending. */
static struct bg_pace_round measure_pace(struct bg_root *root)
{
    uint64_t *arrivals = root->intake.arrivals;
    struct bg_pace_round round = {.calibration = root->task.stage != BG_STAGE_LEARNING,
                                  .deadline_ns = root->task.deadline_ns,
                                  .length_ns = root->now - root->opened_at,
                                  .arrived = root->intake.arrival_count,
                                  .arrivals_ns = arrivals};
    for (size_t g = 0; g < root->group_count; g++)
        if (root->round.groups[g].progress != BG_GROUP_NOT_INVITED)
            round.invited += root->round.groups[g].member_count;
    for (size_t i = 0; i < round.arrived; i++)
        arrivals[i] -= root->opened_at;
    qsort(arrivals, round.arrived, sizeof *arrivals, compare_durations);
    return round;
}

static void settle(struct bg_root *root)
{
    struct bg_root_receipt *receipt = &root->receipts[root->round.number % BG_ROOT_RECEIPTS];
    receipt->round = root->round.number;
    enum bg_status status = write_receipt(root, &receipt->frame);
    root->receipt = (struct bg_digest){{0}};
    if (status == BG_OK) {
        bg_sha256(bg_writer_span(&receipt->frame), &root->receipt);
    } else {
        bg_writer_finish(&receipt->frame);
        bg_fail(&root->error, status, "receipt of round %llu: %s", (unsigned long long)root->round.number,
                bg_status_text(status));
        bg_root_notify(root, (struct bg_root_notice){.kind = BG_ROOT_NOTICE_FAILED, .error = &root->error});
    }
    for (size_t g = 0; g < root->group_count; g++)
        bg_writer_finish(&root->members[g].release);
    root->wake = UINT64_MAX;
    struct bg_pace_round pace = measure_pace(root);
    bg_pace_learn(&root->pace, &pace);
    bg_root_notify(root, (struct bg_root_notice){.kind = BG_ROOT_NOTICE_ENDED,
                                                 .pace = &pace,
                                                 .combination = root->combined ? &root->combination : NULL});
    bg_intake_step(&root->intake, (struct bg_round_event){.kind = BG_ROUND_SETTLED});
}

/* ---- actions ---- */

void bg_root_perform(void *context, struct bg_round_action action)
{
    struct bg_root *root = context;
    switch (action.kind) {
    case BG_ROUND_DO_RELEASE:
        release(root, action.group, action.members);
        return;
    case BG_ROUND_DO_COMBINE:
        combine(root);
        return;
    case BG_ROUND_DO_PUBLISH:
        publish(root);
        return;
    case BG_ROUND_DO_SETTLE:
        settle(root);
        return;
    case BG_ROUND_DO_WAKE:
        root->wake = action.at;
        return;
    case BG_ROUND_DO_FETCH:
    case BG_ROUND_DO_FOLD:
    case BG_ROUND_ACTION_COUNT:
        return;
    }
}
