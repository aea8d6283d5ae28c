/* SPDX-License-Identifier: Apache-2.0 */
#include "keyholder/keyholder.h"

#include "keyholder/opening.h"
#include "keyholder/records.h"
#include "keyholder/state.h"
#include "protocol/envelope.h"

#include <stdlib.h>
#include <string.h>

#define PLAN_MEMORY ((size_t)1 << 28)

void bg_keyholder_notify(struct bg_keyholder *keyholder, struct bg_keyholder_notice notice)
{
    notice.epoch = keyholder->epochs.epoch;
    if (keyholder->settings.observe)
        keyholder->settings.observe(keyholder->settings.observe_context, &notice);
}

void bg_keyholder_refuse(struct bg_keyholder *keyholder, struct bg_call *call, const struct bg_error *error,
                         uint64_t round, uint32_t group)
{
    bg_keyholder_notify(keyholder, (struct bg_keyholder_notice){
                          .kind = BG_KEYHOLDER_NOTICE_REFUSED, .round = round, .group = group, .error = error});
    bg_call_answer(call, error->status, (struct bg_span){NULL, 0});
}

static enum bg_status expect(struct bg_keyholder *keyholder, struct bg_span body, enum bg_frame_type type,
                             struct bg_error *error, struct bg_frame *ret)
{
    enum bg_status status = bg_frame_expect(body, type, error, ret);
    if (status == BG_OK && !bg_population_equal(&ret->population, &keyholder->settings.population))
        return bg_fail(error, BG_WRONG_POPULATION, "%s: of population %s, this key holder is of %s",
                       bg_frame_type_name(type), ret->population.name, keyholder->settings.population.name);
    return status;
}

/* ---- epochs ---- */

static enum bg_status begin_epoch(struct bg_keyholder *keyholder, const struct bg_frame *frame,
                                  const struct bg_epoch_request *request, struct bg_error *error)
{
    struct bg_writer entry;
    struct bg_epochs fresh;
    struct bg_roster roster = bg_enrolment_roster(&keyholder->enrolment);
    enum bg_status status =
        bg_epochs_propose(&keyholder->epochs, &keyholder->settings, frame, request, &roster, error, &entry);
    if (status == BG_OK)
        status = bg_epochs_adopt(&entry, &keyholder->settings, error, &fresh);
    if (status == BG_OK) {
        status = bg_keyholder_install(keyholder, &fresh, error);
        if (status != BG_OK)
            bg_epochs_finish(&fresh);
    }
    if (status == BG_OK)
        status = bg_keyholder_keep(keyholder, BG_KEYHOLDER_ENTRY_EPOCH, bg_writer_span(&keyholder->epochs.entry),
                                   error);
    bg_writer_finish(&entry);
    return status;
}

static void serve_epoch(struct bg_keyholder *keyholder, struct bg_span body, struct bg_call *call)
{
    struct bg_frame frame;
    struct bg_epoch_request request;
    struct bg_error error = {0};
    enum bg_status status = expect(keyholder, body, BG_FRAME_EPOCH_REQUEST, &error, &frame);
    if (status == BG_OK)
        status = bg_epoch_request_decode(&frame, &error, &request);
    if (status == BG_OK && !bg_epochs_is_repeat(&keyholder->epochs, &frame)) {
        status = begin_epoch(keyholder, &frame, &request, &error);
        if (status == BG_OK)
            bg_keyholder_notify(keyholder, (struct bg_keyholder_notice){.kind = BG_KEYHOLDER_NOTICE_EPOCH});
    }
    if (status == BG_OK)
        bg_call_answer(call, BG_OK, keyholder->epochs.answer);
    else
        bg_keyholder_refuse(keyholder, call, &error, 0, 0);
}

/* ---- plans ---- */

