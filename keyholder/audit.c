/* SPDX-License-Identifier: Apache-2.0 */
#include "keyholder/audit.h"

#include "crypto/digest.h"
#include "crypto/opening.h"
#include "crypto/pad.h"
#include "crypto/product.h"
#include "crypto/tail.h"
#include "crypto/wipe.h"
#include "protocol/envelope.h"
#include "wire/block.h"

#include <stdlib.h>
#include <string.h>

#define AUDIT_MEMORY ((size_t)1 << 28)

void bg_audit_init(struct bg_audit *audit, const struct bg_keyholder_settings *settings)
{
    *audit = (struct bg_audit){.settings = settings};
    bg_arena_init(&audit->arena, AUDIT_MEMORY);
}

void bg_audit_finish(struct bg_audit *audit)
{
    if (audit->has_shape)
        bg_shape_finish(&audit->shape);
    if (audit->has_plan)
        bg_plan_finish(&audit->plan);
    bg_arena_finish(&audit->arena);
}

static enum bg_status refuse(const struct bg_audit *audit, enum bg_status status, const char *why,
                             struct bg_error *error)
{
    return bg_fail(error, status, "round %llu, group %u: audit: %s", (unsigned long long)audit->request.round,
                   audit->request.group, why);
}

static enum bg_status refuse_member(const struct bg_audit *audit, uint32_t i, enum bg_status status, const char *why,
                                    struct bg_error *error)
{
    char hex[2 * BG_DIGEST_BYTES + 1];
    bg_digest_to_hex(&audit->members[i].manifest.client, hex);
    return bg_fail(error, status, "round %llu, group %u: audit: client %s: %s",
                   (unsigned long long)audit->request.round, audit->request.group, hex, why);
}

static enum bg_status refuse_in(const struct bg_audit *audit, enum bg_status status, struct bg_error *error)
{
    return bg_fail_in(error, status, "round %llu, group %u: audit", (unsigned long long)audit->request.round,
                      audit->request.group);
}

/* ---- reading ---- */

static size_t block_of(const struct bg_audit *audit)
{
    return (size_t)(audit->request.position / BG_BLOCK_POSITIONS);
}

static uint32_t block_positions(const struct bg_audit *audit)
{
    size_t left = audit->shape.positions - block_of(audit) * BG_BLOCK_POSITIONS;
    return left < BG_BLOCK_POSITIONS ? (uint32_t)left : BG_BLOCK_POSITIONS;
}

/* The manifests are exactly those of the group's last opening: their digest is in its record. */
static enum bg_status read_manifests(struct bg_audit *audit, const struct bg_group *group,
                                     const struct bg_record *record, struct bg_error *error)
{
    const struct bg_audit_request *request = &audit->request;
    struct bg_span manifests[BG_MAX_GROUP_MEMBERS];
    uint64_t places = record->members;
    for (uint32_t i = 0; i < request->member_count; i++)
        manifests[i] = request->members[i].manifest;
    struct bg_digest digest = bg_manifests_digest(manifests, request->member_count);
    if (!record->sequence || record->round != request->round || record->attempt != request->attempt ||
        (uint32_t)__builtin_popcountll(record->members) != request->member_count ||
        !bg_digest_equal(&digest, &record->manifests))
        return refuse(audit, BG_REFUSED, "not of what was opened last in this group", error);
    audit->members = BG_ARENA_ARRAY(&audit->arena, struct bg_audit_member_state, request->member_count);
    if (!audit->members)
        return refuse(audit, BG_NO_MEMORY, "out of memory", error);
    for (uint32_t i = 0; i < request->member_count; i++, places &= places - 1) {
        struct bg_frame frame;
        struct bg_manifest *manifest = &audit->members[i].manifest;
        enum bg_status status = bg_frame_expect(manifests[i], BG_FRAME_MANIFEST, error, &frame);
        if (status == BG_OK)
            status = bg_manifest_decode(&frame, error, manifest);
        if (status != BG_OK)
            return refuse_in(audit, status, error);
        audit->members[i].place = (uint32_t)__builtin_ctzll(places);
        if (!bg_digest_equal(&manifest->client, &group->members[audit->members[i].place]) ||
            !bg_digest_equal(&frame.plan_id, &audit->frame.plan_id))
            return refuse_member(audit, i, BG_REFUSED, "its manifest is of another plan or place", error);
    }
    return BG_OK;
}

