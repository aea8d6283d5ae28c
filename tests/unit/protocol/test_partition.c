/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/partition.h"

#include "crypto/digest.h"
#include "tests/unit/crypto/hex.h"
#include "tests/unit/no_leaks.h"
#include "tests/vectors/partition_vectors.h"

#include <stdio.h>

#define MOST_CLIENTS 60

static struct bg_digest client_id(int i)
{
    char text[24];
    struct bg_digest id;
    snprintf(text, sizeof text, "client %d", i);
    bg_sha256(of_text(text), &id);
    return id;
}

static struct bg_digest digest_of(const char *text)
{
    struct bg_digest digest;
    bg_sha256(of_text(text), &digest);
    return digest;
}

/* The first `count` clients, all in one cell, or every third in "north" and the others in "south". */
static struct bg_roster make_roster(struct bg_roster_entry *entries, int count, bool two_cells)
{
    for (int i = 0; i < count; i++) {
        entries[i] = (struct bg_roster_entry){.client = client_id(i)};
        strcpy(entries[i].cell.label, two_cells && i % 3 == 0 ? "north" : "south");
    }
    cr_assert_eq(bg_roster_sort(entries, (size_t)count, NULL), BG_OK);
    return (struct bg_roster){entries, (size_t)count};
}

static size_t groups_that_hold(const struct bg_groups *groups, const struct bg_digest *client)
{
    size_t found = 0;
    for (size_t g = 0; g < groups->count; g++)
        for (uint32_t m = 0; m < groups->groups[g].member_count; m++)
            found += bg_digest_equal(&groups->groups[g].members[m], client);
    return found;
}

static void check_one_cell(const struct bg_roster *roster, const struct bg_groups *groups, uint32_t k, uint32_t k_min,
                           uint32_t most)
{
    uint32_t least = UINT32_MAX, largest = 0;
    for (size_t g = 0; g < groups->count; g++) {
        uint32_t size = groups->groups[g].member_count;
        least = size < least ? size : least;
        largest = size > largest ? size : largest;
    }
    cr_assert_leq(largest - least, 1u);
    cr_assert_geq(least, k_min);
    cr_assert_eq(largest, most);
    cr_assert_lt(largest, 2 * k);
    cr_assert(groups->count == (roster->count + k - 1) / k || roster->count / (groups->count + 1) < k_min,
              "no fewer groups than k_min asks for");
    for (size_t i = 0; i < roster->count; i++)
        cr_assert_eq(groups_that_hold(groups, &roster->entries[i].client), 1);
}

Test(partition, every_client_is_in_one_group_of_a_good_size)
{
    struct bg_roster_entry entries[MOST_CLIENTS];
    struct bg_digest beacon = {{3}};
    struct bg_arena arena;
    bg_arena_init(&arena, SIZE_MAX);
    for (int n = 1; n <= MOST_CLIENTS; n++) {
        struct bg_roster roster = make_roster(entries, n, false);
        for (uint32_t k = 1; k <= 9; k++) {
            for (uint32_t k_min = 1; k_min <= k; k_min++) {
                struct bg_groups groups;
                uint32_t most;
                enum bg_status status = bg_partition(&roster, &beacon, 5, k, k_min, &arena, NULL, &groups, &most);
                cr_assert_eq(status, (uint32_t)n < k_min ? BG_TOO_FEW : BG_OK, "N=%d k=%u k_min=%u", n, k, k_min);
                if (status == BG_OK)
                    check_one_cell(&roster, &groups, k, k_min, most);
                bg_arena_finish(&arena);
            }
        }
    }
    NO_LEAKS();
}

