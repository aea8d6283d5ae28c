/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/dataset.h"

#include "base/checked.h"
#include "base/json.h"
#include "base/math.h"
#include "datasets/row_set.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FIRST_CAPACITY ((size_t)1024)

static const char **copy_names(struct bg_arena *arena, const char *const *names, size_t count)
{
    const char **copies = BG_ARENA_ARRAY(arena, const char *, count);
    for (size_t i = 0; copies && i < count; i++) {
        copies[i] = bg_arena_text(arena, names[i]);
        if (!copies[i])
            return NULL;
    }
    return copies;
}

enum bg_status bg_dataset_init(struct bg_dataset *dataset, const char *const *feature_names, size_t columns,
                               const char *const *class_names, uint32_t classes, struct bg_error *error)
{
    if (columns == 0 || columns > BG_DATASET_MAX_COLUMNS || classes == 0 || classes > BG_DATASET_MAX_CLASSES)
        return bg_fail(error, BG_INVALID,
                       "a data set of %zu columns and %u classes: at most %zu and %u, at least 1", columns,
                       classes, BG_DATASET_MAX_COLUMNS, BG_DATASET_MAX_CLASSES);
    struct bg_dataset fresh = {.columns = columns, .classes = classes};
    bg_arena_init(&fresh.texts, SIZE_MAX);
    fresh.feature_names = copy_names(&fresh.texts, feature_names, columns);
    fresh.class_names = copy_names(&fresh.texts, class_names, classes);
    fresh.logged = BG_ARENA_ARRAY(&fresh.texts, bool, columns);
    fresh.provenance = fresh.label_map = "";
    if (!fresh.feature_names || !fresh.class_names || !fresh.logged) {
        bg_arena_finish(&fresh.texts);
        return bg_fail(error, BG_NO_MEMORY, "no memory for a data set");
    }
    for (size_t j = 0; j < columns; j++)
        fresh.logged[j] = true;
    *dataset = fresh;
    return BG_OK;
}

void bg_dataset_finish(struct bg_dataset *dataset)
{
    free(dataset->features);
    free(dataset->labels);
    for (size_t i = 0; i < dataset->key_count; i++)
        bg_row_keys_finish(&dataset->keys[i]);
    free(dataset->keys);
    bg_arena_finish(&dataset->texts);
    *dataset = (struct bg_dataset){0};
}

static bool resize(struct bg_dataset *dataset, size_t capacity)
{
    size_t row_bytes, bytes;
    if (!bg_size_multiply(dataset->columns, sizeof *dataset->features, &row_bytes) ||
        !bg_size_multiply(capacity, row_bytes, &bytes))
        return false;
    float *features = realloc(dataset->features, bytes);
    if (!features)
        return false;
    dataset->features = features;
    uint16_t *labels = realloc(dataset->labels, capacity * sizeof *labels);
    if (!labels)
        return false;
    dataset->labels = labels;
    dataset->capacity = capacity;
    return true;
}

float *bg_dataset_next(struct bg_dataset *dataset)
{
    if (dataset->rows == dataset->capacity) {
        size_t more = dataset->capacity ? dataset->capacity / 2 : FIRST_CAPACITY;
        size_t left = BG_DATASET_MAX_ROWS - dataset->capacity;
        more = more < left ? more : left;
        if (more == 0 || !resize(dataset, dataset->capacity + more))
            return NULL;
    }
    return dataset->features + dataset->rows * dataset->columns;
}

void bg_dataset_push(struct bg_dataset *dataset, uint16_t label)
{
    assert(dataset->rows < dataset->capacity && label < dataset->classes);
    dataset->labels[dataset->rows++] = label;
    dataset->training_rows = dataset->rows;
}

