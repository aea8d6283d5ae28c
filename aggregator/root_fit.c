/* SPDX-License-Identifier: Apache-2.0 */
/* What the root makes of a round of statistics: the published model with another transform, as a file that it reads
 * back, so that it goes on from what its clients read. */
#include "aggregator/root_state.h"
#include "aggregator/statistics.h"
#include "crypto/digest.h"

#include <stdlib.h>
#include <string.h>

static bool projects(const struct bg_fit_settings *fit)
{
    return fit->projection.components || fit->projection.variance > 0;
}

enum bg_task_stage bg_root_stage_due(const struct bg_root *root)
{
    const struct bg_fit_settings *fit = &root->settings.fit;
    /* A model that has learnt keeps its inputs. */
    bool fits = fit->federated && root->learning_rounds == 0;
    if (fits && !(root->stages_done & 1u << BG_STAGE_MOMENTS))
        return BG_STAGE_MOMENTS;
    if (fits && projects(fit) && !(root->stages_done & 1u << BG_STAGE_COVARIANCE))
        return BG_STAGE_COVARIANCE;
    if (root->settings.codec.mode == BG_PLAN_CODEC_EF && !(root->stages_done & 1u << BG_STAGE_SCALES))
        return BG_STAGE_SCALES;
    return BG_STAGE_LEARNING;
}

/* The card becomes that of version `next`, written and read back into root->fitted. */
static enum bg_status write_fitted(struct bg_root *root, struct bg_model_card *card, struct bg_error *error)
{
    struct bg_root_version *next = &root->next;
    card->round = next->round = root->round.number;
    card->parent = next->parent = root->current.digest;
    card->plan = root->plan_id;
    bg_writer_finish(&next->file);
    enum bg_status status = bg_model_encode(card, &next->file, error);
    if (status != BG_OK)
        return status;
    bg_sha256(bg_writer_span(&next->file), &next->digest);
    bg_model_file_finish(&root->fitted);
    status = bg_model_decode(bg_writer_span(&next->file), "fitted model", error, &root->fitted);
    if (status != BG_OK)
        return status;
    /* Versions have room for it: a projection never makes more inputs than there were. */
    const struct bg_layout *layout = &root->fitted.model->layout;
    memcpy(next->parameters, root->fitted.card.parameters, layout->coordinates * sizeof *next->parameters);
    memset(next->momentum, 0, layout->coordinates * sizeof *next->momentum);
    memset(next->squares, 0, layout->coordinates * sizeof *next->squares);
    for (size_t i = 0; i < layout->tensor_count; i++) {
        next->scales[i] = 1;
        next->centres[i] = 0;
    }
    return BG_OK;
}

static enum bg_status fit_moments(struct bg_root *root, const struct bg_statistics_input *input,
                                  struct bg_error *error, bool *ret_used)
{
    struct bg_model_card card = root->card;
    struct bg_transform transform;
    size_t columns = input->form->columns;
    float *block = bg_transform_allocate(columns, 0, &transform);
    float *prior = calloc(input->form->classes, sizeof *prior);
    enum bg_status status = block && prior ? BG_OK : bg_fail(error, BG_NO_MEMORY, "statistics: out of memory");
    if (status == BG_OK)
        status = bg_statistics_moments(input, error, ret_used, block, block + columns, prior);
    if (status == BG_OK) {
        card.transform = transform;
        card.class_prior = prior;
        status = write_fitted(root, &card, error);
    }
    free(block);
    free(prior);
    return status;
}

/* A fresh model over so many inputs; gives both. */
static enum bg_status fresh_model(const struct bg_root *root, size_t inputs, struct bg_error *error,
                                  struct bg_model **ret_model, float **ret_parameters)
{
    struct bg_prng prng;
    enum bg_status status = bg_model_create(root->model->spec, inputs, root->model->classes, error, ret_model);
    if (status != BG_OK)
        return status;
    *ret_parameters = calloc((*ret_model)->layout.coordinates, sizeof **ret_parameters);
    if (!*ret_parameters)
        return bg_fail(error, BG_NO_MEMORY, "model: out of memory");
    bg_prng_init_stream(&prng, root->settings.fit.seed, "model", 0);
    bg_model_initialise(*ret_model, &prng, *ret_parameters);
    return BG_OK;
}

static enum bg_status project(struct bg_root *root, const struct bg_principal *principal, struct bg_error *error)
{
    const struct bg_transform *before = &root->card.transform;
    struct bg_model_card card = root->card;
    struct bg_transform transform = *before;
    struct bg_model *model = NULL;
    float *parameters = NULL;
    transform.inputs = principal->components;
    transform.projection = principal->rows;
    enum bg_status status = fresh_model(root, principal->components, error, &model, &parameters);
    if (status == BG_OK) {
        card.model = model;
        card.parameters = parameters;
        card.transform = transform;
        status = write_fitted(root, &card, error);
    }
    free(parameters);
    bg_model_destroy(&model);
    return status;
}

enum bg_status bg_root_fit(struct bg_root *root, const struct bg_group_sum *sums, size_t count,
                           struct bg_error *error, struct bg_combination *ret_combination)
{
    const struct bg_fit_settings *fit = &root->settings.fit;
    struct bg_statistics_input input = {
        .form = &root->shape.statistics, .groups = sums, .count = count, .faulty = root->settings.faulty};
    struct bg_combination combination = {.bucket = 1, .used = calloc(count ? count : 1, sizeof(bool))};
    struct bg_principal principal = {0};
    if (!combination.used)
        return bg_fail(error, BG_NO_MEMORY, "statistics: out of memory");
    enum bg_status status;
    if (root->task.stage == BG_STAGE_MOMENTS) {
        status = fit_moments(root, &input, error, combination.used);
    } else {
        status = bg_statistics_principal(&input, &fit->projection, error, combination.used, &principal);
        if (status == BG_OK)
            status = project(root, &principal, error);
        bg_principal_finish(&principal);
    }
    if (status == BG_OK)
        *ret_combination = combination;
    else
        bg_combination_finish(&combination);
    return status;
}

void bg_root_adopt_fitted(struct bg_root *root)
{
    bg_model_file_finish(&root->initial);
    root->initial = root->fitted;
    root->fitted = (struct bg_model_file){.model = NULL};
    root->card = root->initial.card;
    root->card.parameters = root->current.parameters;
    root->model = root->initial.model;
    root->plan_stale = !bg_layout_equal(&root->model->layout, &root->plan.root.layout);
}
