/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/labels.h"

#include "base/file.h"
#include "base/json.h"
#include "datasets/dataset.h"
#include "datasets/embedded.h"
#include "datasets/strict_json.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LABELS ((size_t)65536)
#define NO_ATTEMPTS (UINT16_MAX - 1) /* the map says nothing of attempted attacks */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A minus counts where it makes a number: "-1" is another label than "1". */
static bool is_word_byte(const char *label, size_t size, size_t i)
{
    char c = label[i];
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) ||
           (c == '-' && i == 0 && size > 1 && is_digit(label[1]));
}

bool bg_label_form(const char *label, size_t size, char ret_text[static BG_LABEL_TEXT_BYTES])
{
    size_t used = 0;
    bool gap = false;
    for (size_t i = 0; i < size; i++) {
        if (!is_word_byte(label, size, i)) {
            gap = used > 0;
            continue;
        }
        if (used + 2 >= BG_LABEL_TEXT_BYTES)
            return false;
        if (gap)
            ret_text[used++] = ' ';
        gap = false;
        ret_text[used++] = label[i] >= 'A' && label[i] <= 'Z' ? (char)(label[i] - 'A' + 'a') : label[i];
    }
    ret_text[used] = '\0';
    return used > 0;
}

static int compare_labels(const void *a, const void *b)
{
    const struct bg_label *left = a;
    const struct bg_label *right = b;
    return strcmp(left->text, right->text);
}

static const struct bg_label *find(const struct bg_label_map *map, const char *text)
{
    const struct bg_label key = {.text = text};
    return bsearch(&key, map->labels, map->label_count, sizeof key, compare_labels);
}

enum bg_status bg_label_map_find(const struct bg_label_map *map, const char *label, size_t size,
                                 uint16_t *ret_class)
{
    static const char suffix[] = " attempted";
    const size_t suffix_size = sizeof suffix - 1;
    char text[BG_LABEL_TEXT_BYTES];
    if (!bg_label_form(label, size, text))
        return BG_NOT_FOUND;
    const struct bg_label *found = find(map, text);
    if (found) {
        *ret_class = found->class;
        return BG_OK;
    }
    size_t length = strlen(text);
    if (length <= suffix_size || strcmp(text + length - suffix_size, suffix) != 0)
        return BG_NOT_FOUND;
    text[length - suffix_size] = '\0';
    if (map->attempted == NO_ATTEMPTS || !find(map, text))
        return BG_NOT_FOUND;
    *ret_class = map->attempted;
    return BG_OK;
}

void bg_label_map_finish(struct bg_label_map *map)
{
    bg_arena_finish(&map->memory);
    *map = (struct bg_label_map){0};
}

static enum bg_status add_label(struct bg_label_map *map, const struct bg_json *label, uint16_t class,
                                struct bg_error *error)
{
    char text[BG_LABEL_TEXT_BYTES];
    if (bg_json_type(label) != BG_JSON_STRING)
        return bg_strict_fail(map->name, label, error, "labels are strings");
    const char *written = bg_json_string(label);
    if (!bg_label_form(written, strlen(written), text))
        return bg_strict_fail(map->name, label, error, "a label needs 1 to 127 letters, digits and blanks");
    char *kept = bg_arena_text(&map->memory, text);
    if (!kept)
        return bg_fail(error, BG_NO_MEMORY, "%s: no memory for its labels", map->name);
    map->labels[map->label_count++] = (struct bg_label){.text = kept, .class = class};
    return BG_OK;
}

static enum bg_status add_labels(struct bg_label_map *map, const struct bg_json *list, uint16_t class,
                                 struct bg_error *error)
{
    enum bg_status status = BG_OK;
    for (const struct bg_json *label = bg_json_at(list, 0); !status && label; label = bg_json_next(label))
        status = add_label(map, label, class, error);
    return status;
}

