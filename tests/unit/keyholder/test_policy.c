/* SPDX-License-Identifier: Apache-2.0 */
#include "keyholder/policy.h"

#include <criterion/criterion.h>
#include <string.h>

#define GROUPS 3
#define MEMBERS 4
#define ALL 0xfu

struct fixture {
    struct bg_policy policy;
    struct bg_policy_group groups[GROUPS];
    struct bg_digest ids[GROUPS][MEMBERS];
    uint32_t clients[GROUPS][MEMBERS];
    uint64_t next_rounds[GROUPS * MEMBERS];
    struct bg_error error;
    enum bg_policy_action action;
};

static const struct bg_policy_rules rules = {.full_rounds = 2, .partitions = 3};

static struct bg_digest digest(uint8_t byte)
{
    struct bg_digest d;
    memset(d.bytes, byte, sizeof d.bytes);
    return d;
}

/* Client g·MEMBERS + m, whose id is that number in every byte, is member m of group g; `shift` deals them anew. */
static void deal(struct fixture *f, uint32_t shift)
{
    for (uint32_t g = 0; g < GROUPS; g++) {
        for (uint32_t m = 0; m < MEMBERS; m++) {
            f->clients[g][m] = (g * MEMBERS + m + shift) % (GROUPS * MEMBERS);
            f->ids[g][m] = digest((uint8_t)f->clients[g][m]);
        }
        f->groups[g] = (struct bg_policy_group){.group = {.member_count = MEMBERS, .members = f->ids[g]},
                                                .clients = f->clients[g],
                                                .state = BG_POLICY_READY};
    }
}

static enum bg_status step(struct fixture *f, struct bg_policy_event event)
{
    f->action = BG_POLICY_DO_NOTHING;
    return bg_policy_step(&f->policy, &event, &f->error, &f->action);
}

static enum bg_status begin_epoch(struct fixture *f, uint64_t epoch)
{
    return step(f, (struct bg_policy_event){.kind = BG_POLICY_EPOCH,
                                            .epoch = epoch,
                                            .group_least = 3,
                                            .groups = f->groups,
                                            .group_count = GROUPS});
}

static enum bg_status show_plan(struct fixture *f, uint8_t plan)
{
    return step(f, (struct bg_policy_event){
                       .kind = BG_POLICY_PLAN, .epoch = f->policy.epoch, .plan_id = digest(plan)});
}

static struct bg_policy_request request(uint64_t round, uint32_t group, uint64_t members)
{
    return (struct bg_policy_request){.plan_id = digest(1),
                                      .epoch = 1,
                                      .round = round,
                                      .group = group,
                                      .members = members,
                                      .digest = digest((uint8_t)(round * 16 + group))};
}

static enum bg_status release(struct fixture *f, struct bg_policy_request what)
{
    return step(f, (struct bg_policy_event){.kind = BG_POLICY_RELEASE, .request = &what});
}

static enum bg_status blocks(struct fixture *f, uint32_t group, enum bg_status status)
{
    return step(f, (struct bg_policy_event){.kind = BG_POLICY_BLOCKS, .group = group, .status = status});
}

static enum bg_status opened(struct fixture *f, uint32_t group, enum bg_status status)
{
    return step(f, (struct bg_policy_event){.kind = BG_POLICY_OPENED, .group = group, .status = status});
}

static void start(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    bg_policy_init(&f->policy, &rules, f->next_rounds);
    deal(f, 0);
    cr_assert_eq(begin_epoch(f, 1), BG_OK, "%s", f->error.text);
    cr_assert_eq(show_plan(f, 1), BG_OK, "%s", f->error.text);
}

static void open_group(struct fixture *f, struct bg_policy_request what)
{
    cr_assert_eq(release(f, what), BG_OK, "%s", f->error.text);
    cr_assert_eq(f->action, BG_POLICY_DO_CHALLENGE);
    cr_assert_eq(blocks(f, what.group, BG_OK), BG_OK, "%s", f->error.text);
    cr_assert_eq(f->action, BG_POLICY_DO_OPEN);
    cr_assert_eq(opened(f, what.group, BG_OK), BG_OK, "%s", f->error.text);
    cr_assert_eq(f->action, BG_POLICY_DO_ANSWER);
}

