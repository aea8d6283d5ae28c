/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/each_frame.h"

#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

enum bg_status fuzz_each_frame(struct bg_span input, size_t most, fuzz_take_frame *take, void *context)
{
    enum bg_status status = BG_OK;
    struct bg_frame frame;
    struct bg_error error;
    for (size_t i = 0; i < most && input.size; i++) {
        status = bg_frame_decode(input, &error, &frame, &input);
        if (status != BG_OK)
            return fuzz_refused(status, &error);
        uint8_t *copy = malloc(frame.bytes.size);
        if (!copy)
            return BG_NO_MEMORY;
        memcpy(copy, frame.bytes.data, frame.bytes.size);
        status = take(context, frame.type, copy, frame.bytes.size, &error);
        free(copy);
        if (status != BG_OK)
            fuzz_refused(status, &error);
        if (status == BG_NO_MEMORY)
            return status;
    }
    return status;
}
