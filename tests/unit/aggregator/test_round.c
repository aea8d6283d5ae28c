/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/round.h"

#include <criterion/criterion.h>

#define GROUPS 4
#define DEADLINE 1000

struct fixture {
    struct bg_round round;
    struct bg_round_group groups[GROUPS];
    struct bg_round_action items[GROUPS + 3];
    struct bg_round_actions actions;
    uint64_t now;
};

static const struct bg_round_rules rules = {.group_least = 2, .full_rounds = 1, .quorum = 2, .holds_allowed = 3};
static const uint32_t all_groups[GROUPS] = {0, 1, 2, 3};

static void begin(struct fixture *f)
{
    static const uint32_t members[GROUPS] = {3, 3, 3, 2};
    *f = (struct fixture){.actions = {.items = f->items}};
    bg_round_begin_epoch(&f->round, &rules, f->groups, members, GROUPS);
}

static enum bg_status step(struct fixture *f, struct bg_round_event event)
{
    return bg_round_step(&f->round, &event, f->now, &f->actions);
}

static enum bg_status start(struct fixture *f, uint64_t number)
{
    f->now = 0;
    return step(f, (struct bg_round_event){.kind = BG_ROUND_START,
                                           .number = number,
                                           .deadline = DEADLINE,
                                           .invited = all_groups,
                                           .invited_count = GROUPS});
}

static bool acts(const struct fixture *f, enum bg_round_action_kind kind)
{
    for (size_t i = 0; i < f->actions.count; i++)
        if (f->actions.items[i].kind == kind)
            return true;
    return false;
}

static void bring(struct fixture *f, uint32_t group, uint32_t member)
{
    cr_assert_eq(step(f, (struct bg_round_event){.kind = BG_ROUND_ARRIVED, .group = group, .member = member}), BG_OK);
    cr_assert(acts(f, BG_ROUND_DO_FOLD));
}

static void fold(struct fixture *f, uint32_t group, uint32_t member)
{
    cr_assert_eq(step(f, (struct bg_round_event){.kind = BG_ROUND_FOLDED, .group = group, .member = member}), BG_OK);
}

static void bring_and_fold(struct fixture *f, uint32_t group)
{
    for (uint32_t member = 0; member < f->groups[group].member_count; member++) {
        bring(f, group, member);
        fold(f, group, member);
    }
}

static enum bg_status answer(struct fixture *f, uint32_t group, enum bg_status status)
{
    return step(f, (struct bg_round_event){.kind = BG_ROUND_ANSWERED, .group = group, .status = status});
}

static enum bg_status simple(struct fixture *f, enum bg_round_event_kind kind, enum bg_status status)
{
    return step(f, (struct bg_round_event){.kind = kind, .status = status});
}

/* Takes a fresh round to the given state; groups 0 and 1 are RELEASED, 2 and 3 gather where the state allows. */
static void reach(struct fixture *f, enum bg_round_state state)
{
    begin(f);
    if (state == BG_ROUND_IDLE)
        return;
    cr_assert_eq(start(f, 1), BG_OK);
    bring_and_fold(f, 0);
    bring_and_fold(f, 1);
    bring(f, 2, 0);
    if (state == BG_ROUND_OPEN)
        return;
    f->now = DEADLINE;
    cr_assert_eq(simple(f, BG_ROUND_TIME, BG_OK), BG_OK);
    if (state == BG_ROUND_CLOSING)
        return;
    fold(f, 2, 0);
    if (state == BG_ROUND_RELEASING)
        return;
    cr_assert_eq(answer(f, 0, BG_OK), BG_OK);
    cr_assert_eq(answer(f, 1, BG_OK), BG_OK);
    if (state == BG_ROUND_AGGREGATING)
        return;
    cr_assert_eq(simple(f, BG_ROUND_COMBINED, BG_OK), BG_OK);
    if (state == BG_ROUND_PUBLISHING)
        return;
    cr_assert_eq(simple(f, BG_ROUND_PUBLISHED, BG_OK), BG_OK);
}

