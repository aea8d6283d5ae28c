/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/table.h"

#include "datasets/cell.h"
#include "datasets/table_header.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct reading {
    const struct bg_table_settings *settings;
    const struct bg_schema *schema;
    struct bg_dataset *dataset;
    const char *first_path;
    bool has_header;               /* of the first file */
    struct bg_table_header header; /* of the file being read; the same for all */
    struct bg_csv *csv;
    size_t excluding; /* the key that excludes rows, or the schema's key_count */
    const char *excluded;
    size_t kept;
    /* of the row being read */
    enum bg_refusal reason; /* the first to refuse it, or BG_REFUSAL_COUNT */
    size_t bounded;
    struct bg_csv_field keys[BG_SCHEMA_MAX_KEYS];
};

static bool is_empty(const struct bg_csv_record *record)
{
    size_t i = 0;
    while (i < record->count && record->fields[i].size == 0)
        i++;
    return i == record->count;
}

static bool is_text(const struct bg_csv_field *field, const char *text)
{
    return strlen(text) == field->size && memcmp(text, field->text, field->size) == 0;
}

/* Whether a cell stands for "no value". */
static bool is_missing(const struct bg_schema *schema, const struct bg_csv_field *field)
{
    size_t i = 0;
    while (i < schema->missing_count && !is_text(field, schema->missing[i]))
        i++;
    return field->size == 0 || i < schema->missing_count;
}

static void refuse(struct reading *reading, enum bg_refusal reason)
{
    if (reading->reason == BG_REFUSAL_COUNT)
        reading->reason = reason;
}

static enum bg_status count_refused(struct reading *reading, size_t line, struct bg_error *error)
{
    const char *path = bg_csv_path(reading->csv);
    if (bg_dataset_refuse(reading->dataset, reading->reason, path, line))
        return bg_fail(error, BG_NO_MEMORY, "%s:%zu: no memory", path, line);
    return BG_OK;
}

static enum bg_status find_class(struct reading *reading, const struct bg_csv_record *record,
                                 struct bg_error *error, uint16_t *ret_class)
{
    const struct bg_csv_field *field = &record->fields[reading->header.label];
    const struct bg_label_map *map = &reading->schema->labels;
    if (bg_label_map_find(map, field->text, field->size, ret_class) == BG_OK) {
        if (*ret_class == BG_LABEL_DROPPED)
            refuse(reading, BG_REFUSAL_DROPPED_LABEL);
        return BG_OK;
    }
    if (reading->schema->refuses_unlabelled && is_missing(reading->schema, field)) {
        refuse(reading, BG_REFUSAL_MISSING_LABEL);
        return BG_OK;
    }
    char shown[BG_CSV_SHOWN_BYTES];
    return bg_fail(error, BG_DATA,
                   "%s:%zu:%zu: the label map %s does not know \"%s\": add it to a class or to \"drop\"",
                   bg_csv_path(reading->csv), record->line, field->column, map->name, bg_csv_show(field, shown));
}

static void take_missing(struct reading *reading, const struct bg_schema_column *column, float *features)
{
    if (column->fills)
        features[column->feature] = column->fill;
    else
        refuse(reading, BG_REFUSAL_MISSING_VALUE);
}

static enum bg_status not_a_number(struct reading *reading, const struct bg_schema_column *column,
                                   const struct bg_csv_field *field, size_t line, struct bg_error *error)
{
    char shown[BG_CSV_SHOWN_BYTES];
    bool comma = memchr(field->text, ',', field->size);
    return bg_fail(error, BG_DATA, "%s:%zu:%zu: \"%s\" in the column \"%s\" is not a number%s",
                   bg_csv_path(reading->csv), line, field->column, bg_csv_show(field, shown), column->name,
                   comma ? "; decimals are written with a point" : "");
}

static enum bg_status read_number(struct reading *reading, const struct bg_schema_column *column,
                                  const struct bg_csv_field *field, size_t line, float *features,
                                  struct bg_error *error)
{
    double value;
    if (reading->schema->missing_count > 0 && is_missing(reading->schema, field)) {
        take_missing(reading, column, features);
        return BG_OK;
    }
    switch (bg_cell_read(field->text, field->size, &value)) {
    case BG_CELL_FINITE:
    case BG_CELL_INFINITE:
        if (fabs(value) <= (double)FLT_MAX) {
            features[column->feature] = (float)value + 0.0f; /* −0 becomes 0 */
        } else if (reading->settings->bound_infinite) {
            features[column->feature] = value > 0 ? BG_BOUNDED_INFINITY : -BG_BOUNDED_INFINITY;
            reading->bounded++;
        } else {
            refuse(reading, BG_REFUSAL_INFINITE_VALUE);
        }
        return BG_OK;
    case BG_CELL_MISSING:
        take_missing(reading, column, features);
        return BG_OK;
    case BG_CELL_NAN:
        refuse(reading, BG_REFUSAL_NAN_VALUE);
        return BG_OK;
    default:
        return not_a_number(reading, column, field, line, error);
    }
}

