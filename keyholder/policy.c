/* SPDX-License-Identifier: Apache-2.0 */
#include "keyholder/policy.h"

#define ULL(value) ((unsigned long long)(value))

static uint64_t full_mask(uint32_t members)
{
    return members >= 64 ? UINT64_MAX : ((uint64_t)1 << members) - 1;
}

void bg_policy_init(struct bg_policy *policy, const struct bg_policy_rules *rules, uint64_t *next_rounds)
{
    *policy = (struct bg_policy){.rules = *rules, .next_rounds = next_rounds};
}

enum bg_policy_state bg_policy_state(const struct bg_policy *policy, uint32_t group)
{
    if (policy->locked)
        return BG_POLICY_LOCKED;
    if (!policy->epoch || group >= policy->group_count)
        return BG_POLICY_NO_EPOCH;
    return policy->groups[group].state;
}

const char *bg_policy_state_name(enum bg_policy_state state)
{
    static const char *const names[BG_POLICY_STATE_COUNT] = {"NO_EPOCH", "READY", "CHALLENGED", "OPENING", "LOCKED"};
    return state < BG_POLICY_STATE_COUNT ? names[state] : "?";
}

static enum bg_status refuse_locked(struct bg_error *error)
{
    return bg_fail(error, BG_REFUSED, "the key holder is locked: a product was not made of the members' blocks; "
                                      "an operator must look at the aggregator and clear it");
}

static enum bg_status refuse_request_locked(const struct bg_policy_request *request, struct bg_error *error)
{
    refuse_locked(error);
    return bg_fail_in(error, BG_REFUSED, "round %llu, group %u", ULL(request->round), request->group);
}

static enum bg_status unexpected(const struct bg_policy *policy, const char *event, struct bg_error *error)
{
    return bg_fail(error, BG_INVALID, "%s: not expected %s", event, policy->locked ? "while locked" : "now");
}

/* ---- epochs and plans ---- */

static enum bg_status on_epoch(struct bg_policy *policy, const struct bg_policy_event *event, struct bg_error *error)
{
    if (policy->locked)
        return refuse_locked(error);
    if (policy->in_flight)
        return bg_fail(error, BG_BUSY, "epoch %llu: %zu openings of epoch %llu are under way", ULL(event->epoch),
                       policy->in_flight, ULL(policy->epoch));
    if (event->epoch != policy->epoch + 1)
        return bg_fail(error, BG_REFUSED, "epoch %llu: the next one is %llu", ULL(event->epoch),
                       ULL(policy->epoch + 1));
    if (event->epoch > policy->rules.partitions)
        return bg_fail(error, BG_REFUSED,
                       "epoch %llu: the %u partitions that this key may see are used up, more would tell members of "
                       "different groups apart; make a new key, or raise groups.partitions",
                       ULL(event->epoch), policy->rules.partitions);
    policy->epoch = event->epoch;
    policy->rules.group_least = event->group_least;
    policy->groups = event->groups;
    policy->group_count = event->group_count;
    policy->has_plan = false;
    policy->rounds = policy->newest_round = policy->full_until = 0;
    return BG_OK;
}

static enum bg_status on_plan(struct bg_policy *policy, const struct bg_policy_event *event, struct bg_error *error)
{
    if (policy->locked)
        return refuse_locked(error);
    if (!policy->epoch || event->epoch != policy->epoch)
        return bg_fail(error, BG_STALE_PLAN, "plan: of epoch %llu, the key holder is in epoch %llu",
                       ULL(event->epoch), ULL(policy->epoch));
    policy->has_plan = true;
    policy->plan_id = event->plan_id;
    return BG_OK;
}

/* ---- releases ---- */

static enum bg_status refuse_client(const struct bg_policy_group *group, uint32_t member, enum bg_status status,
                                    const struct bg_policy_request *request, const char *why, struct bg_error *error)
{
    char hex[2 * BG_DIGEST_BYTES + 1];
    bg_digest_to_hex(&group->group.members[member], hex);
    return bg_fail(error, status, "round %llu, group %u: client %s %s", ULL(request->round), request->group, hex, why);
}

/* Every member's round is new: none may be in two opened sums, and what was opened later stays the last word. */
static enum bg_status check_rounds(const struct bg_policy *policy, const struct bg_policy_group *group,
                                   const struct bg_policy_request *request, struct bg_error *error)
{
    for (uint32_t m = 0; m < group->group.member_count; m++) {
        uint64_t next = policy->next_rounds[group->clients[m]];
        if (!(request->members >> m & 1) || request->round >= next)
            continue;
        if (next == BG_POLICY_NEVER)
            return refuse_client(group, m, BG_UNKNOWN_CLIENT, request,
                                 "was revoked: its group is opened without it, or not in this epoch", error);
        if (request->round + 1 == next)
            return refuse_client(group, m, BG_REFUSED, request, "was opened or rejected for this round already",
                                 error);
        return refuse_client(group, m, BG_WRONG_ROUND, request, "was opened for a later round; rounds only go up",
                             error);
    }
    return BG_OK;
}

