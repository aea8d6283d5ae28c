/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/memory.h"

#include "aggregator/checkpoint.h"
#include "aggregator/memory_state.h"
#include "base/digest_table.h"
#include "crypto/digest.h"
#include "wire/epoch.h"
#include "wire/receipt.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RECEIPTS 32 /* rounds whose task and receipt stay */

static uint64_t unix_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- opening ---- */

static enum bg_status want_update(void *context, const struct bg_stored_update *update)
{
    return bg_digest_table_put(context, &update->blob, 0) == BG_NO_MEMORY ? BG_NO_MEMORY : BG_OK;
}

static enum bg_status want_model(void *context, const struct bg_stored_model *model)
{
    return bg_digest_table_put(context, &model->digest, 0) == BG_NO_MEMORY ? BG_NO_MEMORY : BG_OK;
}

static bool is_wanted(void *context, const struct bg_digest *name)
{
    uint32_t ignored;
    return bg_digest_table_find(context, name, &ignored);
}

/* Files that no row names: of a process that ended between the two. */
static enum bg_status sweep(struct bg_memory *memory, struct bg_error *error)
{
    struct bg_digest_table wanted;
    size_t removed;
    bg_digest_table_init(&wanted, 1);
    enum bg_status status = bg_database_updates(memory->database, UINT64_MAX, want_update, &wanted, error);
    if (status == BG_OK)
        status = bg_blobs_sweep(memory->updates, is_wanted, &wanted, error, &removed);
    bg_digest_table_finish(&wanted);
    bg_digest_table_init(&wanted, 1);
    if (status == BG_OK)
        status = bg_database_models(memory->database, want_model, &wanted, error);
    if (status == BG_OK)
        status = bg_blobs_sweep(memory->models, is_wanted, &wanted, error, &removed);
    bg_digest_table_finish(&wanted);
    return status;
}

/* What the documents say, if a root has lived here. */
static enum bg_status load(struct bg_memory *memory, struct bg_error *error)
{
    struct bg_writer plan;
    enum bg_status status = bg_agreement_read(memory->database, error, &memory->agreement);
    if (status == BG_NOT_FOUND)
        return BG_OK;
    if (status == BG_OK)
        status = bg_checkpoint_recall(memory->database, error, &memory->checkpoint);
    if (status != BG_OK)
        return status;
    memory->begun = true;
    bg_writer_init(&plan);
    status = bg_database_document(memory->database, "plan", error, &plan);
    if (status == BG_OK && plan.size == BG_DIGEST_BYTES)
        memcpy(memory->plan.bytes, plan.data, BG_DIGEST_BYTES);
    bg_writer_finish(&plan);
    return status == BG_NOT_FOUND ? BG_OK : status;
}

enum bg_status bg_memory_open(const struct bg_memory_settings *settings, struct bg_error *error,
                              struct bg_memory **ret_memory)
{
    struct bg_memory *memory = calloc(1, sizeof *memory);
    if (memory)
        memory->folder = strdup(settings->folder);
    if (!memory || !memory->folder) {
        free(memory);
        return bg_fail(error, BG_NO_MEMORY, "%s: out of memory", settings->folder);
    }
    memory->settings = *settings;
    memory->settings.folder = memory->folder;
    bg_writer_init(&memory->agreement.answer);
    bg_writer_init(&memory->checkpoint.root);
    enum bg_status status = bg_database_open(memory->folder, BG_DATABASE_OWN, error, &memory->database);
    if (status == BG_OK)
        status = bg_blobs_open(memory->folder, "models", bg_sha256, error, &memory->models);
    if (status == BG_OK)
        status = bg_blobs_open(memory->folder, "updates", bg_sha256, error, &memory->updates);
    if (status == BG_OK)
        status = sweep(memory, error);
    if (status == BG_OK)
        status = load(memory, error);
    if (status != BG_OK) {
        bg_memory_close(&memory);
        return status;
    }
    *ret_memory = memory;
    return BG_OK;
}

