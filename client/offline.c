/* SPDX-License-Identifier: Apache-2.0 */
#include "client/offline.h"

#include "base/file.h"
#include "client/device_folder.h"

#include <stdlib.h>
#include <string.h>

#define DOCUMENT_LIMIT ((size_t)1 << 30)

/* ---- what one update is made from ---- */

struct making {
    const struct bg_device_settings *settings;
    const struct bg_device_files *files;
    struct bg_device_folder folder;
    bool had_state;
    struct bg_device_state state;
    struct bg_trust trust;
    struct bg_trusted_plan plan; /* until the state takes it */
    struct bg_trusted_task task;
    struct bg_seat seat;
    uint8_t *model_bytes;
    size_t model_size;
    struct bg_model_file model;
    struct bg_local_data data;
    struct bg_client_inputs inputs;
    struct bg_shape shape;
    float *delta;
    uint64_t *fields; /* of a stage that measures */
    double loss;
    struct bg_update update;
    size_t bytes; /* of its file */
    uint64_t missed;
    bool again; /* nothing is made: the update of this very task is out */
    struct bg_workers *filler; /* while masks are made ahead */
    struct bg_filling filling;
    struct bg_job filling_job;
};

static void progress(const struct making *m, const char *what)
{
    if (m->settings->progress)
        m->settings->progress(m->settings->context, what);
}

static enum bg_status read_document(const char *path, struct bg_error *error, uint8_t **ret_bytes,
                                    struct bg_span *ret_span)
{
    size_t size;
    enum bg_status status = bg_file_read(path, DOCUMENT_LIMIT, error, ret_bytes, &size);
    if (status == BG_OK)
        *ret_span = (struct bg_span){*ret_bytes, size};
    return status;
}

/* Puts the file's name in front of the sentence of an error. */
static enum bg_status in_file(enum bg_status status, const char *path, struct bg_error *error)
{
    return status == BG_OK ? BG_OK : bg_fail_in(error, status, "%s", path);
}

static enum bg_status choose_population(struct making *m, struct bg_span plan_frame, struct bg_error *error)
{
    struct bg_frame frame;
    const char *name = m->settings->population;
    if (name[0])
        return bg_population_set(&m->trust.population, name) == BG_OK
                   ? BG_OK
                   : bg_fail(error, BG_INVALID, "population.name %s: give 1 to 31 of a-z 0-9 . _ -", name);
    enum bg_status status = bg_frame_expect(plan_frame, BG_FRAME_PLAN, error, &frame);
    if (status == BG_OK)
        m->trust.population = frame.population;
    return status;
}

static enum bg_status read_plan(struct making *m, struct bg_error *error)
{
    uint8_t *bytes;
    struct bg_span span;
    enum bg_status status = read_document(m->files->plan, error, &bytes, &span);
    if (status != BG_OK)
        return status;
    status = choose_population(m, span, error);
    if (status == BG_OK)
        status = bg_trusted_plan_accept(&m->trust, span, error, &m->plan);
    free(bytes);
    return in_file(status, m->files->plan, error);
}

static enum bg_status read_task(struct making *m, struct bg_error *error)
{
    uint8_t *bytes;
    struct bg_span span;
    enum bg_status status = read_document(m->files->task, error, &bytes, &span);
    if (status != BG_OK)
        return status;
    status = bg_trusted_task_accept(&m->trust, span, error, &m->task);
    free(bytes);
    return in_file(status, m->files->task, error);
}

static enum bg_status read_groups(struct making *m, struct bg_error *error)
{
    uint8_t *bytes;
    struct bg_span span;
    enum bg_status status = read_document(m->files->groups, error, &bytes, &span);
    if (status != BG_OK)
        return status;
    status = bg_seat_find(NULL, &m->plan.plan, span, bg_identity_digest(m->settings->identity), error, &m->seat);
    free(bytes);
    return in_file(status, m->files->groups, error);
}

static enum bg_status read_model(struct making *m, struct bg_error *error)
{
    struct bg_span span;
    enum bg_status status = read_document(m->files->model, error, &m->model_bytes, &span);
    if (status != BG_OK)
        return status;
    m->model_size = span.size;
    status = in_file(bg_task_check_model(&m->task.task, span, error), m->files->model, error);
    return status == BG_OK ? bg_model_decode(span, m->files->model, error, &m->model) : status;
}

