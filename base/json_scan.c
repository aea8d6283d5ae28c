/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_scan.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

struct scanner {
    struct bg_span text;
    size_t at;
    int line;
    struct bg_json_scan *scan;
    enum bg_status status;
};

static bool refuse(struct scanner *s, const char *reason)
{
    s->status = BG_DECODE;
    s->scan->reterr_offset = s->at;
    s->scan->reterr_reason = reason;
    return false;
}

/* The byte at the cursor; −1 at the end. */
static int peek(const struct scanner *s)
{
    return s->at < s->text.size ? s->text.data[s->at] : -1;
}

static bool accept(struct scanner *s, char c)
{
    bool there = peek(s) == c;
    s->at += there;
    return there;
}

static void skip_blanks(struct scanner *s)
{
    for (int c = peek(s); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = peek(s)) {
        s->line += c == '\n';
        s->at++;
    }
}

static bool scan_hex4(struct scanner *s, uint32_t *ret_unit)
{
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++, s->at++) {
        int c = peek(s);
        int lower = c | 0x20;
        if (c >= '0' && c <= '9')
            unit = unit << 4 | (uint32_t)(c - '0');
        else if (c >= 0 && lower >= 'a' && lower <= 'f')
            unit = unit << 4 | (uint32_t)(lower - 'a' + 10);
        else
            return refuse(s, "\\u needs four hex digits");
    }
    *ret_unit = unit;
    return true;
}

static bool scan_escape(struct scanner *s)
{
    int c = peek(s);
    if (c <= 0 || !strchr("\"\\/bfnrtu", c))
        return refuse(s, "unknown escape in a string");
    s->at++;
    if (c != 'u')
        return true;
    uint32_t unit, low;
    if (!scan_hex4(s, &unit))
        return false;
    if (unit == 0)
        return refuse(s, "a string may not hold NUL");
    if (unit < 0xd800 || unit > 0xdfff)
        return true;
    if (unit > 0xdbff || !accept(s, '\\') || !accept(s, 'u'))
        return refuse(s, "half of a surrogate pair");
    if (!scan_hex4(s, &low))
        return false;
    return (low >= 0xdc00 && low <= 0xdfff) || refuse(s, "half of a surrogate pair");
}

static bool scan_string(struct scanner *s)
{
    if (!accept(s, '"'))
        return refuse(s, "expected a key in double quotes");
    while (!accept(s, '"')) {
        int c = peek(s);
        if (c < 0)
            return refuse(s, "the text ends inside a string");
        if (c < 0x20)
            return refuse(s, "control character in a string: write it as an escape");
        if (accept(s, '\\')) {
            if (!scan_escape(s))
                return false;
            continue;
        }
        uint32_t point;
        size_t step = bg_utf8_next(s->text.data + s->at, s->text.size - s->at, &point);
        if (step == 0)
            return refuse(s, "not UTF-8");
        s->at += step;
    }
    return true;
}

static bool scan_digits(struct scanner *s)
{
    size_t begin = s->at;
    while (peek(s) >= '0' && peek(s) <= '9')
        s->at++;
    return s->at > begin || refuse(s, "expected a digit");
}

static bool scan_number(struct scanner *s)
{
    size_t begin = s->at;
    accept(s, '-');
    if (!accept(s, '0') && !scan_digits(s))
        return false;
    if (accept(s, '.') && !scan_digits(s))
        return false;
    if (accept(s, 'e') || accept(s, 'E')) {
        if (!accept(s, '+'))
            accept(s, '-');
        if (!scan_digits(s))
            return false;
    }
    return s->at - begin <= BG_JSON_MAX_NUMBER_BYTES || refuse(s, "number with too many digits");
}

static bool scan_word(struct scanner *s, const char *word)
{
    size_t size = strlen(word);
    if (s->text.size - s->at < size || memcmp(s->text.data + s->at, word, size) != 0)
        return refuse(s, "expected a value");
    s->at += size;
    return true;
}

/* Gives the index of a new mark at the cursor. */
static bool add_mark(struct scanner *s, size_t key, size_t *ret_index)
{
    struct bg_json_scan *scan = s->scan;
    if (scan->count == scan->capacity) {
        size_t capacity = scan->capacity ? scan->capacity * 2 : 64;
        struct bg_json_mark *marks = reallocarray(scan->marks, capacity, sizeof *marks);
        if (!marks) {
            s->status = BG_NO_MEMORY;
            return false;
        }
        scan->marks = marks;
        scan->capacity = capacity;
    }
    *ret_index = scan->count++;
    scan->marks[*ret_index] = (struct bg_json_mark){.key = key, .begin = s->at, .line = s->line};
    return true;
}

static bool scan_value(struct scanner *s, size_t key, unsigned depth);

static bool scan_member(struct scanner *s, char close, unsigned depth)
{
    size_t key = s->at;
    if (close == '}') {
        if (!scan_string(s))
            return false;
        skip_blanks(s);
        if (!accept(s, ':'))
            return refuse(s, "expected ':' after a key");
        skip_blanks(s);
    }
    return scan_value(s, key, depth);
}

static bool scan_container(struct scanner *s, char close, unsigned depth)
{
    if (depth == BG_JSON_MAX_DEPTH)
        return refuse(s, "nested deeper than 32 levels");
    s->at++;
    skip_blanks(s);
    if (accept(s, close))
        return true;
    for (;;) {
        if (!scan_member(s, close, depth + 1))
            return false;
        skip_blanks(s);
        if (accept(s, close))
            return true;
        if (!accept(s, ','))
            return refuse(s, close == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
        skip_blanks(s);
        if (peek(s) == close)
            return refuse(s, "comma without a member after it");
    }
}

static bool scan_value(struct scanner *s, size_t key, unsigned depth)
{
    size_t index;
    if (!add_mark(s, key, &index))
        return false;
    bool good;
    switch (peek(s)) {
    case '{': good = scan_container(s, '}', depth); break;
    case '[': good = scan_container(s, ']', depth); break;
    case '"': good = scan_string(s); break;
    case 't': good = scan_word(s, "true"); break;
    case 'f': good = scan_word(s, "false"); break;
    case 'n': good = scan_word(s, "null"); break;
    case '-': case '0': case '1': case '2': case '3': case '4':
    case '5': case '6': case '7': case '8': case '9': good = scan_number(s); break;
    default: good = refuse(s, "expected a value"); break;
    }
    s->scan->marks[index].size = s->at - s->scan->marks[index].begin;
    return good;
}

enum bg_status bg_json_scan(struct bg_span text, struct bg_json_scan *scan)
{
    *scan = (struct bg_json_scan){0};
    struct scanner s = {.text = text, .line = 1, .scan = scan, .status = BG_OK};
    skip_blanks(&s);
    if (text.size >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
        (void)refuse(&s, "the file begins with a byte order mark: save it as UTF-8 without one");
    else if (scan_value(&s, s.at, 0)) {
        skip_blanks(&s);
        if (s.at < text.size)
            (void)refuse(&s, "bytes after the end of the document");
    }
    return s.status;
}

void bg_json_place(struct bg_span text, size_t offset, int *ret_line, int *ret_column)
{
    int line = 1;
    size_t begin = 0;
    for (size_t i = 0; i < offset && i < text.size; i++)
        if (text.data[i] == '\n') {
            line++;
            begin = i + 1;
        }
    *ret_line = line;
    *ret_column = (int)(offset - begin) + 1;
}
