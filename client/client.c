/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client.h"

#include "base/prng.h"
#include "client/filling.h"
#include "client/jobs.h"
#include "client/learner.h"
#include "wire/pace.h"

#include <stdlib.h>
#include <string.h>

struct bg_client {
    struct bg_client_settings settings;
    struct bg_trust trust;
    struct bg_session session;
    struct bg_prng waits;
    uint64_t now;
    uint64_t asleep_until;
    struct bg_work_queue queue;
    struct bg_error error;

    struct bg_learner learner;
    bool has_seat; /* in the groups of the plan */
    struct bg_seat seat;
    struct bg_trusted_task task;
    struct bg_settlement settlement;
    struct bg_document model;
    struct bg_digest model_digest;
    struct bg_shape shape;

    struct bg_client_inputs inputs;
    float *delta;
    uint64_t *measured; /* fields of a stage that measures, until they are built */
    size_t next_frame; /* of building.frames to send */
    uint64_t receipt_wait_ns; /* that the answer to the last frame asked for; 0: none */

    struct bg_work work;
    enum bg_status work_status;
    struct bg_client_training training;
    struct bg_client_building building;

    struct bg_work filling_work;
    struct bg_filling filling;
    bool filling_out; /* filling_work is with the driver */
};

static void advance(struct bg_client *client, struct bg_session_event event);

static void notify(struct bg_client *client, struct bg_client_notice notice)
{
    notice.state = client->session.state;
    notice.round = client->session.round;
    if (client->settings.observe)
        client->settings.observe(client->settings.observe_context, &notice);
}

static void report(struct bg_client *client, enum bg_session_event_kind kind, enum bg_status status)
{
    if (status != BG_OK && status != BG_BUSY && status != BG_NOT_FOUND)
        notify(client, (struct bg_client_notice){.kind = BG_CLIENT_NOTICE_FAILED, .error = &client->error});
    advance(client, (struct bg_session_event){.kind = kind, .status = status});
}

static void ask(struct bg_client *client, enum bg_route route, struct bg_span body, bg_reply_function *on_reply)
{
    struct bg_request request = {
        .route = route, .peer = *bg_identity_digest(client->settings.identity), .body = body};
    enum bg_status status = bg_transport_send(client->settings.transport, &request, on_reply, client);
    if (status != BG_OK)
        on_reply(client, status, (struct bg_span){NULL, 0});
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
        notify(client, (struct bg_client_notice){.kind = BG_CLIENT_NOTICE_FAILED, .error = &client->error});
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
    enum bg_status status = bg_library_task(client->settings.library, &client->trust, reply, &client->error, &fresh);
    if (status != BG_OK)
        return status;
    bg_trusted_task_finish(&client->task);
    client->task = fresh;
    return BG_OK;
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
        report(client, BG_SESSION_TASK, status);
        return;
    }
    const struct bg_task *task = &client->task.task;
    uint64_t left = task->deadline_ns;
    advance(client, (struct bg_session_event){.kind = BG_SESSION_TASK,
                                              .round = task->round,
                                              .attempt = task->attempt,
                                              .deadline = left > UINT64_MAX - client->now ? UINT64_MAX
                                                                                          : client->now + left});
}

/* ---- plan, groups, model ---- */

static void prepare(struct bg_client *client);

static enum bg_status accept_plan(struct bg_client *client, struct bg_span reply)
{
    struct bg_trusted_plan fresh;
    enum bg_status status = bg_library_plan(client->settings.library, &client->trust, reply, &client->error, &fresh);
    if (status != BG_OK)
        return status;
    if (!bg_digest_equal(&fresh.id, &client->task.plan_id))
        status = bg_fail(&client->error, BG_STALE_PLAN, "plan: not the one the task names");
    else if (bg_learner_adopt(&client->learner, &fresh) != BG_OK)
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
    enum bg_status status =
        bg_seat_find(client->settings.library, &client->learner.plan.plan, reply, id, &client->error, &client->seat);
    client->has_seat = status == BG_OK;
    return status;
}

