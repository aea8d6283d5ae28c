/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "tests/unit/no_leaks.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

TestSuite(json);

static enum bg_status parse_bytes(const char *text, size_t size, struct bg_error *error, struct bg_json **ret_root)
{
    uint8_t *exact = malloc(size ? size : 1);
    memcpy(exact, text, size);
    enum bg_status status = bg_json_parse((struct bg_span){exact, size}, "doc", error, ret_root);
    free(exact);
    return status;
}

static struct bg_json *parse(const char *text)
{
    struct bg_json *root = NULL;
    struct bg_error error = {.text = ""};
    cr_assert_eq(parse_bytes(text, strlen(text), &error, &root), BG_OK, "%s: %s", text, error.text);
    return root;
}

static void refused_bytes(const char *text, size_t size, const char *expected)
{
    struct bg_json *root = NULL;
    struct bg_error error;
    cr_assert_eq(parse_bytes(text, size, &error, &root), BG_DECODE, "%s", text);
    cr_assert_eq(strncmp(error.text, expected, strlen(expected)), 0, "\"%s\" gives \"%s\"", text, error.text);
    cr_assert_eq(error.status, BG_DECODE);
    cr_assert_null(root);
}

static void refused(const char *text, const char *expected)
{
    refused_bytes(text, strlen(text), expected);
}

Test(json, reads_every_type)
{
    struct bg_json *root = parse(" {\"b\": true, \"n\": -1.5e3, \"s\": \"x\", \"a\": [null, false], \"o\": {}}\r\n");
    static const enum bg_json_type types[] = {BG_JSON_BOOL, BG_JSON_NUMBER, BG_JSON_STRING, BG_JSON_ARRAY,
                                              BG_JSON_OBJECT};
    static const char *const keys[] = {"b", "n", "s", "a", "o"};
    cr_assert_eq(bg_json_type(root), BG_JSON_OBJECT);
    cr_assert_eq(bg_json_count(root), 5);
    const struct bg_json *member = bg_json_at(root, 0);
    for (size_t i = 0; i < 5; i++, member = bg_json_next(member)) {
        cr_assert_eq(member, bg_json_at(root, i));
        cr_assert_eq(bg_json_type(member), types[i]);
        cr_assert_str_eq(bg_json_key(member), keys[i]);
        cr_assert_eq(bg_json_get(root, keys[i]), member);
    }
    cr_assert_null(member);
    cr_assert(bg_json_bool(bg_json_get(root, "b")));
    cr_assert_eq(bg_json_number(bg_json_get(root, "n")), -1500);
    cr_assert_str_eq(bg_json_number_text(bg_json_get(root, "n")), "-1.5e3");
    cr_assert_str_eq(bg_json_string(bg_json_get(root, "s")), "x");
    const struct bg_json *array = bg_json_get(root, "a");
    cr_assert_eq(bg_json_type(bg_json_at(array, 0)), BG_JSON_NULL);
    cr_assert_not(bg_json_bool(bg_json_at(array, 1)));
    cr_assert_null(bg_json_at(array, 2));
    cr_assert_null(bg_json_key(bg_json_at(array, 0)));
    cr_assert_null(bg_json_key(root));
    cr_assert_null(bg_json_get(array, "b"));
    cr_assert_null(bg_json_get(root, "B"), "keys are case-sensitive");
    cr_assert_eq(bg_json_count(bg_json_get(root, "o")), 0);
    bg_json_destroy(&root);
    cr_assert_null(root);
    bg_json_destroy(&root);
    NO_LEAKS();
}

Test(json, values_know_their_lines)
{
    struct bg_json *root = parse("\n{\"a\": 1,\n \"b\": {\n  \"c\":\n   \"x\\ny\", \"d\": [1,\n 2]\n }, \"e\": null}");
    const struct bg_json *b = bg_json_get(root, "b");
    cr_assert_eq(bg_json_line(root), 2);
    cr_assert_eq(bg_json_line(bg_json_get(root, "a")), 2);
    cr_assert_eq(bg_json_line(b), 3);
    cr_assert_eq(bg_json_line(bg_json_get(b, "c")), 5);
    cr_assert_eq(bg_json_line(bg_json_at(bg_json_get(b, "d"), 0)), 5);
    cr_assert_eq(bg_json_line(bg_json_at(bg_json_get(b, "d"), 1)), 6);
    cr_assert_eq(bg_json_line(bg_json_get(root, "e")), 7);
    bg_json_destroy(&root);
    NO_LEAKS();
}

