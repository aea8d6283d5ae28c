/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "base/checked.h"
#include "base/file.h"
#include "base/json_scan.h"
#include "base/number.h"
#include "base/utf8.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A value is a cJSON item. Numbers are raw items, whose text cJSON keeps and prints as it is. `valueint`, which
 * cJSON fills but never reads here, holds the line; −1 marks a container that lost a child to lack of memory.
 */
struct bg_json {
    cJSON item;
};

#define LOST_CHILD (-1)

static struct bg_json *from_item(cJSON *item)
{
    return (struct bg_json *)item;
}

static const cJSON *item_of(const struct bg_json *value)
{
    return &value->item;
}

struct attaching {
    struct bg_span text;
    const struct bg_json_mark *mark; /* of the next item in document order */
    size_t offset;                   /* where it went wrong */
    const char *reason;
    const char *key;                 /* that it went wrong with; NULL: none */
};

static enum bg_status fail_attaching(struct attaching *a, size_t offset, const char *reason)
{
    a->offset = offset;
    a->reason = reason;
    return BG_DECODE;
}

/* Turns a parsed number into a raw item with the text of the document. */
static enum bg_status attach_number(struct attaching *a, cJSON *item, const struct bg_json_mark *mark)
{
    char *text = cJSON_malloc(mark->size + 1);
    if (!text)
        return BG_NO_MEMORY;
    memcpy(text, a->text.data + mark->begin, mark->size);
    text[mark->size] = '\0';
    item->type = cJSON_Raw;
    item->valuestring = text;
    if (bg_parse_real(text, -INFINITY, INFINITY, &item->valuedouble) != BG_OK)
        return fail_attaching(a, mark->begin, "number too large for a double");
    return BG_OK;
}

struct key {
    const char *text;
    size_t offset;
};

static int compare_keys(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    int order = strcmp(x->text, y->text);
    return order ? order : (x->offset > y->offset) - (x->offset < y->offset);
}

static enum bg_status check_keys(struct attaching *a, struct key *keys, size_t count)
{
    size_t repeated = SIZE_MAX;
    const char *text = NULL;
    qsort(keys, count, sizeof *keys, compare_keys);
    for (size_t i = 1; i < count; i++)
        if (strcmp(keys[i - 1].text, keys[i].text) == 0 && keys[i].offset < repeated) {
            repeated = keys[i].offset;
            text = keys[i].text;
        }
    if (!text)
        return BG_OK;
    a->key = text;
    return fail_attaching(a, repeated, "this key appears twice in its object: ");
}

static enum bg_status attach(struct attaching *a, cJSON *item);

static enum bg_status attach_object(struct attaching *a, cJSON *object)
{
    size_t count = (size_t)cJSON_GetArraySize(object), i = 0;
    struct key *keys = calloc(count + 1, sizeof *keys);
    if (!keys)
        return BG_NO_MEMORY;
    enum bg_status status = BG_OK;
    for (cJSON *child = object->child; child && status == BG_OK; child = child->next) {
        keys[i++] = (struct key){child->string, a->mark->key};
        status = attach(a, child);
    }
    if (status == BG_OK)
        status = check_keys(a, keys, count);
    free(keys);
    return status;
}

/* Walks the tree in document order, as the marks do. */
static enum bg_status attach(struct attaching *a, cJSON *item)
{
    const struct bg_json_mark *mark = a->mark++;
    item->valueint = mark->line;
    if (cJSON_IsNumber(item))
        return attach_number(a, item, mark);
    if (cJSON_IsObject(item))
        return attach_object(a, item);
    enum bg_status status = BG_OK;
    for (cJSON *child = item->child; child && status == BG_OK; child = child->next)
        status = attach(a, child);
    return status;
}

