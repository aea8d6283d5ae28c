/* SPDX-License-Identifier: Apache-2.0 */
/* What a root has kept, before what; and what it makes of that after a restart. */
#include "aggregator/keeping.h"

#include "aggregator/offline_parts.h"
#include "aggregator/root_state.h"
#include "by_hand.h"
#include "crypto/digest.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

TestSuite(keeping, .timeout = 120);

#define MEMBERS 4 /* of group 0, which these tests fill; the others never send anything unless a test says so */
#define MOST_STEPS 32

/* A client's request, with bytes that outlive it. */
struct caller {
    struct bg_call call;
    struct bg_held_bytes held;
    struct bg_writer update;
    struct bg_request request;
    unsigned answers;
    enum bg_status status;
};

struct world {
    struct by_hand h;
    struct bg_root *root;
    uint64_t now;

    bool slow;              /* updates are kept when the test says so … */
    enum bg_status verdict; /* … otherwise at once, with this status */
    struct bg_keeping *keepings[HANDS];
    struct bg_kept_update last;
    size_t keeping_count;

    enum bg_root_step_kind steps[MOST_STEPS];
    size_t step_count;
    int failing; /* kind of the step that cannot be kept; −1: none */
    struct bg_writer plan, task;

    unsigned carried[BG_ROUTE_COUNT]; /* to the key holder */
    unsigned notices[BG_ROOT_NOTICE_FAILED + 1];
    struct bg_error error;
    struct caller callers[HANDS];
};

static void keep_update(void *context, const struct bg_kept_update *update, struct bg_keeping *keeping)
{
    struct world *w = context;
    w->last = *update;
    if (w->slow)
        w->keepings[w->keeping_count++] = keeping;
    else
        bg_root_kept(w->root, keeping, w->verdict);
}

static void copy(struct bg_writer *w, struct bg_span bytes)
{
    bg_writer_finish(w);
    bg_write_bytes(w, bytes.data, bytes.size);
}

static enum bg_status keep_step(void *context, const struct bg_root_step *step, struct bg_error *error)
{
    struct world *w = context;
    cr_assert_lt(w->step_count, MOST_STEPS);
    w->steps[w->step_count++] = step->kind;
    if (step->kind == BG_ROOT_STEP_PLAN)
        copy(&w->plan, step->bytes);
    if (step->kind == BG_ROOT_STEP_OPENED)
        copy(&w->task, step->bytes);
    return (int)step->kind == w->failing ? bg_fail(error, BG_IO, "the disk is full") : BG_OK;
}

static void observe(void *context, const struct bg_root_notice *notice)
{
    struct world *w = context;
    w->notices[notice->kind]++;
    if (notice->error)
        w->error = *notice->error;
}

static void attach(struct world *w)
{
    w->root = w->h.offline->root;
    w->root->settings.keep_update = keep_update;
    w->root->settings.keep = keep_step;
    w->root->settings.observe = observe;
    w->root->settings.keep_context = w->root->settings.observe_context = w;
    w->root->round.rules.full_rounds = 0;
}

static void must(struct world *w, enum bg_status status)
{
    cr_assert_eq(status, BG_OK, "%s: %s", bg_status_name(status), w->h.error.text);
}

/* A root that has agreed on an epoch with its key holder. */
static void begin(struct world *w)
{
    *w = (struct world){.failing = -1};
    by_hand_init(&w->h, BG_PLAN_PAILLIER, "ef");
    must(w, agree_on_epoch(&w->h));
    must(w, enter(&w->h));
    attach(w);
}

