/* SPDX-License-Identifier: Apache-2.0 */
#include "base/options.h"

#include "base/file.h"
#include "base/json.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT ((size_t)1 << 20)
#define KEY_BYTES 128
#define LIST_BYTES 256

static const struct bg_option *find(const struct bg_option *table, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(table[i].key, key) == 0)
            return &table[i];
    return NULL;
}

/* Bytes of the key before its dot. */
static size_t section_size(const char *key)
{
    return strcspn(key, ".");
}

static bool same_section(const struct bg_option *a, const struct bg_option *b)
{
    size_t size = section_size(a->key);
    return size == section_size(b->key) && memcmp(a->key, b->key, size) == 0;
}

static bool has_section(const struct bg_option *table, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(name) == section_size(table[i].key) && strncmp(table[i].key, name, strlen(name)) == 0)
            return true;
    return false;
}

static bool is_bounded(const struct bg_option *option)
{
    return option->min != 0 || option->max != 0;
}

static uint64_t u64_bound(double bound)
{
    return bound >= 0x1p64 ? UINT64_MAX : (uint64_t)bound;
}

/* What values the option takes, as "1 to 64", "at least 0.5" or "one of ef, sign"; "" if any of its type. */
static const char *describe_values(const struct bg_option *option, char ret_text[static LIST_BYTES])
{
    char min[BG_REAL_TEXT_BYTES], max[BG_REAL_TEXT_BYTES];
    ret_text[0] = '\0';
    if (option->type == BG_OPTION_BOOL)
        return "true or false";
    if (option->type == BG_OPTION_CHOICE) {
        size_t used = 0;
        for (size_t i = 0; option->choices[i] && used < LIST_BYTES; i++)
            used += (size_t)snprintf(ret_text + used, LIST_BYTES - used, "%s%s", i ? ", " : "one of ",
                                     option->choices[i]);
    } else if (is_bounded(option)) {
        bool below = isfinite(option->min), above = isfinite(option->max);
        if (below)
            bg_format_real(option->min, min);
        if (above)
            bg_format_real(option->max, max);
        if (below && above)
            snprintf(ret_text, LIST_BYTES, "%s to %s", min, max);
        else if (below || above)
            snprintf(ret_text, LIST_BYTES, "at %s %s", below ? "least" : "most", below ? min : max);
    }
    return ret_text;
}

/* An option's new value and where it was written ("file:line" or "--set"), for the sentence of an error. */
struct setting {
    const struct bg_option *option;
    const char *where;
    const char *text;
    void *field;
    struct bg_error *error;
};

static enum bg_status refuse(const struct setting *s, enum bg_status parsed, const char *kind)
{
    char values[LIST_BYTES];
    if (parsed == BG_DECODE)
        return bg_fail(s->error, BG_CONFIG, "%s: %s: \"%s\" is not %s", s->where, s->option->key, s->text, kind);
    const char *range = describe_values(s->option, values);
    return bg_fail(s->error, BG_CONFIG, "%s: %s: %s is out of range%s%s%s", s->where, s->option->key, s->text,
                   *range ? ": " : "", range, *range ? "" : " of its type");
}

static enum bg_status set_bool(const struct setting *s)
{
    bool value = strcmp(s->text, "true") == 0;
    if (!value && strcmp(s->text, "false") != 0)
        return refuse(s, BG_DECODE, "true or false");
    *(bool *)s->field = value;
    return BG_OK;
}

static enum bg_status set_u64(const struct setting *s)
{
    const struct bg_option *o = s->option;
    uint64_t min = is_bounded(o) ? u64_bound(o->min) : 0, max = is_bounded(o) ? u64_bound(o->max) : UINT64_MAX;
    enum bg_status status = bg_parse_u64(s->text, min, max, s->field);
    return status == BG_OK ? BG_OK : refuse(s, status, "a whole number of 0 or more");
}

static enum bg_status set_real(const struct setting *s)
{
    const struct bg_option *o = s->option;
    double min = is_bounded(o) ? o->min : -INFINITY, max = is_bounded(o) ? o->max : INFINITY;
    enum bg_status status = bg_parse_real(s->text, min, max, s->field);
    return status == BG_OK ? BG_OK : refuse(s, status, "a number");
}

static enum bg_status set_text(const struct setting *s)
{
    size_t size = strlen(s->text);
    if (size >= BG_OPTION_TEXT_BYTES)
        return bg_fail(s->error, BG_CONFIG, "%s: %s: %zu bytes of text, the limit is %d", s->where, s->option->key,
                       size, BG_OPTION_TEXT_BYTES - 1);
    if (size == 0 && s->option->standard[0] != '\0')
        return bg_fail(s->error, BG_CONFIG, "%s: %s: may not be empty", s->where, s->option->key);
    memcpy(s->field, s->text, size + 1);
    return BG_OK;
}

static enum bg_status set_choice(const struct setting *s)
{
    char values[LIST_BYTES];
    for (uint32_t i = 0; s->option->choices[i]; i++)
        if (strcmp(s->option->choices[i], s->text) == 0) {
            *(uint32_t *)s->field = i;
            return BG_OK;
        }
    return refuse(s, BG_DECODE, describe_values(s->option, values));
}

