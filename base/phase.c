/* SPDX-License-Identifier: Apache-2.0 */
#include "base/phase.h"

#include <assert.h>
#include <string.h>

const char *bg_phase_name(enum bg_phase phase)
{
    static const char *const names[] = {
#define X(name, text) text,
        BG_PHASE_MAP(X)
#undef X
    };
    assert(phase < BG_PHASE_COUNT);
    return names[phase];
}

void bg_phase_ring_init(struct bg_phase_ring *ring, struct bg_phase_mark *marks, size_t capacity)
{
    assert(capacity > 0);
    *ring = (struct bg_phase_ring){.marks = marks, .capacity = capacity};
}

void bg_phase_ring_add(struct bg_phase_ring *ring, struct bg_phase_mark mark)
{
    ring->marks[ring->written++ % ring->capacity] = mark;
}

size_t bg_phase_ring_count(const struct bg_phase_ring *ring)
{
    return ring->written < ring->capacity ? (size_t)ring->written : ring->capacity;
}

const struct bg_phase_mark *bg_phase_ring_at(const struct bg_phase_ring *ring, size_t i)
{
    size_t count = bg_phase_ring_count(ring);
    assert(i < count);
    return &ring->marks[(ring->written - count + i) % ring->capacity];
}

void bg_phase_ring_sum(const struct bg_phase_ring *ring, struct bg_phase_sum ret_sums[static BG_PHASE_COUNT])
{
    memset(ret_sums, 0, BG_PHASE_COUNT * sizeof *ret_sums);
    for (size_t i = 0; i < bg_phase_ring_count(ring); i++) {
        const struct bg_phase_mark *mark = bg_phase_ring_at(ring, i);
        struct bg_phase_sum *sum = &ret_sums[mark->phase];
        if (!sum->marks || mark->begin_ns < sum->begin_ns)
            sum->begin_ns = mark->begin_ns;
        if (mark->end_ns > sum->end_ns)
            sum->end_ns = mark->end_ns;
        sum->busy_ns += mark->end_ns - mark->begin_ns;
        sum->bytes += mark->bytes;
        sum->marks++;
    }
}