Test(partition, is_as_computed_elsewhere)
{
    struct bg_roster_entry entries[VECTOR_CLIENTS];
    struct bg_roster roster = make_roster(entries, VECTOR_CLIENTS, true);
    struct bg_digest roster_digest = bg_roster_digest(&roster);
    struct bg_digest root = digest_of("root nonce"), key_holder = digest_of("key-holder nonce");
    struct bg_digest beacon = bg_beacon(&roster_digest, &root, &key_holder);
    struct bg_groups groups;
    struct bg_arena arena;
    uint32_t most;
    expect_hex(roster_digest.bytes, VECTOR_ROSTER);
    expect_hex(beacon.bytes, VECTOR_BEACON);
    bg_arena_init(&arena, SIZE_MAX);
    cr_assert_eq(bg_partition(&roster, &beacon, 9, 4, 3, &arena, NULL, &groups, &most), BG_OK);
    cr_assert_eq(groups.count, VECTOR_GROUPS);
    cr_assert_eq(groups.epoch, 9);
    cr_assert_eq(most, 4);
    cr_assert(bg_digest_equal(&groups.roster, &roster_digest));
    cr_assert(bg_digest_equal(&groups.beacon, &beacon));
    for (uint32_t g = 0; g < VECTOR_GROUPS; g++) {
        const struct bg_group *group = &groups.groups[g];
        uint32_t members = 0;
        for (; vector_groups[g][members] >= 0; members++) {
            uint32_t found_group, found_member;
            struct bg_digest id = client_id(vector_groups[g][members]);
            cr_assert(bg_groups_find(&groups, &id, &found_group, &found_member));
            cr_assert_eq(found_group, g);
            cr_assert_eq(found_member, members);
        }
        cr_assert_eq(group->member_count, members);
        cr_assert_str_eq(group->cell.label, g < 2 ? "north" : "south");
    }
    bg_arena_finish(&arena);
    NO_LEAKS();
}

Test(partition, cells_do_not_mix_and_a_small_one_gets_no_group)
{
    struct bg_roster_entry entries[7];
    struct bg_roster roster = make_roster(entries, 7, true);
    struct bg_digest beacon = {{1}}, northern = client_id(3);
    struct bg_groups groups;
    struct bg_arena arena;
    uint32_t most, group, member;
    bg_arena_init(&arena, SIZE_MAX);
    cr_assert_eq(bg_partition(&roster, &beacon, 1, 4, 4, &arena, NULL, &groups, &most), BG_OK);
    cr_assert_eq(groups.count, 1);
    cr_assert_str_eq(groups.groups[0].cell.label, "south");
    cr_assert_not(bg_groups_find(&groups, &northern, &group, &member));
    bg_arena_finish(&arena);
    cr_assert_eq(bg_partition(&roster, &beacon, 1, 4, 3, &arena, NULL, &groups, &most), BG_OK);
    cr_assert_eq(groups.count, 2);
    cr_assert_str_eq(groups.groups[0].cell.label, "north");
    bg_arena_finish(&arena);
    NO_LEAKS();
}

static bool same_groups(const struct bg_groups *a, const struct bg_groups *b)
{
    if (a->count != b->count)
        return false;
    for (size_t g = 0; g < a->count; g++) {
        if (a->groups[g].member_count != b->groups[g].member_count)
            return false;
        for (uint32_t m = 0; m < a->groups[g].member_count; m++)
            if (!bg_digest_equal(&a->groups[g].members[m], &b->groups[g].members[m]))
                return false;
    }
    return true;
}

Test(partition, follows_from_roster_and_beacon_alone)
{
    struct bg_roster_entry entries[24];
    struct bg_roster roster = make_roster(entries, 24, true);
    struct bg_digest beacon = {{1}}, other = {{2}};
    struct bg_groups first, again, changed;
    struct bg_arena arena;
    uint32_t most;
    bg_arena_init(&arena, SIZE_MAX);
    cr_assert_eq(bg_partition(&roster, &beacon, 1, 4, 3, &arena, NULL, &first, &most), BG_OK);
    cr_assert_eq(bg_partition(&roster, &beacon, 2, 4, 3, &arena, NULL, &again, &most), BG_OK);
    cr_assert_eq(bg_partition(&roster, &other, 1, 4, 3, &arena, NULL, &changed, &most), BG_OK);
    cr_assert(same_groups(&first, &again));
    cr_assert_not(same_groups(&first, &changed));
    bg_arena_finish(&arena);
}

Test(partition, every_part_of_the_beacon_counts)
{
    struct bg_digest a = {{1}}, b = {{2}}, c = {{3}};
    struct bg_digest beacon = bg_beacon(&a, &b, &c), swapped = bg_beacon(&a, &c, &b), other = bg_beacon(&b, &b, &c);
    cr_assert_not(bg_digest_equal(&beacon, &swapped));
    cr_assert_not(bg_digest_equal(&beacon, &other));
}

