/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/schema.h"

#include "base/file.h"
#include "datasets/csv.h"
#include "datasets/dataset.h"
#include "datasets/embedded.h"
#include "datasets/strict_json.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_NAME_BYTES ((size_t)256)

/* A schema while its document is read. */
struct reading {
    struct bg_schema *schema;
    const struct bg_json *root;
    const struct bg_schema_settings *settings;
    bool fills; /* what columns do with missing values unless they say otherwise */
    float fill;
    struct bg_error *error;
};

#define FAIL(reading, at, ...) bg_strict_fail((reading)->schema->name, (at), (reading)->error, __VA_ARGS__)

static enum bg_status no_memory(struct reading *reading)
{
    return bg_fail(reading->error, BG_NO_MEMORY, "%s: no memory for a schema", reading->schema->name);
}

static enum bg_status optional(struct reading *reading, const char *key, enum bg_json_type type,
                               const struct bg_json **ret)
{
    return bg_strict_optional(reading->schema->name, reading->root, key, type, reading->error, ret);
}

static enum bg_status copy_text(struct reading *reading, const struct bg_json *text, const char **ret)
{
    if (bg_json_type(text) != BG_JSON_STRING || strlen(bg_json_string(text)) > MAX_NAME_BYTES)
        return FAIL(reading, text, "a name or value is a string of at most %zu bytes", MAX_NAME_BYTES);
    *ret = bg_arena_text(&reading->schema->memory, bg_json_string(text));
    return *ret ? BG_OK : no_memory(reading);
}

static enum bg_status copy_texts(struct reading *reading, const struct bg_json *list, const char ***ret,
                                 size_t *ret_count)
{
    size_t count = 0;
    *ret = BG_ARENA_ARRAY(&reading->schema->memory, const char *, bg_json_count(list));
    enum bg_status status = *ret ? BG_OK : no_memory(reading);
    for (const struct bg_json *text = bg_json_at(list, 0); !status && text; text = bg_json_next(text)) {
        status = copy_text(reading, text, &(*ret)[count]);
        for (size_t i = 0; !status && i < count; i++)
            if (strcmp((*ret)[i], (*ret)[count]) == 0)
                status = FAIL(reading, text, "\"%s\" is listed twice", (*ret)[count]);
        count++;
    }
    *ret_count = count;
    return status;
}

/* "refuse" or a number. */
static enum bg_status read_missing(struct reading *reading, const struct bg_json *value, bool *ret_fills,
                                   float *ret_fill)
{
    enum bg_json_type type = bg_json_type(value);
    *ret_fills = type == BG_JSON_NUMBER;
    if (type == BG_JSON_NUMBER && fabs(bg_json_number(value)) <= (double)FLT_MAX)
        *ret_fill = (float)bg_json_number(value) + 0.0f;
    else if (type != BG_JSON_STRING || strcmp(bg_json_string(value), "refuse") != 0)
        return FAIL(reading, value, "\"missing\" must be \"refuse\" or the number that takes its place");
    return BG_OK;
}

/* ---- one column ---- */

static enum bg_status read_one_hot(struct reading *reading, const struct bg_json *object,
                                   struct bg_schema_column *column)
{
    const char *document = reading->schema->name;
    const struct bg_json *values, *unlisted;
    enum bg_status status = bg_strict_member(document, object, "values", BG_JSON_ARRAY, reading->error, &values);
    if (!status)
        status = bg_strict_optional(document, object, "unlisted", BG_JSON_STRING, reading->error, &unlisted);
    if (status)
        return status;
    column->refuses_unlisted = unlisted && strcmp(bg_json_string(unlisted), "refuse") == 0;
    if (unlisted && !column->refuses_unlisted && strcmp(bg_json_string(unlisted), "other") != 0)
        return FAIL(reading, unlisted, "\"unlisted\" must be \"other\" or \"refuse\"");
    if (bg_json_count(values) < 1 || bg_json_count(values) >= BG_DATASET_MAX_COLUMNS)
        return FAIL(reading, values, "a one-hot column lists 1 to %zu values", BG_DATASET_MAX_COLUMNS - 1);
    return copy_texts(reading, values, &column->values, &column->value_count);
}

