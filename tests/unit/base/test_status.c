/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"

#include <criterion/criterion.h>

TestSuite(status);

static const enum bg_status all[] = {
    BG_OK,
#define X(name, value, http, exit, text) BG_##name,
    BG_STATUS_MAP(X)
#undef X
};
#define COUNT (sizeof all / sizeof *all)

Test(status, values_and_names_are_unique)
{
    for (size_t i = 0; i < COUNT; i++)
        for (size_t j = i + 1; j < COUNT; j++) {
            cr_assert_neq(all[i], all[j], "%s and %s", bg_status_name(all[i]), bg_status_name(all[j]));
            cr_assert_str_neq(bg_status_name(all[i]), bg_status_name(all[j]));
            cr_assert_str_neq(bg_status_text(all[i]), bg_status_text(all[j]));
        }
}

Test(status, failures_are_negative_with_codes_in_range)
{
    for (size_t i = 1; i < COUNT; i++) {
        cr_assert_lt(all[i], 0);
        cr_assert(bg_status_http(all[i]) >= 400 && bg_status_http(all[i]) <= 599, "%s", bg_status_name(all[i]));
        cr_assert(bg_status_exit_code(all[i]) >= 64 && bg_status_exit_code(all[i]) <= 78, "%s",
                  bg_status_name(all[i]));
    }
    cr_assert_eq(bg_status_http(BG_OK), 200);
    cr_assert_eq(bg_status_exit_code(BG_OK), 0);
}

Test(status, texts_are_one_clause)
{
    for (size_t i = 0; i < COUNT; i++) {
        const char *text = bg_status_text(all[i]);
        cr_assert_gt(strlen(text), 0);
        cr_assert_null(strchr(text, '\n'));
        cr_assert_neq(text[strlen(text) - 1], '.');
        cr_assert(text[0] < 'A' || text[0] > 'Z' || text[1] < 'a' || text[1] > 'z' || text[2] < 'a', "%s", text);
    }
}

Test(status, names_match_the_identifiers)
{
    cr_assert_str_eq(bg_status_name(BG_OK), "OK");
    cr_assert_str_eq(bg_status_name(BG_STALE_PLAN), "STALE_PLAN");
}

Test(status, values_outside_the_list_are_unknown)
{
    cr_assert_str_eq(bg_status_name((enum bg_status)-9999), "UNKNOWN");
    cr_assert_eq(bg_status_http((enum bg_status)-9999), 500);
    cr_assert_neq(bg_status_exit_code((enum bg_status)-9999), 0);
    cr_assert_gt(strlen(bg_status_text((enum bg_status)-9999)), 0);
}
