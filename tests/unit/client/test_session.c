/* SPDX-License-Identifier: Apache-2.0 */
#include "client/session.h"

#include <criterion/criterion.h>

#define POLL 10
#define PATIENCE 70
#define DEADLINE 1000

struct fixture {
    struct bg_session session;
    enum bg_session_action action;
    uint64_t now;
};

static enum bg_status step(struct fixture *f, struct bg_session_event event)
{
    return bg_session_step(&f->session, &event, f->now, &f->action);
}

static enum bg_session_action simple(struct fixture *f, enum bg_session_event_kind kind, enum bg_status status)
{
    cr_assert_eq(step(f, (struct bg_session_event){.kind = kind, .status = status}), BG_OK);
    return f->action;
}

static enum bg_session_action task(struct fixture *f, uint64_t round, uint32_t attempt)
{
    cr_assert_eq(step(f, (struct bg_session_event){.kind = BG_SESSION_TASK,
                                                   .round = round,
                                                   .attempt = attempt,
                                                   .deadline = f->now + DEADLINE}),
                 BG_OK);
    return f->action;
}

static enum bg_session_action receipt(struct fixture *f, enum bg_status status, bool used)
{
    cr_assert_eq(step(f, (struct bg_session_event){.kind = BG_SESSION_RECEIPT, .status = status, .used = used}), BG_OK);
    return f->action;
}

static enum bg_session_action wake(struct fixture *f)
{
    cr_assert_neq(f->session.wake, UINT64_MAX);
    f->now = f->session.wake;
    return simple(f, BG_SESSION_WAKE, BG_OK);
}

static void begin(struct fixture *f)
{
    *f = (struct fixture){.now = 5};
    bg_session_init(&f->session, f->now, POLL, PATIENCE);
}

/* From IDLE to the given state of a round. */
static void walk(struct fixture *f, enum bg_session_state state, uint64_t round, uint32_t attempt)
{
    if (state == BG_SESSION_IDLE)
        return;
    cr_assert_eq(wake(f), BG_SESSION_DO_ASK);
    if (state == BG_SESSION_ASKING)
        return;
    cr_assert_eq(task(f, round, attempt), BG_SESSION_DO_PREPARE);
    if (state == BG_SESSION_PREPARING)
        return;
    cr_assert_eq(simple(f, BG_SESSION_PREPARED, BG_OK), BG_SESSION_DO_TRAIN);
    if (state == BG_SESSION_TRAINING)
        return;
    cr_assert_eq(simple(f, BG_SESSION_TRAINED, BG_OK), BG_SESSION_DO_BUILD);
    if (state == BG_SESSION_BUILDING)
        return;
    cr_assert_eq(simple(f, BG_SESSION_BUILT, BG_OK), BG_SESSION_DO_SEND);
    if (state == BG_SESSION_SENDING)
        return;
    cr_assert_eq(simple(f, BG_SESSION_SENT, BG_OK), BG_SESSION_DO_NOTHING);
}

static void reach(struct fixture *f, enum bg_session_state state)
{
    begin(f);
    walk(f, state, 3, 0);
}

Test(session, every_state_is_reached_by_the_events_of_its_diagram)
{
    for (unsigned state = 0; state < BG_SESSION_STATE_COUNT; state++) {
        struct fixture f;
        reach(&f, state);
        cr_assert_eq(f.session.state, state, "%s", bg_session_state_name(state));
    }
}

#define NO BG_SESSION_STATE_COUNT /* refused: nothing changes */