/* One that has agreed on nothing, with everybody on its roster. */
static void begin_before_epoch(struct world *w)
{
    *w = (struct world){.failing = -1};
    by_hand_init(&w->h, BG_PLAN_PAILLIER, "ef");
    must(w, enter(&w->h));
    attach(w);
    for (size_t i = 0; i < HANDS; i++) {
        struct bg_roster_entry entry = {.client = *bg_identity_digest(w->h.clients[i]),
                                        .cell = {{i < HANDS / 2 ? 'a' : 'b'}}};
        memcpy(entry.public_key, bg_identity_point(w->h.clients[i]), sizeof entry.public_key);
        must(w, bg_root_enrol(w->root, &entry, &w->h.error));
    }
}

static void run_works(struct world *w)
{
    struct bg_work *work;
    bg_root_tick(w->root, w->now);
    while ((work = bg_root_work(w->root))) {
        work->job.run(&work->job);
        bg_root_tick(w->root, w->now);
        work->job.done(&work->job);
    }
}

/* Everything that the key holder is asked is answered. */
static void run_all(struct world *w)
{
    struct bg_errand *errand;
    run_works(w);
    while ((errand = w->h.offline->key_holder.first)) {
        struct bg_writer answer;
        w->carried[errand->route]++;
        enum bg_status status = bring_to_key_holder(
            &w->h, errand->route, (struct bg_span){errand->body, errand->size}, &answer);
        bg_root_tick(w->root, w->now);
        bg_courier_answer(&w->h.offline->key_holder, errand, status, bg_writer_span(&answer));
        bg_writer_finish(&answer);
        run_works(w);
    }
}

static void forget_callers(struct world *w)
{
    for (size_t i = 0; i < HANDS; i++) {
        cr_assert_eq(w->callers[i].held.holders, w->callers[i].held.finish ? 1 : 0, "client %zu: bytes still held", i);
        bg_writer_finish(&w->callers[i].update);
        w->callers[i] = (struct caller){0};
    }
}

static void end(struct world *w)
{
    leave(&w->h);
    forget_callers(w);
    bg_writer_finish(&w->plan);
    bg_writer_finish(&w->task);
    by_hand_finish(&w->h);
}

/* ---- clients ---- */

static void take_answer(struct bg_call *call, enum bg_status status, struct bg_span reply)
{
    struct caller *caller = (struct caller *)call;
    (void)reply;
    caller->answers++;
    caller->status = status;
}

static void never(struct bg_held_bytes *held)
{
    (void)held;
    cr_assert_fail("the caller holds its bytes itself");
}

/* Opens the round and has every client make its update for it. */
static void open_for_all(struct world *w)
{
    must(w, bg_root_open_round(w->root, &w->h.error));
    cr_assert_eq(mkdir(file_in(&w->h, "round-1"), 0700), 0);
    write_file(round_file(&w->h, 1, "task"), bg_writer_span(&w->task));
    if (w->plan.size)
        write_file(file_in(&w->h, "plan"), bg_writer_span(&w->plan));
    for (size_t i = 0; i < HANDS; i++) {
        struct caller *caller = &w->callers[i];
        make_update(&w->h, 1, i, false);
        caller->update = read_file(w->h.file);
        caller->call.answer = take_answer;
        caller->held = (struct bg_held_bytes){.holders = 1, .finish = never};
        caller->request = (struct bg_request){.route = BG_ROUTE_UPDATE,
                                              .peer = *bg_identity_digest(w->h.clients[i]),
                                              .body = bg_writer_span(&caller->update),
                                              .held = &caller->held};
    }
}

static struct caller *serve(struct world *w, size_t client)
{
    struct caller *caller = &w->callers[client];
    caller->answers = 0;
    bg_root_tick(w->root, w->now);
    bg_root_serve(w->root, &caller->request, &caller->call);
    run_works(w);
    return caller;
}

static void expect_accepted(struct world *w, size_t client)
{
    struct caller *caller = serve(w, client);
    cr_assert_eq(caller->answers, 1);
    cr_assert_eq(caller->status, BG_OK, "client %zu: %s: %s", client, bg_status_name(caller->status), w->error.text);
}

static void pass_deadline(struct world *w)
{
    w->now = w->root->round.deadline;
    run_works(w);
}

