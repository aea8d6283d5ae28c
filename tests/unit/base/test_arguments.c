/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arguments.h"

#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(arguments);

static bool quiet;
static const char *out;
static const char *also_words[32];
static struct bg_words also = {also_words, 0};
static const struct bg_flag flags[] = {{"--quiet", .on = &quiet},
                                       {"--out", .value = &out},
                                       {"--also", .words = &also},
                                       {"--set", .setting = ""},
                                       {"--data", .setting = "data.dir="},
                                       {"--test", .setting = "run.test=true"}};

/* Of a line whose words are separated by one blank each. */
static enum bg_status parse(const char *line, struct bg_error *error, struct bg_arguments *ret_arguments)
{
    static char text[256];
    static char *argv[32];
    int argc = 0;
    snprintf(text, sizeof text, "program %s", line);
    for (char *rest = text, *word; (word = strsep(&rest, " "));)
        if (*word)
            argv[argc++] = word;
    argv[argc] = NULL;
    return bg_arguments_parse(argc, argv, flags, sizeof flags / sizeof *flags, error, ret_arguments);
}

static void refuse(const char *line, const char *said)
{
    struct bg_error error;
    struct bg_arguments arguments = {0};
    cr_assert_eq(parse(line, &error, &arguments), BG_INVALID, "%s", line);
    cr_assert_not_null(strstr(error.text, said), "%s: %s", line, error.text);
    cr_assert_null(arguments.words);
}

Test(arguments, tells_words_from_flags)
{
    struct bg_error error;
    struct bg_arguments arguments;
    cr_assert_eq(parse("fold --quiet root --out here - update", &error, &arguments), BG_OK);
    cr_assert(quiet);
    cr_assert_str_eq(out, "here");
    cr_assert_eq(arguments.word_count, 4);
    cr_assert_str_eq(arguments.words[0], "fold");
    cr_assert_str_eq(arguments.words[2], "-");
    cr_assert_str_eq(arguments.words[3], "update");
    cr_assert_null(arguments.words[4]);
    cr_assert_eq(arguments.setting_count, 0);
    bg_arguments_finish(&arguments);
    NO_LEAKS();
}

Test(arguments, gathers_settings_in_order)
{
    struct bg_error error;
    struct bg_arguments arguments;
    cr_assert_eq(parse("--data a --set run.seed=1 --test --set --test", &error, &arguments), BG_OK);
    static const char *const expected[] = {"data.dir=a", "run.seed=1", "run.test=true", "--test"};
    cr_assert_eq(arguments.setting_count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < arguments.setting_count; i++)
        cr_assert_str_eq(arguments.settings[i], expected[i]);
    cr_assert_eq(arguments.word_count, 0);
    bg_arguments_finish(&arguments);
    NO_LEAKS();
}

Test(arguments, gathers_words_of_a_repeated_flag_in_order)
{
    struct bg_error error;
    struct bg_arguments arguments;
    cr_assert_eq(parse("--also b x --also --quiet --also a=1", &error, &arguments), BG_OK);
    cr_assert_eq(also.count, 3);
    cr_assert_str_eq(also.at[0], "b");
    cr_assert_str_eq(also.at[1], "--quiet");
    cr_assert_str_eq(also.at[2], "a=1");
    cr_assert_not(quiet);
    cr_assert_eq(arguments.word_count, 1);
    bg_arguments_finish(&arguments);
    refuse("--also", "--also needs a value");
    NO_LEAKS();
}

Test(arguments, takes_flags_for_words_behind_two_dashes)
{
    struct bg_error error;
    struct bg_arguments arguments;
    cr_assert_eq(parse("-- --quiet -- -x", &error, &arguments), BG_OK);
    cr_assert_not(quiet);
    cr_assert_eq(arguments.word_count, 3);
    cr_assert_str_eq(arguments.words[0], "--quiet");
    cr_assert_str_eq(arguments.words[1], "--");
    bg_arguments_finish(&arguments);
    NO_LEAKS();
}

Test(arguments, refuses_what_it_does_not_know)
{
    refuse("fold --colour", "--colour: no such option");
    refuse("--data a -x", "-x: no such option");
    refuse("--out", "--out needs a value");
    refuse("fold --test --set", "--set needs a value");
    refuse("--data", "--data needs a value");
    NO_LEAKS();
}

Test(arguments, takes_nothing_at_all)
{
    struct bg_error error;
    struct bg_arguments arguments;
    cr_assert_eq(parse("", &error, &arguments), BG_OK);
    cr_assert_eq(arguments.word_count + arguments.setting_count, 0);
    bg_arguments_finish(&arguments);
    bg_arguments_finish(&arguments);
    char *nothing[] = {NULL};
    cr_assert_eq(bg_arguments_parse(0, nothing, flags, 1, &error, &arguments), BG_OK);
    bg_arguments_finish(&arguments);
    NO_LEAKS();
}
