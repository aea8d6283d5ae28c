/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast a population goes, learnt from the rounds it has gone through: how long the next one may take, how many
 * groups it invites, and when clients should ask again. Pure arithmetic: no clock, no memory of its own.
 *
 *   deadline      d ← within [least, most] of min(g·d, m·â), â ← (â + the p-percentile of the round's arrivals) / 2,
 *                 an arrival being the time from the opening of the round until an update is durable. A round that
 *                 fewer than half of the invited reached says nothing about percentiles: d ← g·d. Before anything is
 *                 known, and with fixed deadlines, d is `most`.
 *                 Arrivals are cut off at the deadline, so p·m > 1 is wanted: then a deadline that cuts into even
 *                 arrivals moves outwards instead of creeping inwards.
 *   invitation    ceil(target / a^k): the expected number of complete groups is the target, for availability
 *                 a ← 0.8 a + 0.2 (arrived / invited) and groups of k members.
 *   windows       a client that is given [w, w + s] with w ≥ s = clients / contacts per second comes back once per s at
 *                 most, so that no more contacts than wanted come per second, evenly. w is larger while a round runs:
 *                 what is left of its usual length l ← (l + length) / 2; beyond that, or before l is known, an eighth
 *                 of its age. It is d/4 at most: a client that waits for the end of a round which came early still has
 *                 three quarters of the next one.
 *
 * Rounds before learning are shorter than others: of them only the availability is learnt.
 */
#pragma once

#include "wire/pace.h"

#include <stddef.h>

struct bg_pace_rules {
    bool measured;              /* deadlines from arrivals; otherwise always most_ns */
    double percentile;          /* p, in (0, 1] */
    double margin;              /* m ≥ 1 */
    double growth;              /* g > 1 */
    uint64_t least_ns, most_ns; /* of a deadline */
    double contacts_per_second; /* wanted of all clients together; 0: no windows are given */
};

struct bg_pace {
    struct bg_pace_rules rules;
    double availability;  /* a */
    uint64_t deadline_ns; /* d, of the next learning round */
    uint64_t arrival_ns;  /* â; 0: unknown */
    uint64_t length_ns;   /* l; 0: unknown */
};

/* One round that has ended. */
struct bg_pace_round {
    bool before_learning;
    uint64_t deadline_ns;        /* that it had */
    uint64_t length_ns;          /* from its opening to its end */
    size_t invited;              /* clients */
    size_t arrived;
    size_t untimed;              /* arrived besides, at an edge that did not have their group opened */
    const uint64_t *arrivals_ns; /* (arrived) ascending; borrowed */
};

void bg_pace_init(struct bg_pace *pace, const struct bg_pace_rules *rules);
void bg_pace_learn(struct bg_pace *pace, const struct bg_pace_round *round);

/* A duration from the opening of the next round. */
uint64_t bg_pace_deadline(const struct bg_pace *pace, bool before_learning);
/* How many of `groups` groups of up to `members` clients to invite for `target` complete ones; 0: all. */
size_t bg_pace_groups(const struct bg_pace *pace, uint64_t target, uint32_t members, size_t groups);
/* For one of `clients` clients that has nothing to do now. `running`: a round is, for age_ns. */
struct bg_pace_window bg_pace_window(const struct bg_pace *pace, size_t clients, uint64_t round, bool running,
                                     uint64_t age_ns);

/* The least of `count` ascending values that a share of them, in (0, 1], does not exceed; 0 of none. */
uint64_t bg_pace_percentile(const uint64_t *ascending, size_t count, double share);
