/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/shape.h"

#include "wire/block.h"
#include "wire/manifest.h"

#include <math.h>
#include <string.h>

#define MANIFEST_BODY_BYTES                                                                                          \
    (3 * BG_DIGEST_BYTES + 8 + 8 + 4 + 4 + BG_DIGEST_BYTES + 8 + BG_DIGEST_BYTES + 4 + 4 + BG_SIGNATURE_BYTES)

struct bg_codec_settings bg_plan_codec_settings(const struct bg_plan_codec *codec)
{
    return (struct bg_codec_settings){
        .mode = (enum bg_codec_mode)codec->mode,
        .scale_basis = codec->scale_from_residual ? BG_SCALE_FROM_RESIDUAL : BG_SCALE_FROM_DELTA,
        .centre = codec->centre_median ? BG_CENTRE_MEDIAN : BG_CENTRE_ZERO,
        .clip = codec->clip,
        .growth = codec->growth,
        .growth_from = codec->growth_from,
        .percentile = codec->percentile,
        .decay = codec->decay,
        .client_momentum = codec->client_momentum,
        .server_momentum = codec->server_momentum,
        .server_step = codec->server_step,
    };
}

struct bg_codec_round bg_task_codec_round(const struct bg_task *task)
{
    return (struct bg_codec_round){.scales_only = task->stage == BG_STAGE_SCALES,
                                   .travels = task->travels,
                                   .window = {.first = task->window_first, .rest = task->window_rest},
                                   .centres = task->centres,
                                   .scales = task->scales};
}

static size_t packing_fields(const struct bg_shape *shape,
                             struct bg_packing_field fields[static BG_SHAPE_MOST_FIELDS])
{
    const struct bg_statistics_form *form = &shape->statistics;
    size_t count = 0;
    fields[count++] = (struct bg_packing_field){.count = 1, .max = 1};
    if (shape->measures) {
        fields[count++] = (struct bg_packing_field){.count = 1 + form->classes, .max = BG_STATISTICS_ROWS};
        fields[count++] = (struct bg_packing_field){.count = form->columns, .max = form->first_most, .wide = true};
        fields[count++] = (struct bg_packing_field){.count = form->seconds, .max = form->second_most, .wide = true};
        return count;
    }
    if (shape->scale_count)
        fields[count++] = (struct bg_packing_field){.count = shape->scale_count, .max = shape->scale_most};
    if (shape->centre_count)
        fields[count++] = (struct bg_packing_field){.count = shape->centre_count, .max = BG_CENTRE_FIELD_MAX};
    if (shape->vote_count)
        fields[count++] = (struct bg_packing_field){.count = shape->vote_count, .max = 1};
    return count;
}

static enum bg_status pack_shape(const struct bg_plan *plan, struct bg_error *error, struct bg_shape *shape)
{
    struct bg_packing_field fields[BG_SHAPE_MOST_FIELDS];
    size_t count = packing_fields(shape, fields);
    struct bg_packing_spec spec = {.bits = plan->key.key_bits,
                                   .s = plan->key.s,
                                   .k_max = plan->key.group_most,
                                   .radix = plan->key.mixed_radix ? BG_RADIX_MIXED : BG_RADIX_BITS,
                                   .fields = fields,
                                   .field_count = count};
    enum bg_status status = bg_packing_init(&shape->packing, &spec, error);
    if (status != BG_OK)
        return status;
    size_t digit_bytes = plan->key.key_bits / 8;
    shape->positions = shape->packing.positions;
    shape->sum_bytes = digit_bytes * plan->key.s;
    shape->position_bytes = digit_bytes * (plan->key.s + 1);
    shape->tail_lacks = digit_bytes * (plan->key.s - shape->packing.tail);
    shape->seed_bytes = BG_SEALED_SEED_BYTES;
    shape->tags_bytes = plan->key.knowledge_tags ? bg_manifest_tags_bytes(bg_manifest_blocks(shape->positions)) : 0;
    return BG_OK;
}

