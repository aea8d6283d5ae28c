/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one update of a round consists of: the slots (small integers that are added up), how they are packed into
 * positions, and how many bytes each position has on the wire. A pure function of plan and task: client, root and
 * key holder compute it alike.
 *
 * Slots, in order:
 *   1               the count field: every member sends 1, the sum is k'
 *   travelling T    scale field of each travelling tensor (mode ef): 0…128, or 0…65535 in stage SCALES
 *   travelling T    centre field of each travelling tensor, 0…128 (where the plan has median centres)
 *   votes           0 or 1 per coordinate of the travelling tensors that the round's window has (compress/window.h),
 *                   in layout order (none in stage SCALES)
 *
 * In the stages MOMENTS and COVARIANCE the count field is followed by the slots of protocol/statistics.h instead.
 *
 * With encryption off a position is 256 bytes of one plain vector: the fields before the votes as u16 each (u64 in
 * the stages that measure), then the votes as bits, least significant first; in mode dense the coordinates as float32
 * instead of votes. The rest of the last position is zero.
 */
#pragma once

#include "compress/codec.h"
#include "crypto/cipher.h"
#include "crypto/packing.h"
#include "protocol/statistics.h"
#include "wire/plan.h"
#include "wire/task.h"

#define BG_PLAIN_POSITION_BYTES 256
#define BG_SHAPE_MOST_FIELDS 4 /* of the packing */

struct bg_shape {
    enum bg_plan_encryption encryption;
    bool measures;         /* stages MOMENTS and COVARIANCE: … */
    struct bg_statistics_form statistics; /* … of this form, from slot 1 to votes_at; there are no votes */
    bool dense;            /* votes are float32 coordinates; the votes' slots do not exist */
    size_t scales_at;      /* first slot; the count field is slot 0 */
    size_t centres_at;
    size_t votes_at;
    size_t scale_count;    /* travelling tensors in mode ef, else 0 */
    size_t centre_count;
    size_t vote_count;     /* coordinates that are voted on, or sent in mode dense … */
    size_t coordinates;    /* … of so many in the travelling tensors */
    uint64_t scale_most;   /* largest value of a scale field */
    size_t slots;          /* in all */
    size_t positions;      /* T */
    size_t position_bytes; /* uplink: one ciphertext */
    size_t sum_bytes;      /* of one position of an opened sum: one plaintext; 0 with encryption off */
    size_t tail_lacks;     /* bytes that the last position has on the wire less than others (crypto/tail.h) */
    size_t seed_bytes;     /* of a manifest's sealed seed */
    size_t tags_bytes;     /* of its sealed knowledge tags; 0 without */
    struct bg_packing packing; /* unused with encryption off */
};

/* The values of the slots: one member's, or the sums of a group. */
struct bg_values {
    uint64_t *fields;      /* (votes_at) all before the votes */
    struct bg_slots votes; /* one member's as bits, sums as u16; not looked at where no slots are votes */
};

/* BG_INVALID where plan and task contradict each other (another number of tensors; mode dense, encrypted; a window or
 * stage SCALES in another mode than ef), a tensor travels of which no coordinate is voted on, or there are more
 * features to measure than BG_STATISTICS_COLUMNS; BG_UNSUPPORTED for a plan that asks for knowledge tags; BG_TOO_LARGE
 * over BG_MAX_POSITIONS. */
BG_MUST_CHECK enum bg_status bg_shape_init(const struct bg_plan *plan, const struct bg_task *task,
                                           struct bg_error *error, struct bg_shape *ret);
void bg_shape_finish(struct bg_shape *shape);
/* The same as the packing has them: an array per field. */
void bg_shape_slots(const struct bg_shape *shape, const struct bg_values *values,
                    struct bg_slots ret_slots[static BG_SHAPE_MOST_FIELDS]);
/* On the wire: of `count` positions of an update from `first` on, and of all positions of an opened sum. */
size_t bg_shape_payload_bytes(const struct bg_shape *shape, size_t first, size_t count);
size_t bg_shape_sums_bytes(const struct bg_shape *shape);
/* Bytes of one update as sent: the manifest's frame, and with those of all blocks. */
size_t bg_shape_manifest_bytes(const struct bg_shape *shape);
uint64_t bg_shape_update_bytes(const struct bg_shape *shape);
/* The same in bits per coordinate of the travelling tensors, voted on or not; 0 in a round without votes. */
double bg_shape_bits_per_coordinate(const struct bg_shape *shape);

/* The codec's view of plan and task. */
struct bg_codec_settings bg_plan_codec_settings(const struct bg_plan_codec *codec);
struct bg_codec_round bg_task_codec_round(const struct bg_task *task); /* borrows the task's arrays */

/* Plain vectors of encryption off; in mode dense `coordinates` (vote_count) instead of votes. A vote that is not 0 is
 * 1. Writes positions × position_bytes. */
void bg_plain_encode(const struct bg_shape *shape, const struct bg_values *values, const float *coordinates,
                     uint8_t *ret_payload);
/* ret_fields (votes_at); ret_votes as the words of base/sign_bits.h, may be NULL in mode dense; ret_coordinates
 * (vote_count), may be NULL unless dense. BG_TRUNCATED: another size; BG_DECODE: padding that is not zero;
 * BG_NOT_FINITE. */
BG_MUST_CHECK enum bg_status bg_plain_decode(const struct bg_shape *shape, struct bg_span payload,
                                             uint64_t *ret_fields, uint64_t *ret_votes, float *ret_coordinates);
