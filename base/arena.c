/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include "base/checked.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64
#define CHUNK_BYTES ((size_t)64 * 1024)

struct bg_arena_chunk {
    struct bg_arena_chunk *next;
    size_t size; /* payload bytes */
    size_t used;
    alignas(ALIGNMENT) uint8_t payload[];
};

void bg_arena_init(struct bg_arena *arena, size_t cap)
{
    *arena = (struct bg_arena){.cap = cap};
}

void bg_arena_finish(struct bg_arena *arena)
{
    while (arena->chunks) {
        struct bg_arena_chunk *next = arena->chunks->next;
        free(arena->chunks);
        arena->chunks = next;
    }
    arena->used = 0;
}

static struct bg_arena_chunk *chunk_create(size_t least)
{
    size_t size = least > CHUNK_BYTES / 4 ? least : CHUNK_BYTES;
    size_t total;
    if (!bg_size_add(size, sizeof(struct bg_arena_chunk), &total) ||
        !bg_size_round_up(total, ALIGNMENT, &total))
        return NULL;
    struct bg_arena_chunk *chunk = aligned_alloc(ALIGNMENT, total);
    if (chunk)
        *chunk = (struct bg_arena_chunk){.size = size};
    return chunk;
}

void *bg_arena_alloc(struct bg_arena *arena, size_t count, size_t size)
{
    size_t bytes, used;
    if (!bg_size_multiply(count, size, &bytes) || !bg_size_round_up(bytes ? bytes : 1, ALIGNMENT, &bytes) ||
        !bg_size_add(arena->used, bytes, &used) || used > arena->cap)
        return NULL;
    struct bg_arena_chunk *head = arena->chunks;
    if (!head || head->size - head->used < bytes) {
        struct bg_arena_chunk *chunk = chunk_create(bytes);
        if (!chunk)
            return NULL;
        /* A chunk made for one large request goes behind the head, whose free space stays in use. */
        if (head && bytes > CHUNK_BYTES / 4) {
            chunk->next = head->next;
            head->next = chunk;
        } else {
            chunk->next = head;
            arena->chunks = chunk;
        }
        head = chunk;
    }
    void *start = head->payload + head->used;
    head->used += bytes;
    arena->used = used;
    memset(start, 0, bytes);
    return start;
}

char *bg_arena_text(struct bg_arena *arena, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = bg_arena_alloc(arena, size, 1);
    if (copy)
        memcpy(copy, text, size);
    return copy;
}
