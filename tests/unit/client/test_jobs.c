/* SPDX-License-Identifier: Apache-2.0 */
#include "client/jobs.h"

#include "model/training.h"
#include "tests/unit/client/stage.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void begin(struct stage *stage, struct population_terms terms)
{
    if (!terms.encryption)
        terms.encryption = BG_PLAN_OFF;
    stage_init(stage, &terms);
}

static size_t coordinates_of(const struct stage *stage)
{
    return stage->model->layout.coordinates;
}

/* ---- training ---- */

static enum bg_status train_with(struct stage *stage, uint64_t seed, float *drift, struct bg_error *error,
                                 float *delta, double *loss)
{
    struct bg_client_inputs inputs = {0};
    struct bg_client_training training = {.model_file = bg_writer_span(&stage->model_file),
                                          .inputs = &inputs,
                                          .plan = &stage->plan.plan,
                                          .task = &stage->task,
                                          .examples = &stage->examples,
                                          .seed = seed,
                                          .drift = drift,
                                          .delta = delta};
    enum bg_status status = bg_client_train(&training, error);
    *loss = training.loss;
    bg_client_inputs_finish(&inputs);
    return status;
}

static enum bg_status train(struct stage *stage, uint64_t seed, struct bg_error *error, float *delta, double *loss)
{
    return train_with(stage, seed, NULL, error, delta, loss);
}

Test(jobs, trains_as_the_plan_says_and_gives_the_difference)
{
    struct stage stage;
    struct bg_error error;
    struct bg_prng prng;
    struct bg_training_result result;
    double loss;
    begin(&stage, (struct population_terms){0});
    size_t count = coordinates_of(&stage);
    float *delta = calloc(count, sizeof *delta), *trained = calloc(count, sizeof *trained);
    cr_assert_eq(train(&stage, 7, &error, delta, &loss), BG_OK, "%s", error.text);

    struct bg_training_settings settings = {.optimizer = {.kind = BG_OPTIMIZER_SGD, .momentum = 0.9},
                                            .rate = {.peak = 0.1},
                                            .steps = 5,
                                            .batch = 8};
    void *workspace = malloc(bg_training_workspace_size(stage.model, &settings, STAGE_ROWS));
    memcpy(trained, stage.parameters, count * sizeof *trained);
    bg_prng_init_stream(&prng, 7, "training", 1);
    struct bg_transformed inputs;
    cr_assert_eq(bg_transformed_init(&inputs, &stage.transform, &stage.examples), BG_OK);
    cr_assert_eq(bg_train(stage.model, &settings, &inputs.examples, &prng, workspace, trained, &error, &result), BG_OK);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(delta[i], trained[i] - stage.parameters[i], "coordinate %zu", i);
    cr_assert_eq(loss, result.mean_loss);
    bg_transformed_finish(&inputs);
    free(workspace);
    free(trained);
    free(delta);
    stage_finish(&stage);
    NO_LEAKS();
}

Test(jobs, rounds_and_seeds_order_the_examples_anew)
{
    struct stage stage;
    double loss[3];
    begin(&stage, (struct population_terms){0});
    float *delta = calloc(coordinates_of(&stage), sizeof *delta);
    cr_assert_eq(train(&stage, 7, NULL, delta, &loss[0]), BG_OK);
    cr_assert_eq(train(&stage, 8, NULL, delta, &loss[1]), BG_OK);
    stage.task.round = 2;
    cr_assert_eq(train(&stage, 7, NULL, delta, &loss[2]), BG_OK);
    cr_assert_neq(loss[0], loss[1]);
    cr_assert_neq(loss[0], loss[2]);
    free(delta);
    stage_finish(&stage);
}

Test(jobs, trains_with_adamw_and_class_weights_too)
{
    struct stage stage;
    struct bg_error error;
    double loss;
    begin(&stage, (struct population_terms){0});
    stage.plan.plan.root.training.optimizer = BG_PLAN_ADAMW;
    stage.plan.plan.root.training.class_weights = BG_PLAN_WEIGHTS_INVERSE_SQRT;
    stage.plan.plan.root.training.proximal_mu = 0.01;
    stage.plan.plan.root.training.clip_norm = 1;
    stage.task.learning_rate = 0.01;
    float *delta = calloc(coordinates_of(&stage), sizeof *delta);
    cr_assert_eq(train(&stage, 7, &error, delta, &loss), BG_OK, "%s", error.text);
    cr_assert(isfinite(loss) && loss > 0);
    free(delta);
    stage_finish(&stage);
    NO_LEAKS();
}

