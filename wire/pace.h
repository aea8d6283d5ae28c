/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When to ask again: the answer to a request that has no other answer yet. A hint without a signature, under no plan:
 * whoever may refuse an answer may send it, and a client bounds what it believes (client/client.h).
 *
 * Body: u64 round | u64 least ns | u64 most ns
 */
#pragma once

#include "wire/frame.h"

/* Ask again after a wait drawn uniformly from [least_ns, most_ns], counted from the answer. */
struct bg_pace_window {
    uint64_t round; /* that runs or ran last; 0: none yet */
    uint64_t least_ns;
    uint64_t most_ns; /* ≥ least_ns, at most BG_MAX_PACE_NS */
};

void bg_pace_window_encode(struct bg_writer *w, const struct bg_population *population,
                           const struct bg_pace_window *window);
BG_MUST_CHECK enum bg_status bg_pace_window_decode(const struct bg_frame *frame, struct bg_error *error,
                                                   struct bg_pace_window *ret);
