/* SPDX-License-Identifier: Apache-2.0 */
#include "client/update.h"

#include "crypto/digest.h"
#include "crypto/pad.h"
#include "crypto/seal.h"
#include "crypto/wipe.h"
#include "protocol/envelope.h"
#include "protocol/knowledge_tags.h"
#include "protocol/pad_seed.h"
#include "wire/block.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void bg_update_fields(const struct bg_shape *shape, const struct bg_task *task, const struct bg_codec_update *codec,
                      uint64_t *ret_fields)
{
    size_t field = 0;
    ret_fields[0] = 1;
    for (size_t tensor = 0; tensor < task->tensor_count; tensor++) {
        if (!task->travels[tensor])
            continue;
        if (shape->scale_count)
            ret_fields[shape->scales_at + field] = codec->scale_fields[tensor];
        if (shape->centre_count)
            ret_fields[shape->centres_at + field] = codec->centre_fields[tensor];
        field++;
    }
}

/* Blocks are made one after the other in the same memory, and what is unencrypted is never more than one. */
struct making {
    const struct bg_update_context *context;
    struct bg_slots slots[BG_SHAPE_MOST_FIELDS];
    uint8_t seed[BG_SEED_BYTES]; /* of the pads; they and plaintexts are absent with encryption off */
    struct bg_pad_keys pads;
    uint8_t *plaintexts;       /* of one block */
    uint8_t *payload;          /* of one block; with encryption off of all */
    struct bg_digest *digests; /* of the blocks */
    struct bg_manifest manifest;
    uint8_t sealed[BG_SEALED_SEED_BYTES];
    uint8_t *tags;             /* of the blocks, where the plan asks for them … */
    uint8_t *sealed_tags;      /* … and sealed */
};

static bool is_plain(const struct making *making)
{
    return making->context->shape->encryption == BG_PLAN_OFF;
}

/* Plaintexts of positions begin … end−1, with their pads, the tail reduced to the digits that it has. */
static enum bg_status pack_padded(struct making *making, size_t begin, size_t end)
{
    const struct bg_shape *shape = making->context->shape;
    const struct bg_public_key *key = making->context->cipher->key;
    uint8_t *plaintexts = making->plaintexts;
    enum bg_status status = bg_pack(&shape->packing, key, making->slots, begin, end, plaintexts);
    for (size_t t = begin; status == BG_OK && t < end; t++) {
        struct bg_position_key position;
        bg_pad_key_at(&making->pads, t, &position);
        status = bg_pad_add(key, &position, plaintexts + (t - begin) * shape->sum_bytes);
        bg_wipe(&position, sizeof position);
    }
    if (end == shape->positions)
        bg_wipe(plaintexts + (end - begin) * shape->sum_bytes - shape->tail_lacks, shape->tail_lacks);
    return status;
}

/* The payload of a block of positions begin … end−1; until the next call. */
static enum bg_status make_payload(struct making *making, size_t begin, size_t end, struct bg_span *ret_payload)
{
    const struct bg_update_context *context = making->context;
    const struct bg_shape *shape = context->shape;
    *ret_payload = (struct bg_span){making->payload + (is_plain(making) ? begin * shape->position_bytes : 0),
                                    bg_shape_payload_bytes(shape, begin, end - begin)};
    if (is_plain(making))
        return BG_OK;
    struct bg_span plaintexts = {making->plaintexts, (end - begin) * shape->sum_bytes};
    enum bg_status status = pack_padded(making, begin, end);
    return status == BG_OK
               ? bg_cipher_encrypt(context->cipher, plaintexts, end - begin, context->masks, making->payload)
               : status;
}

