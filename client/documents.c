/* SPDX-License-Identifier: Apache-2.0 */
#include "client/documents.h"

#include "crypto/digest.h"
#include "protocol/envelope.h"
#include "protocol/partition.h"

#include <stdlib.h>
#include <string.h>

enum bg_status bg_seat_find(struct bg_library *library, const struct bg_plan *plan, struct bg_span groups_frame,
                            const struct bg_digest *client, struct bg_error *error, struct bg_seat *ret_seat)
{
    struct bg_seat seat;
    uint32_t members;
    enum bg_status status =
        bg_library_place(library, plan, groups_frame, client, error, &seat.group, &seat.member, &members);
    if (status != BG_OK)
        return status;
    if (members < plan->key.group_least || members > plan->key.group_most)
        return bg_fail(error, BG_REFUSED, "groups: group %u has %u members where the plan promises %u to %u",
                       seat.group, members, plan->key.group_least, plan->key.group_most);
    *ret_seat = seat;
    return BG_OK;
}

static bool is_invited(const struct bg_task *task, uint32_t group)
{
    size_t first = 0, end = task->invited_count;
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        if (task->invited[middle] == group)
            return true;
        if (task->invited[middle] < group)
            first = middle + 1;
        else
            end = middle;
    }
    return false;
}

enum bg_status bg_task_check(const struct bg_trusted_plan *plan, const struct bg_trusted_task *task,
                             const struct bg_seat *seat, struct bg_error *error)
{
    unsigned long long round = task->task.round;
    if (!bg_digest_equal(&plan->id, &task->plan_id))
        return bg_fail(error, BG_STALE_PLAN, "task of round %llu: it is under another plan", round);
    if (task->task.epoch != plan->plan.key.epoch)
        return bg_fail(error, BG_STALE_PLAN, "task of round %llu: of epoch %llu under the plan of epoch %llu", round,
                       (unsigned long long)task->task.epoch, (unsigned long long)plan->plan.key.epoch);
    if (is_invited(&task->task, seat->group))
        return BG_OK;
    return bg_fail(error, BG_NOT_FOUND, "task of round %llu: this client's group %u is not invited", round,
                   seat->group);
}

enum bg_status bg_task_check_receipt(const struct bg_task *task, const struct bg_settlement *last,
                                     struct bg_error *error)
{
    if (!last->round || task->round - 1 != last->round || bg_digest_equal(&task->receipt, &last->receipt))
        return BG_OK;
    return bg_fail(error, BG_BAD_DIGEST,
                   "task of round %llu: it names another receipt of round %llu than this client was given: the root "
                   "told two ends of one round, keep both as evidence",
                   (unsigned long long)task->round, (unsigned long long)last->round);
}

enum bg_status bg_task_check_model(const struct bg_task *task, struct bg_span model_file, struct bg_error *error)
{
    struct bg_digest digest;
    bg_sha256(model_file, &digest);
    if (bg_digest_equal(&digest, &task->model))
        return BG_OK;
    return bg_fail(error, BG_BAD_DIGEST, "model: not the file that the task of round %llu names",
                   (unsigned long long)task->round);
}

/* That the receipt ends the round that the update was made for. */
static enum bg_status check_receipt(const struct bg_trusted_receipt *trusted, const struct bg_trusted_plan *plan,
                                    const struct bg_task *task, struct bg_error *error)
{
    const struct bg_receipt *receipt = &trusted->receipt;
    if (!bg_digest_equal(&trusted->plan_id, &plan->id))
        return bg_fail(error, BG_STALE_PLAN, "receipt of round %llu: it is under another plan",
                       (unsigned long long)receipt->round);
    if (receipt->round != task->round || receipt->attempt != task->attempt)
        return bg_fail(error, BG_WRONG_ROUND,
                       "receipt of round %llu, attempt %u: the update is of round %llu, attempt %u",
                       (unsigned long long)receipt->round, receipt->attempt, (unsigned long long)task->round,
                       task->attempt);
    if (receipt->outcome == BG_ROUND_COMMITTED && receipt->tensor_count != task->tensor_count)
        return bg_fail(error, BG_DECODE, "receipt of round %llu: %zu scales where the plan has %zu tensors",
                       (unsigned long long)receipt->round, receipt->tensor_count, task->tensor_count);
    return BG_OK;
}

static void read_receipt(const struct bg_receipt *receipt, const struct bg_seat *seat, struct bg_verdict *verdict)
{
    if (receipt->outcome != BG_ROUND_COMMITTED)
        return;
    verdict->scales = receipt->scales;
    for (size_t i = 0; i < receipt->group_count; i++) {
        const struct bg_receipt_group *group = &receipt->groups[i];
        if (group->index == seat->group)
            verdict->used = group->used && (group->members >> seat->member & 1);
    }
}

enum bg_status bg_verdict_accept(struct bg_library *library, const struct bg_trust *trust,
                                 const struct bg_trusted_plan *plan, const struct bg_task *task,
                                 const struct bg_seat *seat, struct bg_span receipt_frame, struct bg_error *error,
                                 struct bg_verdict *ret_verdict)
{
    struct bg_verdict fresh = {0};
    enum bg_status status = bg_library_receipt(library, trust, receipt_frame, error, &fresh.receipt);
    if (status == BG_OK)
        status = check_receipt(&fresh.receipt, plan, task, error);
    if (status != BG_OK) {
        bg_verdict_finish(&fresh);
        return status;
    }
    read_receipt(&fresh.receipt.receipt, seat, &fresh);
    fresh.settlement = (struct bg_settlement){fresh.receipt.receipt.round, fresh.receipt.digest};
    *ret_verdict = fresh;
    return BG_OK;
}

void bg_verdict_finish(struct bg_verdict *verdict)
{
    bg_trusted_receipt_finish(&verdict->receipt);
    *verdict = (struct bg_verdict){0};
}