enum bg_status bg_dataset_add_key(struct bg_dataset *dataset, const char *name)
{
    assert(dataset->rows == 0);
    struct bg_row_keys *keys = reallocarray(dataset->keys, dataset->key_count + 1, sizeof *keys);
    if (!keys)
        return BG_NO_MEMORY;
    dataset->keys = keys;
    enum bg_status status = bg_row_keys_init(&keys[dataset->key_count], name);
    dataset->key_count += status == BG_OK;
    return status;
}

const struct bg_row_keys *bg_dataset_key(const struct bg_dataset *dataset, const char *name)
{
    for (size_t i = 0; i < dataset->key_count; i++)
        if (strcasecmp(dataset->keys[i].name, name) == 0)
            return &dataset->keys[i];
    return NULL;
}

static void move_row(struct bg_dataset *dataset, size_t from, size_t to)
{
    if (from == to)
        return;
    size_t columns = dataset->columns;
    memcpy(dataset->features + to * columns, dataset->features + from * columns, columns * sizeof(float));
    dataset->labels[to] = dataset->labels[from];
    for (size_t i = 0; i < dataset->key_count; i++)
        dataset->keys[i].rows[to] = dataset->keys[i].rows[from];
}

enum bg_status bg_dataset_deduplicate(struct bg_dataset *dataset)
{
    struct bg_examples all = bg_dataset_examples(dataset);
    struct bg_row_set seen;
    if (bg_row_set_init(&seen, &all))
        return BG_NO_MEMORY;
    size_t kept = 0;
    for (size_t i = 0; i < dataset->training_rows; i++) {
        move_row(dataset, i, kept);
        if (bg_row_set_find(&seen, (uint32_t)kept).same_label)
            continue;
        bg_row_set_add(&seen, (uint32_t)kept);
        kept++;
    }
    bg_row_set_finish(&seen);
    size_t removed = dataset->training_rows - kept;
    for (size_t i = dataset->training_rows; i < dataset->rows; i++)
        move_row(dataset, i, i - removed);
    dataset->refused[BG_REFUSAL_DUPLICATE].rows += removed;
    dataset->training_rows = kept;
    dataset->rows -= removed;
    for (size_t i = 0; i < dataset->key_count; i++)
        dataset->keys[i].count = dataset->rows;
    return BG_OK;
}

void bg_dataset_trim(struct bg_dataset *dataset)
{
    if (dataset->rows > 0 && !resize(dataset, dataset->rows))
        dataset->capacity = dataset->rows; /* one of the two blocks may have shrunk */
}

enum bg_status bg_dataset_refuse(struct bg_dataset *dataset, enum bg_refusal reason, const char *file,
                                 size_t line)
{
    struct bg_refused_rows *refused = &dataset->refused[reason];
    if (refused->rows == 0 && file) {
        const char *name = strrchr(file, '/');
        refused->first_file = bg_arena_text(&dataset->texts, name ? name + 1 : file);
        if (!refused->first_file)
            return BG_NO_MEMORY;
        refused->first_line = line;
    }
    refused->rows++;
    return BG_OK;
}

enum bg_status bg_dataset_set_provenance(struct bg_dataset *dataset, const char *text)
{
    const char *copy = bg_arena_text(&dataset->texts, text);
    if (!copy)
        return BG_NO_MEMORY;
    dataset->provenance = copy;
    return BG_OK;
}

void bg_dataset_take_logs(struct bg_dataset *dataset)
{
    float *row = dataset->features;
    for (size_t i = 0; i < dataset->rows; i++, row += dataset->columns)
        for (size_t j = 0; j < dataset->columns; j++) {
            double x = (double)row[j];
            if (dataset->logged[j])
                row[j] = (float)(x < 0 ? -bg_log1p(-x) : bg_log1p(x));
        }
    for (size_t j = 0; j < dataset->columns; j++)
        dataset->logged[j] = false;
}

enum bg_status bg_dataset_set_label_map(struct bg_dataset *dataset, const char *name)
{
    const char *copy = bg_arena_text(&dataset->texts, name);
    if (!copy)
        return BG_NO_MEMORY;
    dataset->label_map = copy;
    return BG_OK;
}

