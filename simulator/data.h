/* SPDX-License-Identifier: Apache-2.0 */
/* The data of a simulation: read, split, transformed with statistics of the training rows, dealt to clients. */
#pragma once

#include "datasets/dataset.h"
#include "datasets/feature_stats.h"
#include "datasets/partition.h"
#include "datasets/split.h"
#include "simulator/config.h"

struct bg_simulator_data {
    struct bg_dataset dataset;
    struct bg_split split;
    struct bg_feature_stats stats;
    struct bg_partition partition;
    struct bg_examples training; /* over the transformed matrix; these and `test` borrow from the above */
    struct bg_examples test;     /* what results are reported on: the validation rows if there are any */
    bool on_validation;
    size_t duplicates_removed;   /* of the rows results are reported on */
};

BG_MUST_CHECK enum bg_status bg_simulator_data_open(const struct bg_simulator_config *config, struct bg_error *error,
                                                    struct bg_simulator_data *ret_data);
void bg_simulator_data_finish(struct bg_simulator_data *data);