void bg_memory_close(struct bg_memory **memory)
{
    struct bg_memory *m = *memory;
    if (!m)
        return;
    bg_recalled_finish(m);
    bg_agreement_finish(&m->agreement);
    bg_writer_finish(&m->checkpoint.root);
    bg_blobs_close(&m->updates);
    bg_blobs_close(&m->models);
    bg_database_close(&m->database);
    free(m->pending);
    free(m->folder);
    free(m);
    *memory = NULL;
}

bool bg_memory_fresh(const struct bg_memory *memory)
{
    return !memory->begun;
}

static enum bg_status keep_model(struct bg_memory *memory, struct bg_span file, uint64_t round,
                                 const struct bg_digest *parent, struct bg_error *error)
{
    struct bg_stored_model model = {.round = round, .parent = *parent, .size = file.size, .made_at = unix_ms()};
    enum bg_status status = bg_blobs_put(memory->models, file, error, &model.digest);
    return status == BG_OK ? bg_database_add_model(memory->database, &model, error) : status;
}

enum bg_status bg_memory_begin(struct bg_memory *memory, struct bg_span model, const struct bg_digest *commitment,
                               struct bg_error *error)
{
    enum bg_status status = keep_model(memory, model, 0, &(struct bg_digest){{0}}, error);
    memory->agreement.commitment = *commitment;
    bg_sha256(model, &memory->checkpoint.model);
    if (status == BG_OK)
        status = bg_database_begin(memory->database, error);
    if (status != BG_OK)
        return status;
    status = bg_agreement_write(memory->database, &memory->agreement, error);
    if (status == BG_OK)
        status = bg_checkpoint_keep(memory->database, &memory->checkpoint, error);
    if (status != BG_OK) {
        bg_database_abandon(memory->database);
        return status;
    }
    status = bg_database_commit(memory->database, error);
    memory->begun = status == BG_OK;
    return status;
}

enum bg_status bg_memory_model(struct bg_memory *memory, struct bg_error *error, struct bg_mapping *ret_model)
{
    return bg_blobs_map(memory->models, &memory->checkpoint.model, true, error, ret_model);
}

struct bg_database *bg_memory_database(struct bg_memory *memory)
{
    return memory->database;
}

struct bg_blobs *bg_memory_models(struct bg_memory *memory)
{
    return memory->models;
}

struct bg_memory_updates bg_memory_round_updates(const struct bg_memory *memory)
{
    return memory->round_updates;
}

bool bg_memory_idle(const struct bg_memory *memory)
{
    return memory->pending_count == 0;
}

bool bg_memory_writes(const struct bg_memory *memory)
{
    return !memory->failing;
}

/* ---- updates ---- */

/* The bytes under the digest of their manifest's frame; the name is durable with the next bg_blobs_sync. */
static enum bg_status keep_bytes(struct bg_memory *memory, const struct bg_kept_update *update,
                                 struct bg_stored_update *ret_stored)
{
    struct bg_frame manifest;
    struct bg_span blocks;
    const char *file = update->held && memory->settings.file_of ? memory->settings.file_of(update->held) : NULL;
    enum bg_status status = bg_frame_decode(update->bytes, &memory->error, &manifest, &blocks);
    if (status != BG_OK)
        return status;
    *ret_stored = (struct bg_stored_update){.round = update->round,
                                            .client = update->client,
                                            .size = update->bytes.size};
    bg_sha256(manifest.bytes, &ret_stored->blob);
    return file ? bg_blobs_adopt(memory->updates, &ret_stored->blob, file, &memory->error)
                : bg_blobs_write(memory->updates, &ret_stored->blob, update->bytes, &memory->error);
}