/* What the key holder is to open: the product, the manifests and blocks of exactly those whose updates count. */
static struct bg_digest release_digest(const struct world *w)
{
    struct bg_digest digest;
    struct bg_errand *errand = bg_courier_find(&w->h.offline->key_holder, BG_ROUTE_RELEASE);
    cr_assert_not_null(errand);
    bg_sha256((struct bg_span){errand->body, errand->size}, &digest);
    return digest;
}

/* ---- one update ---- */

Test(keeping, an_update_is_acknowledged_when_it_is_durable_and_not_before)
{
    struct world w;
    begin(&w);
    open_for_all(&w);
    w.slow = true;
    struct caller *caller = serve(&w, 0), again = w.callers[0];
    cr_assert_eq(caller->answers, 0);
    cr_assert_eq(w.keeping_count, 1);
    cr_assert(bg_digest_equal(&w.last.client, &caller->request.peer));
    cr_assert_eq(w.last.round, 1);
    cr_assert_eq(w.last.group, 0);
    cr_assert_eq(w.last.bytes.data, caller->update.data, "where they came in");
    cr_assert_eq(w.last.bytes.size, caller->update.size);
    cr_assert_eq(w.last.held, &caller->held);
    cr_assert_eq(w.root->round.groups[0].arrived, 0);

    again.answers = 0;
    bg_root_serve(w.root, &again.request, &again.call);
    cr_assert_eq(again.status, BG_BUSY, "its fate is not known");
    bg_root_kept(w.root, w.keepings[0], BG_OK);
    cr_assert_eq(caller->answers, 1);
    cr_assert_eq(caller->status, BG_OK);
    cr_assert_neq(w.root->round.groups[0].arrived, 0);
    run_works(&w);
    bg_root_serve(w.root, &again.request, &again.call);
    cr_assert_eq(again.status, BG_OK);
    cr_assert_eq(again.answers, 2);
    cr_assert_eq(w.keeping_count, 1, "kept once");
    end(&w);
    NO_LEAKS();
}

Test(keeping, an_update_that_cannot_be_kept_is_not_acknowledged_and_may_come_again)
{
    struct world w;
    begin(&w);
    open_for_all(&w);
    w.verdict = BG_IO;
    struct caller *caller = serve(&w, 0);
    cr_assert_eq(caller->answers, 1);
    cr_assert_eq(caller->status, BG_IO);
    cr_assert_eq(caller->held.holders, 1, "nothing of it is held");
    cr_assert_not_null(strstr(w.error.text, "could not be made durable"), "%s", w.error.text);
    w.verdict = BG_OK;
    expect_accepted(&w, 0);
    end(&w);
    NO_LEAKS();
}

Test(keeping, an_update_of_a_round_that_was_given_up_meanwhile_is_not_acknowledged)
{
    struct world w;
    begin(&w);
    open_for_all(&w);
    w.slow = true;
    struct caller *caller = serve(&w, 0);
    bg_intake_step(&w.root->intake, (struct bg_round_event){.kind = BG_ROUND_CANCEL, .status = BG_FAULT});
    cr_assert_eq(w.notices[BG_ROOT_NOTICE_ENDED], 1);
    cr_assert_not(bg_root_idle(w.root), "no other round until it is known what was kept");
    cr_assert_eq(caller->answers, 0);
    bg_root_kept(w.root, w.keepings[0], BG_OK);
    cr_assert_eq(caller->answers, 1);
    cr_assert_eq(caller->status, BG_TOO_LATE);
    cr_assert(bg_root_idle(w.root));
    end(&w);
    NO_LEAKS();
}

