/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/evaluate.h"

#include <stdlib.h>

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
