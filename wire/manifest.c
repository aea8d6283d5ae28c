/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/manifest.h"

#include "wire/decoder.h"

#include <assert.h>
#include <string.h>

void bg_manifest_encode_head(struct bg_writer *w, const struct bg_manifest *manifest)
{
    bg_write_digest(w, &manifest->key_id);
    bg_write_digest(w, &manifest->model);
    bg_write_digest(w, &manifest->task);
    bg_write_u64(w, manifest->epoch);
    bg_write_u64(w, manifest->round);
    bg_write_u32(w, manifest->attempt);
    bg_write_u32(w, manifest->group);
    bg_write_digest(w, &manifest->client);
    bg_write_u64(w, manifest->positions);
}

void bg_manifest_encode_unsigned(struct bg_writer *w, const struct bg_population *population,
                                 const struct bg_digest *plan_id, const struct bg_manifest *manifest)
{
    assert(manifest->block_digests.size == BG_DIGEST_BYTES * bg_manifest_blocks(manifest->positions));
    size_t start = bg_frame_begin(w, BG_FRAME_MANIFEST, population, plan_id);
    bg_manifest_encode_head(w, manifest);
    bg_write_bytes(w, manifest->block_digests.data, manifest->block_digests.size);
    bg_write_digest(w, &manifest->pad_commitment);
    bg_write_u32(w, (uint32_t)manifest->sealed_seed.size);
    bg_write_bytes(w, manifest->sealed_seed.data, manifest->sealed_seed.size);
    bg_write_u32(w, (uint32_t)manifest->sealed_tags.size);
    bg_write_bytes(w, manifest->sealed_tags.data, manifest->sealed_tags.size);
    bg_frame_end_unsigned(w, start);
}

/* Nothing, or exactly `size` bytes. */
static struct bg_span decode_sealed(struct bg_decoder *d, size_t size, const char *rule)
{
    uint32_t found = bg_read_u32(&d->reader);
    bg_require(d, found == 0 || found == size, BG_DECODE, rule);
    return bg_read_span(&d->reader, found);
}

enum bg_status bg_manifest_decode(const struct bg_frame *frame, struct bg_error *error, struct bg_manifest *ret)
{
    struct bg_decoder d;
    struct bg_reader *r = &d.reader;
    struct bg_manifest manifest;
    bg_decoder_init(&d, "manifest", frame->body);
    bg_require(&d, frame->type == BG_FRAME_MANIFEST, BG_DECODE, "the frame is of another type");
    manifest.key_id = bg_read_digest(r);
    manifest.model = bg_read_digest(r);
    manifest.task = bg_read_digest(r);
    manifest.epoch = bg_read_u64(r);
    manifest.round = bg_read_u64(r);
    manifest.attempt = bg_read_u32(r);
    manifest.group = bg_decode_u32(&d, 0, BG_MAX_GROUPS - 1, "no group can have this index");
    manifest.client = bg_read_digest(r);
    manifest.positions = bg_read_u64(r);
    bg_require(&d, manifest.positions > 0, BG_DECODE, "an update has at least one position");
    bg_require(&d, manifest.positions <= BG_MAX_POSITIONS, BG_TOO_LARGE, "more positions than an update may have");
    size_t blocks = bg_decoder_ok(&d) ? bg_manifest_blocks(manifest.positions) : 0;
    manifest.block_digests = bg_read_span(r, blocks * BG_DIGEST_BYTES);
    manifest.pad_commitment = bg_read_digest(r);
    manifest.sealed_seed = decode_sealed(&d, BG_SEALED_SEED_BYTES, "the sealed seed must have 113 bytes or none");
    manifest.sealed_tags = decode_sealed(&d, bg_manifest_tags_bytes(blocks),
                                         "the sealed tags must have 81 bytes and 16 per block, or none");
    manifest.signature = bg_read_span(r, BG_SIGNATURE_BYTES);
    enum bg_status status = bg_decoder_end(&d, error);
    if (status != BG_OK)
        return status;
    manifest.signed_bytes = (struct bg_span){frame->bytes.data, frame->bytes.size - BG_SIGNATURE_BYTES};
    *ret = manifest;
    return BG_OK;
}

struct bg_digest bg_manifest_block_digest(const struct bg_manifest *manifest, size_t block)
{
    struct bg_digest digest;
    assert(block < manifest->block_digests.size / BG_DIGEST_BYTES);
    memcpy(digest.bytes, manifest->block_digests.data + block * BG_DIGEST_BYTES, BG_DIGEST_BYTES);
    return digest;
}
