/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/strict_json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum bg_status bg_strict_fail(const char *name, const struct bg_json *at, struct bg_error *error, const char *format,
                              ...)
{
    char why[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    return bg_fail(error, BG_DATA, "%s:%d: %s", name, bg_json_line(at), why);
}

enum bg_status bg_strict_keys(const char *name, const struct bg_json *value, const char *what,
                              const char *const *keys, struct bg_error *error)
{
    if (bg_json_type(value) != BG_JSON_OBJECT)
        return bg_strict_fail(name, value, error, "%s must be of type %s", what, bg_json_type_name(BG_JSON_OBJECT));
    for (const struct bg_json *member = bg_json_at(value, 0); member; member = bg_json_next(member)) {
        size_t k = 0;
        while (keys[k] && strcmp(keys[k], bg_json_key(member)) != 0)
            k++;
        if (!keys[k])
            return bg_strict_fail(name, member, error, "%s has no key \"%s\"", what, bg_json_key(member));
    }
    return BG_OK;
}

enum bg_status bg_strict_optional(const char *name, const struct bg_json *object, const char *key,
                                  enum bg_json_type type, struct bg_error *error, const struct bg_json **ret)
{
    const struct bg_json *value = bg_json_get(object, key);
    if (value && bg_json_type(value) != type)
        return bg_strict_fail(name, value, error, "\"%s\" must be of type %s", key, bg_json_type_name(type));
    *ret = value;
    return BG_OK;
}

enum bg_status bg_strict_member(const char *name, const struct bg_json *object, const char *key,
                                enum bg_json_type type, struct bg_error *error, const struct bg_json **ret)
{
    enum bg_status status = bg_strict_optional(name, object, key, type, error, ret);
    if (!status && !*ret)
        return bg_strict_fail(name, object, error, "the key \"%s\" is missing", key);
    return status;
}

bool bg_is_json_path(const char *text)
{
    static const char suffix[] = ".json";
    size_t length = strlen(text), ending = sizeof suffix - 1;
    return strchr(text, '/') || (length >= ending && strcmp(text + length - ending, suffix) == 0);
}
