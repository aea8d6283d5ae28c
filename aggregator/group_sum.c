/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/group_sum.h"

#include "crypto/wipe.h"
#include "protocol/pad_seed.h"

#include <stdlib.h>
#include <string.h>

void bg_group_sum_finish(struct bg_group_sum *sum)
{
    free(sum->fields);
    free(sum->mean);
    bg_group_vector_finish(&sum->votes);
    *sum = (struct bg_group_sum){0};
}

/* Fields and votes out of checked slot sums. */
static enum bg_status split(const struct bg_shape *shape, const uint64_t *slots, uint32_t members,
                            struct bg_error *error, struct bg_group_sum *ret_sum)
{
    struct bg_group_sum sum = {.members = members};
    sum.fields = malloc(shape->votes_at * sizeof *sum.fields);
    if (!sum.fields)
        return bg_fail(error, BG_NO_MEMORY, "group sum: out of memory");
    memcpy(sum.fields, slots, shape->votes_at * sizeof *sum.fields);
    size_t votes = shape->slots - shape->votes_at;
    if (votes) {
        enum bg_status status = bg_group_vector_init(&sum.votes, slots + shape->votes_at, votes, members, error);
        if (status != BG_OK) {
            bg_group_sum_finish(&sum);
            return status;
        }
    }
    *ret_sum = sum;
    return BG_OK;
}

/* All pads of the members off every position; *reterr_position is one with a digit of n or more. */
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
    for (uint32_t m = 0; m < members; m++)
        bg_pad_keys_finish(&pads[m]);
    bg_wipe(keys, sizeof keys);
    return status;
}

enum bg_status bg_group_sum_unpad(const struct bg_upload_terms *terms, const struct bg_upload *const *uploads,
                                  uint32_t members, uint8_t *sums, struct bg_error *error,
                                  struct bg_group_sum *ret_sum)
{
    const struct bg_shape *shape = terms->shape;
    size_t position = 0;
    uint64_t *slots = calloc(shape->slots, sizeof *slots);
    if (!slots)
        return bg_fail(error, BG_NO_MEMORY, "group sum: out of memory");
    enum bg_status status = take_off_pads(terms, uploads, members, sums, &position);
    struct bg_span span = {sums, shape->positions * shape->sum_bytes};
    if (status == BG_INVALID)
        status = BG_DECODE;
    if (status == BG_OK)
        status = bg_unpack(&shape->packing, terms->key, span, 0, shape->positions, slots, &position);
    if (status == BG_OK)
        status = bg_packing_check_sums(&shape->packing, slots, 0, shape->positions, members, &position);
    if (status == BG_OK && slots[0] != members) {
        position = 0;
        status = BG_OUT_OF_RANGE;
    }
    if (status == BG_OK && shape->measures) {
        size_t slot = 0;
        status = bg_statistics_check(&shape->statistics, slots + 1, members, &slot);
        position = bg_packing_position(&shape->packing, 1 + slot);
    }
    if (status == BG_OK)
        status = split(shape, slots, members, error, ret_sum);
    else if (status == BG_OUT_OF_RANGE)
        bg_fail(error, status, "position %zu of the sum of %u members: %s", position, members,
                bg_status_text(status));
    else if (status == BG_DECODE)
        bg_fail(error, status, "position %zu of the opened sum has a digit of n or more", position);
    else
        bg_fail(error, status, "group sum: %s", bg_status_text(status));
    bg_wipe(slots, shape->slots * sizeof *slots);
    free(slots);
    return status;
}

static bool plain_in_range(const struct bg_shape *shape, const uint64_t *slots)
{
    size_t slot;
    if (slots[0] != 1)
        return false;
    if (shape->measures) {
        const struct bg_statistics_form *form = &shape->statistics;
        for (size_t i = 0; i < form->columns + form->seconds; i++)
            if (slots[2 + form->classes + i] > (i < form->columns ? form->first_most : form->second_most))
                return false;
        return bg_statistics_check(form, slots + 1, 1, &slot) == BG_OK;
    }
    for (size_t i = 0; i < shape->scale_count; i++)
        if (slots[shape->scales_at + i] > shape->scale_most)
            return false;
    for (size_t i = 0; i < shape->centre_count; i++)
        if (slots[shape->centres_at + i] > BG_CENTRE_FIELD_MAX)
            return false;
    return true;
}

struct plain_sum {
    uint64_t *total;  /* (slots) */
    uint64_t *slots;  /* (slots) of one member */
    double *dense;    /* (vote_count), mode dense */
    float *coordinates;
};

static enum bg_status add_plain(const struct bg_upload_terms *terms, const struct bg_upload *upload,
                                struct plain_sum *plain, struct bg_error *error)
{
    const struct bg_shape *shape = terms->shape;
    char client[2 * BG_DIGEST_BYTES + 1];
    struct bg_span payload = {upload->payload, shape->positions * shape->position_bytes};
    bg_digest_to_hex(&upload->manifest.client, client);
    enum bg_status status = bg_plain_decode(shape, payload, plain->slots, plain->coordinates);
    if (status != BG_OK || !plain_in_range(shape, plain->slots))
        return bg_fail(error, BG_OUT_OF_RANGE, "client %s: plain vector: %s", client,
                       bg_status_text(status != BG_OK ? status : BG_OUT_OF_RANGE));
    for (size_t i = 0; i < shape->slots; i++)
        plain->total[i] += plain->slots[i];
    for (size_t i = 0; shape->dense && i < shape->vote_count; i++)
        plain->dense[i] += (double)plain->coordinates[i];
    return BG_OK;
}

enum bg_status bg_group_sum_plain(const struct bg_upload_terms *terms, const struct bg_upload *const *uploads,
                                  uint32_t members, struct bg_error *error, struct bg_group_sum *ret_sum)
{
    const struct bg_shape *shape = terms->shape;
    size_t dense = shape->dense ? shape->vote_count : 0;
    struct plain_sum plain = {.total = calloc(shape->slots, sizeof *plain.total),
                              .slots = calloc(shape->slots, sizeof *plain.slots),
                              .dense = calloc(dense ? dense : 1, sizeof *plain.dense),
                              .coordinates = calloc(dense ? dense : 1, sizeof *plain.coordinates)};
    enum bg_status status = BG_OK;
    if (!plain.total || !plain.slots || !plain.dense || !plain.coordinates)
        status = bg_fail(error, BG_NO_MEMORY, "group sum: out of memory");
    for (uint32_t m = 0; status == BG_OK && m < members; m++)
        status = add_plain(terms, uploads[m], &plain, error);
    if (status == BG_OK)
        status = split(shape, plain.total, members, error, ret_sum);
    if (status == BG_OK && dense) {
        for (size_t i = 0; i < dense; i++)
            plain.coordinates[i] = (float)(plain.dense[i] / members);
        ret_sum->mean = plain.coordinates;
        plain.coordinates = NULL;
    }
    free(plain.total);
    free(plain.slots);
    free(plain.dense);
    free(plain.coordinates);
    return status;
}