/* Where a good outcome leads, a failure that may pass, and one that does not. */
static const enum bg_session_state next_states[3][BG_SESSION_STATE_COUNT][BG_SESSION_EVENT_COUNT] = {
    {
        /*                      WAKE  TASK  PREPARED  TRAINED  BUILT  SENT  RECEIPT  PACED  MOVED */
        [BG_SESSION_IDLE] = {BG_SESSION_ASKING, NO, NO, NO, NO, NO, NO, NO, NO},
        [BG_SESSION_ASKING] = {NO, BG_SESSION_PREPARING, NO, NO, NO, NO, NO, BG_SESSION_IDLE, NO},
        [BG_SESSION_PREPARING] = {NO, NO, BG_SESSION_TRAINING, NO, NO, NO, NO, NO, NO},
        [BG_SESSION_TRAINING] = {NO, NO, NO, BG_SESSION_BUILDING, NO, NO, NO, NO, NO},
        [BG_SESSION_BUILDING] = {NO, NO, NO, NO, BG_SESSION_SENDING, NO, NO, NO, NO},
        [BG_SESSION_SENDING] = {NO, NO, NO, NO, NO, BG_SESSION_WAITING, NO, NO, BG_SESSION_SENDING},
        [BG_SESSION_WAITING] = {BG_SESSION_WAITING, NO, NO, NO, NO, NO, BG_SESSION_IDLE, BG_SESSION_WAITING,
                                BG_SESSION_WAITING},
    },
    {
        [BG_SESSION_IDLE] = {BG_SESSION_ASKING, NO, NO, NO, NO, NO, NO, NO, NO},
        [BG_SESSION_ASKING] = {NO, BG_SESSION_IDLE, NO, NO, NO, NO, NO, BG_SESSION_IDLE, NO},
        [BG_SESSION_PREPARING] = {NO, NO, BG_SESSION_IDLE, NO, NO, NO, NO, NO, NO},
        [BG_SESSION_TRAINING] = {NO, NO, NO, BG_SESSION_IDLE, NO, NO, NO, NO, NO},
        [BG_SESSION_BUILDING] = {NO, NO, NO, NO, BG_SESSION_IDLE, NO, NO, NO, NO},
        [BG_SESSION_SENDING] = {NO, NO, NO, NO, NO, BG_SESSION_SENDING, NO, NO, BG_SESSION_SENDING},
        [BG_SESSION_WAITING] = {BG_SESSION_WAITING, NO, NO, NO, NO, NO, BG_SESSION_WAITING, BG_SESSION_WAITING,
                                BG_SESSION_WAITING},
    },
    {
        [BG_SESSION_IDLE] = {BG_SESSION_ASKING, NO, NO, NO, NO, NO, NO, NO, NO},
        [BG_SESSION_ASKING] = {NO, BG_SESSION_IDLE, NO, NO, NO, NO, NO, BG_SESSION_IDLE, NO},
        [BG_SESSION_PREPARING] = {NO, NO, BG_SESSION_IDLE, NO, NO, NO, NO, NO, NO},
        [BG_SESSION_TRAINING] = {NO, NO, NO, BG_SESSION_IDLE, NO, NO, NO, NO, NO},
        [BG_SESSION_BUILDING] = {NO, NO, NO, NO, BG_SESSION_IDLE, NO, NO, NO, NO},
        [BG_SESSION_SENDING] = {NO, NO, NO, NO, NO, BG_SESSION_WAITING, NO, NO, BG_SESSION_SENDING},
        [BG_SESSION_WAITING] = {BG_SESSION_WAITING, NO, NO, NO, NO, NO, BG_SESSION_IDLE, BG_SESSION_WAITING,
                                BG_SESSION_WAITING},
    },
};

Test(session, every_state_and_event_pair_does_what_the_table_says)
{
    static const enum bg_status outcomes[3] = {BG_OK, BG_IO, BG_REFUSED};
    for (unsigned outcome = 0; outcome < 3; outcome++) {
        for (unsigned state = 0; state < BG_SESSION_STATE_COUNT; state++) {
            for (unsigned kind = 0; kind < BG_SESSION_EVENT_COUNT; kind++) {
                struct fixture f;
                reach(&f, state);
                struct bg_session before = f.session;
                enum bg_session_state expected = next_states[outcome][state][kind];
                enum bg_status status = step(&f, (struct bg_session_event){.kind = kind,
                                                                           .status = outcomes[outcome],
                                                                           .round = 3,
                                                                           .deadline = f.now + DEADLINE});
                cr_assert_eq(status, expected == NO ? BG_INVALID : BG_OK, "%s, event %u, outcome %u: %s",
                             bg_session_state_name(state), kind, outcome, bg_status_text(status));
                cr_assert_eq(f.session.state, expected == NO ? (enum bg_session_state)state : expected,
                             "%s, event %u, outcome %u", bg_session_state_name(state), kind, outcome);
                if (expected == NO)
                    cr_assert_arr_eq(&before, &f.session, sizeof before, "%s, event %u", bg_session_state_name(state),
                                     kind);
            }
        }
    }
}