static enum bg_status add_key(struct reading *reading, const struct bg_json *at, const char *name,
                              struct bg_schema_column *column)
{
    struct bg_schema *schema = reading->schema;
    if (schema->key_count == BG_SCHEMA_MAX_KEYS)
        return FAIL(reading, at, "a schema has at most %zu keys", BG_SCHEMA_MAX_KEYS);
    for (size_t i = 0; i < schema->key_count; i++)
        if (strcasecmp(schema->key_names[i], name) == 0)
            return FAIL(reading, at, "two keys are called \"%s\"", name);
    column->key = schema->key_count;
    schema->key_names[schema->key_count++] = name;
    return BG_OK;
}

static enum bg_status read_key(struct reading *reading, const struct bg_json *object,
                               struct bg_schema_column *column)
{
    const char *document = reading->schema->name;
    const struct bg_json *name, *first;
    const char *text = column->name;
    enum bg_status status = bg_strict_optional(document, object, "name", BG_JSON_STRING, reading->error, &name);
    if (!status)
        status = bg_strict_optional(document, object, "first", BG_JSON_NUMBER, reading->error, &first);
    if (!status && name)
        status = copy_text(reading, name, &text);
    if (status)
        return status;
    double bytes = first ? bg_json_number(first) : 0;
    if (first && !(bytes >= 1 && bytes <= (double)MAX_NAME_BYTES && floor(bytes) == bytes))
        return FAIL(reading, first, "\"first\" must be a whole number of bytes, 1 to %zu", MAX_NAME_BYTES);
    column->key_bytes = (size_t)bytes;
    return add_key(reading, object, text, column);
}

/* What a column is for, and which keys its object may have besides "use". */
static const struct {
    const char *name;
    enum bg_column_use use;
    bool plain; /* may be written as a text */
    const char *const *keys;
} uses[] = {
    {"drop", BG_COLUMN_DROP, true, (const char *const[]){"use", NULL}},
    {"number", BG_COLUMN_NUMBER, true, (const char *const[]){"use", "missing", NULL}},
    {"log", BG_COLUMN_LOG, true, (const char *const[]){"use", "missing", NULL}},
    {"one_hot", BG_COLUMN_ONE_HOT, false, (const char *const[]){"use", "missing", "values", "unlisted", NULL}},
    {"key", BG_COLUMN_KEY, true, (const char *const[]){"use", "name", "first", NULL}},
    {"label", BG_COLUMN_LABEL, true, (const char *const[]){"use", NULL}},
};

static enum bg_status find_use(struct reading *reading, const struct bg_json *value, size_t *ret_use)
{
    const struct bg_json *use = value;
    bool object = bg_json_type(value) == BG_JSON_OBJECT;
    if (object)
        use = bg_json_get(value, "use");
    const char *text = use && bg_json_type(use) == BG_JSON_STRING ? bg_json_string(use) : "";
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
        if (strcmp(uses[i].name, text) == 0 && (object || uses[i].plain)) {
            *ret_use = i;
            return BG_OK;
        }
    return FAIL(reading, value,
                "\"%s\" must be \"number\", \"log\", \"key\", \"label\" or \"drop\", or an object with one of these or "
                "\"one_hot\" as its \"use\"", bg_json_key(value));
}

static enum bg_status read_column(struct reading *reading, const struct bg_json *value,
                                  struct bg_schema_column *column)
{
    size_t use = 0;
    *column = (struct bg_schema_column){.fills = reading->fills, .fill = reading->fill};
    column->name = bg_arena_text(&reading->schema->memory, bg_json_key(value));
    enum bg_status status = column->name ? find_use(reading, value, &use) : no_memory(reading);
    if (status)
        return status;
    column->use = uses[use].use;
    if (bg_json_type(value) != BG_JSON_OBJECT)
        return column->use == BG_COLUMN_KEY ? add_key(reading, value, column->name, column) : BG_OK;
    status = bg_strict_keys(reading->schema->name, value, column->name, uses[use].keys, reading->error);
    const struct bg_json *missing = bg_json_get(value, "missing");
    if (!status && missing)
        status = read_missing(reading, missing, &column->fills, &column->fill);
    if (!status && column->use == BG_COLUMN_ONE_HOT)
        status = read_one_hot(reading, value, column);
    if (!status && column->use == BG_COLUMN_KEY)
        status = read_key(reading, value, column);
    return status;
}

