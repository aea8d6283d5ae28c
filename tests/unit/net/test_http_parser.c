/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_parser.h"

#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* What a reader of events would note down. */
struct story {
    char text[1024];
    unsigned http;
    struct bg_error error;
};

static void note(struct story *story, const char *what)
{
    cr_assert_lt(strlen(story->text) + strlen(what) + 1, sizeof story->text);
    strcat(story->text, what);
}

static void note_head(struct story *story, struct bg_http_head *head)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
    char line[512];
    snprintf(line, sizeof line, "[%s %s?%s%s%s%s]", methods[head->method], head->path, head->query,
             head->chunked ? " chunked" : "", head->keep_alive ? "" : " close",
             head->expects_continue ? " expects" : "");
    note(story, line);
    bg_http_head_destroy(&head);
}

/* Feeds `size` bytes of text, at most `step` at a time. */
static struct story read_bytes(const char *text, size_t size, size_t step, size_t head_limit)
{
    struct story story = {0};
    struct bg_http_parser parser;
    bool refused = false;
    bg_http_parser_init(&parser, head_limit);
    for (size_t at = 0; at < size && !refused; at += step) {
        struct bg_span input = {(const uint8_t *)text + at, size - at < step ? size - at : step}, piece;
        enum bg_http_event event;
        do {
            event = bg_http_parser_next(&parser, &input, &piece, &story.http, &story.error);
            if (event == BG_HTTP_EVENT_HEAD)
                note_head(&story, bg_http_parser_take_head(&parser));
            if (event == BG_HTTP_EVENT_BODY) {
                char copied[256] = {0};
                memcpy(copied, piece.data, piece.size);
                note(&story, copied);
            }
            if (event == BG_HTTP_EVENT_END)
                note(&story, ".");
            refused = event == BG_HTTP_EVENT_REFUSED;
        } while (event != BG_HTTP_EVENT_WANTS && !refused);
    }
    if (refused)
        note(&story, "!");
    bg_http_parser_finish(&parser);
    return story;
}

static struct story read_text(const char *text, size_t step)
{
    return read_bytes(text, strlen(text), step, 1000);
}

/* However the bytes are cut, the story is the same. */
static void expect(const char *text, const char *expected)
{
    for (size_t step = 1; step <= strlen(text); step++) {
        struct story story = read_text(text, step);
        cr_assert_str_eq(story.text, expected, "%zu at a time: %s", step, story.text);
    }
}

static void expect_refusal(const char *text, unsigned http, const char *sentence)
{
    for (size_t step = 1; step <= strlen(text); step += 7) {
        struct story story = read_text(text, step);
        cr_assert_str_eq(story.text, "!", "%s", text);
        cr_assert_eq(story.http, http, "%u: %s", story.http, text);
        cr_assert_not_null(strstr(story.error.text, sentence), "%s", story.error.text);
    }
}

Test(http_parser, reads_requests_one_after_another)
{
    expect("GET /a/b?x=1&y HTTP/1.1\r\nHost: h\r\n\r\n"
           "POST /c HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc",
           "[GET /a/b?x=1&y].[POST /c? close]abc.");
    NO_LEAKS();
}

Test(http_parser, reads_chunks)
{
    struct story story = read_text("PUT /c HTTP/1.1\r\nHost: h\r\ntransfer-encoding: Chunked\r\n"
                                   "Expect: 100-Continue\r\n\r\n3\r\nabc\r\n00b\r\nd 0123\r\n\r\nz\r\n0\r\n\r\n",
                                   1000);
    cr_assert_str_eq(story.text, "[PUT /c? chunked expects]abcd 0123\r\n\r\nz.");
    expect("PUT /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
           "[PUT /c? chunked]abc.");
    NO_LEAKS();
}

Test(http_parser, decodes_paths_and_leaves_queries)
{
    expect("GET /a%20b/%c3%bc%2e%41?%41 HTTP/1.1\r\nHost: h\r\n\r\n", "[GET /a b/ü.A?%41].");
    expect("GET /a/ HTTP/1.1\r\nHost: h\r\n\r\n", "[GET /a/?].");
    NO_LEAKS();
}

