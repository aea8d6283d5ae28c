/* SPDX-License-Identifier: Apache-2.0 */
/* The two parts of a plan, as each signer reads them back. What decodes encodes to the same bytes. */
#include "tests/fuzz/fuzz.h"
#include "wire/plan.h"

static enum bg_status require_same(struct bg_writer *w, struct bg_span input)
{
    enum bg_status status = w->status;
    if (status == BG_OK)
        FUZZ_REQUIRE(bg_span_equal(bg_writer_span(w), input), "%zu bytes became %zu", input.size, w->size);
    bg_writer_finish(w);
    return status;
}

static enum bg_status check_key_part(struct bg_span input)
{
    struct bg_error error;
    struct bg_key_part part;
    struct bg_writer w;
    enum bg_status status = bg_key_part_decode(input, &error, &part);
    if (status != BG_OK)
        return fuzz_refused(status, &error);
    bg_writer_init(&w);
    bg_key_part_encode(&part, &w);
    return require_same(&w, input);
}

static enum bg_status check_root_part(struct bg_span input)
{
    struct bg_error error;
    struct bg_root_part part;
    struct bg_arena arena;
    struct bg_writer w;
    bg_arena_init(&arena, (size_t)1 << 24);
    enum bg_status status = bg_root_part_decode(input, &arena, &error, &part);
    if (status == BG_OK) {
        bg_writer_init(&w);
        bg_root_part_encode(&part, &w);
        status = require_same(&w, input);
        bg_layout_finish(&part.layout);
    } else {
        fuzz_refused(status, &error);
    }
    bg_arena_finish(&arena);
    return status;
}

/* A root part begins with a short text, a key part with a name: hardly any input is both. */
static enum bg_status check(struct bg_span input)
{
    enum bg_status status = check_key_part(input);
    return status == BG_OK || status == BG_NO_MEMORY ? status : check_root_part(input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(check, data, size);
}