/* That the sentence names the client, by the byte its id is made of. */
static bool names_client(const struct fixture *f, uint8_t client)
{
    struct bg_digest id = digest(client);
    char hex[2 * BG_DIGEST_BYTES + 1];
    bg_digest_to_hex(&id, hex);
    return strstr(f->error.text, hex) != NULL;
}

/* ---- every state and event ---- */

/* The state of all, and what group 0 is in beneath it. */
enum situation { NO_EPOCH, READY, CHALLENGED, OPENING, LOCKED, LOCKED_CHALLENGED, LOCKED_OPENING, SITUATIONS };

static void reach(struct fixture *f, enum situation situation)
{
    bool locked = situation >= LOCKED;
    unsigned depth = situation == LOCKED_CHALLENGED || situation == CHALLENGED ? 1
                     : situation == LOCKED_OPENING || situation == OPENING     ? 2
                                                                               : 0;
    memset(f, 0, sizeof *f);
    bg_policy_init(&f->policy, &rules, f->next_rounds);
    deal(f, 0);
    if (situation == NO_EPOCH)
        return;
    start(f);
    if (depth >= 1)
        cr_assert_eq(release(f, request(1, 0, ALL)), BG_OK);
    if (depth >= 2)
        cr_assert_eq(blocks(f, 0, BG_OK), BG_OK);
    if (locked) {
        cr_assert_eq(release(f, request(1, 1, ALL)), BG_OK);
        cr_assert_eq(blocks(f, 1, BG_BAD_DIGEST), BG_OK);
        cr_assert_eq(f->action, BG_POLICY_DO_LOCK);
    }
}

enum trial {
    EPOCH,
    PLAN,
    RELEASE,
    BLOCKS_GOOD,
    BLOCKS_UNKNOWN,
    BLOCKS_FALSE,
    BLOCKS_FALSE_OF_AN_EDGE,
    OPENED,
    FAILED,
    CLEAR,
    TRIALS
};

static enum bg_status try_event(struct fixture *f, enum trial trial)
{
    switch (trial) {
    case EPOCH:
        return begin_epoch(f, f->policy.epoch + 1);
    case PLAN:
        return show_plan(f, 2);
    case RELEASE:
        return release(f, request(1, 0, ALL));
    case BLOCKS_GOOD:
        return blocks(f, 0, BG_OK);
    case BLOCKS_UNKNOWN:
        return blocks(f, 0, BG_NO_MEMORY);
    case BLOCKS_FALSE:
        return blocks(f, 0, BG_BAD_DIGEST);
    case BLOCKS_FALSE_OF_AN_EDGE:
        return step(f, (struct bg_policy_event){
                           .kind = BG_POLICY_BLOCKS, .group = 0, .edge = true, .status = BG_BAD_DIGEST});
    case OPENED:
        return opened(f, 0, BG_OK);
    case FAILED:
        return opened(f, 0, BG_FAULT);
    case CLEAR:
        return step(f, (struct bg_policy_event){.kind = BG_POLICY_CLEAR});
    case TRIALS:
        break;
    }
    return BG_UNSUPPORTED;
}

struct outcome {
    enum bg_status status;
    enum bg_policy_state state; /* of group 0, or of all */
    enum bg_policy_action action;
};

#define DONE(state) {BG_OK, BG_POLICY_##state, BG_POLICY_DO_NOTHING}
#define ACT(state, action) {BG_OK, BG_POLICY_##state, BG_POLICY_DO_##action}
#define STRAY(state) {BG_INVALID, BG_POLICY_##state, BG_POLICY_DO_NOTHING}
#define NO(reason, state) {BG_##reason, BG_POLICY_##state, BG_POLICY_DO_NOTHING}

