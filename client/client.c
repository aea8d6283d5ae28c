/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client_parts.h"

#include "wire/pace.h"

#include <stdlib.h>
#include <string.h>

static void advance(struct bg_client *client, struct bg_session_event event);

void bg_client_notify(struct bg_client *client, struct bg_client_notice notice)
{
    notice.state = client->session.state;
    notice.round = client->session.round;
    if (client->settings.observe)
        client->settings.observe(client->settings.observe_context, &notice);
}

void bg_client_report(struct bg_client *client, enum bg_session_event_kind kind, enum bg_status status)
{
    if (status != BG_OK && status != BG_BUSY && status != BG_NOT_FOUND)
        bg_client_notify(client, (struct bg_client_notice){.kind = BG_CLIENT_NOTICE_FAILED, .error = &client->error});
    advance(client, (struct bg_session_event){.kind = kind, .status = status});
}

static void send(struct bg_client *client, const struct bg_request *request, bg_reply_function *on_reply)
{
    enum bg_status status = bg_transport_send(client->settings.transport, request, on_reply, client);
    if (status != BG_OK)
        on_reply(client, status, (struct bg_span){NULL, 0});
}

static void ask(struct bg_client *client, enum bg_route route, struct bg_span body, bg_reply_function *on_reply)
{
    struct bg_request request = {
        .route = route, .peer = *bg_identity_digest(client->settings.identity), .body = body};
    send(client, &request, on_reply);
}

/* ---- pace ---- */

static uint64_t within(const struct bg_client *client, uint64_t wait_ns)
{
    const struct bg_client_settings *s = &client->settings;
    return wait_ns < s->poll_ns ? s->poll_ns : wait_ns > s->longest_wait_ns ? s->longest_wait_ns : wait_ns;
}

/* Whether the reply is a window, and the wait drawn from it; one that is refused counts as the shortest. */
static bool read_pace(struct bg_client *client, struct bg_span reply, uint64_t *ret_wait_ns)
{
    struct bg_frame frame;
    struct bg_pace_window window = {0};
    if (bg_frame_decode(reply, NULL, &frame, NULL) != BG_OK || frame.type != BG_FRAME_PACE)
        return false;
    enum bg_status status = bg_pace_window_decode(&frame, &client->error, &window);
    if (status == BG_OK && !bg_population_equal(&frame.population, &client->settings.population)) {
        status = bg_fail(&client->error, BG_WRONG_POPULATION, "pace: of population %s, this client is of %s",
                         frame.population.name, client->settings.population.name);
        window = (struct bg_pace_window){0};
    }
    if (status != BG_OK)
        bg_client_notify(client, (struct bg_client_notice){.kind = BG_CLIENT_NOTICE_FAILED, .error = &client->error});
    uint64_t least = within(client, window.least_ns), most = within(client, window.most_ns);
    *ret_wait_ns = least + bg_prng_below(&client->waits, most - least + 1);
    return true;
}

/* Whether the reply to a request for a task or a receipt is a window instead, which is then followed. */
static bool follow_pace(struct bg_client *client, struct bg_span reply)
{
    uint64_t wait_ns;
    if (!read_pace(client, reply, &wait_ns))
        return false;
    advance(client, (struct bg_session_event){.kind = BG_SESSION_PACED, .wait_ns = wait_ns});
    return true;
}

/* ---- the task ---- */

static enum bg_status accept_task(struct bg_client *client, struct bg_span reply)
{
    struct bg_trusted_task fresh;
    enum bg_status status =
        bg_library_task(client->settings.library, &client->state.trust, reply, &client->error, &fresh);
    if (status != BG_OK)
        return status;
    bg_trusted_task_finish(&client->state.task);
    client->state.task = fresh;
    return BG_OK;
}

static uint64_t later(uint64_t now, uint64_t delay_ns)
{
    return delay_ns > UINT64_MAX - now ? UINT64_MAX : now + delay_ns;
}

static void on_task(void *context, enum bg_status status, struct bg_span reply)
{
    struct bg_client *client = context;
    if (status == BG_OK && follow_pace(client, reply))
        return;
    if (status == BG_OK)
        status = accept_task(client, reply);
    else
        bg_fail(&client->error, status, "task: %s", bg_status_text(status));
    if (status != BG_OK) {
        bg_client_report(client, BG_SESSION_TASK, status);
        return;
    }
    const struct bg_task *task = &client->state.task.task;
    advance(client, (struct bg_session_event){.kind = BG_SESSION_TASK,
                                              .round = task->round,
                                              .attempt = task->attempt,
                                              .deadline = later(client->now, task->deadline_ns)});
}

