/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_parser.h"

#include "base/number.h"
#include "base/utf8.h"

#include <llhttp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CHUNK_DIGITS 15 /* of a size: below 2⁶⁰ */

enum phase { HEAD, FIXED, CHUNK_SIZE, CHUNK_SIZE_END, CHUNK, CHUNK_CR, CHUNK_LF, LAST_CR, LAST_LF, END, BROKEN };

/* ---- what a head says ---- */

const char *bg_http_head_field(const struct bg_http_head *head, const char *name)
{
    for (size_t i = 0; i < head->field_count; i++)
        if (strcasecmp(head->fields[i].name, name) == 0)
            return head->fields[i].value;
    return NULL;
}

void bg_http_head_destroy(struct bg_http_head **head)
{
    if (!*head)
        return;
    free((*head)->text);
    free(*head);
    *head = NULL;
}

/* ---- lines: what may be in a head at all ---- */

static enum bg_status refuse(unsigned *ret_http, unsigned http, struct bg_error *error, const char *sentence)
{
    *ret_http = http;
    return bg_fail(error, http == 503 ? BG_NO_MEMORY : BG_DECODE, "%s", sentence);
}

/* Why `byte` may not follow `before` (0: nothing) in a head; NULL: it may. */
static const char *misplaced(const struct bg_http_parser *parser, uint8_t before, uint8_t byte)
{
    if (!before && (byte < 'A' || byte > 'Z'))
        return "the request does not begin with a method";
    if ((byte == '\n') != (before == '\r'))
        return "a line of the request's head does not end in CR LF";
    if (byte == '\r' || byte == '\n')
        return NULL;
    if (before == '\n' && parser->line_empty && (byte == ' ' || byte == '\t'))
        return "a header field goes on in a second line";
    if ((byte < ' ' && byte != '\t') || byte >= 0x7f)
        return "the request's head has characters that are not printable ASCII";
    return NULL;
}

/* Takes what belongs to the head off the input. */
static enum bg_status take_lines(struct bg_http_parser *parser, struct bg_span *input, bool *ret_whole,
                                 unsigned *ret_http, struct bg_error *error)
{
    uint8_t before = parser->text.size ? parser->text.data[parser->text.size - 1] : 0;
    size_t room = parser->head_limit - parser->text.size, i = 0;
    bool whole = false;
    for (; i < input->size && i < room && !whole; i++) {
        uint8_t byte = input->data[i];
        const char *sentence = misplaced(parser, before, byte);
        if (sentence)
            return refuse(ret_http, 400, error, sentence);
        whole = byte == '\n' && parser->line_empty;
        if (byte == '\n')
            parser->line_empty = true;
        else if (byte != '\r')
            parser->line_empty = false;
        before = byte;
    }
    bg_write_bytes(&parser->text, input->data, i);
    if (parser->text.status)
        return refuse(ret_http, 503, error, "no memory for the request's head");
    input->data += i;
    input->size -= i;
    if (!whole && parser->text.size == parser->head_limit)
        return memchr(parser->text.data, '\n', parser->text.size)
                   ? refuse(ret_http, 431, error, "the request's head is larger than its limit")
                   : refuse(ret_http, 414, error, "the request's target is longer than its limit");
    *ret_whole = whole;
    return BG_OK;
}

/* ---- fields ---- */

static const char misnamed[] = "the name of a header field is not one";

struct piece {
    const char *text;
    size_t size;
};

struct reading {
    struct piece target;
    struct piece names[BG_HTTP_FIELD_LIMIT], values[BG_HTTP_FIELD_LIMIT];
    size_t count;
    bool keep_alive;
    bool inside_value;
};

/* The parser tells texts in pieces, which follow on each other. */
static int extend(struct piece *piece, const char *text, size_t size)
{
    if (piece->text && piece->text + piece->size != text)
        return HPE_USER;
    if (!piece->text)
        piece->text = text;
    piece->size += size;
    return HPE_OK;
}

static int on_target(llhttp_t *llhttp, const char *text, size_t size)
{
    struct reading *reading = llhttp->data;
    return extend(&reading->target, text, size);
}

static int on_name(llhttp_t *llhttp, const char *text, size_t size)
{
    struct reading *reading = llhttp->data;
    return reading->count == BG_HTTP_FIELD_LIMIT ? HPE_USER : extend(&reading->names[reading->count], text, size);
}

