/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/group_sum.h"

#include "crypto/wipe.h"
#include "protocol/pad_seed.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void bg_group_sum_finish(struct bg_group_sum *sum)
{
    free(sum->fields);
    free(sum->mean);
    bg_group_vector_finish(&sum->votes);
    *sum = (struct bg_group_sum){0};
}

/* Sums of every slot. */
struct sums {
    uint64_t *fields; /* (votes_at) */
    uint16_t *counts; /* (slots − votes_at) of votes */
};

static_assert(BG_MAX_GROUP_MEMBERS + 2 <= UINT16_MAX, "counts, and codes that are none, fit");

static size_t vote_slots(const struct bg_shape *shape)
{
    return shape->slots - shape->votes_at;
}

static void sums_finish(const struct bg_shape *shape, struct sums *sums)
{
    if (sums->fields)
        bg_wipe(sums->fields, shape->votes_at * sizeof *sums->fields);
    if (sums->counts)
        bg_wipe(sums->counts, vote_slots(shape) * sizeof *sums->counts);
    free(sums->fields);
    free(sums->counts);
    *sums = (struct sums){0};
}

static enum bg_status sums_init(const struct bg_shape *shape, struct bg_error *error, struct sums *ret_sums)
{
    size_t votes = vote_slots(shape);
    *ret_sums = (struct sums){.fields = calloc(shape->votes_at, sizeof *ret_sums->fields),
                              .counts = calloc(votes ? votes : 1, sizeof *ret_sums->counts)};
    if (ret_sums->fields && ret_sums->counts)
        return BG_OK;
    sums_finish(shape, ret_sums);
    return bg_fail(error, BG_NO_MEMORY, "group sum: out of memory");
}

/* Out of checked sums; takes their fields. */
static enum bg_status split(const struct bg_shape *shape, struct sums *sums, uint32_t members,
                            struct bg_error *error, struct bg_group_sum *ret_sum)
{
    struct bg_group_sum sum = {.members = members};
    if (vote_slots(shape)) {
        enum bg_status status = bg_group_vector_init(&sum.votes, sums->counts, vote_slots(shape), members, error);
        if (status != BG_OK)
            return status;
    }
    sum.fields = sums->fields;
    sums->fields = NULL;
    *ret_sum = sum;
    return BG_OK;
}

/* All pads of the members off every position, and the tail reduced to the digits that it has. *reterr_position is one
 * with a digit of n or more. */
static enum bg_status take_off_pads(const struct bg_upload_terms *terms, const struct bg_upload *const *uploads,
                                    uint32_t members, uint8_t *sums, size_t *reterr_position)
{
    struct bg_pad_keys pads[BG_MAX_GROUP_MEMBERS];
    struct bg_position_key keys[BG_MAX_GROUP_MEMBERS];
    enum bg_status status = BG_OK;
    for (uint32_t m = 0; m < members; m++)
        bg_pad_keys_of_task(&pads[m], uploads[m]->seed, terms->plan, terms->plan_id, terms->task);
    for (size_t t = 0; status == BG_OK && t < terms->shape->positions; t++) {
        for (uint32_t m = 0; m < members; m++)
            bg_pad_key_at(&pads[m], t, &keys[m]);
        status = bg_pad_subtract(terms->key, keys, members, sums + t * terms->shape->sum_bytes);
        *reterr_position = t;
    }
    memset(sums + terms->shape->positions * terms->shape->sum_bytes - terms->shape->tail_lacks, 0,
           terms->shape->tail_lacks);
    for (uint32_t m = 0; m < members; m++)
        bg_pad_keys_finish(&pads[m]);
    bg_wipe(keys, sizeof keys);
    return status;
}

/* Slots that so many honest members can have, out of sums without pads. */
static enum bg_status unpack(const struct bg_upload_terms *terms, uint32_t members, const uint8_t *sums,
                             struct sums *opened, size_t *reterr_position)
{
    const struct bg_shape *shape = terms->shape;
    struct bg_values values = {.fields = opened->fields, .votes = {BG_SLOTS_U16, opened->counts}};
    struct bg_span span = {sums, shape->positions * shape->sum_bytes};
    struct bg_slots slots[BG_SHAPE_MOST_FIELDS];
    bg_shape_slots(shape, &values, slots);
    enum bg_status status =
        bg_unpack(&shape->packing, terms->key, span, 0, shape->positions, slots, reterr_position);
    if (status == BG_OK)
        status = bg_packing_check_sums(&shape->packing, slots, 0, shape->positions, members, reterr_position);
    if (status == BG_OK && opened->fields[0] != members) {
        *reterr_position = 0;
        status = BG_OUT_OF_RANGE;
    }
    if (status == BG_OK && shape->measures) {
        size_t slot = 0;
        status = bg_statistics_check(&shape->statistics, opened->fields + 1, members, &slot);
        *reterr_position = bg_packing_position(&shape->packing, 1 + slot);
    }
    return status;
}