static enum bg_status read_documents(struct making *m, struct bg_error *error)
{
    enum bg_status status = read_plan(m, error);
    if (status == BG_OK)
        status = read_task(m, error);
    if (status == BG_OK)
        status = read_groups(m, error);
    if (status == BG_OK)
        status = in_file(bg_task_check(&m->plan, &m->task, &m->seat, error), m->files->task, error);
    if (status == BG_OK)
        status = in_file(bg_shape_init(&m->plan.plan, &m->task.task, error, &m->shape), m->files->task, error);
    return status == BG_OK ? read_model(m, error) : status;
}

/* ---- the state before ---- */

static enum bg_status load_state(struct making *m, struct bg_error *error)
{
    const struct bg_digest *client = bg_identity_digest(m->settings->identity);
    enum bg_status status =
        bg_device_folder_load(&m->folder, client, &m->trust, m->settings->random, error, &m->state);
    m->had_state = status == BG_OK && bg_learner_has_plan(&m->state.learner);
    return status;
}

/* A second update for the same round would add the same votes under other pads: the first one is handed over again. */
static enum bg_status check_news(struct making *m, struct bg_error *error)
{
    const struct bg_device_state *state = &m->state;
    const struct bg_task *task = &m->task.task;
    unsigned long long round = task->round, last = state->round;
    m->again = state->out && bg_digest_equal(&state->task.digest, &m->task.digest);
    if (m->again)
        return BG_OK;
    if (task->round < state->round || (task->round == state->round && task->attempt <= state->attempt && m->had_state))
        return bg_fail(error, BG_DUPLICATE, "%s: the update for round %llu%s was made before, and is made only once",
                       m->folder.state, round, round < last ? ", or for a later one," : "");
    if (state->out)
        return bg_fail(error, BG_BUSY, "%s: the update for round %llu waits for its receipt: give it to "
                                       "burgee-client receipt", m->folder.state, last);
    enum bg_status status = in_file(bg_task_check_receipt(task, &state->settlement, error), m->files->task, error);
    if (status != BG_OK)
        return status;
    m->missed = state->round && task->round > state->round ? task->round - state->round - 1 : 0;
    return BG_OK;
}

/* ---- the update ---- */

static enum bg_status measure(struct making *m, struct bg_error *error)
{
    struct bg_client_training training = {.model_file = {m->model_bytes, m->model_size},
                                          .plan = &m->state.learner.plan.plan,
                                          .task = &m->task.task,
                                          .examples = &m->data.examples,
                                          .inputs = &m->inputs};
    m->fields = calloc(m->shape.votes_at, sizeof *m->fields);
    if (!m->fields)
        return bg_fail(error, BG_NO_MEMORY, "statistics: out of memory");
    return bg_client_measure(&training, &m->shape, error, m->fields);
}

static enum bg_status train(struct making *m, struct bg_error *error)
{
    const struct bg_plan *plan = &m->state.learner.plan.plan;
    struct bg_codec_settings codec = bg_plan_codec_settings(&plan->root.codec);
    size_t coordinates = plan->root.layout.coordinates;
    bg_codec_decay(&codec, coordinates, m->missed, m->state.learner.codec.sums);
    m->delta = calloc(coordinates, sizeof *m->delta);
    if (!m->delta)
        return bg_fail(error, BG_NO_MEMORY, "training: out of memory");
    struct bg_client_training training = {.model_file = {m->model_bytes, m->model_size},
                                          .plan = plan,
                                          .task = &m->task.task,
                                          .examples = &m->data.examples,
                                          .inputs = &m->inputs,
                                          .seed = m->settings->seed,
                                          .drift = m->state.learner.drift,
                                          .delta = m->delta};
    enum bg_status status = bg_client_train(&training, error);
    m->loss = training.loss;
    return status;
}

