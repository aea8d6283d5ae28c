/* SPDX-License-Identifier: Apache-2.0 */
/* For harnesses that hand one frame after another to what is under test. */
#pragma once

#include "wire/frame.h"

/* `frame` is a copy that it may change. */
typedef enum bg_status fuzz_take_frame(void *context, enum bg_frame_type type, uint8_t *frame, size_t size,
                                       struct bg_error *error);

/* Ends at the first frame that is none, after `most` of them, or where memory runs out; one that is refused on the way
 * is followed by the next. Gives the last status. */
enum bg_status fuzz_each_frame(struct bg_span input, size_t most, fuzz_take_frame *take, void *context);
