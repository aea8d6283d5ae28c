/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/shape.h"

#include "tests/unit/flat_slots.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Plan and task over the tensors 900, 30 and 110, whose middle one stays at home; k_max 4, 512 bits. */
struct fixture {
    struct bg_plan plan;
    struct bg_task task;
    bool travels[3];
    double scales[3], centres[3];
    struct bg_shape shape;
};

static void begin(struct fixture *f, enum bg_plan_encryption encryption, enum bg_plan_codec_mode mode, uint32_t s)
{
    static const char *const names[] = {"first", "middle", "last"};
    static const uint32_t sizes[] = {900, 30, 110};
    *f = (struct fixture){.travels = {true, false, true}, .scales = {1, 1, 1}};
    f->plan.key = (struct bg_key_part){.encryption = encryption, .group_most = 4};
    if (encryption != BG_PLAN_OFF) {
        f->plan.key.key_bits = 512;
        f->plan.key.s = s;
    }
    f->plan.root.codec.mode = mode;
    bg_layout_init(&f->plan.root.layout);
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(bg_layout_add(&f->plan.root.layout, names[i], 1, &sizes[i], NULL), BG_OK);
    f->task = (struct bg_task){
        .round = 7, .tensor_count = 3, .travels = f->travels, .scales = f->scales, .centres = f->centres};
}

static void shape(struct fixture *f)
{
    struct bg_error error;
    cr_assert_eq(bg_shape_init(&f->plan, &f->task, &error, &f->shape), BG_OK, "%s", error.text);
}

static void finish(struct fixture *f)
{
    bg_shape_finish(&f->shape);
    bg_shape_finish(&f->shape); /* of a finished shape does nothing */
    bg_layout_finish(&f->plan.root.layout);
}

/* Fields of the manifest without its signature and lists: three digests and the client's id, epoch, round, positions,
 * attempt, group and two sizes. */
#define MANIFEST_BYTES (80 + 5 * 32 + 3 * 8 + 2 * 4 + 2 * 4 + 64)
#define BLOCK_BYTES (80 + 8 + 4 + 4 + 32 + 4 + 4)

Test(shape, counts_slots_positions_and_bytes_of_mode_ef)
{
    struct fixture f;
    /* Count field: 4·1+2 codes, 3 bits. Scale fields: 4·128+2 codes, 10 bits. Votes: 3 bits. A digit takes
     * 512 − 64 = 448 bits: 3 + 20 + 141·3 = 446, then 149 votes each; 1010 − 141 = 869 votes take 6 more. Of
     * 7 digits the tail has 1, 1, 1 and 3. */
    for (uint32_t s = 1; s <= 4; s++) {
        for (int encryption = BG_PLAN_PAILLIER; encryption <= BG_PLAN_NULL; encryption++) {
            begin(&f, encryption, BG_PLAN_CODEC_EF, s);
            shape(&f);
            cr_assert_eq(f.shape.scales_at, 1);
            cr_assert_eq(f.shape.scale_count, 2);
            cr_assert_eq(f.shape.scale_most, 128);
            cr_assert_eq(f.shape.centre_count, 0);
            cr_assert_eq(f.shape.votes_at, 3);
            cr_assert_eq(f.shape.vote_count, 1010);
            cr_assert_eq(f.shape.slots, 1013);
            cr_assert_eq(f.shape.positions, (6 + s) / s);
            cr_assert_eq(f.shape.sum_bytes, s * 64);
            cr_assert_eq(f.shape.position_bytes, (s + 1) * 64);
            cr_assert_eq(f.shape.tail_lacks, 64 * (f.shape.positions * s - 7));
            cr_assert_eq(bg_shape_payload_bytes(&f.shape, 0, f.shape.positions), 64 * (7 + f.shape.positions));
            cr_assert_eq(bg_shape_payload_bytes(&f.shape, 0, 1), f.shape.position_bytes);
            cr_assert_eq(bg_shape_payload_bytes(&f.shape, f.shape.positions - 1, 1),
                         f.shape.position_bytes - f.shape.tail_lacks);
            cr_assert_eq(bg_shape_sums_bytes(&f.shape), 64 * 7);
            cr_assert_eq(f.shape.seed_bytes, 113);
            uint64_t bytes = MANIFEST_BYTES + 32 + 113 + BLOCK_BYTES + 64 * (7 + f.shape.positions);
            cr_assert_eq(bg_shape_update_bytes(&f.shape), bytes);
            cr_assert_float_eq(bg_shape_bits_per_coordinate(&f.shape), 8.0 * (double)bytes / 1010, 1e-12);
            finish(&f);
        }
    }
    NO_LEAKS();
}

