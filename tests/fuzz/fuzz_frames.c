/* SPDX-License-Identifier: Apache-2.0 */
/* Files of frames, with every message of tests/unit/wire/kinds.c. What decodes encodes to the same bytes. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/wire/examples.h"

static enum bg_status again(const struct bg_frame *frame, struct bg_arena *arena, struct bg_error *error,
                            struct bg_writer *w)
{
    for (size_t i = 0; i < kind_count; i++)
        if (kinds[i].type == frame->type)
            return kinds[i].again(frame, arena, error, w);
    FUZZ_REQUIRE(false, "no entry in tests/unit/wire/kinds.c for %s", bg_frame_type_name(frame->type));
}

static enum bg_status check(struct bg_span input)
{
    struct bg_span rest = input;
    enum bg_status status = BG_OK;
    do {
        struct bg_arena arena;
        struct bg_writer w;
        struct bg_error error;
        struct bg_frame frame;
        bg_arena_init(&arena, (size_t)1 << 24);
        bg_writer_init(&w);
        status = bg_frame_decode(rest, &error, &frame, &rest);
        if (status == BG_OK)
            status = again(&frame, &arena, &error, &w);
        if (status != BG_OK)
            fuzz_refused(status, &error);
        else if (w.status != BG_OK)
            status = w.status;
        else
            FUZZ_REQUIRE(bg_span_equal(bg_writer_span(&w), frame.bytes), "%s", bg_frame_type_name(frame.type));
        bg_writer_finish(&w);
        bg_arena_finish(&arena);
    } while (status == BG_OK && rest.size);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(check, data, size);
}
