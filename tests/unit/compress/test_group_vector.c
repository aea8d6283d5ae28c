/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/group_vector.h"

#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <string.h>

Test(group_vector, turns_counts_into_votes)
{
    struct bg_group_vector vector;
    cr_assert_eq(bg_group_vector_init(&vector, (const uint16_t[]){0, 1, 2, 3}, 4, 3, NULL), BG_OK);
    cr_assert_arr_eq(vector.votes, ((const int16_t[]){-3, -1, 1, 3}), 4 * sizeof(int16_t));
    cr_assert_eq(vector.members, 3);
    bg_group_vector_finish(&vector);
    cr_assert_eq(bg_group_vector_init(&vector, (const uint16_t[]){0, 32767}, 2, 32767, NULL), BG_OK);
    cr_assert_eq(vector.votes[0], -32767);
    cr_assert_eq(vector.votes[1], 32767);
    bg_group_vector_finish(&vector);
    NO_LEAKS();
}

Test(group_vector, refuses_more_votes_than_members)
{
    struct bg_group_vector vector;
    struct bg_error error;
    cr_assert_eq(bg_group_vector_init(&vector, (const uint16_t[]){3, 4, 3}, 3, 3, &error), BG_OUT_OF_RANGE);
    cr_assert_not_null(strstr(error.text, "position 1"), "%s", error.text);
    cr_assert_eq(bg_group_vector_init(&vector, (const uint16_t[]){UINT16_MAX}, 1, 3, &error),
                 BG_OUT_OF_RANGE);
    cr_assert_eq(bg_group_vector_init(&vector, NULL, 0, 0, &error), BG_INVALID);
    cr_assert_eq(bg_group_vector_init(&vector, NULL, 0, 32768, &error), BG_INVALID);
    NO_LEAKS();
}
