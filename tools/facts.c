/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/facts.h"

#include <string.h>

#define MOST_SHOWN 10 /* of a list of scalars */
#define INDENT 2

void bg_facts_digest(struct bg_json *parent, const char *key, const struct bg_digest *digest)
{
    static const struct bg_digest zero;
    char hex[2 * BG_DIGEST_BYTES + 1];
    if (bg_digest_equal(digest, &zero)) {
        bg_json_add_null(parent, key);
        return;
    }
    bg_digest_to_hex(digest, hex);
    bg_json_add_string(parent, key, hex);
}

void bg_facts_hex(struct bg_json *parent, const char *key, struct bg_span bytes, size_t most)
{
    char text[160] = "0x";
    size_t shown = bytes.size < most ? bytes.size : most;
    if (shown > (sizeof text - 8) / 2)
        shown = (sizeof text - 8) / 2;
    for (size_t i = 0; i < shown; i++)
        snprintf(text + 2 + 2 * i, 3, "%02x", bytes.data[i]);
    if (shown < bytes.size)
        strcat(text, "…");
    bg_json_add_string(parent, key, text);
}

static bool is_scalar(const struct bg_json *value)
{
    enum bg_json_type type = bg_json_type(value);
    return type != BG_JSON_ARRAY && type != BG_JSON_OBJECT;
}

static void print_scalar(const struct bg_json *value, FILE *out)
{
    switch (bg_json_type(value)) {
    case BG_JSON_BOOL:
        fputs(bg_json_bool(value) ? "yes" : "no", out);
        break;
    case BG_JSON_NUMBER:
        fputs(bg_json_number_text(value), out);
        break;
    case BG_JSON_STRING:
        fputs(bg_json_string(value), out);
        break;
    default:
        fputs("none", out);
        break;
    }
}

/* Keys are words joined by underscores. */
static void print_name(const char *key, size_t depth, FILE *out)
{
    fprintf(out, "%*s", (int)(INDENT * depth), "");
    for (const char *c = key; *c; c++)
        fputc(*c == '_' ? ' ' : *c, out);
}

static void print_members(const struct bg_json *object, size_t depth, FILE *out);

static void print_list(const struct bg_json *array, const char *key, size_t depth, FILE *out)
{
    size_t count = bg_json_count(array), shown = 0;
    const struct bg_json *element = bg_json_at(array, 0);
    if (element && !is_scalar(element)) {
        for (; element; element = bg_json_next(element), shown++) {
            print_name(key, depth, out);
            fprintf(out, "[%zu]:\n", shown);
            print_members(element, depth + 1, out);
        }
        return;
    }
    print_name(key, depth, out);
    fputs(count ? ":" : ": none", out);
    for (; element && shown < MOST_SHOWN; element = bg_json_next(element), shown++) {
        fputs(shown ? ", " : " ", out);
        print_scalar(element, out);
    }
    if (shown < count)
        fprintf(out, ", … (%zu in all)", count);
    fputc('\n', out);
}

static void print_member(const struct bg_json *member, size_t depth, FILE *out)
{
    const char *key = bg_json_key(member) ? bg_json_key(member) : "entry";
    if (bg_json_type(member) == BG_JSON_ARRAY) {
        print_list(member, key, depth, out);
        return;
    }
    print_name(key, depth, out);
    if (bg_json_type(member) == BG_JSON_OBJECT) {
        fputs(":\n", out);
        print_members(member, depth + 1, out);
    } else {
        fputs(": ", out);
        print_scalar(member, out);
        fputc('\n', out);
    }
}

static void print_members(const struct bg_json *object, size_t depth, FILE *out)
{
    for (const struct bg_json *member = bg_json_at(object, 0); member; member = bg_json_next(member))
        print_member(member, depth, out);
}

void bg_facts_print_member(const struct bg_json *member, FILE *out)
{
    print_member(member, 0, out);
}

void bg_facts_print(const struct bg_json *object, FILE *out)
{
    print_members(object, 0, out);
}