static enum bg_status accept_model(struct bg_client *client, struct bg_span reply)
{
    struct bg_document fresh;
    enum bg_status status = bg_library_model(client->settings.library, &client->task.task.model, reply, &fresh);
    if (status == BG_BAD_DIGEST)
        return bg_task_check_model(&client->task.task, reply, &client->error);
    if (status != BG_OK)
        return bg_fail(&client->error, status, "model: out of memory");
    bg_document_finish(&client->model);
    client->model = fresh;
    client->model_digest = client->task.task.model;
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
    report(client, BG_SESSION_PREPARED, status);
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
    const struct bg_task *task = &client->task.task;
    if (!bg_learner_has_plan(&client->learner) || !bg_digest_equal(&client->learner.plan.id, &client->task.plan_id)) {
        ask(client, BG_ROUTE_PLAN, (struct bg_span){NULL, 0}, on_plan);
        return;
    }
    if (!client->has_seat) {
        ask(client, BG_ROUTE_GROUPS, (struct bg_span){NULL, 0}, on_groups);
        return;
    }
    enum bg_status status = bg_task_check(&client->learner.plan, &client->task, &client->seat, &client->error);
    if (status == BG_OK)
        status = bg_task_check_receipt(task, &client->settlement, &client->error);
    if (status == BG_OK && (!client->model.bytes || !bg_digest_equal(&client->model_digest, &task->model))) {
        ask(client, BG_ROUTE_MODEL, (struct bg_span){task->model.bytes, BG_DIGEST_BYTES}, on_model);
        return;
    }
    bg_shape_finish(&client->shape);
    if (status == BG_OK)
        status = bg_shape_init(&client->learner.plan.plan, task, &client->error, &client->shape);
    report(client, BG_SESSION_PREPARED, status);
}

/* ---- training and building ---- */

static struct bg_client *owner(struct bg_job *job)
{
    return (struct bg_client *)((char *)job - offsetof(struct bg_client, work.job));
}

static void queue_work(struct bg_client *client, enum bg_phase phase, uint64_t units,
                       void (*run)(struct bg_job *job), void (*done)(struct bg_job *job))
{
    client->work = (struct bg_work){.job = {.run = run, .done = done},
                                    .phase = phase,
                                    .actor = client->seat.group,
                                    .round = client->task.task.round,
                                    .units = units};
    bg_work_push(&client->queue, &client->work);
}

static void run_training(struct bg_job *job)
{
    struct bg_client *client = owner(job);
    client->work_status = bg_client_train(&client->training, &client->error);
}

static void training_done(struct bg_job *job)
{
    struct bg_client *client = owner(job);
    if (client->work_status == BG_OK)
        notify(client, (struct bg_client_notice){.kind = BG_CLIENT_NOTICE_TRAINED, .loss = client->training.loss});
    report(client, BG_SESSION_TRAINED, client->work_status);
}

static void run_measuring(struct bg_job *job)
{
    struct bg_client *client = owner(job);
    client->work_status =
        bg_client_measure(&client->training, &client->shape, &client->error, client->measured);
}

static void measuring_done(struct bg_job *job)
{
    struct bg_client *client = owner(job);
    report(client, BG_SESSION_TRAINED, client->work_status);
}

static void measure(struct bg_client *client)
{
    const struct bg_examples *examples = &client->settings.examples;
    free(client->measured);
    client->measured = calloc(client->shape.votes_at, sizeof *client->measured);
    if (!client->measured) {
        bg_fail(&client->error, BG_NO_MEMORY, "statistics: out of memory");
        report(client, BG_SESSION_TRAINED, BG_NO_MEMORY);
        return;
    }
    client->training = (struct bg_client_training){.model_file = bg_document_span(&client->model),
                                                   .plan = &client->learner.plan.plan,
                                                   .task = &client->task.task,
                                                   .examples = examples,
                                                   .inputs = &client->inputs};
    queue_work(client, BG_PHASE_TRAINING, examples->count * client->shape.slots, run_measuring, measuring_done);
}

static void train(struct bg_client *client)
{
    const struct bg_root_part *root = &client->learner.plan.plan.root;
    const struct bg_examples *examples = &client->settings.examples;
    size_t coordinates = root->layout.coordinates;
    uint64_t batch = root->training.batch < examples->count ? root->training.batch : examples->count;
    struct bg_codec_settings codec = bg_plan_codec_settings(&root->codec);
    bg_codec_decay(&codec, coordinates, client->session.missed, client->learner.codec.sums);
    free(client->delta);
    client->delta = calloc(coordinates, sizeof *client->delta);
    if (!client->delta) {
        bg_fail(&client->error, BG_NO_MEMORY, "training: out of memory");
        report(client, BG_SESSION_TRAINED, BG_NO_MEMORY);
        return;
    }
    client->training = (struct bg_client_training){.model_file = bg_document_span(&client->model),
                                                   .plan = &client->learner.plan.plan,
                                                   .task = &client->task.task,
                                                   .examples = examples,
                                                   .inputs = &client->inputs,
                                                   .seed = client->settings.seed,
                                                   .drift = client->learner.drift,
                                                   .delta = client->delta};
    queue_work(client, BG_PHASE_TRAINING, client->task.task.steps * batch * coordinates, run_training, training_done);
}