static enum bg_status set(const struct bg_option *option, const char *where, const char *text, void *config,
                          struct bg_error *error)
{
    static enum bg_status (*const setters[])(const struct setting *) = {
        [BG_OPTION_BOOL] = set_bool, [BG_OPTION_U64] = set_u64,       [BG_OPTION_REAL] = set_real,
        [BG_OPTION_TEXT] = set_text, [BG_OPTION_CHOICE] = set_choice,
    };
    struct setting s = {option, where, text, (char *)config + option->offset, error};
    return setters[option->type](&s);
}

void bg_options_defaults(const struct bg_option *table, size_t count, void *config)
{
    for (size_t i = 0; i < count; i++) {
        const char *dot = strchr(table[i].key, '.');
        assert(dot && !strchr(dot + 1, '.'));
        struct bg_error error;
        enum bg_status status = set(&table[i], "default", table[i].standard, config, &error);
        assert(status == BG_OK);
        (void)status;
    }
}

static enum bg_status load_value(const struct bg_option *option, const struct bg_json *value, const char *path,
                                 void *config, struct bg_error *error)
{
    static const enum bg_json_type expected[] = {
        [BG_OPTION_BOOL] = BG_JSON_BOOL,   [BG_OPTION_U64] = BG_JSON_NUMBER,    [BG_OPTION_REAL] = BG_JSON_NUMBER,
        [BG_OPTION_TEXT] = BG_JSON_STRING, [BG_OPTION_CHOICE] = BG_JSON_STRING,
    };
    enum bg_json_type type = bg_json_type(value);
    if (type != expected[option->type])
        return bg_fail(error, BG_CONFIG, "%s:%d: %s: expected %s, found %s", path, bg_json_line(value), option->key,
                       bg_json_type_name(expected[option->type]), bg_json_type_name(type));
    const char *text = type == BG_JSON_NUMBER   ? bg_json_number_text(value)
                       : type == BG_JSON_STRING ? bg_json_string(value)
                       : bg_json_bool(value)    ? "true"
                                                : "false";
    char where[BG_OPTION_TEXT_BYTES];
    snprintf(where, sizeof where, "%s:%d", path, bg_json_line(value));
    return set(option, where, text, config, error);
}

static enum bg_status load_section(const struct bg_option *table, size_t count, const struct bg_json *section,
                                   const char *path, void *config, struct bg_error *error)
{
    const char *name = bg_json_key(section);
    if (!has_section(table, count, name))
        return bg_fail(error, BG_CONFIG, "%s:%d: unknown key %s: --help lists the keys", path,
                       bg_json_line(section), name);
    if (bg_json_type(section) != BG_JSON_OBJECT)
        return bg_fail(error, BG_CONFIG, "%s:%d: %s: expected %s, found %s", path, bg_json_line(section), name,
                       bg_json_type_name(BG_JSON_OBJECT), bg_json_type_name(bg_json_type(section)));
    enum bg_status status = BG_OK;
    for (const struct bg_json *value = bg_json_at(section, 0); value && status == BG_OK; value = bg_json_next(value)) {
        char key[KEY_BYTES];
        int size = snprintf(key, sizeof key, "%s.%s", name, bg_json_key(value));
        const struct bg_option *option = size < KEY_BYTES ? find(table, count, key) : NULL;
        status = option ? load_value(option, value, path, config, error)
                        : bg_fail(error, BG_CONFIG, "%s:%d: unknown key %s: --help lists the keys", path,
                                  bg_json_line(value), key);
    }
    return status;
}

enum bg_status bg_options_load(const struct bg_option *table, size_t count, const char *path, void *config,
                               struct bg_error *error)
{
    struct bg_json *root = NULL;
    enum bg_status status = bg_json_load(path, FILE_LIMIT, error, &root);
    if (status == BG_DECODE)
        return error ? bg_fail(error, BG_CONFIG, "%s", error->text) : BG_CONFIG;
    if (status != BG_OK)
        return status;
    if (bg_json_type(root) != BG_JSON_OBJECT)
        status = bg_fail(error, BG_CONFIG, "%s:%d: expected %s, found %s", path, bg_json_line(root),
                         bg_json_type_name(BG_JSON_OBJECT), bg_json_type_name(bg_json_type(root)));
    for (const struct bg_json *s = bg_json_at(root, 0); s && status == BG_OK; s = bg_json_next(s))
        status = load_section(table, count, s, path, config, error);
    bg_json_destroy(&root);
    return status;
}

enum bg_status bg_options_set(const struct bg_option *table, size_t count, const char *assignment, void *config,
                              struct bg_error *error)
{
    char key[KEY_BYTES];
    size_t size = strcspn(assignment, "=");
    if (assignment[size] != '=')
        return bg_fail(error, BG_CONFIG, "--set: \"%s\" is not of the form key=value", assignment);
    snprintf(key, sizeof key, "%.*s", size < KEY_BYTES ? (int)size : KEY_BYTES - 1, assignment);
    const struct bg_option *option = find(table, count, key);
    if (!option)
        return bg_fail(error, BG_CONFIG, "--set: unknown key %s: --help lists the keys", key);
    return set(option, "--set", assignment + size + 1, config, error);
}

