/* SPDX-License-Identifier: Apache-2.0 */
#include "examples.h"

static void write_random(struct source *source, struct bg_writer *w, size_t size)
{
    bg_write_bytes(w, random_bytes(source, size).data, size);
}

static void copy_signature(const struct bg_frame *frame, struct bg_writer *w)
{
    bg_write_bytes(w, frame->bytes.data + frame->bytes.size - BG_SIGNATURE_BYTES, BG_SIGNATURE_BYTES);
}

/* ---- plan ---- */

static void make_plan(struct source *source, struct bg_writer *w)
{
    struct bg_digest plan_id = random_digest(source);
    struct bg_key_part key = random_key_part(source);
    struct bg_root_part root = random_root_part(source);
    struct bg_writer key_bytes, root_bytes;
    bg_writer_init(&key_bytes);
    bg_writer_init(&root_bytes);
    bg_key_part_encode(&key, &key_bytes);
    bg_root_part_encode(&root, &root_bytes);
    bg_plan_encode(w, &source->population, &plan_id, bg_writer_span(&key_bytes),
                   random_bytes(source, BG_SIGNATURE_BYTES).data, bg_writer_span(&root_bytes),
                   random_bytes(source, BG_SIGNATURE_BYTES).data);
    bg_writer_finish(&key_bytes);
    bg_writer_finish(&root_bytes);
    bg_layout_finish(&root.layout);
}

static enum bg_status again_plan(const struct bg_frame *frame, struct bg_arena *arena, struct bg_error *error,
                                 struct bg_writer *w)
{
    struct bg_plan plan;
    struct bg_writer key, root;
    enum bg_status status = bg_plan_decode(frame, arena, error, &plan);
    if (status != BG_OK)
        return status;
    bg_writer_init(&key);
    bg_writer_init(&root);
    bg_key_part_encode(&plan.key, &key);
    bg_root_part_encode(&plan.root, &root);
    status = key.status != BG_OK ? key.status : root.status;
    if (status == BG_OK)
        bg_plan_encode(w, &frame->population, &frame->plan_id, bg_writer_span(&key), plan.key_signature.data,
                       bg_writer_span(&root), plan.root_signature.data);
    else
        bg_fail(error, status, "plan: no memory to encode it again");
    bg_writer_finish(&key);
    bg_writer_finish(&root);
    bg_plan_finish(&plan);
    return status;
}

/* ---- groups ---- */

static void make_groups(struct source *source, struct bg_writer *w)
{
    struct bg_groups groups = random_groups(source);
    bg_groups_encode(w, &source->population, &groups);
}

static enum bg_status again_groups(const struct bg_frame *frame, struct bg_arena *arena, struct bg_error *error,
                                   struct bg_writer *w)
{
    struct bg_groups groups;
    enum bg_status status = bg_groups_decode(frame, arena, error, &groups);
    if (status != BG_OK)
        return status;
    bg_groups_encode(w, &frame->population, &groups);
    return BG_OK;
}

/* ---- task ---- */

static void make_task(struct source *source, struct bg_writer *w)
{
    struct bg_digest plan_id = random_digest(source);
    struct bg_task task = random_task(source);
    bg_task_encode_unsigned(w, &source->population, &plan_id, &task);
    write_random(source, w, BG_SIGNATURE_BYTES);
}

static enum bg_status again_task(const struct bg_frame *frame, struct bg_arena *arena, struct bg_error *error,
                                 struct bg_writer *w)
{
    struct bg_task task;
    enum bg_status status = bg_task_decode(frame, arena, error, &task);
    if (status != BG_OK)
        return status;
    bg_task_encode_unsigned(w, &frame->population, &frame->plan_id, &task);
    copy_signature(frame, w);
    return BG_OK;
}

/* ---- manifest ---- */

static void make_manifest(struct source *source, struct bg_writer *w)
{
    struct bg_digest plan_id = random_digest(source);
    struct bg_manifest manifest = random_manifest(source);
    bg_manifest_encode_unsigned(w, &source->population, &plan_id, &manifest);
    write_random(source, w, BG_SIGNATURE_BYTES);
}

static enum bg_status again_manifest(const struct bg_frame *frame, struct bg_arena *arena, struct bg_error *error,
                                     struct bg_writer *w)
{
    struct bg_manifest manifest;
    (void)arena;
    enum bg_status status = bg_manifest_decode(frame, error, &manifest);
    if (status != BG_OK)
        return status;
    bg_manifest_encode_unsigned(w, &frame->population, &frame->plan_id, &manifest);
    copy_signature(frame, w);
    return BG_OK;
}

/* ---- block ---- */

static void make_block(struct source *source, struct bg_writer *w)
{
    struct bg_digest plan_id = random_digest(source);
    struct bg_block block = random_block(source);
    bg_block_encode(w, &source->population, &plan_id, &block);
}