Test(http_parser, gives_fields_in_any_case_without_blanks_around)
{
    struct bg_http_parser parser;
    struct bg_error error;
    struct bg_span piece;
    unsigned http;
    static const char text[] = "GET / HTTP/1.1\r\nHost:h\r\nX-Some:  a b \t\r\nEmpty:\r\n\r\n";
    struct bg_span input = {(const uint8_t *)text, sizeof text - 1};
    bg_http_parser_init(&parser, 1000);
    cr_assert_not(bg_http_parser_inside(&parser));
    cr_assert_eq(bg_http_parser_next(&parser, &input, &piece, &http, &error), BG_HTTP_EVENT_HEAD);
    cr_assert(bg_http_parser_inside(&parser));
    struct bg_http_head *head = bg_http_parser_take_head(&parser);
    cr_assert_str_eq(bg_http_head_field(head, "x-SOME"), "a b");
    cr_assert_str_eq(bg_http_head_field(head, "host"), "h");
    cr_assert_str_eq(bg_http_head_field(head, "Empty"), "");
    cr_assert_null(bg_http_head_field(head, "X"));
    bg_http_head_destroy(&head);
    cr_assert_null(head);
    cr_assert_eq(bg_http_parser_next(&parser, &input, &piece, &http, &error), BG_HTTP_EVENT_END);
    cr_assert_not(bg_http_parser_inside(&parser));
    bg_http_parser_finish(&parser);
    NO_LEAKS();
}

Test(http_parser, an_empty_field_hides_nothing_after_it)
{
    expect("POST / HTTP/1.1\r\nHost: h\r\nEmpty:\r\nTransfer-Encoding: chunked\r\nX:  \r\n"
           "Expect: 100-continue\r\n\r\n1\r\na\r\n0\r\n\r\n",
           "[POST /? chunked expects]a.");
    NO_LEAKS();
}

Test(http_parser, knows_how_much_of_a_body_is_to_come)
{
    struct bg_http_parser parser;
    struct bg_error error;
    struct bg_span piece;
    unsigned http;
    static const char text[] = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabcd";
    struct bg_span input = {(const uint8_t *)text, sizeof text - 1};
    bg_http_parser_init(&parser, 1000);
    cr_assert_eq(bg_http_parser_remaining(&parser), 0);
    cr_assert_eq(bg_http_parser_next(&parser, &input, &piece, &http, &error), BG_HTTP_EVENT_HEAD);
    cr_assert_eq(bg_http_parser_remaining(&parser), 9);
    cr_assert_eq(bg_http_parser_next(&parser, &input, &piece, &http, &error), BG_HTTP_EVENT_BODY);
    cr_assert_eq(bg_http_parser_remaining(&parser), 5);
    cr_assert_eq(bg_http_parser_next(&parser, &input, &piece, &http, &error), BG_HTTP_EVENT_WANTS);
    bg_http_parser_finish(&parser);
    NO_LEAKS();
}