static enum bg_status check_plan(struct bg_keyholder *keyholder, const struct bg_frame *frame, struct bg_error *error)
{
    struct bg_plan plan;
    struct bg_arena arena;
    bg_arena_init(&arena, PLAN_MEMORY);
    enum bg_status status = bg_plan_decode(frame, &arena, error, &plan);
    if (status == BG_OK) {
        if (!keyholder->epochs.epoch || !bg_span_equal(plan.key_bytes, keyholder->epochs.key_bytes))
            status = bg_fail(error, BG_STALE_PLAN, "plan: its key part is not that of epoch %llu",
                             (unsigned long long)keyholder->epochs.epoch);
        else
            status = bg_plan_verify(frame, &plan, bg_identity_point(keyholder->settings.identity),
                                    keyholder->settings.root, error);
        bg_plan_finish(&plan);
    }
    bg_arena_finish(&arena);
    return status;
}

static void serve_plan(struct bg_keyholder *keyholder, struct bg_span body, struct bg_call *call)
{
    struct bg_frame frame;
    struct bg_error error = {0};
    struct bg_policy *policy = &keyholder->policy;
    enum bg_policy_action action;
    enum bg_status status = expect(keyholder, body, BG_FRAME_PLAN, &error, &frame);
    if (status == BG_OK)
        status = check_plan(keyholder, &frame, &error);
    bool news = status == BG_OK && !(policy->has_plan && bg_digest_equal(&policy->plan_id, &frame.plan_id));
    if (news) {
        struct bg_policy_event event = {
            .kind = BG_POLICY_PLAN, .epoch = keyholder->epochs.epoch, .plan_id = frame.plan_id};
        status = bg_policy_step(policy, &event, &error, &action);
        if (status == BG_OK)
            status = bg_keyholder_keep(keyholder, BG_KEYHOLDER_ENTRY_PLAN,
                                       (struct bg_span){frame.plan_id.bytes, BG_DIGEST_BYTES}, &error);
        if (status == BG_OK)
            bg_keyholder_notify(keyholder, (struct bg_keyholder_notice){.kind = BG_KEYHOLDER_NOTICE_PLAN});
    }
    if (status == BG_OK)
        bg_call_answer(call, BG_OK, (struct bg_span){NULL, 0});
    else
        bg_keyholder_refuse(keyholder, call, &error, 0, 0);
}

/* ---- releases ---- */

/* A release that is being worked on. */
struct bg_keyholder_task {
    struct bg_work work;
    struct bg_keyholder *keyholder;
    struct bg_call *call;
    struct bg_digest peer;
    bool edge; /* the peer is one: it gets the record, the root will fetch the sums */
    struct bg_opening opening;
    enum bg_status status; /* of the work */
    struct bg_error error;
    struct bg_keyholder_task *next; /* of the key holder's */
};

static struct bg_keyholder_task *task_of(struct bg_job *job)
{
    return (struct bg_keyholder_task *)((char *)job - offsetof(struct bg_keyholder_task, work.job));
}

static void end_task(struct bg_keyholder_task *task)
{
    struct bg_keyholder_task **link = &task->keyholder->tasks;
    while (*link != task)
        link = &(*link)->next;
    *link = task->next;
    bg_opening_finish(&task->opening);
    free(task);
}

static void refuse_task(struct bg_keyholder_task *task)
{
    const struct bg_release *release = &task->opening.release;
    bg_keyholder_refuse(task->keyholder, task->call, &task->error, release->round, release->group);
    end_task(task);
}

static void queue(struct bg_keyholder_task *task, enum bg_phase phase, uint64_t units,
                  void (*run)(struct bg_job *job), void (*done)(struct bg_job *job))
{
    const struct bg_release *release = &task->opening.release;
    task->work = (struct bg_work){.job = {.run = run, .done = done},
                                  .phase = phase,
                                  .actor = release->group,
                                  .round = release->round,
                                  .units = units};
    bg_work_push(&task->keyholder->queue, &task->work);
}

static void answer_task(struct bg_keyholder_task *task, enum bg_keyholder_notice_kind kind)
{
    struct bg_keyholder *keyholder = task->keyholder;
    const struct bg_release *release = &task->opening.release;
    struct bg_writer w;
    bg_writer_init(&w);
    if (task->edge) {
        bg_record_encode(&w, &task->opening.record);
        bg_edges_keep(&keyholder->edges, &task->opening);
    } else {
        bg_opening_answer(&task->opening, &w);
    }
    bg_keyholder_notify(
        keyholder, (struct bg_keyholder_notice){.kind = kind, .round = release->round, .group = release->group});
    bg_call_answer(task->call, w.status, bg_writer_span(&w));
    bg_writer_finish(&w);
    end_task(task);
}