Test(keeping, bytes_that_nobody_holds_are_copied)
{
    struct world w;
    begin(&w);
    open_for_all(&w);
    w.callers[0].request.held = NULL;
    expect_accepted(&w, 0);
    cr_assert_null(w.last.held);
    memset(w.callers[0].update.data, 0xff, w.callers[0].update.size);
    for (size_t i = 1; i < MEMBERS; i++)
        expect_accepted(&w, i);
    run_all(&w);
    cr_assert_eq(w.carried[BG_ROUTE_RELEASE], 1);
    cr_assert_eq(w.root->round.groups[0].progress, BG_GROUP_OPENED, "%s", w.error.text);
    end(&w);
    NO_LEAKS();
}

/* ---- the same set, the same sum ---- */

/* Another process opens the folder, where nothing of the round is, and is given what was kept of it. */
static void restart(struct world *w)
{
    leave(&w->h);
    must(w, enter(&w->h));
    attach(w);
    w->now = 0;
    w->slow = false;
    must(w, bg_root_reopen_round(w->root, bg_writer_span(&w->task), &w->h.error));
}

/* With updates of so many members of group 0, all in time; then the round is that of another process. */
static struct bg_digest release_in_the_usual_way(struct world *w, size_t members)
{
    begin(w);
    open_for_all(w);
    for (size_t i = 0; i < members; i++)
        expect_accepted(w, i);
    if (members < MEMBERS)
        pass_deadline(w);
    struct bg_digest digest = release_digest(w);
    restart(w);
    return digest;
}

Test(keeping, an_update_that_is_durable_only_after_the_deadline_counts_as_if_it_had_been_before)
{
    struct world w;
    struct bg_digest expected = release_in_the_usual_way(&w, MEMBERS);
    bg_root_resume_round(w.root, false);
    for (size_t i = 0; i < MEMBERS - 1; i++)
        expect_accepted(&w, i);
    w.slow = true;
    struct caller *caller = serve(&w, MEMBERS - 1);
    pass_deadline(&w);
    cr_assert_eq(w.root->round.state, BG_ROUND_CLOSING);
    cr_assert_eq(w.steps[w.step_count - 1], BG_ROOT_STEP_CLOSED);
    cr_assert_null(bg_courier_find(&w.h.offline->key_holder, BG_ROUTE_RELEASE));
    cr_assert_eq(serve(&w, MEMBERS)->status, BG_TOO_LATE);
    bg_root_kept(w.root, w.keepings[0], BG_OK);
    cr_assert_eq(caller->status, BG_OK);
    run_works(&w);
    struct bg_digest digest = release_digest(&w);
    cr_assert(bg_digest_equal(&digest, &expected));
    end(&w);
    NO_LEAKS();
}

Test(keeping, one_that_cannot_be_kept_after_the_deadline_is_left_out)
{
    struct world w;
    struct bg_digest expected = release_in_the_usual_way(&w, MEMBERS - 1);
    bg_root_resume_round(w.root, false);
    for (size_t i = 0; i < MEMBERS - 1; i++)
        expect_accepted(&w, i);
    w.slow = true;
    struct caller *caller = serve(&w, MEMBERS - 1);
    pass_deadline(&w);
    bg_root_kept(w.root, w.keepings[0], BG_IO);
    cr_assert_eq(caller->status, BG_IO);
    run_works(&w);
    struct bg_digest digest = release_digest(&w);
    cr_assert(bg_digest_equal(&digest, &expected));
    end(&w);
    NO_LEAKS();
}

Test(keeping, a_round_goes_on_after_a_restart_with_the_same_updates)
{
    for (size_t members = MEMBERS - 1; members <= MEMBERS; members++) {
        struct world w;
        struct bg_digest expected = release_in_the_usual_way(&w, members);
        w.now = UINT64_MAX / 2; /* there is no deadline yet */
        for (size_t i = members; i-- > 0;)
            expect_accepted(&w, i);
        if (members < MEMBERS)
            cr_assert_null(bg_courier_find(&w.h.offline->key_holder, BG_ROUTE_RELEASE));
        bg_root_resume_round(w.root, members < MEMBERS);
        run_works(&w);
        struct bg_digest digest = release_digest(&w);
        cr_assert(bg_digest_equal(&digest, &expected), "%zu members", members);
        end(&w);
    }
    NO_LEAKS();
}