static enum bg_status check_release_set(const struct bg_policy_group *group, const struct bg_policy_request *request,
                                        struct bg_error *error)
{
    uint64_t differs = group->release_set ^ request->members;
    if (!group->release_set || !differs)
        return BG_OK;
    uint32_t member = (uint32_t)__builtin_ctzll(differs);
    return refuse_client(group, member, BG_REFUSED, request,
                         group->release_set >> member & 1
                             ? "is missing: the group was opened with it and is never opened without it"
                             : "is one too many: the group was opened without it and is never opened with it",
                         error);
}

static bool may_be_partial(const struct bg_policy *policy, uint64_t round)
{
    return policy->rounds >= policy->rules.full_rounds && round >= policy->full_until;
}

static enum bg_status check_members(const struct bg_policy *policy, const struct bg_policy_group *group,
                                    const struct bg_policy_request *request, struct bg_error *error)
{
    uint64_t everybody = full_mask(group->group.member_count);
    uint32_t members = (uint32_t)__builtin_popcountll(request->members);
    if (request->members & ~everybody)
        return bg_fail(error, BG_UNKNOWN_CLIENT, "round %llu, group %u: a member %u of a group of %u",
                       ULL(request->round), request->group, 63 - (uint32_t)__builtin_clzll(request->members),
                       group->group.member_count);
    enum bg_status status = check_rounds(policy, group, request, error);
    if (status == BG_OK)
        status = check_release_set(group, request, error);
    if (status != BG_OK)
        return status;
    if (members < policy->rules.group_least)
        return bg_fail(error, BG_TOO_FEW, "round %llu, group %u: %u members, a sum protects at least %u",
                       ULL(request->round), request->group, members, policy->rules.group_least);
    if (request->members != everybody && !may_be_partial(policy, request->round))
        return refuse_client(group, (uint32_t)__builtin_ctzll(~request->members), BG_REFUSED, request,
                             "is missing: the first rounds of an epoch open only full groups", error);
    return BG_OK;
}

static enum bg_status on_release(struct bg_policy *policy, const struct bg_policy_request *request,
                                 struct bg_error *error, enum bg_policy_action *ret_action)
{
    if (policy->locked)
        return refuse_request_locked(request, error);
    if (!policy->epoch || request->epoch != policy->epoch)
        return bg_fail(error, BG_STALE_PLAN, "round %llu, group %u: of epoch %llu, the key holder is in epoch %llu",
                       ULL(request->round), request->group, ULL(request->epoch), ULL(policy->epoch));
    if (request->group >= policy->group_count)
        return bg_fail(error, BG_REFUSED, "round %llu, group %u: the epoch has %zu groups", ULL(request->round),
                       request->group, policy->group_count);
    struct bg_policy_group *group = &policy->groups[request->group];
    if (group->state != BG_POLICY_READY)
        return bg_fail(error, BG_BUSY, "round %llu, group %u: it is being opened for round %llu", ULL(request->round),
                       request->group, ULL(group->request.round));
    if (group->release_set && group->last_round == request->round &&
        bg_digest_equal(&group->last_digest, &request->digest)) {
        *ret_action = BG_POLICY_DO_REPEAT;
        return BG_OK;
    }
    if (!policy->has_plan || !bg_digest_equal(&policy->plan_id, &request->plan_id))
        return bg_fail(error, BG_STALE_PLAN, "round %llu, group %u: under a plan that the key holder was not shown",
                       ULL(request->round), request->group);
    if (!request->members || request->round == UINT64_MAX)
        return bg_fail(error, BG_REFUSED, "round %llu, group %u: names nobody, or no round", ULL(request->round),
                       request->group);
    enum bg_status status = check_members(policy, group, request, error);
    if (status != BG_OK)
        return status;
    group->request = *request;
    group->state = BG_POLICY_CHALLENGED;
    policy->in_flight++;
    *ret_action = BG_POLICY_DO_CHALLENGE;
    return BG_OK;
}

/* ---- what became of it ---- */

static void end_request(struct bg_policy *policy, struct bg_policy_group *group)
{
    group->state = BG_POLICY_READY;
    policy->in_flight--;
}

/* None of the members is opened for this round any more. */
static void end_round(struct bg_policy *policy, const struct bg_policy_request *request)
{
    const struct bg_policy_group *group = &policy->groups[request->group];
    for (uint32_t m = 0; m < group->group.member_count; m++)
        if ((request->members >> m & 1) && policy->next_rounds[group->clients[m]] != BG_POLICY_NEVER)
            policy->next_rounds[group->clients[m]] = request->round + 1;
}

