/* SPDX-License-Identifier: Apache-2.0 */
#include "client/jobs.h"

#include "crypto/digest.h"
#include "model/model_file.h"
#include "model/training.h"

#include <stdlib.h>
#include <string.h>

static struct bg_training_settings training_settings(const struct bg_plan_training *plan, const struct bg_task *task,
                                                     const float *class_prior)
{
    return (struct bg_training_settings){
        .optimizer = {.kind = plan->optimizer == BG_PLAN_ADAMW ? BG_OPTIMIZER_ADAMW : BG_OPTIMIZER_SGD,
                      .momentum = plan->momentum,
                      .weight_decay = plan->weight_decay,
                      .beta1 = BG_ADAMW_BETA1,
                      .beta2 = BG_ADAMW_BETA2,
                      .epsilon = BG_ADAMW_EPSILON},
        .rate = {.peak = task->learning_rate},
        .steps = task->steps,
        .batch = plan->batch,
        .clip_norm = plan->clip_norm,
        .proximal = plan->proximal_mu,
        .balance = {.weighting = (enum bg_class_weighting)(plan->class_weights - 1),
                    .shares = class_prior,
                    .own_prior = plan->own_prior,
                    .federated_prior = plan->federated_prior},
    };
}

void bg_client_inputs_finish(struct bg_client_inputs *inputs)
{
    bg_transformed_finish(&inputs->made);
}

static void hash_floats(struct bg_sha256_state *state, const float *values, size_t count)
{
    bg_sha256_update(state, (struct bg_span){(const uint8_t *)values, count * sizeof *values});
}

/* Of this process: not for a wire. */
static struct bg_digest transform_digest(const struct bg_transform *transform)
{
    struct bg_sha256_state state;
    struct bg_digest digest;
    bg_sha256_init(&state);
    hash_floats(&state, transform->mean, transform->columns);
    hash_floats(&state, transform->scale, transform->columns);
    if (transform->projection)
        hash_floats(&state, transform->projection, transform->inputs * transform->columns);
    bg_sha256_finish(&state, &digest);
    return digest;
}

static enum bg_status provide_inputs(struct bg_client_training *training, const struct bg_transform *transform,
                                     struct bg_error *error)
{
    struct bg_client_inputs *inputs = training->inputs;
    struct bg_digest digest = transform_digest(transform);
    if (training->examples->columns != transform->columns)
        return bg_fail(error, BG_INVALID, "model of round %llu: it takes %zu features, the examples have %zu",
                       (unsigned long long)training->task->round, transform->columns, training->examples->columns);
    if (inputs->made.inputs && bg_digest_equal(&digest, &inputs->transform))
        return BG_OK;
    bg_transformed_finish(&inputs->made);
    inputs->transform = digest;
    if (bg_transformed_init(&inputs->made, transform, training->examples) != BG_OK)
        return bg_fail(error, BG_NO_MEMORY, "training: no memory for the inputs of %zu examples",
                       training->examples->count);
    return BG_OK;
}

static enum bg_status check_model(struct bg_client_training *training, const struct bg_model_card *card,
                                  struct bg_error *error)
{
    const struct bg_root_part *root = &training->plan->root;
    if (!bg_layout_equal(&card->model->layout, &root->layout))
        return bg_fail(error, BG_DATA, "model of round %llu: its tensors are not those of the plan",
                       (unsigned long long)training->task->round);
    enum bg_status status = provide_inputs(training, &card->transform, error);
    return status == BG_OK ? bg_model_check_examples(card->model, &training->inputs->made.examples, error) : status;
}

/* Of every training, used or not: what votes do not carry now, the residual will. */
static void remember_drift(const struct bg_plan_training *plan, const float *delta, size_t count, float *drift)
{
    float memory = (float)plan->drift_memory, weight = (float)plan->proximal_mu;
    for (size_t i = 0; i < count; i++)
        drift[i] = memory * drift[i] - weight * delta[i];
}

static enum bg_status train_from(struct bg_client_training *training, const struct bg_model_card *card,
                                 struct bg_error *error)
{
    struct bg_training_settings settings =
        training_settings(&training->plan->root.training, training->task, card->class_prior);
    size_t coordinates = card->model->layout.coordinates;
    size_t size = bg_training_workspace_size(card->model, &settings, training->examples->count);
    void *workspace = size == SIZE_MAX ? NULL : malloc(size);
    if (!workspace)
        return bg_fail(error, BG_NO_MEMORY, "training: %zu bytes of workspace are not to be had", size);
    struct bg_prng prng;
    struct bg_training_result result;
    settings.linear = training->drift;
    bg_prng_init_stream(&prng, training->seed, "training", training->task->round);
    memcpy(training->delta, card->parameters, coordinates * sizeof *training->delta);
    enum bg_status status = bg_train(card->model, &settings, &training->inputs->made.examples, &prng, workspace,
                                     training->delta, error, &result);
    free(workspace);
    if (status != BG_OK)
        return status;
    for (size_t i = 0; i < coordinates; i++)
        training->delta[i] -= card->parameters[i];
    if (training->drift)
        remember_drift(&training->plan->root.training, training->delta, coordinates, training->drift);
    training->loss = result.mean_loss;
    return BG_OK;
}

