/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/block.h"

#include "wire/decoder.h"

void bg_block_encode(struct bg_writer *w, const struct bg_population *population, const struct bg_digest *plan_id,
                     const struct bg_block *block)
{
    size_t start = bg_frame_begin(w, BG_FRAME_BLOCK, population, plan_id);
    bg_write_u64(w, block->round);
    bg_write_u32(w, block->attempt);
    bg_write_u32(w, block->group);
    bg_write_digest(w, &block->client);
    bg_write_u32(w, block->index);
    bg_write_u32(w, block->positions);
    bg_write_bytes(w, block->payload.data, block->payload.size);
    bg_frame_end(w, start);
}

enum bg_status bg_block_decode(const struct bg_frame *frame, struct bg_error *error, struct bg_block *ret)
{
    struct bg_decoder d;
    struct bg_reader *r = &d.reader;
    struct bg_block block;
    bg_decoder_init(&d, "block", frame->body);
    bg_require(&d, frame->type == BG_FRAME_BLOCK, BG_DECODE, "the frame is of another type");
    block.round = bg_read_u64(r);
    block.attempt = bg_read_u32(r);
    block.group = bg_decode_u32(&d, 0, BG_MAX_GROUPS - 1, "no group can have this index");
    block.client = bg_read_digest(r);
    block.index = bg_decode_u32(&d, 0, BG_MAX_BLOCKS - 1, "no block can have this index");
    block.positions = bg_decode_u32(&d, 1, BG_BLOCK_POSITIONS, "a block must have 1 to 64 positions");
    block.payload = bg_read_span(r, r->size - r->offset);
    bg_require_payload(&d, block.payload, block.positions);
    enum bg_status status = bg_decoder_end(&d, error);
    if (status == BG_OK)
        *ret = block;
    return status;
}
