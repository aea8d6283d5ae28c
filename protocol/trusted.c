/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/trusted.h"

#include "crypto/digest.h"
#include "protocol/envelope.h"

#include <stdlib.h>
#include <string.h>

enum bg_status bg_document_init(struct bg_document *document, struct bg_span content)
{
    struct bg_document fresh = {.bytes = malloc(content.size ? content.size : 1),
                                .size = content.size,
                                .holders = malloc(sizeof *fresh.holders)};
    if (!fresh.bytes || !fresh.holders) {
        free(fresh.bytes);
        free(fresh.holders);
        return BG_NO_MEMORY;
    }
    *fresh.holders = 1;
    if (content.size)
        memcpy(fresh.bytes, content.data, content.size);
    bg_arena_init(&fresh.arena, BG_DOCUMENT_MEMORY);
    *document = fresh;
    return BG_OK;
}

void bg_document_hold(const struct bg_document *document)
{
    ++*document->holders;
}

bool bg_document_is_last(const struct bg_document *document)
{
    return !document->holders || *document->holders == 1;
}

void bg_document_finish(struct bg_document *document)
{
    if (bg_document_is_last(document)) {
        free(document->bytes);
        bg_arena_finish(&document->arena);
        free(document->holders);
    } else {
        --*document->holders;
    }
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
        status = bg_fail(error, BG_WRONG_POPULATION, "%s: of population %s, expected %s", name,
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
    return bg_fail(error, status, "%s: not signed by the trusted root", bg_frame_type_name(frame->type));
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
    if (bg_document_is_last(&plan->document))
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

enum bg_status bg_trusted_receipt_accept(const struct bg_trust *trust, struct bg_span bytes, struct bg_error *error,
                                         struct bg_trusted_receipt *ret_receipt)
{
    struct bg_frame frame;
    struct bg_trusted_receipt fresh = {0};
    enum bg_status status = take_frame(trust, bytes, BG_FRAME_RECEIPT, error, &fresh.document, &frame);
    if (status != BG_OK)
        return status;
    status = check_root_signature(trust, BG_SIGNED_RECEIPT, &frame, error);
    if (status == BG_OK)
        status = bg_receipt_decode(&frame, &fresh.document.arena, error, &fresh.receipt);
    if (status != BG_OK) {
        bg_trusted_receipt_finish(&fresh);
        return status;
    }
    fresh.plan_id = frame.plan_id;
    bg_sha256(frame.bytes, &fresh.digest);
    *ret_receipt = fresh;
    return BG_OK;
}

void bg_trusted_receipt_finish(struct bg_trusted_receipt *receipt)
{
    bg_document_finish(&receipt->document);
    *receipt = (struct bg_trusted_receipt){0};
}

enum bg_status bg_trusted_groups_read(const struct bg_plan *plan, struct bg_span groups_frame, struct bg_arena *arena,
                                      struct bg_error *error, struct bg_groups *ret_groups)
{
    struct bg_frame frame;
    struct bg_digest digest;
    enum bg_status status = bg_frame_expect(groups_frame, BG_FRAME_GROUPS, error, &frame);
    if (status != BG_OK)
        return status;
    bg_sha256(frame.body, &digest);
    if (!bg_digest_equal(&digest, &plan->key.groups))
        return bg_fail(error, BG_BAD_DIGEST, "groups: not those the key holder signed in the plan");
    return bg_groups_decode(&frame, arena, error, ret_groups);
}
