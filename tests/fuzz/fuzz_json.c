/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON documents. What parses prints, in both forms, to a text that parses to an equal value and prints the same again;
 * blanks and escapes may differ from the input.
 */
#include "base/json.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void require_equal(const struct bg_json *a, const struct bg_json *b)
{
    enum bg_json_type type = bg_json_type(a);
    FUZZ_REQUIRE(type == bg_json_type(b), "%s became %s", bg_json_type_name(type), bg_json_type_name(bg_json_type(b)));
    FUZZ_REQUIRE(!bg_json_key(a) == !bg_json_key(b), "a key is gone");
    if (bg_json_key(a))
        FUZZ_REQUIRE(strcmp(bg_json_key(a), bg_json_key(b)) == 0, "%s became %s", bg_json_key(a), bg_json_key(b));
    if (type == BG_JSON_BOOL)
        FUZZ_REQUIRE(bg_json_bool(a) == bg_json_bool(b), "true became false");
    else if (type == BG_JSON_STRING)
        FUZZ_REQUIRE(strcmp(bg_json_string(a), bg_json_string(b)) == 0, "%s became %s", bg_json_string(a),
                     bg_json_string(b));
    else if (type == BG_JSON_NUMBER)
        FUZZ_REQUIRE(strcmp(bg_json_number_text(a), bg_json_number_text(b)) == 0 &&
                         memcmp(&(double){bg_json_number(a)}, &(double){bg_json_number(b)}, sizeof(double)) == 0,
                     "%s became %s", bg_json_number_text(a), bg_json_number_text(b));
    if (type != BG_JSON_ARRAY && type != BG_JSON_OBJECT)
        return;
    FUZZ_REQUIRE(bg_json_count(a) == bg_json_count(b), "another number of children");
    const struct bg_json *x = bg_json_at(a, 0), *y = bg_json_at(b, 0);
    for (; x && y; x = bg_json_next(x), y = bg_json_next(y))
        require_equal(x, y);
    FUZZ_REQUIRE(!x && !y, "children are gone");
}

static enum bg_status check_printed(const struct bg_json *root, bool indented)
{
    struct bg_json *again = NULL;
    struct bg_error error;
    char *text = bg_json_print(root, indented), *twice = NULL;
    if (!text)
        return BG_NO_MEMORY;
    enum bg_status status = bg_json_parse((struct bg_span){(uint8_t *)text, strlen(text)}, "again", &error, &again);
    FUZZ_REQUIRE(status == BG_OK || status == BG_NO_MEMORY, "%s: %s", error.text, text);
    if (status == BG_OK) {
        require_equal(root, again);
        twice = bg_json_print(again, indented);
        status = twice ? BG_OK : BG_NO_MEMORY;
    }
    if (status == BG_OK)
        FUZZ_REQUIRE(strcmp(text, twice) == 0, "%s, then %s", text, twice);
    bg_json_destroy(&again);
    free(twice);
    free(text);
    return status;
}

static enum bg_status check(struct bg_span input)
{
    struct bg_json *root = NULL;
    struct bg_error error;
    enum bg_status status = bg_json_parse(input, "input", &error, &root);
    if (status != BG_OK)
        return fuzz_refused(status, &error);
    status = check_printed(root, true);
    if (status == BG_OK)
        status = check_printed(root, false);
    bg_json_destroy(&root);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(check, data, size);
}
