/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/source.h"

#include "datasets/folder.h"
#include "datasets/synthetic.h"
#include "datasets/table.h"

#include <stdio.h>
#include <string.h>

const char *const bg_dataset_kind_names[] = {
    [BG_DATASET_SYNTHETIC] = "synthetic",
    [BG_DATASET_CICIDS2017] = "cicids2017",
    [BG_DATASET_CICIDS2017_ORIGINAL] = "cicids2017-original",
    [BG_DATASET_NSL_KDD] = "nsl-kdd",
    [BG_DATASET_UNSW_NB15] = "unsw-nb15",
    [BG_DATASET_CICIOT2023] = "ciciot2023",
    [BG_DATASET_WISDM] = "wisdm",
    [BG_DATASET_OCCUPANCY] = "occupancy",
    [BG_DATASET_CSV] = "csv",
    [BG_DATASET_CSV + 1] = NULL,
};

#define SYNTHETIC_LABELS "papers7"

static bool is_set(const char *text)
{
    return text && *text;
}

static enum bg_status generate(const struct bg_dataset_settings *settings, struct bg_error *error,
                               struct bg_dataset *ret_dataset)
{
    if (is_set(settings->test_path) || is_set(settings->exclude))
        return bg_fail(error, BG_INVALID, "synthetic data have neither a test source nor keys to exclude");
    struct bg_label_map map;
    enum bg_status status =
        bg_label_map_load(is_set(settings->label_map) ? settings->label_map : SYNTHETIC_LABELS, error, &map);
    if (status)
        return status;
    const struct bg_synthetic_settings synthetic = {
        .rows = settings->rows, .seed = settings->seed, .labels = &map, .drop_port = settings->drop_port};
    status = bg_synthetic_generate(&synthetic, error, ret_dataset);
    bg_label_map_finish(&map);
    return status;
}

/* Appends the rows of a file or folder, and their origin to `provenance`. */
static enum bg_status read_path(const char *path, const struct bg_table_settings *table, char *provenance, size_t size,
                                struct bg_error *error, struct bg_dataset *dataset)
{
    struct bg_file_list files;
    enum bg_status status = bg_file_list_find(path, table->schema->folder, error, &files);
    if (status)
        return status;
    size_t used = strlen(provenance);
    const char *name = strrchr(files.paths[0], '/');
    name = name ? name + 1 : files.paths[0];
    if (files.count == 1)
        snprintf(provenance + used, size - used, "%.200s", name);
    else
        snprintf(provenance + used, size - used, "%.200s and %zu more files", name, files.count - 1);
    status = bg_table_read((const char *const *)files.paths, files.count, table, error, dataset);
    bg_file_list_finish(&files);
    return status;
}

static enum bg_status read_rows(const struct bg_dataset_settings *settings, const struct bg_schema *schema,
                                struct bg_error *error, struct bg_dataset *dataset)
{
    char provenance[1024];
    struct bg_table_settings table = {
        .schema = schema, .bound_infinite = settings->bound_infinite, .exclude = settings->exclude};
    snprintf(provenance, sizeof provenance, "%.100s, ", schema->name);
    enum bg_status status =
        read_path(settings->path, &table, provenance, sizeof provenance, error, dataset);
    size_t training_rows = dataset->rows;
    if (!status && is_set(settings->test_path)) {
        strcat(provenance, ", tested on ");
        table.exclude = NULL;
        status = read_path(settings->test_path, &table, provenance, sizeof provenance, error, dataset);
    }
    dataset->training_rows = training_rows;
    if (!status && settings->deduplicate && bg_dataset_deduplicate(dataset))
        status = bg_fail(error, BG_NO_MEMORY, "no memory to find repeated rows");
    strncat(provenance, ", label map ", sizeof provenance - strlen(provenance) - 1);
    strncat(provenance, schema->labels.name, sizeof provenance - strlen(provenance) - 1);
    if (!status && bg_dataset_set_provenance(dataset, provenance))
        status = bg_fail(error, BG_NO_MEMORY, "no memory for a data set");
    return status;
}

static enum bg_status read_files(const struct bg_dataset_settings *settings, struct bg_error *error,
                                 struct bg_dataset *ret_dataset)
{
    const char *kind = bg_dataset_kind_names[settings->kind];
    bool described = settings->kind == BG_DATASET_CSV;
    if (!is_set(settings->path))
        return bg_fail(error, BG_INVALID, "data of kind %s need the path of a file or folder", kind);
    if (described && !is_set(settings->schema))
        return bg_fail(error, BG_INVALID, "data of kind csv need a schema: burgee-inspect data FILE --suggest");
    const struct bg_schema_settings choices = {.labels = settings->label_map, .drop_port = settings->drop_port};
    struct bg_schema schema;
    struct bg_dataset dataset;
    enum bg_status status = bg_schema_load(described ? settings->schema : kind, &choices, error, &schema);
    if (status)
        return status;
    status = bg_table_begin(&schema, error, &dataset);
    if (!status) {
        status = read_rows(settings, &schema, error, &dataset);
        if (status) {
            bg_dataset_finish(&dataset);
        } else {
            bg_dataset_trim(&dataset);
            *ret_dataset = dataset;
        }
    }
    bg_schema_finish(&schema);
    return status;
}

enum bg_status bg_dataset_open(const struct bg_dataset_settings *settings, struct bg_error *error,
                               struct bg_dataset *ret_dataset)
{
    return settings->kind == BG_DATASET_SYNTHETIC ? generate(settings, error, ret_dataset)
                                                  : read_files(settings, error, ret_dataset);
}
