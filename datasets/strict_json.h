/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a JSON document strictly: what is not understood is refused with the document's name and the line. */
#pragma once

#include "base/error.h"
#include "base/json.h"

#include <stdbool.h>

/* BG_DATA, "NAME:line: why". */
enum bg_status bg_strict_fail(const char *name, const struct bg_json *at, struct bg_error *error, const char *format,
                              ...) __attribute__((format(printf, 4, 5)));
/* `value` must be an object whose keys are all in the NULL-terminated list; `what` has the keys ("a schema"). */
BG_MUST_CHECK enum bg_status bg_strict_keys(const char *name, const struct bg_json *value, const char *what,
                                            const char *const *keys, struct bg_error *error);
/* Member `key`, which must be of the type; NULL if it is absent. */
BG_MUST_CHECK enum bg_status bg_strict_optional(const char *name, const struct bg_json *object, const char *key,
                                                enum bg_json_type type, struct bg_error *error,
                                                const struct bg_json **ret);
/* The same, and it must be there. */
BG_MUST_CHECK enum bg_status bg_strict_member(const char *name, const struct bg_json *object, const char *key,
                                              enum bg_json_type type, struct bg_error *error,
                                              const struct bg_json **ret);

/* Whether a setting means a file rather than a name: it has a slash or ends in ".json". */
bool bg_is_json_path(const char *text);
