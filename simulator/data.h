/* SPDX-License-Identifier: Apache-2.0 */
/* The data of a simulation: read, split, dealt to clients; features after their signed logarithm. */
#pragma once

#include "datasets/dataset.h"
#include "datasets/partition.h"
#include "datasets/split.h"
#include "model/transform.h"
#include "simulator/config.h"

struct bg_simulator_data {
    struct bg_dataset dataset;
    struct bg_split split;
    struct bg_partition partition;
    struct bg_transform central; /* fitted to all training rows, which no role of a federation sees; with a projection
                                  * if the settings ask for one */
    struct bg_examples training; /* these and `test` borrow from the above */
    struct bg_examples test;     /* what results are reported on: the validation rows if there are any */
    bool on_validation;
    float *class_prior;          /* (classes) shares of the classes in the training rows */
    size_t repeats; /* rows to report on that repeat one to train on; left out unless data.keep_repeats */
};

BG_MUST_CHECK enum bg_status bg_simulator_data_open(const struct bg_simulator_config *config, struct bg_error *error,
                                                    struct bg_simulator_data *ret_data);
/* Whether two configs differ at most in how rows are dealt to clients. */
bool bg_simulator_data_same_source(const struct bg_simulator_config *a, const struct bg_simulator_config *b);
/* Deals the rows of `source`, which was opened for a config of the same source. *ret_data borrows everything from it
 * but the partition, which the caller finishes. */
BG_MUST_CHECK enum bg_status bg_simulator_data_deal(const struct bg_simulator_config *config,
                                                    const struct bg_simulator_data *source, struct bg_error *error,
                                                    struct bg_simulator_data *ret_data);
void bg_simulator_data_finish(struct bg_simulator_data *data);
