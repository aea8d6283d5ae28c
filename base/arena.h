/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory with one lifetime: allocations are freed together. An arena has a hard cap; past it allocations give
 * NULL, which callers turn into BG_NO_MEMORY. Not thread-safe.
 */
#pragma once

#include <stddef.h>

struct bg_arena_chunk;

struct bg_arena {
    struct bg_arena_chunk *chunks;
    size_t used; /* bytes given out, with alignment */
    size_t cap;
};

/* cap in bytes; SIZE_MAX for none. Allocates nothing. */
void bg_arena_init(struct bg_arena *arena, size_t cap);
/* Frees everything; the arena can be used again. */
void bg_arena_finish(struct bg_arena *arena);
/* count × size zeroed bytes, aligned for any type (64 bytes); NULL if over the cap, on overflow, or out of
 * memory. count × size = 0 gives a valid pointer. */
void *bg_arena_alloc(struct bg_arena *arena, size_t count, size_t size);
/* Copies text with its NUL. */
char *bg_arena_text(struct bg_arena *arena, const char *text);

#define BG_ARENA_ARRAY(arena, type, count) ((type *)bg_arena_alloc((arena), (count), sizeof(type)))
