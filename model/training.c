/* SPDX-License-Identifier: Apache-2.0 */
#include "model/training.h"

#include "base/math.h"
#include "model/workspace.h"

#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846

double bg_cosine_rate(const struct bg_cosine *cosine, uint64_t t)
{
    if (cosine->total == 0)
        return cosine->peak;
    if (t >= cosine->total)
        return cosine->peak * cosine->floor;
    double phase = bg_cos(PI * ((double)t / (double)cosine->total));
    return cosine->peak * (cosine->floor + (1 - cosine->floor) / 2 * (1 + phase));
}

static size_t batch_size(const struct bg_training_settings *settings, size_t example_count)
{
    return settings->batch < example_count ? settings->batch : example_count;
}

static void carve(struct bg_training *training, struct bg_carver *carver)
{
    const struct bg_model *model = training->model;
    size_t coordinates = model->layout.coordinates;
    training->gradient = BG_CARVE_ARRAY(carver, float, coordinates);
    if (training->settings.proximal > 0)
        training->start = BG_CARVE_ARRAY(carver, float, coordinates);
    training->class_weights = BG_CARVE_ARRAY(carver, float, model->classes);
    training->class_shifts = BG_CARVE_ARRAY(carver, float, model->classes);
    training->order = BG_CARVE_ARRAY(carver, uint32_t, training->examples.count);
    training->rows = BG_CARVE_ARRAY(carver, uint32_t, training->batch);
    training->optimizer_workspace =
        bg_carve(carver, 1, bg_optimizer_workspace_size(&training->settings.optimizer, coordinates));
    training->model_workspace = bg_carve(carver, 1, bg_model_workspace_size(model, training->batch));
}

size_t bg_training_workspace_size(const struct bg_model *model, const struct bg_training_settings *settings,
                                  size_t example_count)
{
    struct bg_training training = {
        .model = model,
        .settings = *settings,
        .examples = {.count = example_count},
        .batch = batch_size(settings, example_count),
    };
    struct bg_carver carver = {0};
    carve(&training, &carver);
    return carver.used;
}

static enum bg_status check_settings(const struct bg_training_settings *settings, struct bg_error *error)
{
    const struct bg_cosine *rate = &settings->rate;
    if (settings->batch == 0 || settings->batch > BG_TRAINING_MAX_BATCH)
        return bg_fail(error, BG_INVALID, "training batch %zu: give 1 to %d", settings->batch,
                       BG_TRAINING_MAX_BATCH);
    if (settings->steps == 0 && settings->epochs == 0)
        return bg_fail(error, BG_INVALID, "training without steps or epochs: give one of them");
    if (!(rate->peak >= 0 && isfinite(rate->peak)))
        return bg_fail(error, BG_INVALID, "learning rate %g: give 0 or more", rate->peak);
    if (!(rate->floor >= 0 && rate->floor <= 1))
        return bg_fail(error, BG_INVALID, "learning rate floor %g: give 0 to 1", rate->floor);
    if (!(settings->clip_norm >= 0 && isfinite(settings->clip_norm)))
        return bg_fail(error, BG_INVALID, "gradient clip norm %g: give 0 (off) or more", settings->clip_norm);
    if (!(settings->proximal >= 0 && isfinite(settings->proximal)))
        return bg_fail(error, BG_INVALID, "proximal weight %g: give 0 (off) or more", settings->proximal);
    return bg_optimizer_check(&settings->optimizer, error);
}

enum bg_status bg_training_init(struct bg_training *training, const struct bg_model *model,
                                const struct bg_training_settings *settings, const struct bg_examples *examples,
                                struct bg_prng *prng, float *parameters, void *workspace, struct bg_error *error)
{
    enum bg_status status = check_settings(settings, error);
    if (status == BG_OK)
        status = bg_model_check_examples(model, examples, error);
    if (status == BG_OK && (examples->count == 0 || examples->count > UINT32_MAX))
        status = bg_fail(error, BG_INVALID, "training on %zu examples: give 1 to 2^32 - 1", examples->count);
    if (status == BG_OK)
        status = bg_class_balance_check(&settings->balance, model->classes, error);
    if (status != BG_OK)
        return status;
    *training = (struct bg_training){
        .model = model,
        .settings = *settings,
        .examples = *examples,
        .prng = prng,
        .parameters = parameters,
        .batch = batch_size(settings, examples->count),
        .next = examples->count,
    };
    carve(training, &(struct bg_carver){.base = workspace});
    bg_class_balance_apply(&settings->balance, examples, training->class_weights, training->class_shifts);
    size_t coordinates = model->layout.coordinates;
    bg_optimizer_init(&training->optimizer, &settings->optimizer, coordinates, training->optimizer_workspace);
    if (training->start)
        memcpy(training->start, parameters, coordinates * sizeof(float));
    for (size_t i = 0; i < examples->count; i++)
        training->order[i] = (uint32_t)bg_example_row(examples, i);
    training->steps_planned = settings->steps;
    if (settings->steps == 0)
        training->steps_planned =
            ((uint64_t)settings->epochs * examples->count + training->batch - 1) / training->batch;
    return BG_OK;
}