static void run_encryption(struct bg_job *job)
{
    struct bg_client *client = owner(job);
    client->work_status = bg_client_encrypt(&client->building, &client->error);
}

static void encryption_done(struct bg_job *job)
{
    struct bg_client *client = owner(job);
    report(client, BG_SESSION_BUILT, client->work_status);
}

static void run_encoding(struct bg_job *job)
{
    struct bg_client *client = owner(job);
    client->work_status = bg_client_encode(&client->building, &client->error);
}

static void encoding_done(struct bg_job *job)
{
    struct bg_client *client = owner(job);
    uint64_t ciphertexts = client->shape.encryption == BG_PLAN_OFF ? 0 : client->shape.positions;
    free(client->delta);
    client->delta = NULL;
    if (client->work_status == BG_OK)
        queue_work(client, BG_PHASE_ENCRYPTION, ciphertexts, run_encryption, encryption_done);
    else
        report(client, BG_SESSION_BUILT, client->work_status);
}

static void build(struct bg_client *client)
{
    client->building = (struct bg_client_building){.update = {.plan = &client->learner.plan.plan,
                                                              .plan_id = &client->learner.plan.id,
                                                              .task = &client->task.task,
                                                              .task_digest = &client->task.digest,
                                                              .shape = &client->shape,
                                                              .identity = client->settings.identity,
                                                              .group = client->seat.group,
                                                              .random = &client->settings.random},
                                                   .keys = client->settings.keys,
                                                   .tie_secret = client->settings.tie_secret,
                                                   .tap = client->settings.tap,
                                                   .delta = client->delta,
                                                   .momentum = client->learner.momentum,
                                                   .codec = &client->learner.codec,
                                                   .fields = client->measured};
    client->measured = NULL;
    client->next_frame = 0;
    queue_work(client, BG_PHASE_ENCODING, client->learner.plan.plan.root.layout.coordinates, run_encoding,
               encoding_done);
}

/* ---- masks ahead of need ---- */

#define MASKS_PER_JOB 16

static void fill_pool(struct bg_client *client);

static struct bg_client *owner_of_filling(struct bg_job *job)
{
    return (struct bg_client *)((char *)job - offsetof(struct bg_client, filling_work.job));
}

static void run_filling(struct bg_job *job)
{
    bg_filling_run(&owner_of_filling(job)->filling, MASKS_PER_JOB);
}

static void filling_done(struct bg_job *job)
{
    struct bg_client *client = owner_of_filling(job);
    client->filling_out = false;
    if (!client->filling.full)
        fill_pool(client);
}

static void fill_pool(struct bg_client *client)
{
    const struct bg_key_part *part = &client->learner.plan.plan.key;
    if (!client->settings.fills_pool || client->filling_out || client->session.state == BG_SESSION_BUILDING ||
        !bg_learner_has_plan(&client->learner) || part->encryption != BG_PLAN_PAILLIER)
        return;
    bg_filling_init(&client->filling, client->settings.keys, &client->settings.random, part);
    client->filling_work = (struct bg_work){.job = {.run = run_filling, .done = filling_done, .idle = true},
                                            .phase = BG_PHASE_MASKS,
                                            .actor = client->seat.group,
                                            .round = client->task.task.round,
                                            .units = MASKS_PER_JOB};
    client->filling_out = true;
    bg_work_push(&client->queue, &client->filling_work);
}

/* While a round trains, and from the sending of one update to the next task. */
static void fill_by_state(struct bg_client *client)
{
    if (client->session.state == BG_SESSION_TRAINING || client->session.state == BG_SESSION_SENDING)
        fill_pool(client);
    if (client->session.state == BG_SESSION_BUILDING)
        atomic_store(&client->filling.stop, true);
}

/* ---- sending and the receipt ---- */

static void send_next(struct bg_client *client);

static void on_sent(void *context, enum bg_status status, struct bg_span reply)
{
    struct bg_client *client = context;
    if (status != BG_OK) {
        bg_fail(&client->error, status, "update for round %llu: %s",
                (unsigned long long)client->task.task.round, bg_status_text(status));
        report(client, BG_SESSION_SENT, status);
        return;
    }
    if (!read_pace(client, reply, &client->receipt_wait_ns))
        client->receipt_wait_ns = 0;
    client->next_frame++;
    send_next(client);
}

