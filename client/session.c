/* SPDX-License-Identifier: Apache-2.0 */
#include "client/session.h"

void bg_session_init(struct bg_session *session, uint64_t now, uint64_t poll_ns, uint64_t patience_ns)
{
    *session = (struct bg_session){
        .poll_ns = poll_ns, .patience_ns = patience_ns, .pause_ns = poll_ns, .wake = now};
}

void bg_session_resume(struct bg_session *session, uint64_t now, uint64_t round, uint32_t attempt, bool out,
                       uint64_t deadline)
{
    session->state = !out ? BG_SESSION_IDLE : now < deadline ? BG_SESSION_SENDING : BG_SESSION_WAITING;
    session->wake = now;
    session->round = session->trained = round;
    session->attempt = attempt;
    session->deadline = deadline;
}

static uint64_t later(uint64_t now, uint64_t delay_ns)
{
    return delay_ns > UINT64_MAX - now ? UINT64_MAX : now + delay_ns;
}

static bool may_pass(enum bg_status status)
{
    return status == BG_IO || status == BG_BUSY || status == BG_NO_MEMORY;
}

static void go(struct bg_session *session, enum bg_session_state state)
{
    session->state = state;
    session->wake = UINT64_MAX;
}

/* Stays in the state and wakes after a pause that doubles from try to try. */
static enum bg_session_action try_again(struct bg_session *session, uint64_t now)
{
    session->wake = later(now, session->pause_ns);
    session->pause_ns =
        session->pause_ns > session->patience_ns / 2 ? session->patience_ns : 2 * session->pause_ns;
    return BG_SESSION_DO_NOTHING;
}

/* In `state` until the next look at the server; whatever failed before is over. */
static enum bg_session_action look_again(struct bg_session *session, enum bg_session_state state, uint64_t now,
                                         uint64_t delay_ns)
{
    go(session, state);
    session->pause_ns = session->poll_ns;
    session->wake = later(now, delay_ns);
    return BG_SESSION_DO_NOTHING;
}

static enum bg_session_action rest(struct bg_session *session, uint64_t now, enum bg_session_action action)
{
    (void)look_again(session, BG_SESSION_IDLE, now, session->poll_ns);
    return action;
}

static bool is_news(const struct bg_session *session, const struct bg_session_event *task)
{
    if (task->round != session->round)
        return task->round > session->round;
    return task->attempt > session->attempt || (task->attempt == session->attempt && session->open);
}

static enum bg_session_action on_task(struct bg_session *session, const struct bg_session_event *event, uint64_t now)
{
    if (may_pass(event->status)) {
        go(session, BG_SESSION_IDLE);
        return try_again(session, now);
    }
    if (event->status != BG_OK || !is_news(session, event))
        return rest(session, now, BG_SESSION_DO_NOTHING);
    session->round = event->round;
    session->attempt = event->attempt;
    session->deadline = event->deadline;
    session->open = false;
    session->moved = session->acknowledged = session->lacking = false;
    go(session, BG_SESSION_PREPARING);
    return BG_SESSION_DO_PREPARE;
}

static enum bg_session_action on_prepared(struct bg_session *session, const struct bg_session_event *event,
                                          uint64_t now)
{
    if (may_pass(event->status)) {
        session->open = true;
        go(session, BG_SESSION_IDLE);
        return try_again(session, now);
    }
    if (event->status != BG_OK)
        return rest(session, now, BG_SESSION_DO_NOTHING);
    session->missed = session->trained && session->round > session->trained ? session->round - session->trained - 1 : 0;
    session->trained = session->round;
    session->pause_ns = session->poll_ns;
    go(session, BG_SESSION_TRAINING);
    return BG_SESSION_DO_TRAIN;
}

static enum bg_session_action on_stage(struct bg_session *session, const struct bg_session_event *event, uint64_t now,
                                       enum bg_session_state next, enum bg_session_action action,
                                       enum bg_session_action failure)
{
    if (event->status != BG_OK)
        return rest(session, now, failure);
    go(session, next);
    return action;
}

static enum bg_session_action on_sent(struct bg_session *session, const struct bg_session_event *event, uint64_t now)
{
    bool in_turns = session->lacking;
    session->lacking = in_turns && may_pass(event->status);
    session->acknowledged |= event->status == BG_OK;
    if (event->status == BG_DUPLICATE && !session->acknowledged)
        return rest(session, now, BG_SESSION_DO_FOLD_BACK);
    if (may_pass(event->status) && in_turns) {
        go(session, BG_SESSION_WAITING);
        return try_again(session, now);
    }
    if (may_pass(event->status) && now < session->deadline)
        return try_again(session, now);
    return look_again(session, BG_SESSION_WAITING, now, event->wait_ns ? event->wait_ns : session->poll_ns);
}

