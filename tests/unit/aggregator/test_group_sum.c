/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/group_sum.h"

#include "crypto/opening.h"
#include "crypto/product.h"
#include "crypto/tail.h"
#include "tests/unit/aggregator/one_group.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(group_sum);

/* What members sent, and what the aggregator got of it. */
struct fixture {
    struct one_group group;
    uint32_t members;
    uint64_t *slots[MEMBERS];
    struct bg_upload uploads[MEMBERS];
    const struct bg_upload *pointers[MEMBERS];
    struct bg_group_sum sum;
    struct bg_error error;
    size_t position;
};

static void set_up(struct fixture *f, const struct group_terms *terms, uint32_t members)
{
    *f = (struct fixture){.members = members};
    one_group_init(&f->group, terms);
    for (uint32_t m = 0; m < members; m++) {
        f->slots[m] = honest_slots(&f->group);
        f->pointers[m] = &f->uploads[m];
    }
}

static void tear_down(struct fixture *f)
{
    bg_group_sum_finish(&f->sum);
    for (uint32_t m = 0; m < f->members; m++) {
        bg_upload_finish(&f->uploads[m]);
        free(f->slots[m]);
    }
    one_group_finish(&f->group);
}

static void send_all(struct fixture *f)
{
    for (uint32_t m = 0; m < f->members; m++) {
        struct bg_update update = update_of(&f->group, m, f->slots[m], NULL);
        accept_update(&f->group, &f->uploads[m], m, &update);
        bg_update_finish(&update);
    }
}

/* The key holder's part: padded sums of the members' product, the tail zero-extended, to free(). */
static uint8_t *opened(struct fixture *f)
{
    const struct bg_shape *shape = &f->group.shape;
    size_t size = shape->positions * shape->position_bytes;
    struct bg_product *product = NULL;
    uint8_t *products = malloc(size), *sums = malloc(shape->positions * shape->sum_bytes);
    cr_assert(products && sums);
    cr_assert_eq(bg_product_create(&f->group.cipher, shape->positions, &product), BG_OK);
    for (uint32_t m = 0; m < f->members; m++)
        cr_assert_eq(bg_upload_fold(&f->uploads[m], shape, product),
                     BG_OK);
    cr_assert_eq(bg_product_write(product, 0, shape->positions, products), BG_OK);
    bg_tail_cut(&f->group.cipher, shape->tail_lacks, products, shape->positions);
    cr_assert_eq(bg_open_products(&f->group.cipher, f->group.secret, (struct bg_span){products, size},
                                  shape->positions, &f->group.random, NULL, &f->error, sums),
                 BG_OK, "%s", f->error.text);
    memset(sums + bg_shape_sums_bytes(shape), 0, shape->tail_lacks);
    bg_product_destroy(&product);
    free(products);
    return sums;
}

static enum bg_status unpad(struct fixture *f)
{
    uint8_t *sums = opened(f);
    enum bg_status status =
        bg_group_sum_unpad(&f->group.terms, f->pointers, f->members, sums, &f->error, &f->sum,
                           &f->position);
    free(sums);
    return status;
}

static void expect_sums_of_slots(const struct fixture *f)
{
    const struct bg_shape *shape = &f->group.shape;
    size_t votes = shape->slots - shape->votes_at;
    cr_assert_eq(f->sum.members, f->members);
    cr_assert_eq(f->sum.votes.count, votes);
    for (size_t i = 0; i < shape->slots; i++) {
        uint64_t total = 0;
        for (uint32_t m = 0; m < f->members; m++)
            total += f->slots[m][i];
        if (i < shape->votes_at)
            cr_assert_eq(f->sum.fields[i], total, "field %zu", i);
        else
            cr_assert_eq(f->sum.votes.votes[i - shape->votes_at], (int)(2 * total) - (int)f->members, "vote %zu", i);
    }
    cr_assert_null(f->sum.mean);
}

Test(group_sum, is_the_sum_of_the_members_votes_and_fields, .timeout = 60)
{
    for (uint32_t variant = 0; variant < 64; variant++) {
        struct group_terms terms = {.encryption = variant & 1 ? BG_PLAN_PAILLIER : BG_PLAN_NULL,
                                    .mode = BG_PLAN_CODEC_EF,
                                    .s = 1 + (variant & 2 ? 1 : 0) + (variant & 32 ? 2 : 0),
                                    .mixed_radix = variant & 4,
                                    .centre_median = variant & 4,
                                    .stage = variant & 16 ? BG_STAGE_SCALES : BG_STAGE_LEARNING};
        struct fixture f;
        set_up(&f, &terms, variant & 8 ? MEMBERS : MEMBERS - 1);
        send_all(&f);
        cr_assert_eq(unpad(&f), BG_OK, "variant %u: %s", variant, f.error.text);
        expect_sums_of_slots(&f);
        tear_down(&f);
    }
    NO_LEAKS();
}

static const struct group_terms paillier = {
    .encryption = BG_PLAN_PAILLIER, .mode = BG_PLAN_CODEC_EF, .s = 1, .centre_median = true};

