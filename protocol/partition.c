/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/partition.h"

#include "base/checked.h"
#include "crypto/digest.h"

#include <stdlib.h>
#include <string.h>

static int compare_entries(const void *a, const void *b)
{
    const struct bg_roster_entry *x = a;
    const struct bg_roster_entry *y = b;
    return bg_digest_compare(&x->client, &y->client);
}

enum bg_status bg_roster_sort(struct bg_roster_entry *entries, size_t count, struct bg_error *error)
{
    if (count > 0)
        qsort(entries, count, sizeof *entries, compare_entries);
    for (size_t i = 1; i < count; i++) {
        if (compare_entries(&entries[i - 1], &entries[i]) == 0) {
            char hex[2 * BG_DIGEST_BYTES + 1];
            bg_digest_to_hex(&entries[i].client, hex);
            return bg_fail(error, BG_DUPLICATE, "roster: client %s appears twice", hex);
        }
    }
    return BG_OK;
}

const struct bg_roster_entry *bg_roster_find(const struct bg_roster *roster, const struct bg_digest *client)
{
    struct bg_roster_entry key = {.client = *client};
    return roster->count ? bsearch(&key, roster->entries, roster->count, sizeof key, compare_entries) : NULL;
}

struct bg_digest bg_roster_digest(const struct bg_roster *roster)
{
    struct bg_sha256_state state;
    struct bg_digest digest;
    bg_sha256_init(&state);
    for (size_t i = 0; i < roster->count; i++) {
        const struct bg_roster_entry *entry = &roster->entries[i];
        bg_sha256_update(&state, (struct bg_span){entry->client.bytes, BG_DIGEST_BYTES});
        bg_sha256_update(&state, (struct bg_span){(const uint8_t *)entry->cell.label, BG_CELL_BYTES});
    }
    bg_sha256_finish(&state, &digest);
    return digest;
}

struct bg_digest bg_beacon(const struct bg_digest *roster, const struct bg_digest *root_nonce,
                           const struct bg_digest *keyholder_nonce)
{
    static const char label[] = "burgee beacon";
    struct bg_sha256_state state;
    struct bg_digest beacon;
    bg_sha256_init(&state);
    bg_sha256_update(&state, (struct bg_span){(const uint8_t *)label, sizeof label});
    bg_sha256_update(&state, (struct bg_span){roster->bytes, BG_DIGEST_BYTES});
    bg_sha256_update(&state, (struct bg_span){root_nonce->bytes, BG_DIGEST_BYTES});
    bg_sha256_update(&state, (struct bg_span){keyholder_nonce->bytes, BG_DIGEST_BYTES});
    bg_sha256_finish(&state, &beacon);
    return beacon;
}

/* A client with its place in the shuffled order of its cell. */
struct placed {
    struct bg_cell cell;
    struct bg_digest rank; /* SHA-256(beacon ‖ client id) */
    struct bg_digest client;
};

static int compare_placed(const void *a, const void *b)
{
    const struct placed *x = a;
    const struct placed *y = b;
    int order = memcmp(x->cell.label, y->cell.label, BG_CELL_BYTES);
    return order ? order : bg_digest_compare(&x->rank, &y->rank);
}

static struct placed *place_clients(const struct bg_roster *roster, const struct bg_digest *beacon,
                                    struct bg_arena *arena)
{
    struct placed *placed = BG_ARENA_ARRAY(arena, struct placed, roster->count);
    if (!placed)
        return NULL;
    for (size_t i = 0; i < roster->count; i++) {
        struct bg_sha256_state state;
        placed[i].cell = roster->entries[i].cell;
        placed[i].client = roster->entries[i].client;
        bg_sha256_init(&state);
        bg_sha256_update(&state, (struct bg_span){beacon->bytes, BG_DIGEST_BYTES});
        bg_sha256_update(&state, (struct bg_span){placed[i].client.bytes, BG_DIGEST_BYTES});
        bg_sha256_finish(&state, &placed[i].rank);
    }
    qsort(placed, roster->count, sizeof *placed, compare_placed);
    return placed;
}