static int on_value(llhttp_t *llhttp, const char *text, size_t size)
{
    struct reading *reading = llhttp->data;
    return extend(&reading->values[reading->count], text, size);
}

static int on_value_complete(llhttp_t *llhttp)
{
    struct reading *reading = llhttp->data;
    reading->count++;
    return HPE_OK;
}

static int on_head_complete(llhttp_t *llhttp)
{
    struct reading *reading = llhttp->data;
    reading->keep_alive = llhttp_should_keep_alive(llhttp);
    return HPE_PAUSED;
}

static bool known_method(unsigned method, enum bg_http_method *ret_method)
{
    static const uint8_t methods[BG_HTTP_METHOD_COUNT] = {
        [BG_HTTP_GET] = HTTP_GET, [BG_HTTP_HEAD] = HTTP_HEAD,   [BG_HTTP_POST] = HTTP_POST,
        [BG_HTTP_PUT] = HTTP_PUT, [BG_HTTP_PATCH] = HTTP_PATCH, [BG_HTTP_DELETE] = HTTP_DELETE,
    };
    for (size_t i = 0; i < BG_HTTP_METHOD_COUNT; i++)
        if (methods[i] == method) {
            *ret_method = (enum bg_http_method)i;
            return true;
        }
    return false;
}

/* Ends the piece where it ends, which is inside the head's own text. */
static char *end_text(char *text, const uint8_t *base, struct piece piece)
{
    char *start = text + (piece.text - (const char *)base);
    while (piece.size && (start[piece.size - 1] == ' ' || start[piece.size - 1] == '\t'))
        piece.size--;
    start[piece.size] = 0;
    return start;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place. What is not plain once decoded is refused. */
static bool decode_path(char *path)
{
    char *to = path;
    for (const char *from = path; *from; from++) {
        int c = (uint8_t)*from;
        if (c == '%') {
            int high = hex_digit(from[1]), low = high < 0 ? -1 : hex_digit(from[2]);
            if (low < 0)
                return false;
            c = high << 4 | low;
            from += 2;
            if (c == '/' || c < ' ' || c == 0x7f)
                return false;
        } else if (c == '#') {
            return false;
        }
        if (c == '\\')
            return false;
        *to++ = (char)c;
    }
    *to = 0;
    return true;
}

static bool plain_segments(const char *path)
{
    if (*path != '/')
        return false;
    while (*path) {
        size_t size = strcspn(++path, "/");
        bool last = !path[size];
        if ((size == 0 && !last) || (size == 1 && path[0] == '.') || (size == 2 && memcmp(path, "..", 2) == 0))
            return false;
        path += size;
    }
    return true;
}

static bool printable_utf8(const char *text)
{
    size_t size = strlen(text), step;
    for (size_t i = 0; i < size; i += step) {
        uint32_t point;
        step = bg_utf8_next((const uint8_t *)text + i, size - i, &point);
        if (step == 0 || (point >= 0x7f && point < 0xa0))
            return false;
    }
    return true;
}

static bool split_target(struct bg_http_head *head, char *target)
{
    char *mark = strchr(target, '?');
    head->query = mark ? mark + 1 : "";
    if (mark)
        *mark = 0;
    head->path = target;
    return decode_path(target) && plain_segments(target) && printable_utf8(target) && !strchr(head->query, '#');
}

/* A token of RFC 9110. */
static bool is_name(struct piece piece)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < piece.size; i++) {
        char c = piece.text[i], lower = (char)(c | 0x20);
        if ((lower < 'a' || lower > 'z') && (c < '0' || c > '9') && !strchr(marks, c))
            return false;
    }
    return piece.size > 0;
}

static bool some_field_twice(const struct bg_http_head *head)
{
    for (size_t i = 1; i < head->field_count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcasecmp(head->fields[i].name, head->fields[j].name) == 0)
                return true;
    return false;
}

