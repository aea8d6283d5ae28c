/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/data.h"

#include "aggregator/statistics.h"
#include "datasets/source.h"
#include "robust/rule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum bg_status open_dataset(const struct bg_simulator_config *config, struct bg_error *error,
                                   struct bg_dataset *ret_dataset)
{
    struct bg_dataset_settings settings = {.kind = (enum bg_dataset_kind)config->data_kind,
                                           .path = config->data_dir,
                                           .test_path = config->data_test_dir,
                                           .schema = config->data_schema,
                                           .label_map = config->data_labels,
                                           .exclude = config->data_exclude,
                                           .deduplicate = config->data_deduplicate,
                                           .drop_port = config->data_drop_port,
                                           .rows = config->data_rows,
                                           .seed = config->data_seed};
    return bg_dataset_open(&settings, error, ret_dataset);
}

/* Raw rows are split: what is a duplicate must not depend on the logarithm. */
static enum bg_status split_rows(const struct bg_simulator_config *config, struct bg_error *error,
                                 struct bg_simulator_data *data)
{
    struct bg_examples all = bg_dataset_examples(&data->dataset);
    bool apart = data->dataset.training_rows < data->dataset.rows;
    struct bg_split_settings settings = {.test = config->data_test_share,
                                         .validation = config->data_validation_share,
                                         .seed = config->data_seed,
                                         .test_from = apart ? data->dataset.training_rows : 0,
                                         .keep_repeats = config->data_keep_repeats};
    enum bg_status status = bg_split_make(&all, &settings, error, &data->split);
    if (status != BG_OK)
        return status;
    data->on_validation = config->data_validation_share > 0;
    enum bg_split_part part = data->on_validation ? BG_SPLIT_VALIDATION : BG_SPLIT_TEST;
    data->training = bg_split_examples(&all, &data->split, BG_SPLIT_TRAINING);
    data->test = bg_split_examples(&all, &data->split, part);
    data->repeats = data->split.parts[part].repeats;
    if (data->training.count == 0 || data->test.count == 0)
        return bg_fail(error, BG_CONFIG,
                       "data: rows to train on: %zu, to report on: %zu, left out there because they repeat others: "
                       "%zu; give more rows or other shares, or data.keep_repeats=true",
                       data->training.count, data->test.count, data->repeats);
    return BG_OK;
}

/* All training rows as one group of one member: what a federation's medians stand beside. */
static enum bg_status project(const struct bg_simulator_config *config, struct bg_error *error,
                              struct bg_simulator_data *data)
{
    struct bg_statistics_form form = bg_statistics_form(BG_STAGE_COVARIANCE, data->dataset.columns, 0);
    struct bg_projection_settings settings = {.components = (size_t)config->learning.components,
                                              .variance = config->learning.variance};
    struct bg_group_sum all = {.members = 1, .fields = calloc(1 + bg_statistics_slots(&form), sizeof *all.fields)};
    struct bg_statistics_input input = {.form = &form, .groups = &all, .count = 1, .faulty = BG_FAULTY_UNSET};
    struct bg_transformed z = {.inputs = NULL};
    struct bg_principal principal = {0};
    struct bg_transform projected = {0};
    bool used;
    enum bg_status status = all.fields ? bg_transformed_init(&z, &data->central, &data->training) : BG_NO_MEMORY;
    if (status == BG_OK)
        status = bg_statistics_measure(&form, &z.examples, error, all.fields + 1);
    if (status == BG_OK)
        status = bg_statistics_principal(&input, &settings, error, &used, &principal);
    if (status == BG_OK) {
        struct bg_transform view = data->central;
        view.inputs = principal.components;
        view.projection = principal.rows;
        status = bg_transform_copy(&view, &projected);
    }
    if (status == BG_OK) {
        bg_transform_finish(&data->central);
        data->central = projected;
    }
    if (status == BG_NO_MEMORY)
        bg_fail(error, status, "data: no memory for principal components");
    bg_principal_finish(&principal);
    bg_transformed_finish(&z);
    free(all.fields);
    return status;
}

static enum bg_status fit(const struct bg_simulator_config *config, struct bg_error *error,
                          struct bg_simulator_data *data)
{
    struct bg_dataset *dataset = &data->dataset;
    bg_dataset_take_logs(dataset);
    bool projects = config->learning.components || config->learning.variance > 0;
    enum bg_status status = bg_transform_fit(&data->training, error, &data->central);
    return status == BG_OK && projects ? project(config, error, data) : status;
}

