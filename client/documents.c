/* SPDX-License-Identifier: Apache-2.0 */
#include "client/documents.h"

#include "crypto/digest.h"
#include "protocol/envelope.h"
#include "protocol/partition.h"

#include <stdlib.h>
#include <string.h>

#define DOCUMENT_MEMORY ((size_t)1 << 30)

enum bg_status bg_document_init(struct bg_document *document, struct bg_span content)
{
    struct bg_document fresh = {.bytes = malloc(content.size ? content.size : 1), .size = content.size};
    if (!fresh.bytes)
        return BG_NO_MEMORY;
    if (content.size)
        memcpy(fresh.bytes, content.data, content.size);
    bg_arena_init(&fresh.arena, DOCUMENT_MEMORY);
    *document = fresh;
    return BG_OK;
}

void bg_document_finish(struct bg_document *document)
{
    free(document->bytes);
    bg_arena_finish(&document->arena);
    *document = (struct bg_document){0};
}

/* Copies a frame of one type and population; after a failure the document is empty. */
static enum bg_status take_frame(const struct bg_trust *trust, struct bg_span bytes, enum bg_frame_type type,
                                 struct bg_error *error, struct bg_document *document, struct bg_frame *ret_frame)
{
    const char *name = bg_frame_type_name(type);
    enum bg_status status = bg_document_init(document, bytes);
    if (status != BG_OK)
        return bg_fail(error, status, "%s: out of memory", name);
    status = bg_frame_expect(bg_document_span(document), type, error, ret_frame);
    if (status == BG_OK && !bg_population_equal(&ret_frame->population, &trust->population))
        status = bg_fail(error, BG_WRONG_POPULATION, "%s: of population %s, this client is of %s", name,
                         ret_frame->population.name, trust->population.name);
    if (status != BG_OK)
        bg_document_finish(document);
    return status;
}

static enum bg_status check_root_signature(const struct bg_trust *trust, enum bg_signed_kind kind,
                                           const struct bg_frame *frame, struct bg_error *error)
{
    enum bg_status status = bg_envelope_verify_frame(trust->root, kind, frame);
    if (status == BG_OK)
        return BG_OK;
    return bg_fail(error, status, "%s: not signed by the root this client trusts", bg_frame_type_name(frame->type));
}

enum bg_status bg_trusted_plan_accept(const struct bg_trust *trust, struct bg_span bytes, struct bg_error *error,
                                      struct bg_trusted_plan *ret_plan)
{
    struct bg_frame frame;
    struct bg_trusted_plan fresh = {0};
    enum bg_status status = take_frame(trust, bytes, BG_FRAME_PLAN, error, &fresh.document, &frame);
    if (status != BG_OK)
        return status;
    status = bg_plan_decode(&frame, &fresh.document.arena, error, &fresh.plan);
    if (status == BG_OK)
        status = bg_plan_verify(&frame, &fresh.plan, trust->key_holder, trust->root, error);
    if (status != BG_OK) {
        bg_trusted_plan_finish(&fresh);
        return status;
    }
    fresh.id = frame.plan_id;
    *ret_plan = fresh;
    return BG_OK;
}

void bg_trusted_plan_finish(struct bg_trusted_plan *plan)
{
    bg_plan_finish(&plan->plan);
    bg_document_finish(&plan->document);
    *plan = (struct bg_trusted_plan){0};
}

enum bg_status bg_trusted_task_accept(const struct bg_trust *trust, struct bg_span bytes, struct bg_error *error,
                                      struct bg_trusted_task *ret_task)
{
    struct bg_frame frame;
    struct bg_trusted_task fresh = {0};
    enum bg_status status = take_frame(trust, bytes, BG_FRAME_TASK, error, &fresh.document, &frame);
    if (status != BG_OK)
        return status;
    status = check_root_signature(trust, BG_SIGNED_TASK, &frame, error);
    if (status == BG_OK)
        status = bg_task_decode(&frame, &fresh.document.arena, error, &fresh.task);
    if (status != BG_OK) {
        bg_trusted_task_finish(&fresh);
        return status;
    }
    fresh.plan_id = frame.plan_id;
    bg_sha256(frame.bytes, &fresh.digest);
    *ret_task = fresh;
    return BG_OK;
}

