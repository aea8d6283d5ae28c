/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packing: many small values, the slots, in few large plaintexts, so that adding plaintexts adds every slot.
 * The plan is a pure function of (key bits, s, k_max, radix mode, fields); both sides compute it and no byte
 * of it travels. These are the rules of the protocol:
 *
 * 1. Slots are the values of all fields in the order of the fields. Slot i has a radix r_i:
 *      wide field               2^64
 *      other, BG_RADIX_BITS     2^w with w = ceil(log2(k_max·max + 2))
 *      other, BG_RADIX_MIXED    k_max·max + 2
 *    where max is the largest value one member may send. So k_max members never carry into the next slot, and
 *    in a field that is not wide at least one code is invalid for every possible group.
 * 2. A digit holds a run of slots first … last as m = Σ_i u_i ∏_{first ≤ j < i} r_j, the first slot lowest.
 *    It takes as many slots as keep ∏ r_j ≤ 2^(|n|−64): the top 64 bits of a digit stay zero, and no slot is
 *    cut. With BG_RADIX_BITS this is plain concatenation of w-bit slots from bit 0 up.
 * 3. The next slot begins the next digit. s digits make one plaintext (crypto/public_key.h); plaintexts are the
 *    positions 0 … T−1; T is the least number that holds all slots. The last one, the tail, has only the s' ≤ s
 *    digits that hold slots (crypto/tail.h); in memory those that it lacks are 0.
 * 4. Each digit of a sum is split into slots by division; what is left above the last slot of a digit (the zero
 *    bits: never fewer than 64) must be 0, or the position is out of range. A slot of a sum over k' members must
 *    be at most k'·max.
 */
#pragma once

#include "base/error.h"
#include "base/span.h"
#include "crypto/public_key.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BG_PACKING_MOST_SLOTS ((size_t)1 << 31)

enum bg_radix {
    BG_RADIX_BITS = 0, /* whole bits per slot */
    BG_RADIX_MIXED,    /* smallest radix with an invalid code */
};

struct bg_packing_field {
    size_t count; /* values, > 0 */
    uint64_t max; /* of one member, > 0; k_max·max < 2^32 − 2, or < 2^64 in a wide field */
    bool wide;
};

struct bg_packing_spec {
    uint32_t bits;  /* of n */
    uint32_t s;
    uint32_t k_max; /* most members of a group, > 0 */
    enum bg_radix radix;
    const struct bg_packing_field *fields;
    size_t field_count; /* > 0 */
};

/* The values of one field: an array for each, so that every value lies in the narrowest type that holds it. */
enum bg_slot_type {
    BG_SLOTS_BITS = 0, /* value i is bit i % 64 of the uint64_t i / 64, as in base/sign_bits.h; to be packed only */
    BG_SLOTS_U16,      /* for sums: in a field whose radix is at most 2^16 */
    BG_SLOTS_U64,
};

struct bg_slots {
    enum bg_slot_type type;
    void *values; /* borrowed; packing does not write it */
};

struct bg_packing_run;  /* one field with where it begins */
struct bg_slots_kernel; /* of crypto/slots.h: the best of this machine when the packing was made */

/* Immutable after init, hence safe from any thread. */
struct bg_packing {
    uint32_t bits, s, k_max;
    enum bg_radix radix;
    const struct bg_slots_kernel *kernel;
    struct bg_packing_run *fields;
    size_t field_count;
    size_t slots;       /* of all fields */
    size_t positions;   /* T */
    uint32_t tail;      /* s', digits of the last position */
    size_t *digit_slot; /* first slot of digit d = t·s + i; T·s + 1 entries, the last is `slots` */
};

/* Copies the spec. BG_INVALID: a member of the spec out of its range; BG_TOO_LARGE: over
 * BG_PACKING_MOST_SLOTS. */
BG_MUST_CHECK enum bg_status bg_packing_init(struct bg_packing *packing, const struct bg_packing_spec *spec,
                                             struct bg_error *error);
void bg_packing_finish(struct bg_packing *packing);

/* First slot of position t ≤ T; bg_packing_first_slot(p, T) is the number of slots. */
size_t bg_packing_first_slot(const struct bg_packing *packing, size_t t);
/* Position that holds a slot < slots. */
size_t bg_packing_position(const struct bg_packing *packing, size_t slot);

/* In all of these `fields` has one array for each of packing->field_count fields, with all of its values; `key` has the
 * bits and s of the packing; plaintexts are those of positions begin … end−1, so that ranges may be worked on by
 * different threads. Nothing is allocated, and what was packed is wiped from the stack. */

/* BG_INVALID: a range that does not exist, or a value that its radix cannot hold. A value between max and the
 * radix is packed as it is: the check of the sum is what catches it. */
BG_MUST_CHECK enum bg_status bg_pack(const struct bg_packing *packing, const struct bg_public_key *key,
                                     const struct bg_slots *fields, size_t begin, size_t end,
                                     uint8_t *ret_plaintexts);
/* Writes the values of these positions. BG_INVALID: a range that does not exist, or another size;
 * BG_OUT_OF_RANGE: the sum at reterr_position (may be NULL, written on this failure only) has a digit with a
 * zero bit set; values may have been written then. */
BG_MUST_CHECK enum bg_status bg_unpack(const struct bg_packing *packing, const struct bg_public_key *key,
                                       struct bg_span sums, size_t begin, size_t end,
                                       const struct bg_slots *ret_fields, size_t *reterr_position);
/* BG_OUT_OF_RANGE: a value in these positions exceeds members·max; reterr_position as above. BG_INVALID: a
 * range that does not exist, or members not in 1 … k_max. */
BG_MUST_CHECK enum bg_status bg_packing_check_sums(const struct bg_packing *packing, const struct bg_slots *fields,
                                                   size_t begin, size_t end, uint32_t members,
                                                   size_t *reterr_position);