Test(keeping, a_round_that_had_not_closed_takes_updates_again_until_a_new_deadline)
{
    struct world w;
    begin(&w);
    open_for_all(&w);
    expect_accepted(&w, 0);
    restart(&w);
    expect_accepted(&w, 0);
    w.now = 5;
    bg_root_tick(w.root, w.now);
    bg_root_resume_round(w.root, false);
    cr_assert_eq(bg_root_next_wake(w.root), 5 + w.root->task.deadline_ns);
    expect_accepted(&w, 1);
    pass_deadline(&w);
    cr_assert_eq(serve(&w, 2)->status, BG_WRONG_ROUND, "too few of one group: the round is over");
    cr_assert_eq(w.root->pace.arrival_ns, 0, "instants of another process say nothing");
    end(&w);
    NO_LEAKS();
}

Test(keeping, only_the_task_of_the_next_round_is_reopened)
{
    struct world w;
    begin(&w);
    must(&w, bg_root_open_round(w.root, &w.h.error));
    struct bg_span task = bg_writer_span(&w.task);
    cr_assert_eq(bg_root_reopen_round(w.root, task, &w.h.error), BG_BUSY);
    leave(&w.h);
    must(&w, enter(&w.h));
    attach(&w);
    w.root->round.number = 1;
    cr_assert_eq(bg_root_reopen_round(w.root, task, &w.h.error), BG_CONFIG, "%s", w.h.error.text);
    w.root->round.number = 0;
    w.root->current.digest.bytes[0] ^= 1;
    cr_assert_eq(bg_root_reopen_round(w.root, task, &w.h.error), BG_CONFIG);
    w.root->current.digest.bytes[0] ^= 1;
    w.task.data[w.task.size - 1] ^= 1;
    cr_assert_eq(bg_root_reopen_round(w.root, task, &w.h.error), BG_BAD_SIGNATURE);
    w.task.data[w.task.size - 1] ^= 1;
    cr_assert_eq(bg_root_reopen_round(w.root, (struct bg_span){task.data, task.size - 1}, &w.h.error), BG_TRUNCATED);
    cr_assert_eq(w.root->round.state, BG_ROUND_IDLE);
    cr_assert_eq(bg_root_reopen_round(w.root, task, &w.h.error), BG_OK, "%s", w.h.error.text);
    cr_assert_eq(w.root->round.state, BG_ROUND_OPEN);
    end(&w);
    NO_LEAKS();
}

/* ---- steps ---- */

/* An epoch and a round, as far as they come: both groups complete, or group 0 lacks a member until the deadline. */
static void run_round(struct world *w, bool complete)
{
    if (bg_root_begin_epoch(w->root, &w->h.error) != BG_OK)
        return;
    run_all(w);
    if (!bg_root_idle(w->root))
        return;
    w->root->round.rules.full_rounds = 0;
    if (bg_root_failed(w->root) || w->failing == BG_ROOT_STEP_OPENED) {
        cr_assert_eq(bg_root_open_round(w->root, &w->h.error), BG_IO);
        return;
    }
    open_for_all(w);
    for (size_t i = complete ? 0 : 1; i < (complete ? HANDS : MEMBERS); i++)
        expect_accepted(w, i);
    if (!complete)
        pass_deadline(w);
    run_all(w);
}

