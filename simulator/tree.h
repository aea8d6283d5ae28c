/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which aggregator serves whom: levels of edges between the cells and the root. Edges are numbered level by level from
 * the root downwards; the cells are dealt to the edges of the lowest level. Pure: no roles, no time.
 */
#pragma once

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define BG_TREE_LEVELS 4
#define BG_TREE_WIDTH 4096 /* edges of one level */
#define BG_TREE_ROOT SIZE_MAX

struct bg_tree {
    size_t levels; /* 0: no edges */
    size_t counts[BG_TREE_LEVELS];
    size_t edges;  /* of all levels */
};

/* "": no edges; "4": four below the root; "2-8": two below the root, and eight below these. BG_CONFIG with a sentence
 * for anything else, and where a level has fewer edges than the one above. */
BG_MUST_CHECK enum bg_status bg_tree_parse(const char *text, struct bg_error *error, struct bg_tree *ret_tree);

/* 0 below the root. */
size_t bg_tree_level(const struct bg_tree *tree, size_t edge);
/* BG_TREE_ROOT, or the edge above: those of a level are dealt to the one above in turn. */
size_t bg_tree_parent(const struct bg_tree *tree, size_t edge);
/* The edge that serves each of `cells` cells, BG_TREE_ROOT without edges: in turn, after a shuffle by `seed` unless
 * that is 0. BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_tree_deal(const struct bg_tree *tree, size_t cells, uint64_t seed,
                                          size_t *ret_edges);
/* Where the clients of a lowest edge turn after `moves` failures of their aggregator: itself, the sibling after it,
 * the root, and so on. */
size_t bg_tree_turn(const struct bg_tree *tree, size_t edge, uint64_t moves);