Test(jobs, balances_classes_by_the_prior_of_the_federation)
{
    struct stage stage;
    struct bg_error error;
    double loss;
    begin(&stage, (struct population_terms){0});
    size_t size = coordinates_of(&stage) * sizeof(float);
    float *plain = malloc(size), *balanced = malloc(size);
    cr_assert_eq(train(&stage, 7, &error, plain, &loss), BG_OK, "%s", error.text);
    stage.plan.plan.root.training.own_prior = 1;
    stage.plan.plan.root.training.federated_prior = 1;
    cr_assert_eq(train(&stage, 7, &error, balanced, &loss), BG_INVALID, "a prior that nobody gave");
    stage_write_model(&stage, (const float[]){0.9F, 0.1F});
    cr_assert_eq(train(&stage, 7, &error, balanced, &loss), BG_OK, "%s", error.text);
    cr_assert_neq(memcmp(plain, balanced, size), 0);
    free(plain);
    free(balanced);
    stage_finish(&stage);
    NO_LEAKS();
}

/* h ← λ·h − μ·Δ, and the h of before is in the gradient. */
Test(jobs, remembers_its_drift_and_corrects_it)
{
    struct stage stage;
    struct bg_error error;
    begin(&stage, (struct population_terms){0});
    size_t count = coordinates_of(&stage);
    float *plain = malloc(count * sizeof *plain), *delta = malloc(count * sizeof *delta);
    float *drift = malloc(count * sizeof *drift);
    stage.plan.plan.root.training.proximal_mu = 0.5;
    stage.plan.plan.root.training.drift_memory = 0.25;
    stage.plan.plan.root.training.momentum = 0;
    stage.task.steps = 1;
    for (size_t i = 0; i < count; i++)
        drift[i] = 0.125F * (float)(i % 5);
    double loss;
    cr_assert_eq(train(&stage, 7, &error, plain, &loss), BG_OK, "%s", error.text);
    cr_assert_eq(train_with(&stage, 7, drift, &error, delta, &loss), BG_OK, "%s", error.text);
    for (size_t i = 0; i < count; i++) {
        float before = 0.125F * (float)(i % 5);
        cr_assert_float_eq(delta[i] - plain[i], 0.1F * before, 1e-6, "coordinate %zu", i);
        cr_assert_eq(drift[i], 0.25F * before - 0.5F * delta[i], "coordinate %zu", i);
    }
    free(plain);
    free(delta);
    free(drift);
    stage_finish(&stage);
    NO_LEAKS();
}

Test(jobs, refuses_a_model_that_is_not_the_plans_or_does_not_fit_the_data)
{
    struct stage stage;
    struct bg_error error;
    double loss;
    begin(&stage, (struct population_terms){0});
    float *delta = calloc(coordinates_of(&stage), sizeof *delta);
    stage.examples.columns = 2;
    cr_assert_eq(train(&stage, 7, &error, delta, &loss), BG_INVALID);
    stage.examples.columns = STAGE_COLUMNS;
    stage.plan.plan.root.layout.tensors[0].name[0] ^= 1;
    cr_assert_eq(train(&stage, 7, &error, delta, &loss), BG_DATA);
    cr_assert_not_null(strstr(error.text, "round 1"), "%s", error.text);
    stage.plan.plan.root.layout.tensors[0].name[0] ^= 1;
    stage.model_file.data[10] ^= 1;
    cr_assert_neq(train(&stage, 7, &error, delta, &loss), BG_OK);
    stage.model_file.data[10] ^= 1;
    stage.task.learning_rate = 1e30;
    cr_assert_eq(train(&stage, 7, &error, delta, &loss), BG_NOT_FINITE, "%s", error.text);
    free(delta);
    stage_finish(&stage);
    NO_LEAKS();
}

/* ---- measuring ---- */

static void begin_measuring(struct stage *stage, enum bg_task_stage task_stage)
{
    struct bg_error error;
    begin(stage, (struct population_terms){0});
    stage->task.stage = task_stage;
    bg_shape_finish(&stage->shape);
    cr_assert_eq(bg_shape_init(&stage->plan.plan, &stage->task, &error, &stage->shape), BG_OK, "%s", error.text);
    cr_assert(stage->shape.measures);
}