/* Of the block whose plaintexts are at hand. */
static enum bg_status make_tag(struct making *making, const struct bg_block *block)
{
    const struct bg_update_context *context = making->context;
    const struct bg_shape *shape = context->shape;
    struct bg_knowledge knowledge;
    enum bg_status status = bg_knowledge_of_block(&knowledge, &context->plan->key.population, context->plan_id,
                                                  &making->manifest, block->index, &making->digests[block->index]);
    if (status != BG_OK)
        return status;
    bool last = (size_t)block->index * BG_BLOCK_POSITIONS + block->positions == shape->positions;
    bg_knowledge_prove(&knowledge, context->cipher->key, making->plaintexts, block->positions,
                       last ? shape->tail_lacks : 0, making->tags + (size_t)block->index * BG_KNOWLEDGE_TAG_BYTES);
    return BG_OK;
}

static enum bg_status write_blocks(struct making *making, struct bg_update *update)
{
    const struct bg_update_context *context = making->context;
    const struct bg_manifest *manifest = &making->manifest;
    struct bg_writer *w = &update->frames;
    for (size_t i = 0; i < update->block_count; i++) {
        size_t first = i * BG_BLOCK_POSITIONS, left = context->shape->positions - first;
        struct bg_block block = {.round = manifest->round,
                                 .attempt = manifest->attempt,
                                 .group = manifest->group,
                                 .client = manifest->client,
                                 .index = (uint32_t)i,
                                 .positions = (uint32_t)(left < BG_BLOCK_POSITIONS ? left : BG_BLOCK_POSITIONS)};
        enum bg_status status = make_payload(making, first, first + block.positions, &block.payload);
        if (status != BG_OK)
            return status;
        bg_sha256(block.payload, &making->digests[i]);
        if (making->tags) {
            status = make_tag(making, &block);
            if (status != BG_OK)
                return status;
        }
        bg_block_encode(w, &context->plan->key.population, context->plan_id, &block);
        if (i == 0)
            update->block_bytes = w->size - update->manifest_bytes;
    }
    return w->status;
}

/* The seed to the root, the tags to the key holder. */
static enum bg_status seal_secrets(struct making *making, size_t blocks)
{
    const struct bg_update_context *context = making->context;
    struct bg_manifest *manifest = &making->manifest;
    enum bg_status status = bg_pad_seed_seal(making->seed, context->plan->root.sealing_key, &manifest->client,
                                             context->plan_id, context->random, making->sealed);
    manifest->sealed_seed = (struct bg_span){making->sealed, sizeof making->sealed};
    if (status != BG_OK || !making->tags)
        return status;
    manifest->sealed_tags = (struct bg_span){making->sealed_tags, bg_manifest_tags_bytes(blocks)};
    return bg_knowledge_tags_seal((struct bg_span){making->tags, blocks * BG_KNOWLEDGE_TAG_BYTES},
                                  context->plan->key.sealing_key, &manifest->client, context->plan_id,
                                  context->random, making->sealed_tags);
}

/* Signs over the finished blocks, into the room before them. */
static enum bg_status write_manifest(struct making *making, struct bg_update *update)
{
    const struct bg_update_context *context = making->context;
    struct bg_manifest *manifest = &making->manifest;
    struct bg_writer w;
    enum bg_status status = is_plain(making) ? BG_OK : seal_secrets(making, update->block_count);
    if (status != BG_OK)
        return status;
    manifest->block_digests = (struct bg_span){making->digests[0].bytes, update->block_count * BG_DIGEST_BYTES};
    bg_writer_init(&w);
    bg_manifest_encode_unsigned(&w, &context->plan->key.population, context->plan_id, manifest);
    status = bg_envelope_close(context->identity, BG_SIGNED_MANIFEST, &w, 0);
    if (status == BG_OK) {
        assert(w.size == update->manifest_bytes);
        memcpy(update->frames.data, w.data, w.size);
    }
    bg_writer_finish(&w);
    return status;
}