static void run_opening(struct bg_job *job)
{
    struct bg_keyholder_task *task = task_of(job);
    task->status = bg_opening_open(&task->opening, false, &task->error);
}

static void run_repeat(struct bg_job *job)
{
    struct bg_keyholder_task *task = task_of(job);
    task->status = bg_opening_open(&task->opening, true, &task->error);
}

/* Other releases of an edge may be under way when one of them bars it. */
static void check_bar(struct bg_keyholder_task *task)
{
    if (task->status == BG_OK && task->edge && bg_edges_is_barred(&task->keyholder->edges, &task->peer))
        task->status = bg_fail(&task->error, BG_REFUSED, "round %llu, group %u: the edge was barred meanwhile",
                               (unsigned long long)task->opening.release.round, task->opening.release.group);
}

static void repeat_done(struct bg_job *job)
{
    struct bg_keyholder_task *task = task_of(job);
    check_bar(task);
    if (task->status == BG_OK && task->keyholder->policy.locked)
        task->status = bg_fail(&task->error, BG_REFUSED, "round %llu, group %u: the key holder was locked meanwhile",
                               (unsigned long long)task->opening.release.round, task->opening.release.group);
    if (task->status == BG_OK)
        answer_task(task, BG_KEYHOLDER_NOTICE_REPEATED);
    else
        refuse_task(task);
}

/* A member did not know what it sent: nobody of them is opened for this round, and all learn who it was. */
static void reject(struct bg_keyholder_task *task)
{
    const struct bg_release *release = &task->opening.release;
    struct bg_error unkept = {0};
    if (bg_keyholder_keep_rejection(task->keyholder, &task->opening.request, &task->error, &unkept) != BG_OK)
        bg_fail_in(&task->error, task->error.status, "%s", unkept.text);
    bg_keyholder_notify(task->keyholder, (struct bg_keyholder_notice){.kind = BG_KEYHOLDER_NOTICE_REJECTED,
                                                         .round = release->round,
                                                         .group = release->group,
                                                         .error = &task->error});
    bg_call_answer(task->call, task->error.status, (struct bg_span){NULL, 0});
    end_task(task);
}

static void opening_done(struct bg_job *job)
{
    struct bg_keyholder_task *task = task_of(job);
    struct bg_keyholder *keyholder = task->keyholder;
    enum bg_policy_action action;
    check_bar(task);
    struct bg_policy_event event = {
        .kind = BG_POLICY_OPENED, .group = task->opening.release.group, .status = task->status};
    enum bg_status status = bg_policy_step(&keyholder->policy, &event, &task->error, &action);
    if (status == BG_OK && action == BG_POLICY_DO_ANSWER)
        status = bg_keyholder_record(keyholder, &task->opening.request, &task->opening.record, &task->error);
    if (status == BG_OK && action == BG_POLICY_DO_ANSWER)
        answer_task(task, BG_KEYHOLDER_NOTICE_OPENED);
    else if (status == BG_OK && action == BG_POLICY_DO_REJECT)
        reject(task);
    else
        refuse_task(task);
}

static void run_challenge(struct bg_job *job)
{
    struct bg_keyholder_task *task = task_of(job);
    task->status = bg_opening_challenge(&task->opening, &task->error);
}

static void lock(struct bg_keyholder_task *task)
{
    struct bg_keyholder *keyholder = task->keyholder;
    const struct bg_release *release = &task->opening.release;
    struct bg_span why = {(const uint8_t *)task->error.text, strlen(task->error.text)};
    struct bg_error unkept = {0};
    if (bg_keyholder_keep(keyholder, BG_KEYHOLDER_ENTRY_LOCK, why, &unkept) != BG_OK)
        bg_fail_in(&task->error, task->error.status, "%s", unkept.text);
    bg_keyholder_notify(keyholder, (struct bg_keyholder_notice){.kind = BG_KEYHOLDER_NOTICE_LOCKED,
                                                   .round = release->round,
                                                   .group = release->group,
                                                   .error = &task->error});
}