Test(round, every_state_is_reached_by_the_events_of_its_diagram)
{
    for (unsigned state = 0; state < BG_ROUND_STATE_COUNT; state++) {
        struct fixture f;
        reach(&f, state);
        cr_assert_eq(f.round.state, state, "%s", bg_round_state_name(state));
    }
}

/* The event that would be right in some state: what it does in every state is the table below. */
static struct bg_round_event sample(enum bg_round_event_kind kind)
{
    struct bg_round_event event = {.kind = kind, .group = 2, .member = 0, .status = BG_OK};
    if (kind == BG_ROUND_START)
        event = (struct bg_round_event){
            .kind = kind, .number = 2, .deadline = DEADLINE, .invited = all_groups, .invited_count = GROUPS};
    if (kind == BG_ROUND_ARRIVED || kind == BG_ROUND_KEEPING)
        event.member = 1;
    if (kind == BG_ROUND_DEADLINE)
        event.deadline = 2 * DEADLINE;
    if (kind == BG_ROUND_ANSWERED)
        event.group = 0;
    if (kind == BG_ROUND_CANCEL)
        event.status = BG_TOO_LATE;
    if (kind == BG_ROUND_REPORTED)
        event.members = 7;
    return event;
}

#define NO BG_ROUND_STATE_COUNT /* refused: the state stays as it was */

static const enum bg_round_state next_state[BG_ROUND_STATE_COUNT][BG_ROUND_EVENT_COUNT] = {
    /* START  ARRIVED  FOLDED  TIME  ANSWERED  COMBINED  PUBLISHED  SETTLED  CANCEL  REPORTED  KEEPING  DEADLINE */
    [BG_ROUND_IDLE] = {BG_ROUND_OPEN, NO, NO, BG_ROUND_IDLE, NO, NO, NO, NO, NO, NO, NO, NO},
    [BG_ROUND_OPEN] = {NO, BG_ROUND_OPEN, BG_ROUND_OPEN, BG_ROUND_OPEN, BG_ROUND_OPEN, NO, NO, NO, BG_ROUND_ENDING,
                       BG_ROUND_OPEN, BG_ROUND_OPEN, BG_ROUND_OPEN},
    [BG_ROUND_CLOSING] = {NO, NO, BG_ROUND_RELEASING, BG_ROUND_CLOSING, BG_ROUND_CLOSING, NO, NO, NO,
                          BG_ROUND_ENDING, BG_ROUND_RELEASING, NO, NO},
    [BG_ROUND_RELEASING] = {NO, NO, NO, BG_ROUND_RELEASING, BG_ROUND_RELEASING, NO, NO, NO, BG_ROUND_ENDING, NO, NO,
                            NO},
    [BG_ROUND_AGGREGATING] = {NO, NO, NO, BG_ROUND_AGGREGATING, NO, BG_ROUND_PUBLISHING, NO, NO, BG_ROUND_ENDING, NO,
                              NO, NO},
    [BG_ROUND_PUBLISHING] = {NO, NO, NO, BG_ROUND_PUBLISHING, NO, NO, BG_ROUND_ENDING, NO, NO, NO, NO, NO},
    [BG_ROUND_ENDING] = {NO, NO, NO, BG_ROUND_ENDING, NO, NO, NO, BG_ROUND_IDLE, NO, NO, NO, NO},
};

Test(round, every_state_and_event_pair_does_what_the_table_says)
{
    for (unsigned state = 0; state < BG_ROUND_STATE_COUNT; state++) {
        for (unsigned kind = 0; kind < BG_ROUND_EVENT_COUNT; kind++) {
            struct fixture f;
            reach(&f, state);
            enum bg_status status = step(&f, sample(kind));
            enum bg_round_state expected = next_state[state][kind];
            cr_assert_eq(status == BG_OK, expected != NO, "%s, event %u: %s", bg_round_state_name(state), kind,
                         bg_status_text(status));
            cr_assert_eq(f.round.state, expected == NO ? (enum bg_round_state)state : expected, "%s, event %u",
                         bg_round_state_name(state), kind);
            if (expected == NO)
                cr_assert_eq(f.actions.count, 0);
        }
    }
}