/* ---- plan, groups, model ---- */

static void prepare(struct bg_client *client);

static enum bg_status accept_plan(struct bg_client *client, struct bg_span reply)
{
    struct bg_trusted_plan fresh;
    enum bg_status status =
        bg_library_plan(client->settings.library, &client->state.trust, reply, &client->error, &fresh);
    if (status != BG_OK)
        return status;
    if (!bg_digest_equal(&fresh.id, &client->state.task.plan_id))
        status = bg_fail(&client->error, BG_STALE_PLAN, "plan: not the one the task names");
    else if (bg_learner_adopt(&client->state.learner, &fresh) != BG_OK)
        status = bg_fail(&client->error, BG_NO_MEMORY, "plan: out of memory");
    if (status != BG_OK)
        bg_trusted_plan_finish(&fresh);
    else
        client->has_seat = false;
    return status;
}

static enum bg_status accept_groups(struct bg_client *client, struct bg_span reply)
{
    const struct bg_digest *id = bg_identity_digest(client->settings.identity);
    enum bg_status status = bg_seat_find(client->settings.library, &client->state.learner.plan.plan, reply, id,
                                         &client->error, &client->state.seat);
    client->has_seat = status == BG_OK;
    return status;
}

static enum bg_status accept_model(struct bg_client *client, struct bg_span reply)
{
    struct bg_document fresh;
    enum bg_status status = bg_library_model(client->settings.library, &client->state.task.task.model, reply, &fresh);
    if (status == BG_BAD_DIGEST)
        return bg_task_check_model(&client->state.task.task, reply, &client->error);
    if (status != BG_OK)
        return bg_fail(&client->error, status, "model: out of memory");
    bg_document_finish(&client->model);
    client->model = fresh;
    client->model_digest = client->state.task.task.model;
    return BG_OK;
}

static void on_prepared(struct bg_client *client, enum bg_status status, const char *what)
{
    if (status == BG_OK) {
        prepare(client);
        return;
    }
    if (what)
        bg_fail(&client->error, status, "%s: %s", what, bg_status_text(status));
    bg_client_report(client, BG_SESSION_PREPARED, status);
}

static void on_plan(void *context, enum bg_status status, struct bg_span reply)
{
    struct bg_client *client = context;
    on_prepared(client, status == BG_OK ? accept_plan(client, reply) : status, status == BG_OK ? NULL : "plan");
}

static void on_groups(void *context, enum bg_status status, struct bg_span reply)
{
    struct bg_client *client = context;
    on_prepared(client, status == BG_OK ? accept_groups(client, reply) : status, status == BG_OK ? NULL : "groups");
}

static void on_model(void *context, enum bg_status status, struct bg_span reply)
{
    struct bg_client *client = context;
    on_prepared(client, status == BG_OK ? accept_model(client, reply) : status, status == BG_OK ? NULL : "model");
}

/* Fetches the next thing that is missing; PREPARED when nothing is. */
static void prepare(struct bg_client *client)
{
    const struct bg_task *task = &client->state.task.task;
    const struct bg_trusted_plan *plan = &client->state.learner.plan;
    if (!bg_learner_has_plan(&client->state.learner) || !bg_digest_equal(&plan->id, &client->state.task.plan_id)) {
        ask(client, BG_ROUTE_PLAN, (struct bg_span){NULL, 0}, on_plan);
        return;
    }
    if (!client->has_seat) {
        ask(client, BG_ROUTE_GROUPS, (struct bg_span){NULL, 0}, on_groups);
        return;
    }
    enum bg_status status = bg_task_check(plan, &client->state.task, &client->state.seat, &client->error);
    if (status == BG_OK)
        status = bg_task_check_receipt(task, &client->state.settlement, &client->error);
    if (status == BG_OK && (!client->model.bytes || !bg_digest_equal(&client->model_digest, &task->model))) {
        ask(client, BG_ROUTE_MODEL, (struct bg_span){task->model.bytes, BG_DIGEST_BYTES}, on_model);
        return;
    }
    bg_shape_finish(&client->shape);
    if (status == BG_OK)
        status = bg_shape_init(&plan->plan, task, &client->error, &client->shape);
    bg_client_report(client, BG_SESSION_PREPARED, status);
}