Test(keeping, everything_is_kept_in_the_order_in_which_it_happens)
{
    static const enum bg_root_step_kind expected[] = {
        BG_ROOT_STEP_EPOCH_ASKED, BG_ROOT_STEP_EPOCH_AGREED, BG_ROOT_STEP_PLAN,
        BG_ROOT_STEP_OPENED,      BG_ROOT_STEP_CLOSED,       BG_ROOT_STEP_SUMS,
        BG_ROOT_STEP_SUMS,        BG_ROOT_STEP_PUBLISHED,    BG_ROOT_STEP_ENDED,
    };
    struct world w;
    begin_before_epoch(&w);
    struct bg_digest model = *bg_root_model_digest(w.root);
    run_round(&w, true);
    cr_assert_eq(w.notices[BG_ROOT_NOTICE_ENDED], 1, "%s", w.error.text);
    cr_assert_eq(w.step_count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < w.step_count; i++)
        cr_assert_eq(w.steps[i], expected[i], "step %zu is of kind %d", i, w.steps[i]);
    cr_assert_eq(w.notices[BG_ROOT_NOTICE_FAILED], 0);
    cr_assert_not(bg_digest_equal(&model, bg_root_model_digest(w.root)));
    end(&w);
    NO_LEAKS();
}

/* What must not have been seen from outside when a step could not be kept. */
static void expect_nothing_after(struct world *w, enum bg_root_step_kind kind, const struct bg_digest *model)
{
    if (kind <= BG_ROOT_STEP_EPOCH_ASKED)
        cr_assert_eq(w->carried[BG_ROUTE_EPOCH], 0);
    if (kind <= BG_ROOT_STEP_PLAN)
        cr_assert_eq(w->carried[BG_ROUTE_SIGNED_PLAN], 0);
    if (kind <= BG_ROOT_STEP_OPENED)
        cr_assert_eq(w->notices[BG_ROOT_NOTICE_OPENED], 0);
    if (kind <= BG_ROOT_STEP_CLOSED)
        cr_assert_eq(w->carried[BG_ROUTE_RELEASE], 0);
    if (kind <= BG_ROOT_STEP_PUBLISHED)
        cr_assert(bg_digest_equal(model, bg_root_model_digest(w->root)));
    cr_assert_eq(w->notices[BG_ROOT_NOTICE_ENDED], 0);
}

Test(keeping, a_step_that_cannot_be_kept_is_the_last_thing_that_a_root_does)
{
    for (int kind = 0; kind < BG_ROOT_STEP_COUNT; kind++) {
        struct world w;
        struct caller caller = {.call = {take_answer}, .request = {.route = BG_ROUTE_PLAN}};
        begin_before_epoch(&w);
        struct bg_digest model = *bg_root_model_digest(w.root);
        w.failing = kind;
        run_round(&w, kind != BG_ROOT_STEP_CLOSED);
        cr_assert(bg_root_failed(w.root), "step %d", kind);
        cr_assert_eq(w.steps[w.step_count - 1], (enum bg_root_step_kind)kind, "nothing is kept after it");
        cr_assert_eq(w.notices[BG_ROOT_NOTICE_FAILED], 1, "step %d", kind);
        cr_assert_eq(w.error.status, BG_IO);
        expect_nothing_after(&w, kind, &model);
        bg_root_serve(w.root, &caller.request, &caller.call);
        cr_assert_eq(caller.status, BG_IO);
        cr_assert_eq(bg_root_open_round(w.root, &w.h.error), BG_IO);
        cr_assert_eq(bg_root_next_wake(w.root), UINT64_MAX);
        end(&w);
    }
    NO_LEAKS();
}

Test(keeping, a_root_that_has_failed_acknowledges_nothing_that_was_on_its_way)
{
    struct world w;
    begin(&w);
    open_for_all(&w);
    w.slow = true;
    struct caller *caller = serve(&w, 0);
    w.failing = BG_ROOT_STEP_CLOSED;
    pass_deadline(&w);
    cr_assert(bg_root_failed(w.root));
    bg_root_kept(w.root, w.keepings[0], BG_OK);
    cr_assert_eq(caller->answers, 1);
    cr_assert_eq(caller->status, BG_IO, "the client sends it again to whoever starts here");
    end(&w);
    NO_LEAKS();
}
