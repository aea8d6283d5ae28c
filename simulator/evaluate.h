/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/workers.h"
#include "model/evaluation.h"
#include "model/model_file.h"

/* Adds the confusion matrix of all examples, spread over workers (may be NULL); exact, so any split gives the same. */
BG_MUST_CHECK enum bg_status bg_evaluate_parallel(struct bg_workers *workers, const struct bg_model *model,
                                                  const float *parameters, const struct bg_examples *examples,
                                                  struct bg_error *error, struct bg_confusion *confusion);

/* Rows that one model after another is judged by, as inputs of the last one. */
struct bg_judge {
    struct bg_workers *workers;    /* borrowed; may be NULL */
    const struct bg_examples *rows; /* borrowed: features after their logarithms */
    struct bg_transform transform; /* what `inputs` were made with; its own numbers */
    struct bg_transformed inputs;
};

/* Adds the confusion matrix of the rows to that of the model's classes. */
BG_MUST_CHECK enum bg_status bg_judge_model(struct bg_judge *judge, const struct bg_model_card *card,
                                            struct bg_error *error, struct bg_confusion *confusion);
/* Accepts a zeroed one. */
void bg_judge_finish(struct bg_judge *judge);

/* SHA-256 of the model's specification and its parameters as little-endian float32: the same for every encryption
 * mode, key, number of threads and kind of transport. */
struct bg_digest bg_model_digest(const struct bg_model_card *card);
