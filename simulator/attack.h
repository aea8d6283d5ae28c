/* SPDX-License-Identifier: Apache-2.0 */
/* What Byzantine clients do to their own updates. */
#pragma once

#include "client/client.h"
#include "simulator/config.h"

struct bg_attacker {
    enum bg_attack attack;
    uint32_t group_most; /* k_max of the plan in force: honest slots sum up to it */
    uint64_t seed;       /* of this client's random votes */
};

/* The tap of an attacker, which it keeps; an honest tap for BG_ATTACK_NONE and BG_ATTACK_LABEL_FLIP (that one is
 * done to the examples). */
struct bg_update_tap bg_attack_tap(struct bg_attacker *attacker);
/* Marks floor(share · clients + 1/2) clients, chosen by the seed. */
void bg_attack_choose(uint64_t seed, double share, size_t clients, bool *ret_byzantine);