static void count_opening(struct bg_policy *policy, const struct bg_policy_request *request)
{
    struct bg_policy_group *group = &policy->groups[request->group];
    end_round(policy, request);
    group->release_set = request->members;
    group->last_round = request->round;
    group->last_digest = request->digest;
    if (policy->rounds && request->round <= policy->newest_round)
        return;
    policy->newest_round = request->round;
    if (++policy->rounds == policy->rules.full_rounds)
        policy->full_until = request->round + 1;
}

static struct bg_policy_group *find(const struct bg_policy *policy, uint32_t group, enum bg_policy_state state)
{
    if (group >= policy->group_count || policy->groups[group].state != state)
        return NULL;
    return &policy->groups[group];
}

static enum bg_status on_blocks(struct bg_policy *policy, const struct bg_policy_event *event, struct bg_error *error,
                                enum bg_policy_action *ret_action)
{
    struct bg_policy_group *group = find(policy, event->group, BG_POLICY_CHALLENGED);
    if (!group)
        return unexpected(policy, "blocks", error);
    if (event->status == BG_OK && !policy->locked) {
        group->state = BG_POLICY_OPENING;
        *ret_action = BG_POLICY_DO_OPEN;
        return BG_OK;
    }
    end_request(policy, group);
    if (policy->locked)
        return refuse_request_locked(&group->request, error);
    if (event->status != BG_NO_MEMORY) {
        policy->locked = !event->edge;
        *ret_action = event->edge ? BG_POLICY_DO_BAR : BG_POLICY_DO_LOCK;
    }
    return BG_OK;
}

static enum bg_status on_opened(struct bg_policy *policy, const struct bg_policy_event *event, struct bg_error *error,
                                enum bg_policy_action *ret_action)
{
    struct bg_policy_group *group = find(policy, event->group, BG_POLICY_OPENING);
    if (!group)
        return unexpected(policy, "opening", error);
    end_request(policy, group);
    if (policy->locked)
        return refuse_request_locked(&group->request, error);
    if (event->status == BG_OK) {
        count_opening(policy, &group->request);
        *ret_action = BG_POLICY_DO_ANSWER;
    } else if (event->status == BG_BAD_KNOWLEDGE) {
        end_round(policy, &group->request);
        *ret_action = BG_POLICY_DO_REJECT;
    }
    return BG_OK;
}

enum bg_status bg_policy_step(struct bg_policy *policy, const struct bg_policy_event *event, struct bg_error *error,
                              enum bg_policy_action *ret_action)
{
    enum bg_policy_action action = BG_POLICY_DO_NOTHING;
    enum bg_status status = BG_INVALID;
    switch (event->kind) {
    case BG_POLICY_EPOCH:
        status = on_epoch(policy, event, error);
        break;
    case BG_POLICY_PLAN:
        status = on_plan(policy, event, error);
        break;
    case BG_POLICY_RELEASE:
        status = on_release(policy, event->request, error, &action);
        break;
    case BG_POLICY_BLOCKS:
        status = on_blocks(policy, event, error, &action);
        break;
    case BG_POLICY_OPENED:
        status = on_opened(policy, event, error, &action);
        break;
    case BG_POLICY_CLEAR:
        status = policy->locked ? BG_OK : unexpected(policy, "clear", error);
        policy->locked = false;
        break;
    case BG_POLICY_EVENT_COUNT:
        status = unexpected(policy, "event", error);
        break;
    }
    if (status == BG_OK)
        *ret_action = action;
    return status;
}

static enum bg_status check_restored(const struct bg_policy *policy, const struct bg_policy_request *request,
                                     struct bg_error *error)
{
    if (!policy->epoch || request->epoch != policy->epoch || request->group >= policy->group_count ||
        !request->members || request->round == UINT64_MAX ||
        (request->members & ~full_mask(policy->groups[request->group].group.member_count)))
        return bg_fail(error, BG_INVALID, "round %llu, group %u: a record of what epoch %llu does not have",
                       ULL(request->round), request->group, ULL(policy->epoch));
    return BG_OK;
}

enum bg_status bg_policy_restore(struct bg_policy *policy, const struct bg_policy_request *request,
                                 struct bg_error *error)
{
    enum bg_status status = check_restored(policy, request, error);
    if (status == BG_OK)
        count_opening(policy, request);
    return status;
}

enum bg_status bg_policy_restore_rejection(struct bg_policy *policy, const struct bg_policy_request *request,
                                           struct bg_error *error)
{
    enum bg_status status = check_restored(policy, request, error);
    if (status == BG_OK)
        end_round(policy, request);
    return status;
}
