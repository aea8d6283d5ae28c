/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/round.h"

#include <assert.h>

static uint64_t full_mask(uint32_t members)
{
    return members >= 64 ? UINT64_MAX : ((uint64_t)1 << members) - 1;
}

static uint64_t member_bit(uint32_t member)
{
    return (uint64_t)1 << member;
}

static void emit(struct bg_round_actions *actions, struct bg_round_action action)
{
    actions->items[actions->count++] = action;
}

void bg_round_begin_epoch(struct bg_round *round, const struct bg_round_rules *rules, struct bg_round_group *groups,
                          const uint32_t *member_counts, size_t group_count)
{
    assert(round->state == BG_ROUND_IDLE);
    round->rules = *rules;
    round->groups = groups;
    round->group_count = group_count;
    round->epoch_rounds = 0;
    for (size_t i = 0; i < group_count; i++)
        groups[i] = (struct bg_round_group){.member_count = member_counts[i]};
}

/* The members that must have arrived before the group may be opened early. */
static uint64_t wanted(const struct bg_round_group *group)
{
    return group->release_set ? group->release_set : full_mask(group->member_count);
}

enum bg_status bg_round_admit(const struct bg_round *round, uint64_t number, uint32_t attempt, uint32_t group,
                              uint32_t member, uint64_t now)
{
    if (number != round->number || attempt != round->attempt || round->state == BG_ROUND_IDLE)
        return BG_WRONG_ROUND;
    if (group >= round->group_count || round->groups[group].progress == BG_GROUP_NOT_INVITED ||
        member >= round->groups[group].member_count)
        return BG_UNKNOWN_CLIENT;
    const struct bg_round_group *g = &round->groups[group];
    if ((g->arrived | g->keeping) & member_bit(member))
        return BG_DUPLICATE;
    if (!(wanted(g) & member_bit(member)))
        return BG_REFUSED;
    if (round->state != BG_ROUND_OPEN || now >= round->deadline)
        return BG_TOO_LATE;
    return BG_OK;
}

/* Opened for exactly `members` from now on. */
static void release(struct bg_round *round, uint32_t index, uint64_t members, struct bg_round_actions *actions)
{
    struct bg_round_group *group = &round->groups[index];
    group->release_set = members;
    group->progress = BG_GROUP_RELEASED;
    emit(actions, (struct bg_round_action){.kind = BG_ROUND_DO_RELEASE, .group = index, .members = members});
}

static bool is_settled(const struct bg_round_group *group)
{
    return group->progress != BG_GROUP_GATHERING && group->progress != BG_GROUP_RELEASED;
}

static void end(struct bg_round *round, enum bg_status outcome, struct bg_round_actions *actions)
{
    round->outcome = outcome;
    round->state = BG_ROUND_ENDING;
    for (size_t i = 0; i < round->group_count; i++) {
        round->groups[i].keeping = 0;
        if (!is_settled(&round->groups[i]))
            round->groups[i].progress = BG_GROUP_SAT_OUT;
    }
    emit(actions, (struct bg_round_action){.kind = BG_ROUND_DO_SETTLE});
}

/* RELEASING: moves on when every group has been answered. */
static void settle_openings(struct bg_round *round, struct bg_round_actions *actions)
{
    for (size_t i = 0; i < round->group_count; i++)
        if (!is_settled(&round->groups[i]))
            return;
    if (bg_round_count(round, BG_GROUP_OPENED) + bg_round_count(round, BG_GROUP_INVALID) > 0)
        round->epoch_rounds++;
    if (bg_round_count(round, BG_GROUP_OPENED) < round->rules.quorum) {
        end(round, BG_TOO_FEW, actions);
        return;
    }
    round->state = BG_ROUND_AGGREGATING;
    emit(actions, (struct bg_round_action){.kind = BG_ROUND_DO_COMBINE});
}

/* The last word on a group that has been gathering when the round closed and whose folds are done. */
static void close_group(struct bg_round *round, uint32_t index, struct bg_round_actions *actions)
{
    struct bg_round_group *group = &round->groups[index];
    uint32_t members = (uint32_t)__builtin_popcountll(group->folded);
    bool whole = group->folded == wanted(group);
    bool first_of_partial = !group->release_set && round->epoch_rounds >= round->rules.full_rounds &&
                            members >= round->rules.group_least;
    if (!group->lost && (whole || first_of_partial))
        release(round, index, group->folded, actions);
    else
        group->progress = BG_GROUP_SAT_OUT;
}

