/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The phase clock: where a round's time goes. Marks carry whatever clock the driver uses: real nanoseconds in
 * the network programs, virtual ones in the simulator; one report tool serves both.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Kept in files in this order: new ones come last. */
#define BG_PHASE_MAP(X)   \
    X(DOWNLINK, "downlink") \
    X(TRAINING, "training") \
    X(ENCODING, "encoding") \
    X(MASKS, "masks") \
    X(ENCRYPTION, "encryption") \
    X(UPLINK, "uplink") \
    X(INTAKE, "intake") \
    X(FOLD, "fold") \
    X(OPENING, "opening") \
    X(AGGREGATION, "aggregation") \
    X(PUBLICATION, "publication")

enum bg_phase {
#define X(name, text) BG_PHASE_##name,
    BG_PHASE_MAP(X)
#undef X
    BG_PHASE_COUNT
};

const char *bg_phase_name(enum bg_phase phase);

struct bg_phase_mark {
    uint64_t round;
    uint64_t begin_ns;
    uint64_t end_ns;
    uint64_t bytes; /* moved in this phase; 0 if none */
    enum bg_phase phase;
    uint32_t actor; /* index of the client or group the mark is about */
};

/* A fixed ring: the newest marks win. */
struct bg_phase_ring {
    struct bg_phase_mark *marks; /* caller's memory */
    size_t capacity;
    uint64_t written; /* ever */
};

void bg_phase_ring_init(struct bg_phase_ring *ring, struct bg_phase_mark *marks, size_t capacity);
void bg_phase_ring_add(struct bg_phase_ring *ring, struct bg_phase_mark mark);
/* Marks kept, oldest first; i < bg_phase_ring_count. */
size_t bg_phase_ring_count(const struct bg_phase_ring *ring);
const struct bg_phase_mark *bg_phase_ring_at(const struct bg_phase_ring *ring, size_t i);

/* What the marks of one phase come to. */
struct bg_phase_sum {
    size_t marks;
    uint64_t begin_ns; /* of the first to begin */
    uint64_t end_ns;   /* of the last to end */
    uint64_t busy_ns;  /* of all together; more than end − begin where actors work side by side */
    uint64_t bytes;
};

/* Of all marks in the ring, phase by phase; zero where a phase has none. */
void bg_phase_ring_sum(const struct bg_phase_ring *ring, struct bg_phase_sum ret_sums[static BG_PHASE_COUNT]);
