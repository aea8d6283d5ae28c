/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/tree.h"

#include "base/number.h"
#include "base/prng.h"

#include <stdlib.h>
#include <string.h>

static enum bg_status refuse(const char *text, const char *why, struct bg_error *error)
{
    return bg_fail(error, BG_CONFIG, "tree.edges=%s: %s", text, why);
}

enum bg_status bg_tree_parse(const char *text, struct bg_error *error, struct bg_tree *ret_tree)
{
    struct bg_tree tree = {0};
    for (const char *at = text; *at; at += *at == '-') {
        char number[8];
        uint64_t count;
        size_t size = strcspn(at, "-");
        if (tree.levels == BG_TREE_LEVELS)
            return refuse(text, "at most 4 levels", error);
        if (size >= sizeof number || (at[size] == '-' && !at[size + 1]))
            return refuse(text, "give edges per level from the root downwards, as in 2-8", error);
        memcpy(number, at, size);
        number[size] = '\0';
        if (bg_parse_u64(number, 1, BG_TREE_WIDTH, &count) != BG_OK)
            return refuse(text, "give edges per level from the root downwards, each 1 to 4096, as in 2-8", error);
        if (tree.levels && count < tree.counts[tree.levels - 1])
            return refuse(text, "a level has fewer edges than the one above it", error);
        tree.counts[tree.levels++] = (size_t)count;
        tree.edges += (size_t)count;
        at += size;
    }
    *ret_tree = tree;
    return BG_OK;
}

/* The first edge of a level. */
static size_t first_of(const struct bg_tree *tree, size_t level)
{
    size_t first = 0;
    for (size_t l = 0; l < level; l++)
        first += tree->counts[l];
    return first;
}

size_t bg_tree_level(const struct bg_tree *tree, size_t edge)
{
    size_t level = 0;
    while (edge >= first_of(tree, level + 1))
        level++;
    return level;
}

size_t bg_tree_parent(const struct bg_tree *tree, size_t edge)
{
    size_t level = bg_tree_level(tree, edge);
    if (level == 0)
        return BG_TREE_ROOT;
    return first_of(tree, level - 1) + (edge - first_of(tree, level)) % tree->counts[level - 1];
}

enum bg_status bg_tree_deal(const struct bg_tree *tree, size_t cells, uint64_t seed, size_t *ret_edges)
{
    struct bg_prng prng;
    uint32_t *order = malloc((cells ? cells : 1) * sizeof *order);
    if (!order)
        return BG_NO_MEMORY;
    for (size_t i = 0; i < cells; i++)
        order[i] = (uint32_t)i;
    bg_prng_init_stream(&prng, seed, "cells", 0);
    if (seed)
        bg_prng_shuffle(&prng, order, cells);
    for (size_t i = 0; i < cells; i++)
        ret_edges[order[i]] = tree->levels ? first_of(tree, tree->levels - 1) + i % tree->counts[tree->levels - 1]
                                           : BG_TREE_ROOT;
    free(order);
    return BG_OK;
}

size_t bg_tree_turn(const struct bg_tree *tree, size_t edge, uint64_t moves)
{
    size_t first = first_of(tree, tree->levels - 1), count = tree->counts[tree->levels - 1];
    uint64_t turn = moves % (count > 1 ? 3 : 2);
    if (turn == 0)
        return edge;
    return turn == 1 && count > 1 ? first + (edge - first + 1) % count : BG_TREE_ROOT;
}