/* ---- all columns ---- */

static enum bg_status read_columns(struct reading *reading)
{
    struct bg_schema *schema = reading->schema;
    const struct bg_json *columns;
    enum bg_status status =
        bg_strict_member(schema->name, reading->root, "columns", BG_JSON_OBJECT, reading->error, &columns);
    if (status)
        return status;
    size_t count = bg_json_count(columns), labels = 0;
    if (count < 2 || count > BG_DATASET_MAX_COLUMNS)
        return FAIL(reading, columns, "a schema has 2 to %zu columns", BG_DATASET_MAX_COLUMNS);
    schema->columns = BG_ARENA_ARRAY(&schema->memory, struct bg_schema_column, count);
    if (!schema->columns)
        return no_memory(reading);
    for (const struct bg_json *value = bg_json_at(columns, 0); value; value = bg_json_next(value)) {
        struct bg_schema_column *column = &schema->columns[schema->column_count];
        status = read_column(reading, value, column);
        if (status)
            return status;
        for (size_t i = 0; i < schema->column_count; i++)
            if (strcasecmp(schema->columns[i].name, column->name) == 0)
                return FAIL(reading, value, "two columns are called \"%s\", but for their case", column->name);
        labels += column->use == BG_COLUMN_LABEL;
        schema->column_count++;
    }
    if (labels != 1)
        return FAIL(reading, columns, "a schema has one column with the use \"label\", not %zu", labels);
    return BG_OK;
}

static enum bg_status leave_out_port(struct reading *reading)
{
    struct bg_schema *schema = reading->schema;
    const struct bg_json *port;
    enum bg_status status = optional(reading, "port", BG_JSON_STRING, &port);
    if (status || !port)
        return status;
    for (size_t i = 0; i < schema->column_count; i++)
        if (strcmp(schema->columns[i].name, bg_json_string(port)) == 0) {
            if (reading->settings->drop_port)
                schema->columns[i].use = BG_COLUMN_DROP;
            return BG_OK;
        }
    return FAIL(reading, port, "\"port\" names no column");
}

static size_t features_of(const struct bg_schema_column *column)
{
    if (column->use == BG_COLUMN_NUMBER || column->use == BG_COLUMN_LOG)
        return 1;
    return column->use == BG_COLUMN_ONE_HOT ? column->value_count + !column->refuses_unlisted : 0;
}

static const char *name_feature(struct bg_schema *schema, const struct bg_schema_column *column, size_t i)
{
    if (column->use != BG_COLUMN_ONE_HOT)
        return column->name;
    const char *value = i < column->value_count ? column->values[i] : "*";
    size_t size = strlen(column->name) + 1 + strlen(value) + 1;
    char *name = bg_arena_alloc(&schema->memory, size, 1);
    if (name)
        snprintf(name, size, "%s=%s", column->name, value);
    return name;
}

static enum bg_status number_features(struct reading *reading)
{
    struct bg_schema *schema = reading->schema;
    for (size_t i = 0; i < schema->column_count; i++) {
        schema->columns[i].feature = schema->feature_count;
        schema->feature_count += features_of(&schema->columns[i]);
    }
    if (schema->feature_count == 0 || schema->feature_count > BG_DATASET_MAX_COLUMNS)
        return FAIL(reading, reading->root, "a schema makes 1 to %zu features, not %zu", BG_DATASET_MAX_COLUMNS,
                    schema->feature_count);
    schema->feature_names = BG_ARENA_ARRAY(&schema->memory, const char *, schema->feature_count);
    schema->logged = BG_ARENA_ARRAY(&schema->memory, bool, schema->feature_count);
    if (!schema->feature_names || !schema->logged)
        return no_memory(reading);
    for (size_t i = 0; i < schema->column_count; i++) {
        const struct bg_schema_column *column = &schema->columns[i];
        for (size_t j = 0; j < features_of(column); j++) {
            schema->logged[column->feature + j] = column->use == BG_COLUMN_LOG;
            schema->feature_names[column->feature + j] = name_feature(schema, column, j);
            if (!schema->feature_names[column->feature + j])
                return no_memory(reading);
        }
    }
    return BG_OK;
}