static enum bg_status count_classes(struct bg_error *error, struct bg_simulator_data *data)
{
    data->class_prior = calloc(data->dataset.classes, sizeof *data->class_prior);
    if (!data->class_prior)
        return bg_fail(error, BG_NO_MEMORY, "data: out of memory");
    for (size_t i = 0; i < data->training.count; i++)
        data->class_prior[bg_example_label(&data->training, i)]++;
    for (uint32_t c = 0; c < data->dataset.classes; c++)
        data->class_prior[c] /= (float)data->training.count;
    return BG_OK;
}

static enum bg_status no_such_key(const struct bg_simulator_config *config, const struct bg_dataset *dataset,
                                  struct bg_error *error)
{
    char known[256] = "none";
    for (size_t i = 0, used = 0; i < dataset->key_count && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", dataset->keys[i].name);
    return bg_fail(error, BG_CONFIG, "data.partition_column=%s: data.kind=%s has the keys: %s",
                   config->data_partition_column, bg_dataset_kind_names[config->data_kind], known);
}

static enum bg_status deal(const struct bg_simulator_config *config, struct bg_error *error,
                           struct bg_simulator_data *data)
{
    const struct bg_row_keys *keys = bg_dataset_key(&data->dataset, config->data_partition_column);
    if (config->data_partition == BG_PARTITION_COLUMN && !keys)
        return no_such_key(config, &data->dataset, error);
    struct bg_partition_settings settings = {.kind = (enum bg_partition_kind)config->data_partition,
                                             .keys = keys,
                                             .clients = (uint32_t)config->clients,
                                             .classes_per_client = (uint32_t)config->data_classes_per_client,
                                             .alpha = config->data_alpha,
                                             .min_rows = config->data_least_rows,
                                             .seed = config->seed};
    enum bg_status status = bg_partition_make(&data->training, &settings, error, &data->partition);
    return status == BG_OK ? BG_OK : bg_fail_in(error, status, "clients.count, data.partition and data.least_rows");
}

/* data.* but for the deal, and what the central fit looks at. */
static bool is_of_the_source(const char *key)
{
    static const char *const of_the_deal[] = {"data.partition", "data.partition_column", "data.alpha",
                                              "data.classes_per_client", "data.least_rows"};
    for (size_t i = 0; i < sizeof of_the_deal / sizeof *of_the_deal; i++)
        if (strcmp(key, of_the_deal[i]) == 0)
            return false;
    return strncmp(key, "data.", 5) == 0 || strcmp(key, "model.components") == 0 || strcmp(key, "model.variance") == 0;
}

bool bg_simulator_data_same_source(const struct bg_simulator_config *a, const struct bg_simulator_config *b)
{
    for (size_t i = 0; i < bg_simulator_option_count; i++) {
        const struct bg_option *option = &bg_simulator_options[i];
        if (is_of_the_source(option->key) && !bg_option_same(option, a, b))
            return false;
    }
    return true;
}

enum bg_status bg_simulator_data_deal(const struct bg_simulator_config *config, const struct bg_simulator_data *source,
                                      struct bg_error *error, struct bg_simulator_data *ret_data)
{
    struct bg_simulator_data data = *source;
    enum bg_status status = deal(config, error, &data);
    if (status == BG_OK)
        *ret_data = data;
    return status;
}

enum bg_status bg_simulator_data_open(const struct bg_simulator_config *config, struct bg_error *error,
                                      struct bg_simulator_data *ret_data)
{
    struct bg_simulator_data data = {0};
    enum bg_status status = open_dataset(config, error, &data.dataset);
    if (status == BG_OK)
        status = split_rows(config, error, &data);
    if (status == BG_OK)
        status = fit(config, error, &data);
    if (status == BG_OK)
        status = count_classes(error, &data);
    if (status == BG_OK)
        status = deal(config, error, &data);
    if (status != BG_OK) {
        bg_simulator_data_finish(&data);
        return status;
    }
    *ret_data = data;
    return BG_OK;
}

void bg_simulator_data_finish(struct bg_simulator_data *data)
{
    free(data->class_prior);
    bg_partition_finish(&data->partition);
    bg_transform_finish(&data->central);
    bg_split_finish(&data->split);
    bg_dataset_finish(&data->dataset);
    *data = (struct bg_simulator_data){0};
}