static void read_one_hot(struct reading *reading, const struct bg_schema_column *column,
                         const struct bg_csv_field *field, float *features)
{
    float *indicators = features + column->feature;
    size_t listed = 0;
    while (listed < column->value_count && !is_text(field, column->values[listed]))
        listed++;
    if (listed == column->value_count && !column->fills && is_missing(reading->schema, field))
        refuse(reading, BG_REFUSAL_MISSING_VALUE);
    else if (listed == column->value_count && column->refuses_unlisted)
        refuse(reading, BG_REFUSAL_UNLISTED_VALUE);
    size_t count = column->value_count + !column->refuses_unlisted;
    for (size_t i = 0; i < count; i++)
        indicators[i] = i == listed;
}

/* The keys of a row, and whether they exclude it. */
static void read_keys(struct reading *reading, const struct bg_csv_record *record)
{
    const struct bg_schema *schema = reading->schema;
    for (size_t i = 0; i < schema->key_count; i++)
        reading->keys[i] = (struct bg_csv_field){.text = ""};
    for (size_t i = 0; i < record->count; i++) {
        uint16_t c = reading->header.columns[i];
        if (c == BG_FIELD_UNNAMED || schema->columns[c].use != BG_COLUMN_KEY)
            continue;
        const struct bg_schema_column *column = &schema->columns[c];
        struct bg_csv_field *key = &reading->keys[column->key];
        *key = record->fields[i];
        if (column->key_bytes > 0 && key->size > column->key_bytes)
            key->size = column->key_bytes;
    }
    if (reading->excluding < schema->key_count && is_text(&reading->keys[reading->excluding], reading->excluded))
        refuse(reading, BG_REFUSAL_EXCLUDED);
}

static enum bg_status read_features(struct reading *reading, const struct bg_csv_record *record, float *features,
                                    struct bg_error *error)
{
    const struct bg_schema_column *columns = reading->schema->columns;
    enum bg_status status = BG_OK;
    for (size_t i = 0; !status && i < record->count; i++) {
        if (reading->header.columns[i] == BG_FIELD_UNNAMED)
            continue;
        const struct bg_schema_column *column = &columns[reading->header.columns[i]];
        if (column->use == BG_COLUMN_NUMBER || column->use == BG_COLUMN_LOG)
            status = read_number(reading, column, &record->fields[i], record->line, features, error);
        else if (column->use == BG_COLUMN_ONE_HOT)
            read_one_hot(reading, column, &record->fields[i], features);
    }
    return status;
}

static enum bg_status keep_row(struct reading *reading, uint16_t class, size_t line, struct bg_error *error)
{
    struct bg_dataset *dataset = reading->dataset;
    const struct bg_table_settings *settings = reading->settings;
    dataset->bounded_values += reading->bounded;
    reading->kept++;
    if (settings->visit) {
        settings->visit(settings->context, bg_dataset_next(dataset), class);
        return BG_OK;
    }
    for (size_t i = 0; i < dataset->key_count; i++)
        if (bg_row_keys_push(&dataset->keys[i], reading->keys[i].text, reading->keys[i].size))
            return bg_fail(error, BG_NO_MEMORY, "%s:%zu: no memory for the keys of rows", bg_csv_path(reading->csv),
                           line);
    bg_dataset_push(dataset, class);
    return BG_OK;
}

static enum bg_status wrong_count(const struct reading *reading, const struct bg_csv_record *record,
                                  struct bg_error *error)
{
    const char *separator = bg_table_separator(record);
    bool more = record->count > reading->header.fields && reading->schema->delimiter == ',';
    return bg_fail(error, BG_DATA, "%s:%zu:%zu: %zu field%s, but %s has %zu%s%s%s", bg_csv_path(reading->csv),
                   record->line, record->fields[record->count - 1].column, record->count,
                   record->count == 1 ? "" : "s", reading->has_header ? "the header" : "a row of the schema",
                   reading->header.fields,
                   separator ? "; fields seem to be separated by \""
                   : more    ? "; is a comma meant as a decimal point, or part of a text? Write decimals with a point, "
                               "and texts in quotes"
                             : "",
                   separator ? separator : "", separator ? "\"" : "");
}

/* Why most of the rows were refused. */
static enum bg_status no_rows(const struct bg_dataset *dataset, size_t refused, const char *path,
                              struct bg_error *error)
{
    size_t most = 0;
    for (size_t i = 1; i < BG_REFUSAL_COUNT; i++)
        most = dataset->refused[i].rows > dataset->refused[most].rows ? i : most;
    if (refused == 0)
        return bg_fail(error, BG_DATA, "%s: there are no rows", path);
    return bg_fail(error, BG_DATA, "%s: none of its %zu rows can be used: %s (%zu rows, first %s:%zu)", path, refused,
                   bg_refusal_text((enum bg_refusal)most), dataset->refused[most].rows,
                   dataset->refused[most].first_file, dataset->refused[most].first_line);
}

