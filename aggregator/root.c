/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/root.h"

#include "aggregator/root_state.h"
#include "crypto/digest.h"

#include <stdlib.h>
#include <string.h>

void bg_root_notify(struct bg_root *root, struct bg_root_notice notice)
{
    notice.round = root->round.number;
    notice.stage = root->task.stage;
    notice.state = &root->round;
    if (root->settings.observe)
        root->settings.observe(root->settings.observe_context, &notice);
}

bool bg_root_keep(struct bg_root *root, struct bg_root_step step)
{
    struct bg_error error = {0};
    if (root->failed || !root->settings.keep)
        return !root->failed;
    step.epoch = root->epoch;
    if (root->settings.keep(root->settings.keep_context, &step, &error) == BG_OK)
        return true;
    root->failed = true;
    bg_root_notify(root, (struct bg_root_notice){.kind = BG_ROOT_NOTICE_FAILED, .error = &error});
    return false;
}

bool bg_root_keep_in_round(struct bg_root *root, struct bg_root_step step)
{
    step.round = root->round.number;
    step.attempt = root->round.attempt;
    return bg_root_keep(root, step);
}

bool bg_root_failed(const struct bg_root *root)
{
    return root->failed;
}

enum bg_status bg_root_check(const struct bg_root *root, struct bg_error *error)
{
    return root->failed ? bg_fail(error, BG_IO, "what happened could not be kept; mend the disk and start again")
                        : BG_OK;
}

struct bg_root_work *bg_root_work_of(struct bg_job *job)
{
    return (struct bg_root_work *)((char *)job - offsetof(struct bg_root_work, work.job));
}

static void work_done(struct bg_job *job)
{
    struct bg_root_work *work = bg_root_work_of(job);
    struct bg_root *root = work->root;
    root->busy--;
    work->finish(root, work);
    free(work->sums);
    free(work);
}

struct bg_root_work *bg_root_queue(struct bg_root *root, enum bg_phase phase, uint64_t units,
                                   void (*run)(struct bg_job *job),
                                   void (*finish)(struct bg_root *root, struct bg_root_work *work))
{
    struct bg_root_work *work = calloc(1, sizeof *work);
    if (!work)
        return NULL;
    work->work = (struct bg_work){
        .job = {.run = run, .done = work_done}, .phase = phase, .round = root->round.number, .units = units};
    work->root = root;
    work->finish = finish;
    root->busy++;
    bg_work_push(&root->queue, &work->work);
    return work;
}

static void answer(struct bg_call *call, enum bg_status status)
{
    bg_call_answer(call, status, (struct bg_span){NULL, 0});
}

/* ---- updates ---- */

/* The client's signature, and the seed of its pads with its commitment. */
static enum bg_status verify_manifest(void *context, struct bg_upload *upload,
                                      const uint8_t point[static BG_PUBLIC_POINT_BYTES], struct bg_error *error)
{
    struct bg_root *root = context;
    return bg_upload_verify(upload, &root->terms, point, error);
}

/* When to ask again, or `status` where the root keeps no pace. */
static void answer_later(struct bg_root *root, struct bg_call *call, enum bg_status status)
{
    bool running = root->round.state != BG_ROUND_IDLE;
    struct bg_writer w;
    if (!(root->settings.pace.contacts_per_second > 0)) {
        answer(call, status);
        return;
    }
    struct bg_pace_window window = bg_pace_window(&root->pace, root->epoch_roster.count, root->round.number, running,
                                                  running ? root->now - root->opened_at : 0);
    bg_writer_init(&w);
    bg_pace_window_encode(&w, &root->settings.population, &window);
    bg_call_answer(call, w.status, bg_writer_span(&w));
    bg_writer_finish(&w);
}

static void keep_update(void *context, const struct bg_kept_update *update, struct bg_keeping *keeping)
{
    struct bg_root *root = context;
    if (root->failed)
        bg_intake_kept(&root->intake, keeping, BG_IO);
    else if (root->settings.keep_update)
        root->settings.keep_update(root->settings.keep_context, update, keeping);
    else
        bg_intake_kept(&root->intake, keeping, BG_OK);
}

void bg_root_kept(struct bg_root *root, struct bg_keeping *keeping, enum bg_status status)
{
    bg_intake_kept(&root->intake, keeping, root->failed ? BG_IO : status);
}

static void update_accepted(void *context, struct bg_call *call)
{
    answer_later(context, call, BG_OK);
}

static void update_refused(void *context, const struct bg_digest *client, const struct bg_error *error)
{
    bg_root_notify(context, (struct bg_root_notice){.kind = BG_ROOT_NOTICE_REFUSED, .client = client, .error = error});
}

/* ---- documents ---- */

/* The task is for members that can still contribute to an open round, and for edges. */
static void serve_task(struct bg_root *root, const struct bg_request *request, struct bg_call *call)
{
    bool open = root->round.state == BG_ROUND_OPEN;
    if (bg_intake_wants(&root->intake, &request->peer) || (open && bg_root_edge(root, &request->peer)))
        bg_call_answer(call, BG_OK, bg_writer_span(&root->task_frame));
    else
        answer_later(root, call, BG_NOT_FOUND);
}

