/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/attack.h"

#include "base/prng.h"

#include <stdlib.h>

static void flip_delta(void *context, uint64_t round, float *delta, size_t count)
{
    (void)context;
    (void)round;
    for (size_t i = 0; i < count; i++)
        delta[i] = -delta[i];
}

/* Noise as large as the update it replaces. */
static void random_delta(void *context, uint64_t round, float *delta, size_t count)
{
    const struct bg_attacker *attacker = context;
    struct bg_prng prng;
    bg_prng_init_stream(&prng, attacker->seed, "attack", round);
    for (size_t i = 0; i < count; i++)
        if (bg_prng_next(&prng) >> 63)
            delta[i] = -delta[i];
}

static void random_votes(void *context, uint64_t round, const struct bg_shape *shape, uint64_t *fields,
                         uint16_t *votes)
{
    const struct bg_attacker *attacker = context;
    struct bg_prng prng;
    bg_prng_init_stream(&prng, attacker->seed, "attack", round);
    (void)fields;
    for (size_t i = 0; i < shape->slots - shape->votes_at; i++)
        votes[i] = (uint16_t)(bg_prng_next(&prng) >> 63);
}

/* Votes a code that no honest group can reach: k_max + 1 in every vote. Where there are no votes, or none in a slot, it
 * counts itself twice. */
static void over_vote(void *context, uint64_t round, const struct bg_shape *shape, uint64_t *fields, uint16_t *votes)
{
    const struct bg_attacker *attacker = context;
    (void)round;
    if (shape->encryption == BG_PLAN_OFF || shape->votes_at == shape->slots) {
        fields[0] = 2;
        return;
    }
    for (size_t i = 0; i < shape->slots - shape->votes_at; i++)
        votes[i] = (uint16_t)(attacker->group_most + 1);
}

/* The largest sums that a member with so many rows can have: nothing about one member alone gives them away. */
static void exaggerate(void *context, uint64_t round, const struct bg_shape *shape, uint64_t *fields, uint16_t *votes)
{
    const struct bg_statistics_form *form = &shape->statistics;
    (void)context;
    (void)round;
    (void)votes;
    if (!shape->measures)
        return;
    uint64_t rows = fields[1], *firsts = fields + 2 + form->classes, *seconds = firsts + form->columns;
    bool moments = form->stage == BG_STAGE_MOMENTS;
    for (size_t c = 0; c < form->classes; c++)
        fields[2 + c] = c == 0 ? rows : 0;
    for (size_t j = 0; j < form->columns; j++)
        firsts[j] = form->first_most / 2 + form->first_most / 2 / BG_STATISTICS_ROWS * rows;
    for (size_t j = 0; j < form->seconds; j++)
        seconds[j] = moments ? form->second_most / BG_STATISTICS_ROWS * rows
                             : form->second_most / 2 + form->second_most / 2 / BG_STATISTICS_ROWS * rows;
}

struct bg_update_tap bg_attack_tap(struct bg_attacker *attacker)
{
    struct bg_update_tap tap = {.context = attacker};
    switch (attacker->attack) {
    case BG_ATTACK_SIGN_FLIP:
        tap.delta = flip_delta;
        break;
    case BG_ATTACK_RANDOM:
        tap.delta = random_delta;
        tap.slots = random_votes;
        break;
    case BG_ATTACK_STATISTICS:
        tap.slots = exaggerate;
        break;
    case BG_ATTACK_OUT_OF_RANGE:
        tap.slots = over_vote;
        break;
    case BG_ATTACK_NONE:
    case BG_ATTACK_LABEL_FLIP:
        break;
    }
    return tap;
}

void bg_attack_choose(uint64_t seed, double share, size_t clients, bool *ret_byzantine)
{
    struct bg_prng prng;
    size_t left = clients, wanted = (size_t)(share * (double)clients + 0.5);
    bg_prng_init_stream(&prng, seed, "byzantine", 0);
    for (size_t i = 0; i < clients; i++, left--) {
        ret_byzantine[i] = bg_prng_below(&prng, left) < wanted;
        wanted -= ret_byzantine[i];
    }
}
