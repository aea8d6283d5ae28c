/* SPDX-License-Identifier: Apache-2.0 */
/* How the root opens a round: whom it invites, the task, the shape of the updates. */
#include "aggregator/root_state.h"
#include "crypto/digest.h"
#include "model/training.h"
#include "protocol/envelope.h"

#include <stdlib.h>

static int compare_indices(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Complete groups wanted of a round; 0: all. Covariances of some are enough, but never of fewer than the quorum or than
 * f hostile groups leave a majority of. */
static uint64_t target_groups(const struct bg_root *root, enum bg_task_stage stage)
{
    const struct bg_root_settings *settings = &root->settings;
    uint64_t target = settings->target_groups, most = settings->fit.projection_groups;
    uint64_t least = settings->faulty >= 0 ? 2 * (uint64_t)settings->faulty + 3 : 1;
    if (stage != BG_STAGE_COVARIANCE || !most)
        return target;
    if (least < settings->rules.quorum)
        least = settings->rules.quorum;
    if (most < least)
        most = least;
    return target && target < most ? target : most;
}

/* Whole groups, drawn from the seed; all if there is no target. */
static size_t choose_groups(struct bg_root *root, enum bg_task_stage stage, uint32_t *ret_invited)
{
    struct bg_prng prng;
    size_t wanted = bg_pace_groups(&root->pace, target_groups(root, stage), root->plan.key.group_most,
                                   root->group_count);
    for (size_t g = 0; g < root->group_count; g++)
        ret_invited[g] = (uint32_t)g;
    if (wanted == root->group_count)
        return wanted;
    bg_prng_init_stream(&prng, root->settings.seed, "groups", root->round.number + 1);
    bg_prng_shuffle(&prng, ret_invited, root->group_count);
    qsort(ret_invited, wanted, sizeof *ret_invited, compare_indices);
    return wanted;
}

double bg_root_schedule(const struct bg_root *root, double floor, uint64_t learning_round)
{
    struct bg_cosine share = {.peak = 1, .floor = floor, .total = root->settings.rounds};
    return bg_cosine_rate(&share, learning_round);
}

/* Of the round to open: the nearest whole number, one at least. */
static uint32_t scheduled_steps(const struct bg_root *root)
{
    double share = bg_root_schedule(root, root->settings.steps_floor, root->learning_rounds);
    double steps = share * root->settings.steps + 0.5;
    return steps < 1 ? 1 : (uint32_t)steps;
}

/* The coordinates of the round: all in the last `rotate_full` ones of the schedule. */
static struct bg_window choose_window(const struct bg_root *root, bool learning)
{
    const struct bg_root_settings *settings = &root->settings;
    uint64_t number = root->learning_rounds;
    bool full = settings->rounds && settings->rotate_full && number + settings->rotate_full >= settings->rounds;
    return bg_window_of_round(learning && !full ? settings->rotate : 1, number);
}

static enum bg_status write_task(struct bg_root *root, struct bg_error *error)
{
    const struct bg_layout *layout = &root->model->layout;
    struct bg_arena *arena = &root->round_arena;
    bool *travels = BG_ARENA_ARRAY(arena, bool, layout->tensor_count);
    double *scales = BG_ARENA_ARRAY(arena, double, layout->tensor_count);
    double *centres = BG_ARENA_ARRAY(arena, double, layout->tensor_count);
    uint32_t *invited = BG_ARENA_ARRAY(arena, uint32_t, root->group_count);
    if (!travels || !scales || !centres || !invited)
        return bg_fail(error, BG_NO_MEMORY, "task: out of memory");
    enum bg_task_stage stage = bg_root_stage_due(root);
    bool unscaled = stage != BG_STAGE_LEARNING;
    double rate = root->settings.learning_rate *
                  bg_root_schedule(root, root->settings.learning_rate_floor, root->learning_rounds);
    struct bg_window window = choose_window(root, !unscaled);
    for (size_t i = 0; i < layout->tensor_count; i++) {
        travels[i] = bg_window_count(&window, &layout->tensors[i]) > 0;
        scales[i] = unscaled ? 1 : root->current.scales[i];
        centres[i] = unscaled ? 0 : root->current.centres[i];
    }
    root->task = (struct bg_task){.round = root->round.number + 1,
                                  .epoch = root->epoch,
                                  .model = root->current.digest,
                                  .receipt = root->receipt,
                                  .stage = stage,
                                  .learning_rate = rate,
                                  .steps = scheduled_steps(root),
                                  .window_first = window.first,
                                  .window_rest = window.rest,
                                  .deadline_ns = bg_pace_deadline(&root->pace, unscaled),
                                  .tensor_count = layout->tensor_count,
                                  .travels = travels,
                                  .scales = scales,
                                  .centres = centres,
                                  .invited_count = choose_groups(root, stage, invited),
                                  .invited = invited};
    bg_writer_finish(&root->task_frame);
    bg_task_encode_unsigned(&root->task_frame, &root->settings.population, &root->plan_id, &root->task);
    enum bg_status status = bg_envelope_close(root->settings.identity, BG_SIGNED_TASK, &root->task_frame, 0);
    if (status != BG_OK)
        return bg_fail(error, status, "task: %s", bg_status_text(status));
    bg_sha256(bg_writer_span(&root->task_frame), &root->task_digest);
    return BG_OK;
}

/* The task of a round that another process had opened, if it is the next one here. */
static enum bg_status read_task(struct bg_root *root, struct bg_span bytes, struct bg_error *error)
{
    struct bg_frame frame;
    struct bg_task *task = &root->task;
    bg_writer_finish(&root->task_frame);
    bg_write_bytes(&root->task_frame, bytes.data, bytes.size);
    if (root->task_frame.status != BG_OK)
        return bg_fail(error, BG_NO_MEMORY, "task: out of memory");
    enum bg_status status = bg_frame_expect(bg_writer_span(&root->task_frame), BG_FRAME_TASK, error, &frame);
    if (status == BG_OK)
        status = bg_task_decode(&frame, &root->round_arena, error, task);
    if (status != BG_OK)
        return status;
    status = bg_envelope_verify_frame(bg_identity_point(root->settings.identity), BG_SIGNED_TASK, &frame);
    if (status != BG_OK)
        return bg_fail(error, status, "task of round %llu: not signed by this root", (unsigned long long)task->round);
    if (task->round != root->round.number + 1 || task->epoch != root->epoch ||
        task->stage != bg_root_stage_due(root) || !bg_digest_equal(&frame.plan_id, &root->plan_id) ||
        !bg_digest_equal(&task->model, &root->current.digest))
        return bg_fail(error, BG_CONFIG, "task of round %llu: not the one after round %llu under the plan in force",
                       (unsigned long long)task->round, (unsigned long long)root->round.number);
    bg_sha256(bg_writer_span(&root->task_frame), &root->task_digest);
    return BG_OK;
}

bool bg_root_rests(const struct bg_root *root)
{
    return !root->agreeing && !root->busy && !root->intake.busy && root->round.state == BG_ROUND_IDLE;
}

bool bg_root_winds_down(const struct bg_root *root)
{
    return !root->agreeing && (root->busy || root->intake.busy) && root->round.state == BG_ROUND_IDLE;
}

bool bg_root_idle(const struct bg_root *root)
{
    return root->ready && !root->failed && !root->plan_stale && bg_root_rests(root);
}

static enum bg_status prepare(struct bg_root *root, struct bg_error *error)
{
    enum bg_status status = bg_root_check(root, error);
    if (status != BG_OK)
        return status;
    if (!bg_root_idle(root))
        return bg_fail(error, BG_BUSY, "round: no epoch is agreed, or the last round's work is not over");
    bg_root_round_finish(root);
    bg_arena_init(&root->round_arena, BG_ROOT_MEMORY);
    return BG_OK;
}

/* So many nanoseconds from now, as far as the clock goes. */
static uint64_t instant_in(const struct bg_root *root, uint64_t duration_ns)
{
    uint64_t left = UINT64_MAX - 1 - root->now;
    return root->now + (duration_ns < left ? duration_ns : left);
}

/* Of a task that is made. */
static enum bg_status make_terms(struct bg_root *root, struct bg_error *error)
{
    enum bg_status status = bg_shape_init(&root->plan, &root->task, error, &root->shape);
    if (status != BG_OK)
        return status;
    root->has_shape = true;
    root->terms = (struct bg_upload_terms){.plan = &root->plan,
                                           .plan_id = &root->plan_id,
                                           .task = &root->task,
                                           .task_digest = &root->task_digest,
                                           .shape = &root->shape,
                                           .key = root->key,
                                           .sealing_key = root->settings.sealing_key};
    return BG_OK;
}

static enum bg_status start(struct bg_root *root, uint64_t deadline, struct bg_error *error)
{
    bg_intake_begin_round(&root->intake, &root->terms);
    root->opened_at = root->now;
    bg_intake_step(&root->intake, (struct bg_round_event){.kind = BG_ROUND_START,
                                                          .number = root->task.round,
                                                          .attempt = root->task.attempt,
                                                          .deadline = deadline,
                                                          .invited = root->task.invited,
                                                          .invited_count = root->task.invited_count});
    if (root->round.state != BG_ROUND_OPEN)
        return bg_fail(error, BG_CONFIG, "task of round %llu: invites groups that are not in the epoch",
                       (unsigned long long)root->task.round);
    if (root->task.stage == BG_STAGE_LEARNING)
        root->learning_rounds++;
    bg_root_notify(root, (struct bg_root_notice){.kind = BG_ROOT_NOTICE_OPENED});
    return BG_OK;
}

enum bg_status bg_root_open_round(struct bg_root *root, struct bg_error *error)
{
    enum bg_status status = prepare(root, error);
    if (status == BG_OK)
        status = write_task(root, error);
    if (status == BG_OK)
        status = make_terms(root, error);
    if (status != BG_OK)
        return status;
    if (!bg_root_keep(root, (struct bg_root_step){.kind = BG_ROOT_STEP_OPENED,
                                                  .round = root->task.round,
                                                  .attempt = root->task.attempt,
                                                  .bytes = bg_writer_span(&root->task_frame)}))
        return bg_root_check(root, error);
    root->reopened = false;
    return start(root, instant_in(root, root->task.deadline_ns), error);
}

enum bg_status bg_root_reopen_round(struct bg_root *root, struct bg_span task, struct bg_error *error)
{
    enum bg_status status = prepare(root, error);
    if (status == BG_OK)
        status = read_task(root, task, error);
    if (status == BG_OK)
        status = make_terms(root, error);
    if (status != BG_OK)
        return status;
    root->reopened = true;
    return start(root, instant_in(root, UINT64_MAX), error);
}

void bg_root_resume_round(struct bg_root *root, bool closed)
{
    uint64_t deadline = closed ? root->now : instant_in(root, root->task.deadline_ns);
    bg_intake_step(&root->intake, (struct bg_round_event){.kind = BG_ROUND_DEADLINE, .deadline = deadline});
}