/* One member packs `value` into a slot; the others are honest and vote `others` there. */
static void refuse_slot(size_t slot_of(const struct bg_shape *shape), uint64_t value, uint64_t others)
{
    struct fixture f;
    char position[32];
    set_up(&f, &paillier, MEMBERS - 1);
    size_t slot = slot_of(&f.group.shape);
    for (uint32_t m = 0; m < f.members; m++)
        f.slots[m][slot] = m == 1 ? value : others;
    send_all(&f);
    cr_assert_eq(unpad(&f), BG_OUT_OF_RANGE, "slot %zu", slot);
    snprintf(position, sizeof position, "position %zu ", bg_packing_position(&f.group.shape.packing, slot));
    cr_assert(strstr(f.error.text, position), "\"%s\" lacks \"%s\"", f.error.text, position);
    cr_assert_null(f.sum.fields);
    tear_down(&f);
}

static size_t count_field(const struct bg_shape *shape) { (void)shape; return 0; }
static size_t a_scale(const struct bg_shape *shape) { return shape->scales_at + 1; }
static size_t a_centre(const struct bg_shape *shape) { return shape->centres_at; }
static size_t first_vote(const struct bg_shape *shape) { return shape->votes_at; }
static size_t last_vote(const struct bg_shape *shape) { return shape->slots - 1; }

Test(group_sum, names_the_position_of_a_value_that_no_honest_members_send)
{
    refuse_slot(first_vote, 3, 1);
    refuse_slot(last_vote, 4, 0);
    refuse_slot(a_scale, 3 * BG_SCALE_FIELD_MAX + 1, 0);
    refuse_slot(a_centre, 3 * BG_CENTRE_FIELD_MAX + 1, 0);
    NO_LEAKS();
}

Test(group_sum, wants_every_member_counted_once)
{
    refuse_slot(count_field, 0, 1);
    refuse_slot(count_field, 2, 1);
    NO_LEAKS();
}

Test(group_sum, refuses_a_sum_of_other_members)
{
    struct fixture f;
    set_up(&f, &paillier, MEMBERS);
    send_all(&f);
    f.members = MEMBERS - 1;
    uint8_t *sums = opened(&f);
    f.members = MEMBERS;
    cr_assert_eq(bg_group_sum_unpad(&f.group.terms, f.pointers, MEMBERS, sums, &f.error, &f.sum, &f.position),
                 BG_OUT_OF_RANGE);
    free(sums);
    tear_down(&f);
    NO_LEAKS();
}

Test(group_sum, refuses_what_is_no_number_modulo_the_key)
{
    struct fixture f;
    set_up(&f, &paillier, MEMBERS);
    send_all(&f);
    uint8_t *sums = opened(&f);
    memset(sums + 2 * f.group.shape.sum_bytes, 0xff, f.group.shape.sum_bytes);
    cr_assert_eq(bg_group_sum_unpad(&f.group.terms, f.pointers, MEMBERS, sums, &f.error, &f.sum, &f.position),
                 BG_DECODE);
    cr_assert(strstr(f.error.text, "position 2 "), "%s", f.error.text);
    free(sums);
    tear_down(&f);
    NO_LEAKS();
}

/* ---- encryption off ---- */

static const struct group_terms plain = {.encryption = BG_PLAN_OFF, .mode = BG_PLAN_CODEC_EF, .centre_median = true};
static const struct group_terms dense = {.encryption = BG_PLAN_OFF, .mode = BG_PLAN_CODEC_DENSE};

Test(group_sum, adds_plain_vectors)
{
    struct fixture f;
    set_up(&f, &plain, MEMBERS);
    send_all(&f);
    cr_assert_eq(bg_group_sum_plain(&f.group.terms, f.pointers, MEMBERS, &f.error, &f.sum), BG_OK, "%s",
                 f.error.text);
    expect_sums_of_slots(&f);
    tear_down(&f);
    NO_LEAKS();
}