Test(session, refuses_events_that_do_not_exist)
{
    struct fixture f;
    begin(&f);
    cr_assert_eq(step(&f, (struct bg_session_event){.kind = BG_SESSION_EVENT_COUNT}), BG_INVALID);
}

Test(session, asks_at_once_and_then_at_every_poll)
{
    struct fixture f;
    begin(&f);
    cr_assert_eq(f.session.wake, f.now);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(wake(&f), BG_SESSION_DO_ASK);
        cr_assert_eq(f.session.wake, UINT64_MAX, "one request at a time");
        cr_assert_eq(simple(&f, BG_SESSION_TASK, BG_NOT_FOUND), BG_SESSION_DO_NOTHING);
        cr_assert_eq(f.session.wake, f.now + POLL);
    }
}

Test(session, pauses_double_up_to_the_patience_and_start_anew_after_an_answer)
{
    static const uint64_t pauses[] = {10, 20, 40, 70, 70, 70};
    struct fixture f;
    begin(&f);
    for (size_t i = 0; i < sizeof pauses / sizeof *pauses; i++) {
        wake(&f);
        simple(&f, BG_SESSION_TASK, i % 2 ? BG_BUSY : BG_IO);
        cr_assert_eq(f.session.wake, f.now + pauses[i], "try %zu", i);
    }
    wake(&f);
    simple(&f, BG_SESSION_TASK, BG_NOT_FOUND);
    wake(&f);
    simple(&f, BG_SESSION_TASK, BG_NO_MEMORY);
    cr_assert_eq(f.session.wake, f.now + POLL);
}

Test(session, a_clock_near_its_end_does_not_wrap)
{
    struct fixture f;
    begin(&f);
    bg_session_init(&f.session, UINT64_MAX - 3, POLL, PATIENCE);
    wake(&f);
    simple(&f, BG_SESSION_TASK, BG_IO);
    cr_assert_eq(f.session.wake, UINT64_MAX);
}

Test(session, waits_as_long_as_it_is_paced_and_then_polls_again)
{
    struct fixture f;
    begin(&f);
    wake(&f);
    simple(&f, BG_SESSION_TASK, BG_IO);
    wake(&f);
    for (uint64_t wait = 3; wait <= 300; wait *= 10) {
        struct bg_session_event paced = {.kind = BG_SESSION_PACED, .wait_ns = wait};
        cr_assert_eq(step(&f, paced), BG_OK);
        cr_assert_eq(f.action, BG_SESSION_DO_NOTHING);
        cr_assert_eq(f.session.wake, f.now + wait);
        cr_assert_eq(wake(&f), BG_SESSION_DO_ASK);
    }
    simple(&f, BG_SESSION_TASK, BG_IO);
    cr_assert_eq(f.session.wake, f.now + POLL, "an answer ends the doubling of pauses");
    reach(&f, BG_SESSION_SENDING);
    cr_assert_eq(step(&f, (struct bg_session_event){.kind = BG_SESSION_SENT, .wait_ns = 33}), BG_OK);
    cr_assert_eq(f.session.wake, f.now + 33);
    wake(&f);
    cr_assert_eq(step(&f, (struct bg_session_event){.kind = BG_SESSION_PACED, .wait_ns = 44}), BG_OK);
    cr_assert_eq(f.session.wake, f.now + 44);
    cr_assert_eq(wake(&f), BG_SESSION_DO_ASK_RECEIPT);
    cr_assert_eq(receipt(&f, BG_OK, true), BG_SESSION_DO_COMMIT, "the update is still out");
    cr_assert_eq(f.session.wake, f.now + POLL);
}

