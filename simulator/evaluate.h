/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/workers.h"
#include "model/evaluation.h"

/* Adds the confusion matrix of all examples, spread over workers (may be NULL); exact, so any split gives the same. */
BG_MUST_CHECK enum bg_status bg_evaluate_parallel(struct bg_workers *workers, const struct bg_model *model,
                                                  const float *parameters, const struct bg_examples *examples,
                                                  struct bg_error *error, struct bg_confusion *confusion);