Test(http_parser, refuses_what_two_readers_could_read_differently)
{
    static const struct {
        const char *text;
        unsigned http;
        const char *sentence;
    } bad[] = {
        {"GET / HTTP/1.1\r\n\r\n", 400, "Host is missing"},
        {"GET / HTTP/1.1\r\nHost: a\r\nHOST: b\r\n\r\n", 400, "comes twice"},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400, ""},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, ""},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 400, ""},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 400, ""},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 1\r\n\r\n", 400, ""},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400, ""},
        {"GET / HTTP/1.1\nHost: a\n\n", 400, "CR LF"},
        {"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", 400, "CR LF"},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n\tb\r\n\r\n", 400, "second line"},
        {"GET / HTTP/1.1\r\nHost: \x80\r\n\r\n", 400, "printable ASCII"},
        {"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400, "name of a header field"},
        {"GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n", 400, "name of a header field"},
        {"GET / HTTP/1.1\r\nHost: a\r\nX(: b\r\n\r\n", 400, "name of a header field"},
        {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "begin with a method"},
        {"GET /../a HTTP/1.1\r\nHost: a\r\n\r\n", 400, "not a plain path"},
        {"GET /%2E/a HTTP/1.1\r\nHost: a\r\n\r\n", 400, "not a plain path"},
        {"GET /a%2Fb HTTP/1.1\r\nHost: a\r\n\r\n", 400, "not a plain path"},
        {"GET /a%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400, "not a plain path"},
        {"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "not a plain path"},
        {"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "not a plain path"},
        {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 405, "method"},
        {"GET / HTTP/1.0\r\nHost: a\r\n\r\n", 505, "HTTP/1.1"},
        {"POST / HTTP/1.1\r\nHost: a\r\nExpect: x\r\nContent-Length: 1\r\n\r\n", 417, "Expect"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_refusal(bad[i].text, bad[i].http, bad[i].sentence);
    NO_LEAKS();
}

Test(http_parser, refuses_a_nul_anywhere_in_a_head)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    char cut[sizeof text];
    for (size_t at = 0; at + 1 < sizeof text; at++) {
        memcpy(cut, text, sizeof text);
        cut[at] = 0;
        struct story story = read_bytes(cut, sizeof text - 1, sizeof text, 1000);
        cr_assert_str_eq(story.text, "!", "at %zu", at);
        cr_assert_eq(story.http, 400);
    }
    NO_LEAKS();
}

Test(http_parser, refuses_heads_beyond_their_limit)
{
    static const char text[] = "GET /abcdefghij HTTP/1.1\r\nHost: a\r\n\r\n";
    struct story story = read_bytes(text, sizeof text - 1, 1, sizeof text - 1);
    cr_assert_str_eq(story.text, "[GET /abcdefghij?].");
    story = read_bytes(text, sizeof text - 1, 1, sizeof text - 2);
    cr_assert_eq(story.http, 431);
    story = read_bytes(text, sizeof text - 1, 1, 20);
    cr_assert_eq(story.http, 414);
    NO_LEAKS();
}

Test(http_parser, refuses_more_fields_than_it_reads)
{
    for (int many = 0; many < 2; many++) {
        char text[2000] = "GET / HTTP/1.1\r\nHost: a\r\n";
        for (int i = 1; i < BG_HTTP_FIELD_LIMIT + many; i++)
            snprintf(text + strlen(text), sizeof text - strlen(text), "X%d: a\r\n", i);
        strcat(text, "\r\n");
        struct story story = read_bytes(text, strlen(text), sizeof text, sizeof text);
        cr_assert_str_eq(story.text, many ? "!" : "[GET /?].");
        cr_assert(!many || story.http == 431);
    }
    NO_LEAKS();
}

Test(http_parser, refuses_chunks_in_another_form)
{
    static const char *const bodies[] = {"\r\n", "g\r\n", "3;a\r\n", " 3\r\n", "3\n", "3\r\nabcd\r\n",
                                         "3\r\nabc\n", "1234567890123456\r\n", "0\r\nX: a\r\n\r\n", "0\r\n\n"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        char text[200];
        snprintf(text, sizeof text, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%s", bodies[i]);
        struct story story = read_text(text, sizeof text);
        cr_assert_eq(story.text[strlen(story.text) - 1], '!', "%s", bodies[i]);
        cr_assert_eq(story.http, 400);
    }
    NO_LEAKS();
}

Test(http_parser, says_no_more_after_a_refusal)
{
    struct bg_http_parser parser;
    struct bg_error error;
    struct bg_span piece, input = {(const uint8_t *)"nonsense", 8};
    unsigned http;
    bg_http_parser_init(&parser, 1000);
    cr_assert_eq(bg_http_parser_next(&parser, &input, &piece, &http, &error), BG_HTTP_EVENT_REFUSED);
    input = (struct bg_span){(const uint8_t *)"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27};
    cr_assert_eq(bg_http_parser_next(&parser, &input, &piece, &http, &error), BG_HTTP_EVENT_REFUSED);
    bg_http_parser_finish(&parser);
    NO_LEAKS();
}