static const struct outcome outcomes[SITUATIONS][TRIALS] = {
    [NO_EPOCH] = {[EPOCH] = DONE(READY), [PLAN] = NO(STALE_PLAN, NO_EPOCH), [RELEASE] = NO(STALE_PLAN, NO_EPOCH),
                  [BLOCKS_GOOD] = STRAY(NO_EPOCH), [BLOCKS_UNKNOWN] = STRAY(NO_EPOCH),
                  [BLOCKS_FALSE] = STRAY(NO_EPOCH),
                  [BLOCKS_FALSE_OF_AN_EDGE] = STRAY(NO_EPOCH), [OPENED] = STRAY(NO_EPOCH), [FAILED] = STRAY(NO_EPOCH),
                  [CLEAR] = STRAY(NO_EPOCH)},
    [READY] = {[EPOCH] = DONE(READY), [PLAN] = DONE(READY), [RELEASE] = ACT(CHALLENGED, CHALLENGE),
               [BLOCKS_GOOD] = STRAY(READY), [BLOCKS_UNKNOWN] = STRAY(READY), [BLOCKS_FALSE] = STRAY(READY),
                  [BLOCKS_FALSE_OF_AN_EDGE] = STRAY(READY),
               [OPENED] = STRAY(READY), [FAILED] = STRAY(READY), [CLEAR] = STRAY(READY)},
    [CHALLENGED] = {[EPOCH] = NO(BUSY, CHALLENGED), [PLAN] = DONE(CHALLENGED), [RELEASE] = NO(BUSY, CHALLENGED),
                    [BLOCKS_GOOD] = ACT(OPENING, OPEN), [BLOCKS_UNKNOWN] = DONE(READY),
                    [BLOCKS_FALSE] = ACT(LOCKED, LOCK), [BLOCKS_FALSE_OF_AN_EDGE] = ACT(READY, BAR),
                    [OPENED] = STRAY(CHALLENGED), [FAILED] = STRAY(CHALLENGED),
                    [CLEAR] = STRAY(CHALLENGED)},
    [OPENING] = {[EPOCH] = NO(BUSY, OPENING), [PLAN] = DONE(OPENING), [RELEASE] = NO(BUSY, OPENING),
                 [BLOCKS_GOOD] = STRAY(OPENING), [BLOCKS_UNKNOWN] = STRAY(OPENING), [BLOCKS_FALSE] = STRAY(OPENING),
                  [BLOCKS_FALSE_OF_AN_EDGE] = STRAY(OPENING),
                 [OPENED] = ACT(READY, ANSWER), [FAILED] = DONE(READY), [CLEAR] = STRAY(OPENING)},
    [LOCKED] = {[EPOCH] = NO(REFUSED, LOCKED), [PLAN] = NO(REFUSED, LOCKED), [RELEASE] = NO(REFUSED, LOCKED),
                [BLOCKS_GOOD] = STRAY(LOCKED), [BLOCKS_UNKNOWN] = STRAY(LOCKED), [BLOCKS_FALSE] = STRAY(LOCKED),
                  [BLOCKS_FALSE_OF_AN_EDGE] = STRAY(LOCKED),
                [OPENED] = STRAY(LOCKED), [FAILED] = STRAY(LOCKED), [CLEAR] = DONE(READY)},
    [LOCKED_CHALLENGED] = {[EPOCH] = NO(REFUSED, LOCKED), [PLAN] = NO(REFUSED, LOCKED),
                           [RELEASE] = NO(REFUSED, LOCKED), [BLOCKS_GOOD] = NO(REFUSED, LOCKED),
                           [BLOCKS_UNKNOWN] = NO(REFUSED, LOCKED), [BLOCKS_FALSE] = NO(REFUSED, LOCKED),
                  [BLOCKS_FALSE_OF_AN_EDGE] = NO(REFUSED, LOCKED),
                           [OPENED] = STRAY(LOCKED), [FAILED] = STRAY(LOCKED), [CLEAR] = DONE(CHALLENGED)},
    [LOCKED_OPENING] = {[EPOCH] = NO(REFUSED, LOCKED), [PLAN] = NO(REFUSED, LOCKED), [RELEASE] = NO(REFUSED, LOCKED),
                        [BLOCKS_GOOD] = STRAY(LOCKED), [BLOCKS_UNKNOWN] = STRAY(LOCKED),
                        [BLOCKS_FALSE] = STRAY(LOCKED),
                  [BLOCKS_FALSE_OF_AN_EDGE] = STRAY(LOCKED), [OPENED] = NO(REFUSED, LOCKED),
                        [FAILED] = NO(REFUSED, LOCKED), [CLEAR] = DONE(OPENING)},
};

