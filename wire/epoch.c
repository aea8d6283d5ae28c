/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/epoch.h"

#include "wire/decoder.h"

static const struct bg_digest no_plan;

void bg_epoch_request_encode(struct bg_writer *w, const struct bg_population *population,
                             const struct bg_epoch_request *request)
{
    size_t start = bg_frame_begin(w, BG_FRAME_EPOCH_REQUEST, population, &no_plan);
    bg_write_u64(w, request->epoch);
    bg_write_digest(w, &request->roster);
    bg_write_digest(w, &request->nonce);
    bg_frame_end(w, start);
}

static void begin(struct bg_decoder *d, const struct bg_frame *frame, enum bg_frame_type type)
{
    bg_decoder_init(d, bg_frame_type_name(type), frame->body);
    bg_require(d, frame->type == type, BG_DECODE, "the frame is of another type");
    bg_require(d, bg_digest_equal(&frame->plan_id, &no_plan), BG_DECODE, "the plan id must be zero");
}

enum bg_status bg_epoch_request_decode(const struct bg_frame *frame, struct bg_error *error,
                                       struct bg_epoch_request *ret)
{
    struct bg_decoder d;
    struct bg_epoch_request request;
    begin(&d, frame, BG_FRAME_EPOCH_REQUEST);
    request.epoch = bg_read_u64(&d.reader);
    request.roster = bg_read_digest(&d.reader);
    request.nonce = bg_read_digest(&d.reader);
    enum bg_status status = bg_decoder_end(&d, error);
    if (status == BG_OK)
        *ret = request;
    return status;
}

void bg_epoch_reveal_encode_unsigned(struct bg_writer *w, const struct bg_population *population,
                                     const struct bg_epoch_reveal *reveal)
{
    size_t start = bg_frame_begin(w, BG_FRAME_EPOCH_REVEAL, population, &no_plan);
    bg_write_u64(w, reveal->epoch);
    bg_write_digest(w, &reveal->nonce);
    bg_write_digest(w, &reveal->next_commitment);
    bg_frame_end_unsigned(w, start);
}

enum bg_status bg_epoch_reveal_decode(const struct bg_frame *frame, struct bg_error *error,
                                      struct bg_epoch_reveal *ret)
{
    struct bg_decoder d;
    struct bg_epoch_reveal reveal;
    begin(&d, frame, BG_FRAME_EPOCH_REVEAL);
    reveal.epoch = bg_read_u64(&d.reader);
    reveal.nonce = bg_read_digest(&d.reader);
    reveal.next_commitment = bg_read_digest(&d.reader);
    (void)bg_read_span(&d.reader, BG_SIGNATURE_BYTES);
    enum bg_status status = bg_decoder_end(&d, error);
    if (status == BG_OK)
        *ret = reveal;
    return status;
}
