/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/upload.h"

#include "crypto/digest.h"
#include "crypto/tail.h"
#include "crypto/wipe.h"
#include "protocol/envelope.h"

#include <stdlib.h>
#include <string.h>

void bg_upload_finish(struct bg_upload *upload)
{
    if (upload->held)
        bg_held_release(upload->held);
    else
        free((void *)upload->bytes.data);
    bg_wipe(upload->seed, sizeof upload->seed);
    *upload = (struct bg_upload){0};
}

struct bg_cipher bg_upload_cipher(const struct bg_upload_terms *terms)
{
    return (struct bg_cipher){.mode = terms->shape->encryption == BG_PLAN_PAILLIER ? BG_ENCRYPTION_PAILLIER
                                                                                  : BG_ENCRYPTION_NULL,
                              .key = terms->key};
}

static enum bg_status check_terms(const struct bg_upload_terms *terms, const struct bg_frame *frame,
                                  const struct bg_manifest *manifest, const char *client, struct bg_error *error)
{
    const struct bg_plan *plan = terms->plan;
    const struct bg_task *task = terms->task;
    if (!bg_population_equal(&frame->population, &plan->key.population))
        return bg_fail(error, BG_WRONG_POPULATION, "client %s: update for population %s", client,
                       frame->population.name);
    if (!bg_digest_equal(&frame->plan_id, terms->plan_id))
        return bg_fail(error, BG_STALE_PLAN, "client %s: update under a plan that is not in force; fetch the plan",
                       client);
    if (manifest->round != task->round || manifest->attempt != task->attempt || manifest->epoch != task->epoch)
        return bg_fail(error, BG_WRONG_ROUND, "client %s: update for round %llu, open is %llu", client,
                       (unsigned long long)manifest->round, (unsigned long long)task->round);
    if (!bg_digest_equal(&manifest->key_id, &plan->key.key_id))
        return bg_fail(error, BG_STALE_PLAN, "client %s: update under another key", client);
    if (!bg_digest_equal(&manifest->model, &task->model))
        return bg_fail(error, BG_STALE_PLAN, "client %s: update of another model", client);
    if (!bg_digest_equal(&manifest->task, terms->task_digest))
        return bg_fail(error, BG_WRONG_ROUND, "client %s: update for another task of round %llu than the open one",
                       client, (unsigned long long)task->round);
    if (manifest->positions != terms->shape->positions)
        return bg_fail(error, BG_DECODE, "client %s: %llu positions, the plan has %zu", client,
                       (unsigned long long)manifest->positions, terms->shape->positions);
    if (manifest->sealed_seed.size != terms->shape->seed_bytes)
        return bg_fail(error, BG_DECODE, "client %s: sealed seed of %zu bytes instead of %zu", client,
                       manifest->sealed_seed.size, terms->shape->seed_bytes);
    if (plan->key.knowledge_tags != (manifest->sealed_tags.size > 0))
        return bg_fail(error, BG_DECODE, "client %s: %s knowledge tags, the plan %s", client,
                       manifest->sealed_tags.size ? "sends" : "lacks",
                       plan->key.knowledge_tags ? "asks for them" : "does not ask for them");
    return BG_OK;
}

enum bg_status bg_upload_read(struct bg_span bytes, struct bg_error *error, struct bg_frame *ret_frame,
                              struct bg_manifest *ret_manifest)
{
    struct bg_span blocks;
    enum bg_status status = bg_frame_decode(bytes, error, ret_frame, &blocks);
    if (status == BG_OK && ret_frame->type != BG_FRAME_MANIFEST)
        return bg_fail(error, BG_DECODE, "expected an update, found a %s frame", bg_frame_type_name(ret_frame->type));
    return status == BG_OK ? bg_manifest_decode(ret_frame, error, ret_manifest) : status;
}

/* Of checked frames, the first of which is the manifest's. */
static enum bg_status take(struct bg_upload *upload, struct bg_span bytes, struct bg_held_bytes *held,
                           size_t manifest_size)
{
    struct bg_frame frame;
    struct bg_upload fresh = {.bytes = bytes, .held = held ? bg_held_keep(held) : NULL};
    if (!held) {
        uint8_t *copy = malloc(bytes.size);
        if (!copy)
            return BG_NO_MEMORY;
        memcpy(copy, bytes.data, bytes.size);
        fresh.bytes.data = copy;
    }
    fresh.frame = (struct bg_span){fresh.bytes.data, manifest_size};
    fresh.blocks = (struct bg_span){fresh.bytes.data + manifest_size, bytes.size - manifest_size};
    enum bg_status status = bg_frame_expect(fresh.frame, BG_FRAME_MANIFEST, NULL, &frame);
    if (status == BG_OK)
        status = bg_manifest_decode(&frame, NULL, &fresh.manifest);
    if (status == BG_OK)
        *upload = fresh;
    else
        bg_upload_finish(&fresh);
    return status;
}

