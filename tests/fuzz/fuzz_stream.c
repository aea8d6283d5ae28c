/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compressed files. Whatever buffer it is read into, a file gives the same bytes and ends the same way; a failure
 * lasts. There is no encoder: the round trip is in the corpus, whose files were made by the compressors.
 */
#include "datasets/stream.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#define MOST_OUTPUT ((size_t)1 << 17) /* small inputs may hold gigabytes */

struct outcome {
    enum bg_status status;
    size_t size;
    uint8_t *bytes; /* MOST_OUTPUT */
};

static enum bg_status read_all(struct bg_stream *stream, size_t capacity, struct outcome *ret)
{
    struct bg_error error;
    for (size_t got = 1; got > 0 && ret->size < MOST_OUTPUT;) {
        size_t room = MOST_OUTPUT - ret->size;
        enum bg_status status =
            bg_stream_read(stream, ret->bytes + ret->size, room < capacity ? room : capacity, &error, &got);
        if (status != BG_OK) {
            fuzz_refused(status, &error);
            uint8_t byte;
            FUZZ_REQUIRE(bg_stream_read(stream, &byte, 1, &error, &got) == status, "a failure did not last");
            return fuzz_refused(status, &error);
        }
        FUZZ_REQUIRE(got <= capacity, "%zu bytes in a buffer of %zu", got, capacity);
        ret->size += got;
    }
    return BG_OK;
}

static void decompress(struct bg_span input, size_t capacity, struct outcome *ret)
{
    struct bg_stream *stream = NULL;
    struct bg_error error;
    *ret = (struct outcome){.status = BG_NO_MEMORY, .bytes = malloc(MOST_OUTPUT)};
    if (!ret->bytes)
        return;
    ret->status = bg_stream_open(fuzz_file(input), &error, &stream);
    if (ret->status != BG_OK)
        fuzz_refused(ret->status, &error);
    else
        ret->status = read_all(stream, capacity, ret);
    bg_stream_destroy(&stream);
}

static enum bg_status check(struct bg_span input)
{
    struct outcome wide, narrow;
    decompress(input, MOST_OUTPUT, &wide);
    decompress(input, 1 + input.size % 61, &narrow);
    bool comparable = wide.status != BG_NO_MEMORY && narrow.status != BG_NO_MEMORY;
    size_t common = wide.size < narrow.size ? wide.size : narrow.size;
    FUZZ_REQUIRE(!comparable || (wide.status == narrow.status && memcmp(wide.bytes, narrow.bytes, common) == 0 &&
                                 (wide.status != BG_OK || wide.size == narrow.size)),
                 "%s after %zu bytes, %s after %zu in a small buffer", bg_status_name(wide.status), wide.size,
                 bg_status_name(narrow.status), narrow.size);
    free(wide.bytes);
    free(narrow.bytes);
    return comparable ? wide.status : BG_NO_MEMORY;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(check, data, size);
}