/* Of a slot before the votes, with encryption off. */
static size_t plain_field_bytes(const struct bg_shape *shape)
{
    return shape->measures ? 8 : 2;
}

static uint64_t plain_bytes(const struct bg_shape *shape)
{
    uint64_t votes = shape->vote_count;
    uint64_t fields = plain_field_bytes(shape) * (uint64_t)shape->votes_at;
    return fields + (shape->dense ? 4 * votes : votes / 8 + (votes % 8 != 0));
}

/* What plan and task must agree on before any slot is counted. */
static enum bg_status check_terms(const struct bg_plan *plan, const struct bg_task *task, struct bg_error *error)
{
    bool dense = plan->root.codec.mode == BG_PLAN_CODEC_DENSE;
    unsigned long long round = task->round;
    if (task->tensor_count != plan->root.layout.tensor_count)
        return bg_fail(error, BG_INVALID, "task of round %llu: %zu tensors where the plan has %zu", round,
                       task->tensor_count, plan->root.layout.tensor_count);
    if (dense && plan->key.encryption != BG_PLAN_OFF)
        return bg_fail(error, BG_INVALID, "plan: mode dense sends floats, which cannot be encrypted: "
                                          "set encryption.mode to off or choose another codec.mode");
    if (task->stage == BG_STAGE_SCALES && plan->root.codec.mode != BG_PLAN_CODEC_EF)
        return bg_fail(error, BG_INVALID, "task of round %llu: only mode ef has scales", round);
    if (bg_task_stage_measures(task->stage) && plan->root.feature_count > BG_STATISTICS_COLUMNS)
        return bg_fail(error, BG_INVALID, "task of round %llu: statistics of %zu features, at most %d are measured",
                       round, plan->root.feature_count, BG_STATISTICS_COLUMNS);
    return BG_OK;
}

/* Slots of statistics. */
static void measure(const struct bg_plan *plan, const struct bg_task *task, struct bg_shape *shape)
{
    shape->dense = false;
    shape->measures = true;
    shape->statistics = bg_statistics_form(task->stage, plan->root.feature_count, plan->root.class_count);
    shape->scales_at = shape->centres_at = 1;
    shape->votes_at = shape->slots = 1 + bg_statistics_slots(&shape->statistics);
}

/* Tensors that travel, and how many coordinates they have; SIZE_MAX where one has none to vote on. */
static size_t count_travelling(const struct bg_layout *layout, const struct bg_codec_round *round,
                               struct bg_error *error, size_t *ret_coordinates)
{
    size_t tensors = 0, coordinates = 0;
    for (size_t t = 0; t < layout->tensor_count; t++) {
        const struct bg_tensor *tensor = &layout->tensors[t];
        if (!round->travels[t])
            continue;
        if (bg_window_count(&round->window, tensor) == 0) {
            bg_fail(error, BG_INVALID, "task: tensor \"%s\" travels, but no coordinate of it is voted on",
                    tensor->name);
            return SIZE_MAX;
        }
        tensors++;
        coordinates += tensor->count;
    }
    *ret_coordinates = coordinates;
    return tensors;
}