/* OPEN or CLOSING: closes when there is nothing left to gather, releases when there is nothing left to fold. */
static void settle_gathering(struct bg_round *round, uint64_t now, struct bg_round_actions *actions)
{
    if (round->state == BG_ROUND_OPEN) {
        bool all_arrived = true;
        for (size_t i = 0; i < round->group_count; i++) {
            const struct bg_round_group *group = &round->groups[i];
            if (group->progress == BG_GROUP_GATHERING && group->arrived != wanted(group))
                all_arrived = false;
        }
        if (!all_arrived && now < round->deadline)
            return;
        round->state = BG_ROUND_CLOSING;
        emit(actions, (struct bg_round_action){.kind = BG_ROUND_DO_CLOSE});
    }
    for (size_t i = 0; i < round->group_count; i++) {
        const struct bg_round_group *group = &round->groups[i];
        if (group->progress == BG_GROUP_GATHERING &&
            (group->keeping || group->arrived != (group->folded | group->lost)))
            return;
    }
    round->state = BG_ROUND_RELEASING;
    for (size_t i = 0; i < round->group_count; i++)
        if (round->groups[i].progress == BG_GROUP_GATHERING)
            close_group(round, (uint32_t)i, actions);
    settle_openings(round, actions);
}

static enum bg_status start(struct bg_round *round, const struct bg_round_event *event,
                            struct bg_round_actions *actions)
{
    if (event->invited_count == 0 || event->number < round->number ||
        (event->number == round->number && event->attempt <= round->attempt && round->number != 0))
        return BG_INVALID;
    for (size_t i = 0; i < event->invited_count; i++)
        if (event->invited[i] >= round->group_count || (i > 0 && event->invited[i] <= event->invited[i - 1]))
            return BG_INVALID;
    for (size_t i = 0; i < round->group_count; i++) {
        struct bg_round_group *group = &round->groups[i];
        group->keeping = group->arrived = group->folded = group->lost = group->elsewhere = 0;
        group->progress = BG_GROUP_NOT_INVITED;
    }
    for (size_t i = 0; i < event->invited_count; i++)
        round->groups[event->invited[i]].progress = BG_GROUP_GATHERING;
    round->invited = event->invited_count;
    round->number = event->number;
    round->attempt = event->attempt;
    round->deadline = event->deadline;
    round->held = false;
    round->outcome = BG_OK;
    round->state = BG_ROUND_OPEN;
    emit(actions, (struct bg_round_action){.kind = BG_ROUND_DO_WAKE, .at = event->deadline});
    return BG_OK;
}

/* One that was admitted in time, in whatever state the round is by now. */
static bool is_kept(const struct bg_round *round, const struct bg_round_event *event)
{
    return event->group < round->group_count && event->member < round->groups[event->group].member_count &&
           round->groups[event->group].keeping & member_bit(event->member);
}

static enum bg_status keeping(struct bg_round *round, const struct bg_round_event *event, uint64_t now)
{
    enum bg_status status = bg_round_admit(round, round->number, round->attempt, event->group, event->member, now);
    if (status == BG_OK)
        round->groups[event->group].keeping |= member_bit(event->member);
    return status;
}

static enum bg_status arrived(struct bg_round *round, const struct bg_round_event *event, uint64_t now,
                              struct bg_round_actions *actions)
{
    if (!is_kept(round, event)) {
        if (round->state != BG_ROUND_OPEN || event->status != BG_OK)
            return BG_INVALID;
        enum bg_status status = bg_round_admit(round, round->number, round->attempt, event->group, event->member, now);
        if (status != BG_OK)
            return status;
    }
    struct bg_round_group *group = &round->groups[event->group];
    group->keeping &= ~member_bit(event->member);
    if (event->status == BG_OK)
        group->arrived |= member_bit(event->member);
    /* A group that was opened elsewhere takes a late copy of an update, but has no use for it. */
    if (event->status == BG_OK && group->progress == BG_GROUP_GATHERING)
        emit(actions, (struct bg_round_action){
                          .kind = BG_ROUND_DO_FOLD, .group = event->group, .member = event->member});
    else if (round->state == BG_ROUND_CLOSING)
        settle_gathering(round, now, actions);
    return BG_OK;
}