static enum bg_status again_block(const struct bg_frame *frame, struct bg_arena *arena, struct bg_error *error,
                                  struct bg_writer *w)
{
    struct bg_block block;
    (void)arena;
    enum bg_status status = bg_block_decode(frame, error, &block);
    if (status != BG_OK)
        return status;
    bg_block_encode(w, &frame->population, &frame->plan_id, &block);
    return BG_OK;
}

/* ---- receipt ---- */

static void make_receipt(struct source *source, struct bg_writer *w)
{
    struct bg_digest plan_id = random_digest(source);
    struct bg_receipt receipt = random_receipt(source);
    bg_receipt_encode_unsigned(w, &source->population, &plan_id, &receipt);
    write_random(source, w, BG_SIGNATURE_BYTES);
}

static enum bg_status again_receipt(const struct bg_frame *frame, struct bg_arena *arena, struct bg_error *error,
                                    struct bg_writer *w)
{
    struct bg_receipt receipt;
    enum bg_status status = bg_receipt_decode(frame, arena, error, &receipt);
    if (status != BG_OK)
        return status;
    bg_receipt_encode_unsigned(w, &frame->population, &frame->plan_id, &receipt);
    copy_signature(frame, w);
    return BG_OK;
}

/* ---- release ---- */

static void make_release(struct source *source, struct bg_writer *w)
{
    struct bg_digest plan_id = random_digest(source);
    struct bg_release release = random_release(source);
    bg_release_encode(w, &source->population, &plan_id, &release);
}

static enum bg_status again_release(const struct bg_frame *frame, struct bg_arena *arena, struct bg_error *error,
                                    struct bg_writer *w)
{
    struct bg_release release;
    enum bg_status status = bg_release_decode(frame, arena, error, &release);
    if (status != BG_OK)
        return status;
    bg_release_encode(w, &frame->population, &frame->plan_id, &release);
    return BG_OK;
}

/* ---- sums ---- */

static void make_sums(struct source *source, struct bg_writer *w)
{
    struct bg_digest plan_id = random_digest(source);
    struct bg_sums sums = random_sums(source);
    bg_sums_encode(w, &source->population, &plan_id, &sums);
}

static enum bg_status again_sums(const struct bg_frame *frame, struct bg_arena *arena, struct bg_error *error,
                                 struct bg_writer *w)
{
    struct bg_sums sums;
    (void)arena;
    enum bg_status status = bg_sums_decode(frame, error, &sums);
    if (status != BG_OK)
        return status;
    bg_sums_encode(w, &frame->population, &frame->plan_id, &sums);
    return BG_OK;
}

/* ---- report ---- */

static void make_report(struct source *source, struct bg_writer *w)
{
    struct bg_digest plan_id = random_digest(source);
    struct bg_report report = random_report(source);
    bg_report_encode_unsigned(w, &source->population, &plan_id, &report);
    write_random(source, w, BG_SIGNATURE_BYTES);
}

static enum bg_status again_report(const struct bg_frame *frame, struct bg_arena *arena, struct bg_error *error,
                                   struct bg_writer *w)
{
    struct bg_report report;
    enum bg_status status = bg_report_decode(frame, arena, error, &report);
    if (status != BG_OK)
        return status;
    bg_report_encode_unsigned(w, &frame->population, &frame->plan_id, &report);
    copy_signature(frame, w);
    return BG_OK;
}

/* ---- roster ---- */

static void make_roster(struct source *source, struct bg_writer *w)
{
    struct bg_roster_message message = random_roster_message(source);
    bg_roster_message_encode_unsigned(w, &source->population, &message);
    write_random(source, w, BG_SIGNATURE_BYTES);
}

static enum bg_status again_roster(const struct bg_frame *frame, struct bg_arena *arena, struct bg_error *error,
                                   struct bg_writer *w)
{
    struct bg_roster_message message;
    enum bg_status status = bg_roster_message_decode(frame, arena, error, &message);
    if (status != BG_OK)
        return status;
    bg_roster_message_encode_unsigned(w, &frame->population, &message);
    copy_signature(frame, w);
    return BG_OK;
}

/* ---- epoch request ---- */

static void make_epoch_request(struct source *source, struct bg_writer *w)
{
    struct bg_epoch_request epoch_request = random_epoch_request(source);
    bg_epoch_request_encode(w, &source->population, &epoch_request);
}

static enum bg_status again_epoch_request(const struct bg_frame *frame, struct bg_arena *arena, struct bg_error *error,
                                          struct bg_writer *w)
{
    struct bg_epoch_request epoch_request;
    (void)arena;
    enum bg_status status = bg_epoch_request_decode(frame, error, &epoch_request);
    if (status != BG_OK)
        return status;
    bg_epoch_request_encode(w, &frame->population, &epoch_request);
    return BG_OK;
}

