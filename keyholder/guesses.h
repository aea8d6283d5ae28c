/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often wrong tokens may be presented: a bucket of guesses per address and one for all of them. Only wrong ones
 * cost, so that a thousand devices behind one address enrol at once. A bucket refills with time; empty, it makes its
 * address wait. Memory is bounded: an address whose place is needed is forgotten, and then has its guesses again, which
 * is what the bucket of all is for. Secrets have 128 bits: this keeps the noise down, not the guesser out.
 */
#pragma once

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define BG_GUESS_PLACES 1024

struct bg_guess_rate {
    uint32_t burst;       /* guesses of a full bucket, at least 1 */
    uint64_t interval_ns; /* one comes back in */
};

struct bg_guess_bucket {
    uint64_t address; /* keyed hash; 0: empty place */
    uint64_t full_at; /* ns: when it is full again; what is missing until then is spent */
};

struct bg_guesses {
    uint64_t seed;
    struct bg_guess_rate each, all;
    struct bg_guess_bucket total;
    struct bg_guess_bucket places[BG_GUESS_PLACES];
};

/* `seed` decides which addresses share a place: it must be one that peers do not know. */
void bg_guesses_init(struct bg_guesses *guesses, uint64_t seed, const struct bg_guess_rate *each,
                     const struct bg_guess_rate *all);
/* Before a token is looked up. BG_BUSY: the address has spent its guesses, or all have; *ret_wait_ns is when to ask
 * again. `now` never goes back. */
BG_MUST_CHECK enum bg_status bg_guesses_check(struct bg_guesses *guesses, const char *address, uint64_t now,
                                              uint64_t *ret_wait_ns);
/* The token was wrong. */
void bg_guesses_wrong(struct bg_guesses *guesses, const char *address, uint64_t now);
