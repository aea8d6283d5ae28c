/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client.h"

#include "base/arena.h"
#include "client/jobs.h"
#include "crypto/digest.h"
#include "protocol/envelope.h"
#include "protocol/partition.h"
#include "wire/receipt.h"

#include <stdlib.h>
#include <string.h>

#define DOCUMENT_MEMORY ((size_t)1 << 30)

/* A received frame with what it was decoded into. */
struct document {
    uint8_t *bytes;
    size_t size;
    struct bg_arena arena;
    struct bg_digest id; /* of the plan, or of the model file */
    bool present;
};

struct bg_client {
    struct bg_client_settings settings;
    struct bg_session session;
    uint64_t now;
    uint64_t asleep_until;
    struct bg_work_queue queue;
    struct bg_error error;

    struct document plan_document;
    struct bg_plan plan;
    bool grouped; /* the groups of the plan were checked */
    uint32_t group, member;

    struct document task_document;
    struct bg_task task;
    struct bg_digest task_plan;
    struct bg_shape shape;

    struct document model_document;

    struct bg_codec_update codec; /* codec.sums is the residual, or p while an update is out */
    float *momentum;
    float *delta;
    size_t next_frame; /* of building.frames to send */

    struct bg_work work;
    enum bg_status work_status;
    struct bg_client_training training;
    struct bg_client_building building;
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

static void document_finish(struct document *document)
{
    free(document->bytes);
    bg_arena_finish(&document->arena);
    *document = (struct document){0};
}

static enum bg_status document_take(struct document *document, struct bg_span content)
{
    document_finish(document);
    bg_arena_init(&document->arena, DOCUMENT_MEMORY);
    document->bytes = malloc(content.size ? content.size : 1);
    if (!document->bytes)
        return BG_NO_MEMORY;
    if (content.size)
        memcpy(document->bytes, content.data, content.size);
    document->size = content.size;
    return BG_OK;
}

static void ask(struct bg_client *client, enum bg_route route, struct bg_span body, bg_reply_function *on_reply)
{
    struct bg_request request = {
        .route = route, .peer = *bg_identity_digest(client->settings.identity), .body = body};
    enum bg_status status = bg_transport_send(client->settings.transport, &request, on_reply, client);
    if (status != BG_OK)
        on_reply(client, status, (struct bg_span){NULL, 0});
}

/* ---- the task ---- */

static enum bg_status accept_task(struct bg_client *client, struct bg_span reply)
{
    struct bg_frame frame;
    struct document *document = &client->task_document;
    enum bg_status status = document_take(document, reply);
    if (status != BG_OK)
        return bg_fail(&client->error, status, "task: out of memory");
    struct bg_span bytes = {document->bytes, document->size};
    status = bg_frame_expect(bytes, BG_FRAME_TASK, &client->error, &frame);
    if (status != BG_OK)
        return status;
    if (!bg_population_equal(&frame.population, &client->settings.population))
        return bg_fail(&client->error, BG_WRONG_POPULATION, "task: of population %s, this client is of %s",
                       frame.population.name, client->settings.population.name);
    status = bg_envelope_verify_frame(client->settings.root, BG_SIGNED_TASK, &frame);
    if (status != BG_OK)
        return bg_fail(&client->error, status, "task: not signed by the root this client trusts");
    status = bg_task_decode(&frame, &document->arena, &client->error, &client->task);
    if (status == BG_OK)
        client->task_plan = frame.plan_id;
    return status;
}

static void on_task(void *context, enum bg_status status, struct bg_span reply)
{
    struct bg_client *client = context;
    if (status == BG_OK)
        status = accept_task(client, reply);
    else
        bg_fail(&client->error, status, "task: %s", bg_status_text(status));
    if (status != BG_OK) {
        report(client, BG_SESSION_TASK, status);
        return;
    }
    uint64_t left = client->task.deadline_ns;
    advance(client, (struct bg_session_event){.kind = BG_SESSION_TASK,
                                              .round = client->task.round,
                                              .attempt = client->task.attempt,
                                              .deadline = left > UINT64_MAX - client->now ? UINT64_MAX
                                                                                          : client->now + left});
}

/* ---- plan, groups, model ---- */

static void prepare(struct bg_client *client);

static enum bg_status adopt_layout(struct bg_client *client)
{
    const struct bg_layout *layout = &client->plan.root.layout;
    bg_codec_update_finish(&client->codec);
    free(client->momentum);
    client->momentum = NULL;
    enum bg_status status = bg_codec_update_init(&client->codec, layout);
    if (status == BG_OK && client->plan.root.codec.client_momentum > 0) {
        client->momentum = calloc(layout->coordinates, sizeof *client->momentum);
        if (!client->momentum)
            status = BG_NO_MEMORY;
    }
    return status;
}

static enum bg_status accept_plan(struct bg_client *client, struct bg_span reply)
{
    struct bg_frame frame;
    struct bg_plan plan;
    struct document fresh = {0};
    enum bg_status status = document_take(&fresh, reply);
    if (status != BG_OK)
        return bg_fail(&client->error, status, "plan: out of memory");
    status = bg_frame_expect((struct bg_span){fresh.bytes, fresh.size}, BG_FRAME_PLAN, &client->error, &frame);
    if (status == BG_OK)
        status = bg_plan_decode(&frame, &fresh.arena, &client->error, &plan);
    if (status != BG_OK) {
        document_finish(&fresh);
        return status;
    }
    status = bg_plan_verify(&frame, &plan, client->settings.key_holder, client->settings.root, &client->error);
    if (status == BG_OK && !bg_population_equal(&frame.population, &client->settings.population))
        status = bg_fail(&client->error, BG_WRONG_POPULATION, "plan: of population %s", frame.population.name);
    if (status == BG_OK && !bg_digest_equal(&frame.plan_id, &client->task_plan))
        status = bg_fail(&client->error, BG_STALE_PLAN, "plan: not the one the task names");
    if (status != BG_OK) {
        bg_plan_finish(&plan);
        document_finish(&fresh);
        return status;
    }
    /* The residual survives a new plan over the same tensors. */
    bool keep = client->plan_document.present && bg_layout_equal(&client->plan.root.layout, &plan.root.layout);
    if (client->plan_document.present)
        bg_plan_finish(&client->plan);
    document_finish(&client->plan_document);
    client->plan = plan;
    client->plan_document = fresh;
    client->plan_document.id = frame.plan_id;
    client->plan_document.present = true;
    client->grouped = false;
    return keep ? BG_OK : adopt_layout(client);
}

static enum bg_status accept_groups(struct bg_client *client, struct bg_span reply)
{
    struct bg_frame frame;
    struct bg_groups groups;
    struct bg_arena arena;
    struct bg_digest digest;
    bg_arena_init(&arena, DOCUMENT_MEMORY);
    enum bg_status status = bg_frame_expect(reply, BG_FRAME_GROUPS, &client->error, &frame);
    if (status == BG_OK) {
        bg_sha256(frame.body, &digest);
        if (!bg_digest_equal(&digest, &client->plan.key.groups))
            status = bg_fail(&client->error, BG_BAD_DIGEST, "groups: not those the key holder signed in the plan");
    }
    if (status == BG_OK)
        status = bg_groups_decode(&frame, &arena, &client->error, &groups);
    if (status == BG_OK) {
        client->grouped = bg_groups_find(&groups, bg_identity_digest(client->settings.identity), &client->group,
                                         &client->member);
        if (!client->grouped)
            status = bg_fail(&client->error, BG_UNKNOWN_CLIENT, "groups: this client is in no group of the epoch");
        else if (groups.groups[client->group].member_count < client->plan.key.group_least)
            status = bg_fail(&client->error, BG_REFUSED, "groups: %u members are fewer than the plan's k_min",
                             groups.groups[client->group].member_count);
    }
    bg_arena_finish(&arena);
    return status;
}

static enum bg_status accept_model(struct bg_client *client, struct bg_span reply)
{
    struct bg_digest digest;
    bg_sha256(reply, &digest);
    if (!bg_digest_equal(&digest, &client->task.model))
        return bg_fail(&client->error, BG_BAD_DIGEST, "model: not the file the task names");
    enum bg_status status = document_take(&client->model_document, reply);
    if (status != BG_OK)
        return bg_fail(&client->error, status, "model: out of memory");
    client->model_document.id = digest;
    client->model_document.present = true;
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
    struct bg_span nothing = {NULL, 0};
    if (!client->plan_document.present || !bg_digest_equal(&client->plan_document.id, &client->task_plan)) {
        ask(client, BG_ROUTE_PLAN, nothing, on_plan);
        return;
    }
    if (!client->grouped) {
        ask(client, BG_ROUTE_GROUPS, nothing, on_groups);
        return;
    }
    if (!client->model_document.present || !bg_digest_equal(&client->model_document.id, &client->task.model)) {
        ask(client, BG_ROUTE_MODEL, (struct bg_span){client->task.model.bytes, BG_DIGEST_BYTES}, on_model);
        return;
    }
    bg_shape_finish(&client->shape);
    report(client, BG_SESSION_PREPARED, bg_shape_init(&client->plan, &client->task, &client->error, &client->shape));
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
                                    .actor = client->group,
                                    .round = client->task.round,
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

static void train(struct bg_client *client)
{
    const struct bg_plan_training *training = &client->plan.root.training;
    size_t coordinates = client->plan.root.layout.coordinates;
    struct bg_codec_settings codec = bg_plan_codec_settings(&client->plan.root.codec);
    bg_codec_decay(&codec, coordinates, client->session.missed, client->codec.sums);
    free(client->delta);
    client->delta = malloc(coordinates * sizeof *client->delta);
    if (!client->delta) {
        bg_fail(&client->error, BG_NO_MEMORY, "training: out of memory");
        report(client, BG_SESSION_TRAINED, BG_NO_MEMORY);
        return;
    }
    client->training = (struct bg_client_training){
        .model_file = {client->model_document.bytes, client->model_document.size},
        .plan = &client->plan,
        .task = &client->task,
        .examples = &client->settings.examples,
        .seed = client->settings.seed,
        .delta = client->delta};
    queue_work(client, BG_PHASE_TRAINING, (uint64_t)training->steps * training->batch * coordinates, run_training,
               training_done);
}

static void run_building(struct bg_job *job)
{
    struct bg_client *client = owner(job);
    client->work_status = bg_client_build(&client->building, &client->error);
}

static void building_done(struct bg_job *job)
{
    struct bg_client *client = owner(job);
    free(client->delta);
    client->delta = NULL;
    report(client, BG_SESSION_BUILT, client->work_status);
}

static void build(struct bg_client *client)
{
    client->building = (struct bg_client_building){
        .update = {.plan = &client->plan,
                   .plan_id = &client->plan_document.id,
                   .task = &client->task,
                   .shape = &client->shape,
                   .identity = client->settings.identity,
                   .group = client->group,
                   .random = &client->settings.random},
        .keys = client->settings.keys,
        .tie_secret = client->settings.tie_secret,
        .tap = client->settings.tap,
        .delta = client->delta,
        .momentum = client->momentum,
        .codec = &client->codec};
    queue_work(client, BG_PHASE_ENCRYPTION, client->shape.positions, run_building, building_done);
}

/* ---- sending and the receipt ---- */

static void send_next(struct bg_client *client);

static void on_sent(void *context, enum bg_status status, struct bg_span reply)
{
    struct bg_client *client = context;
    (void)reply;
    if (status != BG_OK) {
        bg_fail(&client->error, status, "update for round %llu: %s", (unsigned long long)client->task.round,
                bg_status_text(status));
        report(client, BG_SESSION_SENT, status);
        return;
    }
    client->next_frame++;
    send_next(client);
}

static void send_next(struct bg_client *client)
{
    const struct bg_update *update = &client->building.frames;
    if (client->next_frame > update->block_count) {
        report(client, BG_SESSION_SENT, BG_OK);
        return;
    }
    ask(client, client->next_frame == 0 ? BG_ROUTE_MANIFEST : BG_ROUTE_BLOCK,
        bg_update_frame(update, client->next_frame), on_sent);
}

/* What a verified receipt says of this client. */
static enum bg_status read_receipt(struct bg_client *client, struct bg_span reply, bool *ret_used,
                                   struct bg_arena *arena, struct bg_receipt *ret_receipt)
{
    struct bg_frame frame;
    enum bg_status status = bg_frame_expect(reply, BG_FRAME_RECEIPT, &client->error, &frame);
    if (status == BG_OK) {
        status = bg_envelope_verify_frame(client->settings.root, BG_SIGNED_RECEIPT, &frame);
        if (status != BG_OK)
            bg_fail(&client->error, status, "receipt: not signed by the root this client trusts");
    }
    if (status == BG_OK)
        status = bg_receipt_decode(&frame, arena, &client->error, ret_receipt);
    if (status != BG_OK)
        return status;
    if (!bg_digest_equal(&frame.plan_id, &client->plan_document.id) || ret_receipt->round != client->task.round ||
        ret_receipt->attempt != client->task.attempt)
        return bg_fail(&client->error, BG_WRONG_ROUND, "receipt: of round %llu, asked for %llu",
                       (unsigned long long)ret_receipt->round, (unsigned long long)client->task.round);
    *ret_used = false;
    if (ret_receipt->outcome != BG_ROUND_COMMITTED || ret_receipt->tensor_count != client->task.tensor_count)
        return BG_OK;
    for (size_t i = 0; i < ret_receipt->group_count; i++) {
        const struct bg_receipt_group *group = &ret_receipt->groups[i];
        if (group->index == client->group)
            *ret_used = group->used && (group->members >> client->member & 1);
    }
    return BG_OK;
}

static void settle(struct bg_client *client, bool used, const double *scales)
{
    struct bg_codec_settings settings = bg_plan_codec_settings(&client->plan.root.codec);
    struct bg_codec_round round = bg_task_codec_round(&client->task);
    const struct bg_layout *layout = &client->plan.root.layout;
    if (settings.mode != BG_CODEC_EF)
        memset(client->codec.sums, 0, layout->coordinates * sizeof *client->codec.sums);
    else if (used)
        bg_codec_commit(&settings, layout, &round, scales, &client->codec, client->codec.sums);
    else
        bg_codec_fold_back(&settings, layout, scales, &client->codec, client->codec.sums);
    bg_update_finish(&client->building.frames);
    client->building.encoded = false;
    notify(client,
           (struct bg_client_notice){.kind = used ? BG_CLIENT_NOTICE_COMMITTED : BG_CLIENT_NOTICE_FOLDED_BACK});
}

static void on_receipt(void *context, enum bg_status status, struct bg_span reply)
{
    struct bg_client *client = context;
    struct bg_arena arena;
    struct bg_receipt receipt = {0};
    bool used = false;
    bg_arena_init(&arena, DOCUMENT_MEMORY);
    if (status == BG_OK)
        status = read_receipt(client, reply, &used, &arena, &receipt);
    else
        bg_fail(&client->error, status, "receipt: %s", bg_status_text(status));
    if (status == BG_OK && client->building.encoded) {
        settle(client, used, used ? receipt.scales : client->task.scales);
        advance(client, (struct bg_session_event){.kind = BG_SESSION_RECEIPT, .used = used});
    } else {
        report(client, BG_SESSION_RECEIPT, status);
    }
    bg_arena_finish(&arena);
}

static void ask_receipt(struct bg_client *client)
{
    uint8_t round[8];
    for (size_t i = 0; i < sizeof round; i++)
        round[i] = (uint8_t)(client->task.round >> (8 * i));
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
        train(client);
        return;
    case BG_SESSION_DO_BUILD:
        build(client);
        return;
    case BG_SESSION_DO_SEND:
        client->next_frame = 0;
        send_next(client);
        return;
    case BG_SESSION_DO_ASK_RECEIPT:
        ask_receipt(client);
        return;
    case BG_SESSION_DO_FOLD_BACK:
        if (client->building.encoded)
            settle(client, false, client->task.scales);
        return;
    }
}

static void advance(struct bg_client *client, struct bg_session_event event)
{
    enum bg_session_action action;
    enum bg_session_state before = client->session.state;
    if (bg_session_step(&client->session, &event, client->now, &action) != BG_OK)
        return;
    if (client->session.state != before)
        notify(client, (struct bg_client_notice){.kind = BG_CLIENT_NOTICE_STATE});
    perform(client, action);
}

enum bg_status bg_client_create(const struct bg_client_settings *settings, uint64_t now,
                                struct bg_client **ret_client)
{
    struct bg_client *client = calloc(1, sizeof *client);
    if (!client)
        return BG_NO_MEMORY;
    client->settings = *settings;
    client->now = now;
    client->shape.encryption = BG_PLAN_OFF;
    bg_session_init(&client->session, now, settings->poll_ns, settings->patience_ns);
    *ret_client = client;
    return BG_OK;
}

void bg_client_destroy(struct bg_client **client)
{
    struct bg_client *c = *client;
    if (!c)
        return;
    if (c->plan_document.present)
        bg_plan_finish(&c->plan);
    document_finish(&c->plan_document);
    document_finish(&c->task_document);
    document_finish(&c->model_document);
    bg_shape_finish(&c->shape);
    bg_codec_update_finish(&c->codec);
    bg_update_finish(&c->building.frames);
    free(c->momentum);
    free(c->delta);
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

enum bg_session_state bg_client_state(const struct bg_client *client)
{
    return client->session.state;
}

const float *bg_client_residual(const struct bg_client *client, size_t *ret_count)
{
    *ret_count = client->plan_document.present ? client->plan.root.layout.coordinates : 0;
    return *ret_count ? client->codec.sums : NULL;
}