static void serve_model(struct bg_root *root, const struct bg_request *request, struct bg_call *call)
{
    const struct bg_root_version *versions[] = {&root->current, &root->previous};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        struct bg_span digest = {versions[i]->digest.bytes, BG_DIGEST_BYTES};
        if (versions[i]->file.size && bg_span_equal(request->body, digest)) {
            bg_call_answer(call, BG_OK, bg_writer_span(&versions[i]->file));
            return;
        }
    }
    answer(call, BG_NOT_FOUND);
}

static void serve_receipt(struct bg_root *root, const struct bg_request *request, struct bg_call *call)
{
    struct bg_reader r;
    bg_reader_init(&r, request->body);
    uint64_t round = bg_read_u64(&r);
    if (bg_reader_end(&r) != BG_OK) {
        answer(call, BG_DECODE);
        return;
    }
    const struct bg_root_receipt *receipt = &root->receipts[round % BG_ROOT_RECEIPTS];
    if (receipt->round == round && receipt->frame.size)
        bg_call_answer(call, BG_OK, bg_writer_span(&receipt->frame));
    else if (round == root->round.number && root->round.state != BG_ROUND_IDLE)
        answer_later(root, call, BG_BUSY);
    else if (round > root->round.number)
        answer(call, BG_BUSY); /* to come, or to come back after a restart: nothing final can be said of it */
    else
        answer(call, BG_NOT_FOUND);
}

static void serve_document(const struct bg_root *root, const struct bg_writer *document, struct bg_call *call)
{
    if (root->ready)
        bg_call_answer(call, BG_OK, bg_writer_span(document));
    else
        answer(call, BG_NOT_FOUND);
}

void bg_root_serve(void *context, const struct bg_request *request, struct bg_call *call)
{
    struct bg_root *root = context;
    if (root->failed) {
        answer(call, BG_IO);
        return;
    }
    switch (request->route) {
    case BG_ROUTE_PLAN:
        serve_document(root, &root->plan_frame, call);
        return;
    case BG_ROUTE_GROUPS:
        serve_document(root, &root->groups_frame, call);
        return;
    case BG_ROUTE_TASK:
        serve_task(root, request, call);
        return;
    case BG_ROUTE_MODEL:
        serve_model(root, request, call);
        return;
    case BG_ROUTE_UPDATE:
        bg_intake_serve(&root->intake, request, call);
        return;
    case BG_ROUTE_RECEIPT:
        serve_receipt(root, request, call);
        return;
    case BG_ROUTE_REPORT:
        bg_root_serve_report(root, request, call);
        return;
    default:
        answer(call, BG_NOT_FOUND);
        return;
    }
}

/* ---- life ---- */

void bg_root_tick(struct bg_root *root, uint64_t now)
{
    root->now = root->intake.now = now;
    if (root->failed)
        return;
    if (root->epoch_retry_at <= now)
        bg_root_send_epoch_request(root);
    bg_root_retry_sums(root);
    bg_root_renew_plan(root);
    if (root->wake <= now) {
        root->wake = UINT64_MAX;
        bg_intake_step(&root->intake, (struct bg_round_event){.kind = BG_ROUND_TIME});
    }
}

uint64_t bg_root_next_wake(const struct bg_root *root)
{
    if (root->failed)
        return UINT64_MAX;
    uint64_t wake = root->wake < root->epoch_retry_at ? root->wake : root->epoch_retry_at;
    if (root->release_retry_at < wake)
        wake = root->release_retry_at;
    return bg_root_plan_due(root) ? root->now : wake;
}

struct bg_work *bg_root_work(struct bg_root *root)
{
    return bg_work_pop(&root->queue);
}

enum bg_status bg_root_enrol(struct bg_root *root, const struct bg_roster_entry *entry, struct bg_error *error)
{
    return bg_roster_list_add(&root->enrolled, entry, error);
}

enum bg_status bg_root_set_roster(struct bg_root *root, const struct bg_roster_entry *entries, size_t count,
                                  struct bg_error *error)
{
    struct bg_roster_list list;
    enum bg_status status = BG_OK;
    bg_roster_list_init(&list, root->settings.seed);
    for (size_t i = 0; status == BG_OK && i < count; i++)
        status = bg_roster_list_add(&list, &entries[i], error);
    if (status != BG_OK) {
        bg_roster_list_finish(&list);
        return status;
    }
    bg_roster_list_finish(&root->enrolled);
    root->enrolled = list;
    return BG_OK;
}