Test(policy, every_state_and_event_pair_does_what_the_table_says)
{
    for (unsigned situation = 0; situation < SITUATIONS; situation++) {
        for (unsigned trial = 0; trial < TRIALS; trial++) {
            struct fixture f;
            const struct outcome *expected = &outcomes[situation][trial];
            reach(&f, situation);
            f.error.text[0] = 0;
            enum bg_status status = try_event(&f, trial);
            cr_expect_eq(status, expected->status, "situation %u, trial %u: %s (%s)", situation, trial,
                         bg_status_name(status), f.error.text);
            cr_expect_eq(bg_policy_state(&f.policy, 0), expected->state, "situation %u, trial %u: %s", situation, trial,
                         bg_policy_state_name(bg_policy_state(&f.policy, 0)));
            cr_expect_eq(f.action, expected->action, "situation %u, trial %u: action %u", situation, trial, f.action);
            cr_expect_eq(f.error.text[0] != 0, status != BG_OK, "a refusal has a sentence, nothing else has");
        }
    }
}

/* What a lock cuts off counts as never opened, and its group is free once it is cleared. */
Test(policy, a_lock_ends_what_was_in_flight)
{
    struct fixture f;
    reach(&f, LOCKED_OPENING);
    cr_assert_eq(opened(&f, 0, BG_OK), BG_REFUSED);
    cr_assert_eq(f.policy.in_flight, 0);
    cr_assert_eq(step(&f, (struct bg_policy_event){.kind = BG_POLICY_CLEAR}), BG_OK);
    open_group(&f, request(1, 0, ALL));
}

/* ---- the membership rule ---- */

Test(policy, opens_a_group_round_after_round)
{
    struct fixture f;
    start(&f);
    for (uint64_t round = 1; round < 20; round += 1 + round % 3)
        for (uint32_t group = 0; group < GROUPS; group++)
            open_group(&f, request(round, group, ALL));
    cr_expect_eq(f.policy.in_flight, 0);
}

Test(policy, works_on_several_groups_at_once)
{
    struct fixture f;
    start(&f);
    for (uint32_t group = 0; group < GROUPS; group++)
        cr_assert_eq(release(&f, request(1, group, ALL)), BG_OK);
    cr_assert_eq(f.policy.in_flight, GROUPS);
    for (uint32_t group = GROUPS; group-- > 0;)
        cr_assert_eq(blocks(&f, group, BG_OK), BG_OK);
    for (uint32_t group = 0; group < GROUPS; group++)
        cr_assert_eq(opened(&f, group, BG_OK), BG_OK);
}

Test(policy, repeats_only_the_very_same_request)
{
    struct fixture f;
    start(&f);
    open_group(&f, request(4, 0, ALL));
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(release(&f, request(4, 0, ALL)), BG_OK);
        cr_expect_eq(f.action, BG_POLICY_DO_REPEAT);
        cr_expect_eq(bg_policy_state(&f.policy, 0), BG_POLICY_READY);
    }
    struct bg_policy_request other = request(4, 0, ALL);
    other.digest = digest(99);
    cr_expect_eq(release(&f, other), BG_REFUSED, "another product for the same round");
    cr_expect(names_client(&f, 0), "%s", f.error.text);
    open_group(&f, request(5, 0, ALL));
    cr_expect_eq(release(&f, request(4, 0, ALL)), BG_WRONG_ROUND, "once there is a later opening");
}

Test(policy, repeats_under_a_plan_that_was_replaced)
{
    struct fixture f;
    start(&f);
    open_group(&f, request(4, 0, ALL));
    cr_assert_eq(show_plan(&f, 2), BG_OK);
    cr_assert_eq(release(&f, request(4, 0, ALL)), BG_OK);
    cr_expect_eq(f.action, BG_POLICY_DO_REPEAT);
    cr_expect_eq(release(&f, request(5, 0, ALL)), BG_STALE_PLAN);
}

Test(policy, rounds_only_go_up)
{
    struct fixture f;
    start(&f);
    open_group(&f, request(5, 0, ALL));
    cr_expect_eq(release(&f, request(3, 0, ALL)), BG_WRONG_ROUND);
    cr_expect(names_client(&f, 0), "%s", f.error.text);
    open_group(&f, request(3, 1, ALL));
    cr_expect_eq(release(&f, request(UINT64_MAX, 0, ALL)), BG_REFUSED);
}

