/* SPDX-License-Identifier: Apache-2.0 */
#include "client/local_data.h"

#include "datasets/strict_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool same_names(const char *const *a, size_t a_count, const char *const *b, size_t b_count)
{
    if (a_count != b_count)
        return false;
    for (size_t i = 0; i < a_count; i++)
        if (strcmp(a[i], b[i]) != 0)
            return false;
    return true;
}

enum bg_status bg_local_data_check_model(const struct bg_root_part *plan, const struct bg_model_card *card,
                                         struct bg_error *error)
{
    if (!same_names(card->feature_names, card->transform.columns, plan->features, plan->feature_count))
        return bg_fail(error, BG_DATA, "model: its features are not those of the plan");
    if (!same_names(card->class_names, card->model->classes, plan->classes, plan->class_count))
        return bg_fail(error, BG_DATA, "model: its classes are not those of the plan");
    return BG_OK;
}

static enum bg_status check_dataset(const struct bg_root_part *plan, const struct bg_dataset *dataset,
                                    struct bg_error *error)
{
    const char *const *classes = (const char *const *)dataset->class_names;
    if (!same_names(classes, dataset->classes, plan->classes, plan->class_count))
        return bg_fail(error, BG_DATA,
                       "data: the label map makes other classes than the plan, whose map is \"%s\": set data.labels",
                       plan->label_map);
    if (dataset->rows == 0)
        return bg_fail(error, BG_DATA, "data: no usable row in %s", dataset->provenance);
    return BG_OK;
}

/* Index of a feature, or the number of columns. */
static size_t find_column(const struct bg_dataset *dataset, const char *name)
{
    size_t i = 0;
    while (i < dataset->columns && strcmp(dataset->feature_names[i], name) != 0)
        i++;
    return i;
}

#define NAMES_SHOWN 3

static enum bg_status check_features(const struct bg_root_part *plan, const struct bg_dataset *dataset,
                                     struct bg_error *error)
{
    char names[200] = "";
    size_t missing = 0;
    for (size_t i = 0; i < plan->feature_count; i++) {
        size_t used = strlen(names);
        if (find_column(dataset, plan->features[i]) < dataset->columns)
            continue;
        if (missing++ < NAMES_SHOWN)
            snprintf(names + used, sizeof names - used, "%s\"%.50s\"", used ? ", " : "", plan->features[i]);
    }
    if (missing == 0)
        return BG_OK;
    return bg_fail(error, BG_DATA,
                   "data: %zu of the %zu features that the plan asks for are not in %s: %s%s; every device uses the "
                   "same data.kind and data.schema",
                   missing, plan->feature_count, dataset->provenance, names, missing > NAMES_SHOWN ? ", ..." : "");
}

static enum bg_status select_features(const struct bg_root_part *plan, struct bg_local_data *data,
                                      struct bg_error *error)
{
    const struct bg_dataset *dataset = &data->dataset;
    size_t columns = plan->feature_count;
    enum bg_status status = check_features(plan, dataset, error);
    if (status != BG_OK)
        return status;
    data->features = reallocarray(NULL, dataset->rows, columns * sizeof *data->features);
    if (!data->features)
        return bg_fail(error, BG_NO_MEMORY, "data: out of memory for %zu rows", dataset->rows);
    for (size_t i = 0; i < columns; i++) {
        size_t from = find_column(dataset, plan->features[i]);
        for (size_t row = 0; row < dataset->rows; row++)
            data->features[row * columns + i] = dataset->features[row * dataset->columns + from];
    }
    return BG_OK;
}

static void give_examples(struct bg_local_data *data, size_t columns)
{
    data->examples = bg_dataset_examples(&data->dataset);
    data->examples.features = data->features;
    data->examples.columns = columns;
}

/* The map that the plan names, where that is one of those built in: nobody elsewhere names files of this device. */
static enum bg_status use_plans_map(const struct bg_root_part *plan, struct bg_dataset_settings *settings,
                                    struct bg_error *error)
{
    if (bg_is_json_path(plan->label_map))
        return bg_fail(error, BG_DATA,
                       "data: the plan's label map is a file of the root, \"%s\": set data.labels to a copy",
                       plan->label_map);
    settings->label_map = plan->label_map;
    return BG_OK;
}

enum bg_status bg_local_data_open(const struct bg_dataset_settings *settings, const struct bg_root_part *plan,
                                  const struct bg_model_card *card, struct bg_error *error,
                                  struct bg_local_data *ret_data)
{
    struct bg_local_data data = {.features = NULL};
    struct bg_dataset_settings with_map = *settings;
    enum bg_status status = bg_local_data_check_model(plan, card, error);
    if (status == BG_OK && !settings->label_map[0])
        status = use_plans_map(plan, &with_map, error);
    if (status == BG_OK)
        status = bg_dataset_open(&with_map, error, &data.dataset);
    if (status == BG_OK)
        status = check_dataset(plan, &data.dataset, error);
    if (status == BG_OK) {
        bg_dataset_take_logs(&data.dataset);
        status = select_features(plan, &data, error);
    }
    if (status != BG_OK) {
        bg_local_data_finish(&data);
        return status;
    }
    give_examples(&data, plan->feature_count);
    *ret_data = data;
    return BG_OK;
}

void bg_local_data_finish(struct bg_local_data *data)
{
    free(data->features);
    bg_dataset_finish(&data->dataset);
    *data = (struct bg_local_data){.features = NULL};
}
