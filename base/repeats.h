/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was said of whom a moment ago, so that a peer that does the same thing again and again fills no log: each
 * sentence of each peer is told once, and again after a pause, with how often it went untold. It remembers the latest
 * ones, in a fixed amount of memory: what it has forgotten is told anew.
 */
#pragma once

#include "base/clock.h"

#include <pthread.h>
#include <stdbool.h>

#define BG_REPEATS 256
#define BG_REPEATS_PAUSE_NS (60 * BG_SECOND)

/* Zeroed but for the lock, PTHREAD_MUTEX_INITIALIZER. */
struct bg_repeats {
    pthread_mutex_t lock;
    struct {
        uint64_t key; /* of peer and sentence */
        uint64_t told_at;
        uint64_t untold;
    } said[BG_REPEATS];
};

/* Whether this is to be told at the instant `now`; then *ret_untold is how often the same was not, since it was last.
 * From any thread. */
bool bg_repeats_tell(struct bg_repeats *repeats, const char *who, const char *sentence, uint64_t now,
                     uint64_t *ret_untold);