/* Slots and positions follow from the plan that both sides signed and the task that the members named. */
static enum bg_status read_terms(struct bg_audit *audit, const struct bg_epochs *epochs, struct bg_error *error)
{
    const struct bg_keyholder_settings *settings = audit->settings;
    const struct bg_manifest *first = &audit->members[0].manifest;
    struct bg_frame plan, task;
    struct bg_digest digest;
    enum bg_status status = bg_frame_expect(audit->request.plan, BG_FRAME_PLAN, error, &plan);
    if (status == BG_OK)
        status = bg_plan_decode(&plan, &audit->arena, error, &audit->plan);
    if (status != BG_OK)
        return refuse_in(audit, status, error);
    audit->has_plan = true;
    if (!bg_digest_equal(&plan.plan_id, &audit->frame.plan_id) ||
        !bg_span_equal(audit->plan.key_bytes, epochs->key_bytes))
        return refuse(audit, BG_STALE_PLAN, "its plan is not that of the members", error);
    status = bg_plan_verify(&plan, &audit->plan, bg_identity_point(settings->identity), settings->root, error);
    if (status == BG_OK)
        status = bg_frame_expect(audit->request.task, BG_FRAME_TASK, error, &task);
    if (status == BG_OK)
        status = bg_task_decode(&task, &audit->arena, error, &audit->task);
    if (status != BG_OK)
        return refuse_in(audit, status, error);
    bg_sha256(audit->request.task, &digest);
    if (!bg_digest_equal(&digest, &first->task))
        return refuse(audit, BG_REFUSED, "its task is not that of the members", error);
    status = bg_shape_init(&audit->plan, &audit->task, error, &audit->shape);
    if (status != BG_OK)
        return refuse_in(audit, status, error);
    audit->has_shape = true;
    if (audit->shape.positions != first->positions || audit->request.position >= first->positions)
        return refuse(audit, BG_REFUSED, "no such position", error);
    return BG_OK;
}

static enum bg_status read_blocks(struct bg_audit *audit, struct bg_span rest, struct bg_error *error)
{
    size_t size = bg_shape_payload_bytes(&audit->shape, block_of(audit) * BG_BLOCK_POSITIONS, block_positions(audit));
    for (uint32_t i = 0; i < audit->request.member_count; i++) {
        struct bg_frame frame;
        struct bg_block block;
        const struct bg_manifest *manifest = &audit->members[i].manifest;
        if (!rest.size)
            return refuse_member(audit, i, BG_NOT_FOUND, "its block is missing", error);
        enum bg_status status = bg_frame_decode(rest, error, &frame, &rest);
        if (status == BG_OK)
            status = bg_block_decode(&frame, error, &block);
        if (status != BG_OK)
            return refuse_in(audit, status, error);
        if (!bg_digest_equal(&block.client, &manifest->client) || block.index != block_of(audit) ||
            block.payload.size != size)
            return refuse_member(audit, i, BG_NOT_FOUND, "another block stands where its own should", error);
        audit->members[i].payload = block.payload;
    }
    return rest.size ? refuse(audit, BG_DECODE, "bytes follow the blocks", error) : BG_OK;
}

enum bg_status bg_audit_read(struct bg_audit *audit, const struct bg_epochs *epochs, const struct bg_record *records,
                             struct bg_span body, struct bg_error *error)
{
    struct bg_span rest;
    struct bg_writer record;
    struct bg_audit_request *request = &audit->request;
    enum bg_status status = bg_frame_decode(body, error, &audit->frame, &rest);
    if (status == BG_OK)
        status = bg_audit_request_decode(&audit->frame, &audit->arena, error, request);
    if (status != BG_OK)
        return status;
    bg_sha256(body, &audit->digest);
    if (!bg_population_equal(&audit->frame.population, &audit->settings->population))
        return refuse(audit, BG_WRONG_POPULATION, "of another population", error);
    if (!epochs->epoch || request->epoch != epochs->epoch || request->group >= epochs->groups.count)
        return refuse(audit, BG_REFUSED, "of another epoch, or of a group that it does not have", error);
    status = read_manifests(audit, &epochs->groups.groups[request->group], &records[request->group], error);
    if (status == BG_OK)
        status = read_terms(audit, epochs, error);
    if (status == BG_OK)
        status = read_blocks(audit, rest, error);
    if (status != BG_OK)
        return status;
    audit->verdict = (struct bg_audit_verdict){.epoch = request->epoch,
                                               .round = request->round,
                                               .attempt = request->attempt,
                                               .group = request->group,
                                               .position = request->position};
    bg_writer_init(&record);
    bg_record_encode(&record, &records[request->group]);
    status = record.status;
    if (status == BG_OK)
        bg_sha256(bg_writer_span(&record), &audit->verdict.record);
    bg_writer_finish(&record);
    return status == BG_OK ? BG_OK : refuse(audit, status, "out of memory", error);
}