static void bar(struct bg_keyholder_task *task)
{
    struct bg_keyholder *keyholder = task->keyholder;
    const struct bg_release *release = &task->opening.release;
    struct bg_writer entry;
    struct bg_error unkept = {0};
    char hex[2 * BG_DIGEST_BYTES + 1];
    bg_digest_to_hex(&task->peer, hex);
    bg_fail_in(&task->error, task->error.status, "edge %s", hex);
    bg_writer_init(&entry);
    bg_write_digest(&entry, &task->peer);
    bg_write_bytes(&entry, task->error.text, strlen(task->error.text));
    if (entry.status != BG_OK || bg_edges_bar(&keyholder->edges, &task->peer) != BG_OK) {
        keyholder->failed = true; /* it would be asked again, and the answer must not depend on memory */
        bg_fail_in(&task->error, task->error.status, "out of memory");
    } else if (bg_keyholder_keep(keyholder, BG_KEYHOLDER_ENTRY_BAR, bg_writer_span(&entry), &unkept) != BG_OK) {
        bg_fail_in(&task->error, task->error.status, "%s", unkept.text);
    }
    bg_writer_finish(&entry);
    bg_keyholder_notify(keyholder, (struct bg_keyholder_notice){.kind = BG_KEYHOLDER_NOTICE_BARRED,
                                                   .round = release->round,
                                                   .group = release->group,
                                                   .error = &task->error});
}

static void challenge_done(struct bg_job *job)
{
    struct bg_keyholder_task *task = task_of(job);
    enum bg_policy_action action;
    check_bar(task);
    struct bg_policy_event event = {
        .kind = BG_POLICY_BLOCKS, .group = task->opening.release.group, .edge = task->edge, .status = task->status};
    enum bg_status status = bg_policy_step(&task->keyholder->policy, &event, &task->error, &action);
    if (status == BG_OK && action == BG_POLICY_DO_OPEN) {
        queue(task, BG_PHASE_OPENING, task->opening.release.positions, run_opening, opening_done);
        return;
    }
    if (status == BG_OK && action == BG_POLICY_DO_LOCK)
        lock(task);
    if (status == BG_OK && action == BG_POLICY_DO_BAR && !bg_edges_is_barred(&task->keyholder->edges, &task->peer))
        bar(task);
    refuse_task(task);
}

static void run_verification(struct bg_job *job)
{
    struct bg_keyholder_task *task = task_of(job);
    task->status = bg_opening_verify(&task->opening, &task->error);
}

static void verification_done(struct bg_job *job)
{
    struct bg_keyholder_task *task = task_of(job);
    struct bg_opening *opening = &task->opening;
    struct bg_keyholder *keyholder = task->keyholder;
    enum bg_policy_action action = BG_POLICY_DO_NOTHING;
    struct bg_policy_event event = {.kind = BG_POLICY_RELEASE, .request = &opening->request};
    if (task->status == BG_OK)
        task->status = bg_policy_step(&keyholder->policy, &event, &task->error, &action);
    if (task->status != BG_OK) {
        refuse_task(task);
    } else if (action == BG_POLICY_DO_REPEAT) {
        opening->record = keyholder->records[opening->release.group];
        queue(task, BG_PHASE_OPENING, opening->release.positions, run_repeat, repeat_done);
    } else {
        uint64_t ciphertexts = (uint64_t)opening->challenged_count * BG_BLOCK_POSITIONS;
        if (ciphertexts > opening->release.positions)
            ciphertexts = opening->release.positions;
        queue(task, BG_PHASE_INTAKE, ciphertexts * opening->release.member_count, run_challenge, challenge_done);
    }
}

static bool is_busy(const struct bg_keyholder *keyholder, const struct bg_keyholder_task *fresh)
{
    for (const struct bg_keyholder_task *task = keyholder->tasks; task; task = task->next)
        if (task != fresh && task->opening.release.group == fresh->opening.release.group)
            return true;
    return false;
}

