/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/pace.h"

#include "wire/decoder.h"

static const struct bg_digest no_plan;

void bg_pace_window_encode(struct bg_writer *w, const struct bg_population *population,
                           const struct bg_pace_window *window)
{
    size_t start = bg_frame_begin(w, BG_FRAME_PACE, population, &no_plan);
    bg_write_u64(w, window->round);
    bg_write_u64(w, window->least_ns);
    bg_write_u64(w, window->most_ns);
    bg_frame_end(w, start);
}

enum bg_status bg_pace_window_decode(const struct bg_frame *frame, struct bg_error *error, struct bg_pace_window *ret)
{
    struct bg_decoder d;
    struct bg_pace_window window;
    bg_decoder_init(&d, "pace", frame->body);
    bg_require(&d, frame->type == BG_FRAME_PACE, BG_DECODE, "the frame is of another type");
    bg_require(&d, bg_digest_equal(&frame->plan_id, &no_plan), BG_DECODE, "the plan id must be zero");
    window.round = bg_read_u64(&d.reader);
    window.least_ns = bg_read_u64(&d.reader);
    window.most_ns = bg_read_u64(&d.reader);
    bg_require(&d, window.most_ns <= BG_MAX_PACE_NS, BG_TOO_LARGE, "a wait must be at most a week");
    bg_require(&d, window.least_ns <= window.most_ns, BG_DECODE, "the least wait must not be above the most");
    enum bg_status status = bg_decoder_end(&d, error);
    if (status == BG_OK)
        *ret = window;
    return status;
}