/* ---- updates that are being made durable ---- */

static enum bg_status keep(struct fixture *f, uint32_t group, uint32_t member)
{
    return step(f, (struct bg_round_event){.kind = BG_ROUND_KEEPING, .group = group, .member = member});
}

static enum bg_status kept(struct fixture *f, uint32_t group, uint32_t member, enum bg_status status)
{
    return step(f, (struct bg_round_event){
                       .kind = BG_ROUND_ARRIVED, .group = group, .member = member, .status = status});
}

static enum bg_status pass_deadline(struct fixture *f)
{
    f->now = DEADLINE;
    return simple(f, BG_ROUND_TIME, BG_OK);
}

Test(round, an_update_that_is_being_kept_is_admitted_once)
{
    struct fixture f;
    reach(&f, BG_ROUND_OPEN);
    cr_assert_eq(keep(&f, 2, 1), BG_OK);
    cr_assert_eq(f.actions.count, 0, "nothing depends on it yet");
    cr_assert_eq(keep(&f, 2, 1), BG_DUPLICATE);
    cr_assert_eq(bg_round_admit(&f.round, 1, 0, 2, 1, f.now), BG_DUPLICATE);
    cr_assert_eq(kept(&f, 2, 1, BG_OK), BG_OK);
    cr_assert(acts(&f, BG_ROUND_DO_FOLD));
    cr_assert_eq(kept(&f, 2, 1, BG_OK), BG_DUPLICATE);
}

Test(round, one_that_could_not_be_kept_may_come_again)
{
    struct fixture f;
    reach(&f, BG_ROUND_OPEN);
    cr_assert_eq(keep(&f, 2, 1), BG_OK);
    cr_assert_eq(kept(&f, 2, 1, BG_IO), BG_OK);
    cr_assert_eq(f.actions.count, 0);
    cr_assert_eq(f.groups[2].arrived, 1);
    cr_assert_eq(bg_round_admit(&f.round, 1, 0, 2, 1, f.now), BG_OK);
    cr_assert_eq(kept(&f, 2, 1, BG_IO), BG_INVALID);
}

Test(round, waits_beyond_its_deadline_for_an_update_that_was_in_time)
{
    for (int durable = 0; durable < 2; durable++) {
        struct fixture f;
        reach(&f, BG_ROUND_OPEN);
        f.round.epoch_rounds = rules.full_rounds;
        cr_assert_eq(keep(&f, 2, 1), BG_OK);
        cr_assert_eq(pass_deadline(&f), BG_OK);
        cr_assert_eq(f.round.state, BG_ROUND_CLOSING);
        fold(&f, 2, 0);
        cr_assert_eq(f.round.state, BG_ROUND_CLOSING, "what comes of it is not known");
        cr_assert_eq(keep(&f, 2, 2), BG_INVALID, "too late");
        cr_assert_eq(kept(&f, 2, 1, durable ? BG_OK : BG_IO), BG_OK);
        if (durable) {
            cr_assert_eq(f.round.state, BG_ROUND_CLOSING);
            cr_assert(acts(&f, BG_ROUND_DO_FOLD));
            fold(&f, 2, 1);
        }
        cr_assert_eq(f.round.state, BG_ROUND_RELEASING);
        cr_assert_eq(f.groups[2].progress, durable ? BG_GROUP_RELEASED : BG_GROUP_SAT_OUT);
        cr_assert_eq(f.groups[2].release_set, durable ? 3 : 0);
    }
}

