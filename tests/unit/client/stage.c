/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/client/stage.h"

#include "crypto/digest.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const char *const features[] = {"duration", "bytes", "packets"};
static const char *const classes[] = {"benign", "attack"};

static void make_model(struct stage *stage)
{
    static const float mean[STAGE_COLUMNS] = {0.5f, 1, 2}, scale[STAGE_COLUMNS] = {1, 0.5f, 0.25f};
    struct bg_error error;
    struct bg_prng prng;
    cr_assert_eq(bg_model_create("mlp:4", STAGE_COLUMNS, 2, &error, &stage->model), BG_OK, "%s", error.text);
    cr_assert_eq(stage->model->layout.tensor_count, STAGE_TENSORS);
    stage->parameters = calloc(stage->model->layout.coordinates, sizeof *stage->parameters);
    bg_prng_init(&prng, 1);
    bg_model_initialise(stage->model, &prng, stage->parameters);
    stage->transform = (struct bg_transform){
        .columns = STAGE_COLUMNS, .inputs = STAGE_COLUMNS, .mean = mean, .scale = scale};
    stage_write_model(stage, NULL);
}

void stage_write_model(struct stage *stage, const float *class_prior)
{
    struct bg_error error;
    struct bg_model_card card = {.model = stage->model,
                                 .parameters = stage->parameters,
                                 .feature_names = features,
                                 .transform = stage->transform,
                                 .class_names = classes,
                                 .class_prior = class_prior,
                                 .label_map = "some"};
    bg_writer_finish(&stage->model_file);
    cr_assert_eq(bg_model_encode(&card, &stage->model_file, &error), BG_OK, "%s", error.text);
    bg_sha256(bg_writer_span(&stage->model_file), &stage->model_digest);
}

static void make_examples(struct stage *stage)
{
    struct bg_prng prng;
    bg_prng_init(&prng, 2);
    for (size_t row = 0; row < STAGE_ROWS; row++) {
        stage->labels[row] = row % 2;
        for (size_t column = 0; column < STAGE_COLUMNS; column++)
            stage->features[row * STAGE_COLUMNS + column] =
                (float)(bg_prng_normal(&prng) + (row % 2 ? 1.0 : -1.0) * (column == 1));
    }
    stage->examples = (struct bg_examples){.features = stage->features,
                                           .labels = stage->labels,
                                           .count = STAGE_ROWS,
                                           .columns = STAGE_COLUMNS,
                                           .classes = 2};
}

void stage_renew(struct stage *stage)
{
    struct bg_trust trust = stage_trust(stage);
    struct population *p = &stage->population;
    struct bg_error error;
    bg_trusted_plan_finish(&stage->plan);
    bg_shape_finish(&stage->shape);
    cr_assert_eq(bg_trusted_plan_accept(&trust, bg_writer_span(&p->plan_frame), &error, &stage->plan), BG_OK, "%s",
                 error.text);
    cr_assert_eq(bg_seat_find(NULL, &stage->plan.plan, bg_writer_span(&p->groups_frame),
                              bg_identity_digest(p->clients[0]), &error, &stage->seat),
                 BG_OK, "%s", error.text);
    cr_assert_eq(bg_shape_init(&stage->plan.plan, &stage->task, &error, &stage->shape), BG_OK, "%s", error.text);
}

void stage_init(struct stage *stage, const struct population_terms *terms)
{
    struct population_terms with_layout = *terms;
    *stage = (struct stage){.invited = {0, 1}, .shape = {.encryption = BG_PLAN_OFF}};
    make_model(stage);
    make_examples(stage);
    with_layout.layout = &stage->model->layout;
    population_init(&stage->population, &with_layout);
    for (size_t i = 0; i < STAGE_TENSORS; i++) {
        stage->travels[i] = true;
        stage->scales[i] = 0.25 * (double)(i + 1);
    }
    stage->task = (struct bg_task){.round = 1,
                                   .epoch = terms->epoch,
                                   .model = stage->model_digest,
                                   .learning_rate = 0.1,
                                   .steps = 5,
                                   .deadline_ns = 1000000,
                                   .tensor_count = STAGE_TENSORS,
                                   .travels = stage->travels,
                                   .scales = stage->scales,
                                   .centres = stage->centres,
                                   .invited_count = 2,
                                   .invited = stage->invited};
    stage_renew(stage);
}

void stage_finish(struct stage *stage)
{
    bg_shape_finish(&stage->shape);
    bg_trusted_plan_finish(&stage->plan);
    population_finish(&stage->population);
    bg_writer_finish(&stage->model_file);
    free(stage->parameters);
    bg_model_destroy(&stage->model);
}

struct bg_trust stage_trust(const struct stage *stage)
{
    const struct population *p = &stage->population;
    struct bg_trust trust = {.population = p->name};
    memcpy(trust.key_holder, bg_identity_point(p->key_holder), sizeof trust.key_holder);
    memcpy(trust.root, bg_identity_point(p->root), sizeof trust.root);
    return trust;
}

struct bg_receipt stage_receipt(const struct stage *stage, bool used, struct bg_receipt_group ret_groups[static 2],
                                double ret_scales[static STAGE_TENSORS])
{
    for (size_t i = 0; i < STAGE_TENSORS; i++)
        ret_scales[i] = 0.5 * (double)(i + 1);
    for (uint32_t g = 0; g < 2; g++)
        ret_groups[g] = (struct bg_receipt_group){.index = g, .used = used, .members = 15};
    return (struct bg_receipt){.round = stage->task.round,
                               .attempt = stage->task.attempt,
                               .outcome = BG_ROUND_COMMITTED,
                               .model = {{3}},
                               .tensor_count = STAGE_TENSORS,
                               .scales = ret_scales,
                               .group_count = 2,
                               .groups = ret_groups};
}

static enum bg_status get_key(struct bg_key_ring *ring, const struct bg_key_part *part, struct bg_error *error,
                              struct bg_client_key *ret_key)
{
    struct stage_ring *r = (struct stage_ring *)ring;
    (void)error;
    r->asked++;
    *ret_key = (struct bg_client_key){bg_secret_key_public(r->stage->population.secret), r->table, r->pool};
    cr_assert(bg_digest_equal(&part->key_id, bg_public_key_id(ret_key->key)));
    return BG_OK;
}

void stage_ring_init(struct stage_ring *ring, struct stage *stage)
{
    *ring = (struct stage_ring){.ring = {.get = get_key}, .stage = stage};
    if (stage->population.secret)
        cr_assert_eq(bg_mask_pool_create(bg_secret_key_public(stage->population.secret), 1 << 16, &ring->pool), BG_OK);
    if (stage->population.secret)
        cr_assert_eq(bg_mask_table_create(bg_secret_key_public(stage->population.secret), &stage->population.random,
                                          &(struct bg_mask_settings){.memory_bytes = 1 << 16}, &ring->table),
                     BG_OK);
}

void stage_ring_finish(struct stage_ring *ring)
{
    bg_mask_pool_destroy(&ring->pool);
    bg_mask_table_destroy(&ring->table);
}