/* All that wait in one transaction. */
static enum bg_status commit_pending(struct bg_memory *memory)
{
    struct bg_error *error = &memory->error;
    enum bg_status status = bg_blobs_sync(memory->updates, error);
    if (status == BG_OK)
        status = bg_database_begin(memory->database, error);
    if (status != BG_OK)
        return status;
    for (size_t i = 0; status == BG_OK && i < memory->pending_count; i++)
        if (memory->pending[i].status == BG_OK)
            status = bg_database_add_update(memory->database, &memory->pending[i].update, error);
    if (status == BG_OK)
        return bg_database_commit(memory->database, error);
    bg_database_abandon(memory->database);
    return status;
}

static void count(struct bg_memory *memory, const struct bg_stored_update *update)
{
    memory->round_updates.count++;
    memory->round_updates.bytes += update->size;
}

static void flush(void *context)
{
    struct bg_memory *memory = context;
    memory->flush_posted = false;
    memory->settings.enter(memory->settings.owner);
    enum bg_status status = commit_pending(memory);
    size_t waiting = memory->pending_count;
    memory->failing = status != BG_OK;
    memory->pending_count = 0;
    for (size_t i = 0; i < waiting; i++) {
        struct bg_memory_pending *pending = &memory->pending[i];
        if (pending->status == BG_OK)
            pending->status = status;
        memory->failing |= pending->status != BG_OK;
        if (pending->status != BG_OK)
            bg_blobs_remove(memory->updates, &pending->update.blob);
        else
            count(memory, &pending->update);
        if (pending->status == BG_OK && memory->settings.kept)
            memory->settings.kept(memory->settings.owner, &pending->kept);
        bg_root_kept(memory->root, pending->keeping, pending->status == BG_OK ? BG_OK : BG_IO);
    }
    memory->settings.leave(memory->settings.owner);
}

static void keep_update(void *context, const struct bg_kept_update *update, struct bg_keeping *keeping)
{
    struct bg_memory *memory = context;
    if (memory->resuming) {
        bg_root_kept(memory->root, keeping, BG_OK); /* it is there: that is where it comes from */
        return;
    }
    if (memory->pending_count == memory->pending_capacity) {
        size_t capacity = memory->pending_capacity ? 2 * memory->pending_capacity : 64;
        struct bg_memory_pending *pending = reallocarray(memory->pending, capacity, sizeof *pending);
        if (!pending) {
            bg_root_kept(memory->root, keeping, BG_IO);
            return;
        }
        memory->pending = pending;
        memory->pending_capacity = capacity;
    }
    if (!memory->flush_posted && memory->settings.post(memory->settings.owner, flush, memory) != BG_OK) {
        bg_root_kept(memory->root, keeping, BG_IO);
        return;
    }
    memory->flush_posted = true;
    struct bg_memory_pending *pending = &memory->pending[memory->pending_count++];
    pending->keeping = keeping;
    pending->kept = *update;
    pending->status = keep_bytes(memory, update, &pending->update);
}

/* ---- steps ---- */

static enum bg_status commit_or_abandon(struct bg_memory *memory, enum bg_status status, struct bg_error *error)
{
    if (status == BG_OK)
        return bg_database_commit(memory->database, error);
    bg_database_abandon(memory->database);
    return status;
}

/* What the key holder has committed to for the epoch after the one agreed on. */
static enum bg_status next_commitment(const struct bg_agreement *agreement, struct bg_error *error,
                                      struct bg_digest *ret_commitment)
{
    struct bg_frame frame;
    struct bg_span rest;
    struct bg_epoch_reveal reveal;
    *ret_commitment = agreement->commitment;
    if (agreement->stage != BG_AGREEMENT_MADE)
        return BG_OK;
    enum bg_status status = bg_frame_decode(bg_writer_span(&agreement->answer), error, &frame, &rest);
    if (status == BG_OK)
        status = bg_epoch_reveal_decode(&frame, error, &reveal);
    if (status == BG_OK)
        *ret_commitment = reveal.next_commitment;
    return status;
}