static void serve_release(struct bg_keyholder *keyholder, const struct bg_request *asked, bool edge,
                          struct bg_call *call)
{
    struct bg_keyholder_task *task = calloc(1, sizeof *task);
    if (!task) {
        struct bg_error error;
        bg_fail(&error, BG_NO_MEMORY, "release: out of memory");
        bg_keyholder_refuse(keyholder, call, &error, 0, 0);
        return;
    }
    task->keyholder = keyholder;
    task->call = call;
    task->peer = asked->peer;
    task->edge = edge;
    task->next = keyholder->tasks;
    keyholder->tasks = task;
    bg_opening_init(&task->opening, &keyholder->settings);
    enum bg_status status = bg_opening_read(&task->opening, &keyholder->epochs, &keyholder->enrolment, asked->body,
                                            &task->error);
    if (status == BG_OK && is_busy(keyholder, task))
        status = bg_fail(&task->error, BG_BUSY, "round %llu, group %u: another release of the group is under way",
                         (unsigned long long)task->opening.release.round, task->opening.release.group);
    if (status == BG_OK)
        queue(task, BG_PHASE_INTAKE, task->opening.release.member_count, run_verification, verification_done);
    else
        refuse_task(task);
}

static void serve_sums(struct bg_keyholder *keyholder, struct bg_span body, struct bg_call *call)
{
    struct bg_error error = {0};
    struct bg_writer w;
    const struct bg_waiting_sums *waiting = bg_edges_find(&keyholder->edges, body);
    if (!waiting || keyholder->policy.locked) {
        bg_fail(&error, waiting ? BG_REFUSED : BG_NOT_FOUND,
                waiting ? "sums: the key holder is locked" : "sums: none wait under this record");
        bg_keyholder_refuse(keyholder, call, &error, 0, 0);
        return;
    }
    struct bg_sums sums = {.round = waiting->record.round,
                           .attempt = waiting->record.attempt,
                           .group = waiting->record.group,
                           .positions = waiting->positions,
                           .sums = {waiting->sums, waiting->size},
                           .record = waiting->record};
    bg_writer_init(&w);
    bg_sums_encode(&w, &keyholder->settings.population, &waiting->plan_id, &sums);
    bg_call_answer(call, w.status, bg_writer_span(&w));
    bg_writer_finish(&w);
}

/* Edges may release, unless they are barred; everything else is the root's. */
static enum bg_status check_peer(const struct bg_keyholder *keyholder, const struct bg_request *request, bool is_root,
                                 struct bg_error *error)
{
    const struct bg_keyholder_settings *settings = &keyholder->settings;
    char hex[2 * BG_DIGEST_BYTES + 1];
    const struct bg_device *device = bg_enrolment_find(&keyholder->enrolment, &request->peer);
    bool is_edge = device && device->role == BG_CERTIFICATE_EDGE;
    bg_digest_to_hex(&request->peer, hex);
    if (device && device->revoked)
        return bg_fail(error, BG_REFUSED, "%s: %s was revoked", bg_route_name(request->route), hex);
    for (size_t i = 0; i < settings->edge_count; i++)
        is_edge = is_edge || bg_digest_equal(&settings->edges[i], &request->peer);
    if (is_root || (is_edge && request->route == BG_ROUTE_ROSTER) ||
        (is_edge && settings->root[0] && request->route == BG_ROUTE_RELEASE &&
         !bg_edges_is_barred(&keyholder->edges, &request->peer)))
        return BG_OK;
    if (is_edge && request->route == BG_ROUTE_RELEASE)
        return bg_fail(error, BG_REFUSED,
                       "release: edge %s is barred: a product of it was not made of the members' blocks; an operator "
                       "must look at it and clear it",
                       hex);
    return bg_fail(error, BG_REFUSED, "%s: asked by %s, who is not the root", bg_route_name(request->route), hex);
}

