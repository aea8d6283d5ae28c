/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/workers.h"
#include "model/evaluation.h"
#include "simulator/data.h"

/* Trains the simulation's model on all training rows at once, with the same optimizer, batch, clipping and class
 * weights and a cosine over config->central_epochs passes, and adds its confusion matrix on the same test rows: what
 * pooling the data would have given. */
BG_MUST_CHECK enum bg_status bg_central_train(const struct bg_simulator_config *config,
                                              const struct bg_simulator_data *data, struct bg_workers *workers,
                                              struct bg_error *error, struct bg_confusion *confusion);
