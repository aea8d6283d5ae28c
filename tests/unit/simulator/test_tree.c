/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/tree.h"

#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <string.h>

static struct bg_tree parsed(const char *text)
{
    struct bg_tree tree;
    struct bg_error error = {.text = ""};
    cr_assert_eq(bg_tree_parse(text, &error, &tree), BG_OK, "%s", error.text);
    return tree;
}

Test(tree, of_no_levels_sends_everybody_to_the_root)
{
    struct bg_tree tree = parsed("");
    size_t homes[3];
    cr_assert_eq(tree.levels, 0);
    cr_assert_eq(tree.edges, 0);
    cr_assert_eq(bg_tree_deal(&tree, 3, 7, homes), BG_OK);
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(homes[i], BG_TREE_ROOT);
    NO_LEAKS();
}

Test(tree, has_levels_from_the_root_downwards)
{
    struct bg_tree tree = parsed("2-3-7");
    static const size_t parents[12] = {BG_TREE_ROOT, BG_TREE_ROOT, 0, 1, 0, 2, 3, 4, 2, 3, 4, 2};
    static const size_t levels[12] = {0, 0, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2};
    cr_assert_eq(tree.levels, 3);
    cr_assert_eq(tree.edges, 12);
    for (size_t i = 0; i < 12; i++) {
        cr_assert_eq(bg_tree_parent(&tree, i), parents[i], "edge %zu", i);
        cr_assert_eq(bg_tree_level(&tree, i), levels[i], "edge %zu", i);
    }
}

Test(tree, deals_cells_evenly_to_the_lowest_level_in_any_order)
{
    struct bg_tree tree = parsed("1-4");
    size_t plain[8], shuffled[8], other[8], count[5] = {0};
    cr_assert_eq(bg_tree_deal(&tree, 8, 0, plain), BG_OK);
    cr_assert_eq(bg_tree_deal(&tree, 8, 1, shuffled), BG_OK);
    cr_assert_eq(bg_tree_deal(&tree, 8, 2, other), BG_OK);
    for (size_t i = 0; i < 8; i++) {
        cr_assert_eq(plain[i], 1 + i % 4);
        cr_assert(shuffled[i] >= 1 && shuffled[i] <= 4);
        count[shuffled[i]]++;
    }
    for (size_t i = 1; i <= 4; i++)
        cr_assert_eq(count[i], 2);
    cr_assert_neq(memcmp(plain, shuffled, sizeof plain), 0);
    cr_assert_neq(memcmp(other, shuffled, sizeof plain), 0);
    NO_LEAKS();
}

Test(tree, turns_to_a_sibling_then_to_the_root_then_home)
{
    struct bg_tree tree = parsed("1-2"), one = parsed("1");
    static const size_t turns[6] = {2, 1, BG_TREE_ROOT, 2, 1, BG_TREE_ROOT};
    for (size_t i = 0; i < 6; i++)
        cr_assert_eq(bg_tree_turn(&tree, 2, i), turns[i], "move %zu", i);
    cr_assert_eq(bg_tree_turn(&one, 0, 1), BG_TREE_ROOT, "there is no sibling");
    cr_assert_eq(bg_tree_turn(&one, 0, 2), 0);
}

Test(tree, refuses_what_is_no_tree_and_says_why)
{
    static const char *const texts[] = {"0", "x", "4-", "-4", "4--8", "8-4", "4097", "1-1-1-1-1", "4,8", "99999999"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct bg_tree tree;
        struct bg_error error = {.text = ""};
        cr_assert_eq(bg_tree_parse(texts[i], &error, &tree), BG_CONFIG, "%s", texts[i]);
        cr_assert(strstr(error.text, "tree.edges") && strstr(error.text, texts[i]), "%s", error.text);
    }
}
