/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/evaluate.h"

#include "crypto/digest.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK 4096

struct chunk {
    struct bg_confusion confusion;
    enum bg_status status;
    struct bg_error error;
};

struct evaluation {
    const struct bg_model *model;
    const float *parameters;
    const struct bg_examples *examples;
    struct chunk *chunks;
};

static void evaluate_chunk(void *context, size_t i)
{
    struct evaluation *evaluation = context;
    struct chunk *chunk = &evaluation->chunks[i];
    size_t first = i * CHUNK;
    size_t left = evaluation->examples->count - first;
    struct bg_examples part = bg_examples_slice(evaluation->examples, first, left < CHUNK ? left : CHUNK);
    void *workspace = malloc(bg_evaluation_workspace_size(evaluation->model));
    if (!workspace) {
        chunk->status = bg_fail(&chunk->error, BG_NO_MEMORY, "evaluation: out of memory");
        return;
    }
    chunk->status = bg_evaluate(evaluation->model, evaluation->parameters, &part, workspace, &chunk->confusion,
                                &chunk->error);
    free(workspace);
}

enum bg_status bg_evaluate_parallel(struct bg_workers *workers, const struct bg_model *model,
                                    const float *parameters, const struct bg_examples *examples,
                                    struct bg_error *error, struct bg_confusion *confusion)
{
    size_t count = examples->count / CHUNK + (examples->count % CHUNK != 0);
    struct evaluation evaluation = {.model = model, .parameters = parameters, .examples = examples};
    enum bg_status status = BG_OK;
    evaluation.chunks = calloc(count ? count : 1, sizeof *evaluation.chunks);
    if (!evaluation.chunks)
        return bg_fail(error, BG_NO_MEMORY, "evaluation: out of memory");
    for (size_t i = 0; status == BG_OK && i < count; i++)
        status = bg_confusion_init(&evaluation.chunks[i].confusion, confusion->classes);
    if (status == BG_OK && workers)
        bg_workers_for(workers, count, evaluate_chunk, &evaluation);
    for (size_t i = 0; status == BG_OK && !workers && i < count; i++)
        evaluate_chunk(&evaluation, i);
    for (size_t i = 0; status == BG_OK && i < count; i++) {
        status = evaluation.chunks[i].status;
        if (status == BG_OK)
            bg_confusion_add(confusion, &evaluation.chunks[i].confusion);
        else
            bg_fail(error, status, "%s", evaluation.chunks[i].error.text);
    }
    for (size_t i = 0; i < count; i++)
        bg_confusion_finish(&evaluation.chunks[i].confusion);
    free(evaluation.chunks);
    return status;
}

static enum bg_status make_inputs(struct bg_judge *judge, const struct bg_transform *transform, struct bg_error *error)
{
    if (judge->inputs.inputs && bg_transform_equal(&judge->transform, transform))
        return BG_OK;
    bg_judge_finish(judge);
    enum bg_status status = bg_transform_copy(transform, &judge->transform);
    if (status == BG_OK)
        status = bg_transformed_init(&judge->inputs, transform, judge->rows);
    return status == BG_OK ? BG_OK : bg_fail(error, status, "evaluation: out of memory");
}

enum bg_status bg_judge_model(struct bg_judge *judge, const struct bg_model_card *card, struct bg_error *error,
                              struct bg_confusion *confusion)
{
    enum bg_status status = make_inputs(judge, &card->transform, error);
    if (status != BG_OK)
        return status;
    return bg_evaluate_parallel(judge->workers, card->model, card->parameters, &judge->inputs.examples, error,
                                confusion);
}

void bg_judge_finish(struct bg_judge *judge)
{
    bg_transform_finish(&judge->transform);
    bg_transformed_finish(&judge->inputs);
}

struct bg_digest bg_model_digest(const struct bg_model_card *card)
{
    struct bg_sha256_state state;
    struct bg_digest digest;
    bg_sha256_init(&state);
    bg_sha256_update(&state, (struct bg_span){(const uint8_t *)card->model->spec, strlen(card->model->spec) + 1});
    for (size_t i = 0; i < card->model->layout.coordinates; i++) {
        uint32_t bits;
        uint8_t bytes[4];
        memcpy(&bits, &card->parameters[i], sizeof bits);
        for (size_t byte = 0; byte < sizeof bytes; byte++)
            bytes[byte] = (uint8_t)(bits >> (8 * byte));
        bg_sha256_update(&state, (struct bg_span){bytes, sizeof bytes});
    }
    bg_sha256_finish(&state, &digest);
    return digest;
}