Test(jobs, measures_features_first_and_then_what_a_projection_would_be_applied_to)
{
    for (int task_stage = BG_STAGE_MOMENTS; task_stage <= BG_STAGE_COVARIANCE; task_stage++) {
        struct stage stage;
        struct bg_error error;
        struct bg_transformed z;
        struct bg_client_inputs inputs = {0};
        begin_measuring(&stage, (enum bg_task_stage)task_stage);
        const struct bg_shape *shape = &stage.shape;
        uint64_t *slots = calloc(shape->slots, sizeof *slots), *wanted = calloc(shape->slots, sizeof *wanted);
        struct bg_client_training training = {.model_file = bg_writer_span(&stage.model_file),
                                              .inputs = &inputs,
                                              .plan = &stage.plan.plan,
                                              .task = &stage.task,
                                              .examples = &stage.examples};
        cr_assert_eq(bg_transformed_init(&z, &stage.transform, &stage.examples), BG_OK);
        cr_assert_eq(bg_client_measure(&training, shape, &error, slots), BG_OK, "%s", error.text);
        wanted[0] = 1;
        cr_assert_eq(bg_statistics_measure(&shape->statistics,
                                           task_stage == BG_STAGE_MOMENTS ? &stage.examples : &z.examples, &error,
                                           wanted + 1),
                     BG_OK, "%s", error.text);
        cr_assert_arr_eq(slots, wanted, shape->slots * sizeof *slots, "stage %d", task_stage);
        stage.examples.columns--;
        cr_assert_eq(bg_client_measure(&training, shape, &error, slots), BG_INVALID);
        stage.examples.columns++;
        bg_client_inputs_finish(&inputs);
        bg_transformed_finish(&z);
        free(slots);
        free(wanted);
        stage_finish(&stage);
    }
    NO_LEAKS();
}

Test(jobs, inputs_are_made_anew_only_for_another_transform)
{
    struct stage stage;
    struct bg_error error;
    struct bg_client_inputs inputs = {0};
    begin(&stage, (struct population_terms){0});
    float *delta = calloc(coordinates_of(&stage), sizeof *delta);
    struct bg_client_training training = {.model_file = bg_writer_span(&stage.model_file),
                                          .inputs = &inputs,
                                          .plan = &stage.plan.plan,
                                          .task = &stage.task,
                                          .examples = &stage.examples,
                                          .delta = delta};
    cr_assert_eq(bg_client_train(&training, &error), BG_OK, "%s", error.text);
    inputs.made.inputs[0] = 0.125f; /* whoever makes them again would not leave that */
    training.task = &stage.task;
    cr_assert_eq(bg_client_train(&training, &error), BG_OK);
    cr_assert_eq(inputs.made.inputs[0], 0.125f);
    inputs.transform.bytes[0] ^= 1;
    cr_assert_eq(bg_client_train(&training, &error), BG_OK);
    cr_assert_neq(inputs.made.inputs[0], 0.125f);
    bg_client_inputs_finish(&inputs);
    free(delta);
    stage_finish(&stage);
    NO_LEAKS();
}

/* ---- building ---- */

struct workshop {
    struct stage stage;
    struct stage_ring ring;
    struct bg_codec_update codec;
    float *delta, *momentum;
    uint8_t tie_secret[32];
    struct bg_client_building building;
    struct bg_error error;
    uint64_t *slots; /* as the tap saw them */
    uint64_t *measured; /* what the next building takes as its fields */
};

static void see_slots(void *context, uint64_t round, const struct bg_shape *shape, uint64_t *fields, uint16_t *votes)
{
    struct workshop *w = context;
    cr_assert_eq(round, 1);
    free(w->slots);
    w->slots = calloc(shape->slots, sizeof *w->slots);
    for (size_t i = 0; i < shape->slots; i++)
        w->slots[i] = i < shape->votes_at ? fields[i] : votes[i - shape->votes_at];
}

static void open_workshop(struct workshop *w, struct population_terms terms)
{
    *w = (struct workshop){.tie_secret = {1}};
    begin(&w->stage, terms);
    stage_ring_init(&w->ring, &w->stage);
    size_t count = coordinates_of(&w->stage);
    cr_assert_eq(bg_codec_update_init(&w->codec, &w->stage.model->layout), BG_OK);
    w->delta = calloc(count, sizeof *w->delta);
    w->momentum = calloc(count, sizeof *w->momentum);
    for (size_t i = 0; i < count; i++) {
        w->delta[i] = (float)bg_prng_normal(&w->stage.population.prng);
        w->codec.sums[i] = (float)bg_prng_normal(&w->stage.population.prng) / 2;
        w->momentum[i] = (float)i;
    }
}

static void close_workshop(struct workshop *w)
{
    bg_update_finish(&w->building.frames);
    bg_codec_update_finish(&w->codec);
    stage_ring_finish(&w->ring);
    stage_finish(&w->stage);
    free(w->slots);
    free(w->delta);
    free(w->momentum);
}