static enum bg_status copy_roster(const struct bg_root *root, struct bg_error *error, struct bg_agreement *agreement)
{
    struct bg_roster roster = bg_root_epoch_roster(root);
    agreement->clients = calloc(roster.count ? roster.count : 1, sizeof *agreement->clients);
    if (!agreement->clients)
        return bg_fail(error, BG_NO_MEMORY, "epoch: out of memory");
    agreement->client_count = roster.count;
    if (roster.count)
        memcpy(agreement->clients, roster.entries, roster.count * sizeof *roster.entries);
    return BG_OK;
}

/* The root between two rounds, with the release sets of `epoch`. */
static enum bg_status write_checkpoint(struct bg_memory *memory, uint64_t epoch, struct bg_error *error)
{
    struct bg_checkpoint *checkpoint = &memory->checkpoint;
    bg_writer_finish(&checkpoint->root);
    bg_checkpoint_write(memory->root, &checkpoint->root);
    checkpoint->epoch = epoch;
    return checkpoint->root.status == BG_OK ? bg_checkpoint_keep(memory->database, checkpoint, error)
                                            : bg_fail(error, BG_NO_MEMORY, "checkpoint: out of memory");
}

static enum bg_status epoch_asked(struct bg_memory *memory, const struct bg_root_step *step, struct bg_error *error)
{
    struct bg_agreement asked = {.epoch = step->epoch, .stage = BG_AGREEMENT_ASKED};
    struct bg_span kept = {memory->agreement.nonce.bytes, BG_DIGEST_BYTES};
    if (memory->agreement.epoch == step->epoch && bg_span_equal(step->bytes, kept))
        return BG_OK;
    bg_writer_init(&asked.answer);
    if (step->bytes.size != BG_DIGEST_BYTES)
        return bg_fail(error, BG_FAULT, "epoch: a nonce of %zu bytes", step->bytes.size);
    memcpy(asked.nonce.bytes, step->bytes.data, BG_DIGEST_BYTES);
    enum bg_status status = next_commitment(&memory->agreement, error, &asked.commitment);
    if (status == BG_OK)
        status = copy_roster(memory->root, error, &asked);
    if (status == BG_OK)
        status = bg_database_begin(memory->database, error);
    if (status != BG_OK) {
        bg_agreement_finish(&asked);
        return status;
    }
    status = bg_agreement_write(memory->database, &asked, error);
    if (status == BG_OK)
        status = write_checkpoint(memory, 0, error);
    status = commit_or_abandon(memory, status, error);
    if (status == BG_OK) {
        bg_agreement_finish(&memory->agreement);
        memory->agreement = asked;
    } else {
        bg_agreement_finish(&asked);
    }
    return status;
}

static enum bg_status epoch_agreed(struct bg_memory *memory, const struct bg_root_step *step, struct bg_error *error)
{
    struct bg_agreement *agreement = &memory->agreement;
    if (agreement->stage == BG_AGREEMENT_MADE && agreement->epoch == step->epoch)
        return BG_OK;
    bg_writer_finish(&agreement->answer);
    bg_write_bytes(&agreement->answer, step->bytes.data, step->bytes.size);
    if (agreement->answer.status != BG_OK)
        return bg_fail(error, BG_NO_MEMORY, "epoch: out of memory");
    agreement->stage = BG_AGREEMENT_MADE;
    return bg_agreement_write(memory->database, agreement, error);
}

static enum bg_status opened(struct bg_memory *memory, const struct bg_root_step *step, struct bg_error *error)
{
    struct bg_stored_round round = {.number = step->round,
                                    .epoch = memory->agreement.epoch,
                                    .stage = bg_root_stage(memory->root),
                                    .opened_at = unix_ms()};
    struct bg_writer task;
    if (!memory->resuming) {
        memory->round_updates = (struct bg_memory_updates){0, 0};
        memory->opened_at = round.opened_at;
        return bg_database_open_round(memory->database, &round, step->bytes, error);
    }
    bg_writer_init(&task);
    enum bg_status status = bg_database_task(memory->database, step->round, error, &task);
    if (status == BG_OK && !bg_span_equal(step->bytes, bg_writer_span(&task)))
        status = bg_fail(error, BG_CONFIG, "round %llu: the settings have changed since it was opened: restore them",
                         (unsigned long long)step->round);
    bg_writer_finish(&task);
    return status;
}