/* ---- sending and the receipt ---- */

static void on_sent(void *context, enum bg_status status, struct bg_span reply)
{
    struct bg_client *client = context;
    uint64_t wait_ns = 0;
    if (status != BG_OK) {
        bg_fail(&client->error, status, "update for round %llu: %s",
                (unsigned long long)client->state.task.task.round, bg_status_text(status));
        bg_client_report(client, BG_SESSION_SENT, status);
        return;
    }
    if (!read_pace(client, reply, &wait_ns))
        wait_ns = 0;
    if (client->settings.memory)
        client->settings.memory->release_update(client->settings.memory);
    bg_client_notify(client, (struct bg_client_notice){.kind = BG_CLIENT_NOTICE_SENT, .bytes = client->out.bytes.size});
    advance(client, (struct bg_session_event){.kind = BG_SESSION_SENT, .wait_ns = wait_ns});
}

static void send_update(struct bg_client *client)
{
    struct bg_request request = {.route = BG_ROUTE_UPDATE,
                                 .peer = *bg_identity_digest(client->settings.identity),
                                 .body = client->out.bytes,
                                 .held = client->out.held};
    send(client, &request, on_sent);
}

static void forget_frames(struct bg_client *client)
{
    bg_update_finish(&client->building.frames);
    bg_held_release(client->out.held);
    client->out = (struct bg_spooled){.held = NULL};
}

/* `scales` NULL: there is no receipt that has any. */
static void settle(struct bg_client *client, bool used, const double *scales)
{
    struct bg_learner *learner = &client->state.learner;
    bg_client_settle(&learner->plan.plan, &client->state.task.task, used, scales, &learner->codec);
    forget_frames(client);
    client->building.encoded = client->state.out = false;
    client->outcome = used ? BG_CLIENT_NOTICE_COMMITTED : BG_CLIENT_NOTICE_FOLDED_BACK;
    client->owes = client->settings.memory != NULL;
    if (client->owes)
        bg_client_keep_settlement(client);
    else
        bg_client_notify(client, (struct bg_client_notice){.kind = client->outcome});
}

static void on_receipt(void *context, enum bg_status status, struct bg_span reply)
{
    struct bg_client *client = context;
    struct bg_verdict verdict;
    if (status == BG_OK && follow_pace(client, reply))
        return;
    if (status == BG_OK)
        status = bg_verdict_accept(client->settings.library, &client->state.trust, &client->state.learner.plan,
                                   &client->state.task.task, &client->state.seat, reply, &client->error, &verdict);
    else
        bg_fail(&client->error, status, "receipt: %s", bg_status_text(status));
    if (status != BG_OK) {
        bg_client_report(client, BG_SESSION_RECEIPT, status);
        return;
    }
    bool used = verdict.used;
    client->state.settlement = verdict.settlement;
    settle(client, used, verdict.scales);
    bg_verdict_finish(&verdict);
    advance(client, (struct bg_session_event){.kind = BG_SESSION_RECEIPT, .used = used});
}

static void ask_receipt(struct bg_client *client)
{
    uint8_t round[8];
    for (size_t i = 0; i < sizeof round; i++)
        round[i] = (uint8_t)(client->state.task.task.round >> (8 * i));
    ask(client, BG_ROUTE_RECEIPT, (struct bg_span){round, sizeof round}, on_receipt);
}

/* ---- the session ---- */

void bg_client_ask_task(struct bg_client *client)
{
    if (client->owes)
        bg_client_keep_settlement(client);
    else
        ask(client, BG_ROUTE_TASK, (struct bg_span){NULL, 0}, on_task);
}

static void perform(struct bg_client *client, enum bg_session_action action)
{
    switch (action) {
    case BG_SESSION_DO_NOTHING:
    case BG_SESSION_DO_COMMIT: /* done with the receipt in hand */
        return;
    case BG_SESSION_DO_ASK:
        bg_client_ask_task(client);
        return;
    case BG_SESSION_DO_PREPARE:
        prepare(client);
        return;
    case BG_SESSION_DO_TRAIN:
        bg_client_begin_training(client);
        return;
    case BG_SESSION_DO_BUILD:
        bg_client_begin_building(client);
        return;
    case BG_SESSION_DO_SEND:
        send_update(client);
        return;
    case BG_SESSION_DO_ASK_RECEIPT:
        ask_receipt(client);
        return;
    case BG_SESSION_DO_FOLD_BACK:
        if (client->building.encoded)
            settle(client, false, NULL);
        return;
    }
}

