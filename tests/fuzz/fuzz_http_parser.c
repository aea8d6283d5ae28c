/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests as an HTTPS server reads them. The input is one connection's bytes. However they are cut the same requests
 * come out; a head that was read and is written again, plainly, reads as the same.
 */
#include "net/http_parser.h"

#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>

#define HEAD_LIMIT 4096

static const char *const methods[BG_HTTP_METHOD_COUNT] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};

static void write_string(struct bg_writer *w, const char *text)
{
    bg_write_bytes(w, text, strlen(text));
}

/* The head in its plainest form: every byte of the path encoded that may be. */
static void write_head(struct bg_writer *w, const struct bg_http_head *head)
{
    char escape[4];
    write_string(w, methods[head->method]);
    write_string(w, " ");
    for (const char *c = head->path; *c; c++) {
        snprintf(escape, sizeof escape, *c == '/' ? "/" : "%%%02x", (uint8_t)*c);
        write_string(w, escape);
    }
    write_string(w, *head->query ? "?" : "");
    write_string(w, head->query);
    write_string(w, " HTTP/1.1\r\n");
    for (size_t i = 0; i < head->field_count; i++) {
        write_string(w, head->fields[i].name);
        write_string(w, ": ");
        write_string(w, head->fields[i].value);
        write_string(w, "\r\n");
    }
    write_string(w, "\r\n");
}

static void require_plain(const struct bg_http_head *head)
{
    FUZZ_REQUIRE(head->method < BG_HTTP_METHOD_COUNT && head->field_count <= BG_HTTP_FIELD_LIMIT, "%s", head->path);
    FUZZ_REQUIRE(head->path[0] == '/' && !strstr(head->path, "/../") && !strstr(head->path, "//"), "%s", head->path);
    FUZZ_REQUIRE(head->chunked == (head->content_length == UINT64_MAX), "%s", head->path);
    FUZZ_REQUIRE(!head->expects_continue || head->content_length, "%s", head->path);
    for (size_t i = 0; i < head->field_count; i++)
        FUZZ_REQUIRE(*head->fields[i].name && !strpbrk(head->fields[i].value, "\r\n"), "%s", head->fields[i].name);
}

/* Notes down heads, bodies and ends, reading at most `step` bytes at a time. */
static enum bg_status read_all(struct bg_span bytes, size_t step, struct bg_writer *story)
{
    struct bg_http_parser parser;
    struct bg_error error = {0};
    enum bg_http_event event = BG_HTTP_EVENT_WANTS;
    unsigned http = 0;
    bg_http_parser_init(&parser, HEAD_LIMIT);
    for (size_t at = 0; at < bytes.size && event != BG_HTTP_EVENT_REFUSED; at += step) {
        struct bg_span input = {bytes.data + at, bytes.size - at < step ? bytes.size - at : step}, piece;
        while ((event = bg_http_parser_next(&parser, &input, &piece, &http, &error)) != BG_HTTP_EVENT_WANTS &&
               event != BG_HTTP_EVENT_REFUSED) {
            struct bg_http_head *head = event == BG_HTTP_EVENT_HEAD ? bg_http_parser_take_head(&parser) : NULL;
            if (head) {
                require_plain(head);
                write_head(story, head);
            } else if (event == BG_HTTP_EVENT_BODY) {
                bg_write_bytes(story, piece.data, piece.size);
            }
            bg_http_head_destroy(&head);
        }
        FUZZ_REQUIRE(event != BG_HTTP_EVENT_WANTS || input.size == 0, "%zu bytes left", input.size);
    }
    bg_http_parser_finish(&parser);
    if (event != BG_HTTP_EVENT_REFUSED || story->status != BG_OK)
        return story->status;
    FUZZ_REQUIRE(http >= 400 && http < 600, "%u", http);
    return fuzz_refused(error.status, &error);
}

static enum bg_status check(struct bg_span input)
{
    struct bg_writer whole, cut, again;
    bg_writer_init(&whole);
    bg_writer_init(&cut);
    bg_writer_init(&again);
    enum bg_status status = read_all(input, SIZE_MAX / 2, &whole);
    if (status != BG_NO_MEMORY) {
        enum bg_status other = read_all(input, 1 + input.size % 7, &cut);
        FUZZ_REQUIRE(other == BG_NO_MEMORY || (other == status && bg_span_equal(bg_writer_span(&whole),
                                                                                bg_writer_span(&cut))),
                     "%s in one piece, %s in several", bg_status_name(status), bg_status_name(other));
        status = other == BG_NO_MEMORY ? other : status;
    }
    if (status == BG_OK && whole.size && !memmem(whole.data, whole.size, "hunked", 6)) {
        enum bg_status other = read_all(bg_writer_span(&whole), SIZE_MAX / 2, &again);
        FUZZ_REQUIRE(other == BG_NO_MEMORY || whole.size > HEAD_LIMIT ||
                         (other == BG_OK && bg_span_equal(bg_writer_span(&whole), bg_writer_span(&again))),
                     "%s, then %s", bg_status_name(status), bg_status_name(other));
        status = other == BG_NO_MEMORY ? other : status;
    }
    bg_writer_finish(&again);
    bg_writer_finish(&cut);
    bg_writer_finish(&whole);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(check, data, size);
}
