/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <criterion/criterion.h>
#include <unistd.h>

TestSuite(log);

static int reading_end;

static void catch_stderr(void)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    reading_end = ends[0];
    cr_assert_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    close(ends[1]);
}

static const char *caught(void)
{
    static char text[8192];
    ssize_t size = read(reading_end, text, sizeof text - 1);
    cr_assert_geq(size, 0);
    text[size] = '\0';
    return text;
}

Test(log, a_line_is_logfmt, .init = catch_stderr)
{
    bg_log(BG_LOG_INFO, "round closed", "round=%u used=%u", 12u, 9u);
    cr_assert_str_eq(caught(), "level=info msg=\"round closed\" round=12 used=9\n");
    bg_log(BG_LOG_ERROR, "stop", "");
    cr_assert_str_eq(caught(), "level=error msg=\"stop\"\n");
}

Test(log, errors_are_quoted_with_their_status, .init = catch_stderr)
{
    struct bg_error error;
    (void)bg_fail(&error, BG_IO, "a \"b\": cannot read");
    bg_log_error(BG_LOG_WARN, "refused", &error);
    cr_assert_str_eq(caught(), "level=warn msg=\"refused\" status=IO error=\"a \\\"b\\\": cannot read\"\n");
}

Test(log, levels_above_the_highest_are_silent, .init = catch_stderr)
{
    bg_log(BG_LOG_DEBUG, "hidden", "");
    bg_log_set_level(BG_LOG_DEBUG);
    bg_log(BG_LOG_DEBUG, "shown", "");
    bg_log_set_level(BG_LOG_ERROR);
    bg_log(BG_LOG_WARN, "hidden", "");
    bg_log(BG_LOG_ERROR, "shown", "");
    cr_assert_str_eq(caught(), "level=debug msg=\"shown\"\nlevel=error msg=\"shown\"\n");
}

Test(log, nothing_can_forge_a_line, .init = catch_stderr)
{
    bg_log(BG_LOG_WARN, "a\nlevel=info \"b\"", "name=%s", "x\ny\x1b[2J");
    cr_assert_str_eq(caught(), "level=warn msg=\"a\\x0alevel=info \\\"b\\\"\" name=x?y?[2J\n");
}

Test(log, long_lines_are_cut, .init = catch_stderr)
{
    char text[9000];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    bg_log(BG_LOG_INFO, text, "value=%s", text);
    const char *line = caught();
    cr_assert_leq(strlen(line), 4096);
    cr_assert_eq(line[strlen(line) - 1], '\n');
    cr_assert_not_null(strstr(line, "aaa\" value=aaa"));
}

Test(log, quotes_escape)
{
    char quoted[64];
    cr_assert_str_eq(bg_log_quote("", quoted, sizeof quoted), "\"\"");
    cr_assert_str_eq(bg_log_quote("a b", quoted, sizeof quoted), "\"a b\"");
    cr_assert_str_eq(bg_log_quote("\"\\", quoted, sizeof quoted), "\"\\\"\\\\\"");
    cr_assert_str_eq(bg_log_quote("\t\x7f\xff", quoted, sizeof quoted), "\"\\x09\\x7f\\xff\"");
    cr_assert_str_eq(bg_log_quote("é\xc2\x85", quoted, sizeof quoted), "\"é\\xc2\\x85\"");
}

Test(log, quotes_are_cut_between_characters)
{
    char quoted[64];
    cr_assert_str_eq(bg_log_quote("abc", quoted, 3), "\"\"");
    cr_assert_str_eq(bg_log_quote("abc", quoted, 5), "\"ab\"");
    cr_assert_str_eq(bg_log_quote("aéb", quoted, 5), "\"a\"");
    cr_assert_str_eq(bg_log_quote("aéb", quoted, 6), "\"aé\"");
    cr_assert_str_eq(bg_log_quote("a\n", quoted, 7), "\"a\"");
    cr_assert_str_eq(bg_log_quote("a\n", quoted, 8), "\"a\\x0a\"");
}
