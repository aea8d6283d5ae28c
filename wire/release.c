/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/release.h"

#include "wire/decoder.h"

#include <string.h>

void bg_release_encode(struct bg_writer *w, const struct bg_population *population, const struct bg_digest *plan_id,
                       const struct bg_release *release)
{
    size_t start = bg_frame_begin(w, BG_FRAME_RELEASE, population, plan_id);
    bg_write_u64(w, release->round);
    bg_write_u32(w, release->attempt);
    bg_write_u64(w, release->epoch);
    bg_write_u32(w, release->group);
    bg_write_u64(w, release->member_count);
    for (uint32_t i = 0; i < release->member_count; i++) {
        bg_write_u64(w, release->manifests[i].size);
        bg_write_bytes(w, release->manifests[i].data, release->manifests[i].size);
    }
    bg_write_u64(w, release->positions);
    bg_write_u64(w, release->product.size);
    bg_write_bytes(w, release->product.data, release->product.size);
    bg_frame_end(w, start);
}

static struct bg_span decode_sized(struct bg_decoder *d)
{
    return bg_read_span(&d->reader, bg_read_count(&d->reader, SIZE_MAX, 1));
}

/* u64 positions | u64 size, payload */
static struct bg_span decode_positions(struct bg_decoder *d, uint64_t *ret_positions)
{
    uint64_t positions = bg_read_u64(&d->reader);
    bg_require(d, positions > 0, BG_DECODE, "there must be at least one position");
    bg_require(d, positions <= BG_MAX_POSITIONS, BG_TOO_LARGE, "more positions than an update may have");
    struct bg_span payload = decode_sized(d);
    bg_require_payload(d, payload, positions);
    *ret_positions = positions;
    return payload;
}

static enum bg_status check_manifests(const struct bg_release *release, struct bg_error *error)
{
    for (uint32_t i = 0; i < release->member_count; i++) {
        struct bg_frame frame;
        enum bg_status status = bg_frame_expect(release->manifests[i], BG_FRAME_MANIFEST, error, &frame);
        if (status != BG_OK)
            return bg_fail_in(error, status, "release: manifest of member %u", i);
    }
    return BG_OK;
}

enum bg_status bg_release_decode(const struct bg_frame *frame, struct bg_arena *arena, struct bg_error *error,
                                 struct bg_release *ret)
{
    struct bg_decoder d;
    struct bg_reader *r = &d.reader;
    struct bg_release release = {0};
    bg_decoder_init(&d, "release", frame->body);
    bg_require(&d, frame->type == BG_FRAME_RELEASE, BG_DECODE, "the frame is of another type");
    release.round = bg_read_u64(r);
    release.attempt = bg_read_u32(r);
    release.epoch = bg_read_u64(r);
    release.group = bg_decode_u32(&d, 0, BG_MAX_GROUPS - 1, "no group can have this index");
    size_t members = bg_read_count(r, BG_MAX_GROUP_MEMBERS, 8 + BG_FRAME_HEADER_BYTES);
    bg_require(&d, members > 0, BG_DECODE, "a release must have 1 to 64 members");
    struct bg_span *manifests = bg_decoder_alloc(&d, arena, members, sizeof *manifests);
    for (size_t i = 0; i < members && bg_decoder_ok(&d); i++)
        manifests[i] = decode_sized(&d);
    release.product = decode_positions(&d, &release.positions);
    enum bg_status status = bg_decoder_end(&d, error);
    if (status != BG_OK)
        return status;
    release.member_count = (uint32_t)members;
    release.manifests = manifests;
    status = check_manifests(&release, error);
    if (status == BG_OK)
        *ret = release;
    return status;
}

void bg_record_encode(struct bg_writer *w, const struct bg_record *record)
{
    bg_write_u64(w, record->sequence);
    bg_write_u64(w, record->epoch);
    bg_write_u64(w, record->round);
    bg_write_u32(w, record->attempt);
    bg_write_u32(w, record->group);
    bg_write_u64(w, record->members);
    bg_write_digest(w, &record->manifests);
    bg_write_digest(w, &record->product);
    bg_write_digest(w, &record->previous);
    bg_write_bytes(w, record->signature, sizeof record->signature);
}

static struct bg_record decode_record(struct bg_decoder *d)
{
    struct bg_reader *r = &d->reader;
    struct bg_record record = {0};
    record.sequence = bg_read_u64(r);
    bg_require(d, record.sequence > 0, BG_DECODE, "records are numbered from 1");
    record.epoch = bg_read_u64(r);
    record.round = bg_read_u64(r);
    record.attempt = bg_read_u32(r);
    record.group = bg_decode_u32(d, 0, BG_MAX_GROUPS - 1, "no group can have this index");
    record.members = bg_read_u64(r);
    bg_require(d, record.members != 0, BG_DECODE, "a record must name its members");
    record.manifests = bg_read_digest(r);
    record.product = bg_read_digest(r);
    record.previous = bg_read_digest(r);
    struct bg_span signature = bg_read_span(r, sizeof record.signature);
    if (signature.data)
        memcpy(record.signature, signature.data, signature.size);
    return record;
}

enum bg_status bg_record_decode(struct bg_span bytes, struct bg_record *ret)
{
    struct bg_decoder d;
    bg_decoder_init(&d, "record", bytes);
    struct bg_record record = decode_record(&d);
    enum bg_status status = bg_decoder_end(&d, NULL);
    if (status == BG_OK)
        *ret = record;
    return status;
}

void bg_sums_encode(struct bg_writer *w, const struct bg_population *population, const struct bg_digest *plan_id,
                    const struct bg_sums *sums)
{
    size_t start = bg_frame_begin(w, BG_FRAME_SUMS, population, plan_id);
    bg_write_u64(w, sums->round);
    bg_write_u32(w, sums->attempt);
    bg_write_u32(w, sums->group);
    bg_write_u64(w, sums->positions);
    bg_write_u64(w, sums->sums.size);
    bg_write_bytes(w, sums->sums.data, sums->sums.size);
    bg_record_encode(w, &sums->record);
    bg_frame_end(w, start);
}

enum bg_status bg_sums_decode(const struct bg_frame *frame, struct bg_error *error, struct bg_sums *ret)
{
    struct bg_decoder d;
    struct bg_reader *r = &d.reader;
    struct bg_sums sums;
    bg_decoder_init(&d, "sums", frame->body);
    bg_require(&d, frame->type == BG_FRAME_SUMS, BG_DECODE, "the frame is of another type");
    sums.round = bg_read_u64(r);
    sums.attempt = bg_read_u32(r);
    sums.group = bg_decode_u32(&d, 0, BG_MAX_GROUPS - 1, "no group can have this index");
    sums.sums = decode_positions(&d, &sums.positions);
    size_t record_at = r->offset;
    sums.record = decode_record(&d);
    bg_require(&d,
               sums.record.round == sums.round && sums.record.attempt == sums.attempt &&
                   sums.record.group == sums.group,
               BG_DECODE, "the record must be of the same round, attempt and group");
    enum bg_status status = bg_decoder_end(&d, error);
    if (status != BG_OK)
        return status;
    sums.record_bytes = (struct bg_span){frame->body.data + record_at, BG_RECORD_BYTES};
    *ret = sums;
    return BG_OK;
}
