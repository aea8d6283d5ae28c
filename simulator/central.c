/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/central.h"

#include "model/training.h"
#include "simulator/evaluate.h"

#include <stdlib.h>

static struct bg_training_settings central_settings(const struct bg_simulator_config *c,
                                                    const struct bg_simulator_data *data)
{
    const struct bg_learning_config *l = &c->learning;
    size_t rows = data->training.count;
    uint64_t steps = c->central_epochs * (rows / l->batch + (rows % l->batch != 0));
    return (struct bg_training_settings){
        .optimizer = {.kind = l->optimizer == 1 ? BG_OPTIMIZER_ADAMW : BG_OPTIMIZER_SGD,
                      .momentum = l->momentum,
                      .weight_decay = l->weight_decay,
                      .beta1 = BG_ADAMW_BETA1,
                      .beta2 = BG_ADAMW_BETA2,
                      .epsilon = BG_ADAMW_EPSILON},
        .rate = {.peak = l->learning_rate, .floor = l->learning_rate_floor, .total = steps},
        .steps = steps,
        .batch = l->batch,
        .clip_norm = l->clip_norm,
        .balance = {.weighting = (enum bg_class_weighting)l->class_weights,
                    .shares = data->class_prior,
                    .own_prior = l->own_prior,
                    .federated_prior = l->federated_prior},
    };
}

static enum bg_status train(const struct bg_simulator_config *config, const struct bg_simulator_data *data,
                            const struct bg_model *model, const struct bg_examples *training, float *parameters,
                            struct bg_error *error)
{
    struct bg_training_settings settings = central_settings(config, data);
    struct bg_prng prng;
    struct bg_training_result result;
    size_t size = bg_training_workspace_size(model, &settings, training->count);
    void *workspace = size == SIZE_MAX ? NULL : malloc(size);
    if (!workspace)
        return bg_fail(error, BG_NO_MEMORY, "central training: out of memory");
    bg_prng_init_stream(&prng, config->seed, "model", 0);
    bg_model_initialise(model, &prng, parameters);
    bg_prng_init_stream(&prng, config->seed, "central", 0);
    enum bg_status status = bg_train(model, &settings, training, &prng, workspace, parameters, error, &result);
    free(workspace);
    return status;
}

enum bg_status bg_central_train(const struct bg_simulator_config *config, const struct bg_simulator_data *data,
                                struct bg_workers *workers, struct bg_error *error, struct bg_confusion *confusion)
{
    struct bg_model *model = NULL;
    struct bg_transformed training = {.inputs = NULL}, test = {.inputs = NULL};
    enum bg_status status =
        bg_model_create(config->model_spec, data->central.inputs, data->dataset.classes, error, &model);
    if (status != BG_OK)
        return status;
    float *parameters = calloc(model->layout.coordinates, sizeof *parameters);
    status = parameters ? bg_transformed_init(&training, &data->central, &data->training) : BG_NO_MEMORY;
    if (status == BG_OK)
        status = bg_transformed_init(&test, &data->central, &data->test);
    if (status != BG_OK)
        bg_fail(error, status, "central training: out of memory");
    if (status == BG_OK)
        status = train(config, data, model, &training.examples, parameters, error);
    if (status == BG_OK)
        status = bg_evaluate_parallel(workers, model, parameters, &test.examples, error, confusion);
    bg_transformed_finish(&training);
    bg_transformed_finish(&test);
    free(parameters);
    bg_model_destroy(&model);
    return status;
}