/* Slots of an update of the model. */
static enum bg_status vote(const struct bg_plan *plan, const struct bg_task *task, struct bg_error *error,
                           struct bg_shape *shape)
{
    const struct bg_plan_codec *codec = &plan->root.codec;
    bool scales = task->stage == BG_STAGE_SCALES, ef = codec->mode == BG_PLAN_CODEC_EF;
    struct bg_codec_round round = bg_task_codec_round(task);
    size_t travelling = count_travelling(&plan->root.layout, &round, error, &shape->coordinates);
    if (travelling == SIZE_MAX)
        return BG_INVALID;
    if (shape->dense && travelling != task->tensor_count)
        return bg_fail(error, BG_INVALID, "task of round %llu: mode dense sends every tensor in every round",
                       (unsigned long long)task->round);
    if (!ef && round.window.rest)
        return bg_fail(error, BG_INVALID, "task of round %llu: it leaves coordinates out, which only mode ef can do: "
                                          "other modes keep no residual for them", (unsigned long long)task->round);
    shape->scale_count = ef ? travelling : 0;
    shape->centre_count = ef && codec->centre_median && !scales ? travelling : 0;
    shape->vote_count = bg_codec_votes(&plan->root.layout, &round);
    shape->scale_most = scales ? BG_SCALE_FIELD_ABSOLUTE : BG_SCALE_FIELD_MAX;
    shape->scales_at = 1;
    shape->centres_at = shape->scales_at + shape->scale_count;
    shape->votes_at = shape->centres_at + shape->centre_count;
    shape->slots = shape->votes_at + (shape->dense ? 0 : shape->vote_count);
    return BG_OK;
}

enum bg_status bg_shape_init(const struct bg_plan *plan, const struct bg_task *task, struct bg_error *error,
                             struct bg_shape *ret)
{
    struct bg_shape shape = {.encryption = plan->key.encryption,
                             .dense = plan->root.codec.mode == BG_PLAN_CODEC_DENSE};
    enum bg_status status = check_terms(plan, task, error);
    if (status == BG_OK && bg_task_stage_measures(task->stage))
        measure(plan, task, &shape);
    else if (status == BG_OK)
        status = vote(plan, task, error, &shape);
    if (status != BG_OK)
        return status;
    if (shape.encryption == BG_PLAN_OFF) {
        shape.position_bytes = BG_PLAIN_POSITION_BYTES;
        uint64_t bytes = plain_bytes(&shape);
        shape.positions = (size_t)(bytes / BG_PLAIN_POSITION_BYTES + (bytes % BG_PLAIN_POSITION_BYTES != 0));
    } else {
        status = pack_shape(plan, error, &shape);
        if (status != BG_OK)
            return status;
    }
    if (shape.positions > BG_MAX_POSITIONS) {
        bg_shape_finish(&shape);
        return bg_fail(error, BG_TOO_LARGE, "plan: %zu positions per update, at most %zu are allowed",
                       shape.positions, BG_MAX_POSITIONS);
    }
    *ret = shape;
    return BG_OK;
}

void bg_shape_finish(struct bg_shape *shape)
{
    if (shape->encryption != BG_PLAN_OFF && shape->packing.slots)
        bg_packing_finish(&shape->packing);
    *shape = (struct bg_shape){.encryption = BG_PLAN_OFF};
}

void bg_shape_slots(const struct bg_shape *shape, const struct bg_values *values,
                    struct bg_slots ret_slots[static BG_SHAPE_MOST_FIELDS])
{
    struct bg_packing_field fields[BG_SHAPE_MOST_FIELDS];
    size_t count = packing_fields(shape, fields);
    for (size_t i = 0, slot = 0; i < count; slot += fields[i++].count)
        ret_slots[i] = slot < shape->votes_at ? (struct bg_slots){BG_SLOTS_U64, values->fields + slot} : values->votes;
}

size_t bg_shape_payload_bytes(const struct bg_shape *shape, size_t first, size_t count)
{
    return count * shape->position_bytes - (first + count == shape->positions ? shape->tail_lacks : 0);
}

size_t bg_shape_sums_bytes(const struct bg_shape *shape)
{
    return shape->positions * shape->sum_bytes - shape->tail_lacks;
}

size_t bg_shape_manifest_bytes(const struct bg_shape *shape)
{
    size_t digests = bg_manifest_blocks(shape->positions) * BG_DIGEST_BYTES;
    return BG_FRAME_HEADER_BYTES + MANIFEST_BODY_BYTES + digests + shape->seed_bytes + shape->tags_bytes;
}

uint64_t bg_shape_update_bytes(const struct bg_shape *shape)
{
    uint64_t blocks = bg_manifest_blocks(shape->positions) * BG_BLOCK_HEADER_BYTES;
    return bg_shape_manifest_bytes(shape) + blocks + bg_shape_payload_bytes(shape, 0, shape->positions);
}

