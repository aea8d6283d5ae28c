/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/report.h"

#include "wire/decoder.h"

void bg_report_encode_unsigned(struct bg_writer *w, const struct bg_population *population,
                               const struct bg_digest *plan_id, const struct bg_report *report)
{
    size_t start = bg_frame_begin(w, BG_FRAME_REPORT, population, plan_id);
    bg_write_digest(w, &report->edge);
    bg_write_u64(w, report->round);
    bg_write_u32(w, report->attempt);
    bg_write_u32(w, report->group);
    bg_write_u64(w, report->member_count);
    for (uint32_t i = 0; i < report->member_count; i++) {
        bg_write_u64(w, report->manifests[i].size);
        bg_write_bytes(w, report->manifests[i].data, report->manifests[i].size);
    }
    bg_write_u8(w, report->opened);
    if (report->opened)
        bg_record_encode(w, &report->record);
    bg_frame_end_unsigned(w, start);
}

static void decode_record(struct bg_decoder *d, struct bg_report *report)
{
    const struct bg_record *record = &report->record;
    report->record_bytes = bg_read_span(&d->reader, BG_RECORD_BYTES);
    if (!bg_decoder_ok(d))
        return;
    bool decodes = bg_record_decode(report->record_bytes, &report->record) == BG_OK;
    bg_require(d, decodes, BG_DECODE, "the record must be one");
    if (decodes)
        bg_require(d,
                   record->round == report->round && record->attempt == report->attempt &&
                       record->group == report->group &&
                       (uint32_t)__builtin_popcountll(record->members) == report->member_count,
                   BG_DECODE, "the record must be of the same round, attempt and group, and of as many members");
}

static enum bg_status check_manifests(const struct bg_report *report, struct bg_error *error)
{
    for (uint32_t i = 0; i < report->member_count; i++) {
        struct bg_frame frame;
        enum bg_status status = bg_frame_expect(report->manifests[i], BG_FRAME_MANIFEST, error, &frame);
        if (status != BG_OK)
            return bg_fail_in(error, status, "report: manifest of member %u", i);
    }
    return BG_OK;
}

enum bg_status bg_report_decode(const struct bg_frame *frame, struct bg_arena *arena, struct bg_error *error,
                                struct bg_report *ret)
{
    struct bg_decoder d;
    struct bg_reader *r = &d.reader;
    struct bg_report report = {0};
    bg_decoder_init(&d, "report", frame->body);
    bg_require(&d, frame->type == BG_FRAME_REPORT, BG_DECODE, "the frame is of another type");
    report.edge = bg_read_digest(r);
    report.round = bg_read_u64(r);
    report.attempt = bg_read_u32(r);
    report.group = bg_decode_u32(&d, 0, BG_MAX_GROUPS - 1, "no group can have this index");
    size_t members = bg_read_count(r, BG_MAX_GROUP_MEMBERS, 8 + BG_FRAME_HEADER_BYTES);
    bg_require(&d, members > 0, BG_DECODE, "a report must have 1 to 64 members");
    struct bg_span *manifests = bg_decoder_alloc(&d, arena, members, sizeof *manifests);
    for (size_t i = 0; i < members && bg_decoder_ok(&d); i++)
        manifests[i] = bg_read_span(r, bg_read_count(r, SIZE_MAX, 1));
    report.member_count = (uint32_t)members;
    report.manifests = manifests;
    report.opened = bg_decode_bool(&d, "opened must be 0 or 1");
    if (report.opened)
        decode_record(&d, &report);
    (void)bg_read_span(r, BG_SIGNATURE_BYTES);
    enum bg_status status = bg_decoder_end(&d, error);
    if (status == BG_OK)
        status = check_manifests(&report, error);
    if (status == BG_OK)
        *ret = report;
    return status;
}