static enum bg_status build(struct making *m, struct bg_error *error)
{
    struct bg_learner *learner = &m->state.learner;
    struct bg_client_building building = {.update = {.plan = &learner->plan.plan,
                                                     .plan_id = &learner->plan.id,
                                                     .task = &m->task.task,
                                                     .task_digest = &m->task.digest,
                                                     .shape = &m->shape,
                                                     .identity = m->settings->identity,
                                                     .group = m->seat.group,
                                                     .random = m->settings->random},
                                          .keys = m->settings->keys,
                                          .tie_secret = m->state.tie_secret,
                                          .delta = m->delta,
                                          .momentum = learner->momentum,
                                          .codec = &learner->codec,
                                          .fields = m->fields};
    m->fields = NULL;
    enum bg_status status = bg_client_build(&building, error);
    if (status == BG_OK)
        m->update = building.frames;
    return status;
}

static void run_filling(struct bg_job *job)
{
    struct making *m = (struct making *)((char *)job - offsetof(struct making, filling_job));
    bg_filling_run(&m->filling, m->shape.positions);
}

/* Masks for this update, as far as they get while it is trained. Without them it only takes longer. */
static void begin_filling(struct making *m)
{
    const struct bg_key_part *part = &m->state.learner.plan.plan.key;
    if (!m->settings->fills_pool || part->encryption != BG_PLAN_PAILLIER || bg_available_processors() < 2 ||
        bg_workers_create(1, 1, NULL, NULL, &m->filler) != BG_OK)
        return;
    bg_filling_init(&m->filling, m->settings->keys, m->settings->random, part, m->shape.positions);
    m->filling_job = (struct bg_job){.run = run_filling, .idle = true};
    if (bg_workers_submit(m->filler, &m->filling_job) != BG_OK)
        bg_workers_destroy(&m->filler);
}

static void end_filling(struct making *m)
{
    atomic_store(&m->filling.stop, true);
    bg_workers_destroy(&m->filler);
}

static enum bg_status make_update(struct making *m, struct bg_error *error)
{
    progress(m, "reading the data");
    enum bg_status status =
        bg_local_data_open(&m->settings->data, &m->plan.plan.root, &m->model.card, error, &m->data);
    if (status != BG_OK)
        return status;
    status = bg_learner_adopt(&m->state.learner, &m->plan);
    if (status != BG_OK)
        return bg_fail(error, status, "plan: out of memory");
    m->plan = (struct bg_trusted_plan){0}; /* the state has it */
    progress(m, m->shape.measures ? "measuring" : "training");
    begin_filling(m);
    status = m->shape.measures ? measure(m, error) : train(m, error);
    end_filling(m);
    if (status != BG_OK)
        return status;
    progress(m, m->shape.encryption == BG_PLAN_PAILLIER ? "encrypting" : "packing");
    return build(m, error);
}

/* What the state calls out is kept, so that it can be handed over again after an interruption. */
static enum bg_status keep(struct making *m, struct bg_error *error)
{
    struct bg_client_memory *memory = &m->folder.memory;
    struct bg_spooled spooled;
    m->state.out = true;
    m->state.seat = m->seat;
    m->state.round = m->task.task.round;
    m->state.attempt = m->task.task.attempt;
    m->state.task = m->task;
    m->task = (struct bg_trusted_task){0};
    enum bg_status status =
        memory->keep_update(memory, &m->state, bg_writer_span(&m->update.frames), error, &spooled);
    if (status == BG_OK)
        bg_held_release(spooled.held);
    return status;
}

static enum bg_status hand_over(struct making *m, struct bg_error *error)
{
    struct bg_spooled update;
    enum bg_status status = bg_device_folder_map(&m->folder, error, &update);
    if (status != BG_OK)
        return status;
    m->bytes = update.bytes.size;
    status = bg_file_write(m->files->update, update.bytes, 0644, error);
    bg_held_release(update.held);
    return status;
}

static void fill_report(const struct making *m, struct bg_device_report *report)
{
    const struct bg_task *task = &m->state.task.task;
    *report = (struct bg_device_report){.round = task->round,
                                        .attempt = task->attempt,
                                        .stage = task->stage,
                                        .insecure = m->state.learner.plan.plan.key.insecure,
                                        .again = m->again,
                                        .seat = m->seat,
                                        .missed = m->missed,
                                        .rows = m->data.examples.count,
                                        .loss = m->loss,
                                        .positions = m->shape.positions,
                                        .bytes = m->bytes,
                                        .bits_per_coordinate = bg_shape_bits_per_coordinate(&m->shape)};
}