Test(session, takes_part_in_a_task_once)
{
    struct fixture f;
    reach(&f, BG_SESSION_WAITING);
    cr_assert_eq(receipt(&f, BG_OK, true), BG_SESSION_DO_COMMIT);
    wake(&f);
    cr_assert_eq(task(&f, 3, 0), BG_SESSION_DO_NOTHING);
    cr_assert_eq(f.session.state, BG_SESSION_IDLE);
    wake(&f);
    cr_assert_eq(task(&f, 2, 5), BG_SESSION_DO_NOTHING, "an older round");
    wake(&f);
    cr_assert_eq(task(&f, 3, 1), BG_SESSION_DO_PREPARE, "the next attempt at it");
}

Test(session, a_task_whose_preparation_failed_for_a_moment_is_news_again)
{
    struct fixture f;
    for (uint32_t attempt = 0; attempt < 2; attempt++) {
        reach(&f, BG_SESSION_WAITING);
        receipt(&f, BG_OK, true);
        walk(&f, BG_SESSION_PREPARING, 3 + (attempt == 0), attempt);
        cr_assert_eq(simple(&f, BG_SESSION_PREPARED, BG_IO), BG_SESSION_DO_NOTHING);
        cr_assert_eq(f.session.wake, f.now + POLL);
        walk(&f, BG_SESSION_PREPARING, 3 + (attempt == 0), attempt);
        cr_assert_eq(simple(&f, BG_SESSION_PREPARED, BG_BUSY), BG_SESSION_DO_NOTHING);
        cr_assert_eq(f.session.wake, f.now + 2 * POLL, "the pause goes on doubling");
        walk(&f, BG_SESSION_TRAINING, 3 + (attempt == 0), attempt);
        cr_assert_eq(f.session.missed, 0);
    }
}

Test(session, a_task_that_cannot_be_prepared_is_left_alone)
{
    struct fixture f;
    reach(&f, BG_SESSION_PREPARING);
    cr_assert_eq(simple(&f, BG_SESSION_PREPARED, BG_UNKNOWN_CLIENT), BG_SESSION_DO_NOTHING);
    wake(&f);
    cr_assert_eq(task(&f, 3, 0), BG_SESSION_DO_NOTHING);
}

Test(session, counts_the_rounds_it_did_not_train_in)
{
    struct fixture f;
    reach(&f, BG_SESSION_WAITING);
    cr_assert_eq(f.session.missed, 0, "the first task of a life misses nothing");
    receipt(&f, BG_OK, false);
    walk(&f, BG_SESSION_TRAINING, 4, 0);
    cr_assert_eq(f.session.missed, 0);
    cr_assert_eq(simple(&f, BG_SESSION_TRAINED, BG_NOT_FINITE), BG_SESSION_DO_NOTHING);
    walk(&f, BG_SESSION_PREPARING, 6, 0);
    simple(&f, BG_SESSION_PREPARED, BG_UNKNOWN_CLIENT);
    walk(&f, BG_SESSION_TRAINING, 9, 0);
    cr_assert_eq(f.session.missed, 4, "5 to 8: it saw the task of 6, and did not train");
}

Test(session, another_attempt_misses_nothing)
{
    struct fixture f;
    reach(&f, BG_SESSION_WAITING);
    receipt(&f, BG_WRONG_ROUND, false);
    walk(&f, BG_SESSION_TRAINING, 3, 2);
    cr_assert_eq(f.session.missed, 0);
}

Test(session, an_update_that_could_not_be_built_is_folded_back)
{
    struct fixture f;
    reach(&f, BG_SESSION_BUILDING);
    cr_assert_eq(simple(&f, BG_SESSION_BUILT, BG_NO_MEMORY), BG_SESSION_DO_FOLD_BACK);
    cr_assert_eq(f.session.wake, f.now + POLL);
}

