/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks the grammar of a JSON text (RFC 8259, UTF-8 only) without building it, and records where each value
 * stands, in document order: a container comes before its members.
 */
#pragma once

#include "base/span.h"

#define BG_JSON_MAX_DEPTH 32
#define BG_JSON_MAX_NUMBER_BYTES 60

struct bg_json_mark {
    size_t key;   /* offset of the member's key; of the value itself if it has none */
    size_t begin; /* offset of the value */
    size_t size;  /* its bytes */
    int line;     /* of `begin`, from 1 */
};

struct bg_json_scan {
    struct bg_json_mark *marks;
    size_t count;
    size_t capacity;
    size_t reterr_offset; /* where and why the text was refused */
    const char *reterr_reason;
};

/* Gives scan->marks (free() it, also after a failure). BG_DECODE or BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_json_scan(struct bg_span text, struct bg_json_scan *scan);
/* Line and column (in bytes), both from 1, of an offset. */
void bg_json_place(struct bg_span text, size_t offset, int *ret_line, int *ret_column);
