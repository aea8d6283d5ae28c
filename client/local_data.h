/* SPDX-License-Identifier: Apache-2.0 */
/* The device's own data as the plan has it: its features by their names, in its order, after their signed
 * logarithm. */
#pragma once

#include "datasets/source.h"
#include "model/model_file.h"
#include "wire/plan.h"

struct bg_local_data {
    struct bg_dataset dataset;
    float *features;             /* (rows, features of the plan) */
    struct bg_examples examples; /* all rows */
};

/* BG_DATA: the model's features or classes are not the plan's. */
BG_MUST_CHECK enum bg_status bg_local_data_check_model(const struct bg_root_part *plan,
                                                       const struct bg_model_card *card, struct bg_error *error);
/* settings->label_map "": the plan's, if it is built in. Besides what bg_dataset_open gives, BG_DATA: the model is not
 * the plan's; the data lack a feature, have other classes, or no usable row. */
BG_MUST_CHECK enum bg_status bg_local_data_open(const struct bg_dataset_settings *settings,
                                                const struct bg_root_part *plan, const struct bg_model_card *card,
                                                struct bg_error *error, struct bg_local_data *ret_data);
/* Accepts zeroed data. */
void bg_local_data_finish(struct bg_local_data *data);