static enum bg_status making_init(struct making *making, const struct bg_update_context *context,
                                  const struct bg_values *values, const float *coordinates)
{
    const struct bg_shape *shape = context->shape;
    bool plain = shape->encryption == BG_PLAN_OFF, tags = shape->tags_bytes > 0;
    size_t block = shape->positions < BG_BLOCK_POSITIONS ? shape->positions : BG_BLOCK_POSITIONS;
    size_t blocks = bg_manifest_blocks(shape->positions);
    *making = (struct making){.context = context,
                              .plaintexts = plain ? NULL : calloc(block, shape->sum_bytes),
                              .payload = calloc(plain ? shape->positions : block, shape->position_bytes),
                              .digests = calloc(blocks, sizeof *making->digests),
                              .tags = tags ? calloc(blocks, BG_KNOWLEDGE_TAG_BYTES) : NULL,
                              .sealed_tags = tags ? calloc(1, shape->tags_bytes) : NULL,
                              .manifest = {.key_id = context->plan->key.key_id,
                                           .model = context->task->model,
                                           .task = *context->task_digest,
                                           .epoch = context->task->epoch,
                                           .round = context->task->round,
                                           .attempt = context->task->attempt,
                                           .group = context->group,
                                           .client = *bg_identity_digest(context->identity),
                                           .positions = shape->positions}};
    if ((!plain && !making->plaintexts) || !making->payload || !making->digests ||
        (tags && (!making->tags || !making->sealed_tags)))
        return BG_NO_MEMORY;
    if (plain) {
        bg_plain_encode(shape, values, coordinates, making->payload);
        return BG_OK;
    }
    bg_shape_slots(shape, values, making->slots);
    enum bg_status status = bg_random_fill(context->random, making->seed, sizeof making->seed);
    if (status != BG_OK)
        return status;
    bg_pad_keys_of_task(&making->pads, making->seed, context->plan, context->plan_id, context->task);
    bg_pad_commit(&making->pads, shape->positions, &making->manifest.pad_commitment);
    return BG_OK;
}

static void making_finish(struct making *making)
{
    const struct bg_shape *shape = making->context->shape;
    size_t block = shape->positions < BG_BLOCK_POSITIONS ? shape->positions : BG_BLOCK_POSITIONS;
    if (making->plaintexts)
        bg_wipe(making->plaintexts, block * shape->sum_bytes);
    free(making->plaintexts);
    free(making->payload);
    free(making->digests);
    free(making->tags);
    free(making->sealed_tags);
    bg_pad_keys_finish(&making->pads);
    bg_wipe(making->seed, sizeof making->seed);
}

enum bg_status bg_update_build(const struct bg_update_context *context, const struct bg_values *values,
                               const float *coordinates, struct bg_error *error, struct bg_update *ret_update)
{
    const struct bg_shape *shape = context->shape;
    struct bg_update update = {.block_count = bg_manifest_blocks(shape->positions),
                               .manifest_bytes = bg_shape_manifest_bytes(shape)};
    struct making making;
    bg_writer_init(&update.frames);
    enum bg_status status = making_init(&making, context, values, coordinates);
    if (status == BG_OK) {
        bg_writer_expect(&update.frames, bg_shape_update_bytes(shape));
        bg_write_reserve(&update.frames, update.manifest_bytes);
        status = write_blocks(&making, &update);
    }
    if (status == BG_OK)
        status = write_manifest(&making, &update);
    making_finish(&making);
    if (status != BG_OK) {
        bg_update_finish(&update);
        return bg_fail(error, status, "update for round %llu: %s", (unsigned long long)context->task->round,
                       bg_status_text(status));
    }
    *ret_update = update;
    return BG_OK;
}

void bg_update_finish(struct bg_update *update)
{
    bg_writer_finish(&update->frames);
    *update = (struct bg_update){0};
}

struct bg_span bg_update_frame(const struct bg_update *update, size_t i)
{
    struct bg_span all = bg_writer_span(&update->frames);
    if (i == 0)
        return (struct bg_span){all.data, update->manifest_bytes};
    size_t begin = update->manifest_bytes + (i - 1) * update->block_bytes;
    size_t size = i < update->block_count ? update->block_bytes : all.size - begin;
    return (struct bg_span){all.data + begin, size};
}