static enum bg_status build(struct workshop *w)
{
    static const struct bg_digest task_digest = {{8}};
    struct population *p = &w->stage.population;
    bg_update_finish(&w->building.frames);
    w->building = (struct bg_client_building){.update = {.plan = &w->stage.plan.plan,
                                                         .plan_id = &w->stage.plan.id,
                                                         .task = &w->stage.task,
                                                         .task_digest = &task_digest,
                                                         .shape = &w->stage.shape,
                                                         .identity = p->clients[0],
                                                         .group = w->stage.seat.group,
                                                         .random = &p->random},
                                              .keys = &w->ring.ring,
                                              .tie_secret = w->tie_secret,
                                              .tap = {.slots = see_slots, .context = w},
                                              .delta = w->delta,
                                              .momentum = w->stage.plan.plan.root.codec.client_momentum > 0
                                                              ? w->momentum
                                                              : NULL,
                                              .codec = &w->codec,
                                              .fields = w->measured};
    w->measured = NULL;
    return bg_client_build(&w->building, &w->error);
}

Test(jobs, builds_the_votes_of_delta_and_residual)
{
    static const enum bg_plan_encryption modes[] = {BG_PLAN_PAILLIER, BG_PLAN_NULL, BG_PLAN_OFF};
    for (size_t mode = 0; mode < 3; mode++) {
        struct workshop w;
        open_workshop(&w, (struct population_terms){.encryption = modes[mode]});
        size_t count = coordinates_of(&w.stage);
        float *sums = calloc(count, sizeof *sums);
        for (size_t i = 0; i < count; i++)
            sums[i] = w.delta[i] + w.codec.sums[i];
        cr_assert_eq(build(&w), BG_OK, "%s", w.error.text);
        cr_assert(w.building.encoded);
        cr_assert_eq(w.ring.asked, modes[mode] != BG_PLAN_OFF);
        cr_assert_arr_eq(w.codec.sums, sums, count * sizeof *sums, "p replaces the residual");
        for (size_t i = 0; i < count; i++)
            cr_assert_eq(w.slots[w.stage.shape.votes_at + i], sums[i] > 0, "vote %zu", i);
        cr_assert_eq(w.building.frames.frames.size, bg_shape_update_bytes(&w.stage.shape));
        free(sums);
        close_workshop(&w);
    }
    NO_LEAKS();
}

Test(jobs, momentum_stands_in_front_of_the_votes)
{
    struct workshop w;
    open_workshop(&w, (struct population_terms){.client_momentum = 0.5});
    size_t count = coordinates_of(&w.stage);
    float *expected = calloc(count, sizeof *expected);
    for (size_t i = 0; i < count; i++)
        expected[i] = (float)(0.5 * (double)w.momentum[i] + 0.5 * (double)w.delta[i]) + w.codec.sums[i];
    cr_assert_eq(build(&w), BG_OK, "%s", w.error.text);
    cr_assert_arr_eq(w.codec.sums, expected, count * sizeof *expected);
    free(expected);
    close_workshop(&w);
    NO_LEAKS();
}

Test(jobs, ties_are_votes_that_only_the_secret_round_and_attempt_decide)
{
    struct workshop w;
    open_workshop(&w, (struct population_terms){0});
    size_t count = coordinates_of(&w.stage), ups = 0;
    uint64_t *first = calloc(count, sizeof *first);
    for (int variant = 0; variant < 4; variant++) {
        memset(w.delta, 0, count * sizeof *w.delta);
        memset(w.codec.sums, 0, count * sizeof *w.codec.sums);
        w.tie_secret[31] = variant == 2;
        w.stage.task.attempt = variant == 3;
        cr_assert_eq(build(&w), BG_OK, "%s", w.error.text);
        const uint64_t *votes = w.slots + w.stage.shape.votes_at;
        if (variant == 0)
            memcpy(first, votes, count * sizeof *first);
        bool same = memcmp(first, votes, count * sizeof *first) == 0;
        cr_assert_eq(same, variant < 2, "variant %d", variant);
    }
    for (size_t i = 0; i < count; i++)
        ups += first[i];
    cr_assert(ups > count / 5 && ups < count - count / 5, "%zu of %zu", ups, count);
    free(first);
    close_workshop(&w);
    NO_LEAKS();
}

Test(jobs, a_diverged_update_names_its_tensor_and_leaves_the_residual)
{
    struct workshop w;
    open_workshop(&w, (struct population_terms){0});
    float before = w.codec.sums[3];
    w.delta[3] = NAN;
    cr_assert_eq(build(&w), BG_NOT_FINITE);
    cr_assert_not_null(strstr(w.error.text, w.stage.model->layout.tensors[0].name), "%s", w.error.text);
    cr_assert_not(w.building.encoded);
    cr_assert_eq(w.codec.sums[3], before);
    close_workshop(&w);
    NO_LEAKS();
}