static enum bg_session_action on_receipt(struct bg_session *session, const struct bg_session_event *event,
                                         uint64_t now)
{
    if (may_pass(event->status))
        session->moved |= session->lacking;
    if (event->status == BG_BUSY)
        return look_again(session, BG_SESSION_WAITING, now, session->poll_ns);
    if (may_pass(event->status))
        return try_again(session, now);
    bool used = event->status == BG_OK && event->used;
    return rest(session, now, used ? BG_SESSION_DO_COMMIT : BG_SESSION_DO_FOLD_BACK);
}

static enum bg_session_action on_wake(struct bg_session *session, uint64_t now)
{
    if (session->moved) {
        session->moved = false;
        session->lacking = session->acknowledged && now < session->deadline;
        if (now < session->deadline) {
            go(session, BG_SESSION_SENDING);
            return BG_SESSION_DO_SEND;
        }
    }
    switch (session->state) {
    case BG_SESSION_IDLE:
        go(session, BG_SESSION_ASKING);
        return BG_SESSION_DO_ASK;
    case BG_SESSION_SENDING:
        session->wake = UINT64_MAX;
        return BG_SESSION_DO_SEND;
    case BG_SESSION_WAITING:
        session->wake = UINT64_MAX;
        return BG_SESSION_DO_ASK_RECEIPT;
    default:
        return BG_SESSION_DO_NOTHING;
    }
}

static enum bg_session_action on_paced(struct bg_session *session, const struct bg_session_event *event, uint64_t now)
{
    enum bg_session_state state = session->state == BG_SESSION_ASKING ? BG_SESSION_IDLE : BG_SESSION_WAITING;
    session->moved |= state == BG_SESSION_WAITING && session->lacking;
    return look_again(session, state, now, event->wait_ns);
}

/* A request that is under way is answered first, if only by its transport. */
static enum bg_session_action on_moved(struct bg_session *session, uint64_t now)
{
    session->moved = true;
    session->pause_ns = session->poll_ns;
    if (session->wake != UINT64_MAX)
        session->wake = now;
    return BG_SESSION_DO_NOTHING;
}

static bool is_expected(const struct bg_session *session, enum bg_session_event_kind kind)
{
    static const enum bg_session_state states[BG_SESSION_EVENT_COUNT] = {
        [BG_SESSION_TASK] = BG_SESSION_ASKING,     [BG_SESSION_PREPARED] = BG_SESSION_PREPARING,
        [BG_SESSION_TRAINED] = BG_SESSION_TRAINING, [BG_SESSION_BUILT] = BG_SESSION_BUILDING,
        [BG_SESSION_SENT] = BG_SESSION_SENDING,     [BG_SESSION_RECEIPT] = BG_SESSION_WAITING,
    };
    if (kind == BG_SESSION_WAKE)
        return session->wake != UINT64_MAX;
    if (kind == BG_SESSION_PACED)
        return session->state == BG_SESSION_ASKING || session->state == BG_SESSION_WAITING;
    if (kind == BG_SESSION_MOVED)
        return session->state == BG_SESSION_SENDING || session->state == BG_SESSION_WAITING;
    return kind < BG_SESSION_EVENT_COUNT && session->state == states[kind];
}

enum bg_status bg_session_step(struct bg_session *session, const struct bg_session_event *event, uint64_t now,
                               enum bg_session_action *ret_action)
{
    if (!is_expected(session, event->kind))
        return BG_INVALID;
    switch (event->kind) {
    case BG_SESSION_WAKE:
        *ret_action = on_wake(session, now);
        return BG_OK;
    case BG_SESSION_TASK:
        *ret_action = on_task(session, event, now);
        return BG_OK;
    case BG_SESSION_PREPARED:
        *ret_action = on_prepared(session, event, now);
        return BG_OK;
    case BG_SESSION_TRAINED:
        *ret_action = on_stage(session, event, now, BG_SESSION_BUILDING, BG_SESSION_DO_BUILD, BG_SESSION_DO_NOTHING);
        return BG_OK;
    case BG_SESSION_BUILT:
        *ret_action = on_stage(session, event, now, BG_SESSION_SENDING, BG_SESSION_DO_SEND, BG_SESSION_DO_FOLD_BACK);
        return BG_OK;
    case BG_SESSION_SENT:
        *ret_action = on_sent(session, event, now);
        return BG_OK;
    case BG_SESSION_RECEIPT:
        *ret_action = on_receipt(session, event, now);
        return BG_OK;
    case BG_SESSION_PACED:
        *ret_action = on_paced(session, event, now);
        return BG_OK;
    case BG_SESSION_MOVED:
        *ret_action = on_moved(session, now);
        return BG_OK;
    case BG_SESSION_EVENT_COUNT:
        break;
    }
    return BG_INVALID;
}

const char *bg_session_state_name(enum bg_session_state state)
{
    static const char *const names[BG_SESSION_STATE_COUNT] = {"IDLE",     "ASKING",  "PREPARING", "TRAINING",
                                                              "BUILDING", "SENDING", "WAITING"};
    return state < BG_SESSION_STATE_COUNT ? names[state] : "?";
}
