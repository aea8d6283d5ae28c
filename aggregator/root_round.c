/* SPDX-License-Identifier: Apache-2.0 */
/* The root's side of one round: what the state machine of aggregator/round.h asks for is done here. */
#include "aggregator/root_state.h"
#include "crypto/digest.h"
#include "protocol/envelope.h"
#include "wire/receipt.h"

#include <stdlib.h>
#include <string.h>

void bg_root_round_finish(struct bg_root *root)
{
    bg_intake_end_round(&root->intake);
    for (size_t g = 0; g < root->group_count; g++)
        bg_root_group_finish(&root->members[g]);
    if (root->combined)
        bg_combination_finish(&root->combination);
    root->combined = false;
    if (root->has_shape)
        bg_shape_finish(&root->shape);
    root->has_shape = false;
    bg_arena_finish(&root->round_arena);
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
    size_t units = bg_root_sum_units(root) * bg_round_count(&root->round, BG_GROUP_OPENED);
    if (!bg_root_queue(root, BG_PHASE_AGGREGATION, units, run_combine, combined))
        bg_intake_step(&root->intake, (struct bg_round_event){.kind = BG_ROUND_COMBINED, .status = BG_NO_MEMORY});
}

/* The oldest of three versions becomes the scratch of the next step. */
static void publish(struct bg_root *root)
{
    if (!bg_root_keep_in_round(root, (struct bg_root_step){.kind = BG_ROOT_STEP_PUBLISHED,
                                                           .bytes = bg_writer_span(&root->next.file),
                                                           .model = &root->next.digest,
                                                           .parent = &root->next.parent}))
        return;
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
    struct bg_pace_round round = {.before_learning = root->task.stage != BG_STAGE_LEARNING || root->reopened,
                                  .deadline_ns = root->task.deadline_ns,
                                  .length_ns = root->now - root->opened_at,
                                  .arrived = root->intake.arrival_count,
                                  .arrivals_ns = arrivals};
    for (size_t g = 0; g < root->group_count; g++) {
        const struct bg_round_group *group = &root->round.groups[g];
        if (group->progress == BG_GROUP_NOT_INVITED)
            continue;
        round.invited += group->member_count;
        round.untimed += (size_t)__builtin_popcountll(group->arrived | group->elsewhere);
    }
    round.untimed -= round.arrived;
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
        bg_writer_finish(&root->members[g].question);
    root->wake = UINT64_MAX;
    struct bg_pace_round pace = measure_pace(root);
    bg_pace_learn(&root->pace, &pace);
    const struct bg_combination *combination = root->combined ? &root->combination : NULL;
    if (!bg_root_keep_in_round(root, (struct bg_root_step){.kind = BG_ROOT_STEP_ENDED,
                                                           .bytes = bg_writer_span(&receipt->frame),
                                                           .combination = combination}))
        return;
    bg_root_notify(root, (struct bg_root_notice){.kind = BG_ROOT_NOTICE_ENDED,
                                                 .pace = &pace,
                                                 .combination = combination});
    bg_intake_step(&root->intake, (struct bg_round_event){.kind = BG_ROUND_SETTLED});
}

/* ---- actions ---- */

void bg_root_perform(void *context, struct bg_round_action action)
{
    struct bg_root *root = context;
    if (root->failed)
        return;
    switch (action.kind) {
    case BG_ROUND_DO_CLOSE:
        (void)bg_root_keep_in_round(root, (struct bg_root_step){.kind = BG_ROOT_STEP_CLOSED});
        return;
    case BG_ROUND_DO_RELEASE:
        bg_root_release(root, action.group, action.members);
        return;
    case BG_ROUND_DO_FETCH:
        bg_root_fetch(root, action.group);
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
    case BG_ROUND_DO_FOLD:
    case BG_ROUND_ACTION_COUNT:
        return;
    }
}