Test(shape, mixed_radix_takes_fewer_positions)
{
    struct fixture f;
    begin(&f, BG_PLAN_NULL, BG_PLAN_CODEC_SIGN, 1);
    f.plan.key.mixed_radix = true;
    shape(&f);
    /* 6^173 < 2^448 < 6^174: 1011 slots of radix 6 take 5.84 digits. */
    cr_assert_eq(f.shape.slots, 1011);
    cr_assert_eq(f.shape.positions, 6);
    finish(&f);
}

Test(shape, modes_without_residual_have_no_fields)
{
    static const enum bg_plan_codec_mode modes[] = {BG_PLAN_CODEC_SIGN, BG_PLAN_CODEC_MEDIAN};
    for (size_t i = 0; i < 2; i++) {
        struct fixture f;
        begin(&f, BG_PLAN_PAILLIER, modes[i], 1);
        f.plan.root.codec.centre_median = true;
        shape(&f);
        cr_assert_eq(f.shape.scale_count, 0);
        cr_assert_eq(f.shape.centre_count, 0);
        cr_assert_eq(f.shape.votes_at, 1);
        cr_assert_eq(f.shape.slots, 1011);
        cr_assert_eq(f.shape.positions, 7); /* 1011 / 149 = 6.8 */
        finish(&f);
    }
}

Test(shape, median_centres_travel_behind_the_scales)
{
    struct fixture f;
    begin(&f, BG_PLAN_NULL, BG_PLAN_CODEC_EF, 1);
    f.plan.root.codec.centre_median = true;
    shape(&f);
    cr_assert_eq(f.shape.centres_at, 3);
    cr_assert_eq(f.shape.centre_count, 2);
    cr_assert_eq(f.shape.votes_at, 5);
    finish(&f);
}

Test(shape, votes_only_on_what_the_window_has)
{
    struct fixture f;
    begin(&f, BG_PLAN_NULL, BG_PLAN_CODEC_EF, 1);
    f.task.window_rest = 0xc0000000;
    shape(&f);
    size_t inside = 0;
    for (size_t i = 0; i < 1040; i++)
        inside += (i < 900 || i >= 930) && bg_window_phase(i) < 0x40000000;
    cr_assert_eq(f.shape.vote_count, inside);
    cr_assert(inside > 200 && inside < 300);
    cr_assert_eq(f.shape.slots, 3 + inside);
    cr_assert_eq(f.shape.coordinates, 1010);
    cr_assert_float_eq(bg_shape_bits_per_coordinate(&f.shape),
                       8.0 * (double)bg_shape_update_bytes(&f.shape) / 1010, 1e-12,
                       "all coordinates count, voted on or not");
    finish(&f);
}

Test(shape, a_round_may_have_no_votes_at_all)
{
    struct fixture f;
    begin(&f, BG_PLAN_NULL, BG_PLAN_CODEC_EF, 1);
    memset(f.travels, 0, sizeof f.travels);
    shape(&f);
    cr_assert_eq(f.shape.slots, 1);
    cr_assert_eq(f.shape.positions, 1);
    cr_assert_eq(bg_shape_bits_per_coordinate(&f.shape), 0);
    finish(&f);
}

Test(shape, refuses_a_window_without_a_vote_of_a_travelling_tensor)
{
    struct fixture f;
    struct bg_error error;
    begin(&f, BG_PLAN_NULL, BG_PLAN_CODEC_EF, 1);
    f.task.window_first = bg_window_phase(0);
    f.task.window_rest = UINT32_MAX;
    cr_assert_eq(bg_shape_init(&f.plan, &f.task, &error, &f.shape), BG_INVALID);
    cr_assert_not_null(strstr(error.text, "\"last\" travels"), "%s", error.text);
    f.travels[2] = false;
    shape(&f);
    cr_assert_eq(f.shape.vote_count, 1);
    finish(&f);
}