/* Its transport may have sent it twice: the round that used the first copy is over when the second one comes. */
Test(session, a_refused_update_leaves_the_word_to_the_receipt)
{
    static const enum bg_status refusals[] = {BG_WRONG_ROUND, BG_TOO_LATE, BG_STALE_PLAN, BG_REFUSED};
    for (size_t i = 0; i < 2 * sizeof refusals / sizeof *refusals; i++) {
        struct fixture f;
        bool used = i % 2;
        reach(&f, BG_SESSION_SENDING);
        cr_assert_eq(simple(&f, BG_SESSION_SENT, refusals[i / 2]), BG_SESSION_DO_NOTHING);
        cr_assert_eq(f.session.state, BG_SESSION_WAITING);
        cr_assert_eq(f.session.wake, f.now + POLL);
        cr_assert_eq(wake(&f), BG_SESSION_DO_ASK_RECEIPT);
        cr_assert_eq(receipt(&f, BG_OK, used), used ? BG_SESSION_DO_COMMIT : BG_SESSION_DO_FOLD_BACK);
    }
}

/* Its place in the receipt speaks of the other one. */
Test(session, an_update_in_whose_place_another_one_is_is_folded_back)
{
    struct fixture f;
    reach(&f, BG_SESSION_SENDING);
    simple(&f, BG_SESSION_SENT, BG_IO);
    wake(&f);
    cr_assert_eq(simple(&f, BG_SESSION_SENT, BG_DUPLICATE), BG_SESSION_DO_FOLD_BACK);
    cr_assert_eq(f.session.state, BG_SESSION_IDLE);
}

Test(session, a_lost_answer_is_asked_for_again_until_the_deadline)
{
    struct fixture f;
    reach(&f, BG_SESSION_SENDING);
    for (uint64_t pause = POLL; pause < PATIENCE; pause *= 2) {
        cr_assert_eq(simple(&f, BG_SESSION_SENT, BG_IO), BG_SESSION_DO_NOTHING);
        cr_assert_eq(f.session.wake, f.now + pause);
        cr_assert_eq(wake(&f), BG_SESSION_DO_SEND);
    }
    f.now = f.session.deadline;
    cr_assert_eq(simple(&f, BG_SESSION_SENT, BG_IO), BG_SESSION_DO_NOTHING);
    cr_assert_eq(f.session.state, BG_SESSION_WAITING, "the root may have it");
    cr_assert_eq(wake(&f), BG_SESSION_DO_ASK_RECEIPT);
    cr_assert_eq(receipt(&f, BG_OK, true), BG_SESSION_DO_COMMIT);
}

Test(session, asks_for_the_receipt_while_the_round_runs)
{
    struct fixture f;
    reach(&f, BG_SESSION_WAITING);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(f.session.wake, f.now + POLL);
        cr_assert_eq(wake(&f), BG_SESSION_DO_ASK_RECEIPT);
        cr_assert_eq(receipt(&f, BG_BUSY, false), BG_SESSION_DO_NOTHING);
    }
    wake(&f);
    receipt(&f, BG_IO, false);
    cr_assert_eq(f.session.wake, f.now + POLL);
    wake(&f);
    receipt(&f, BG_IO, false);
    cr_assert_eq(f.session.wake, f.now + 2 * POLL);
    wake(&f);
    receipt(&f, BG_BUSY, false);
    wake(&f);
    receipt(&f, BG_IO, false);
    cr_assert_eq(f.session.wake, f.now + POLL, "an answer ended the row of failures");
}

Test(session, folds_back_what_no_receipt_speaks_of)
{
    static const enum bg_status answers[] = {BG_NOT_FOUND, BG_WRONG_ROUND, BG_BAD_SIGNATURE, BG_STALE_PLAN};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct fixture f;
        reach(&f, BG_SESSION_WAITING);
        wake(&f);
        cr_assert_eq(receipt(&f, answers[i], true), BG_SESSION_DO_FOLD_BACK, "%s", bg_status_name(answers[i]));
        cr_assert_eq(f.session.state, BG_SESSION_IDLE);
    }
}