/* G of a cell of n clients; 0 if it is too small for any group. */
static size_t group_count(size_t n, uint32_t k, uint32_t k_min)
{
    if (n < k_min)
        return 0;
    size_t groups = bg_divide_up(n, k);
    while (n / groups < k_min)
        groups--;
    return groups;
}

static size_t cell_end(const struct placed *placed, size_t begin, size_t count)
{
    size_t end = begin + 1;
    while (end < count && memcmp(placed[end].cell.label, placed[begin].cell.label, BG_CELL_BYTES) == 0)
        end++;
    return end;
}

/* Cuts one cell into groups whose sizes differ by at most one, the larger ones first. */
static void cut_cell(const struct placed *placed, size_t n, size_t groups, struct bg_digest *members,
                     struct bg_group *ret_groups, uint32_t *group_most)
{
    size_t next = 0;
    for (size_t g = 0; g < groups; g++) {
        uint32_t size = (uint32_t)(n / groups + (g < n % groups));
        ret_groups[g] = (struct bg_group){.cell = placed->cell, .member_count = size, .members = members + next};
        for (uint32_t m = 0; m < size; m++, next++)
            members[next] = placed[next].client;
        if (size > *group_most)
            *group_most = size;
    }
}

enum bg_status bg_partition(const struct bg_roster *roster, const struct bg_digest *beacon, uint64_t epoch,
                            uint32_t k, uint32_t k_min, struct bg_arena *arena, struct bg_error *error,
                            struct bg_groups *ret_groups, uint32_t *ret_group_most)
{
    if (k_min < 1 || k_min > k || k > BG_MAX_GROUP_MEMBERS / 2)
        return bg_fail(error, BG_INVALID, "groups of %u with at least %u: give 1 <= k_min <= k <= %u", k, k_min,
                       BG_MAX_GROUP_MEMBERS / 2);
    if (roster->count == 0)
        return bg_fail(error, BG_TOO_FEW, "the roster is empty: enrol clients first");
    struct placed *placed = place_clients(roster, beacon, arena);
    struct bg_digest *members = BG_ARENA_ARRAY(arena, struct bg_digest, roster->count);
    struct bg_group *groups = BG_ARENA_ARRAY(arena, struct bg_group, roster->count);
    if (!placed || !members || !groups)
        return bg_fail(error, BG_NO_MEMORY, "groups of %zu clients: out of memory", roster->count);
    size_t count = 0;
    uint32_t most = 0;
    for (size_t begin = 0, end; begin < roster->count; begin = end) {
        end = cell_end(placed, begin, roster->count);
        size_t cell_groups = group_count(end - begin, k, k_min);
        if (cell_groups)
            cut_cell(placed + begin, end - begin, cell_groups, members + begin, groups + count, &most);
        count += cell_groups;
    }
    if (count == 0)
        return bg_fail(error, BG_TOO_FEW, "no cell has the %u clients that a group needs: enrol more", k_min);
    *ret_groups = (struct bg_groups){.epoch = epoch,
                                     .roster = bg_roster_digest(roster),
                                     .beacon = *beacon,
                                     .count = count,
                                     .groups = groups};
    *ret_group_most = most;
    return BG_OK;
}

bool bg_groups_find(const struct bg_groups *groups, const struct bg_digest *client, uint32_t *ret_group,
                    uint32_t *ret_member)
{
    for (size_t g = 0; g < groups->count; g++) {
        for (uint32_t m = 0; m < groups->groups[g].member_count; m++) {
            if (bg_digest_equal(&groups->groups[g].members[m], client)) {
                *ret_group = (uint32_t)g;
                *ret_member = m;
                return true;
            }
        }
    }
    return false;
}