/* ---- arithmetic ---- */

static enum bg_status check_member(const struct bg_audit *audit, uint32_t i, struct bg_position_key *ret_key,
                                   struct bg_error *error)
{
    const struct bg_audit_member *shown = &audit->request.members[i];
    const struct bg_manifest *manifest = &audit->members[i].manifest;
    struct bg_digest digest, signed_digest = bg_manifest_block_digest(manifest, block_of(audit));
    memcpy(ret_key->bytes, shown->position_key.data, sizeof ret_key->bytes);
    if (shown->list.size != manifest->positions * BG_DIGEST_BYTES ||
        bg_pad_check_key(shown->list, &manifest->pad_commitment, audit->request.position, ret_key) != BG_OK)
        return refuse_member(audit, i, BG_BAD_COMMITMENT, "this is not the position key that it committed to", error);
    bg_sha256(audit->members[i].payload, &digest);
    if (!bg_digest_equal(&digest, &signed_digest))
        return refuse_member(audit, i, BG_BAD_DIGEST, "this is not the block that it signed", error);
    return BG_OK;
}

/* Bytes that the position lacks as the last one of the update. */
static size_t lacks(const struct bg_audit *audit)
{
    return audit->request.position + 1 == audit->shape.positions ? audit->shape.tail_lacks : 0;
}

/* The product of all, then each member's own. */
static enum bg_status gather(const struct bg_audit *audit, const struct bg_cipher *cipher, uint8_t *ret_ciphertexts)
{
    uint32_t count = audit->request.member_count;
    size_t width = audit->shape.position_bytes, size = width - lacks(audit);
    size_t at = (size_t)(audit->request.position % BG_BLOCK_POSITIONS) * width;
    struct bg_product *product = NULL;
    enum bg_status status = bg_product_create(cipher, 1, &product);
    for (uint32_t i = 0; status == BG_OK && i < count; i++) {
        uint8_t *own = ret_ciphertexts + (i + 1) * width;
        memcpy(own, audit->members[i].payload.data + at, size);
        status = bg_cipher_check(cipher, (struct bg_span){own, width}, 1, NULL);
        if (status == BG_OK)
            status = bg_product_multiply(product, 0, 1, (struct bg_span){own, width});
    }
    if (status == BG_OK)
        status = bg_product_write(product, 0, 1, ret_ciphertexts);
    if (status == BG_OK)
        bg_tail_cut(cipher, lacks(audit), ret_ciphertexts, 1);
    bg_product_destroy(&product);
    return status;
}

/* Slots of all positions, of which those of one are looked at. */
struct slots {
    uint64_t *fields;
    uint16_t *votes;
};

/* BG_OUT_OF_RANGE: no `members` honest members can have this sum at the position. */
static enum bg_status check_range(const struct bg_audit *audit, const struct slots *slots, const uint8_t *sum,
                                  uint32_t members)
{
    const struct bg_shape *shape = &audit->shape;
    size_t t = (size_t)audit->request.position, bad;
    struct bg_values values = {.fields = slots->fields, .votes = {BG_SLOTS_U16, slots->votes}};
    struct bg_slots arrays[BG_SHAPE_MOST_FIELDS];
    bg_shape_slots(shape, &values, arrays);
    enum bg_status status = bg_unpack(&shape->packing, audit->settings->public_key,
                                      (struct bg_span){sum, shape->sum_bytes}, t, t + 1, arrays, &bad);
    if (status == BG_OK)
        status = bg_packing_check_sums(&shape->packing, arrays, t, t + 1, members, &bad);
    if (status == BG_OK && t == 0 && slots->fields[0] != members)
        status = BG_OUT_OF_RANGE;
    return status;
}