Test(partition, refuses_sizes_that_make_no_sense)
{
    static const struct {
        uint32_t k, k_min;
    } sizes[] = {{4, 0}, {3, 4}, {0, 0}, {33, 3}, {UINT32_MAX, 1}};
    struct bg_roster_entry entries[4];
    struct bg_roster roster = make_roster(entries, 4, false);
    struct bg_digest beacon = {{1}};
    struct bg_arena arena;
    struct bg_groups groups;
    struct bg_error error;
    uint32_t most;
    bg_arena_init(&arena, SIZE_MAX);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        cr_assert_eq(bg_partition(&roster, &beacon, 1, sizes[i].k, sizes[i].k_min, &arena, &error, &groups, &most),
                     BG_INVALID);
        cr_assert_not_null(strstr(error.text, "k_min"), "%s", error.text);
    }
    roster.count = 0;
    cr_assert_eq(bg_partition(&roster, &beacon, 1, 4, 3, &arena, &error, &groups, &most), BG_TOO_FEW);
    bg_arena_finish(&arena);
}

Test(partition, runs_out_of_memory_cleanly)
{
    struct bg_roster_entry entries[MOST_CLIENTS];
    struct bg_roster roster = make_roster(entries, MOST_CLIENTS, false);
    struct bg_digest beacon = {{1}};
    struct bg_arena arena;
    struct bg_groups groups;
    uint32_t most;
    for (size_t cap = 0; cap < 8192; cap += 1024) {
        bg_arena_init(&arena, cap);
        cr_assert_eq(bg_partition(&roster, &beacon, 1, 4, 3, &arena, NULL, &groups, &most), BG_NO_MEMORY);
        bg_arena_finish(&arena);
    }
    NO_LEAKS();
}

Test(partition, a_roster_is_sorted_and_searched_by_client)
{
    struct bg_roster_entry entries[20];
    struct bg_roster roster = make_roster(entries, 20, true);
    for (int i = 0; i < 20; i++) {
        struct bg_digest id = client_id(i);
        const struct bg_roster_entry *entry = bg_roster_find(&roster, &id);
        cr_assert_not_null(entry);
        cr_assert(bg_digest_equal(&entry->client, &id));
        cr_assert_str_eq(entry->cell.label, i % 3 == 0 ? "north" : "south");
    }
    struct bg_digest stranger = client_id(20);
    cr_assert_null(bg_roster_find(&roster, &stranger));
    roster.count = 0;
    cr_assert_null(bg_roster_find(&roster, &stranger));
}

Test(partition, a_roster_names_a_client_that_appears_twice)
{
    struct bg_roster_entry entries[5];
    struct bg_error error;
    char hex[2 * BG_DIGEST_BYTES + 1];
    for (int i = 0; i < 5; i++)
        entries[i] = (struct bg_roster_entry){.client = client_id(i % 4)};
    cr_assert_eq(bg_roster_sort(entries, 5, &error), BG_DUPLICATE);
    struct bg_digest twice = client_id(0);
    bg_digest_to_hex(&twice, hex);
    cr_assert_not_null(strstr(error.text, hex), "%s", error.text);
    cr_assert_eq(bg_roster_sort(NULL, 0, &error), BG_OK);
}

Test(partition, the_rosters_digest_depends_on_clients_and_cells)
{
    struct bg_roster_entry entries[6];
    struct bg_roster roster = make_roster(entries, 6, true);
    struct bg_digest first = bg_roster_digest(&roster);
    strcpy(entries[2].cell.label, "west");
    struct bg_digest moved = bg_roster_digest(&roster);
    cr_assert_not(bg_digest_equal(&first, &moved));
    roster = make_roster(entries, 6, true);
    memset(entries[2].public_key, 5, sizeof entries[2].public_key);
    struct bg_digest same = bg_roster_digest(&roster);
    cr_assert(bg_digest_equal(&first, &same), "the id is the digest of the key already");
    roster = make_roster(entries, 5, true);
    struct bg_digest fewer = bg_roster_digest(&roster);
    cr_assert_not(bg_digest_equal(&first, &fewer));
}