/* Of a zeroed version; its file stays as it is. */
static enum bg_status version_init(struct bg_root_version *version, size_t coordinates, size_t tensors)
{
    version->parameters = calloc(coordinates, sizeof *version->parameters);
    version->momentum = calloc(coordinates, sizeof *version->momentum);
    version->squares = calloc(coordinates, sizeof *version->squares);
    version->scales = calloc(tensors, sizeof *version->scales);
    version->centres = calloc(tensors, sizeof *version->centres);
    bool made =
        version->parameters && version->momentum && version->squares && version->scales && version->centres;
    return made ? BG_OK : BG_NO_MEMORY;
}

static void version_finish(struct bg_root_version *version)
{
    free(version->parameters);
    free(version->momentum);
    free(version->squares);
    free(version->scales);
    free(version->centres);
    bg_writer_finish(&version->file);
}

/* The initial model goes through a file, so that the root owns everything it names and starts from what a client
 * would read. */
static enum bg_status adopt_initial(struct bg_root *root, struct bg_error *error)
{
    struct bg_root_version *current = &root->current;
    enum bg_status status = bg_model_encode(&root->settings.initial, &current->file, error);
    if (status != BG_OK)
        return status;
    bg_sha256(bg_writer_span(&current->file), &current->digest);
    status = bg_model_decode(bg_writer_span(&current->file), "initial model", error, &root->initial);
    if (status != BG_OK)
        return status;
    root->card = root->initial.card;
    root->model = root->initial.model;
    const struct bg_layout *layout = &root->model->layout;
    status = version_init(current, layout->coordinates, layout->tensor_count);
    if (status == BG_OK)
        status = version_init(&root->next, layout->coordinates, layout->tensor_count);
    if (status == BG_OK)
        status = version_init(&root->previous, layout->coordinates, layout->tensor_count);
    if (status != BG_OK)
        return bg_fail(error, status, "initial model: out of memory");
    memcpy(current->parameters, root->card.parameters, layout->coordinates * sizeof *current->parameters);
    for (size_t i = 0; i < layout->tensor_count; i++)
        current->scales[i] = 1;
    current->round = root->card.round;
    root->card.parameters = current->parameters;
    return BG_OK;
}

enum bg_status bg_root_create(const struct bg_root_settings *settings, uint64_t now, struct bg_error *error,
                              struct bg_root **ret_root)
{
    static const struct bg_intake_ops ops = {.verify = verify_manifest,
                                             .keep = keep_update,
                                             .accepted = update_accepted,
                                             .refused = update_refused,
                                             .perform = bg_root_perform};
    struct bg_root *root = calloc(1, sizeof *root);
    if (!root)
        return bg_fail(error, BG_NO_MEMORY, "root: out of memory");
    root->settings = *settings;
    bg_intake_init(&root->intake, &ops, root, &root->queue, &root->round);
    root->now = root->intake.now = now;
    root->wake = root->epoch_retry_at = root->release_retry_at = UINT64_MAX;
    root->commitment = settings->first_commitment;
    bg_pace_init(&root->pace, &settings->pace);
    bg_roster_list_init(&root->enrolled, settings->seed);
    bg_arena_init(&root->epoch_arena, BG_ROOT_MEMORY);
    bg_arena_init(&root->round_arena, BG_ROOT_MEMORY);
    enum bg_status status = adopt_initial(root, error);
    if (status != BG_OK) {
        bg_root_destroy(&root);
        return status;
    }
    *ret_root = root;
    return BG_OK;
}

void bg_root_destroy(struct bg_root **root)
{
    struct bg_root *r = *root;
    if (!r)
        return;
    bg_root_round_finish(r);
    bg_root_epoch_finish(r);
    bg_arena_finish(&r->round_arena);
    bg_arena_finish(&r->epoch_arena);
    for (size_t i = 0; i < BG_ROOT_RECEIPTS; i++)
        bg_writer_finish(&r->receipts[i].frame);
    bg_writer_finish(&r->task_frame);
    version_finish(&r->current);
    version_finish(&r->next);
    version_finish(&r->previous);
    bg_model_file_finish(&r->initial);
    bg_model_file_finish(&r->fitted);
    bg_roster_list_finish(&r->enrolled);
    free(r);
    *root = NULL;
}

const struct bg_model_card *bg_root_model(const struct bg_root *root)
{
    return &root->card;
}

struct bg_span bg_root_model_file(const struct bg_root *root)
{
    return bg_writer_span(&root->current.file);
}

const struct bg_digest *bg_root_model_digest(const struct bg_root *root)
{
    return &root->current.digest;
}

const struct bg_shape *bg_root_shape(const struct bg_root *root)
{
    return root->has_shape ? &root->shape : NULL;
}

const struct bg_plan *bg_root_plan(const struct bg_root *root)
{
    return root->has_plan ? &root->plan : NULL;
}

const struct bg_round *bg_root_round(const struct bg_root *root)
{
    return &root->round;
}

enum bg_task_stage bg_root_stage(const struct bg_root *root)
{
    return root->task.stage;
}

struct bg_roster bg_root_epoch_roster(const struct bg_root *root)
{
    return root->epoch_roster;
}

const struct bg_groups *bg_root_groups(const struct bg_root *root)
{
    return root->ready ? &root->groups : NULL;
}
