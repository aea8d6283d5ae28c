/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON documents, the only user of cJSON. Parsing is strict: UTF-8, no duplicate keys, no trailing bytes,
 * nesting at most 32, numbers finite and at most 60 bytes long, no NUL in strings. Values know the line they
 * came from, so that a config error can name it. Parse on one thread at a time.
 */
#pragma once

#include "base/error.h"
#include "base/span.h"

struct bg_json; /* a value; children belong to their root */

enum bg_json_type {
    BG_JSON_NULL = 0,
    BG_JSON_BOOL,
    BG_JSON_NUMBER,
    BG_JSON_STRING,
    BG_JSON_ARRAY,
    BG_JSON_OBJECT,
};

/* `name` is what errors call the document (a path). Gives the root. BG_DECODE with "name:line:column: why". */
BG_MUST_CHECK enum bg_status bg_json_parse(struct bg_span text, const char *name, struct bg_error *error,
                                           struct bg_json **ret_root);
/* Reads and parses a file of at most `limit` bytes. */
BG_MUST_CHECK enum bg_status bg_json_load(const char *path, size_t limit, struct bg_error *error,
                                          struct bg_json **ret_root);
void bg_json_destroy(struct bg_json **root);

enum bg_json_type bg_json_type(const struct bg_json *value);
const char *bg_json_type_name(enum bg_json_type type);
/* Line in the document, from 1; 0 for values made in memory. */
int bg_json_line(const struct bg_json *value);
/* Member of an object, NULL if absent or not an object. */
const struct bg_json *bg_json_get(const struct bg_json *object, const char *key);
size_t bg_json_count(const struct bg_json *array_or_object);
/* Takes time proportional to i: walk large documents with bg_json_next. NULL past the end. */
const struct bg_json *bg_json_at(const struct bg_json *array_or_object, size_t i);
/* The member or element after this one, NULL after the last. */
const struct bg_json *bg_json_next(const struct bg_json *member);
/* Key of a member of an object, NULL for elements and roots. */
const char *bg_json_key(const struct bg_json *member);
/* The value must be of that type (assert). */
bool bg_json_bool(const struct bg_json *value);
double bg_json_number(const struct bg_json *value);
/* A number as it is written, so that bg_parse_u64 sees all 64 bits of an integer. */
const char *bg_json_number_text(const struct bg_json *value);
const char *bg_json_string(const struct bg_json *value);

/* Building. Each `add` appends to an object (key) or an array (key NULL) and gives the new child. They return
 * NULL when memory runs out or `parent` is NULL, so a chain is checked once, at bg_json_print. Bytes of keys and texts
 * that are not UTF-8 become question marks; keys must differ then, too. */
struct bg_json *bg_json_object(void);
struct bg_json *bg_json_array(void);
struct bg_json *bg_json_add_object(struct bg_json *parent, const char *key);
struct bg_json *bg_json_add_array(struct bg_json *parent, const char *key);
struct bg_json *bg_json_add_string(struct bg_json *parent, const char *key, const char *value);
/* In hex. */
struct bg_json *bg_json_add_digest(struct bg_json *parent, const char *key, const struct bg_digest *digest);
struct bg_json *bg_json_add_bool(struct bg_json *parent, const char *key, bool value);
struct bg_json *bg_json_add_null(struct bg_json *parent, const char *key);
/* Shortest text that reads back as the same double; NaN and infinities become null. */
struct bg_json *bg_json_add_number(struct bg_json *parent, const char *key, double value);
struct bg_json *bg_json_add_u64(struct bg_json *parent, const char *key, uint64_t value); /* all 64 bits exact */
/* Copies a value with everything in it, parsed or built; NULL counts as memory that ran out. */
struct bg_json *bg_json_add_copy(struct bg_json *parent, const char *key, const struct bg_json *value);
/* Takes back what was added last to an object or array that is not empty. */
void bg_json_drop_last(struct bg_json *parent);
/* Gives text to free(); indented by two spaces or on one line. NULL when memory ran out while building. */
char *bg_json_print(const struct bg_json *root, bool indented);