static void send_next(struct bg_client *client)
{
    const struct bg_update *update = &client->building.frames;
    if (client->next_frame > update->block_count) {
        advance(client, (struct bg_session_event){.kind = BG_SESSION_SENT, .wait_ns = client->receipt_wait_ns});
        return;
    }
    ask(client, client->next_frame == 0 ? BG_ROUTE_MANIFEST : BG_ROUTE_BLOCK,
        bg_update_frame(update, client->next_frame), on_sent);
}

/* `scales` NULL: there is no receipt that has any. */
static void settle(struct bg_client *client, bool used, const double *scales)
{
    bg_client_settle(&client->learner.plan.plan, &client->task.task, used, scales, &client->learner.codec);
    bg_update_finish(&client->building.frames);
    client->building.encoded = false;
    notify(client,
           (struct bg_client_notice){.kind = used ? BG_CLIENT_NOTICE_COMMITTED : BG_CLIENT_NOTICE_FOLDED_BACK});
}

static void on_receipt(void *context, enum bg_status status, struct bg_span reply)
{
    struct bg_client *client = context;
    struct bg_verdict verdict;
    if (status == BG_OK && follow_pace(client, reply))
        return;
    if (status == BG_OK)
        status = bg_verdict_accept(client->settings.library, &client->trust, &client->learner.plan,
                                   &client->task.task, &client->seat, reply, &client->error, &verdict);
    else
        bg_fail(&client->error, status, "receipt: %s", bg_status_text(status));
    if (status != BG_OK) {
        report(client, BG_SESSION_RECEIPT, status);
        return;
    }
    bool used = verdict.used;
    client->settlement = verdict.settlement;
    settle(client, used, verdict.scales);
    bg_verdict_finish(&verdict);
    advance(client, (struct bg_session_event){.kind = BG_SESSION_RECEIPT, .used = used});
}

static void ask_receipt(struct bg_client *client)
{
    uint8_t round[8];
    for (size_t i = 0; i < sizeof round; i++)
        round[i] = (uint8_t)(client->task.task.round >> (8 * i));
    ask(client, BG_ROUTE_RECEIPT, (struct bg_span){round, sizeof round}, on_receipt);
}

/* ---- the session ---- */

static void perform(struct bg_client *client, enum bg_session_action action)
{
    switch (action) {
    case BG_SESSION_DO_NOTHING:
    case BG_SESSION_DO_COMMIT: /* done with the receipt in hand */
        return;
    case BG_SESSION_DO_ASK:
        ask(client, BG_ROUTE_TASK, (struct bg_span){NULL, 0}, on_task);
        return;
    case BG_SESSION_DO_PREPARE:
        prepare(client);
        return;
    case BG_SESSION_DO_TRAIN:
        if (client->shape.measures)
            measure(client);
        else
            train(client);
        return;
    case BG_SESSION_DO_BUILD:
        build(client);
        return;
    case BG_SESSION_DO_SEND:
        send_next(client);
        return;
    case BG_SESSION_DO_RESEND:
        client->next_frame = 0;
        send_next(client);
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
        if (client->session.state == BG_SESSION_WAITING)
            bg_update_finish(&client->building.frames); /* nothing is sent any more */
        notify(client, (struct bg_client_notice){.kind = BG_CLIENT_NOTICE_STATE});
    }
    perform(client, action);
    if (client->session.state != before)
        fill_by_state(client);
}

enum bg_status bg_client_create(const struct bg_client_settings *settings, uint64_t now,
                                struct bg_client **ret_client)
{
    struct bg_client *client = calloc(1, sizeof *client);
    if (!client)
        return BG_NO_MEMORY;
    client->settings = *settings;
    client->trust.population = settings->population;
    memcpy(client->trust.key_holder, settings->key_holder, sizeof client->trust.key_holder);
    memcpy(client->trust.root, settings->root, sizeof client->trust.root);
    client->now = now;
    client->shape.encryption = BG_PLAN_OFF;
    bg_prng_init_stream(&client->waits, settings->seed, "waits", 0);
    bg_session_init(&client->session, now, settings->poll_ns, settings->patience_ns);
    *ret_client = client;
    return BG_OK;
}

void bg_client_destroy(struct bg_client **client)
{
    struct bg_client *c = *client;
    if (!c)
        return;
    bg_learner_finish(&c->learner);
    bg_trusted_task_finish(&c->task);
    bg_document_finish(&c->model);
    bg_shape_finish(&c->shape);
    bg_client_building_finish(&c->building);
    bg_update_finish(&c->building.frames);
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
    uint64_t wake = client->session.wake;
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
    *ret_count = bg_learner_has_plan(&client->learner) ? client->learner.plan.plan.root.layout.coordinates : 0;
    return *ret_count ? client->learner.codec.sums : NULL;
}