/* To a state in which an update of group 3, opened elsewhere by then, is still being kept. */
static void reach_keeping(struct fixture *f, enum bg_round_state state)
{
    begin(f);
    if (state == BG_ROUND_IDLE)
        return;
    cr_assert_eq(start(f, 1), BG_OK);
    cr_assert_eq(keep(f, 3, 0), BG_OK);
    cr_assert_eq(step(f, (struct bg_round_event){.kind = BG_ROUND_REPORTED, .group = 3, .members = 3}), BG_OK);
    bring_and_fold(f, 0);
    bring(f, 2, 0);
    if (state == BG_ROUND_OPEN)
        return;
    cr_assert_eq(pass_deadline(f), BG_OK);
    if (state == BG_ROUND_CLOSING)
        return;
    fold(f, 2, 0);
    if (state == BG_ROUND_RELEASING)
        return;
    cr_assert_eq(answer(f, 0, BG_OK), BG_OK);
    cr_assert_eq(answer(f, 3, BG_OK), BG_OK);
    if (state == BG_ROUND_AGGREGATING)
        return;
    cr_assert_eq(simple(f, BG_ROUND_COMBINED, BG_OK), BG_OK);
    if (state == BG_ROUND_PUBLISHING)
        return;
    cr_assert_eq(simple(f, BG_ROUND_PUBLISHED, BG_OK), BG_OK);
}

Test(round, what_was_in_time_arrives_in_every_state_until_the_outcome_is_fixed)
{
    for (unsigned state = 0; state < BG_ROUND_STATE_COUNT; state++) {
        for (int durable = 0; durable < 2; durable++) {
            struct fixture f;
            reach_keeping(&f, state);
            cr_assert_eq(f.round.state, state, "%s", bg_round_state_name(f.round.state));
            bool expected = state != BG_ROUND_IDLE && state != BG_ROUND_ENDING;
            cr_assert_eq(kept(&f, 3, 0, durable ? BG_OK : BG_IO) == BG_OK, expected, "%s", bg_round_state_name(state));
            cr_assert_eq(f.round.state, state);
            cr_assert_eq(f.actions.count, 0, "its group was opened elsewhere");
            cr_assert_eq(f.groups[3].arrived, expected && durable ? 1 : 0);
            cr_assert_eq(f.groups[3].keeping, 0);
        }
    }
}

Test(round, a_round_that_is_given_up_waits_for_nothing)
{
    struct fixture f;
    reach(&f, BG_ROUND_OPEN);
    cr_assert_eq(keep(&f, 2, 1), BG_OK);
    cr_assert_eq(simple(&f, BG_ROUND_CANCEL, BG_TOO_LATE), BG_OK);
    cr_assert_eq(f.round.state, BG_ROUND_ENDING);
    cr_assert_eq(kept(&f, 2, 1, BG_OK), BG_INVALID);
    cr_assert_eq(f.groups[2].arrived, 1);
}

Test(round, says_that_it_closes_before_it_releases_what_is_not_complete)
{
    struct fixture f;
    reach(&f, BG_ROUND_OPEN);
    f.round.epoch_rounds = rules.full_rounds;
    bring(&f, 2, 1);
    fold(&f, 2, 0);
    fold(&f, 2, 1);
    cr_assert_eq(pass_deadline(&f), BG_OK);
    cr_assert_eq(f.actions.count, 2);
    cr_assert_eq(f.items[0].kind, BG_ROUND_DO_CLOSE);
    cr_assert_eq(f.items[1].kind, BG_ROUND_DO_RELEASE);
    cr_assert_eq(f.items[1].group, 2);
}

Test(round, a_deadline_can_be_another_one)
{
    struct fixture f;
    reach(&f, BG_ROUND_OPEN);
    cr_assert_eq(step(&f, (struct bg_round_event){.kind = BG_ROUND_DEADLINE, .deadline = 2 * DEADLINE}), BG_OK);
    cr_assert_eq(f.actions.count, 1);
    cr_assert_eq(f.items[0].kind, BG_ROUND_DO_WAKE);
    cr_assert_eq(f.items[0].at, 2 * DEADLINE);
    cr_assert_eq(pass_deadline(&f), BG_OK);
    cr_assert_eq(f.round.state, BG_ROUND_OPEN);
    cr_assert_eq(bg_round_admit(&f.round, 1, 0, 2, 1, f.now), BG_OK);
    cr_assert_eq(step(&f, (struct bg_round_event){.kind = BG_ROUND_DEADLINE, .deadline = f.now}), BG_OK);
    cr_assert_eq(f.round.state, BG_ROUND_CLOSING);
    cr_assert(acts(&f, BG_ROUND_DO_CLOSE));
}