static enum bg_status new_deadline(struct bg_round *round, const struct bg_round_event *event, uint64_t now,
                                   struct bg_round_actions *actions)
{
    round->deadline = event->deadline;
    if (now < round->deadline)
        emit(actions, (struct bg_round_action){.kind = BG_ROUND_DO_WAKE, .at = event->deadline});
    settle_gathering(round, now, actions);
    return BG_OK;
}

static enum bg_status folded(struct bg_round *round, const struct bg_round_event *event, uint64_t now,
                             struct bg_round_actions *actions)
{
    struct bg_round_group *group = event->group < round->group_count ? &round->groups[event->group] : NULL;
    if (!group || group->progress != BG_GROUP_GATHERING || event->member >= group->member_count)
        return BG_INVALID;
    uint64_t bit = member_bit(event->member);
    if (!(group->arrived & bit) || ((group->folded | group->lost) & bit))
        return BG_INVALID;
    if (event->status == BG_OK)
        group->folded |= bit;
    else
        group->lost |= bit;
    if (group->folded == wanted(group))
        release(round, event->group, group->folded, actions);
    settle_gathering(round, now, actions);
    return BG_OK;
}

static enum bg_status answered(struct bg_round *round, const struct bg_round_event *event,
                               struct bg_round_actions *actions)
{
    struct bg_round_group *group = event->group < round->group_count ? &round->groups[event->group] : NULL;
    if (!group || group->progress != BG_GROUP_RELEASED)
        return BG_INVALID;
    if (event->status == BG_OK || event->status == BG_OUT_OF_RANGE) {
        group->opened = true;
        group->progress = event->status == BG_OK ? BG_GROUP_OPENED : BG_GROUP_INVALID;
    } else {
        group->progress = BG_GROUP_REFUSED;
        if (!group->opened)
            group->release_set = 0;
    }
    if (round->state == BG_ROUND_RELEASING)
        settle_openings(round, actions);
    return BG_OK;
}

static enum bg_status reported(struct bg_round *round, const struct bg_round_event *event, uint64_t now,
                               struct bg_round_actions *actions)
{
    struct bg_round_group *group = event->group < round->group_count ? &round->groups[event->group] : NULL;
    if (!group || group->progress != BG_GROUP_GATHERING || !event->members ||
        (event->members & ~full_mask(group->member_count)))
        return BG_INVALID;
    if (event->status == BG_OK && group->opened && event->members != group->release_set)
        return BG_REFUSED;
    group->elsewhere |= event->members;
    if (event->status != BG_OK)
        return BG_OK;
    group->release_set = event->members;
    group->progress = BG_GROUP_RELEASED;
    emit(actions, (struct bg_round_action){
                      .kind = BG_ROUND_DO_FETCH, .group = event->group, .members = event->members});
    settle_gathering(round, now, actions);
    return BG_OK;
}

static enum bg_status combined(struct bg_round *round, const struct bg_round_event *event,
                               struct bg_round_actions *actions)
{
    if (event->status == BG_OK) {
        round->holds = 0;
        round->state = BG_ROUND_PUBLISHING;
        emit(actions, (struct bg_round_action){.kind = BG_ROUND_DO_PUBLISH});
        return BG_OK;
    }
    if (event->status == BG_MARGIN) {
        round->holds++;
        round->held = round->holds < round->rules.holds_allowed;
        if (!round->held)
            round->holds = 0;
    }
    end(round, event->status, actions);
    return BG_OK;
}

