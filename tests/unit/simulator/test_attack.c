/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/attack.h"

#include <criterion/criterion.h>
#include <string.h>

Test(attack, chooses_the_wanted_number_and_other_clients_for_other_seeds)
{
    bool first[100], second[100];
    for (double share = 0; share <= 1; share += 0.05) {
        size_t count = 0;
        bg_attack_choose(3, share, 100, first);
        for (size_t i = 0; i < 100; i++)
            count += first[i];
        cr_assert_eq(count, (size_t)(share * 100 + 0.5), "share %g: %zu", share, count);
    }
    bg_attack_choose(3, 0.3, 100, first);
    bg_attack_choose(4, 0.3, 100, second);
    cr_assert_neq(memcmp(first, second, sizeof first), 0);
}

static struct bg_shape small_shape(enum bg_plan_encryption encryption)
{
    return (struct bg_shape){.encryption = encryption,
                             .scales_at = 1,
                             .centres_at = 2,
                             .votes_at = 2,
                             .scale_count = 1,
                             .vote_count = 6,
                             .scale_most = 128,
                             .slots = 8};
}

Test(attack, an_over_voter_sends_codes_that_no_group_can_reach_and_no_slot_overflows)
{
    struct bg_attacker attacker = {.attack = BG_ATTACK_OUT_OF_RANGE, .group_most = 5};
    struct bg_update_tap tap = bg_attack_tap(&attacker);
    struct bg_shape shape = small_shape(BG_PLAN_PAILLIER);
    uint64_t fields[2] = {1, 64};
    uint16_t votes[6] = {0, 1, 0, 1, 0, 1};
    tap.slots(tap.context, 1, &shape, fields, votes);
    cr_assert_eq(fields[0], 1u);
    for (size_t i = 0; i < 6; i++)
        cr_assert_eq(votes[i], 6u);
    shape.slots = shape.votes_at;
    tap.slots(tap.context, 1, &shape, fields, NULL);
    cr_assert(fields[0] == 2 && fields[1] == 64, "without votes it counts twice");
}

Test(attack, random_votes_are_votes_and_repeat_for_a_round)
{
    struct bg_attacker attacker = {.attack = BG_ATTACK_RANDOM, .seed = 9};
    struct bg_update_tap tap = bg_attack_tap(&attacker);
    struct bg_shape shape = small_shape(BG_PLAN_NULL);
    uint64_t fields[2] = {1, 64};
    uint16_t first[6] = {9}, again[6] = {0};
    tap.slots(tap.context, 4, &shape, fields, first);
    tap.slots(tap.context, 4, &shape, fields, again);
    cr_assert(fields[0] == 1 && fields[1] == 64);
    cr_assert_eq(memcmp(first, again, sizeof first), 0);
    for (size_t i = 0; i < 6; i++)
        cr_assert_leq(first[i], 1u);
}

Test(attack, a_sign_flipper_sends_the_opposite_and_honest_clients_are_left_alone)
{
    struct bg_attacker attacker = {.attack = BG_ATTACK_SIGN_FLIP};
    struct bg_update_tap tap = bg_attack_tap(&attacker);
    float delta[3] = {1, -2, 0};
    tap.delta(tap.context, 1, delta, 3);
    cr_assert(delta[0] == -1 && delta[1] == 2 && delta[2] == 0);
    attacker.attack = BG_ATTACK_LABEL_FLIP;
    tap = bg_attack_tap(&attacker);
    cr_assert(!tap.delta && !tap.slots);
}

Test(attack, a_liar_about_statistics_stays_within_what_one_member_may_say)
{
    struct bg_attacker attacker = {.attack = BG_ATTACK_STATISTICS};
    struct bg_update_tap tap = bg_attack_tap(&attacker);
    for (int stage = BG_STAGE_MOMENTS; stage <= BG_STAGE_COVARIANCE; stage++) {
        struct bg_shape shape = {.measures = true, .statistics = bg_statistics_form((enum bg_task_stage)stage, 3, 2)};
        float row[3] = {1, 2, 3};
        uint16_t label = 1;
        struct bg_examples examples = {row, &label, NULL, 1, 3, 2};
        double firsts[3], seconds[6], most = stage == BG_STAGE_MOMENTS ? 45 : 10;
        uint64_t slots[16] = {1};
        size_t slot;
        cr_assert_eq(bg_statistics_measure(&shape.statistics, &examples, NULL, slots + 1), BG_OK);
        tap.slots(tap.context, 1, &shape, slots, NULL);
        cr_assert_eq(bg_statistics_check(&shape.statistics, slots + 1, 1, &slot), BG_OK, "slot %zu", slot);
        bg_statistics_read(&shape.statistics, slots + 1, 1, firsts, seconds);
        cr_assert(slots[0] == 1 && slots[1] == 1 && firsts[2] == most && seconds[2] == most * most);
        cr_assert(!shape.statistics.classes || (slots[2] == 1 && slots[3] == 0));
    }
    struct bg_shape shape = small_shape(BG_PLAN_NULL);
    uint64_t fields[2] = {1, 64};
    uint16_t votes[6] = {0, 1, 0, 1, 0, 1}, same[6];
    memcpy(same, votes, sizeof votes);
    tap.slots(tap.context, 5, &shape, fields, votes);
    cr_assert_arr_eq(votes, same, sizeof votes, "it learns honestly");
    cr_assert(fields[0] == 1 && fields[1] == 64);
}
