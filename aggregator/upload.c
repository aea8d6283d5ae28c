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
    free(upload->manifest_bytes);
    free(upload->payload);
    free(upload->block_states);
    bg_wipe(upload->seed, sizeof upload->seed);
    *upload = (struct bg_upload){0};
}

struct bg_cipher bg_upload_cipher(const struct bg_upload_terms *terms)
{
    return (struct bg_cipher){.mode = terms->shape->encryption == BG_PLAN_PAILLIER ? BG_ENCRYPTION_PAILLIER
                                                                                  : BG_ENCRYPTION_NULL,
                              .key = terms->key};
}

bool bg_upload_complete(const struct bg_upload *upload)
{
    return upload->verified && upload->blocks_good == upload->blocks;
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

static enum bg_status take_manifest(struct bg_upload *upload, const struct bg_upload_terms *terms,
                                    const struct bg_frame *frame)
{
    struct bg_frame copy;
    upload->blocks = bg_manifest_blocks(terms->shape->positions);
    upload->manifest_size = frame->bytes.size;
    upload->manifest_bytes = malloc(frame->bytes.size);
    upload->block_states = calloc(upload->blocks, sizeof *upload->block_states);
    if (!upload->manifest_bytes || !upload->block_states)
        return BG_NO_MEMORY;
    memcpy(upload->manifest_bytes, frame->bytes.data, frame->bytes.size);
    enum bg_status status =
        bg_frame_expect((struct bg_span){upload->manifest_bytes, upload->manifest_size}, BG_FRAME_MANIFEST, NULL,
                        &copy);
    return status == BG_OK ? bg_manifest_decode(&copy, NULL, &upload->manifest) : status;
}

enum bg_status bg_upload_begin(struct bg_upload *upload, const struct bg_upload_terms *terms,
                               const struct bg_frame *frame, const struct bg_manifest *manifest,
                               struct bg_error *error)
{
    char client[2 * BG_DIGEST_BYTES + 1];
    bg_digest_to_hex(&manifest->client, client);
    if (upload->manifest_bytes) {
        struct bg_span mine = {upload->manifest_bytes, upload->manifest_size};
        if (bg_span_equal(mine, frame->bytes))
            return BG_OK;
        return bg_fail(error, BG_DUPLICATE, "client %s: a second, different update for round %llu", client,
                       (unsigned long long)manifest->round);
    }
    enum bg_status status = check_terms(terms, frame, manifest, client, error);
    if (status != BG_OK)
        return status;
    status = take_manifest(upload, terms, frame);
    if (status != BG_OK) {
        bg_upload_finish(upload);
        return bg_fail(error, status, "client %s: %s", client, bg_status_text(status));
    }
    return BG_OK;
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

static size_t block_size(const struct bg_shape *shape, size_t index, size_t *ret_positions)
{
    size_t left = shape->positions - index * BG_BLOCK_POSITIONS;
    *ret_positions = left < BG_BLOCK_POSITIONS ? left : BG_BLOCK_POSITIONS;
    return bg_shape_payload_bytes(shape, index * BG_BLOCK_POSITIONS, *ret_positions);
}

static uint8_t *block_start(const struct bg_upload *upload, const struct bg_shape *shape, size_t index)
{
    return upload->payload + index * BG_BLOCK_POSITIONS * shape->position_bytes;
}

static enum bg_status check_origin(const struct bg_manifest *manifest, const struct bg_block *block,
                                   const char *client, struct bg_error *error)
{
    if (block->round != manifest->round || block->attempt != manifest->attempt)
        return bg_fail(error, BG_WRONG_ROUND, "client %s: block %u for round %llu, its manifest is for %llu", client,
                       block->index, (unsigned long long)block->round, (unsigned long long)manifest->round);
    if (block->group != manifest->group || !bg_digest_equal(&block->client, &manifest->client))
        return bg_fail(error, BG_UNKNOWN_CLIENT, "client %s: block %u of another client's manifest", client,
                       block->index);
    return BG_OK;
}

enum bg_status bg_upload_place(struct bg_upload *upload, const struct bg_upload_terms *terms,
                               const struct bg_block *block, struct bg_error *error, bool *ret_news)
{
    char client[2 * BG_DIGEST_BYTES + 1];
    bg_digest_to_hex(&block->client, client);
    if (!upload->verified)
        return bg_fail(error, BG_NOT_FOUND, "client %s: block %u before its manifest was accepted", client,
                       block->index);
    enum bg_status status = check_origin(&upload->manifest, block, client, error);
    if (status != BG_OK)
        return status;
    if (block->index >= upload->blocks)
        return bg_fail(error, BG_INVALID, "client %s: block %u of %zu", client, block->index, upload->blocks);
    size_t positions;
    size_t size = block_size(terms->shape, block->index, &positions);
    if (block->positions != positions || block->payload.size != size)
        return bg_fail(error, BG_INVALID, "client %s: block %u has %u positions in %zu bytes instead of %zu in %zu",
                       client, block->index, block->positions, block->payload.size, positions, size);
    if (!upload->payload)
        upload->payload = calloc(terms->shape->positions, terms->shape->position_bytes);
    if (!upload->payload)
        return bg_fail(error, BG_NO_MEMORY, "client %s: block %u: out of memory", client, block->index);
    uint8_t *place = block_start(upload, terms->shape, block->index);
    if (upload->block_states[block->index] != BG_BLOCK_ABSENT) {
        if (memcmp(place, block->payload.data, size) != 0)
            return bg_fail(error, BG_DUPLICATE, "client %s: block %u again with other content", client, block->index);
        *ret_news = false;
        return BG_OK;
    }
    memcpy(place, block->payload.data, size);
    upload->block_states[block->index] = BG_BLOCK_CHECKING;
    *ret_news = true;
    return BG_OK;
}

enum bg_status bg_upload_verify_block(const struct bg_upload *upload, const struct bg_upload_terms *terms,
                                      size_t index, struct bg_error *error)
{
    char client[2 * BG_DIGEST_BYTES + 1];
    size_t positions, bad;
    size_t size = block_size(terms->shape, index, &positions);
    struct bg_span payload = {block_start(upload, terms->shape, index), size};
    struct bg_digest digest, promised = bg_manifest_block_digest(&upload->manifest, index);
    bg_digest_to_hex(&upload->manifest.client, client);
    bg_sha256(payload, &digest);
    if (!bg_digest_equal(&digest, &promised))
        return bg_fail(error, BG_BAD_DIGEST, "client %s: block %zu is not the one its manifest names", client, index);
    if (terms->shape->encryption == BG_PLAN_OFF)
        return BG_OK;
    struct bg_cipher cipher = bg_upload_cipher(terms);
    struct bg_span ciphertexts = {payload.data, positions * terms->shape->position_bytes};
    enum bg_status status = bg_cipher_check(&cipher, ciphertexts, positions, &bad);
    if (status == BG_OK && index + 1 == upload->blocks
        && !bg_tail_is_cut(&cipher, terms->shape->tail_lacks, ciphertexts.data, positions)) {
        bad = positions - 1;
        status = BG_BAD_CIPHERTEXT;
    }
    if (status == BG_BAD_CIPHERTEXT)
        return bg_fail(error, status, "client %s: position %zu: %s", client, index * BG_BLOCK_POSITIONS + bad,
                       bg_status_text(status));
    if (status != BG_OK)
        return bg_fail(error, status, "client %s: block %zu: %s", client, index, bg_status_text(status));
    return BG_OK;
}

void bg_upload_settle_block(struct bg_upload *upload, size_t index, bool good)
{
    upload->block_states[index] = good ? BG_BLOCK_GOOD : BG_BLOCK_ABSENT;
    upload->blocks_good += good;
}

struct bg_block bg_upload_block(const struct bg_upload *upload, const struct bg_shape *shape, size_t index)
{
    size_t positions;
    size_t size = block_size(shape, index, &positions);
    return (struct bg_block){.round = upload->manifest.round,
                             .attempt = upload->manifest.attempt,
                             .group = upload->manifest.group,
                             .client = upload->manifest.client,
                             .index = (uint32_t)index,
                             .positions = (uint32_t)positions,
                             .payload = {block_start(upload, shape, index), size}};
}