Test(policy, a_client_is_opened_once_per_round_whatever_its_group)
{
    struct fixture f;
    start(&f);
    open_group(&f, request(5, 0, ALL));
    deal(&f, 1);
    cr_assert_eq(begin_epoch(&f, 2), BG_OK);
    cr_assert_eq(show_plan(&f, 1), BG_OK);
    struct bg_policy_request again = request(5, 0, ALL);
    again.epoch = 2;
    cr_expect_eq(release(&f, again), BG_REFUSED);
    cr_expect(names_client(&f, 1), "%s", f.error.text);
    again.round = 6;
    open_group(&f, again);
}

Test(policy, the_first_opening_fixes_the_release_set)
{
    struct fixture f;
    start(&f);
    open_group(&f, request(1, 0, ALL));
    open_group(&f, request(2, 0, ALL));
    cr_expect_eq(release(&f, request(3, 0, ALL & ~2u)), BG_REFUSED, "a group minus a member");
    cr_expect(names_client(&f, 1), "%s", f.error.text);
    open_group(&f, request(3, 1, ALL & ~1u));
    cr_expect_eq(release(&f, request(4, 1, ALL)), BG_REFUSED, "a group plus a member");
    cr_expect(names_client(&f, 4), "%s", f.error.text);
    cr_expect_eq(release(&f, request(4, 1, ALL & ~2u)), BG_REFUSED, "another three");
    open_group(&f, request(4, 1, ALL & ~1u));
}

Test(policy, the_first_rounds_open_full_groups_only)
{
    struct fixture f;
    start(&f);
    cr_expect_eq(release(&f, request(7, 0, ALL & ~4u)), BG_REFUSED);
    cr_expect(names_client(&f, 2), "%s", f.error.text);
    open_group(&f, request(7, 0, ALL));
    cr_expect_eq(release(&f, request(7, 1, ALL & ~4u)), BG_REFUSED, "the same round");
    cr_expect_eq(release(&f, request(8, 1, ALL & ~4u)), BG_REFUSED, "the second");
    open_group(&f, request(8, 0, ALL));
    cr_expect_eq(release(&f, request(8, 1, ALL & ~4u)), BG_REFUSED, "the second, which has begun");
    cr_expect_eq(release(&f, request(6, 1, ALL & ~4u)), BG_REFUSED, "one before");
    open_group(&f, request(9, 1, ALL & ~4u));
    cr_expect_eq(release(&f, request(10, 2, 3)), BG_TOO_FEW, "never fewer than k_min");
}

Test(policy, protects_nobody_in_a_sum_of_too_few)
{
    struct fixture f;
    start(&f);
    cr_expect_eq(release(&f, request(1, 0, 3)), BG_TOO_FEW);
    cr_expect_not_null(strstr(f.error.text, "group 0"), "%s", f.error.text);
    cr_expect_eq(release(&f, request(1, 0, 0)), BG_REFUSED);
    cr_expect_eq(release(&f, request(1, 0, ALL | 1u << MEMBERS)), BG_UNKNOWN_CLIENT);
    cr_expect_eq(release(&f, request(1, GROUPS, ALL)), BG_REFUSED);
}

Test(policy, asks_for_a_plan_it_has_seen_in_the_epoch_it_is_in)
{
    struct fixture f;
    start(&f);
    struct bg_policy_request other = request(1, 0, ALL);
    other.plan_id = digest(3);
    cr_expect_eq(release(&f, other), BG_STALE_PLAN);
    other = request(1, 0, ALL);
    other.epoch = 2;
    cr_expect_eq(release(&f, other), BG_STALE_PLAN);
    cr_assert_eq(begin_epoch(&f, 2), BG_OK);
    cr_expect_eq(release(&f, other), BG_STALE_PLAN, "a new epoch needs a new plan");
    cr_expect_eq(release(&f, request(1, 0, ALL)), BG_STALE_PLAN, "the old one is over");
}