Test(shape, only_mode_ef_has_windows)
{
    for (int mode = BG_PLAN_CODEC_MEDIAN; mode <= BG_PLAN_CODEC_DENSE; mode++) {
        struct fixture f;
        struct bg_error error;
        begin(&f, BG_PLAN_OFF, (enum bg_plan_codec_mode)mode, 0);
        f.travels[1] = true;
        f.task.window_rest = 0x80000000;
        cr_assert_eq(bg_shape_init(&f.plan, &f.task, &error, &f.shape), BG_INVALID);
        cr_assert_not_null(strstr(error.text, "only mode ef"), "%s", error.text);
        f.task.window_rest = 0;
        shape(&f);
        finish(&f);
    }
}

Test(shape, a_round_of_scales_sends_absolute_scales_and_no_votes)
{
    struct fixture f;
    begin(&f, BG_PLAN_PAILLIER, BG_PLAN_CODEC_EF, 2);
    f.plan.root.codec.centre_median = true;
    f.task.stage = BG_STAGE_SCALES;
    shape(&f);
    cr_assert_eq(f.shape.scale_most, 65535);
    cr_assert_eq(f.shape.centre_count, 0);
    cr_assert_eq(f.shape.vote_count, 0);
    cr_assert_eq(f.shape.slots, 3);
    cr_assert_eq(f.shape.positions, 1);
    cr_assert_eq(bg_shape_bits_per_coordinate(&f.shape), 0);
    finish(&f);
}

Test(shape, a_round_may_leave_every_tensor_at_home)
{
    struct fixture f;
    begin(&f, BG_PLAN_PAILLIER, BG_PLAN_CODEC_EF, 1);
    f.travels[0] = f.travels[2] = false;
    shape(&f);
    cr_assert_eq(f.shape.slots, 1, "the count field is left");
    cr_assert_eq(f.shape.positions, 1);
    finish(&f);
}

Test(shape, plain_vectors_take_bits_and_floats)
{
    struct fixture f;
    begin(&f, BG_PLAN_OFF, BG_PLAN_CODEC_EF, 0);
    shape(&f);
    cr_assert_eq(f.shape.positions, 1); /* 3·2 + 1010/8 = 133 bytes */
    cr_assert_eq(f.shape.position_bytes, 256);
    cr_assert_eq(f.shape.sum_bytes, 0);
    cr_assert_eq(f.shape.seed_bytes, 0);
    finish(&f);
    begin(&f, BG_PLAN_OFF, BG_PLAN_CODEC_DENSE, 0);
    f.travels[1] = true;
    shape(&f);
    cr_assert(f.shape.dense);
    cr_assert_eq(f.shape.vote_count, 1040);
    cr_assert_eq(f.shape.slots, 1);
    cr_assert_eq(f.shape.positions, 17); /* 2 + 4·1040 = 4162 bytes */
    cr_assert_eq(bg_shape_update_bytes(&f.shape), MANIFEST_BYTES + 32 + BLOCK_BYTES + 17 * 256);
    finish(&f);
    NO_LEAKS();
}

static void expect_refused(struct fixture *f, enum bg_status expected, const char *words)
{
    struct bg_error error = {0};
    cr_assert_eq(bg_shape_init(&f->plan, &f->task, &error, &f->shape), expected, "%s", error.text);
    cr_assert_not_null(strstr(error.text, words), "%s", error.text);
    bg_layout_finish(&f->plan.root.layout);
}

Test(shape, refuses_what_plan_and_task_do_not_agree_on)
{
    struct fixture f;
    begin(&f, BG_PLAN_NULL, BG_PLAN_CODEC_EF, 1);
    f.task.tensor_count = 2;
    expect_refused(&f, BG_INVALID, "2 tensors where the plan has 3");
    NO_LEAKS();
}