Test(round, refuses_events_that_do_not_exist)
{
    struct fixture f;
    begin(&f);
    cr_assert_eq(step(&f, (struct bg_round_event){.kind = BG_ROUND_EVENT_COUNT}), BG_INVALID);
}

Test(round, closes_early_when_every_group_is_complete)
{
    struct fixture f;
    begin(&f);
    cr_assert_eq(start(&f, 1), BG_OK);
    cr_assert(acts(&f, BG_ROUND_DO_WAKE));
    for (uint32_t group = 0; group < GROUPS; group++) {
        cr_assert_eq(f.round.state, BG_ROUND_OPEN);
        bring_and_fold(&f, group);
        cr_assert(acts(&f, BG_ROUND_DO_RELEASE), "released as soon as complete");
    }
    cr_assert_eq(f.round.state, BG_ROUND_RELEASING);
    for (uint32_t group = 0; group < GROUPS; group++)
        cr_assert_eq(answer(&f, group, BG_OK), BG_OK);
    cr_assert(acts(&f, BG_ROUND_DO_COMBINE));
    cr_assert_eq(bg_round_count(&f.round, BG_GROUP_OPENED), GROUPS);
    cr_assert_eq(bg_round_members(&f.round, 3), 3u);
}

Test(round, only_full_groups_open_in_the_first_rounds)
{
    struct fixture f;
    reach(&f, BG_ROUND_RELEASING);
    cr_assert_eq(f.groups[2].progress, BG_GROUP_SAT_OUT);
    cr_assert_eq(f.groups[2].release_set, 0u);
}

/* Ends the running round with groups 0 and 1 opened. */
static void finish_round(struct fixture *f)
{
    cr_assert_eq(answer(f, 0, BG_OK), BG_OK);
    cr_assert_eq(answer(f, 1, BG_OK), BG_OK);
}

static void settle(struct fixture *f)
{
    cr_assert_eq(simple(f, BG_ROUND_COMBINED, BG_OK), BG_OK);
    cr_assert_eq(simple(f, BG_ROUND_PUBLISHED, BG_OK), BG_OK);
    cr_assert_eq(simple(f, BG_ROUND_SETTLED, BG_OK), BG_OK);
}

Test(round, a_partial_group_fixes_its_release_set_and_keeps_it)
{
    struct fixture f;
    reach(&f, BG_ROUND_RELEASING);
    finish_round(&f);
    settle(&f);
    cr_assert_eq(start(&f, 2), BG_OK);
    bring_and_fold(&f, 0);
    bring_and_fold(&f, 1);
    bring(&f, 2, 0);
    bring(&f, 2, 2);
    fold(&f, 2, 0);
    f.now = DEADLINE;
    cr_assert_eq(simple(&f, BG_ROUND_TIME, BG_OK), BG_OK);
    cr_assert_eq(f.round.state, BG_ROUND_CLOSING, "a fold is outstanding");
    fold(&f, 2, 2);
    cr_assert_eq(f.groups[2].release_set, 5u);
    finish_round(&f);
    cr_assert_eq(answer(&f, 2, BG_OK), BG_OK);
    settle(&f);

    cr_assert_eq(start(&f, 3), BG_OK);
    cr_assert_eq(bg_round_admit(&f.round, 3, 0, 2, 1, 0), BG_REFUSED, "member 1 is not in the release set");
    cr_assert_eq(bg_round_admit(&f.round, 3, 0, 2, 2, 0), BG_OK);
    bring(&f, 2, 0);
    fold(&f, 2, 0);
    f.now = DEADLINE;
    cr_assert_eq(simple(&f, BG_ROUND_TIME, BG_OK), BG_OK);
    cr_assert_eq(f.groups[2].progress, BG_GROUP_SAT_OUT, "never opened for less than its release set");
    cr_assert_eq(f.round.outcome, BG_TOO_FEW);
}