void bg_trusted_task_finish(struct bg_trusted_task *task)
{
    bg_document_finish(&task->document);
    *task = (struct bg_trusted_task){0};
}

static enum bg_status find_seat(const struct bg_plan *plan, const struct bg_frame *frame,
                                const struct bg_digest *client, struct bg_arena *arena, struct bg_error *error,
                                struct bg_seat *ret_seat)
{
    struct bg_digest digest;
    struct bg_groups groups;
    struct bg_seat seat;
    bg_sha256(frame->body, &digest);
    if (!bg_digest_equal(&digest, &plan->key.groups))
        return bg_fail(error, BG_BAD_DIGEST, "groups: not those the key holder signed in the plan");
    enum bg_status status = bg_groups_decode(frame, arena, error, &groups);
    if (status != BG_OK)
        return status;
    if (!bg_groups_find(&groups, client, &seat.group, &seat.member))
        return bg_fail(error, BG_UNKNOWN_CLIENT, "groups: this client is in no group of epoch %llu",
                       (unsigned long long)groups.epoch);
    uint32_t members = groups.groups[seat.group].member_count;
    if (members < plan->key.group_least || members > plan->key.group_most)
        return bg_fail(error, BG_REFUSED, "groups: group %u has %u members where the plan promises %u to %u",
                       seat.group, members, plan->key.group_least, plan->key.group_most);
    *ret_seat = seat;
    return BG_OK;
}

enum bg_status bg_seat_find(const struct bg_plan *plan, struct bg_span groups_frame, const struct bg_digest *client,
                            struct bg_error *error, struct bg_seat *ret_seat)
{
    struct bg_frame frame;
    struct bg_arena arena;
    enum bg_status status = bg_frame_expect(groups_frame, BG_FRAME_GROUPS, error, &frame);
    if (status != BG_OK)
        return status;
    bg_arena_init(&arena, DOCUMENT_MEMORY);
    status = find_seat(plan, &frame, client, &arena, error, ret_seat);
    bg_arena_finish(&arena);
    return status;
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
    for (size_t i = 0; i < task->task.invited_count; i++)
        if (task->task.invited[i] == seat->group)
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
static enum bg_status check_receipt(const struct bg_frame *frame, const struct bg_receipt *receipt,
                                    const struct bg_trusted_plan *plan, const struct bg_task *task,
                                    struct bg_error *error)
{
    if (!bg_digest_equal(&frame->plan_id, &plan->id))
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

enum bg_status bg_verdict_accept(const struct bg_trust *trust, const struct bg_trusted_plan *plan,
                                 const struct bg_task *task, const struct bg_seat *seat,
                                 struct bg_span receipt_frame, struct bg_error *error, struct bg_verdict *ret_verdict)
{
    struct bg_frame frame;
    struct bg_receipt receipt;
    struct bg_verdict fresh = {0};
    enum bg_status status = take_frame(trust, receipt_frame, BG_FRAME_RECEIPT, error, &fresh.document, &frame);
    if (status != BG_OK)
        return status;
    status = check_root_signature(trust, BG_SIGNED_RECEIPT, &frame, error);
    if (status == BG_OK)
        status = bg_receipt_decode(&frame, &fresh.document.arena, error, &receipt);
    if (status == BG_OK)
        status = check_receipt(&frame, &receipt, plan, task, error);
    if (status != BG_OK) {
        bg_verdict_finish(&fresh);
        return status;
    }
    read_receipt(&receipt, seat, &fresh);
    fresh.settlement.round = receipt.round;
    bg_sha256(frame.bytes, &fresh.settlement.receipt);
    *ret_verdict = fresh;
    return BG_OK;
}

void bg_verdict_finish(struct bg_verdict *verdict)
{
    bg_document_finish(&verdict->document);
    *verdict = (struct bg_verdict){0};
}