/* ---- epoch reveal ---- */

static void make_epoch_reveal(struct source *source, struct bg_writer *w)
{
    struct bg_epoch_reveal epoch_reveal = random_epoch_reveal(source);
    bg_epoch_reveal_encode_unsigned(w, &source->population, &epoch_reveal);
    write_random(source, w, BG_SIGNATURE_BYTES);
}

static enum bg_status again_epoch_reveal(const struct bg_frame *frame, struct bg_arena *arena, struct bg_error *error,
                                         struct bg_writer *w)
{
    struct bg_epoch_reveal epoch_reveal;
    (void)arena;
    enum bg_status status = bg_epoch_reveal_decode(frame, error, &epoch_reveal);
    if (status != BG_OK)
        return status;
    bg_epoch_reveal_encode_unsigned(w, &frame->population, &epoch_reveal);
    copy_signature(frame, w);
    return BG_OK;
}

/* ---- pace ---- */

static void make_pace(struct source *source, struct bg_writer *w)
{
    struct bg_pace_window window = random_pace_window(source);
    bg_pace_window_encode(w, &source->population, &window);
}

static enum bg_status again_pace(const struct bg_frame *frame, struct bg_arena *arena, struct bg_error *error,
                                 struct bg_writer *w)
{
    struct bg_pace_window window;
    (void)arena;
    enum bg_status status = bg_pace_window_decode(frame, error, &window);
    if (status != BG_OK)
        return status;
    bg_pace_window_encode(w, &frame->population, &window);
    return BG_OK;
}

/* ---- audits ---- */

static void make_audit(struct source *source, struct bg_writer *w)
{
    struct bg_digest plan_id = random_digest(source);
    struct bg_audit_request request = random_audit_request(source);
    bg_audit_request_encode(w, &source->population, &plan_id, &request);
}

static enum bg_status again_audit(const struct bg_frame *frame, struct bg_arena *arena, struct bg_error *error,
                                  struct bg_writer *w)
{
    struct bg_audit_request request;
    enum bg_status status = bg_audit_request_decode(frame, arena, error, &request);
    if (status != BG_OK)
        return status;
    bg_audit_request_encode(w, &frame->population, &frame->plan_id, &request);
    return BG_OK;
}

static void make_audit_verdict(struct source *source, struct bg_writer *w)
{
    struct bg_digest plan_id = random_digest(source);
    struct bg_audit_verdict verdict = random_audit_verdict(source);
    bg_audit_verdict_encode_unsigned(w, &source->population, &plan_id, &verdict);
    write_random(source, w, BG_SIGNATURE_BYTES);
}

static enum bg_status again_audit_verdict(const struct bg_frame *frame, struct bg_arena *arena,
                                          struct bg_error *error, struct bg_writer *w)
{
    struct bg_audit_verdict verdict;
    (void)arena;
    enum bg_status status = bg_audit_verdict_decode(frame, error, &verdict);
    if (status != BG_OK)
        return status;
    bg_audit_verdict_encode_unsigned(w, &frame->population, &frame->plan_id, &verdict);
    copy_signature(frame, w);
    return BG_OK;
}

const struct kind kinds[] = {
    {BG_FRAME_PLAN, make_plan, again_plan},
    {BG_FRAME_GROUPS, make_groups, again_groups},
    {BG_FRAME_TASK, make_task, again_task},
    {BG_FRAME_MANIFEST, make_manifest, again_manifest},
    {BG_FRAME_BLOCK, make_block, again_block},
    {BG_FRAME_RECEIPT, make_receipt, again_receipt},
    {BG_FRAME_RELEASE, make_release, again_release},
    {BG_FRAME_SUMS, make_sums, again_sums},
    {BG_FRAME_EPOCH_REQUEST, make_epoch_request, again_epoch_request},
    {BG_FRAME_EPOCH_REVEAL, make_epoch_reveal, again_epoch_reveal},
    {BG_FRAME_PACE, make_pace, again_pace},
    {BG_FRAME_REPORT, make_report, again_report},
    {BG_FRAME_ROSTER, make_roster, again_roster},
    {BG_FRAME_AUDIT, make_audit, again_audit},
    {BG_FRAME_AUDIT_VERDICT, make_audit_verdict, again_audit_verdict},
};
const size_t kind_count = sizeof kinds / sizeof *kinds;

enum bg_status decode_again(struct bg_span bytes, struct bg_arena *arena, struct bg_error *error, struct bg_writer *w)
{
    struct bg_frame frame;
    enum bg_status status = bg_frame_decode(bytes, error, &frame, NULL);
    for (size_t i = 0; status == BG_OK && i < kind_count; i++)
        if (kinds[i].type == frame.type)
            return kinds[i].again(&frame, arena, error, w);
    return status;
}