struct bg_examples bg_dataset_examples(const struct bg_dataset *dataset)
{
    return (struct bg_examples){
        .features = dataset->features,
        .labels = dataset->labels,
        .count = dataset->rows,
        .columns = dataset->columns,
        .classes = dataset->classes,
    };
}

size_t bg_dataset_refused(const struct bg_dataset *dataset)
{
    size_t rows = 0;
    for (size_t i = 0; i < BG_REFUSAL_COUNT; i++)
        rows += dataset->refused[i].rows;
    return rows;
}

const char *bg_refusal_name(enum bg_refusal reason)
{
    static const char *const names[] = {
#define X(name, key, text) [BG_REFUSAL_##name] = key,
        BG_REFUSAL_MAP(X)
#undef X
    };
    assert(reason < BG_REFUSAL_COUNT);
    return names[reason];
}

const char *bg_refusal_text(enum bg_refusal reason)
{
    static const char *const texts[] = {
#define X(name, key, text) [BG_REFUSAL_##name] = text,
        BG_REFUSAL_MAP(X)
#undef X
    };
    assert(reason < BG_REFUSAL_COUNT);
    return texts[reason];
}

static size_t rows_of_class(const struct bg_dataset *dataset, uint32_t label)
{
    size_t rows = 0;
    for (size_t i = 0; i < dataset->rows; i++)
        rows += dataset->labels[i] == label;
    return rows;
}

void bg_dataset_to_json(const struct bg_dataset *dataset, struct bg_json *object)
{
    bg_json_add_string(object, "provenance", dataset->provenance);
    bg_json_add_bool(object, "synthetic", dataset->synthetic);
    bg_json_add_u64(object, "rows", dataset->rows);
    bg_json_add_u64(object, "columns", dataset->columns);
    struct bg_json *classes = bg_json_add_object(object, "classes");
    for (uint32_t c = 0; c < dataset->classes; c++)
        bg_json_add_u64(classes, dataset->class_names[c], rows_of_class(dataset, c));
    struct bg_json *refused = bg_json_add_object(object, "refused");
    for (size_t i = 0; i < BG_REFUSAL_COUNT; i++) {
        const struct bg_refused_rows *rows = &dataset->refused[i];
        if (rows->rows == 0)
            continue;
        struct bg_json *entry = bg_json_add_object(refused, bg_refusal_name((enum bg_refusal)i));
        bg_json_add_u64(entry, "rows", rows->rows);
        if (rows->first_file) {
            bg_json_add_string(entry, "first_file", rows->first_file);
            bg_json_add_u64(entry, "first_line", rows->first_line);
        }
    }
    bg_json_add_u64(object, "bounded_values", dataset->bounded_values);
}

void bg_dataset_describe(const struct bg_dataset *dataset, FILE *out)
{
    fprintf(out, "%s%s: %zu rows × %zu features", dataset->synthetic ? "synthetic data, " : "",
            dataset->provenance, dataset->rows, dataset->columns);
    if (bg_dataset_refused(dataset) > 0)
        fprintf(out, ", %zu rows refused", bg_dataset_refused(dataset));
    fputc('\n', out);
    for (uint32_t c = 0; c < dataset->classes; c++)
        fprintf(out, "  %9zu  %s\n", rows_of_class(dataset, c), dataset->class_names[c]);
    for (size_t i = 0; i < BG_REFUSAL_COUNT; i++) {
        const struct bg_refused_rows *rows = &dataset->refused[i];
        if (rows->rows == 0)
            continue;
        fprintf(out, "  %9zu  refused: %s", rows->rows, bg_refusal_text((enum bg_refusal)i));
        if (rows->first_file)
            fprintf(out, " (first at %s:%zu)", rows->first_file, rows->first_line);
        fputc('\n', out);
    }
    if (dataset->bounded_values > 0)
        fprintf(out, "  %9zu  infinite values kept as large finite ones\n", dataset->bounded_values);
}