enum bg_status bg_group_sum_unpad(const struct bg_upload_terms *terms, const struct bg_upload *const *uploads,
                                  uint32_t members, uint8_t *sums, struct bg_error *error,
                                  struct bg_group_sum *ret_sum, size_t *reterr_position)
{
    const struct bg_shape *shape = terms->shape;
    struct sums opened;
    size_t position = 0;
    enum bg_status status = sums_init(shape, error, &opened);
    if (status != BG_OK)
        return status;
    status = take_off_pads(terms, uploads, members, sums, &position);
    if (status == BG_INVALID)
        status = BG_DECODE;
    if (status == BG_OK)
        status = unpack(terms, members, sums, &opened, &position);
    if (status == BG_OK)
        status = split(shape, &opened, members, error, ret_sum);
    else if (status == BG_OUT_OF_RANGE)
        *reterr_position = position;
    if (status == BG_OUT_OF_RANGE)
        bg_fail(error, status, "position %zu of the sum of %u members: %s", position, members,
                bg_status_text(status));
    else if (status == BG_DECODE)
        bg_fail(error, status, "position %zu of the opened sum has a digit of n or more", position);
    else
        bg_fail(error, status, "group sum: %s", bg_status_text(status));
    sums_finish(shape, &opened);
    return status;
}

static bool plain_in_range(const struct bg_shape *shape, const uint64_t *fields)
{
    size_t slot;
    if (fields[0] != 1)
        return false;
    if (shape->measures) {
        const struct bg_statistics_form *form = &shape->statistics;
        for (size_t i = 0; i < form->columns + form->seconds; i++)
            if (fields[2 + form->classes + i] > (i < form->columns ? form->first_most : form->second_most))
                return false;
        return bg_statistics_check(form, fields + 1, 1, &slot) == BG_OK;
    }
    for (size_t i = 0; i < shape->scale_count; i++)
        if (fields[shape->scales_at + i] > shape->scale_most)
            return false;
    for (size_t i = 0; i < shape->centre_count; i++)
        if (fields[shape->centres_at + i] > BG_CENTRE_FIELD_MAX)
            return false;
    return true;
}

struct plain_sum {
    struct sums total;
    uint64_t *fields; /* (votes_at) of one member */
    uint64_t *votes;  /* (bg_sign_words) of one member */
    double *dense;    /* (vote_count), mode dense */
    float *coordinates;
    uint8_t *payload; /* (positions × position_bytes) of one member, without what is between its blocks */
};

static enum bg_status add_plain(const struct bg_upload_terms *terms, const struct bg_upload *upload,
                                struct plain_sum *plain, struct bg_error *error)
{
    const struct bg_shape *shape = terms->shape;
    char client[2 * BG_DIGEST_BYTES + 1];
    struct bg_span payload = {plain->payload, 0};
    bg_digest_to_hex(&upload->manifest.client, client);
    for (size_t i = 0; i < bg_upload_block_count(upload); i++) {
        size_t positions;
        struct bg_span block = bg_upload_payload(upload, shape, i, &positions);
        memcpy(plain->payload + payload.size, block.data, block.size);
        payload.size += block.size;
    }
    enum bg_status status = bg_plain_decode(shape, payload, plain->fields, plain->votes, plain->coordinates);
    if (status != BG_OK || !plain_in_range(shape, plain->fields))
        return bg_fail(error, BG_OUT_OF_RANGE, "client %s: plain vector: %s", client,
                       bg_status_text(status != BG_OK ? status : BG_OUT_OF_RANGE));
    for (size_t i = 0; i < shape->votes_at; i++)
        plain->total.fields[i] += plain->fields[i];
    for (size_t i = 0; i < vote_slots(shape); i++)
        plain->total.counts[i] = (uint16_t)(plain->total.counts[i] + (plain->votes[i / 64] >> i % 64 & 1));
    for (size_t i = 0; shape->dense && i < shape->vote_count; i++)
        plain->dense[i] += (double)plain->coordinates[i];
    return BG_OK;
}

static enum bg_status plain_sum_init(const struct bg_shape *shape, struct bg_error *error, struct plain_sum *plain)
{
    size_t dense = shape->dense ? shape->vote_count : 0, words = bg_sign_words(vote_slots(shape));
    *plain = (struct plain_sum){.fields = calloc(shape->votes_at, sizeof *plain->fields),
                                .votes = calloc(words ? words : 1, sizeof *plain->votes),
                                .dense = calloc(dense ? dense : 1, sizeof *plain->dense),
                                .coordinates = calloc(dense ? dense : 1, sizeof *plain->coordinates),
                                .payload = calloc(shape->positions, shape->position_bytes)};
    if (!plain->fields || !plain->votes || !plain->dense || !plain->coordinates || !plain->payload)
        return bg_fail(error, BG_NO_MEMORY, "group sum: out of memory");
    return sums_init(shape, error, &plain->total);
}

static void plain_sum_finish(const struct bg_shape *shape, struct plain_sum *plain)
{
    sums_finish(shape, &plain->total);
    free(plain->fields);
    free(plain->votes);
    free(plain->dense);
    free(plain->coordinates);
    free(plain->payload);
}

enum bg_status bg_group_sum_plain(const struct bg_upload_terms *terms, const struct bg_upload *const *uploads,
                                  uint32_t members, struct bg_error *error, struct bg_group_sum *ret_sum)
{
    const struct bg_shape *shape = terms->shape;
    struct plain_sum plain;
    enum bg_status status = plain_sum_init(shape, error, &plain);
    for (uint32_t m = 0; status == BG_OK && m < members; m++)
        status = add_plain(terms, uploads[m], &plain, error);
    if (status == BG_OK)
        status = split(shape, &plain.total, members, error, ret_sum);
    if (status == BG_OK && shape->dense) {
        for (size_t i = 0; i < shape->vote_count; i++)
            plain.coordinates[i] = (float)(plain.dense[i] / members);
        ret_sum->mean = plain.coordinates;
        plain.coordinates = NULL;
    }
    plain_sum_finish(shape, &plain);
    return status;
}
