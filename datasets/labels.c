/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/labels.h"

#include "base/file.h"
#include "base/json.h"
#include "datasets/dataset.h"
#include "datasets/label_files.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LABELS ((size_t)65536)

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* The form in which labels are compared; false if empty or too long. */
static bool compared_form(const char *label, size_t size, char ret_text[static BG_LABEL_TEXT_BYTES])
{
    size_t used = 0;
    bool gap = false;
    for (size_t i = 0; i < size; i++) {
        if (!is_word_byte(label[i])) {
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
    if (!compared_form(label, size, text))
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
    if (!find(map, text))
        return BG_NOT_FOUND;
    *ret_class = map->attempted;
    return BG_OK;
}

void bg_label_map_finish(struct bg_label_map *map)
{
    bg_arena_finish(&map->memory);
    *map = (struct bg_label_map){0};
}

static enum bg_status wrong(const struct bg_label_map *map, const struct bg_json *at, const char *what,
                            struct bg_error *error)
{
    return bg_fail(error, BG_DATA, "%s:%d: %s", map->name, bg_json_line(at), what);
}

static enum bg_status check_keys(const struct bg_label_map *map, const struct bg_json *object,
                                 const char *const *keys, struct bg_error *error)
{
    if (bg_json_type(object) != BG_JSON_OBJECT)
        return wrong(map, object, "a label map and each of its classes are objects", error);
    for (size_t i = 0; i < bg_json_count(object); i++) {
        const struct bg_json *member = bg_json_at(object, i);
        size_t k = 0;
        while (keys[k] && strcmp(keys[k], bg_json_key(member)) != 0)
            k++;
        if (!keys[k])
            return bg_fail(error, BG_DATA, "%s:%d: a label map has no key \"%s\"", map->name,
                           bg_json_line(member), bg_json_key(member));
    }
    return BG_OK;
}

/* Member `key` of `object`, which must be of the type. */
static enum bg_status member(const struct bg_label_map *map, const struct bg_json *object, const char *key,
                             enum bg_json_type type, struct bg_error *error, const struct bg_json **ret)
{
    const struct bg_json *value = bg_json_get(object, key);
    if (!value)
        return bg_fail(error, BG_DATA, "%s:%d: the key \"%s\" is missing", map->name, bg_json_line(object),
                       key);
    if (bg_json_type(value) != type)
        return bg_fail(error, BG_DATA, "%s:%d: \"%s\" must be of type %s", map->name, bg_json_line(value),
                       key, bg_json_type_name(type));
    *ret = value;
    return BG_OK;
}

static enum bg_status add_labels(struct bg_label_map *map, const struct bg_json *list, uint16_t class,
                                 struct bg_error *error)
{
    for (size_t i = 0; i < bg_json_count(list); i++) {
        const struct bg_json *label = bg_json_at(list, i);
        char text[BG_LABEL_TEXT_BYTES];
        if (bg_json_type(label) != BG_JSON_STRING)
            return wrong(map, label, "labels are strings", error);
        const char *written = bg_json_string(label);
        if (!compared_form(written, strlen(written), text))
            return wrong(map, label, "a label needs 1 to 127 letters, digits and blanks", error);
        char *kept = bg_arena_text(&map->memory, text);
        if (!kept)
            return bg_fail(error, BG_NO_MEMORY, "%s: no memory for its labels", map->name);
        map->labels[map->label_count++] = (struct bg_label){.text = kept, .class = class};
    }
    return BG_OK;
}

static enum bg_status add_class(struct bg_label_map *map, const struct bg_json *entry, struct bg_error *error)
{
    static const char *const keys[] = {"name", "labels", NULL};
    const struct bg_json *name, *labels;
    enum bg_status status = check_keys(map, entry, keys, error);
    if (!status)
        status = member(map, entry, "name", BG_JSON_STRING, error, &name);
    if (!status)
        status = member(map, entry, "labels", BG_JSON_ARRAY, error, &labels);
    if (status)
        return status;
    for (uint32_t i = 0; i < map->classes; i++)
        if (strcmp(map->class_names[i], bg_json_string(name)) == 0)
            return wrong(map, name, "two classes have this name", error);
    if (strlen(bg_json_string(name)) == 0 || strcmp(bg_json_string(name), "drop") == 0)
        return wrong(map, name, "a class cannot be called \"\" or \"drop\"", error);
    map->class_names[map->classes] = bg_arena_text(&map->memory, bg_json_string(name));
    if (!map->class_names[map->classes])
        return bg_fail(error, BG_NO_MEMORY, "%s: no memory for its classes", map->name);
    return add_labels(map, labels, (uint16_t)map->classes++, error);
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
    return wrong(map, value, "\"attempted\" must be \"drop\" or the name of a class", error);
}

static size_t count_labels(const struct bg_json *classes, const struct bg_json *drop)
{
    size_t count = bg_json_count(drop);
    for (size_t i = 0; i < bg_json_count(classes); i++) {
        const struct bg_json *labels = bg_json_get(bg_json_at(classes, i), "labels");
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

static enum bg_status read_map(struct bg_label_map *map, const struct bg_json *root, struct bg_error *error)
{
    static const char *const keys[] = {"description", "classes", "drop", "attempted", NULL};
    const struct bg_json *classes, *drop, *attempted;
    enum bg_status status = check_keys(map, root, keys, error);
    if (!status)
        status = member(map, root, "classes", BG_JSON_ARRAY, error, &classes);
    if (!status)
        status = member(map, root, "drop", BG_JSON_ARRAY, error, &drop);
    if (!status)
        status = member(map, root, "attempted", BG_JSON_STRING, error, &attempted);
    if (status)
        return status;
    size_t class_count = bg_json_count(classes);
    size_t label_count = count_labels(classes, drop);
    if (class_count < 2 || class_count > BG_DATASET_MAX_CLASSES || label_count > MAX_LABELS)
        return wrong(map, classes, "a label map has 2 to 1024 classes and at most 65536 labels", error);
    map->class_names = BG_ARENA_ARRAY(&map->memory, const char *, class_count);
    map->labels = BG_ARENA_ARRAY(&map->memory, struct bg_label, label_count);
    if (!map->class_names || !map->labels)
        return bg_fail(error, BG_NO_MEMORY, "%s: no memory for its labels", map->name);
    for (size_t i = 0; i < class_count; i++) {
        status = add_class(map, bg_json_at(classes, i), error);
        if (status)
            return status;
    }
    status = add_labels(map, drop, BG_LABEL_DROPPED, error);
    if (!status)
        status = set_attempted(map, attempted, error);
    return status ? status : sort_labels(map, error);
}

enum bg_status bg_label_map_parse(struct bg_span text, const char *name, struct bg_error *error,
                                  struct bg_label_map *ret_map)
{
    struct bg_json *root;
    enum bg_status status = bg_json_parse(text, name, error, &root);
    if (status)
        return status;
    struct bg_label_map map = {0};
    bg_arena_init(&map.memory, SIZE_MAX);
    map.name = bg_arena_text(&map.memory, name);
    status = map.name ? read_map(&map, root, error)
                      : bg_fail(error, BG_NO_MEMORY, "no memory for a label map");
    bg_json_destroy(&root);
    if (status) {
        bg_label_map_finish(&map);
        return status;
    }
    *ret_map = map;
    return BG_OK;
}

static bool is_path(const char *text)
{
    static const char suffix[] = ".json";
    size_t length = strlen(text);
    return strchr(text, '/') ||
           (length >= sizeof suffix - 1 && strcmp(text + length - (sizeof suffix - 1), suffix) == 0);
}

static enum bg_status unknown_map(const char *name, struct bg_error *error)
{
    char known[256] = "";
    size_t used = 0;
    for (const struct bg_label_file *file = bg_label_files; file->name && used < sizeof known; file++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s, ", file->name);
    return bg_fail(error, BG_NOT_FOUND, "no label map is called \"%s\": use %sor the path of a .json file",
                   name, known);
}

enum bg_status bg_label_map_load(const char *name_or_path, struct bg_error *error,
                                 struct bg_label_map *ret_map)
{
    for (const struct bg_label_file *file = bg_label_files; file->name; file++)
        if (strcmp(file->name, name_or_path) == 0)
            return bg_label_map_parse((struct bg_span){(const uint8_t *)file->text, strlen(file->text)},
                                      file->name, error, ret_map);
    if (!is_path(name_or_path))
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
