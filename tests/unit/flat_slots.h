/* SPDX-License-Identifier: Apache-2.0 */
/* All values of the slots as one array of uint64_t (shape->slots), for tests that look into any of them. */
#pragma once

#include "protocol/shape.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* Borrows. */
static inline struct bg_values flat_values(const struct bg_shape *shape, uint64_t *slots)
{
    return (struct bg_values){.fields = slots, .votes = {BG_SLOTS_U64, slots + shape->votes_at}};
}

static inline enum bg_status flat_pack(const struct bg_shape *shape, const struct bg_public_key *key, uint64_t *slots,
                                       uint8_t *ret_plaintexts)
{
    struct bg_slots fields[BG_SHAPE_MOST_FIELDS];
    struct bg_values values = flat_values(shape, slots);
    bg_shape_slots(shape, &values, fields);
    return bg_pack(&shape->packing, key, fields, 0, shape->positions, ret_plaintexts);
}

static inline enum bg_status flat_unpack(const struct bg_shape *shape, const struct bg_public_key *key,
                                         struct bg_span sums, uint64_t *ret_slots)
{
    struct bg_slots fields[BG_SHAPE_MOST_FIELDS];
    struct bg_values values = flat_values(shape, ret_slots);
    bg_shape_slots(shape, &values, fields);
    return bg_unpack(&shape->packing, key, sums, 0, shape->positions, fields, NULL);
}

static inline void flat_plain_encode(const struct bg_shape *shape, uint64_t *slots, const float *coordinates,
                                     uint8_t *ret_payload)
{
    struct bg_values values = flat_values(shape, slots);
    bg_plain_encode(shape, &values, coordinates, ret_payload);
}

static inline enum bg_status flat_plain_decode(const struct bg_shape *shape, struct bg_span payload,
                                               uint64_t *ret_slots, float *ret_coordinates)
{
    struct bg_sign_bits bits;
    cr_assert_eq(bg_sign_bits_init(&bits, shape->slots - shape->votes_at), BG_OK);
    enum bg_status status = bg_plain_decode(shape, payload, ret_slots, bits.words, ret_coordinates);
    for (size_t i = 0; status == BG_OK && i < bits.count; i++)
        ret_slots[shape->votes_at + i] = bg_sign_bit(&bits, i);
    bg_sign_bits_finish(&bits);
    return status;
}
