/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/cicids2017.h"

#include "datasets/cell.h"

#include <float.h>
#include <math.h>
#include <string.h>

struct reading {
    const struct bg_cicids2017_settings *settings;
    struct bg_dataset *dataset;
    const char *first_path;
    struct bg_cicids2017_header header; /* of the first file; no fields before it is read */
    struct bg_csv *csv;                 /* the file being read */
};

static bool is_empty(const struct bg_csv_record *record)
{
    size_t i = 0;
    while (i < record->count && record->fields[i].size == 0)
        i++;
    return i == record->count;
}

static enum bg_status refuse(struct reading *reading, enum bg_refusal reason, size_t line,
                             struct bg_error *error)
{
    const char *path = bg_csv_path(reading->csv);
    if (bg_dataset_refuse(reading->dataset, reason, path, line))
        return bg_fail(error, BG_NO_MEMORY, "%s:%zu: no memory", path, line);
    return BG_OK;
}

static enum bg_status find_class(struct reading *reading, const struct bg_csv_record *record,
                                 struct bg_error *error, uint16_t *ret_class)
{
    size_t i = 0;
    while (reading->header.target[i] != BG_COLUMN_LABEL)
        i++;
    const struct bg_csv_field *field = &record->fields[i];
    const struct bg_label_map *map = reading->settings->labels;
    if (bg_label_map_find(map, field->text, field->size, ret_class)) {
        char shown[BG_CSV_SHOWN_BYTES];
        return bg_fail(error, BG_DATA,
                       "%s:%zu:%zu: the label map %s does not know \"%s\": add it to a class or to \"drop\"",
                       bg_csv_path(reading->csv), record->line, field->column, map->name,
                       bg_csv_show(field, shown));
    }
    return BG_OK;
}

/* Writes one feature; *reason keeps the first reason to refuse the row. */
static bool read_feature(struct reading *reading, const struct bg_csv_field *field, float *ret_feature,
                         enum bg_refusal *reason, size_t *bounded)
{
    double value;
    enum bg_refusal found = BG_REFUSAL_COUNT;
    switch (bg_cell_read(field->text, field->size, &value)) {
    case BG_CELL_FINITE:
    case BG_CELL_INFINITE:
        if (fabs(value) <= FLT_MAX) {
            *ret_feature = (float)value + 0.0f; /* −0 becomes 0 */
        } else if (reading->settings->bound_infinite) {
            *ret_feature = value > 0 ? BG_BOUNDED_INFINITY : -BG_BOUNDED_INFINITY;
            ++*bounded;
        } else {
            found = BG_REFUSAL_INFINITE_VALUE;
        }
        break;
    case BG_CELL_MISSING:
        found = BG_REFUSAL_MISSING_VALUE;
        break;
    case BG_CELL_NAN:
        found = BG_REFUSAL_NAN_VALUE;
        break;
    case BG_CELL_BAD:
        return false;
    }
    if (*reason == BG_REFUSAL_COUNT)
        *reason = found;
    return true;
}

static enum bg_status not_a_number(struct reading *reading, const struct bg_csv_record *record, size_t i,
                                   struct bg_error *error)
{
    char shown[BG_CSV_SHOWN_BYTES];
    const struct bg_csv_field *field = &record->fields[i];
    return bg_fail(error, BG_DATA, "%s:%zu:%zu: \"%s\" in the column \"%s\" is not a number",
                   bg_csv_path(reading->csv), record->line, field->column, bg_csv_show(field, shown),
                   reading->dataset->feature_names[reading->header.target[i]]);
}

static enum bg_status read_row(struct reading *reading, const struct bg_csv_record *record,
                               struct bg_error *error)
{
    struct bg_dataset *dataset = reading->dataset;
    if (is_empty(record))
        return refuse(reading, BG_REFUSAL_EMPTY_ROW, record->line, error);
    if (record->count != reading->header.fields)
        return bg_fail(error, BG_DATA, "%s:%zu:%zu: %zu fields, but the header has %zu",
                       bg_csv_path(reading->csv), record->line, record->fields[record->count - 1].column,
                       record->count, reading->header.fields);
    uint16_t class;
    enum bg_status status = find_class(reading, record, error, &class);
    if (status)
        return status;
    float *features = bg_dataset_next(dataset);
    if (!features)
        return bg_fail(error, BG_NO_MEMORY, "%s:%zu: no memory for more than %zu rows",
                       bg_csv_path(reading->csv), record->line, dataset->rows);
    enum bg_refusal reason = BG_REFUSAL_COUNT;
    size_t bounded = 0;
    for (size_t i = 0; i < record->count; i++) {
        int target = reading->header.target[i];
        if (target >= 0 && !read_feature(reading, &record->fields[i], &features[target], &reason, &bounded))
            return not_a_number(reading, record, i, error);
    }
    if (class == BG_LABEL_DROPPED)
        reason = BG_REFUSAL_DROPPED_LABEL;
    if (reason != BG_REFUSAL_COUNT)
        return refuse(reading, reason, record->line, error);
    dataset->bounded_values += bounded;
    bg_dataset_push(dataset, class);
    return BG_OK;
}

