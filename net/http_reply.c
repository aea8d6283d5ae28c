/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

struct bg_http_content {
    _Atomic size_t references;
    size_t size;
    uint8_t bytes[];
};

struct bg_http_content *bg_http_content_create(struct bg_span bytes)
{
    struct bg_http_content *content = malloc(sizeof *content + bytes.size);
    if (!content)
        return NULL;
    atomic_init(&content->references, 1);
    content->size = bytes.size;
    if (bytes.size)
        memcpy(content->bytes, bytes.data, bytes.size);
    return content;
}

void bg_http_content_release(struct bg_http_content *content)
{
    if (content && atomic_fetch_sub(&content->references, 1) == 1)
        free(content);
}

struct bg_span bg_http_content_bytes(const struct bg_http_content *content)
{
    return (struct bg_span){content->bytes, content->size};
}

static const char *phrase(unsigned status)
{
    static const struct {
        unsigned status;
        const char *phrase;
    } known[] = {
        {200, "OK"}, {201, "Created"}, {202, "Accepted"}, {204, "No Content"}, {206, "Partial Content"},
        {304, "Not Modified"}, {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"},
        {405, "Method Not Allowed"}, {408, "Request Timeout"}, {409, "Conflict"}, {410, "Gone"},
        {412, "Precondition Failed"}, {413, "Content Too Large"}, {414, "URI Too Long"},
        {416, "Range Not Satisfiable"}, {417, "Expectation Failed"}, {422, "Unprocessable Content"},
        {429, "Too Many Requests"}, {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"},
        {501, "Not Implemented"}, {503, "Service Unavailable"}, {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].status == status)
            return known[i].phrase;
    return "Status";
}

/* What would end a line is a space. */
static void write_text(struct bg_writer *w, const char *text)
{
    for (; *text; text++)
        bg_write_u8(w, (uint8_t)*text < ' ' || *text == 0x7f ? ' ' : (uint8_t)*text);
}

static void write_field(struct bg_writer *w, const char *name, const char *value)
{
    write_text(w, name);
    bg_write_bytes(w, ": ", 2);
    write_text(w, value);
    bg_write_bytes(w, "\r\n", 2);
}

static void write_number(struct bg_writer *w, const char *name, size_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%zu", value);
    write_field(w, name, text);
}

static void write_date(struct bg_writer *w)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t now = time(NULL);
    struct tm civil;
    char text[64];
    gmtime_r(&now, &civil);
    snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[civil.tm_wday], civil.tm_mday,
             months[civil.tm_mon], civil.tm_year + 1900, civil.tm_hour, civil.tm_min, civil.tm_sec);
    write_field(w, "Date", text);
}

static bool has_field(const struct bg_http_response *response, const char *name)
{
    for (size_t i = 0; i < response->field_count; i++)
        if (strcasecmp(response->fields[i].name, name) == 0)
            return true;
    return false;
}

static void write_head(struct bg_writer *w, const struct bg_http_response *response, size_t size,
                       unsigned retry_after_seconds)
{
    char line[64];
    snprintf(line, sizeof line, "HTTP/1.1 %u %s\r\n", response->status, phrase(response->status));
    bg_write_bytes(w, line, strlen(line));
    write_date(w);
    if (response->content_type)
        write_field(w, "Content-Type", response->content_type);
    if (response->status != 204 && response->status != 304)
        write_number(w, "Content-Length", size);
    if (response->status == 503 && !has_field(response, "Retry-After"))
        write_number(w, "Retry-After", retry_after_seconds);
    for (size_t i = 0; i < response->field_count; i++)
        write_field(w, response->fields[i].name, response->fields[i].value);
    if (response->close)
        write_field(w, "Connection", "close");
    bg_write_bytes(w, "\r\n", 2);
}

struct bg_http_reply *bg_http_reply_create(const struct bg_http_response *response, bool bodiless,
                                           unsigned retry_after_seconds)
{
    struct bg_http_reply *reply = NULL;
    struct bg_writer head;
    bool body = !bodiless && response->status != 204 && response->status != 304;
    size_t size = response->content ? response->content_size : response->body.size;
    size_t copied = body && !response->content ? size : 0;
    bg_writer_init(&head);
    write_head(&head, response, size, retry_after_seconds);
    if (head.status == BG_OK)
        reply = malloc(sizeof *reply + head.size + copied);
    if (reply) {
        *reply = (struct bg_http_reply){.close = response->close, .size = head.size + copied};
        memcpy(reply->bytes, head.data, head.size);
        if (copied)
            memcpy(reply->bytes + head.size, response->body.data, copied);
        if (body && response->content) {
            reply->content = response->content;
            reply->content_first = response->content_first;
            reply->content_size = response->content_size;
            atomic_fetch_add(&response->content->references, 1);
        }
    }
    bg_writer_finish(&head);
    return reply;
}

struct bg_http_reply *bg_http_reply_refusal(unsigned http, const struct bg_error *error,
                                            unsigned retry_after_seconds)
{
    char body[sizeof error->text + 64];
    static const struct bg_http_field allow = {"Allow", "GET, HEAD, POST, PUT, PATCH, DELETE"};
    int size = snprintf(body, sizeof body, "{\"status\":%u,\"title\":\"%s\",\"detail\":\"%s\"}\n", http, phrase(http),
                        error->text);
    const struct bg_http_response response = {
        .status = http,
        .content_type = "application/problem+json",
        .body = {(const uint8_t *)body, (size_t)size},
        .fields = &allow,
        .field_count = http == 405,
        .close = true,
    };
    return bg_http_reply_create(&response, false, retry_after_seconds);
}

void bg_http_reply_destroy(struct bg_http_reply **reply)
{
    if (!*reply)
        return;
    bg_http_content_release((*reply)->content);
    free(*reply);
    *reply = NULL;
}

struct bg_span bg_http_reply_next(const struct bg_http_reply *reply, size_t most)
{
    struct bg_span next = {reply->bytes + reply->sent, reply->size - reply->sent};
    if (reply->sent >= reply->size) {
        size_t sent = reply->sent - reply->size;
        next = (struct bg_span){0};
        if (sent < reply->content_size)
            next = (struct bg_span){reply->content->bytes + reply->content_first + sent, reply->content_size - sent};
    }
    if (next.size > most)
        next.size = most;
    return next;
}