enum bg_status bg_upload_begin(struct bg_upload *upload, const struct bg_upload_terms *terms, struct bg_span bytes,
                               struct bg_held_bytes *held, const struct bg_frame *frame,
                               const struct bg_manifest *manifest, struct bg_error *error)
{
    char client[2 * BG_DIGEST_BYTES + 1];
    uint64_t size = bg_shape_update_bytes(terms->shape);
    bg_digest_to_hex(&manifest->client, client);
    enum bg_status status = check_terms(terms, frame, manifest, client, error);
    if (status != BG_OK)
        return status;
    if (bytes.size != size)
        return bg_fail(error, bytes.size < size ? BG_TRUNCATED : BG_DECODE,
                       "client %s: %zu bytes, an update of this round has %llu: %s", client, bytes.size,
                       (unsigned long long)size,
                       bytes.size < size ? "blocks are missing" : "something follows its blocks");
    status = take(upload, bytes, held, frame->bytes.size);
    return status == BG_OK ? BG_OK : bg_fail(error, status, "client %s: %s", client, bg_status_text(status));
}

enum bg_status bg_upload_begin_manifest(struct bg_upload *upload, const struct bg_upload_terms *terms,
                                        const struct bg_frame *frame, const struct bg_manifest *manifest,
                                        struct bg_error *error)
{
    char client[2 * BG_DIGEST_BYTES + 1];
    bg_digest_to_hex(&manifest->client, client);
    enum bg_status status = check_terms(terms, frame, manifest, client, error);
    if (status != BG_OK)
        return status;
    status = take(upload, frame->bytes, NULL, frame->bytes.size);
    return status == BG_OK ? BG_OK : bg_fail(error, status, "client %s: %s", client, bg_status_text(status));
}

enum bg_status bg_upload_verify_signature(const struct bg_upload *upload,
                                          const uint8_t point[static BG_PUBLIC_POINT_BYTES], struct bg_error *error)
{
    char client[2 * BG_DIGEST_BYTES + 1];
    const struct bg_manifest *manifest = &upload->manifest;
    enum bg_status status =
        bg_envelope_verify(point, BG_SIGNED_MANIFEST, manifest->signed_bytes, manifest->signature);
    if (status == BG_OK)
        return BG_OK;
    bg_digest_to_hex(&manifest->client, client);
    return bg_fail(error, status, "client %s: the manifest's signature does not verify", client);
}

/* ---- blocks ---- */

size_t bg_upload_block_count(const struct bg_upload *upload)
{
    return upload->blocks.size ? bg_manifest_blocks(upload->manifest.positions) : 0;
}

struct bg_span bg_upload_payload(const struct bg_upload *upload, const struct bg_shape *shape, size_t index,
                                 size_t *ret_positions)
{
    size_t first = index * BG_BLOCK_POSITIONS, left = shape->positions - first;
    size_t positions = left < BG_BLOCK_POSITIONS ? left : BG_BLOCK_POSITIONS;
    size_t at = index * BG_BLOCK_HEADER_BYTES + bg_shape_payload_bytes(shape, 0, first) + BG_BLOCK_HEADER_BYTES;
    *ret_positions = positions;
    return (struct bg_span){upload->blocks.data + at, bg_shape_payload_bytes(shape, first, positions)};
}

static enum bg_status check_origin(const struct bg_upload *upload, const struct bg_upload_terms *terms,
                                   const struct bg_frame *frame, const struct bg_block *block, size_t index,
                                   const char *client, struct bg_error *error)
{
    const struct bg_manifest *manifest = &upload->manifest;
    if (!bg_population_equal(&frame->population, &terms->plan->key.population))
        return bg_fail(error, BG_WRONG_POPULATION, "client %s: block %zu for population %s", client, index,
                       frame->population.name);
    if (!bg_digest_equal(&frame->plan_id, terms->plan_id))
        return bg_fail(error, BG_STALE_PLAN, "client %s: block %zu under another plan than its manifest", client,
                       index);
    if (block->round != manifest->round || block->attempt != manifest->attempt)
        return bg_fail(error, BG_WRONG_ROUND, "client %s: block %zu for round %llu, its manifest is for %llu", client,
                       index, (unsigned long long)block->round, (unsigned long long)manifest->round);
    if (block->group != manifest->group || !bg_digest_equal(&block->client, &manifest->client))
        return bg_fail(error, BG_UNKNOWN_CLIENT, "client %s: block %zu of another client's manifest", client, index);
    if (block->index != index)
        return bg_fail(error, BG_INVALID, "client %s: block %u where block %zu belongs", client, block->index, index);
    return BG_OK;
}

