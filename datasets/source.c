/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/source.h"

#include "datasets/cicids2017.h"
#include "datasets/folder.h"
#include "datasets/synthetic.h"

const char *const bg_dataset_kind_names[] = {"synthetic", "cicids2017", "cicids2017-original", NULL};

static enum bg_status open_cicids2017(const struct bg_dataset_settings *settings,
                                      const struct bg_label_map *map, struct bg_error *error,
                                      struct bg_dataset *ret_dataset)
{
    bool improved = settings->kind == BG_DATASET_CICIDS2017;
    if (!settings->path || !*settings->path)
        return bg_fail(error, BG_INVALID, "data of kind %s need the path of a file or folder",
                       bg_dataset_kind_names[settings->kind]);
    struct bg_file_list files;
    enum bg_status status = bg_file_list_find(
        settings->path, improved ? "cicids2017/improved" : "cicids2017/original", error, &files);
    if (status)
        return status;
    const struct bg_cicids2017_settings reading = {
        .release = improved ? BG_CICIDS2017_IMPROVED : BG_CICIDS2017_ORIGINAL,
        .labels = map,
        .drop_port = settings->drop_port,
        .bound_infinite = settings->bound_infinite,
    };
    status = bg_cicids2017_read((const char *const *)files.paths, files.count, &reading, error, ret_dataset);
    bg_file_list_finish(&files);
    return status;
}

enum bg_status bg_dataset_open(const struct bg_dataset_settings *settings, struct bg_error *error,
                               struct bg_dataset *ret_dataset)
{
    struct bg_label_map map;
    enum bg_status status = bg_label_map_load(settings->label_map, error, &map);
    if (status)
        return status;
    if (settings->kind == BG_DATASET_SYNTHETIC)
        status = bg_synthetic_generate(&(struct bg_synthetic_settings){.rows = settings->rows,
                                                                       .seed = settings->seed,
                                                                       .labels = &map,
                                                                       .drop_port = settings->drop_port},
                                       error, ret_dataset);
    else
        status = open_cicids2017(settings, &map, error, ret_dataset);
    bg_label_map_finish(&map);
    return status;
}