double bg_shape_bits_per_coordinate(const struct bg_shape *shape)
{
    return shape->vote_count ? 8.0 * (double)bg_shape_update_bytes(shape) / (double)shape->coordinates : 0;
}

static void encode_bits(const struct bg_slots *votes, size_t count, uint8_t *ret_bytes)
{
    const uint64_t *wide = votes->values;
    const uint16_t *narrow = votes->values;
    for (size_t i = 0; votes->type == BG_SLOTS_BITS && i < count; i += 8)
        ret_bytes[i / 8] = (uint8_t)(wide[i / 64] >> i % 64);
    for (size_t i = 0; votes->type != BG_SLOTS_BITS && i < count; i++)
        if (votes->type == BG_SLOTS_U16 ? narrow[i] != 0 : wide[i] != 0)
            ret_bytes[i / 8] |= (uint8_t)(1u << i % 8);
}

void bg_plain_encode(const struct bg_shape *shape, const struct bg_values *values, const float *coordinates,
                     uint8_t *ret_payload)
{
    size_t width = plain_field_bytes(shape);
    uint8_t *votes = ret_payload + width * shape->votes_at;
    memset(ret_payload, 0, shape->positions * shape->position_bytes);
    for (size_t i = 0; i < shape->votes_at; i++)
        for (size_t byte = 0; byte < width; byte++)
            ret_payload[width * i + byte] = (uint8_t)(values->fields[i] >> (8 * byte));
    if (!shape->dense) {
        encode_bits(&values->votes, shape->vote_count, votes);
        return;
    }
    for (size_t i = 0; i < shape->vote_count; i++) {
        uint32_t bits;
        memcpy(&bits, &coordinates[i], sizeof bits);
        for (size_t byte = 0; byte < 4; byte++)
            votes[4 * i + byte] = (uint8_t)(bits >> (8 * byte));
    }
}

static enum bg_status decode_coordinates(const struct bg_shape *shape, const uint8_t *bytes, float *ret_coordinates)
{
    for (size_t i = 0; i < shape->vote_count; i++) {
        uint32_t bits = 0;
        for (size_t byte = 0; byte < 4; byte++)
            bits |= (uint32_t)bytes[4 * i + byte] << (8 * byte);
        memcpy(&ret_coordinates[i], &bits, sizeof bits);
        if (!isfinite(ret_coordinates[i]))
            return BG_NOT_FINITE;
    }
    return BG_OK;
}

enum bg_status bg_plain_decode(const struct bg_shape *shape, struct bg_span payload, uint64_t *ret_fields,
                               uint64_t *ret_votes, float *ret_coordinates)
{
    size_t used = (size_t)plain_bytes(shape);
    if (payload.size != shape->positions * shape->position_bytes)
        return BG_TRUNCATED;
    size_t width = plain_field_bytes(shape);
    const uint8_t *votes = payload.data + width * shape->votes_at;
    for (size_t i = used; i < payload.size; i++)
        if (payload.data[i])
            return BG_DECODE;
    if (!shape->dense && shape->vote_count % 8 && votes[shape->vote_count / 8] >> (shape->vote_count % 8))
        return BG_DECODE;
    for (size_t i = 0; i < shape->votes_at; i++) {
        ret_fields[i] = 0;
        for (size_t byte = 0; byte < width; byte++)
            ret_fields[i] |= (uint64_t)payload.data[width * i + byte] << (8 * byte);
    }
    if (shape->dense)
        return decode_coordinates(shape, votes, ret_coordinates);
    memset(ret_votes, 0, bg_sign_words(shape->vote_count) * sizeof *ret_votes);
    for (size_t i = 0; i < shape->vote_count; i += 8)
        ret_votes[i / 64] |= (uint64_t)votes[i / 8] << i % 64;
    return BG_OK;
}