enum bg_status bg_options_read(const struct bg_option *table, size_t count, const char *path, char *const *assignments,
                               size_t assignment_count, void *config, struct bg_error *error)
{
    bg_options_defaults(table, count, config);
    enum bg_status status = path ? bg_options_load(table, count, path, config, error) : BG_OK;
    for (size_t i = 0; status == BG_OK && i < assignment_count; i++)
        status = bg_options_set(table, count, assignments[i], config, error);
    return status;
}

void bg_option_text(const struct bg_option *option, const void *config, char ret_text[static BG_OPTION_TEXT_BYTES])
{
    const void *field = (const char *)config + option->offset;
    char number[BG_REAL_TEXT_BYTES];
    const char *text = field;
    switch (option->type) {
    case BG_OPTION_BOOL: text = *(const bool *)field ? "true" : "false"; break;
    case BG_OPTION_U64: snprintf(number, sizeof number, "%llu", (unsigned long long)*(const uint64_t *)field); break;
    case BG_OPTION_REAL: bg_format_real(*(const double *)field, number); break;
    case BG_OPTION_TEXT: break;
    case BG_OPTION_CHOICE: text = option->choices[*(const uint32_t *)field]; break;
    }
    if (option->type == BG_OPTION_U64 || option->type == BG_OPTION_REAL)
        text = number;
    snprintf(ret_text, BG_OPTION_TEXT_BYTES, "%s", text);
}

bool bg_option_same(const struct bg_option *option, const void *a, const void *b)
{
    char first[BG_OPTION_TEXT_BYTES], second[BG_OPTION_TEXT_BYTES];
    bg_option_text(option, a, first);
    bg_option_text(option, b, second);
    return strcmp(first, second) == 0;
}

static void value_to_json(const struct bg_option *option, const void *config, struct bg_json *section)
{
    const char *name = strchr(option->key, '.') + 1;
    const void *field = (const char *)config + option->offset;
    switch (option->type) {
    case BG_OPTION_BOOL: bg_json_add_bool(section, name, *(const bool *)field); break;
    case BG_OPTION_U64: bg_json_add_u64(section, name, *(const uint64_t *)field); break;
    case BG_OPTION_REAL: bg_json_add_number(section, name, *(const double *)field); break;
    case BG_OPTION_TEXT: bg_json_add_string(section, name, field); break;
    case BG_OPTION_CHOICE:
        bg_json_add_string(section, name, option->choices[*(const uint32_t *)field]);
        break;
    }
}

void bg_options_to_json(const struct bg_option *table, size_t count, const void *config, struct bg_json *object)
{
    for (size_t i = 0; i < count; i++) {
        size_t first = 0;
        while (!same_section(&table[first], &table[i]))
            first++;
        if (first < i)
            continue;
        char name[KEY_BYTES];
        snprintf(name, sizeof name, "%.*s", (int)section_size(table[i].key), table[i].key);
        struct bg_json *section = bg_json_add_object(object, name);
        for (size_t j = i; j < count; j++)
            if (same_section(&table[i], &table[j]))
                value_to_json(&table[j], config, section);
    }
}

/* NULL when memory runs out; the caller frees it. */
static char *to_text(const struct bg_option *table, size_t count, const void *config)
{
    struct bg_json *root = bg_json_object();
    bg_options_to_json(table, count, config, root);
    char *json = bg_json_print(root, true), *text = NULL;
    bg_json_destroy(&root);
    if (json && asprintf(&text, "%s\n", json) < 0)
        text = NULL;
    free(json);
    return text;
}

void bg_options_print(const struct bg_option *table, size_t count, const void *config, FILE *out)
{
    char *text = to_text(table, count, config);
    if (text)
        fputs(text, out);
    free(text);
}

enum bg_status bg_options_save(const struct bg_option *table, size_t count, const void *config, const char *path,
                               struct bg_error *error)
{
    char *text = to_text(table, count, config);
    if (!text)
        return bg_fail(error, BG_NO_MEMORY, "%s: out of memory", path);
    struct bg_span content = {(const uint8_t *)text, strlen(text)};
    enum bg_status status = bg_file_write(path, content, 0644, error);
    free(text);
    return status;
}

void bg_options_help(const struct bg_option *table, size_t count, FILE *out)
{
    size_t width = 0;
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(table[i].key) + 1 + strlen(table[i].standard);
        width = size > width && size <= 40 ? size : width;
    }
    for (size_t i = 0; i < count; i++) {
        const struct bg_option *o = &table[i];
        char buffer[LIST_BYTES];
        const char *values = describe_values(o, buffer);
        const char *unit = o->unit ? o->unit : "";
        int pad = (int)width - (int)strlen(o->key) - 1 - (int)strlen(o->standard);
        fprintf(out, "  %s=%s%*s  %s", o->key, o->standard, pad > 0 ? pad : 0, "", o->help);
        if (*values || *unit)
            fprintf(out, " [%s%s%s]", values, *values && *unit ? " " : "", unit);
        fputc('\n', out);
    }
}