Test(round, a_refused_first_opening_frees_the_release_set)
{
    struct fixture f;
    reach(&f, BG_ROUND_RELEASING);
    cr_assert_eq(answer(&f, 0, BG_REFUSED), BG_OK);
    cr_assert_eq(f.groups[0].progress, BG_GROUP_REFUSED);
    cr_assert_eq(f.groups[0].release_set, 0u);
}

Test(round, an_invalid_group_is_not_used_and_does_not_count_for_the_quorum)
{
    struct fixture f;
    reach(&f, BG_ROUND_RELEASING);
    cr_assert_eq(answer(&f, 0, BG_OUT_OF_RANGE), BG_OK);
    cr_assert_eq(answer(&f, 1, BG_OK), BG_OK);
    cr_assert_eq(f.round.state, BG_ROUND_ENDING);
    cr_assert_eq(f.round.outcome, BG_TOO_FEW);
    cr_assert_eq(bg_round_members(&f.round, 0), 7u, "a receipt says whose sum it was");
    cr_assert_eq(f.groups[0].release_set, 7u, "it was opened: its release set is final");
}

Test(round, a_lost_update_makes_its_group_sit_out)
{
    struct fixture f;
    begin(&f);
    cr_assert_eq(start(&f, 1), BG_OK);
    for (uint32_t group = 0; group < 3; group++)
        bring_and_fold(&f, group);
    bring(&f, 3, 0);
    bring(&f, 3, 1);
    fold(&f, 3, 0);
    struct bg_round_event lost = {.kind = BG_ROUND_FOLDED, .group = 3, .member = 1, .status = BG_NO_MEMORY};
    cr_assert_eq(step(&f, lost), BG_OK);
    cr_assert_eq(f.groups[3].progress, BG_GROUP_SAT_OUT);
    cr_assert_eq(f.round.state, BG_ROUND_RELEASING);
}

Test(round, admits_each_update_once_and_only_while_open)
{
    struct fixture f;
    begin(&f);
    cr_assert_eq(bg_round_admit(&f.round, 0, 0, 0, 0, 0), BG_WRONG_ROUND);
    cr_assert_eq(start(&f, 7), BG_OK);
    cr_assert_eq(bg_round_admit(&f.round, 7, 0, 0, 0, 0), BG_OK);
    cr_assert_eq(bg_round_admit(&f.round, 6, 0, 0, 0, 0), BG_WRONG_ROUND);
    cr_assert_eq(bg_round_admit(&f.round, 7, 1, 0, 0, 0), BG_WRONG_ROUND);
    cr_assert_eq(bg_round_admit(&f.round, 7, 0, GROUPS, 0, 0), BG_UNKNOWN_CLIENT);
    cr_assert_eq(bg_round_admit(&f.round, 7, 0, 3, 2, 0), BG_UNKNOWN_CLIENT);
    cr_assert_eq(bg_round_admit(&f.round, 7, 0, 0, 0, DEADLINE), BG_TOO_LATE);
    bring(&f, 0, 0);
    cr_assert_eq(bg_round_admit(&f.round, 7, 0, 0, 0, 0), BG_DUPLICATE);
    struct bg_round_event again = {.kind = BG_ROUND_ARRIVED, .group = 0, .member = 0};
    cr_assert_eq(step(&f, again), BG_DUPLICATE);
}