/* Of all the block's ciphertexts, in place but for a tail, which is checked with zeros for the digits it lacks. */
static enum bg_status check_ciphertexts(const struct bg_upload_terms *terms, struct bg_span payload, size_t positions,
                                        size_t *reterr_position)
{
    uint8_t tail[BG_MAX_POSITION_BYTES] = {0};
    struct bg_cipher cipher = bg_upload_cipher(terms);
    size_t width = terms->shape->position_bytes, whole = payload.size / width;
    enum bg_status status = BG_OK;
    if (whole)
        status = bg_cipher_check(&cipher, (struct bg_span){payload.data, whole * width}, whole, reterr_position);
    if (status != BG_OK || whole == positions)
        return status;
    memcpy(tail, payload.data + whole * width, payload.size - whole * width);
    status = bg_cipher_check(&cipher, (struct bg_span){tail, width}, 1, reterr_position);
    if (status == BG_OK && !bg_tail_is_cut(&cipher, terms->shape->tail_lacks, tail, 1))
        status = BG_BAD_CIPHERTEXT;
    *reterr_position = whole;
    return status;
}

static enum bg_status verify_block(const struct bg_upload *upload, const struct bg_upload_terms *terms, size_t index,
                                   const char *client, struct bg_error *error)
{
    struct bg_frame frame;
    struct bg_block block;
    size_t positions, bad = 0;
    struct bg_span payload = bg_upload_payload(upload, terms->shape, index, &positions);
    struct bg_span bytes = {payload.data - BG_BLOCK_HEADER_BYTES, BG_BLOCK_HEADER_BYTES + payload.size};
    struct bg_digest digest, promised = bg_manifest_block_digest(&upload->manifest, index);
    enum bg_status status = bg_frame_expect(bytes, BG_FRAME_BLOCK, error, &frame);
    if (status == BG_OK)
        status = bg_block_decode(&frame, error, &block);
    if (status != BG_OK)
        return bg_fail_in(error, status, "client %s: block %zu", client, index);
    status = check_origin(upload, terms, &frame, &block, index, client, error);
    if (status != BG_OK)
        return status;
    if (block.positions != positions)
        return bg_fail(error, BG_INVALID, "client %s: block %zu has %u positions instead of %zu", client, index,
                       block.positions, positions);
    bg_sha256(payload, &digest);
    if (!bg_digest_equal(&digest, &promised))
        return bg_fail(error, BG_BAD_DIGEST, "client %s: block %zu is not the one its manifest names", client, index);
    if (terms->shape->encryption == BG_PLAN_OFF)
        return BG_OK;
    status = check_ciphertexts(terms, payload, positions, &bad);
    if (status == BG_BAD_CIPHERTEXT)
        return bg_fail(error, status, "client %s: position %zu: %s", client, index * BG_BLOCK_POSITIONS + bad,
                       bg_status_text(status));
    return status == BG_OK ? BG_OK
                           : bg_fail(error, status, "client %s: block %zu: %s", client, index, bg_status_text(status));
}

enum bg_status bg_upload_verify_blocks(const struct bg_upload *upload, const struct bg_upload_terms *terms,
                                       size_t first, size_t end, struct bg_error *error)
{
    char client[2 * BG_DIGEST_BYTES + 1];
    enum bg_status status = BG_OK;
    bg_digest_to_hex(&upload->manifest.client, client);
    for (size_t i = first; status == BG_OK && i < end; i++)
        status = verify_block(upload, terms, i, client, error);
    return status;
}

enum bg_status bg_upload_fold(const struct bg_upload *upload, const struct bg_shape *shape,
                              struct bg_product *product)
{
    uint8_t tail[BG_MAX_POSITION_BYTES] = {0};
    size_t width = shape->position_bytes, blocks = bg_upload_block_count(upload);
    enum bg_status status = BG_OK;
    for (size_t i = 0; status == BG_OK && i < blocks; i++) {
        size_t first = i * BG_BLOCK_POSITIONS, positions;
        struct bg_span payload = bg_upload_payload(upload, shape, i, &positions);
        size_t whole = payload.size / width;
        if (whole)
            status = bg_product_multiply(product, first, whole, (struct bg_span){payload.data, whole * width});
        if (status != BG_OK || whole == positions)
            continue;
        memcpy(tail, payload.data + whole * width, payload.size - whole * width);
        status = bg_product_multiply(product, first + whole, 1, (struct bg_span){tail, width});
    }
    return status;
}