bool bg_training_under_way(const struct bg_training *training)
{
    return training->steps < training->steps_planned;
}

static struct bg_examples next_batch(struct bg_training *training)
{
    struct bg_examples batch = training->examples;
    batch.rows = training->rows;
    batch.count = training->batch;
    for (size_t i = 0; i < batch.count; i++) {
        if (training->next == training->examples.count) {
            bg_prng_shuffle(training->prng, training->order, training->examples.count);
            training->next = 0;
        }
        training->rows[i] = training->order[training->next++];
    }
    return batch;
}

static void add_proximal(struct bg_training *training)
{
    float weight = (float)training->settings.proximal;
    for (size_t i = 0; i < training->model->layout.coordinates; i++)
        training->gradient[i] += weight * (training->parameters[i] - training->start[i]);
}

static void subtract_linear(struct bg_training *training)
{
    for (size_t i = 0; i < training->model->layout.coordinates; i++)
        training->gradient[i] -= training->settings.linear[i];
}

enum bg_status bg_training_step(struct bg_training *training, struct bg_error *error)
{
    const struct bg_training_settings *settings = &training->settings;
    const struct bg_layout *layout = &training->model->layout;
    struct bg_examples batch = next_batch(training);
    const struct bg_loss balanced = {.weights = training->class_weights, .shifts = training->class_shifts};
    double loss = bg_model_gradient(training->model, training->parameters, &batch, &balanced,
                                    training->model_workspace, training->gradient);
    if (training->start)
        add_proximal(training);
    if (settings->linear)
        subtract_linear(training);
    double norm = settings->clip_norm > 0
                      ? bg_gradient_clip(training->gradient, layout->coordinates, settings->clip_norm)
                      : bg_gradient_norm(training->gradient, layout->coordinates);
    if (!isfinite(loss) || !isfinite(norm)) {
        enum bg_status status = bg_model_check_finite(layout, training->parameters, "parameters in training", error);
        if (status == BG_OK)
            status = bg_model_check_finite(layout, training->gradient, "gradient in training", error);
        if (status == BG_OK)
            status = bg_fail(error, BG_NOT_FINITE, "the loss of training step %llu is not finite: lower the "
                             "learning rate or check the features", (unsigned long long)training->steps + 1);
        return status;
    }
    bg_optimizer_step(&training->optimizer, bg_cosine_rate(&settings->rate, settings->rate.first + training->steps),
                      training->gradient, training->parameters);
    training->steps++;
    training->loss_sum += loss;
    return BG_OK;
}

enum bg_status bg_training_finish(const struct bg_training *training, struct bg_error *error,
                                  struct bg_training_result *ret_result)
{
    enum bg_status status = bg_model_check_finite(&training->model->layout, training->parameters,
                                                  "trained parameters", error);
    if (status != BG_OK)
        return status;
    *ret_result = (struct bg_training_result){
        .mean_loss = training->loss_sum / (double)training->steps,
        .steps = training->steps,
        .examples = training->steps * training->batch,
    };
    return BG_OK;
}

enum bg_status bg_train(const struct bg_model *model, const struct bg_training_settings *settings,
                        const struct bg_examples *examples, struct bg_prng *prng, void *workspace, float *parameters,
                        struct bg_error *error, struct bg_training_result *ret_result)
{
    struct bg_training training;
    enum bg_status status =
        bg_training_init(&training, model, settings, examples, prng, parameters, workspace, error);
    while (status == BG_OK && bg_training_under_way(&training))
        status = bg_training_step(&training, error);
    return status == BG_OK ? bg_training_finish(&training, error, ret_result) : status;
}
