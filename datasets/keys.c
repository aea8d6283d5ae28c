/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/keys.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS ((size_t)64)
#define FIRST_ROWS ((size_t)1024)

enum bg_status bg_row_keys_init(struct bg_row_keys *keys, const char *name)
{
    *keys = (struct bg_row_keys){.mask = FIRST_SLOTS - 1};
    bg_arena_init(&keys->memory, SIZE_MAX);
    keys->name = bg_arena_text(&keys->memory, name);
    keys->slots = calloc(FIRST_SLOTS, sizeof *keys->slots);
    if (keys->name && keys->slots)
        return BG_OK;
    bg_row_keys_finish(keys);
    return BG_NO_MEMORY;
}

void bg_row_keys_finish(struct bg_row_keys *keys)
{
    free(keys->rows);
    free(keys->values);
    free(keys->slots);
    bg_arena_finish(&keys->memory);
    *keys = (struct bg_row_keys){0};
}

/* Only the speed of a look-up depends on it. */
static size_t first_slot(const struct bg_row_keys *keys, const char *text, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
    return (size_t)(hash ^ hash >> 32) & keys->mask;
}

/* The slot of a text, or the free one where it belongs. */
static size_t find(const struct bg_row_keys *keys, const char *text, size_t size)
{
    size_t at = first_slot(keys, text, size);
    for (; keys->slots[at]; at = (at + 1) & keys->mask) {
        const char *value = keys->values[keys->slots[at] - 1];
        if (strncmp(value, text, size) == 0 && value[size] == '\0')
            break;
    }
    return at;
}

static bool widen(struct bg_row_keys *keys)
{
    size_t slots = (keys->mask + 1) * 2;
    uint32_t *wider = calloc(slots, sizeof *wider);
    if (!wider)
        return false;
    free(keys->slots);
    keys->slots = wider;
    keys->mask = slots - 1;
    for (uint32_t i = 0; i < keys->value_count; i++)
        keys->slots[find(keys, keys->values[i], strlen(keys->values[i]))] = i + 1;
    return true;
}

static bool add_value(struct bg_row_keys *keys, const char *text, size_t size, size_t slot)
{
    if (keys->value_count == keys->value_capacity) {
        size_t capacity = keys->value_capacity ? keys->value_capacity * 2 : 16;
        const char **values = reallocarray(keys->values, capacity, sizeof *values);
        if (!values)
            return false;
        keys->values = values;
        keys->value_capacity = capacity;
    }
    char *copy = bg_arena_alloc(&keys->memory, size + 1, 1);
    if (!copy)
        return false;
    memcpy(copy, text, size);
    keys->values[keys->value_count++] = copy;
    keys->slots[slot] = keys->value_count;
    return keys->value_count * (size_t)2 <= keys->mask || widen(keys);
}

enum bg_status bg_row_keys_push(struct bg_row_keys *keys, const char *text, size_t size)
{
    size = strnlen(text, size);
    if (keys->count == keys->capacity) {
        size_t capacity = keys->capacity ? keys->capacity + keys->capacity / 2 : FIRST_ROWS;
        uint32_t *rows = reallocarray(keys->rows, capacity, sizeof *rows);
        if (!rows)
            return BG_NO_MEMORY;
        keys->rows = rows;
        keys->capacity = capacity;
    }
    size_t slot = find(keys, text, size);
    uint32_t value = keys->slots[slot] ? keys->slots[slot] - 1 : keys->value_count;
    if (value == keys->value_count && !add_value(keys, text, size, slot))
        return BG_NO_MEMORY;
    keys->rows[keys->count++] = value;
    return BG_OK;
}
