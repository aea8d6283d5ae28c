/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/receipt.h"

#include "base/layout.h"
#include "wire/decoder.h"

#include <float.h>
#include <string.h>

#define GROUP_BYTES (4 + 1 + 8)

void bg_receipt_encode_unsigned(struct bg_writer *w, const struct bg_population *population,
                                const struct bg_digest *plan_id, const struct bg_receipt *receipt)
{
    size_t start = bg_frame_begin(w, BG_FRAME_RECEIPT, population, plan_id);
    bg_write_u64(w, receipt->round);
    bg_write_u32(w, receipt->attempt);
    bg_write_u8(w, (uint8_t)receipt->outcome);
    bg_write_u16(w, receipt->reason);
    bg_write_digest(w, &receipt->model);
    bg_write_u64(w, receipt->tensor_count);
    for (size_t i = 0; i < receipt->tensor_count; i++)
        bg_write_f64(w, receipt->scales[i]);
    bg_write_u64(w, receipt->group_count);
    for (size_t i = 0; i < receipt->group_count; i++) {
        bg_write_u32(w, receipt->groups[i].index);
        bg_write_u8(w, receipt->groups[i].used);
        bg_write_u64(w, receipt->groups[i].members);
    }
    bg_frame_end_unsigned(w, start);
}

static bool is_reason(uint16_t reason)
{
    return strcmp(bg_status_name((enum bg_status)-(int)reason), "UNKNOWN") != 0;
}

static void decode_outcome(struct bg_decoder *d, struct bg_receipt *receipt)
{
    receipt->outcome = (enum bg_round_outcome)bg_decode_choice(d, BG_ROUND_COMMITTED, BG_ROUND_ABANDONED,
                                                               "the outcome must be 1 (committed) or 2 (abandoned)");
    receipt->reason = bg_read_u16(&d->reader);
    if (receipt->outcome == BG_ROUND_COMMITTED)
        bg_require(d, receipt->reason == 0, BG_DECODE, "a committed round has reason 0");
    else
        bg_require(d, receipt->reason > 0 && is_reason(receipt->reason), BG_DECODE,
                   "an abandoned round has the number of a status as its reason");
}

static void decode_scales(struct bg_decoder *d, struct bg_arena *arena, struct bg_receipt *receipt)
{
    receipt->tensor_count = bg_read_count(&d->reader, BG_LAYOUT_MAX_TENSORS, sizeof *receipt->scales);
    bg_require(d, receipt->outcome == BG_ROUND_COMMITTED || receipt->tensor_count == 0, BG_DECODE,
               "an abandoned round has no scales");
    double *scales = bg_decoder_alloc(d, arena, receipt->tensor_count, sizeof *scales);
    for (size_t i = 0; i < receipt->tensor_count && bg_decoder_ok(d); i++)
        scales[i] = bg_decode_real(d, DBL_TRUE_MIN, DBL_MAX, "a scale must be finite and above 0");
    receipt->scales = scales;
}

static void decode_groups(struct bg_decoder *d, struct bg_arena *arena, struct bg_receipt *receipt)
{
    receipt->group_count = bg_read_count(&d->reader, BG_MAX_GROUPS, GROUP_BYTES);
    struct bg_receipt_group *groups = bg_decoder_alloc(d, arena, receipt->group_count, sizeof *groups);
    for (size_t i = 0; i < receipt->group_count && bg_decoder_ok(d); i++) {
        struct bg_receipt_group *group = &groups[i];
        group->index = bg_decode_u32(d, 0, BG_MAX_GROUPS - 1, "no group can have this index");
        bg_require(d, i == 0 || group->index > groups[i - 1].index, BG_DECODE, "the groups must ascend");
        group->used = bg_decode_bool(d, "whether a group was used must be 0 or 1");
        group->members = bg_read_u64(&d->reader);
        bg_require(d, !group->used || group->members, BG_DECODE, "a used group must name its members");
        bg_require(d, !group->used || receipt->outcome == BG_ROUND_COMMITTED, BG_DECODE,
                   "an abandoned round uses no group");
    }
    receipt->groups = groups;
}

enum bg_status bg_receipt_decode(const struct bg_frame *frame, struct bg_arena *arena, struct bg_error *error,
                                 struct bg_receipt *ret)
{
    struct bg_decoder d;
    struct bg_reader *r = &d.reader;
    struct bg_receipt receipt = {0};
    bg_decoder_init(&d, "receipt", frame->body);
    bg_require(&d, frame->type == BG_FRAME_RECEIPT, BG_DECODE, "the frame is of another type");
    receipt.round = bg_read_u64(r);
    receipt.attempt = bg_read_u32(r);
    decode_outcome(&d, &receipt);
    receipt.model = bg_read_digest(r);
    decode_scales(&d, arena, &receipt);
    decode_groups(&d, arena, &receipt);
    (void)bg_read_span(r, BG_SIGNATURE_BYTES);
    enum bg_status status = bg_decoder_end(&d, error);
    if (status == BG_OK)
        *ret = receipt;
    return status;
}
