/* SPDX-License-Identifier: Apache-2.0 */
#include "client/update.h"

#include "base/checked.h"
#include "crypto/digest.h"
#include "crypto/pad.h"
#include "crypto/seal.h"
#include "crypto/wipe.h"
#include "protocol/envelope.h"
#include "protocol/pad_seed.h"
#include "wire/block.h"

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

/* Plaintexts of positions begin … end−1, with their pads, the tail reduced to the digits that it has. */
static enum bg_status pack_padded(const struct bg_update_context *context, const struct bg_slots *slots,
                                  const struct bg_pad_keys *pads, size_t begin, size_t end, uint8_t *plaintexts)
{
    const struct bg_shape *shape = context->shape;
    const struct bg_public_key *key = context->cipher->key;
    enum bg_status status = bg_pack(&shape->packing, key, slots, begin, end, plaintexts);
    for (size_t t = begin; status == BG_OK && t < end; t++) {
        struct bg_position_key position;
        bg_pad_key_at(pads, t, &position);
        status = bg_pad_add(key, &position, plaintexts + (t - begin) * shape->sum_bytes);
        bg_wipe(&position, sizeof position);
    }
    if (end == shape->positions)
        bg_wipe(plaintexts + (end - begin) * shape->sum_bytes - shape->tail_lacks, shape->tail_lacks);
    return status;
}

/* A block at a time: no more than that lies in memory unencrypted. */
static enum bg_status encrypt_padded(const struct bg_update_context *context, const struct bg_values *values,
                                     const struct bg_pad_keys *pads, uint8_t *ret_ciphertexts)
{
    const struct bg_shape *shape = context->shape;
    struct bg_slots slots[BG_SHAPE_MOST_FIELDS];
    size_t most = BG_BLOCK_POSITIONS * shape->sum_bytes;
    uint8_t *plaintexts = malloc(most);
    enum bg_status status = plaintexts ? BG_OK : BG_NO_MEMORY;
    bg_shape_slots(shape, values, slots);
    for (size_t begin = 0, end; status == BG_OK && begin < shape->positions; begin = end) {
        end = shape->positions - begin < BG_BLOCK_POSITIONS ? shape->positions : begin + BG_BLOCK_POSITIONS;
        struct bg_span span = {plaintexts, (end - begin) * shape->sum_bytes};
        status = pack_padded(context, slots, pads, begin, end, plaintexts);
        if (status == BG_OK)
            status = bg_cipher_encrypt(context->cipher, span, end - begin, context->masks,
                                       ret_ciphertexts + begin * shape->position_bytes);
    }
    if (plaintexts)
        bg_wipe(plaintexts, most);
    free(plaintexts);
    return status;
}

/* The payload of all positions, and what the manifest says of its pads. */
static enum bg_status make_payload(const struct bg_update_context *context, const struct bg_values *values,
                                   const float *coordinates, uint8_t *ret_payload, struct bg_manifest *manifest,
                                   uint8_t ret_sealed[static BG_SEALED_SEED_BYTES])
{
    uint8_t seed[BG_SEED_BYTES];
    struct bg_pad_keys pads;
    if (context->shape->encryption == BG_PLAN_OFF) {
        bg_plain_encode(context->shape, values, coordinates, ret_payload);
        return BG_OK;
    }
    enum bg_status status = bg_random_fill(context->random, seed, sizeof seed);
    if (status != BG_OK)
        return status;
    bg_pad_keys_of_task(&pads, seed, context->plan, context->plan_id, context->task);
    bg_pad_commit(&pads, context->shape->positions, &manifest->pad_commitment);
    status = encrypt_padded(context, values, &pads, ret_payload);
    if (status == BG_OK)
        status = bg_pad_seed_seal(seed, context->plan->root.sealing_key, &manifest->client, context->plan_id,
                                  context->random, ret_sealed);
    bg_pad_keys_finish(&pads);
    bg_wipe(seed, sizeof seed);
    manifest->sealed_seed = (struct bg_span){ret_sealed, BG_SEALED_SEED_BYTES};
    return status;
}

static struct bg_span block_payload(const struct bg_shape *shape, const uint8_t *payload, size_t block,
                                    uint32_t *ret_positions)
{
    size_t first = block * BG_BLOCK_POSITIONS;
    size_t count = shape->positions - first < BG_BLOCK_POSITIONS ? shape->positions - first : BG_BLOCK_POSITIONS;
    *ret_positions = (uint32_t)count;
    return (struct bg_span){payload + first * shape->position_bytes, bg_shape_payload_bytes(shape, first, count)};
}

/* Manifest and blocks over a finished payload. */
static enum bg_status write_frames(const struct bg_update_context *context, struct bg_manifest *manifest,
                                   const uint8_t *payload, struct bg_digest *digests, struct bg_update *update)
{
    const struct bg_population *population = &context->plan->key.population;
    struct bg_writer *w = &update->frames;
    for (size_t i = 0; i < update->block_count; i++) {
        uint32_t positions;
        bg_sha256(block_payload(context->shape, payload, i, &positions), &digests[i]);
    }
    manifest->block_digests = (struct bg_span){digests[0].bytes, update->block_count * BG_DIGEST_BYTES};
    bg_manifest_encode_unsigned(w, population, context->plan_id, manifest);
    enum bg_status status = bg_envelope_close(context->identity, BG_SIGNED_MANIFEST, w, 0);
    if (status != BG_OK)
        return status;
    update->manifest_bytes = w->size;
    for (size_t i = 0; i < update->block_count; i++) {
        struct bg_block block = {.round = manifest->round,
                                 .attempt = manifest->attempt,
                                 .group = manifest->group,
                                 .client = manifest->client,
                                 .index = (uint32_t)i};
        block.payload = block_payload(context->shape, payload, i, &block.positions);
        bg_block_encode(w, population, context->plan_id, &block);
        if (i == 0)
            update->block_bytes = w->size - update->manifest_bytes;
    }
    return w->status;
}

enum bg_status bg_update_build(const struct bg_update_context *context, const struct bg_values *values,
                               const float *coordinates, struct bg_error *error, struct bg_update *ret_update)
{
    const struct bg_shape *shape = context->shape;
    struct bg_update update = {.block_count = bg_manifest_blocks(shape->positions)};
    uint8_t sealed[BG_SEALED_SEED_BYTES];
    struct bg_manifest manifest = {.key_id = context->plan->key.key_id,
                                   .model = context->task->model,
                                   .task = *context->task_digest,
                                   .epoch = context->task->epoch,
                                   .round = context->task->round,
                                   .attempt = context->task->attempt,
                                   .group = context->group,
                                   .client = *bg_identity_digest(context->identity),
                                   .positions = shape->positions};
    bg_writer_init(&update.frames);
    uint8_t *payload = calloc(shape->positions, shape->position_bytes);
    struct bg_digest *digests = calloc(update.block_count, sizeof *digests);
    enum bg_status status = payload && digests ? BG_OK : BG_NO_MEMORY;
    if (status == BG_OK)
        status = make_payload(context, values, coordinates, payload, &manifest, sealed);
    if (status == BG_OK)
        status = write_frames(context, &manifest, payload, digests, &update);
    free(payload);
    free(digests);
    if (status != BG_OK) {
        bg_update_finish(&update);
        return bg_fail(error, status, "update for round %llu: %s", (unsigned long long)manifest.round,
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