Test(group_sum, names_the_member_whose_plain_vector_is_out_of_range)
{
    static const struct {
        size_t (*slot_of)(const struct bg_shape *shape);
        uint64_t value;
    } cases[] = {{count_field, 0}, {count_field, 2}, {a_scale, BG_SCALE_FIELD_MAX + 1},
                 {a_centre, BG_CENTRE_FIELD_MAX + 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f;
        char client[2 * BG_DIGEST_BYTES + 1];
        set_up(&f, &plain, MEMBERS);
        f.slots[2][cases[i].slot_of(&f.group.shape)] = cases[i].value;
        send_all(&f);
        cr_assert_eq(bg_group_sum_plain(&f.group.terms, f.pointers, MEMBERS, &f.error, &f.sum), BG_OUT_OF_RANGE);
        bg_digest_to_hex(bg_identity_digest(f.group.members[2]), client);
        cr_assert(strstr(f.error.text, client), "%s", f.error.text);
        tear_down(&f);
    }
    NO_LEAKS();
}

static void send_dense(struct fixture *f, float coordinates[MEMBERS][2048])
{
    cr_assert(f->group.shape.vote_count <= 2048);
    for (uint32_t m = 0; m < f->members; m++) {
        struct bg_update update = update_of(&f->group, m, f->slots[m], coordinates[m]);
        accept_update(&f->group, &f->uploads[m], m, &update);
        bg_update_finish(&update);
    }
}

Test(group_sum, averages_dense_vectors)
{
    static float coordinates[MEMBERS][2048];
    struct fixture f;
    set_up(&f, &dense, MEMBERS - 1);
    for (uint32_t m = 0; m < f.members; m++)
        for (size_t i = 0; i < f.group.shape.vote_count; i++)
            coordinates[m][i] = (float)bg_prng_normal(&f.group.prng);
    send_dense(&f, coordinates);
    cr_assert_eq(bg_group_sum_plain(&f.group.terms, f.pointers, f.members, &f.error, &f.sum), BG_OK, "%s",
                 f.error.text);
    cr_assert_eq(f.sum.members, MEMBERS - 1);
    cr_assert_eq(f.sum.votes.count, 0);
    for (size_t i = 0; i < f.group.shape.vote_count; i++) {
        double mean = ((double)coordinates[0][i] + (double)coordinates[1][i] + (double)coordinates[2][i]) / 3;
        cr_assert_float_eq(f.sum.mean[i], (float)mean, 1e-7);
    }
    tear_down(&f);
    NO_LEAKS();
}

Test(group_sum, refuses_dense_vectors_that_are_not_finite)
{
    static float coordinates[MEMBERS][2048];
    struct fixture f;
    char client[2 * BG_DIGEST_BYTES + 1];
    set_up(&f, &dense, MEMBERS);
    coordinates[3][17] = NAN;
    send_dense(&f, coordinates);
    cr_assert_eq(bg_group_sum_plain(&f.group.terms, f.pointers, MEMBERS, &f.error, &f.sum), BG_OUT_OF_RANGE);
    bg_digest_to_hex(bg_identity_digest(f.group.members[3]), client);
    cr_assert(strstr(f.error.text, client) && strstr(f.error.text, "NaN"), "%s", f.error.text);
    tear_down(&f);
    NO_LEAKS();
}

/* ---- statistics ---- */

#define STATISTICS_COLUMNS 3 /* of the group's plan, and two classes */

/* Of a member with two rows. */
static void measure_two_rows(const struct one_group *group, uint64_t *slots)
{
    const struct bg_statistics_form *form = &group->shape.statistics;
    static const float rows[2][STATISTICS_COLUMNS] = {{1, 2, 3}, {-1, -0.5f, 0}};
    static const uint16_t labels[2] = {0, 1};
    struct bg_examples examples = {&rows[0][0], labels, NULL, 2, STATISTICS_COLUMNS, 2};
    slots[0] = 1;
    cr_assert_eq(bg_statistics_measure(form, &examples, NULL, slots + 1), BG_OK);
}

static void begin_statistics(struct fixture *f, enum bg_plan_encryption encryption, enum bg_task_stage stage)
{
    struct group_terms terms = {.encryption = encryption, .mode = BG_PLAN_CODEC_EF, .s = 1, .stage = stage};
    set_up(f, &terms, MEMBERS);
    for (uint32_t m = 0; m < MEMBERS; m++)
        measure_two_rows(&f->group, f->slots[m]);
}

static enum bg_status open_statistics(struct fixture *f, enum bg_plan_encryption encryption)
{
    send_all(f);
    return encryption == BG_PLAN_OFF
               ? bg_group_sum_plain(&f->group.terms, f->pointers, f->members, &f->error, &f->sum)
               : unpad(f);
}

Test(group_sum, of_statistics_is_checked_as_what_it_is)
{
    static const enum bg_plan_encryption modes[] = {BG_PLAN_PAILLIER, BG_PLAN_NULL, BG_PLAN_OFF};
    for (size_t mode = 0; mode < 3; mode++)
        for (int stage = BG_STAGE_MOMENTS; stage <= BG_STAGE_COVARIANCE; stage++)
            for (int bad = 0; bad < 4; bad++) {
                struct fixture f;
                begin_statistics(&f, modes[mode], (enum bg_task_stage)stage);
                size_t last = f.group.shape.slots - 1;
                uint64_t *lie = bad == 1 ? &f.slots[1][0] : bad == 2 ? &f.slots[1][1] : &f.slots[1][last];
                if (bad)
                    *lie += bad == 3 ? (uint64_t)1 << 40 : 1; /* twice there; a row that no sum has; a large square */
                enum bg_status status = open_statistics(&f, modes[mode]);
                bool allowed = bad == 0 || (bad == 2 && stage == BG_STAGE_COVARIANCE);
                cr_assert_eq(status, allowed ? BG_OK : BG_OUT_OF_RANGE, "mode %zu, stage %d, lie %d: %s", mode, stage,
                             bad, f.error.text);
                if (allowed)
                    expect_sums_of_slots(&f);
                tear_down(&f);
            }
    NO_LEAKS();
}