static enum bg_status name_class(struct bg_label_map *map, const struct bg_json *name, struct bg_error *error)
{
    for (uint32_t i = 0; i < map->classes; i++)
        if (strcmp(map->class_names[i], bg_json_string(name)) == 0)
            return bg_strict_fail(map->name, name, error, "two classes have this name");
    if (strlen(bg_json_string(name)) == 0 || strcmp(bg_json_string(name), "drop") == 0)
        return bg_strict_fail(map->name, name, error, "a class cannot be called \"\" or \"drop\"");
    map->class_names[map->classes] = bg_arena_text(&map->memory, bg_json_string(name));
    if (!map->class_names[map->classes])
        return bg_fail(error, BG_NO_MEMORY, "%s: no memory for its classes", map->name);
    map->classes++;
    return BG_OK;
}

static enum bg_status add_class(struct bg_label_map *map, const struct bg_json *entry, struct bg_error *error)
{
    static const char *const keys[] = {"name", "labels", NULL};
    const struct bg_json *name, *labels;
    enum bg_status status = bg_strict_keys(map->name, entry, "a class of a label map", keys, error);
    if (!status)
        status = bg_strict_member(map->name, entry, "name", BG_JSON_STRING, error, &name);
    if (!status)
        status = bg_strict_member(map->name, entry, "labels", BG_JSON_ARRAY, error, &labels);
    if (!status)
        status = add_labels(map, labels, (uint16_t)map->classes, error);
    return status ? status : name_class(map, name, error);
}

static enum bg_status set_attempted(struct bg_label_map *map, const struct bg_json *value,
                                    struct bg_error *error)
{
    map->attempted = BG_LABEL_DROPPED;
    if (strcmp(bg_json_string(value), "drop") == 0)
        return BG_OK;
    for (uint32_t i = 0; i < map->classes; i++)
        if (strcmp(map->class_names[i], bg_json_string(value)) == 0) {
            map->attempted = (uint16_t)i;
            return BG_OK;
        }
    return bg_strict_fail(map->name, value, error, "\"attempted\" must be \"drop\" or the name of a class");
}

static size_t count_labels(const struct bg_json *classes, const struct bg_json *drop)
{
    size_t count = drop ? bg_json_count(drop) : 0;
    for (const struct bg_json *class = bg_json_at(classes, 0); class; class = bg_json_next(class)) {
        const struct bg_json *labels = bg_json_get(class, "labels");
        count += labels && bg_json_type(labels) == BG_JSON_ARRAY ? bg_json_count(labels) : 0;
    }
    return count;
}

static enum bg_status sort_labels(struct bg_label_map *map, struct bg_error *error)
{
    qsort(map->labels, map->label_count, sizeof *map->labels, compare_labels);
    for (size_t i = 1; i < map->label_count; i++)
        if (strcmp(map->labels[i - 1].text, map->labels[i].text) == 0)
            return bg_fail(error, BG_DATA, "%s: the label \"%s\" occurs twice", map->name,
                           map->labels[i].text);
    return BG_OK;
}

static enum bg_status make_room(struct bg_label_map *map, const struct bg_json *classes, size_t class_count,
                                size_t label_count, struct bg_error *error)
{
    if (class_count < 2 || class_count > BG_DATASET_MAX_CLASSES || label_count > MAX_LABELS)
        return bg_strict_fail(map->name, classes, error,
                              "a label map has 2 to 1024 classes and at most 65536 labels");
    map->class_names = BG_ARENA_ARRAY(&map->memory, const char *, class_count);
    map->labels = BG_ARENA_ARRAY(&map->memory, struct bg_label, label_count);
    if (!map->class_names || !map->labels)
        return bg_fail(error, BG_NO_MEMORY, "%s: no memory for its labels", map->name);
    return BG_OK;
}