/* Names members whose own part is out of range, if the sum is. `opened`: the sum, then the parts, padded. */
static enum bg_status judge(struct bg_audit *audit, const struct slots *slots, const struct bg_position_key *keys,
                            uint8_t *opened, struct bg_error *error)
{
    uint32_t count = audit->request.member_count;
    size_t size = audit->shape.sum_bytes;
    const struct bg_public_key *key = audit->settings->public_key;
    enum bg_status status = bg_pad_subtract(key, keys, count, opened);
    for (uint32_t i = 0; status == BG_OK && i < count; i++)
        status = bg_pad_subtract(key, &keys[i], 1, opened + (i + 1) * size);
    for (uint32_t i = 0; i <= count; i++)
        bg_wipe(opened + (i + 1) * size - lacks(audit), lacks(audit));
    if (status == BG_OK)
        status = check_range(audit, slots, opened, count);
    if (status == BG_OK)
        return refuse(audit, BG_REFUSED, "honest members can have this sum: nobody is named", error);
    for (uint32_t i = 0; status == BG_OUT_OF_RANGE && i < count; i++) {
        enum bg_status part = check_range(audit, slots, opened + (i + 1) * size, 1);
        if (part == BG_OUT_OF_RANGE)
            audit->verdict.named |= (uint64_t)1 << audit->members[i].place;
        else if (part != BG_OK)
            status = part;
    }
    if (status != BG_OUT_OF_RANGE)
        return refuse(audit, status, bg_status_text(status), error);
    return audit->verdict.named ? BG_OK : refuse(audit, BG_REFUSED, "every member's own part is within range", error);
}

static enum bg_status open_and_judge(struct bg_audit *audit, const struct slots *slots,
                                     const struct bg_position_key *keys, struct bg_error *error)
{
    const struct bg_keyholder_settings *settings = audit->settings;
    struct bg_cipher cipher = {.mode = settings->encryption == BG_PLAN_PAILLIER ? BG_ENCRYPTION_PAILLIER
                                                                                : BG_ENCRYPTION_NULL,
                               .key = settings->public_key};
    size_t count = audit->request.member_count + 1, size = count * audit->shape.sum_bytes;
    struct bg_span products = {NULL, count * audit->shape.position_bytes};
    uint8_t *ciphertexts = calloc(1, products.size), *opened = malloc(size);
    enum bg_status status = ciphertexts && opened ? gather(audit, &cipher, ciphertexts) : BG_NO_MEMORY;
    products.data = ciphertexts;
    if (status != BG_OK)
        refuse(audit, status, bg_status_text(status), error);
    else if ((status = bg_open_products(&cipher, settings->secret_key, products, count, &settings->blinding,
                                        settings->workers, error, opened)) != BG_OK)
        refuse_in(audit, status, error);
    else
        status = judge(audit, slots, keys, opened, error);
    if (opened)
        bg_wipe(opened, size);
    free(opened);
    free(ciphertexts);
    return status;
}

enum bg_status bg_audit_run(struct bg_audit *audit, struct bg_error *error)
{
    const struct bg_shape *shape = &audit->shape;
    size_t votes = shape->slots - shape->votes_at;
    struct bg_position_key keys[BG_MAX_GROUP_MEMBERS];
    struct slots slots = {.fields = calloc(shape->votes_at, sizeof *slots.fields),
                          .votes = calloc(votes + 1, sizeof *slots.votes)};
    enum bg_status status = slots.fields && slots.votes ? BG_OK : refuse(audit, BG_NO_MEMORY, "out of memory", error);
    for (uint32_t i = 0; status == BG_OK && i < audit->request.member_count; i++)
        status = check_member(audit, i, &keys[i], error);
    if (status == BG_OK)
        status = open_and_judge(audit, &slots, keys, error);
    if (slots.fields)
        bg_wipe(slots.fields, shape->votes_at * sizeof *slots.fields);
    if (slots.votes)
        bg_wipe(slots.votes, votes * sizeof *slots.votes);
    free(slots.fields);
    free(slots.votes);
    bg_wipe(keys, sizeof keys);
    return status;
}