/* ---- the end of a round ---- */

/* Names of blobs that no row will want any more. */
struct leftovers {
    struct bg_digest *names;
    size_t count, capacity;
    uint64_t before; /* rounds of updates; or, of models, how many there may be more */
};

static enum bg_status add_leftover(struct leftovers *leftovers, const struct bg_digest *name)
{
    if (leftovers->count == leftovers->capacity) {
        size_t capacity = leftovers->capacity ? 2 * leftovers->capacity : 64;
        struct bg_digest *names = reallocarray(leftovers->names, capacity, sizeof *names);
        if (!names)
            return BG_NO_MEMORY;
        leftovers->names = names;
        leftovers->capacity = capacity;
    }
    leftovers->names[leftovers->count++] = *name;
    return BG_OK;
}

static enum bg_status old_update(void *context, const struct bg_stored_update *update)
{
    struct leftovers *leftovers = context;
    return update->round < leftovers->before ? add_leftover(leftovers, &update->blob) : BG_OK;
}

static enum bg_status any_model(void *context, const struct bg_stored_model *model)
{
    return add_leftover(context, &model->digest);
}

static enum bg_status read_end(const struct bg_root_step *step, struct bg_error *error, struct bg_stored_round *round)
{
    struct bg_arena arena;
    struct bg_frame frame;
    struct bg_receipt receipt;
    bg_arena_init(&arena, SIZE_MAX);
    enum bg_status status = bg_frame_expect(step->bytes, BG_FRAME_RECEIPT, error, &frame);
    if (status == BG_OK)
        status = bg_receipt_decode(&frame, &arena, error, &receipt);
    for (size_t g = 0; status == BG_OK && g < receipt.group_count; g++)
        round->used += receipt.groups[g].used;
    bg_arena_finish(&arena);
    return status;
}

static struct bg_stored_round describe_round(const struct bg_memory *memory, const struct bg_root_step *step)
{
    const struct bg_round *round = bg_root_round(memory->root);
    uint64_t now = unix_ms();
    struct bg_stored_round stored = {
        .number = round->number,
        .held = round->held,
        .outcome = round->outcome,
        .ended_at = now,
        .length_ns = now > memory->opened_at ? (now - memory->opened_at) * 1000000 : 0,
        .updates = memory->round_updates.count,
        .update_bytes = memory->round_updates.bytes,
        .clients = bg_round_clients(round),
        .invited = round->invited,
        .opened = bg_round_count(round, BG_GROUP_OPENED),
        .invalid = bg_round_count(round, BG_GROUP_INVALID),
        .refused = bg_round_count(round, BG_GROUP_REFUSED),
        .sat_out = bg_round_count(round, BG_GROUP_SAT_OUT),
        .margin = step->combination ? step->combination->rule.margin : 0,
        .model = *bg_root_model_digest(memory->root),
    };
    if (memory->settings.phases)
        memory->settings.phases(memory->settings.owner, stored.phases_ns);
    return stored;
}

/* In the transaction of the round's end: what no later round needs. */
static enum bg_status forget(struct bg_memory *memory, uint64_t round, struct bg_error *error,
                             struct leftovers *updates, struct leftovers *models)
{
    const struct bg_memory_settings *s = &memory->settings;
    struct bg_database *db = memory->database;
    updates->before = round + 1 > s->update_rounds ? round + 1 - s->update_rounds : 0;
    enum bg_status status = bg_database_updates(db, UINT64_MAX, old_update, updates, error);
    if (status == BG_OK && updates->count)
        status = bg_database_release_updates(db, updates->before, error);
    if (status == BG_OK)
        status = bg_database_drop_sums(db, round, error);
    if (status == BG_OK && round >= RECEIPTS)
        status = bg_database_drop_frames(db, round + 1 - RECEIPTS, error);
    if (status == BG_OK && s->models)
        status = bg_database_models(db, any_model, models, error);
    if (status == BG_OK && models->count > s->models)
        status = bg_database_drop_models(db, s->models, error);
    if (status == BG_OK && s->models && round >= s->models)
        status = bg_database_drop_lineage(db, round + 1 - s->models, error);
    models->count = models->count > s->models ? models->count - s->models : 0;
    return status;
}