Test(jobs, statistics_are_built_as_they_are_and_leave_the_residual)
{
    static const enum bg_plan_encryption modes[] = {BG_PLAN_PAILLIER, BG_PLAN_NULL, BG_PLAN_OFF};
    for (size_t mode = 0; mode < 3; mode++) {
        struct workshop w;
        open_workshop(&w, (struct population_terms){.encryption = modes[mode]});
        size_t count = coordinates_of(&w.stage);
        float *residual = calloc(count, sizeof *residual);
        memcpy(residual, w.codec.sums, count * sizeof *residual);
        w.stage.task.stage = BG_STAGE_MOMENTS;
        bg_shape_finish(&w.stage.shape);
        cr_assert_eq(bg_shape_init(&w.stage.plan.plan, &w.stage.task, &w.error, &w.stage.shape), BG_OK);
        w.measured = calloc(w.stage.shape.slots, sizeof *w.measured);
        w.measured[0] = 1;
        cr_assert_eq(bg_statistics_measure(&w.stage.shape.statistics, &w.stage.examples, &w.error, w.measured + 1),
                     BG_OK, "%s", w.error.text);
        uint64_t *wanted = calloc(w.stage.shape.slots, sizeof *wanted);
        memcpy(wanted, w.measured, w.stage.shape.slots * sizeof *wanted);
        cr_assert_eq(build(&w), BG_OK, "%s", w.error.text);
        cr_assert_arr_eq(w.slots, wanted, w.stage.shape.slots * sizeof *wanted);
        cr_assert(w.building.encoded);
        cr_assert_eq(w.codec.bits.count, 0, "no votes, and a state on disk says so");
        cr_assert_eq(w.building.frames.frames.size, bg_shape_update_bytes(&w.stage.shape));
        for (int used = 0; used < 2; used++) {
            bg_client_settle(&w.stage.plan.plan, &w.stage.task, used, w.stage.scales, &w.codec);
            cr_assert_arr_eq(w.codec.sums, residual, count * sizeof *residual);
        }
        free(wanted);
        free(residual);
        close_workshop(&w);
    }
    NO_LEAKS();
}

/* ---- settling ---- */

Test(jobs, settling_is_what_the_codec_does_with_the_receipts_scales)
{
    static const double scales[STAGE_TENSORS] = {0.5, 1, 1.5, 2};
    for (int variant = 0; variant < 3; variant++) { /* used; not used; not used and no scales */
        struct workshop w;
        open_workshop(&w, (struct population_terms){0});
        size_t count = coordinates_of(&w.stage);
        float *expected = calloc(count, sizeof *expected);
        cr_assert_eq(build(&w), BG_OK, "%s", w.error.text);
        struct bg_codec_settings settings = bg_plan_codec_settings(&w.stage.plan.plan.root.codec);
        struct bg_codec_round round = bg_task_codec_round(&w.stage.task);
        if (variant == 0)
            bg_codec_commit(&settings, &w.stage.model->layout, &round, scales, &w.codec, expected);
        else
            bg_codec_fold_back(&settings, &w.stage.model->layout, variant == 1 ? scales : w.stage.scales, &w.codec,
                               expected);
        bg_client_settle(&w.stage.plan.plan, &w.stage.task, variant == 0, variant == 2 ? NULL : scales, &w.codec);
        cr_assert_arr_eq(w.codec.sums, expected, count * sizeof *expected, "variant %d", variant);
        free(expected);
        close_workshop(&w);
    }
    NO_LEAKS();
}

Test(jobs, modes_without_residual_keep_nothing)
{
    static const enum bg_plan_codec_mode modes[] = {BG_PLAN_CODEC_SIGN, BG_PLAN_CODEC_MEDIAN, BG_PLAN_CODEC_DENSE};
    for (size_t mode = 0; mode < 3; mode++) {
        struct workshop w;
        open_workshop(&w, (struct population_terms){.mode = modes[mode]});
        cr_assert_eq(build(&w), BG_OK, "%s", w.error.text);
        bg_client_settle(&w.stage.plan.plan, &w.stage.task, mode == 0, w.stage.scales, &w.codec);
        for (size_t i = 0; i < coordinates_of(&w.stage); i++)
            cr_assert_eq(w.codec.sums[i], 0);
        close_workshop(&w);
    }
    NO_LEAKS();
}