Test(round, starts_only_with_a_later_round_or_attempt_and_known_groups)
{
    static const uint32_t twice[] = {1, 1};
    static const uint32_t unknown[] = {GROUPS};
    struct fixture f;
    begin(&f);
    struct bg_round_event event = {.kind = BG_ROUND_START, .number = 1, .deadline = DEADLINE};
    cr_assert_eq(step(&f, event), BG_INVALID, "nobody invited");
    event.invited = twice;
    event.invited_count = 2;
    cr_assert_eq(step(&f, event), BG_INVALID);
    event.invited = unknown;
    event.invited_count = 1;
    cr_assert_eq(step(&f, event), BG_INVALID);
    cr_assert_eq(start(&f, 3), BG_OK);
    cr_assert_eq(simple(&f, BG_ROUND_CANCEL, BG_TOO_LATE), BG_OK);
    cr_assert_eq(simple(&f, BG_ROUND_SETTLED, BG_OK), BG_OK);
    cr_assert_eq(start(&f, 2), BG_INVALID);
    cr_assert_eq(start(&f, 3), BG_INVALID);
    event = (struct bg_round_event){.kind = BG_ROUND_START,
                                    .number = 3,
                                    .attempt = 1,
                                    .deadline = DEADLINE,
                                    .invited = all_groups,
                                    .invited_count = GROUPS};
    cr_assert_eq(step(&f, event), BG_OK);
}

Test(round, holds_twice_and_then_abandons_for_the_margin)
{
    struct fixture f;
    begin(&f);
    for (uint64_t number = 1; number <= 4; number++) {
        cr_assert_eq(start(&f, number), BG_OK);
        for (uint32_t group = 0; group < GROUPS; group++)
            bring_and_fold(&f, group);
        for (uint32_t group = 0; group < GROUPS; group++)
            cr_assert_eq(answer(&f, group, BG_OK), BG_OK);
        cr_assert_eq(simple(&f, BG_ROUND_COMBINED, BG_MARGIN), BG_OK);
        cr_assert_eq(f.round.outcome, BG_MARGIN);
        cr_assert_eq(f.round.held, number != 3, "round %llu", (unsigned long long)number);
        cr_assert_not(acts(&f, BG_ROUND_DO_PUBLISH));
        cr_assert_eq(simple(&f, BG_ROUND_SETTLED, BG_OK), BG_OK);
    }
}

Test(round, a_model_that_cannot_be_published_abandons_the_round)
{
    struct fixture f;
    reach(&f, BG_ROUND_PUBLISHING);
    cr_assert_eq(simple(&f, BG_ROUND_PUBLISHED, BG_IO), BG_OK);
    cr_assert_eq(f.round.outcome, BG_IO);
    cr_assert(acts(&f, BG_ROUND_DO_SETTLE));
}

static enum bg_status report(struct fixture *f, uint32_t group, uint64_t members, enum bg_status status)
{
    return step(f, (struct bg_round_event){
                       .kind = BG_ROUND_REPORTED, .group = group, .members = members, .status = status});
}

Test(round, fetches_what_was_opened_elsewhere_and_closes_when_all_of_it_is_known)
{
    struct fixture f;
    begin(&f);
    cr_assert_eq(start(&f, 1), BG_OK);
    for (uint32_t group = 0; group < 3; group++) {
        cr_assert_eq(report(&f, group, 7, BG_OK), BG_OK);
        cr_assert(acts(&f, BG_ROUND_DO_FETCH));
        cr_assert_eq(f.actions.items[0].members, 7u);
        cr_assert_eq(f.groups[group].elsewhere, 7u);
        cr_assert_eq(report(&f, group, 7, BG_OK), BG_INVALID, "once is enough");
    }
    cr_assert_eq(f.round.state, BG_ROUND_OPEN);
    bring_and_fold(&f, 3);
    cr_assert_eq(f.round.state, BG_ROUND_RELEASING, "nothing is left to gather");
    for (uint32_t group = 0; group < GROUPS; group++)
        cr_assert_eq(answer(&f, group, BG_OK), BG_OK);
    cr_assert(acts(&f, BG_ROUND_DO_COMBINE));
    cr_assert_eq(bg_round_members(&f.round, 0), 7u);
}