Test(shape, refuses_dense_updates_that_are_encrypted_partial_or_calibrate)
{
    struct fixture f;
    begin(&f, BG_PLAN_PAILLIER, BG_PLAN_CODEC_DENSE, 1);
    f.travels[1] = true;
    expect_refused(&f, BG_INVALID, "dense");
    begin(&f, BG_PLAN_OFF, BG_PLAN_CODEC_DENSE, 0);
    expect_refused(&f, BG_INVALID, "every tensor");
    begin(&f, BG_PLAN_OFF, BG_PLAN_CODEC_DENSE, 0);
    f.travels[1] = true;
    f.task.stage = BG_STAGE_SCALES;
    expect_refused(&f, BG_INVALID, "only mode ef");
}

Test(shape, refuses_more_positions_than_an_update_may_have)
{
    struct fixture f;
    static const uint32_t huge[] = {1u << 15, 1u << 15};
    for (int encryption = BG_PLAN_PAILLIER; encryption <= BG_PLAN_OFF; encryption++) {
        begin(&f, encryption, encryption == BG_PLAN_OFF ? BG_PLAN_CODEC_DENSE : BG_PLAN_CODEC_SIGN, 1);
        cr_assert_eq(bg_layout_add(&f.plan.root.layout, "huge", 2, huge, NULL), BG_OK);
        bool travels[4] = {true, true, true, true};
        f.task.tensor_count = 4;
        f.task.travels = travels;
        expect_refused(&f, BG_TOO_LARGE, "positions");
    }
    NO_LEAKS();
}

/* ---- statistics ---- */

static void begin_measuring(struct fixture *f, enum bg_plan_encryption encryption, enum bg_plan_codec_mode mode,
                            enum bg_task_stage stage)
{
    begin(f, encryption, mode, 1);
    f->plan.root.feature_count = 5;
    f->plan.root.class_count = 3;
    f->task.stage = stage;
    f->travels[1] = true;
}

