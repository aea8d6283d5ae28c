/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <criterion/criterion.h>

TestSuite(error);

Test(error, keeps_status_and_sentence)
{
    struct bg_error error;
    cr_assert_eq(bg_fail(&error, BG_DATA, "%s:%d: no column %s", "flows.csv", 3, "Label"), BG_DATA);
    cr_assert_eq(error.status, BG_DATA);
    cr_assert_str_eq(error.text, "flows.csv:3: no column Label");
}

Test(error, null_drops_the_sentence)
{
    cr_assert_eq(bg_fail(NULL, BG_IO, "x"), BG_IO);
    cr_assert_eq(bg_fail_in(NULL, BG_IO, "x"), BG_IO);
}

Test(error, arguments_may_point_into_the_error)
{
    struct bg_error error;
    (void)bg_fail(&error, BG_IO, "disk full");
    (void)bg_fail(&error, BG_DATA, "%s, then %s", error.text, error.text);
    cr_assert_str_eq(error.text, "disk full, then disk full");
    cr_assert_eq(bg_fail_in(&error, BG_CONFIG, "after \"%s\"", error.text), BG_CONFIG);
    cr_assert_str_eq(error.text, "after \"disk full, then disk full\": disk full, then disk full");
    cr_assert_eq(error.status, BG_CONFIG);
}

Test(error, contexts_nest_outwards)
{
    struct bg_error error;
    (void)bg_fail(&error, BG_NOT_FINITE, "tensor w1 has a NaN");
    (void)bg_fail_in(&error, BG_NOT_FINITE, "client %d", 7);
    (void)bg_fail_in(&error, BG_NOT_FINITE, "round %d", 2);
    cr_assert_str_eq(error.text, "round 2: client 7: tensor w1 has a NaN");
}

Test(error, long_sentences_are_cut_and_terminated)
{
    struct bg_error error;
    char text[2 * sizeof error.text];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    (void)bg_fail(&error, BG_DATA, "%s", text);
    cr_assert_eq(strlen(error.text), sizeof error.text - 1);
    for (int i = 0; i < 3; i++) {
        (void)bg_fail_in(&error, BG_DATA, "file %d", i);
        cr_assert_eq(strlen(error.text), sizeof error.text - 1);
    }
    cr_assert_eq(strncmp(error.text, "file 2: file 1: file 0: aaa", 27), 0);
    for (size_t size = sizeof error.text - 5; size < sizeof error.text + 2; size++) {
        (void)bg_fail(&error, BG_DATA, "inner");
        (void)bg_fail_in(&error, BG_DATA, "%.*s", (int)size, text);
        cr_assert_lt(strlen(error.text), sizeof error.text);
    }
}

Test(error, what_it_quotes_cannot_steer_a_terminal)
{
    struct bg_error error;
    (void)bg_fail(&error, BG_DATA, "label \"%s\"", "a\x1b[2Jb\nc\x7f\xc2\x9b\xff \xc3\xa9");
    cr_assert_str_eq(error.text, "label \"a?[2Jb?c???? \xc3\xa9\"");
    (void)bg_fail_in(&error, BG_DATA, "file \t");
    cr_assert_str_eq(error.text, "file ?: label \"a?[2Jb?c???? \xc3\xa9\"");
}

Test(error, a_character_that_is_cut_in_two_goes)
{
    struct bg_error error;
    char text[sizeof error.text + 1];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    memcpy(text + sizeof error.text - 2, "\xc3\xa9", 2);
    (void)bg_fail(&error, BG_DATA, "%s", text);
    cr_assert_eq(error.text[sizeof error.text - 2], '?');
    cr_assert_eq(strlen(error.text), sizeof error.text - 1);
}