/* ---- labels ---- */

/* Every map of the document is read, so that none is wrong unnoticed; the wanted one is kept. */
static enum bg_status read_maps(struct reading *reading, const char *wanted, bool *ret_found)
{
    struct bg_schema *schema = reading->schema;
    const struct bg_json *maps;
    enum bg_status status = optional(reading, "label_maps", BG_JSON_OBJECT, &maps);
    const struct bg_json *map = !status && maps ? bg_json_at(maps, 0) : NULL;
    for (; !status && map; map = bg_json_next(map)) {
        struct bg_label_map read;
        status = bg_label_map_read(map, schema->name, bg_json_key(map), reading->error, &read);
        if (status)
            break;
        if (strcmp(bg_json_key(map), wanted) == 0) {
            schema->labels = read;
            *ret_found = true;
        } else {
            bg_label_map_finish(&read);
        }
    }
    return status;
}

static enum bg_status read_labels(struct reading *reading)
{
    struct bg_schema *schema = reading->schema;
    const struct bg_json *labels = bg_json_get(reading->root, "labels");
    enum bg_json_type type = labels ? bg_json_type(labels) : BG_JSON_NULL;
    if (type != BG_JSON_STRING && type != BG_JSON_ARRAY)
        return FAIL(reading, labels ? labels : reading->root,
                    "\"labels\" must be the name of a label map or a list of labels");
    const char *wanted = reading->settings->labels;
    if (!wanted || !*wanted)
        wanted = type == BG_JSON_STRING ? bg_json_string(labels) : BG_SCHEMA_LABELS;
    bool found = false;
    enum bg_status status = read_maps(reading, wanted, &found);
    if (status || found)
        return status;
    if (type == BG_JSON_ARRAY && strcmp(wanted, BG_SCHEMA_LABELS) == 0)
        return bg_label_map_read(labels, schema->name, BG_SCHEMA_LABELS, reading->error, &schema->labels);
    return bg_label_map_load(wanted, reading->error, &schema->labels);
}

/* ---- the file ---- */

static enum bg_status read_header(struct reading *reading, const struct bg_json *value)
{
    struct bg_schema *schema = reading->schema;
    enum bg_json_type type = value ? bg_json_type(value) : BG_JSON_NULL;
    if (!value)
        schema->header = BG_HEADER_YES;
    else if (type == BG_JSON_BOOL)
        schema->header = bg_json_bool(value) ? BG_HEADER_YES : BG_HEADER_NO;
    else if (type == BG_JSON_STRING && strcmp(bg_json_string(value), "optional") == 0)
        schema->header = BG_HEADER_OPTIONAL;
    else if (type == BG_JSON_STRING && strcmp(bg_json_string(value), "arff") == 0)
        schema->header = BG_HEADER_ARFF;
    else
        return FAIL(reading, value, "\"header\" must be true, false, \"optional\" or \"arff\"");
    return BG_OK;
}

static enum bg_status read_delimiter(struct reading *reading, const struct bg_json *value)
{
    const char *text = value ? bg_json_string(value) : ",";
    if (strlen(text) != 1 || !strchr(BG_CSV_DELIMITERS, *text))
        return FAIL(reading, value, "\"delimiter\" must be a comma, semicolon, bar, tab (\\t) or blank");
    reading->schema->delimiter = *text;
    return BG_OK;
}

static enum bg_status read_form(struct reading *reading)
{
    struct bg_schema *schema = reading->schema;
    const struct bg_json *delimiter, *row_names, *folder, *description, *tokens = NULL;
    enum bg_status status = optional(reading, "delimiter", BG_JSON_STRING, &delimiter);
    if (!status)
        status = read_delimiter(reading, delimiter);
    if (!status)
        status = read_header(reading, bg_json_get(reading->root, "header"));
    if (!status)
        status = optional(reading, "row_names", BG_JSON_BOOL, &row_names);
    if (!status)
        status = optional(reading, "folder", BG_JSON_STRING, &folder);
    if (!status)
        status = optional(reading, "description", BG_JSON_STRING, &description);
    if (!status)
        status = optional(reading, "missing_tokens", BG_JSON_ARRAY, &tokens);
    if (status)
        return status;
    schema->row_names = row_names && bg_json_bool(row_names);
    schema->folder = schema->description = "";
    if (folder)
        status = copy_text(reading, folder, &schema->folder);
    if (!status && description)
        status = copy_text(reading, description, &schema->description);
    if (!status && tokens)
        status = copy_texts(reading, tokens, &schema->missing, &schema->missing_count);
    return status;
}