static enum bg_status interpret(struct bg_http_head *head, unsigned *ret_http, struct bg_error *error)
{
    const char *length = bg_http_head_field(head, "Content-Length");
    const char *coding = bg_http_head_field(head, "Transfer-Encoding");
    const char *expected = bg_http_head_field(head, "Expect");
    if (some_field_twice(head))
        return refuse(ret_http, 400, error, "a header field comes twice");
    if (!bg_http_head_field(head, "Host"))
        return refuse(ret_http, 400, error, "the field Host is missing");
    if (length && coding)
        return refuse(ret_http, 400, error, "Content-Length and Transfer-Encoding exclude each other");
    if (length && bg_parse_u64(length, 0, INT64_MAX, &head->content_length))
        return refuse(ret_http, 400, error, "Content-Length is not a number of bytes");
    if (coding && strcasecmp(coding, "chunked") != 0)
        return refuse(ret_http, 400, error, "the only Transfer-Encoding that is spoken here is chunked");
    if (expected && strcasecmp(expected, "100-continue") != 0)
        return refuse(ret_http, 417, error, "the only thing to Expect here is 100-continue");
    head->chunked = coding;
    if (coding)
        head->content_length = UINT64_MAX;
    head->expects_continue = expected && head->content_length > 0;
    return BG_OK;
}

/* Takes the parser's text. */
static enum bg_status make_head(struct bg_http_parser *parser, const struct reading *reading,
                                enum bg_http_method method, unsigned *ret_http, struct bg_error *error)
{
    struct bg_http_head *head = calloc(1, sizeof *head + reading->count * sizeof *head->fields);
    if (!head)
        return refuse(ret_http, 503, error, "no memory for the request's head");
    const uint8_t *base = parser->text.data;
    head->text = (char *)parser->text.data;
    bg_writer_init(&parser->text);
    head->method = method;
    head->keep_alive = reading->keep_alive;
    head->field_count = reading->count;
    for (size_t i = 0; i < reading->count; i++) {
        if (!is_name(reading->names[i])) {
            bg_http_head_destroy(&head);
            return refuse(ret_http, 400, error, misnamed);
        }
        struct piece value = reading->values[i];
        head->fields[i].name = end_text(head->text, base, reading->names[i]);
        /* An empty value is said to be where the next line begins. */
        head->fields[i].value = value.size ? end_text(head->text, base, value) : "";
    }
    enum bg_status status = split_target(head, end_text(head->text, base, reading->target))
                                ? interpret(head, ret_http, error)
                                : refuse(ret_http, 400, error, "the request's target is not a plain path");
    if (status)
        bg_http_head_destroy(&head);
    else
        parser->head = head;
    return status;
}

/* ---- the head ---- */

static enum bg_status read_head(struct bg_http_parser *parser, unsigned *ret_http, struct bg_error *error)
{
    struct reading reading = {0};
    enum bg_http_method method;
    llhttp_settings_t settings;
    llhttp_t llhttp;
    llhttp_settings_init(&settings);
    settings.on_url = on_target;
    settings.on_header_field = on_name;
    settings.on_header_value = on_value;
    settings.on_header_value_complete = on_value_complete;
    settings.on_headers_complete = on_head_complete;
    llhttp_init(&llhttp, HTTP_REQUEST, &settings);
    llhttp.data = &reading;
    llhttp_errno_t found = llhttp_execute(&llhttp, (const char *)parser->text.data, parser->text.size);
    if (reading.count == BG_HTTP_FIELD_LIMIT && found == HPE_USER)
        return refuse(ret_http, 431, error, "the request has more header fields than are read");
    if (found == HPE_INVALID_VERSION)
        return refuse(ret_http, 505, error, "the only version that is spoken here is HTTP/1.1");
    if (found == HPE_INVALID_HEADER_TOKEN) /* some versions leave an empty name to is_name, others do not */
        return refuse(ret_http, 400, error, misnamed);
    if (found != HPE_PAUSED) {
        *ret_http = 400;
        return bg_fail(error, BG_DECODE, "the request's head is not HTTP: %s", llhttp_errno_name(found));
    }
    if (!known_method(llhttp.method, &method))
        return refuse(ret_http, 405, error, "the request's method is not one that is served here");
    if (llhttp.http_major != 1 || llhttp.http_minor != 1)
        return refuse(ret_http, 505, error, "the only version that is spoken here is HTTP/1.1");
    return make_head(parser, &reading, method, ret_http, error);
}