static enum bg_status open_data(struct bg_client_training *training, const struct bg_model_card *card,
                                struct bg_error *error)
{
    struct bg_client_data *data = training->data;
    if (!data)
        return BG_OK;
    enum bg_status status = data->open(data, &training->plan->root, card, error, &training->opened);
    training->examples = status == BG_OK ? &training->opened : NULL;
    return status;
}

/* After open_data, whatever came of it. */
static void close_data(struct bg_client_training *training)
{
    if (!training->data)
        return;
    bg_client_inputs_finish(training->inputs);
    if (training->examples)
        training->data->close(training->data);
    training->examples = NULL;
}

/* What is measured: the features themselves, or, to find a projection, what it would be applied to. */
static enum bg_status measure_from(struct bg_client_training *training, const struct bg_model_card *card,
                                   const struct bg_statistics_form *form, struct bg_error *error, uint64_t *ret_slots)
{
    struct bg_transform standardised = card->transform;
    if (form->stage == BG_STAGE_MOMENTS)
        return bg_statistics_measure(form, training->examples, error, ret_slots);
    standardised.inputs = standardised.columns;
    standardised.projection = NULL;
    enum bg_status status = provide_inputs(training, &standardised, error);
    return status == BG_OK ? bg_statistics_measure(form, &training->inputs->made.examples, error, ret_slots) : status;
}

enum bg_status bg_client_measure(struct bg_client_training *training, const struct bg_shape *shape,
                                 struct bg_error *error, uint64_t *ret_fields)
{
    struct bg_model_file file;
    enum bg_status status = bg_model_decode(training->model_file, "model from the root", error, &file);
    if (status != BG_OK)
        return status;
    ret_fields[0] = 1;
    status = open_data(training, &file.card, error);
    if (status == BG_OK)
        status = measure_from(training, &file.card, &shape->statistics, error, ret_fields + 1);
    close_data(training);
    bg_model_file_finish(&file);
    return status;
}

enum bg_status bg_client_train(struct bg_client_training *training, struct bg_error *error)
{
    struct bg_model_file file;
    enum bg_status status = bg_model_decode(training->model_file, "model from the root", error, &file);
    if (status != BG_OK)
        return status;
    status = open_data(training, &file.card, error);
    if (status == BG_OK)
        status = check_model(training, &file.card, error);
    if (status == BG_OK)
        status = train_from(training, &file.card, error);
    close_data(training);
    bg_model_file_finish(&file);
    return status;
}

struct tie_stream {
    struct bg_hmac_state keyed; /* the secret, round and attempt are in */
};

static uint64_t tie_word(void *context, uint64_t index)
{
    const struct tie_stream *stream = context;
    struct bg_hmac_state state = stream->keyed;
    struct bg_digest tag;
    uint8_t bytes[8];
    uint64_t word = 0;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(index >> (8 * i));
    bg_hmac_update(&state, (struct bg_span){bytes, sizeof bytes});
    bg_hmac_finish(&state, &tag);
    for (size_t i = 0; i < sizeof bytes; i++)
        word |= (uint64_t)tag.bytes[i] << (8 * i);
    return word;
}

static void tie_stream_init(struct tie_stream *stream, const uint8_t *secret, const struct bg_task *task)
{
    uint8_t context[12];
    for (size_t i = 0; i < 8; i++)
        context[i] = (uint8_t)(task->round >> (8 * i));
    for (size_t i = 0; i < 4; i++)
        context[8 + i] = (uint8_t)(task->attempt >> (8 * i));
    bg_hmac_init(&stream->keyed, (struct bg_span){secret, 32});
    bg_hmac_update(&stream->keyed, (struct bg_span){context, sizeof context});
}

/* Δ to votes and fields; p replaces the residual. */
static enum bg_status encode(struct bg_client_building *building, struct bg_error *error)
{
    const struct bg_plan *plan = building->update.plan;
    const struct bg_task *task = building->update.task;
    struct bg_codec_settings settings = bg_plan_codec_settings(&plan->root.codec);
    struct bg_codec_round round = bg_task_codec_round(task);
    struct tie_stream stream;
    struct bg_codec_input input = {.delta = building->delta,
                                   .residual = building->codec->sums,
                                   .ties = {.word = tie_word, .context = &stream}};
    if (building->tap.delta)
        building->tap.delta(building->tap.context, task->round, building->delta, plan->root.layout.coordinates);
    if (building->momentum) {
        enum bg_status status = bg_codec_client_momentum(&settings, &plan->root.layout, building->momentum,
                                                         building->delta, error);
        if (status != BG_OK)
            return status;
    }
    input.workspace = calloc(plan->root.layout.coordinates, sizeof *input.workspace);
    if (!input.workspace)
        return bg_fail(error, BG_NO_MEMORY, "encoding: out of memory");
    tie_stream_init(&stream, building->tie_secret, task);
    enum bg_status status = bg_codec_encode(&settings, &plan->root.layout, &round, &input, error, building->codec);
    free(input.workspace);
    return status;
}