static enum bg_status read_row(struct reading *reading, const struct bg_csv_record *record, struct bg_error *error)
{
    const char *path = bg_csv_path(reading->csv);
    uint16_t class = 0;
    reading->reason = BG_REFUSAL_COUNT;
    reading->bounded = 0;
    if (is_empty(record)) {
        refuse(reading, BG_REFUSAL_EMPTY_ROW);
        return count_refused(reading, record->line, error);
    }
    if (record->count != reading->header.fields)
        return wrong_count(reading, record, error);
    float *features = bg_dataset_next(reading->dataset);
    if (!features)
        return bg_fail(error, BG_NO_MEMORY, "%s:%zu: no memory for more than %zu rows", path, record->line,
                       reading->dataset->rows);
    enum bg_status status = find_class(reading, record, error, &class);
    if (status)
        return status;
    if (reading->schema->key_count > 0)
        read_keys(reading, record);
    status = read_features(reading, record, features, error);
    if (status)
        return status;
    if (reading->reason != BG_REFUSAL_COUNT)
        return count_refused(reading, record->line, error);
    return keep_row(reading, class, record->line, error);
}

/* Leaves the first row in *ret_record if there is no header, otherwise none. */
static enum bg_status read_header(struct reading *reading, struct bg_error *error, struct bg_csv_record *ret_record)
{
    struct bg_table_header header;
    enum bg_status status = bg_table_header_read(reading->csv, reading->schema, error, ret_record, &header);
    if (status)
        return status;
    if (reading->header.fields > 0 &&
        (header.fields != reading->header.fields ||
         memcmp(header.columns, reading->header.columns, header.fields * sizeof *header.columns) != 0))
        return bg_fail(error, BG_DATA,
                       "%s: its columns are not those of %s: name one of the two files, not their folder",
                       bg_csv_path(reading->csv), reading->first_path);
    reading->header = header;
    reading->has_header = !header.has_row;
    return BG_OK;
}

static enum bg_status read_file(struct reading *reading, const char *path, struct bg_error *error)
{
    struct bg_csv_record record;
    enum bg_status status = bg_csv_open(path, error, &reading->csv);
    if (status)
        return status;
    status = read_header(reading, error, &record);
    if (!status && !reading->has_header)
        status = read_row(reading, &record, error);
    while (!status) {
        status = bg_csv_next(reading->csv, error, &record);
        if (!status && record.count == 0)
            break;
        if (!status)
            status = read_row(reading, &record, error);
    }
    bg_csv_destroy(&reading->csv);
    return status;
}

/* Splits "KEY=VALUE". */
static enum bg_status read_exclusion(struct reading *reading, struct bg_error *error)
{
    const struct bg_schema *schema = reading->schema;
    const char *exclude = reading->settings->exclude;
    reading->excluding = schema->key_count;
    if (!exclude || !*exclude)
        return BG_OK;
    const char *equals = strchr(exclude, '=');
    size_t size = equals ? (size_t)(equals - exclude) : 0;
    for (size_t i = 0; equals && i < schema->key_count; i++)
        if (strlen(schema->key_names[i]) == size && strncasecmp(schema->key_names[i], exclude, size) == 0)
            reading->excluding = i;
    if (reading->excluding == schema->key_count)
        return bg_fail(error, BG_INVALID, "\"%s\" is not KEY=VALUE with a key of the schema %s", exclude, schema->name);
    reading->excluded = equals + 1;
    return BG_OK;
}

enum bg_status bg_table_begin(const struct bg_schema *schema, struct bg_error *error, struct bg_dataset *ret_dataset)
{
    enum bg_status status =
        bg_dataset_init(ret_dataset, (const char *const *)schema->feature_names, schema->feature_count,
                        schema->labels.class_names, schema->labels.classes, error);
    if (status)
        return status;
    memcpy(ret_dataset->logged, schema->logged, schema->feature_count * sizeof *schema->logged);
    status = bg_dataset_set_label_map(ret_dataset, schema->labels.name);
    for (size_t i = 0; !status && i < schema->key_count; i++)
        status = bg_dataset_add_key(ret_dataset, schema->key_names[i]);
    if (status) {
        bg_dataset_finish(ret_dataset);
        return bg_fail(error, status, "%s: no memory for a data set", schema->name);
    }
    return BG_OK;
}

enum bg_status bg_table_read(const char *const *paths, size_t path_count, const struct bg_table_settings *settings,
                             struct bg_error *error, struct bg_dataset *dataset)
{
    if (path_count == 0)
        return bg_fail(error, BG_INVALID, "no file to read");
    struct reading *reading = calloc(1, sizeof *reading);
    if (!reading)
        return bg_fail(error, BG_NO_MEMORY, "%s: no memory to read it", paths[0]);
    *reading = (struct reading){
        .settings = settings, .schema = settings->schema, .dataset = dataset, .first_path = paths[0]};
    size_t refused = bg_dataset_refused(dataset);
    enum bg_status status = read_exclusion(reading, error);
    for (size_t i = 0; !status && i < path_count; i++)
        status = read_file(reading, paths[i], error);
    if (!status && reading->kept == 0)
        status = no_rows(dataset, bg_dataset_refused(dataset) - refused, paths[0], error);
    free(reading);
    return status;
}