Test(round, keeps_gathering_a_group_that_sat_out_elsewhere)
{
    struct fixture f;
    begin(&f);
    cr_assert_eq(start(&f, 1), BG_OK);
    cr_assert_eq(report(&f, 0, 5, BG_TOO_FEW), BG_OK);
    cr_assert_eq(f.actions.count, 0);
    cr_assert_eq(f.groups[0].elsewhere, 5u);
    cr_assert_eq(f.groups[0].progress, BG_GROUP_GATHERING);
    cr_assert_eq(f.groups[0].release_set, 0u);
    bring_and_fold(&f, 0);
    cr_assert_eq(f.groups[0].progress, BG_GROUP_RELEASED, "here it was complete");
    cr_assert_eq(report(&f, 0, 7, BG_OK), BG_INVALID);
    cr_assert_eq(start(&f, 2), BG_INVALID);
    cr_assert_eq(simple(&f, BG_ROUND_CANCEL, BG_TOO_LATE), BG_OK);
    cr_assert_eq(simple(&f, BG_ROUND_SETTLED, BG_OK), BG_OK);
    cr_assert_eq(start(&f, 2), BG_OK);
    cr_assert_eq(f.groups[0].elsewhere, 0u, "of one round only");
}

Test(round, takes_a_copy_of_an_update_that_was_opened_elsewhere_without_folding_it)
{
    struct fixture f;
    begin(&f);
    cr_assert_eq(start(&f, 1), BG_OK);
    bring(&f, 0, 0);
    cr_assert_eq(report(&f, 0, 7, BG_OK), BG_OK);
    cr_assert_eq(step(&f, (struct bg_round_event){.kind = BG_ROUND_FOLDED, .group = 0}), BG_INVALID);
    cr_assert_eq(step(&f, (struct bg_round_event){.kind = BG_ROUND_ARRIVED, .group = 0, .member = 1}), BG_OK);
    cr_assert_not(acts(&f, BG_ROUND_DO_FOLD));
    cr_assert_eq(f.groups[0].arrived, 3u);
    cr_assert_eq(f.groups[0].progress, BG_GROUP_RELEASED);
}

Test(round, refuses_reports_of_nobody_of_strangers_and_of_another_release_set)
{
    struct fixture f;
    begin(&f);
    bg_round_recall(&f.round, 0, 5);
    cr_assert_eq(start(&f, 1), BG_OK);
    cr_assert_eq(bg_round_admit(&f.round, 1, 0, 0, 1, 0), BG_REFUSED, "what was opened before is remembered");
    cr_assert_eq(report(&f, 1, 0, BG_OK), BG_INVALID);
    cr_assert_eq(report(&f, 1, 8, BG_OK), BG_INVALID);
    cr_assert_eq(report(&f, GROUPS, 7, BG_OK), BG_INVALID);
    cr_assert_eq(report(&f, 0, 7, BG_OK), BG_REFUSED);
    cr_assert_eq(f.groups[0].release_set, 5u);
    cr_assert_eq(report(&f, 0, 5, BG_OK), BG_OK);
}

Test(round, an_edge_ends_without_a_quorum)
{
    struct fixture f;
    begin(&f);
    f.round.rules.quorum = 0;
    cr_assert_eq(start(&f, 1), BG_OK);
    f.now = DEADLINE;
    cr_assert_eq(simple(&f, BG_ROUND_TIME, BG_OK), BG_OK);
    cr_assert(acts(&f, BG_ROUND_DO_COMBINE));
    cr_assert_eq(simple(&f, BG_ROUND_COMBINED, BG_OK), BG_OK);
    cr_assert_eq(simple(&f, BG_ROUND_PUBLISHED, BG_OK), BG_OK);
    cr_assert_eq(simple(&f, BG_ROUND_SETTLED, BG_OK), BG_OK);
    cr_assert_eq(f.round.epoch_rounds, 0u);
}
