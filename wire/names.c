/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/names.h"

#include "wire/limits.h"

#include <stdlib.h>
#include <string.h>

#define NAME_LEAST_BYTES (2 + 1)

/* Bytes of the next `count` names with their NULs; fails for an empty or too long one. */
static size_t text_bytes(struct bg_decoder *d, size_t count, const char *rule)
{
    struct bg_reader ahead = d->reader;
    size_t total = 0;
    for (size_t i = 0; i < count && ahead.status == BG_OK; i++) {
        size_t size = bg_read_u16(&ahead);
        (void)bg_read_span(&ahead, size);
        bg_require(d, ahead.status == BG_OK, ahead.status, "the list of names ends too early");
        bg_require(d, size > 0 && size < BG_NAME_BYTES, BG_DECODE, rule);
        total += size + 1;
    }
    return total;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void require_different(struct bg_decoder *d, const char *const *names, size_t count, const char *rule)
{
    if (!bg_decoder_ok(d) || count < 2)
        return;
    const char **sorted = malloc(count * sizeof *sorted);
    bg_require(d, sorted, BG_NO_MEMORY, "out of memory");
    if (!sorted)
        return;
    memcpy(sorted, names, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_names);
    for (size_t i = 1; i < count; i++)
        bg_require(d, strcmp(sorted[i - 1], sorted[i]) != 0, BG_DECODE, rule);
    free(sorted);
}

const char *const *bg_decode_names(struct bg_decoder *d, struct bg_arena *arena, size_t limit, const char *rule,
                                   size_t *ret_count)
{
    size_t count = bg_read_count(&d->reader, limit, NAME_LEAST_BYTES);
    size_t room = text_bytes(d, count, rule);
    const char **names = bg_decoder_alloc(d, arena, count, sizeof *names);
    char *text = bg_decoder_alloc(d, arena, room, 1);
    for (size_t i = 0; i < count && bg_decoder_ok(d); i++) {
        names[i] = text;
        bg_read_text(&d->reader, text, room);
        size_t used = strlen(text) + 1;
        text += used;
        room -= used;
    }
    require_different(d, names, count, rule);
    *ret_count = bg_decoder_ok(d) ? count : 0;
    return bg_decoder_ok(d) ? names : NULL;
}