static enum bg_http_event next_head(struct bg_http_parser *parser, struct bg_span *input, unsigned *ret_http,
                                    struct bg_error *error)
{
    bool whole = false;
    if (input->size == 0)
        return BG_HTTP_EVENT_WANTS;
    if (take_lines(parser, input, &whole, ret_http, error) || (whole && read_head(parser, ret_http, error))) {
        parser->phase = BROKEN;
        return BG_HTTP_EVENT_REFUSED;
    }
    if (!whole)
        return BG_HTTP_EVENT_WANTS;
    parser->line_empty = false;
    parser->digits = 0;
    parser->remaining = parser->head->chunked ? 0 : parser->head->content_length;
    parser->phase = parser->head->chunked ? CHUNK_SIZE : parser->remaining ? FIXED : END;
    return BG_HTTP_EVENT_HEAD;
}

/* ---- the body ---- */

/* One byte of what is between chunks; false: it has no place there. */
static bool read_frame(struct bg_http_parser *parser, char c)
{
    int digit = hex_digit(c);
    switch (parser->phase) {
    case CHUNK_SIZE:
        if (c == '\r' && parser->digits) {
            parser->phase = CHUNK_SIZE_END;
            return true;
        }
        if (digit < 0 || parser->digits++ == CHUNK_DIGITS)
            return false;
        parser->remaining = parser->remaining << 4 | (unsigned)digit;
        return true;
    case CHUNK_SIZE_END:
        parser->phase = parser->remaining ? CHUNK : LAST_CR;
        return c == '\n';
    case CHUNK_CR:
        parser->phase = CHUNK_LF;
        return c == '\r';
    case CHUNK_LF:
        parser->phase = CHUNK_SIZE;
        parser->digits = 0;
        return c == '\n';
    case LAST_CR:
        parser->phase = LAST_LF;
        return c == '\r';
    default: /* LAST_LF */
        parser->phase = END;
        return c == '\n';
    }
}

static struct bg_span take_piece(struct bg_http_parser *parser, struct bg_span *input)
{
    struct bg_span piece = {input->data, input->size < parser->remaining ? input->size : (size_t)parser->remaining};
    parser->remaining -= piece.size;
    input->data += piece.size;
    input->size -= piece.size;
    if (parser->remaining == 0)
        parser->phase = parser->phase == FIXED ? END : CHUNK_CR;
    return piece;
}

enum bg_http_event bg_http_parser_next(struct bg_http_parser *parser, struct bg_span *input,
                                       struct bg_span *ret_piece, unsigned *ret_http, struct bg_error *error)
{
    for (;;) {
        if (parser->phase == HEAD)
            return next_head(parser, input, ret_http, error);
        if (parser->phase == END) {
            parser->phase = HEAD;
            return BG_HTTP_EVENT_END;
        }
        if (parser->phase == BROKEN) {
            refuse(ret_http, 400, error, "the request was refused before");
            return BG_HTTP_EVENT_REFUSED;
        }
        if (input->size == 0)
            return BG_HTTP_EVENT_WANTS;
        if (parser->phase == FIXED || parser->phase == CHUNK) {
            *ret_piece = take_piece(parser, input);
            return BG_HTTP_EVENT_BODY;
        }
        if (!read_frame(parser, (char)*input->data)) {
            refuse(ret_http, 400, error, "the body's chunks are not sizes in hex digits, each with so many bytes");
            parser->phase = BROKEN;
            return BG_HTTP_EVENT_REFUSED;
        }
        input->data++;
        input->size--;
    }
}

/* ---- the parser ---- */

void bg_http_parser_init(struct bg_http_parser *parser, size_t head_limit)
{
    *parser = (struct bg_http_parser){.head_limit = head_limit, .phase = HEAD};
    bg_writer_init(&parser->text);
}

void bg_http_parser_finish(struct bg_http_parser *parser)
{
    bg_writer_finish(&parser->text);
    bg_http_head_destroy(&parser->head);
}

struct bg_http_head *bg_http_parser_take_head(struct bg_http_parser *parser)
{
    struct bg_http_head *head = parser->head;
    parser->head = NULL;
    return head;
}

bool bg_http_parser_inside(const struct bg_http_parser *parser)
{
    return parser->phase != HEAD || parser->text.size > 0;
}

uint64_t bg_http_parser_remaining(const struct bg_http_parser *parser)
{
    switch (parser->phase) {
    case FIXED:
        return parser->remaining;
    case HEAD:
    case END:
        return 0;
    default:
        return UINT64_MAX;
    }
}