/* With the key and masks that the plan asks for. */
static enum bg_status encrypt(struct bg_client_building *building, const struct bg_values *values,
                              const float *coordinates, struct bg_error *error)
{
    const struct bg_key_part *part = &building->update.plan->key;
    struct bg_client_key key;
    struct bg_mask_source *masks = NULL;
    struct bg_update_context context = building->update;
    if (part->encryption == BG_PLAN_OFF)
        return bg_update_build(&context, values, coordinates, error, &building->frames);
    enum bg_status status = building->keys->get(building->keys, part, error, &key);
    if (status == BG_OK && part->encryption == BG_PLAN_PAILLIER)
        status = bg_mask_source_create(key.table, context.random, key.pool, &masks);
    if (status == BG_OK) {
        struct bg_cipher cipher = {
            .mode = part->encryption == BG_PLAN_PAILLIER ? BG_ENCRYPTION_PAILLIER : BG_ENCRYPTION_NULL, .key = key.key};
        context.cipher = &cipher;
        context.masks = masks;
        status = bg_update_build(&context, values, coordinates, error, &building->frames);
    }
    bg_mask_source_destroy(&masks);
    return status;
}

enum bg_status bg_client_encode(struct bg_client_building *building, struct bg_error *error)
{
    enum bg_status status = BG_OK;
    if (building->update.shape->measures)
        building->codec->bits.count = 0; /* no votes; p stays e */
    else
        status = encode(building, error);
    building->encoded = status == BG_OK;
    return status;
}

/* Of a stage that votes. */
static enum bg_status make_fields(struct bg_client_building *building, struct bg_error *error)
{
    const struct bg_shape *shape = building->update.shape;
    building->fields = calloc(shape->votes_at, sizeof *building->fields);
    if (!building->fields)
        return bg_fail(error, BG_NO_MEMORY, "update: out of memory");
    bg_update_fields(shape, building->update.task, building->codec, building->fields);
    return BG_OK;
}

/* What the tap makes of the values; its votes are to be freed. */
static enum bg_status tap_slots(const struct bg_client_building *building, struct bg_values *values,
                                struct bg_error *error)
{
    const struct bg_shape *shape = building->update.shape;
    size_t count = shape->slots - shape->votes_at;
    uint16_t *votes = calloc(count ? count : 1, sizeof *votes);
    if (!votes)
        return bg_fail(error, BG_NO_MEMORY, "update: out of memory");
    for (size_t i = 0; i < count; i++)
        votes[i] = bg_sign_bit(&building->codec->bits, i);
    building->tap.slots(building->tap.context, building->update.task->round, shape, values->fields, votes);
    values->votes = (struct bg_slots){BG_SLOTS_U16, votes};
    return BG_OK;
}

enum bg_status bg_client_encrypt(struct bg_client_building *building, struct bg_error *error)
{
    enum bg_status status = building->fields ? BG_OK : make_fields(building, error);
    struct bg_values values = {.fields = building->fields,
                               .votes = {BG_SLOTS_BITS, building->codec->bits.words}};
    if (status == BG_OK && building->tap.slots)
        status = tap_slots(building, &values, error);
    if (status == BG_OK)
        status = encrypt(building, &values, building->update.shape->dense ? building->codec->sums : NULL, error);
    if (values.votes.type == BG_SLOTS_U16)
        free(values.votes.values);
    bg_client_building_finish(building);
    return status;
}

enum bg_status bg_client_build(struct bg_client_building *building, struct bg_error *error)
{
    enum bg_status status = bg_client_encode(building, error);
    return status == BG_OK ? bg_client_encrypt(building, error) : status;
}

void bg_client_building_finish(struct bg_client_building *building)
{
    free(building->fields);
    building->fields = NULL;
}

void bg_client_settle(const struct bg_plan *plan, const struct bg_task *task, bool used, const double *scales,
                      struct bg_codec_update *codec)
{
    const struct bg_layout *layout = &plan->root.layout;
    struct bg_codec_settings settings = bg_plan_codec_settings(&plan->root.codec);
    struct bg_codec_round round = bg_task_codec_round(task);
    if (bg_task_stage_measures(task->stage))
        return;
    if (settings.mode != BG_CODEC_EF)
        memset(codec->sums, 0, layout->coordinates * sizeof *codec->sums);
    else if (used)
        bg_codec_commit(&settings, layout, &round, scales, codec, codec->sums);
    else
        bg_codec_fold_back(&settings, layout, scales ? scales : task->scales, codec, codec->sums);
}