Test(session, states_have_names)
{
    cr_assert_str_eq(bg_session_state_name(BG_SESSION_WAITING), "WAITING");
    cr_assert_str_eq(bg_session_state_name(BG_SESSION_STATE_COUNT), "?");
}

Test(session, an_update_that_is_out_is_sent_again_after_a_move)
{
    for (enum bg_session_state state = BG_SESSION_SENDING; state <= BG_SESSION_WAITING; state++) {
        struct fixture f;
        reach(&f, state);
        if (state == BG_SESSION_SENDING)
            cr_assert_eq(simple(&f, BG_SESSION_SENT, BG_IO), BG_SESSION_DO_NOTHING);
        cr_assert_eq(simple(&f, BG_SESSION_MOVED, BG_OK), BG_SESSION_DO_NOTHING);
        cr_assert_eq(f.session.wake, f.now, "without a pause");
        cr_assert_eq(wake(&f), BG_SESSION_DO_SEND);
        cr_assert_eq(f.session.state, BG_SESSION_SENDING);
        cr_assert_eq(simple(&f, BG_SESSION_SENT, BG_TOO_LATE), BG_SESSION_DO_NOTHING, "the one before may have it");
        cr_assert_eq(f.session.state, BG_SESSION_WAITING);
        cr_assert_eq(wake(&f), BG_SESSION_DO_ASK_RECEIPT, "once is enough");
        cr_assert_eq(receipt(&f, BG_OK, true), BG_SESSION_DO_COMMIT);
    }
}

Test(session, an_acknowledged_update_is_tried_elsewhere_in_turns_with_its_receipt)
{
    struct fixture f;
    reach(&f, BG_SESSION_WAITING);
    cr_assert_eq(simple(&f, BG_SESSION_MOVED, BG_OK), BG_SESSION_DO_NOTHING);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(wake(&f), BG_SESSION_DO_SEND);
        cr_assert_eq(simple(&f, BG_SESSION_SENT, BG_BUSY), BG_SESSION_DO_NOTHING, "it does not know the round");
        cr_assert_eq(f.session.state, BG_SESSION_WAITING);
        cr_assert_gt(f.session.wake, f.now, "after a pause");
        cr_assert_eq(wake(&f), BG_SESSION_DO_ASK_RECEIPT);
        cr_assert_eq(receipt(&f, i ? BG_BUSY : BG_IO, false), BG_SESSION_DO_NOTHING);
    }
    cr_assert_eq(wake(&f), BG_SESSION_DO_SEND);
    cr_assert_eq(simple(&f, BG_SESSION_SENT, BG_OK), BG_SESSION_DO_NOTHING);
    cr_assert_eq(wake(&f), BG_SESSION_DO_ASK_RECEIPT);
    cr_assert_eq(receipt(&f, BG_BUSY, false), BG_SESSION_DO_NOTHING);
    cr_assert_eq(wake(&f), BG_SESSION_DO_ASK_RECEIPT, "it has the update");
    cr_assert_eq(receipt(&f, BG_OK, true), BG_SESSION_DO_COMMIT);
}

Test(session, a_move_waits_for_the_request_that_is_under_way)
{
    struct fixture f;
    reach(&f, BG_SESSION_WAITING);
    cr_assert_eq(wake(&f), BG_SESSION_DO_ASK_RECEIPT);
    cr_assert_eq(simple(&f, BG_SESSION_MOVED, BG_OK), BG_SESSION_DO_NOTHING);
    cr_assert_eq(f.session.wake, UINT64_MAX);
    cr_assert_eq(receipt(&f, BG_IO, false), BG_SESSION_DO_NOTHING);
    cr_assert_eq(wake(&f), BG_SESSION_DO_SEND);
}

Test(session, after_the_deadline_a_move_only_asks_for_the_receipt_elsewhere)
{
    struct fixture f;
    reach(&f, BG_SESSION_WAITING);
    f.now = f.session.deadline;
    cr_assert_eq(simple(&f, BG_SESSION_MOVED, BG_OK), BG_SESSION_DO_NOTHING);
    cr_assert_eq(wake(&f), BG_SESSION_DO_ASK_RECEIPT);
}
