/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client_parts.h"

#include <stdlib.h>

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
                                    .actor = client->state.seat.group,
                                    .round = client->state.task.task.round,
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
        bg_client_notify(client, (struct bg_client_notice){.kind = BG_CLIENT_NOTICE_TRAINED,
                                                           .loss = client->training.loss});
    bg_client_report(client, BG_SESSION_TRAINED, client->work_status);
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
    bg_client_report(client, BG_SESSION_TRAINED, client->work_status);
}

static void measure(struct bg_client *client)
{
    const struct bg_examples *examples = &client->settings.examples;
    free(client->measured);
    client->measured = calloc(client->shape.votes_at, sizeof *client->measured);
    if (!client->measured) {
        bg_fail(&client->error, BG_NO_MEMORY, "statistics: out of memory");
        bg_client_report(client, BG_SESSION_TRAINED, BG_NO_MEMORY);
        return;
    }
    client->training = (struct bg_client_training){.model_file = bg_document_span(&client->model),
                                                   .plan = &client->state.learner.plan.plan,
                                                   .task = &client->state.task.task,
                                                   .examples = examples,
                                                   .data = client->settings.data,
                                                   .inputs = &client->inputs};
    queue_work(client, BG_PHASE_TRAINING, examples->count * client->shape.slots, run_measuring, measuring_done);
}

static void train(struct bg_client *client)
{
    const struct bg_root_part *root = &client->state.learner.plan.plan.root;
    const struct bg_examples *examples = &client->settings.examples;
    size_t coordinates = root->layout.coordinates;
    uint64_t batch = root->training.batch < examples->count ? root->training.batch : examples->count;
    struct bg_codec_settings codec = bg_plan_codec_settings(&root->codec);
    bg_codec_decay(&codec, coordinates, client->session.missed, client->state.learner.codec.sums);
    free(client->delta);
    client->delta = calloc(coordinates, sizeof *client->delta);
    if (!client->delta) {
        bg_fail(&client->error, BG_NO_MEMORY, "training: out of memory");
        bg_client_report(client, BG_SESSION_TRAINED, BG_NO_MEMORY);
        return;
    }
    client->training = (struct bg_client_training){.model_file = bg_document_span(&client->model),
                                                   .plan = &client->state.learner.plan.plan,
                                                   .task = &client->state.task.task,
                                                   .examples = examples,
                                                   .data = client->settings.data,
                                                   .inputs = &client->inputs,
                                                   .seed = client->settings.seed,
                                                   .drift = client->state.learner.drift,
                                                   .delta = client->delta};
    queue_work(client, BG_PHASE_TRAINING, client->state.task.task.steps * batch * coordinates, run_training,
               training_done);
}

void bg_client_begin_training(struct bg_client *client)
{
    if (client->shape.measures)
        measure(client);
    else
        train(client);
}

/* On a worker: nothing of the update is sent before it is kept. */
static enum bg_status keep_update(struct bg_client *client)
{
    struct bg_client_memory *memory = client->settings.memory;
    client->state.out = true;
    client->out = (struct bg_spooled){.bytes = bg_writer_span(&client->building.frames.frames)};
    if (!memory)
        return BG_OK;
    enum bg_status status =
        memory->keep_update(memory, &client->state, client->out.bytes, &client->error, &client->out);
    bg_update_finish(&client->building.frames);
    return status;
}

static void run_encryption(struct bg_job *job)
{
    struct bg_client *client = owner(job);
    client->work_status = bg_client_encrypt(&client->building, &client->error);
    if (client->work_status == BG_OK)
        client->work_status = keep_update(client);
}

static void encryption_done(struct bg_job *job)
{
    struct bg_client *client = owner(job);
    bg_client_report(client, BG_SESSION_BUILT, client->work_status);
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
    client->state.round = client->state.task.task.round;
    client->state.attempt = client->state.task.task.attempt;
    if (client->work_status == BG_OK)
        queue_work(client, BG_PHASE_ENCRYPTION, ciphertexts, run_encryption, encryption_done);
    else
        bg_client_report(client, BG_SESSION_BUILT, client->work_status);
}

void bg_client_begin_building(struct bg_client *client)
{
    client->building = (struct bg_client_building){.update = {.plan = &client->state.learner.plan.plan,
                                                              .plan_id = &client->state.learner.plan.id,
                                                              .task = &client->state.task.task,
                                                              .task_digest = &client->state.task.digest,
                                                              .shape = &client->shape,
                                                              .identity = client->settings.identity,
                                                              .group = client->state.seat.group,
                                                              .random = &client->settings.random},
                                                   .keys = client->settings.keys,
                                                   .tie_secret = client->state.tie_secret,
                                                   .tap = client->settings.tap,
                                                   .delta = client->delta,
                                                   .momentum = client->state.learner.momentum,
                                                   .codec = &client->state.learner.codec,
                                                   .fields = client->measured};
    client->measured = NULL;
    queue_work(client, BG_PHASE_ENCODING, client->state.learner.plan.plan.root.layout.coordinates, run_encoding,
               encoding_done);
}

/* ---- what must not be forgotten ---- */

static void run_keeping(struct bg_job *job)
{
    struct bg_client *client = owner(job);
    struct bg_client_memory *memory = client->settings.memory;
    client->work_status = memory->keep_settlement(memory, &client->state, &client->error);
}

/* An idle client tries it again before it asks for anything. */
static void keeping_done(struct bg_job *job)
{
    struct bg_client *client = owner(job);
    bool asking = client->session.state == BG_SESSION_ASKING;
    client->keeping = false;
    client->owes = client->work_status != BG_OK;
    if (!client->owes)
        bg_client_notify(client, (struct bg_client_notice){.kind = client->outcome});
    else if (!asking)
        bg_client_notify(client, (struct bg_client_notice){.kind = BG_CLIENT_NOTICE_FAILED, .error = &client->error});
    if (client->owes && asking)
        bg_client_report(client, BG_SESSION_TASK, client->work_status);
    else if (asking)
        bg_client_ask_task(client);
}

void bg_client_keep_settlement(struct bg_client *client)
{
    client->keeping = true;
    queue_work(client, BG_PHASE_UPLINK, 0, run_keeping, keeping_done);
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
    const struct bg_key_part *part = &client->state.learner.plan.plan.key;
    if (!client->settings.fills_pool || client->filling_out || client->session.state == BG_SESSION_BUILDING ||
        !bg_learner_has_plan(&client->state.learner) || part->encryption != BG_PLAN_PAILLIER)
        return;
    bg_filling_init(&client->filling, client->settings.keys, &client->settings.random, part,
                    client->settings.owns_pool ? client->shape.positions : SIZE_MAX);
    client->filling_work = (struct bg_work){.job = {.run = run_filling, .done = filling_done, .idle = true},
                                            .phase = BG_PHASE_MASKS,
                                            .actor = client->state.seat.group,
                                            .round = client->state.task.task.round,
                                            .units = MASKS_PER_JOB};
    client->filling_out = true;
    bg_work_push(&client->queue, &client->filling_work);
}

/* While a round trains, and from the sending of one update to the next task. */
void bg_client_fill_by_state(struct bg_client *client)
{
    if (client->session.state == BG_SESSION_TRAINING || client->session.state == BG_SESSION_SENDING)
        fill_pool(client);
    if (client->session.state == BG_SESSION_BUILDING)
        atomic_store(&client->filling.stop, true);
}