/* Which states expect which event. */
static const bool expected[BG_ROUND_STATE_COUNT][BG_ROUND_EVENT_COUNT] = {
    [BG_ROUND_IDLE] = {[BG_ROUND_START] = true, [BG_ROUND_TIME] = true},
    [BG_ROUND_OPEN] = {[BG_ROUND_ARRIVED] = true,
                       [BG_ROUND_FOLDED] = true,
                       [BG_ROUND_ANSWERED] = true,
                       [BG_ROUND_TIME] = true,
                       [BG_ROUND_CANCEL] = true,
                       [BG_ROUND_REPORTED] = true,
                       [BG_ROUND_KEEPING] = true,
                       [BG_ROUND_DEADLINE] = true},
    [BG_ROUND_CLOSING] = {[BG_ROUND_ARRIVED] = true,
                          [BG_ROUND_FOLDED] = true,
                          [BG_ROUND_ANSWERED] = true,
                          [BG_ROUND_TIME] = true,
                          [BG_ROUND_CANCEL] = true,
                          [BG_ROUND_REPORTED] = true},
    [BG_ROUND_RELEASING] = {[BG_ROUND_ARRIVED] = true,
                            [BG_ROUND_ANSWERED] = true,
                            [BG_ROUND_TIME] = true,
                            [BG_ROUND_CANCEL] = true},
    [BG_ROUND_AGGREGATING] = {[BG_ROUND_ARRIVED] = true,
                              [BG_ROUND_COMBINED] = true,
                              [BG_ROUND_TIME] = true,
                              [BG_ROUND_CANCEL] = true},
    [BG_ROUND_PUBLISHING] = {[BG_ROUND_ARRIVED] = true, [BG_ROUND_PUBLISHED] = true, [BG_ROUND_TIME] = true},
    [BG_ROUND_ENDING] = {[BG_ROUND_SETTLED] = true, [BG_ROUND_TIME] = true},
};

enum bg_status bg_round_step(struct bg_round *round, const struct bg_round_event *event, uint64_t now,
                             struct bg_round_actions *actions)
{
    actions->count = 0;
    if (event->kind >= BG_ROUND_EVENT_COUNT || !expected[round->state][event->kind])
        return BG_INVALID;
    switch (event->kind) {
    case BG_ROUND_START:
        return start(round, event, actions);
    case BG_ROUND_ARRIVED:
        return arrived(round, event, now, actions);
    case BG_ROUND_FOLDED:
        return folded(round, event, now, actions);
    case BG_ROUND_ANSWERED:
        return answered(round, event, actions);
    case BG_ROUND_COMBINED:
        return combined(round, event, actions);
    case BG_ROUND_TIME:
        if (round->state == BG_ROUND_OPEN && now >= round->deadline)
            settle_gathering(round, now, actions);
        return BG_OK;
    case BG_ROUND_PUBLISHED:
        end(round, event->status, actions);
        return BG_OK;
    case BG_ROUND_SETTLED:
        round->state = BG_ROUND_IDLE;
        return BG_OK;
    case BG_ROUND_CANCEL:
        if (event->status == BG_OK)
            return BG_INVALID;
        end(round, event->status, actions);
        return BG_OK;
    case BG_ROUND_REPORTED:
        return reported(round, event, now, actions);
    case BG_ROUND_KEEPING:
        return keeping(round, event, now);
    case BG_ROUND_DEADLINE:
        return new_deadline(round, event, now, actions);
    case BG_ROUND_EVENT_COUNT:
        break;
    }
    return BG_INVALID;
}

void bg_round_recall(struct bg_round *round, uint32_t group, uint64_t members)
{
    assert(round->state == BG_ROUND_IDLE && group < round->group_count);
    round->groups[group].release_set = members;
    round->groups[group].opened = true;
}

uint64_t bg_round_members(const struct bg_round *round, uint32_t group)
{
    if (group >= round->group_count)
        return 0;
    const struct bg_round_group *g = &round->groups[group];
    return g->progress == BG_GROUP_OPENED || g->progress == BG_GROUP_INVALID ? g->release_set : 0;
}

size_t bg_round_count(const struct bg_round *round, enum bg_group_progress progress)
{
    size_t count = 0;
    for (size_t i = 0; i < round->group_count; i++)
        count += round->groups[i].progress == progress;
    return count;
}

size_t bg_round_clients(const struct bg_round *round)
{
    size_t count = 0;
    for (size_t g = 0; g < round->group_count; g++)
        if (round->groups[g].progress != BG_GROUP_NOT_INVITED)
            count += round->groups[g].member_count;
    return count;
}

const char *bg_round_state_name(enum bg_round_state state)
{
    static const char *const names[BG_ROUND_STATE_COUNT] = {"IDLE",        "OPEN",       "CLOSING", "RELEASING",
                                                            "AGGREGATING", "PUBLISHING", "ENDING"};
    return state < BG_ROUND_STATE_COUNT ? names[state] : "?";
}