static enum bg_status read_map(struct bg_label_map *map, const struct bg_json *root, struct bg_error *error)
{
    static const char *const keys[] = {"description", "classes", "drop", "attempted", NULL};
    const struct bg_json *classes, *drop, *attempted;
    enum bg_status status = bg_strict_keys(map->name, root, "a label map", keys, error);
    if (!status)
        status = bg_strict_member(map->name, root, "classes", BG_JSON_ARRAY, error, &classes);
    if (!status)
        status = bg_strict_optional(map->name, root, "drop", BG_JSON_ARRAY, error, &drop);
    if (!status)
        status = bg_strict_optional(map->name, root, "attempted", BG_JSON_STRING, error, &attempted);
    if (status)
        return status;
    status = make_room(map, classes, bg_json_count(classes), count_labels(classes, drop), error);
    for (const struct bg_json *class = bg_json_at(classes, 0); !status && class; class = bg_json_next(class))
        status = add_class(map, class, error);
    if (!status && drop)
        status = add_labels(map, drop, BG_LABEL_DROPPED, error);
    if (!status && attempted)
        status = set_attempted(map, attempted, error);
    return status;
}

/* Every label its own class. */
static enum bg_status read_list(struct bg_label_map *map, const struct bg_json *list, struct bg_error *error)
{
    size_t count = bg_json_count(list);
    enum bg_status status = make_room(map, list, count, count, error);
    for (const struct bg_json *label = bg_json_at(list, 0); !status && label; label = bg_json_next(label)) {
        status = add_label(map, label, (uint16_t)map->classes, error);
        if (!status)
            status = name_class(map, label, error);
    }
    return status;
}

enum bg_status bg_label_map_read(const struct bg_json *document, const char *file, const char *name,
                                 struct bg_error *error, struct bg_label_map *ret_map)
{
    struct bg_label_map map = {.attempted = NO_ATTEMPTS};
    bg_arena_init(&map.memory, SIZE_MAX);
    map.name = file;
    enum bg_status status = bg_json_type(document) == BG_JSON_ARRAY ? read_list(&map, document, error)
                                                                    : read_map(&map, document, error);
    if (!status)
        status = sort_labels(&map, error);
    map.name = bg_arena_text(&map.memory, name);
    if (!status && !map.name)
        status = bg_fail(error, BG_NO_MEMORY, "%s: no memory for a label map", file);
    if (status) {
        bg_label_map_finish(&map);
        return status;
    }
    *ret_map = map;
    return BG_OK;
}

enum bg_status bg_label_map_parse(struct bg_span text, const char *name, struct bg_error *error,
                                  struct bg_label_map *ret_map)
{
    struct bg_json *root;
    enum bg_status status = bg_json_parse(text, name, error, &root);
    if (status)
        return status;
    status = bg_label_map_read(root, name, name, error, ret_map);
    bg_json_destroy(&root);
    return status;
}

static enum bg_status unknown_map(const char *name, struct bg_error *error)
{
    char known[256] = "";
    size_t used = 0;
    for (const struct bg_embedded_file *file = bg_label_files; file->name && used < sizeof known; file++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s, ", file->name);
    return bg_fail(error, BG_NOT_FOUND, "no label map is called \"%s\": use %sor the path of a .json file",
                   name, known);
}

enum bg_status bg_label_map_load(const char *name_or_path, struct bg_error *error,
                                 struct bg_label_map *ret_map)
{
    for (const struct bg_embedded_file *file = bg_label_files; file->name; file++)
        if (strcmp(file->name, name_or_path) == 0)
            return bg_label_map_parse((struct bg_span){(const uint8_t *)file->text, strlen(file->text)},
                                      file->name, error, ret_map);
    if (!bg_is_json_path(name_or_path))
        return unknown_map(name_or_path, error);
    uint8_t *data;
    size_t size;
    enum bg_status status = bg_file_read(name_or_path, BG_LABEL_MAP_MAX_BYTES, error, &data, &size);
    if (status)
        return status;
    status = bg_label_map_parse((struct bg_span){data, size}, name_or_path, error, ret_map);
    free(data);
    return status;
}
