/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/audit.h"

#include "wire/decoder.h"

static void write_sized(struct bg_writer *w, struct bg_span bytes)
{
    bg_write_u64(w, bytes.size);
    bg_write_bytes(w, bytes.data, bytes.size);
}

static struct bg_span read_sized(struct bg_reader *r)
{
    return bg_read_span(r, bg_read_count(r, SIZE_MAX, 1));
}

void bg_audit_request_encode(struct bg_writer *w, const struct bg_population *population,
                             const struct bg_digest *plan_id, const struct bg_audit_request *request)
{
    size_t start = bg_frame_begin(w, BG_FRAME_AUDIT, population, plan_id);
    bg_write_u64(w, request->epoch);
    bg_write_u64(w, request->round);
    bg_write_u32(w, request->attempt);
    bg_write_u32(w, request->group);
    bg_write_u64(w, request->position);
    write_sized(w, request->plan);
    write_sized(w, request->task);
    bg_write_u64(w, request->member_count);
    for (uint32_t i = 0; i < request->member_count; i++) {
        write_sized(w, request->members[i].manifest);
        bg_write_bytes(w, request->members[i].position_key.data, BG_AUDIT_KEY_BYTES);
        write_sized(w, request->members[i].list);
    }
    bg_frame_end(w, start);
}

enum bg_status bg_audit_request_decode(const struct bg_frame *frame, struct bg_arena *arena, struct bg_error *error,
                                       struct bg_audit_request *ret)
{
    struct bg_decoder d;
    struct bg_reader *r = &d.reader;
    struct bg_audit_request request = {0};
    bg_decoder_init(&d, "audit", frame->body);
    bg_require(&d, frame->type == BG_FRAME_AUDIT, BG_DECODE, "the frame is of another type");
    request.epoch = bg_read_u64(r);
    request.round = bg_read_u64(r);
    request.attempt = bg_read_u32(r);
    request.group = bg_decode_u32(&d, 0, BG_MAX_GROUPS - 1, "no group can have this index");
    request.position = bg_read_u64(r);
    bg_require(&d, request.position < BG_MAX_POSITIONS, BG_DECODE, "no update can have this position");
    request.plan = read_sized(r);
    request.task = read_sized(r);
    size_t count = bg_read_count(r, BG_MAX_GROUP_MEMBERS, 8 + BG_FRAME_HEADER_BYTES + BG_AUDIT_KEY_BYTES + 8);
    bg_require(&d, count > 0, BG_DECODE, "an audit must have 1 to 64 members");
    struct bg_audit_member *members = bg_decoder_alloc(&d, arena, count, sizeof *members);
    for (size_t i = 0; i < count && bg_decoder_ok(&d); i++) {
        members[i].manifest = read_sized(r);
        members[i].position_key = bg_read_span(r, BG_AUDIT_KEY_BYTES);
        members[i].list = read_sized(r);
    }
    request.member_count = (uint32_t)count;
    request.members = members;
    enum bg_status status = bg_decoder_end(&d, error);
    if (status == BG_OK)
        *ret = request;
    return status;
}

void bg_audit_verdict_encode_unsigned(struct bg_writer *w, const struct bg_population *population,
                                      const struct bg_digest *plan_id, const struct bg_audit_verdict *verdict)
{
    size_t start = bg_frame_begin(w, BG_FRAME_AUDIT_VERDICT, population, plan_id);
    bg_write_u64(w, verdict->epoch);
    bg_write_u64(w, verdict->round);
    bg_write_u32(w, verdict->attempt);
    bg_write_u32(w, verdict->group);
    bg_write_u64(w, verdict->position);
    bg_write_u64(w, verdict->named);
    bg_write_digest(w, &verdict->record);
    bg_frame_end_unsigned(w, start);
}

enum bg_status bg_audit_verdict_decode(const struct bg_frame *frame, struct bg_error *error,
                                       struct bg_audit_verdict *ret)
{
    struct bg_decoder d;
    struct bg_reader *r = &d.reader;
    struct bg_audit_verdict verdict = {0};
    bg_decoder_init(&d, "verdict of an audit", frame->body);
    bg_require(&d, frame->type == BG_FRAME_AUDIT_VERDICT, BG_DECODE, "the frame is of another type");
    verdict.epoch = bg_read_u64(r);
    verdict.round = bg_read_u64(r);
    verdict.attempt = bg_read_u32(r);
    verdict.group = bg_decode_u32(&d, 0, BG_MAX_GROUPS - 1, "no group can have this index");
    verdict.position = bg_read_u64(r);
    verdict.named = bg_read_u64(r);
    bg_require(&d, verdict.named != 0, BG_DECODE, "a verdict must name somebody");
    verdict.record = bg_read_digest(r);
    (void)bg_read_span(r, BG_SIGNATURE_BYTES);
    enum bg_status status = bg_decoder_end(&d, error);
    if (status == BG_OK)
        *ret = verdict;
    return status;
}
