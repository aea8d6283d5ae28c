/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/aggregator/one_group.h"

#include "protocol/envelope.h"
#include "tests/unit/crypto/secret_fixture.h"
#include "tests/unit/flat_slots.h"

static enum bg_status fill_repeatably(void *context, void *data, size_t size)
{
    struct bg_prng *prng = context;
    uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)bg_prng_next(prng);
    return BG_OK;
}

static void make_key(struct one_group *group, uint32_t s)
{
    struct bg_key_part *part = &group->plan.key;
    group->secret = vector_key(0, s);
    const struct bg_public_key *key = bg_secret_key_public(group->secret);
    group->cipher = (struct bg_cipher){part->encryption == BG_PLAN_PAILLIER ? BG_ENCRYPTION_PAILLIER
                                                                            : BG_ENCRYPTION_NULL, key};
    part->key_bits = bg_public_key_bits(key);
    part->s = s;
    part->key_id = *bg_public_key_id(key);
    part->modulus = bg_public_key_n(key);
    cr_assert_eq(
        bg_mask_table_create(key, &group->random, &(struct bg_mask_settings){.memory_bytes = 1 << 16}, &group->table),
        BG_OK);
    cr_assert_eq(bg_mask_source_create(group->table, &group->random, NULL, &group->masks), BG_OK);
}

static void make_plan(struct one_group *group, const struct group_terms *terms)
{
    struct bg_plan *plan = &group->plan;
    const uint32_t sizes[TENSORS] = {terms->coordinates ? terms->coordinates : 900, 30, 110};
    const char *const names[TENSORS] = {"first", "middle", "last"};
    plan->key.encryption = terms->encryption;
    plan->key.epoch = 1;
    plan->key.mixed_radix = terms->mixed_radix;
    plan->key.group_size = plan->key.group_most = MEMBERS;
    plan->key.group_least = 3;
    cr_assert_eq(bg_population_set(&plan->key.population, "test"), BG_OK);
    plan->root.feature_count = 3;
    plan->root.class_count = 2;
    plan->root.codec = (struct bg_plan_codec){.mode = terms->mode,
                                              .centre_median = terms->centre_median,
                                              .clip = 4,
                                              .growth = 1.2,
                                              .growth_from = 5,
                                              .percentile = 0.25,
                                              .decay = 0.9,
                                              .server_momentum = 0.9,
                                              .server_step = 0.25};
    bg_layout_init(&plan->root.layout);
    for (size_t i = 0; i < TENSORS; i++)
        cr_assert_eq(bg_layout_add(&plan->root.layout, names[i], 1, &sizes[i], NULL), BG_OK);
    memset(group->plan_id.bytes, 0x5a, BG_DIGEST_BYTES);
}

static void make_task(struct one_group *group, const struct group_terms *terms)
{
    static const uint32_t invited[] = {0};
    bool all = terms->mode == BG_PLAN_CODEC_DENSE;
    for (size_t i = 0; i < TENSORS; i++) {
        group->travels[i] = all || (i != 1 && !terms->nothing_travels);
        group->scales[i] = 0.5 * (double)(i + 1);
    }
    group->task = (struct bg_task){.round = 7,
                                   .epoch = 1,
                                   .stage = terms->stage,
                                   .learning_rate = 0.1,
                                   .steps = 5,
                                   .window_rest = terms->window_rest,
                                   .deadline_ns = 1000,
                                   .tensor_count = TENSORS,
                                   .travels = group->travels,
                                   .scales = group->scales,
                                   .centres = group->centres,
                                   .invited_count = 1,
                                   .invited = invited};
    memset(group->task.model.bytes, 0x33, BG_DIGEST_BYTES);
    memset(group->task_digest.bytes, 0x44, BG_DIGEST_BYTES);
}

void one_group_init(struct one_group *group, const struct group_terms *terms)
{
    struct bg_error error;
    *group = (struct one_group){0};
    bg_prng_init(&group->prng, 11);
    group->random = (struct bg_random){fill_repeatably, &group->prng};
    make_plan(group, terms);
    if (terms->encryption != BG_PLAN_OFF)
        make_key(group, terms->s);
    make_task(group, terms);
    cr_assert_eq(bg_sealing_key_create(&group->random, &group->sealing_key), BG_OK);
    memcpy(group->plan.root.sealing_key, bg_sealing_key_point(group->sealing_key), BG_PUBLIC_POINT_BYTES);
    for (size_t i = 0; i < MEMBERS; i++)
        cr_assert_eq(bg_identity_create(&group->random, &group->members[i]), BG_OK);
    cr_assert_eq(bg_shape_init(&group->plan, &group->task, &error, &group->shape), BG_OK, "%s", error.text);
    group->terms = (struct bg_upload_terms){.plan = &group->plan,
                                            .plan_id = &group->plan_id,
                                            .task = &group->task,
                                            .task_digest = &group->task_digest,
                                            .shape = &group->shape,
                                            .key = group->cipher.key,
                                            .sealing_key = group->sealing_key};
}

