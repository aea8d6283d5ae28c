/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which coordinates are voted on in a round, where not all are. Every coordinate has a fixed phase on a circle of
 * 2^32; a round votes on those whose phase lies in its window, an arc of the circle. Windows of consecutive rounds
 * follow each other around the circle, so that every coordinate has its turn once per revolution. Integers only: the
 * same coordinates on every machine.
 */
#pragma once

#include "base/layout.h"

/* All zero: the whole circle. Every pair of values is a window. */
struct bg_window {
    uint32_t first; /* phase where the window begins */
    uint32_t rest;  /* length of the arc that is left out: the window has the 2^32 − rest phases from `first` on */
};

/* Upper half of output `coordinate` (from 0) of splitmix64 seeded with 0. A function that nobody chooses: there is no
 * seed with which to bring certain coordinates together. */
static inline uint32_t bg_window_phase(size_t coordinate)
{
    uint64_t z = ((uint64_t)coordinate + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ z >> 31) >> 32);
}

static inline bool bg_window_has(const struct bg_window *window, size_t coordinate)
{
    return window->rest == 0 || bg_window_phase(coordinate) - window->first <= UINT32_MAX - window->rest;
}

/* Bit i % 64 of ret_words[i / 64]: whether it has coordinate first + i; bits from `count` on are zero. */
void bg_window_words(const struct bg_window *window, size_t first, size_t count, uint64_t *ret_words);
/* Of round `number` (from 0) when a share of the coordinates, above 0 and at most 1, is voted on per round. */
struct bg_window bg_window_of_round(double share, uint64_t number);
/* Part of the circle that it has: above 0, 1 for all. */
double bg_window_share(const struct bg_window *window);
/* How many coordinates of the tensor it has. */
size_t bg_window_count(const struct bg_window *window, const struct bg_tensor *tensor);