static void finish_making(struct making *m)
{
    bg_update_finish(&m->update);
    free(m->delta);
    free(m->fields);
    bg_shape_finish(&m->shape);
    bg_client_inputs_finish(&m->inputs);
    bg_local_data_finish(&m->data);
    bg_model_file_finish(&m->model);
    free(m->model_bytes);
    bg_trusted_task_finish(&m->task);
    bg_trusted_plan_finish(&m->plan);
    bg_device_state_finish(&m->state);
    bg_device_folder_close(&m->folder);
}

enum bg_status bg_device_update(const struct bg_device_settings *settings, const struct bg_device_files *files,
                                struct bg_error *error, struct bg_device_report *ret_report)
{
    struct making m = {.settings = settings, .files = files, .shape = {.encryption = BG_PLAN_OFF}};
    memcpy(m.trust.key_holder, settings->key_holder, sizeof m.trust.key_holder);
    memcpy(m.trust.root, settings->root, sizeof m.trust.root);
    enum bg_status status = bg_device_folder_open(settings->folder, true, error, &m.folder);
    if (status != BG_OK)
        return status;
    status = read_documents(&m, error);
    if (status == BG_OK)
        status = load_state(&m, error);
    if (status == BG_OK)
        status = check_news(&m, error);
    if (status == BG_OK && !m.again) {
        status = make_update(&m, error);
        if (status == BG_OK)
            status = keep(&m, error);
    }
    if (status == BG_OK)
        status = hand_over(&m, error);
    if (status == BG_OK)
        fill_report(&m, ret_report);
    finish_making(&m);
    return status;
}

/* ---- the receipt ---- */

static enum bg_status settle(struct bg_device_state *state, const char *receipt, struct bg_error *error,
                             bool *ret_used)
{
    struct bg_learner *learner = &state->learner;
    struct bg_verdict verdict = {.used = false};
    if (receipt) {
        uint8_t *bytes;
        struct bg_span span;
        enum bg_status status = read_document(receipt, error, &bytes, &span);
        if (status != BG_OK)
            return status;
        status = bg_verdict_accept(NULL, &state->trust, &learner->plan, &state->task.task, &state->seat, span, error,
                                   &verdict);
        free(bytes);
        if (status != BG_OK)
            return in_file(status, receipt, error);
        state->settlement = verdict.settlement;
    }
    bg_client_settle(&learner->plan.plan, &state->task.task, verdict.used, verdict.scales, &learner->codec);
    *ret_used = verdict.used;
    bg_verdict_finish(&verdict);
    return BG_OK;
}

/* Of the update that is out. */
static enum bg_status settle_in(struct bg_device_folder *folder, struct bg_device_state *state, const char *receipt,
                                struct bg_error *error, bool *ret_used)
{
    if (!state->out)
        return bg_fail(error, BG_NOT_FOUND, "%s: no update waits for a receipt", folder->state);
    enum bg_status status = settle(state, receipt, error, ret_used);
    if (status != BG_OK)
        return status;
    state->out = false;
    return folder->memory.keep_settlement(&folder->memory, state, error);
}

enum bg_status bg_device_settle(const char *folder_path, const char *receipt, struct bg_error *error,
                                uint64_t *ret_round, bool *ret_used)
{
    struct bg_device_folder folder;
    struct bg_device_state state;
    bool used = false;
    enum bg_status status = bg_device_folder_open(folder_path, false, error, &folder);
    if (status != BG_OK)
        return status;
    status = bg_device_state_load(folder.state, error, &state);
    if (status == BG_OK) {
        status = settle_in(&folder, &state, receipt, error, &used);
        if (status == BG_OK) {
            *ret_round = state.round;
            *ret_used = used;
        }
        bg_device_state_finish(&state);
    }
    bg_device_folder_close(&folder);
    return status;
}