void one_group_finish(struct one_group *group)
{
    for (size_t i = 0; i < MEMBERS; i++)
        bg_identity_destroy(&group->members[i]);
    bg_mask_source_destroy(&group->masks);
    bg_mask_table_destroy(&group->table);
    bg_sealing_key_destroy(&group->sealing_key);
    bg_secret_key_destroy(&group->secret);
    bg_shape_finish(&group->shape);
    bg_layout_finish(&group->plan.root.layout);
}

uint64_t *honest_slots(struct one_group *group)
{
    const struct bg_shape *shape = &group->shape;
    uint64_t *slots = calloc(shape->slots, sizeof *slots);
    cr_assert(slots);
    slots[0] = 1;
    for (size_t i = 0; i < shape->scale_count; i++)
        slots[shape->scales_at + i] = bg_prng_below(&group->prng, shape->scale_most + 1);
    for (size_t i = 0; i < shape->centre_count; i++)
        slots[shape->centres_at + i] = bg_prng_below(&group->prng, BG_CENTRE_FIELD_MAX + 1);
    for (size_t i = shape->votes_at; i < shape->slots; i++)
        slots[i] = bg_prng_below(&group->prng, 2);
    return slots;
}

struct bg_update update_of(struct one_group *group, uint32_t member, uint64_t *slots, const float *coordinates)
{
    bool off = group->shape.encryption == BG_PLAN_OFF;
    struct bg_update_context context = {.plan = &group->plan,
                                        .plan_id = &group->plan_id,
                                        .task = &group->task,
                                        .task_digest = &group->task_digest,
                                        .shape = &group->shape,
                                        .identity = group->members[member],
                                        .group = 0,
                                        .cipher = off ? NULL : &group->cipher,
                                        .masks = group->masks,
                                        .random = &group->random};
    struct bg_update update;
    struct bg_error error;
    struct bg_values values = flat_values(&group->shape, slots);
    cr_assert_eq(bg_update_build(&context, &values, coordinates, &error, &update), BG_OK, "%s", error.text);
    return update;
}

struct bg_manifest manifest_of(const struct bg_update *update)
{
    struct bg_frame frame;
    struct bg_manifest manifest;
    struct bg_error error;
    cr_assert_eq(bg_frame_expect(bg_update_frame(update, 0), BG_FRAME_MANIFEST, &error, &frame), BG_OK);
    cr_assert_eq(bg_manifest_decode(&frame, &error, &manifest), BG_OK, "%s", error.text);
    return manifest;
}

struct bg_writer signed_again(const struct one_group *group, const struct bg_manifest *manifest,
                              const struct bg_digest *plan_id, uint32_t signer)
{
    struct bg_writer w;
    bg_writer_init(&w);
    bg_manifest_encode_unsigned(&w, &group->plan.key.population, plan_id, manifest);
    cr_assert_eq(bg_envelope_close(group->members[signer], BG_SIGNED_MANIFEST, &w, 0), BG_OK);
    return w;
}

enum bg_status begin(struct one_group *group, struct bg_upload *upload, struct bg_span bytes, struct bg_error *error)
{
    struct bg_frame frame;
    struct bg_manifest manifest;
    cr_assert_eq(bg_upload_read(bytes, error, &frame, &manifest), BG_OK, "%s", error->text);
    return bg_upload_begin_manifest(upload, &group->terms, &frame, &manifest, error);
}

enum bg_status verify(struct one_group *group, struct bg_upload *upload, uint32_t member, struct bg_error *error)
{
    const uint8_t *point = bg_identity_point(group->members[member]);
    return bg_upload_verify(upload, &group->terms, point, error);
}

enum bg_status take(struct one_group *group, struct bg_upload *upload, uint32_t member, struct bg_span bytes,
                    struct bg_error *error)
{
    struct bg_frame frame;
    struct bg_manifest manifest;
    cr_assert_eq(bg_upload_read(bytes, error, &frame, &manifest), BG_OK, "%s", error->text);
    enum bg_status status = bg_upload_begin(upload, &group->terms, bytes, NULL, &frame, &manifest, error);
    if (status == BG_OK)
        status = verify(group, upload, member, error);
    size_t blocks = bg_upload_block_count(upload);
    for (size_t i = 0; status == BG_OK && i < blocks; i++)
        status = bg_upload_verify_blocks(upload, &group->terms, i, i + 1, error);
    if (status != BG_OK)
        bg_upload_finish(upload);
    return status;
}

void accept_update(struct one_group *group, struct bg_upload *upload, uint32_t member, const struct bg_update *update)
{
    struct bg_error error = {.text = ""};
    cr_assert_eq(take(group, upload, member, bg_writer_span(&update->frames), &error), BG_OK, "%s", error.text);
}