enum bg_status bg_json_parse(struct bg_span text, const char *name, struct bg_error *error,
                             struct bg_json **ret_root)
{
    struct bg_json_scan scan;
    cJSON *root = NULL;
    enum bg_status status = bg_json_scan(text, &scan);
    struct attaching a = {text, scan.marks, scan.reterr_offset, scan.reterr_reason, NULL};
    if (status == BG_OK) {
        root = cJSON_ParseWithLength((const char *)text.data, text.size);
        status = root ? attach(&a, root) : BG_NO_MEMORY;
    }
    free(scan.marks);
    if (status == BG_OK) {
        *ret_root = from_item(root);
        return BG_OK;
    }
    if (status == BG_NO_MEMORY) {
        bg_fail(error, status, "%s: out of memory", name);
    } else {
        int line, column;
        bg_json_place(text, a.offset, &line, &column);
        bg_fail(error, status, "%s:%d:%d: %s%s", name, line, column, a.reason, a.key ? a.key : "");
    }
    cJSON_Delete(root);
    return status;
}

enum bg_status bg_json_load(const char *path, size_t limit, struct bg_error *error, struct bg_json **ret_root)
{
    uint8_t *data;
    size_t size;
    enum bg_status status = bg_file_read(path, limit, error, &data, &size);
    if (status != BG_OK)
        return status;
    status = bg_json_parse((struct bg_span){data, size}, path, error, ret_root);
    free(data);
    return status;
}

void bg_json_destroy(struct bg_json **root)
{
    if (*root)
        cJSON_Delete(&(*root)->item);
    *root = NULL;
}

enum bg_json_type bg_json_type(const struct bg_json *value)
{
    const cJSON *item = item_of(value);
    return cJSON_IsBool(item)     ? BG_JSON_BOOL
           : cJSON_IsRaw(item)    ? BG_JSON_NUMBER
           : cJSON_IsString(item) ? BG_JSON_STRING
           : cJSON_IsArray(item)  ? BG_JSON_ARRAY
           : cJSON_IsObject(item) ? BG_JSON_OBJECT
                                  : BG_JSON_NULL;
}

const char *bg_json_type_name(enum bg_json_type type)
{
    static const char *const names[] = {"null", "true or false", "a number", "a string", "an array", "an object"};
    return names[type];
}

int bg_json_line(const struct bg_json *value)
{
    return value->item.valueint > 0 ? value->item.valueint : 0;
}

const struct bg_json *bg_json_get(const struct bg_json *object, const char *key)
{
    const cJSON *item = item_of(object);
    return cJSON_IsObject(item) ? from_item(cJSON_GetObjectItemCaseSensitive(item, key)) : NULL;
}

size_t bg_json_count(const struct bg_json *array_or_object)
{
    return (size_t)cJSON_GetArraySize(item_of(array_or_object));
}

const struct bg_json *bg_json_at(const struct bg_json *array_or_object, size_t i)
{
    const cJSON *child = array_or_object->item.child;
    for (; child && i > 0; i--)
        child = child->next;
    return (const struct bg_json *)child;
}

const struct bg_json *bg_json_next(const struct bg_json *member)
{
    return from_item(member->item.next);
}

const char *bg_json_key(const struct bg_json *member)
{
    return member->item.string;
}

bool bg_json_bool(const struct bg_json *value)
{
    assert(bg_json_type(value) == BG_JSON_BOOL);
    return cJSON_IsTrue(item_of(value));
}

double bg_json_number(const struct bg_json *value)
{
    assert(bg_json_type(value) == BG_JSON_NUMBER);
    return value->item.valuedouble;
}

const char *bg_json_number_text(const struct bg_json *value)
{
    assert(bg_json_type(value) == BG_JSON_NUMBER);
    return value->item.valuestring;
}

const char *bg_json_string(const struct bg_json *value)
{
    assert(bg_json_type(value) == BG_JSON_STRING);
    return value->item.valuestring;
}

struct bg_json *bg_json_object(void)
{
    return from_item(cJSON_CreateObject());
}

struct bg_json *bg_json_array(void)
{
    return from_item(cJSON_CreateArray());
}

static void make_utf8(char *text)
{
    uint8_t *bytes = (uint8_t *)text;
    size_t size = strlen(text), step;
    uint32_t point;
    for (size_t i = 0; i < size; i += step) {
        step = bg_utf8_next(bytes + i, size - i, &point);
        if (step == 0) {
            bytes[i] = '?';
            step = 1;
        }
    }
}