void bg_keyholder_serve(void *context, const struct bg_request *request, struct bg_call *call)
{
    struct bg_keyholder *keyholder = context;
    struct bg_digest root;
    struct bg_error error = {0};
    bg_point_digest(keyholder->settings.root, &root);
    bool is_root = keyholder->settings.root[0] && bg_digest_equal(&root, &request->peer);
    if (check_peer(keyholder, request, is_root, &error) != BG_OK) {
        bg_keyholder_refuse(keyholder, call, &error, 0, 0);
        return;
    }
    if (keyholder->failed) {
        bg_fail(&error, BG_IO, "%s: the journal could not be written; mend its disk and start again",
                bg_route_name(request->route));
        bg_keyholder_refuse(keyholder, call, &error, 0, 0);
        return;
    }
    if (bg_keyholder_between_keys(keyholder) && request->route != BG_ROUTE_EPOCH &&
        request->route != BG_ROUTE_ROSTER) {
        bg_fail(&error, BG_STALE_PLAN, "%s: the key was rotated: ask for the next epoch",
                bg_route_name(request->route));
        bg_keyholder_refuse(keyholder, call, &error, 0, 0);
        return;
    }
    switch (request->route) {
    case BG_ROUTE_EPOCH:
        serve_epoch(keyholder, request->body, call);
        return;
    case BG_ROUTE_SIGNED_PLAN:
        serve_plan(keyholder, request->body, call);
        return;
    case BG_ROUTE_RELEASE:
        serve_release(keyholder, request, !is_root, call);
        return;
    case BG_ROUTE_SUMS:
        serve_sums(keyholder, request->body, call);
        return;
    case BG_ROUTE_AUDIT:
        bg_keyholder_serve_audit(keyholder, request->body, call);
        return;
    case BG_ROUTE_ROSTER:
        bg_keyholder_serve_roster(keyholder, request, call);
        return;
    default:
        bg_fail(&error, BG_NOT_FOUND, "%s: not a route of the key holder", bg_route_name(request->route));
        bg_keyholder_refuse(keyholder, call, &error, 0, 0);
    }
}

/* ---- the rest of the interface ---- */

enum bg_status bg_keyholder_clear(struct bg_keyholder *keyholder)
{
    enum bg_policy_action action;
    struct bg_policy_event event = {.kind = BG_POLICY_CLEAR};
    enum bg_status status = BG_OK;
    if (keyholder->policy.locked || !keyholder->edges.barred_count)
        status = bg_policy_step(&keyholder->policy, &event, NULL, &action);
    if (status != BG_OK)
        return status;
    bg_edges_clear(&keyholder->edges);
    return bg_keyholder_keep(keyholder, BG_KEYHOLDER_ENTRY_CLEAR, (struct bg_span){NULL, 0}, NULL);
}

size_t bg_keyholder_barred(const struct bg_keyholder *keyholder)
{
    return keyholder->edges.barred_count;
}

bool bg_keyholder_locked(const struct bg_keyholder *keyholder)
{
    return keyholder->policy.locked;
}

struct bg_roster bg_keyholder_roster(struct bg_keyholder *keyholder)
{
    return bg_enrolment_roster(&keyholder->enrolment);
}

struct bg_digest bg_keyholder_commitment(const struct bg_keyholder *keyholder)
{
    return bg_epochs_commitment(&keyholder->epochs);
}

struct bg_digest bg_keyholder_head(const struct bg_keyholder *keyholder)
{
    return keyholder->chain.head;
}

uint64_t bg_keyholder_epoch(const struct bg_keyholder *keyholder)
{
    return keyholder->epochs.epoch;
}

void bg_keyholder_tick(struct bg_keyholder *keyholder, uint64_t now)
{
    keyholder->now = now;
    bg_keyholder_end_waits(keyholder);
}

uint64_t bg_keyholder_next_wake(const struct bg_keyholder *keyholder)
{
    return bg_keyholder_next_wait(keyholder);
}

struct bg_work *bg_keyholder_work(struct bg_keyholder *keyholder)
{
    return bg_work_pop(&keyholder->queue);
}

void bg_keyholder_destroy(struct bg_keyholder **keyholder)
{
    struct bg_keyholder *k = *keyholder;
    if (!k)
        return;
    while (k->tasks)
        end_task(k->tasks);
    bg_keyholder_drop_audits(k);
    bg_edges_finish(&k->edges);
    bg_epochs_finish(&k->epochs);
    bg_keyholder_drop_waits(k);
    bg_tokens_finish(&k->tokens);
    bg_enrolment_finish(&k->enrolment);
    free(k->next_rounds);
    free(k);
    *keyholder = NULL;
}