Test(shape, statistics_take_the_place_of_fields_and_votes)
{
    static const struct {
        enum bg_plan_encryption encryption;
        enum bg_plan_codec_mode mode;
        enum bg_task_stage stage;
        size_t slots, positions;
    } cases[] = {
        /* Count field 3 bits, 4 counts of 4·2^24+2 codes in 27 bits, and 64 bits each: 111 + 5·64 in the first of the
         * digits of 448 bits, then 7 wide slots in each. */
        {BG_PLAN_NULL, BG_PLAN_CODEC_EF, BG_STAGE_MOMENTS, 1 + 1 + 3 + 5 + 5, 2},
        {BG_PLAN_PAILLIER, BG_PLAN_CODEC_SIGN, BG_STAGE_COVARIANCE, 1 + 1 + 5 + 15, 3},
        {BG_PLAN_OFF, BG_PLAN_CODEC_DENSE, BG_STAGE_MOMENTS, 15, 1},
        {BG_PLAN_OFF, BG_PLAN_CODEC_DENSE, BG_STAGE_COVARIANCE, 22, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f;
        begin_measuring(&f, cases[i].encryption, cases[i].mode, cases[i].stage);
        shape(&f);
        cr_assert(f.shape.measures && !f.shape.dense, "case %zu", i);
        cr_assert_eq(f.shape.slots, cases[i].slots, "case %zu: %zu", i, f.shape.slots);
        cr_assert_eq(f.shape.votes_at, f.shape.slots);
        cr_assert_eq(f.shape.vote_count + f.shape.scale_count + f.shape.centre_count, 0);
        cr_assert_eq(f.shape.positions, cases[i].positions, "case %zu: %zu", i, f.shape.positions);
        cr_assert_eq(bg_shape_bits_per_coordinate(&f.shape), 0);
        finish(&f);
    }
    NO_LEAKS();
}

Test(shape, scales_are_of_mode_ef_and_statistics_of_a_bounded_number_of_features)
{
    struct fixture f;
    begin(&f, BG_PLAN_NULL, BG_PLAN_CODEC_SIGN, 1);
    f.task.stage = BG_STAGE_SCALES;
    expect_refused(&f, BG_INVALID, "only mode ef");
    begin_measuring(&f, BG_PLAN_NULL, BG_PLAN_CODEC_EF, BG_STAGE_COVARIANCE);
    f.plan.root.feature_count = BG_STATISTICS_COLUMNS + 1;
    expect_refused(&f, BG_INVALID, "4097 features");
    NO_LEAKS();
}

Test(shape, plain_statistics_come_back_with_all_their_bits)
{
    struct fixture f;
    begin_measuring(&f, BG_PLAN_OFF, BG_PLAN_CODEC_EF, BG_STAGE_COVARIANCE);
    shape(&f);
    uint64_t slots[22], back[22];
    uint8_t payload[BG_PLAIN_POSITION_BYTES];
    for (size_t i = 0; i < 22; i++)
        slots[i] = 0x0123456789abcdefu * (i + 1);
    flat_plain_encode(&f.shape, slots, NULL, payload);
    cr_assert_eq(flat_plain_decode(&f.shape, (struct bg_span){payload, sizeof payload}, back, NULL), BG_OK);
    cr_assert_arr_eq(back, slots, sizeof slots);
    payload[22 * 8] = 1;
    cr_assert_eq(flat_plain_decode(&f.shape, (struct bg_span){payload, sizeof payload}, back, NULL), BG_DECODE);
    finish(&f);
    NO_LEAKS();
}

/* ---- plain vectors ---- */

static uint64_t *some_slots(const struct bg_shape *shape)
{
    uint64_t *slots = calloc(shape->slots, sizeof *slots);
    cr_assert_not_null(slots);
    for (size_t i = 0; i < shape->slots; i++)
        slots[i] = i >= shape->votes_at ? (i * i / 3) & 1 : i * 20011 % 65536;
    return slots;
}

Test(shape, plain_votes_come_back)
{
    for (int scales_only = 0; scales_only < 2; scales_only++) {
        struct fixture f;
        begin(&f, BG_PLAN_OFF, BG_PLAN_CODEC_EF, 0);
        f.plan.root.codec.centre_median = true;
        f.task.stage = scales_only ? BG_STAGE_SCALES : BG_STAGE_LEARNING;
        shape(&f);
        size_t size = f.shape.positions * f.shape.position_bytes;
        uint64_t *slots = some_slots(&f.shape), *decoded = calloc(f.shape.slots, sizeof *decoded);
        uint8_t *payload = malloc(size);
        flat_plain_encode(&f.shape, slots, NULL, payload);
        cr_assert_eq(flat_plain_decode(&f.shape, (struct bg_span){payload, size}, decoded, NULL), BG_OK);
        cr_assert_arr_eq(slots, decoded, f.shape.slots * sizeof *slots);
        cr_assert_eq(payload[2] | payload[3] << 8, (int)slots[1], "fields are little-endian");
        free(slots);
        free(decoded);
        free(payload);
        finish(&f);
    }
    NO_LEAKS();
}

Test(shape, plain_votes_are_least_significant_first)
{
    struct fixture f;
    uint8_t payload[256];
    begin(&f, BG_PLAN_OFF, BG_PLAN_CODEC_SIGN, 0);
    shape(&f);
    uint64_t *slots = calloc(f.shape.slots, sizeof *slots);
    slots[0] = 1;
    slots[1] = slots[1 + 9] = 1;
    flat_plain_encode(&f.shape, slots, NULL, payload);
    cr_assert_arr_eq(payload, "\x01\x00\x01\x02\x00", 5);
    free(slots);
    finish(&f);
}

Test(shape, plain_vectors_of_another_size_or_with_stray_bits_are_refused)
{
    struct fixture f;
    begin(&f, BG_PLAN_OFF, BG_PLAN_CODEC_EF, 0);
    shape(&f);
    size_t size = f.shape.positions * f.shape.position_bytes;
    uint64_t *slots = some_slots(&f.shape);
    uint8_t *payload = calloc(1, size + 1);
    flat_plain_encode(&f.shape, slots, NULL, payload);
    for (size_t wrong = 0; wrong <= size + 1; wrong++)
        if (wrong != size)
            cr_assert_eq(flat_plain_decode(&f.shape, (struct bg_span){payload, wrong}, slots, NULL), BG_TRUNCATED);
    for (size_t bit = 8 * 6 + 1010; bit < 8 * size; bit++) { /* after the last vote */
        payload[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert_eq(flat_plain_decode(&f.shape, (struct bg_span){payload, size}, slots, NULL), BG_DECODE, "bit %zu",
                     bit);
        payload[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    cr_assert_eq(flat_plain_decode(&f.shape, (struct bg_span){payload, size}, slots, NULL), BG_OK);
    free(slots);
    free(payload);
    finish(&f);
    NO_LEAKS();
}

Test(shape, dense_coordinates_come_back_bit_for_bit_and_must_be_finite)
{
    struct fixture f;
    begin(&f, BG_PLAN_OFF, BG_PLAN_CODEC_DENSE, 0);
    f.travels[1] = true;
    shape(&f);
    size_t size = f.shape.positions * f.shape.position_bytes, count = f.shape.vote_count;
    uint64_t slot = 1, decoded_slot;
    float *sent = calloc(count, sizeof *sent), *read = calloc(count, sizeof *read);
    uint8_t *payload = malloc(size);
    for (size_t i = 0; i < count; i++)
        sent[i] = i == 3 ? -0.0f : i == 4 ? 1e-42f : i == 5 ? -3.4e38f : (float)i / 7 - 50;
    flat_plain_encode(&f.shape, &slot, sent, payload);
    cr_assert_eq(flat_plain_decode(&f.shape, (struct bg_span){payload, size}, &decoded_slot, read), BG_OK);
    cr_assert_eq(decoded_slot, 1);
    cr_assert_arr_eq(sent, read, count * sizeof *sent);
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        sent[count - 1] = bad[i];
        flat_plain_encode(&f.shape, &slot, sent, payload);
        cr_assert_eq(flat_plain_decode(&f.shape, (struct bg_span){payload, size}, &decoded_slot, read), BG_NOT_FINITE);
    }
    free(sent);
    free(read);
    free(payload);
    finish(&f);
    NO_LEAKS();
}

/* ---- the codec's view ---- */

Test(shape, the_codec_sees_plan_and_task_as_they_are)
{
    struct bg_plan_codec codec = {.mode = BG_PLAN_CODEC_EF,
                                  .scale_from_residual = true,
                                  .centre_median = true,
                                  .clip = 4,
                                  .growth = 1.5,
                                  .growth_from = 6,
                                  .percentile = 0.3,
                                  .decay = 0.8,
                                  .client_momentum = 0.1,
                                  .server_momentum = 0.2,
                                  .server_step = 0.7};
    struct bg_codec_settings settings = bg_plan_codec_settings(&codec);
    cr_assert_eq(settings.mode, BG_CODEC_EF);
    cr_assert_eq(settings.scale_basis, BG_SCALE_FROM_RESIDUAL);
    cr_assert_eq(settings.centre, BG_CENTRE_MEDIAN);
    cr_assert_eq(settings.clip, 4);
    cr_assert_eq(settings.growth, 1.5);
    cr_assert_eq(settings.growth_from, 6);
    cr_assert_eq(settings.percentile, 0.3);
    cr_assert_eq(settings.decay, 0.8);
    cr_assert_eq(settings.client_momentum, 0.1);
    cr_assert_eq(settings.server_momentum, 0.2);
    cr_assert_eq(settings.server_step, 0.7);
    codec.scale_from_residual = codec.centre_median = false;
    settings = bg_plan_codec_settings(&codec);
    cr_assert_eq(settings.scale_basis, BG_SCALE_FROM_DELTA);
    cr_assert_eq(settings.centre, BG_CENTRE_ZERO);

    static const enum bg_plan_codec_mode wire[] = {BG_PLAN_CODEC_EF, BG_PLAN_CODEC_MEDIAN, BG_PLAN_CODEC_SIGN,
                                                   BG_PLAN_CODEC_DENSE};
    static const enum bg_codec_mode ours[] = {BG_CODEC_EF, BG_CODEC_MEDIAN, BG_CODEC_SIGN, BG_CODEC_DENSE};
    for (size_t i = 0; i < 4; i++) {
        codec.mode = wire[i];
        cr_assert_eq(bg_plan_codec_settings(&codec).mode, ours[i]);
    }
}