static enum bg_status read_policies(struct reading *reading)
{
    const struct bg_json *missing = bg_json_get(reading->root, "missing"), *unlabelled;
    enum bg_status status = optional(reading, "missing_label", BG_JSON_STRING, &unlabelled);
    if (!status && missing)
        status = read_missing(reading, missing, &reading->fills, &reading->fill);
    if (status || !unlabelled)
        return status;
    reading->schema->refuses_unlabelled = strcmp(bg_json_string(unlabelled), "refuse") == 0;
    if (!reading->schema->refuses_unlabelled && strcmp(bg_json_string(unlabelled), "error") != 0)
        return FAIL(reading, unlabelled, "\"missing_label\" must be \"error\" or \"refuse\"");
    return BG_OK;
}

static enum bg_status read_schema(struct reading *reading)
{
    static const char *const keys[] = {"description", "folder",        "delimiter", "header",     "row_names",
                                       "missing",     "missing_tokens", "missing_label", "columns", "port",
                                       "labels",      "label_maps",    NULL};
    enum bg_status status =
        bg_strict_keys(reading->schema->name, reading->root, "a schema", keys, reading->error);
    if (!status)
        status = read_form(reading);
    if (!status)
        status = read_policies(reading);
    if (!status)
        status = read_columns(reading);
    if (!status)
        status = leave_out_port(reading);
    if (!status)
        status = number_features(reading);
    return status ? status : read_labels(reading);
}

void bg_schema_finish(struct bg_schema *schema)
{
    bg_label_map_finish(&schema->labels);
    bg_arena_finish(&schema->memory);
    *schema = (struct bg_schema){0};
}

enum bg_status bg_schema_parse(struct bg_span text, const char *name, const struct bg_schema_settings *settings,
                               struct bg_error *error, struct bg_schema *ret_schema)
{
    struct bg_json *root;
    enum bg_status status = bg_json_parse(text, name, error, &root);
    if (status)
        return status;
    struct bg_schema schema = {0};
    struct reading reading = {.schema = &schema, .root = root, .settings = settings, .error = error};
    bg_arena_init(&schema.memory, SIZE_MAX);
    schema.name = bg_arena_text(&schema.memory, name);
    status = schema.name ? read_schema(&reading) : bg_fail(error, BG_NO_MEMORY, "%s: no memory for a schema", name);
    bg_json_destroy(&root);
    if (status) {
        bg_schema_finish(&schema);
        return status;
    }
    *ret_schema = schema;
    return BG_OK;
}

static enum bg_status unknown_schema(const char *name, struct bg_error *error)
{
    char known[256] = "";
    size_t used = 0;
    for (const struct bg_embedded_file *file = bg_schema_files; file->name && used < sizeof known; file++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s, ", file->name);
    return bg_fail(error, BG_NOT_FOUND, "no schema is called \"%s\": use %sor the path of a .json file", name, known);
}

enum bg_status bg_schema_load(const char *name_or_path, const struct bg_schema_settings *settings,
                              struct bg_error *error, struct bg_schema *ret_schema)
{
    for (const struct bg_embedded_file *file = bg_schema_files; file->name; file++)
        if (strcmp(file->name, name_or_path) == 0)
            return bg_schema_parse((struct bg_span){(const uint8_t *)file->text, strlen(file->text)}, file->name,
                                   settings, error, ret_schema);
    if (!bg_is_json_path(name_or_path))
        return unknown_schema(name_or_path, error);
    uint8_t *data;
    size_t size;
    enum bg_status status = bg_file_read(name_or_path, BG_SCHEMA_MAX_BYTES, error, &data, &size);
    if (status)
        return status;
    status = bg_schema_parse((struct bg_span){data, size}, name_or_path, settings, error, ret_schema);
    free(data);
    return status;
}
