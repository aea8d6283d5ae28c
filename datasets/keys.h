/* SPDX-License-Identifier: Apache-2.0 */
/* Where each row comes from (user, host, day, source): a text per row, kept apart from the features, each distinct text
 * once. */
#pragma once

#include "base/arena.h"
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct bg_row_keys {
    const char *name;    /* "user" */
    uint32_t *rows;      /* (count) index of each row's text */
    size_t count;
    size_t capacity;
    const char **values; /* (value_count) distinct texts in the order in which they came */
    uint32_t value_count;
    size_t value_capacity;
    uint32_t *slots; /* value + 1 by hash; 0 is free */
    size_t mask;
    struct bg_arena memory;
};

/* Copies name. BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_row_keys_init(struct bg_row_keys *keys, const char *name);
void bg_row_keys_finish(struct bg_row_keys *keys);
/* The text of the next row; a NUL byte ends it. BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_row_keys_push(struct bg_row_keys *keys, const char *text, size_t size);