static void remove_leftovers(struct bg_blobs *blobs, struct leftovers *leftovers, bool removed)
{
    for (size_t i = 0; removed && i < leftovers->count; i++)
        bg_blobs_remove(blobs, &leftovers->names[i]); /* the next start sweeps what is left */
    free(leftovers->names);
}

static enum bg_status ended(struct bg_memory *memory, const struct bg_root_step *step, struct bg_error *error)
{
    struct leftovers updates = {.names = NULL}, models = {.names = NULL};
    struct bg_stored_round round = describe_round(memory, step);
    struct bg_checkpoint *checkpoint = &memory->checkpoint;
    enum bg_status status = read_end(step, error, &round);
    if (status == BG_OK)
        status = bg_database_begin(memory->database, error);
    if (status != BG_OK)
        return status;
    if (!bg_digest_equal(&checkpoint->model, &round.model)) {
        checkpoint->model = round.model;
        checkpoint->model_round = round.number;
    }
    status = bg_database_end_round(memory->database, &round, step->bytes, error);
    if (status == BG_OK)
        status = write_checkpoint(memory, memory->agreement.epoch, error);
    if (status == BG_OK)
        status = forget(memory, round.number, error, &updates, &models);
    status = commit_or_abandon(memory, status, error);
    remove_leftovers(memory->updates, &updates, status == BG_OK);
    remove_leftovers(memory->models, &models, status == BG_OK);
    return status;
}

static enum bg_status keep_step(void *context, const struct bg_root_step *step, struct bg_error *error)
{
    struct bg_memory *memory = context;
    struct bg_database *db = memory->database;
    enum bg_status status = BG_OK;
    switch (step->kind) {
    case BG_ROOT_STEP_EPOCH_ASKED:
        status = epoch_asked(memory, step, error);
        break;
    case BG_ROOT_STEP_EPOCH_AGREED:
        status = epoch_agreed(memory, step, error);
        break;
    case BG_ROOT_STEP_OPENED:
        status = opened(memory, step, error);
        break;
    case BG_ROOT_STEP_CLOSED:
        status = bg_database_close_round(db, step->round, error);
        break;
    case BG_ROOT_STEP_SUMS:
        status = bg_database_add_sums(db, step->round, step->group, step->bytes, error);
        break;
    case BG_ROOT_STEP_PUBLISHED:
        status = keep_model(memory, step->bytes, step->round, step->parent, error);
        break;
    case BG_ROOT_STEP_ENDED:
        status = ended(memory, step, error);
        break;
    case BG_ROOT_STEP_PLAN: /* made again from the model and the agreement */
    case BG_ROOT_STEP_COUNT:
        break;
    }
    memory->failing = status != BG_OK;
    return status;
}

/* ---- the root's settings ---- */

/* The nonce of an epoch that was asked for before must come again. */
static enum bg_status fill(void *context, void *data, size_t size)
{
    struct bg_memory *memory = context;
    if (!memory->repeat_nonce || size != BG_DIGEST_BYTES)
        return bg_random_fill(&memory->random, data, size);
    memcpy(data, memory->agreement.nonce.bytes, size);
    memory->repeat_nonce = false;
    return BG_OK;
}

void bg_memory_prepare(struct bg_memory *memory, struct bg_root_settings *settings)
{
    memory->random = settings->random;
    settings->random = (struct bg_random){.fill = fill, .context = memory};
    settings->keep = keep_step;
    settings->keep_update = keep_update;
    settings->keep_context = memory;
    settings->first_commitment = memory->agreement.commitment;
}