Test(policy, what_failed_was_not_opened)
{
    struct fixture f;
    start(&f);
    cr_assert_eq(release(&f, request(1, 0, ALL)), BG_OK);
    cr_assert_eq(blocks(&f, 0, BG_OK), BG_OK);
    cr_assert_eq(opened(&f, 0, BG_FAULT), BG_OK);
    cr_expect_eq(f.groups[0].release_set, 0);
    struct bg_policy_request other = request(1, 0, ALL);
    other.digest = digest(77);
    open_group(&f, other);
}

Test(policy, what_was_rejected_is_not_opened_in_that_round)
{
    struct fixture f;
    start(&f);
    cr_assert_eq(release(&f, request(1, 0, ALL)), BG_OK);
    cr_assert_eq(blocks(&f, 0, BG_OK), BG_OK);
    cr_assert_eq(opened(&f, 0, BG_BAD_KNOWLEDGE), BG_OK);
    cr_expect_eq(f.action, BG_POLICY_DO_REJECT);
    cr_expect_eq(f.groups[0].release_set, 0);
    cr_expect_eq(f.policy.rounds, 0);
    cr_expect_eq(release(&f, request(1, 0, ALL)), BG_REFUSED);
    open_group(&f, request(2, 0, ALL));
    struct bg_policy_request rejected = request(7, 0, ALL);
    cr_assert_eq(bg_policy_restore_rejection(&f.policy, &rejected, &f.error), BG_OK);
    cr_expect_eq(release(&f, rejected), BG_REFUSED);
    open_group(&f, request(8, 0, ALL));
    rejected.group = GROUPS;
    cr_expect_eq(bg_policy_restore_rejection(&f.policy, &rejected, &f.error), BG_INVALID);
}

/* ---- epochs ---- */

Test(policy, epochs_follow_each_other)
{
    struct fixture f;
    start(&f);
    cr_expect_eq(begin_epoch(&f, 1), BG_REFUSED);
    cr_expect_eq(begin_epoch(&f, 3), BG_REFUSED);
    cr_expect_eq(begin_epoch(&f, 2), BG_OK);
}

Test(policy, a_new_epoch_counts_its_rounds_anew)
{
    struct fixture f;
    start(&f);
    open_group(&f, request(1, 0, ALL));
    open_group(&f, request(2, 0, ALL));
    deal(&f, 0);
    cr_assert_eq(begin_epoch(&f, 2), BG_OK);
    cr_assert_eq(show_plan(&f, 1), BG_OK);
    struct bg_policy_request partial = request(3, 0, ALL & ~1u);
    partial.epoch = 2;
    cr_expect_eq(release(&f, partial), BG_REFUSED);
}

Test(policy, stops_when_the_partitions_are_used_up)
{
    struct fixture f;
    start(&f);
    cr_expect_eq(begin_epoch(&f, 2), BG_OK);
    cr_expect_eq(begin_epoch(&f, 3), BG_OK);
    cr_expect_eq(begin_epoch(&f, 4), BG_REFUSED);
    cr_expect_not_null(strstr(f.error.text, "3 partitions"), "%s", f.error.text);
    cr_expect_eq(f.policy.epoch, 3);
}

/* ---- replay ---- */

Test(policy, restores_what_was_recorded)
{
    struct fixture f;
    start(&f);
    struct bg_policy_request recorded = request(6, 0, ALL);
    cr_assert_eq(bg_policy_restore(&f.policy, &recorded, &f.error), BG_OK);
    cr_assert_eq(release(&f, recorded), BG_OK);
    cr_expect_eq(f.action, BG_POLICY_DO_REPEAT);
    recorded.digest = digest(50);
    cr_expect_eq(release(&f, recorded), BG_REFUSED);
    cr_expect_eq(f.policy.rounds, 1);
    recorded.group = GROUPS;
    cr_expect_eq(bg_policy_restore(&f.policy, &recorded, &f.error), BG_INVALID);
    recorded = request(7, 0, 1u << MEMBERS);
    cr_expect_eq(bg_policy_restore(&f.policy, &recorded, &f.error), BG_INVALID);
    recorded = request(7, 0, 0);
    cr_expect_eq(bg_policy_restore(&f.policy, &recorded, &f.error), BG_INVALID);
}