static enum bg_status read_header(struct reading *reading, struct bg_error *error)
{
    const char *path = bg_csv_path(reading->csv);
    struct bg_csv_record record;
    enum bg_status status = bg_csv_next(reading->csv, error, &record);
    if (status)
        return status;
    if (record.count == 0)
        return bg_fail(error, BG_DATA, "%s: the file is empty", path);
    struct bg_cicids2017_header header;
    status = bg_cicids2017_match(&record, path, reading->settings->release, reading->settings->drop_port,
                                 error, &header);
    if (status)
        return status;
    if (reading->header.fields == 0) {
        reading->header = header;
    } else if (header.fields != reading->header.fields ||
               memcmp(header.target, reading->header.target, header.fields * sizeof *header.target) != 0) {
        return bg_fail(error, BG_DATA,
                       "%s: its columns are not those of %s: name one of the two files, not their folder",
                       path, reading->first_path);
    }
    return BG_OK;
}

static enum bg_status read_file(struct reading *reading, const char *path, struct bg_error *error)
{
    enum bg_status status = bg_csv_open(path, error, &reading->csv);
    if (status)
        return status;
    status = read_header(reading, error);
    while (!status) {
        struct bg_csv_record record;
        status = bg_csv_next(reading->csv, error, &record);
        if (!status && record.count == 0)
            break;
        if (!status)
            status = read_row(reading, &record, error);
    }
    bg_csv_destroy(&reading->csv);
    return status;
}

static enum bg_status describe(struct bg_dataset *dataset, const char *const *paths, size_t path_count,
                               const struct bg_cicids2017_settings *settings, struct bg_error *error)
{
    char text[320];
    const char *name = strrchr(paths[0], '/');
    name = name ? name + 1 : paths[0];
    const char *release = bg_cicids2017_release_name(settings->release);
    if (path_count == 1)
        snprintf(text, sizeof text, "CIC-IDS2017, %s release, %s, label map %s", release, name,
                 settings->labels->name);
    else
        snprintf(text, sizeof text, "CIC-IDS2017, %s release, %s and %zu more files, label map %s", release,
                 name, path_count - 1, settings->labels->name);
    if (bg_dataset_set_provenance(dataset, text))
        return bg_fail(error, BG_NO_MEMORY, "%s: no memory", paths[0]);
    return BG_OK;
}

enum bg_status bg_cicids2017_read(const char *const *paths, size_t path_count,
                                  const struct bg_cicids2017_settings *settings, struct bg_error *error,
                                  struct bg_dataset *ret_dataset)
{
    if (path_count == 0)
        return bg_fail(error, BG_INVALID, "no file of CIC-IDS2017 to read");
    size_t columns;
    const char *const *features = bg_cicids2017_features(settings->release, settings->drop_port, &columns);
    struct bg_dataset dataset;
    enum bg_status status = bg_dataset_init(&dataset, features, columns, settings->labels->class_names,
                                            settings->labels->classes, error);
    if (status)
        return status;
    struct reading reading = {.settings = settings, .dataset = &dataset, .first_path = paths[0]};
    for (size_t i = 0; !status && i < path_count; i++)
        status = read_file(&reading, paths[i], error);
    if (!status && dataset.rows == 0)
        status = bg_fail(error, BG_DATA, "%s: none of its %zu rows can be used", paths[0],
                         bg_dataset_refused(&dataset));
    if (!status)
        status = describe(&dataset, paths, path_count, settings, error);
    if (status) {
        bg_dataset_finish(&dataset);
        return status;
    }
    bg_dataset_trim(&dataset);
    *ret_dataset = dataset;
    return BG_OK;
}