static void advance(struct bg_client *client, struct bg_session_event event)
{
    enum bg_session_action action;
    enum bg_session_state before = client->session.state;
    if (bg_session_step(&client->session, &event, client->now, &action) != BG_OK)
        return;
    if (client->session.state != before) {
        if (client->session.state == BG_SESSION_WAITING && !client->settings.memory && !client->settings.may_move)
            forget_frames(client); /* nothing is sent any more */
        bg_client_notify(client, (struct bg_client_notice){.kind = BG_CLIENT_NOTICE_STATE});
    }
    perform(client, action);
    if (client->session.state != before)
        bg_client_fill_by_state(client);
}

enum bg_status bg_client_create(const struct bg_client_settings *settings, uint64_t now,
                                struct bg_client **ret_client)
{
    struct bg_client *client = calloc(1, sizeof *client);
    if (!client)
        return BG_NO_MEMORY;
    client->settings = *settings;
    client->state.client = *bg_identity_digest(settings->identity);
    client->state.trust.population = settings->population;
    memcpy(client->state.trust.key_holder, settings->key_holder, sizeof client->state.trust.key_holder);
    memcpy(client->state.trust.root, settings->root, sizeof client->state.trust.root);
    memcpy(client->state.tie_secret, settings->tie_secret, sizeof client->state.tie_secret);
    client->now = now;
    client->shape.encryption = BG_PLAN_OFF;
    bg_prng_init_stream(&client->waits, settings->wait_seed, "waits", 0);
    bg_session_init(&client->session, now, settings->poll_ns, settings->patience_ns);
    *ret_client = client;
    return BG_OK;
}

void bg_client_resume(struct bg_client *client, struct bg_device_state *state, struct bg_spooled update)
{
    bg_device_state_finish(&client->state);
    client->state = *state;
    *state = (struct bg_device_state){.round = 0};
    client->has_seat = client->building.encoded = client->state.out;
    client->out = update;
    uint64_t left = client->state.task.task.deadline_ns;
    bg_session_resume(&client->session, client->now, client->state.round, client->state.attempt, client->state.out,
                      update.bytes.size ? later(client->now, left) : client->now);
}

void bg_client_destroy(struct bg_client **client)
{
    struct bg_client *c = *client;
    if (!c)
        return;
    bg_device_state_finish(&c->state);
    bg_document_finish(&c->model);
    bg_shape_finish(&c->shape);
    bg_client_building_finish(&c->building);
    forget_frames(c);
    bg_client_inputs_finish(&c->inputs);
    free(c->delta);
    free(c->measured);
    free(c);
    *client = NULL;
}

void bg_client_tick(struct bg_client *client, uint64_t now)
{
    client->now = now;
    if (now >= bg_client_next_wake(client))
        advance(client, (struct bg_session_event){.kind = BG_SESSION_WAKE});
}

uint64_t bg_client_next_wake(const struct bg_client *client)
{
    uint64_t wake = client->keeping ? UINT64_MAX : client->session.wake;
    return wake != UINT64_MAX && wake < client->asleep_until ? client->asleep_until : wake;
}

struct bg_work *bg_client_work(struct bg_client *client)
{
    return bg_work_pop(&client->queue);
}

void bg_client_sleep(struct bg_client *client, uint64_t until)
{
    client->asleep_until = until;
}

void bg_client_moved(struct bg_client *client)
{
    advance(client, (struct bg_session_event){.kind = BG_SESSION_MOVED});
}

enum bg_session_state bg_client_state(const struct bg_client *client)
{
    return client->session.state;
}

const float *bg_client_residual(const struct bg_client *client, size_t *ret_count)
{
    const struct bg_learner *learner = &client->state.learner;
    *ret_count = bg_learner_has_plan(learner) ? learner->plan.plan.root.layout.coordinates : 0;
    return *ret_count ? learner->codec.sums : NULL;
}