Test(json, refuses_bad_grammar)
{
    refused("", "doc:1:1: expected a value");
    refused("  \n ", "doc:2:2: expected a value");
    refused("{\"a\": 1,}", "doc:1:9: comma without a member");
    refused("[1, 2,\n]", "doc:2:1: comma without a member");
    refused("[1 2]", "doc:1:4: expected ',' or ']'");
    refused("{\"a\" 1}", "doc:1:6: expected ':'");
    refused("{a: 1}", "doc:1:2: expected a key");
    refused("{'a': 1}", "doc:1:2: expected a key");
    refused("{\"a\": 1", "doc:1:8: expected ',' or '}'");
    refused("[", "doc:1:2: expected a value");
    refused("{}\n{}", "doc:2:1: bytes after the end");
    refused("1 x", "doc:1:3: bytes after the end");
    refused("// c\n1", "doc:1:1: expected a value");
    refused("True", "doc:1:1: expected a value");
    refused("nul", "doc:1:1: expected a value");
    refused("[\f1]", "doc:1:2: expected a value");
    refused_bytes("{}\0", 3, "doc:1:3: bytes after the end");
    refused("\xef\xbb\xbf{}", "doc:1:1: the file begins with a byte order mark");
}

Test(json, refuses_numbers_that_are_not_json)
{
    static const char *const wrong[] = {"NaN", "Infinity", "-Infinity", "+1", ".5", "0x10", "-", "- 1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        refused(wrong[i], "doc:1:");
    refused("[1.]", "doc:1:4: expected a digit");
    refused("[1e]", "doc:1:4: expected a digit");
    refused("[1e+]", "doc:1:5: expected a digit");
    refused("[01]", "doc:1:3: expected ',' or ']'");
    refused("[\n1e309]", "doc:2:1: number too large");
    refused("-1e999", "doc:1:1: number too large");
    refused("1111111111111111111111111111111111111111111111111111111111111", "doc:1:62: number with too many digits");
}

Test(json, refuses_bad_strings)
{
    refused("\"abc", "doc:1:5: the text ends inside a string");
    refused("\"a\nb\"", "doc:1:3: control character");
    refused("\"a\tb\"", "doc:1:3: control character");
    refused_bytes("\"a\0b\"", 5, "doc:1:3: control character");
    refused("\"\\x41\"", "doc:1:3: unknown escape");
    refused("\"\\", "doc:1:3: unknown escape");
    refused_bytes("\"\\\0\"", 4, "doc:1:3: unknown escape");
    refused("\"\\u12g4\"", "doc:1:6: \\u needs four hex digits");
    refused("\"\\u12", "doc:1:6: \\u needs four hex digits");
    refused("\"\\u0000\"", "doc:1:8: a string may not hold NUL");
    refused("\"\\ud83d\"", "doc:1:8: half of a surrogate pair");
    refused("\"\\udea9\"", "doc:1:8: half of a surrogate pair");
    refused("\"\\ud83d\\u0041\"", "doc:1:14: half of a surrogate pair");
    refused("\"\xff\"", "doc:1:2: not UTF-8");
    refused("\"\xc0\xaf\"", "doc:1:2: not UTF-8");
    refused("\"\xed\xa0\x80\"", "doc:1:2: not UTF-8");
    refused("{\"\xc3\": 1}", "doc:1:3: not UTF-8");
}

Test(json, refuses_repeated_keys)
{
    refused("{\"a\": 1,\n  \"b\": 2, \"a\": 3}", "doc:2:11: this key appears twice in its object: a");
    refused("{\"x\": {\"a\": 1, \"\\u0061\": 3}}", "doc:1:16: this key appears twice");
    refused("{\"a\": 1, \"b\": 1, \"b\": 1, \"a\": 1}", "doc:1:18: this key appears twice");
    refused("{\"\": 1, \"\": 1}", "doc:1:9: this key appears twice");
    struct bg_json *root = parse("{\"a\": {\"a\": 1}, \"A\": [{\"a\": 1}, {\"a\": 1}]}");
    bg_json_destroy(&root);
    NO_LEAKS();
}

Test(json, nests_32_levels_and_no_more)
{
    char text[80] = "";
    for (int i = 0; i < 32; i++)
        text[i] = '[';
    for (int i = 32; i < 64; i++)
        text[i] = ']';
    struct bg_json *root = parse(text);
    bg_json_destroy(&root);
    memset(text, '[', 33);
    memset(text + 33, ']', 33);
    refused(text, "doc:1:33: nested deeper than 32 levels");
    char *deep = malloc(1000000);
    memset(deep, '[', 1000000);
    refused_bytes(deep, 1000000, "doc:1:33: nested deeper");
    free(deep);
    NO_LEAKS();
}

Test(json, every_truncation_is_refused)
{
    static const char text[] = "{\"a\": [1.5e-3, true, {\"b\": \"\\u00e9\\n\\ud83d\\udea9\"}], \"c\": null}";
    struct bg_json *root;
    for (size_t size = 0; size < sizeof text - 1; size++)
        cr_assert_eq(parse_bytes(text, size, NULL, &root), BG_DECODE, "%zu bytes", size);
    root = parse(text);
    cr_assert_str_eq(bg_json_string(bg_json_get(bg_json_at(bg_json_get(root, "a"), 2), "b")), "é\n\xf0\x9f\x9a\xa9");
    bg_json_destroy(&root);
    NO_LEAKS();
}

Test(json, many_keys_take_little_time)
{
    struct bg_json *root = bg_json_object();
    char key[16];
    for (int i = 0; i < 20000; i++) {
        snprintf(key, sizeof key, "k%d", i * 7919 % 20000);
        bg_json_add_u64(root, key, (uint64_t)i);
    }
    char *text = bg_json_print(root, false);
    bg_json_destroy(&root);
    root = parse(text);
    uint64_t total = 0;
    for (const struct bg_json *m = bg_json_at(root, 0); m; m = bg_json_next(m))
        total += (uint64_t)bg_json_number(m);
    cr_assert_eq(total, 20000u * 19999u / 2);
    free(text);
    bg_json_destroy(&root);
    NO_LEAKS();
}

static struct bg_json *build(void)
{
    struct bg_json *root = bg_json_object();
    bg_json_add_string(root, "text", "a \"quote\",\ta tab: é");
    bg_json_add_u64(root, "seed", UINT64_MAX);
    bg_json_add_number(root, "rate", 0.1);
    bg_json_add_number(root, "nan", NAN);
    bg_json_add_bool(root, "on", true);
    struct bg_json *array = bg_json_add_array(root, "list");
    bg_json_add_null(array, NULL);
    bg_json_add_u64(bg_json_add_object(array, NULL), "x", 1);
    bg_json_add_array(array, NULL);
    return root;
}

Test(json, writes_digests_in_hex)
{
    struct bg_json *root = bg_json_object();
    bg_json_add_digest(root, "id", &(struct bg_digest){{0x0a, 0xff}});
    char *text = bg_json_print(root, false);
    cr_assert_str_eq(text, "{\"id\":\"0aff000000000000000000000000000000000000000000000000000000000000\"}");
    free(text);
    bg_json_destroy(&root);
    NO_LEAKS();
}

Test(json, prints_on_one_line)
{
    struct bg_json *root = build();
    char *text = bg_json_print(root, false);
    cr_assert_str_eq(text, "{\"text\":\"a \\\"quote\\\",\\ta tab: é\",\"seed\":18446744073709551615,\"rate\":0.1,"
                           "\"nan\":null,\"on\":true,\"list\":[null,{\"x\":1},[]]}");
    cr_assert_eq(bg_json_line(root), 0);
    free(text);
    bg_json_destroy(&root);
    NO_LEAKS();
}

Test(json, prints_indented_by_two_spaces)
{
    struct bg_json *root = bg_json_object();
    bg_json_add_u64(bg_json_add_object(root, "a:"), "b\t", 1);
    bg_json_add_bool(root, "c", false);
    char *text = bg_json_print(root, true);
    cr_assert_str_eq(text, "{\n  \"a:\": {\n    \"b\\t\": 1\n  },\n  \"c\": false\n}");
    free(text);
    bg_json_destroy(&root);
    NO_LEAKS();
}

Test(json, what_is_printed_reads_back)
{
    struct bg_json *root = build();
    for (int indented = 0; indented < 2; indented++) {
        char *text = bg_json_print(root, indented);
        struct bg_json *again = parse(text);
        cr_assert_str_eq(bg_json_string(bg_json_get(again, "text")), "a \"quote\",\ta tab: é");
        cr_assert_str_eq(bg_json_number_text(bg_json_get(again, "seed")), "18446744073709551615");
        cr_assert_eq(bg_json_number(bg_json_get(again, "rate")), 0.1);
        char *twice = bg_json_print(again, indented);
        cr_assert_str_eq(twice, text);
        free(twice);
        free(text);
        bg_json_destroy(&again);
    }
    bg_json_destroy(&root);
    NO_LEAKS();
}

Test(json, added_strings_become_utf8)
{
    struct bg_json *root = bg_json_array();
    struct bg_json *value = bg_json_add_string(root, NULL, "a\xff\xc3(é\xe2\x82");
    cr_assert_str_eq(bg_json_string(value), "a?" "?(é?" "?");
    bg_json_destroy(&root);
    NO_LEAKS();
}

Test(json, a_chain_that_broke_prints_nothing)
{
    cr_assert_null(bg_json_add_u64(NULL, "a", 1));
    cr_assert_null(bg_json_add_object(bg_json_add_array(NULL, "a"), NULL));
    cr_assert_null(bg_json_print(NULL, true));
    NO_LEAKS();
}

Test(json, a_copy_outlives_what_it_was_made_of)
{
    struct bg_json *original = build(), *root = bg_json_object();
    char *text = bg_json_print(original, false);
    cr_assert_not_null(bg_json_add_copy(root, "copy", original));
    bg_json_destroy(&original);
    char *copied = bg_json_print(root, false);
    cr_assert_eq(strncmp(copied, "{\"copy\":", 8), 0);
    cr_assert_eq(strncmp(copied + 8, text, strlen(text)), 0);
    cr_assert_null(bg_json_add_copy(root, "nothing", NULL));
    cr_assert_null(bg_json_print(root, false));
    free(text);
    free(copied);
    bg_json_destroy(&root);
    NO_LEAKS();
}

Test(json, loads_files_within_a_limit)
{
    char path[] = "/tmp/burgee-test-json-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_eq(write(fd, "{\"a\": 1, }", 10), 10);
    close(fd);
    struct bg_json *root = NULL;
    struct bg_error error;
    cr_assert_eq(bg_json_load(path, 9, &error, &root), BG_TOO_LARGE);
    cr_assert_eq(bg_json_load(path, 10, &error, &root), BG_DECODE);
    cr_assert_eq(strncmp(error.text, path, strlen(path)), 0);
    cr_assert_not_null(strstr(error.text, ":1:10: comma"));
    unlink(path);
    cr_assert_eq(bg_json_load(path, 10, &error, &root), BG_NOT_FOUND);
    cr_assert_null(root);
    NO_LEAKS();
}

Test(json, other_bytes_become_question_marks_and_what_was_added_last_can_go)
{
    struct bg_json *object = bg_json_object();
    bg_json_add_string(object, "caf\xe9", "a\x96" "b");
    bg_json_add_u64(object, "x", 1);
    bg_json_drop_last(object);
    char *text = bg_json_print(object, false);
    cr_assert_str_eq(text, "{\"caf?\":\"a?b\"}");
    free(text);
    bg_json_drop_last(object);
    cr_assert_eq(bg_json_count(object), 0);
    bg_json_destroy(&object);
    NO_LEAKS();
}
