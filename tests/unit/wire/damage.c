/* SPDX-License-Identifier: Apache-2.0 */
#include "damage.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

void expect_refusals(const struct bg_writer *w, const struct damage *damages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct damage *damage = &damages[i];
        struct bg_arena arena;
        struct bg_writer again;
        struct bg_error error = {0};
        uint8_t *copy = malloc(w->size);
        cr_assert(copy && BG_FRAME_HEADER_BYTES + damage->at + damage->size <= w->size);
        memcpy(copy, w->data, w->size);
        memcpy(copy + BG_FRAME_HEADER_BYTES + damage->at, damage->bytes, damage->size);
        bg_arena_init(&arena, 4096);
        bg_writer_init(&again);
        enum bg_status status = decode_again((struct bg_span){copy, w->size}, &arena, &error, &again);
        cr_assert_eq(status, damage->status, "damage %zu: %s: %s", i, bg_status_name(status), error.text);
        cr_assert(strstr(error.text, damage->says), "damage %zu: %s", i, error.text);
        cr_assert(arena.used <= 4096);
        bg_writer_finish(&again);
        bg_arena_finish(&arena);
        free(copy);
    }
}