/* Takes the child; a parent that loses it remembers. */
static struct bg_json *add(struct bg_json *parent, const char *key, cJSON *child)
{
    if (parent && child) {
        assert(key ? cJSON_IsObject(item_of(parent)) : cJSON_IsArray(item_of(parent)));
        if (key ? cJSON_AddItemToObject(&parent->item, key, child) : cJSON_AddItemToArray(&parent->item, child)) {
            if (key)
                make_utf8(child->string);
            return from_item(child);
        }
    }
    if (parent)
        parent->item.valueint = LOST_CHILD;
    cJSON_Delete(child);
    return NULL;
}

struct bg_json *bg_json_add_object(struct bg_json *parent, const char *key)
{
    return add(parent, key, cJSON_CreateObject());
}

struct bg_json *bg_json_add_array(struct bg_json *parent, const char *key)
{
    return add(parent, key, cJSON_CreateArray());
}

struct bg_json *bg_json_add_string(struct bg_json *parent, const char *key, const char *value)
{
    struct bg_json *child = add(parent, key, cJSON_CreateString(value));
    if (child)
        make_utf8(child->item.valuestring);
    return child;
}

struct bg_json *bg_json_add_digest(struct bg_json *parent, const char *key, const struct bg_digest *digest)
{
    char hex[2 * BG_DIGEST_BYTES + 1];
    bg_digest_to_hex(digest, hex);
    return bg_json_add_string(parent, key, hex);
}

struct bg_json *bg_json_add_bool(struct bg_json *parent, const char *key, bool value)
{
    return add(parent, key, cJSON_CreateBool(value));
}

struct bg_json *bg_json_add_null(struct bg_json *parent, const char *key)
{
    return add(parent, key, cJSON_CreateNull());
}

static struct bg_json *add_number_text(struct bg_json *parent, const char *key, const char *text, double value)
{
    struct bg_json *child = add(parent, key, cJSON_CreateRaw(text));
    if (child)
        child->item.valuedouble = value;
    return child;
}

struct bg_json *bg_json_add_number(struct bg_json *parent, const char *key, double value)
{
    char text[BG_REAL_TEXT_BYTES];
    if (!isfinite(value))
        return bg_json_add_null(parent, key);
    bg_format_real(value, text);
    return add_number_text(parent, key, text, value);
}

struct bg_json *bg_json_add_u64(struct bg_json *parent, const char *key, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    return add_number_text(parent, key, text, (double)value);
}

struct bg_json *bg_json_add_copy(struct bg_json *parent, const char *key, const struct bg_json *value)
{
    return add(parent, key, value ? cJSON_Duplicate(item_of(value), true) : NULL);
}

void bg_json_drop_last(struct bg_json *parent)
{
    cJSON *last = parent->item.child;
    assert(last);
    while (last->next)
        last = last->next;
    cJSON_Delete(cJSON_DetachItemViaPointer(&parent->item, last));
}

static bool is_complete(const cJSON *item)
{
    if (item->valueint == LOST_CHILD)
        return false;
    for (const cJSON *child = item->child; child; child = child->next)
        if (!is_complete(child))
            return false;
    return true;
}

/* cJSON indents with tabs and puts one after each colon; inside strings tabs are escaped. */
static char *replace_tabs(const char *printed)
{
    size_t tabs = 0, capacity;
    for (const char *c = printed; *c; c++)
        tabs += *c == '\t';
    if (!bg_size_add(strlen(printed) + 1, tabs, &capacity))
        return NULL;
    char *text = malloc(capacity), *out = text;
    for (const char *c = printed; text && *c; c++) {
        if (*c == '\t' && c[-1] != ':')
            *out++ = ' ';
        *out++ = *c == '\t' ? ' ' : *c;
    }
    if (text)
        *out = '\0';
    return text;
}

char *bg_json_print(const struct bg_json *root, bool indented)
{
    if (!root || !is_complete(item_of(root)))
        return NULL;
    char *printed = indented ? cJSON_Print(item_of(root)) : cJSON_PrintUnformatted(item_of(root));
    if (!printed)
        return NULL;
    char *text = indented ? replace_tabs(printed) : strdup(printed);
    cJSON_free(printed);
    return text;
}
