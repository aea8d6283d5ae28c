/* SPDX-License-Identifier: Apache-2.0 */
/* A root fresh from creation is brought to where the last one was: epoch, release sets, the open round, its updates. */
#include "aggregator/checkpoint.h"
#include "aggregator/memory_state.h"
#include "crypto/digest.h"

#include <stdlib.h>

static void end(struct bg_memory *memory, enum bg_status status)
{
    memory->resuming = false;
    memory->settings.resumed(memory->settings.owner, status, &memory->error);
}

/* ---- updates ---- */

static void release_mapping(struct bg_held_bytes *held)
{
    struct bg_memory_return *back = (void *)((char *)held - offsetof(struct bg_memory_return, held));
    bg_mapping_finish(&back->mapping);
    free(back);
}

/* That this machine lacks something says nothing about an update. */
static bool is_damage(enum bg_status status)
{
    return status != BG_NO_MEMORY && status != BG_IO && status != BG_BUSY && status != BG_CONFIG;
}

/* It was acknowledged and is damaged: the others go on without it, and its client is told by the receipt. */
static enum bg_status give_up(struct bg_memory *memory, const struct bg_stored_update *update, enum bg_status status)
{
    char client[2 * BG_DIGEST_BYTES + 1];
    struct bg_error error;
    bg_digest_to_hex(&update->client, client);
    bg_fail(&error, BG_BAD_DIGEST, "update of client %s for round %llu: damaged on disk (%s), its round goes on "
                                   "without it: check the disk of %s", client, (unsigned long long)update->round,
            bg_status_text(status), memory->folder);
    if (memory->settings.warn)
        memory->settings.warn(memory->settings.owner, &error);
    (void)bg_blobs_set_aside(memory->updates, &update->blob);
    memory->round_updates.count--;
    memory->round_updates.bytes -= update->size;
    return bg_database_drop_update(memory->database, update->round, &update->client, &memory->error);
}

/* Everything of the round is back: its deadline begins anew, or is over. */
static void returned(struct bg_memory *memory)
{
    if (--memory->returning || !memory->resuming)
        return;
    memory->resuming = false;
    bg_root_resume_round(memory->root, memory->closed);
    end(memory, BG_OK);
}

static void fail_return(struct bg_memory *memory, enum bg_status status)
{
    if (memory->resuming)
        end(memory, status);
}

static void on_answer(struct bg_call *call, enum bg_status status, struct bg_span reply)
{
    struct bg_memory_return *back = (void *)((char *)call - offsetof(struct bg_memory_return, call));
    struct bg_memory *memory = back->memory;
    struct bg_stored_update update = back->update;
    (void)reply;
    bg_held_release(&back->held);
    if (status != BG_OK && is_damage(status))
        status = give_up(memory, &update, status);
    else if (status != BG_OK)
        bg_fail(&memory->error, status, "round %llu cannot be taken up again: %s", (unsigned long long)update.round,
                bg_status_text(status));
    if (status != BG_OK)
        fail_return(memory, status);
    returned(memory);
}

/* One row of the open round. The rest waits until all rows were read. */
static enum bg_status collect(void *context, const struct bg_stored_update *update)
{
    struct bg_memory *memory = context;
    struct bg_memory_return *back = calloc(1, sizeof *back);
    if (!back)
        return bg_fail(&memory->error, BG_NO_MEMORY, "updates: out of memory");
    *back = (struct bg_memory_return){.held = {.holders = 1, .finish = release_mapping},
                                      .call = {.answer = on_answer},
                                      .memory = memory,
                                      .update = *update};
    if (memory->last_returned)
        memory->last_returned->next = back;
    else
        memory->returned = back;
    memory->last_returned = back;
    memory->returning++;
    memory->round_updates.count++;
    memory->round_updates.bytes += update->size;
    return BG_OK;
}

/* Whether the bytes begin with the manifest that they are named after. */
static bool is_named_after(struct bg_span bytes, const struct bg_digest *name)
{
    struct bg_frame manifest;
    struct bg_span blocks;
    struct bg_digest digest;
    if (bg_frame_decode(bytes, NULL, &manifest, &blocks) != BG_OK)
        return false;
    bg_sha256(manifest.bytes, &digest);
    return bg_digest_equal(&digest, name);
}

static void give_back(struct bg_memory *memory, struct bg_memory_return *back)
{
    const struct bg_stored_update *update = &back->update;
    enum bg_status status = bg_blobs_map(memory->updates, &update->blob, false, &memory->error, &back->mapping);
    if (status == BG_OK && !is_named_after(back->mapping.bytes, &update->blob))
        status = BG_BAD_DIGEST;
    if (status != BG_OK) {
        on_answer(&back->call, status, (struct bg_span){NULL, 0});
        return;
    }
    back->request = (struct bg_request){.route = BG_ROUTE_UPDATE,
                                        .peer = update->client,
                                        .body = back->mapping.bytes,
                                        .held = &back->held};
    bg_root_serve(memory->root, &back->request, &back->call);
}

static void give_back_updates(struct bg_memory *memory)
{
    struct bg_memory_return *back = memory->returned;
    memory->returned = memory->last_returned = NULL;
    memory->returning++; /* until all are on their way */
    while (back) {
        struct bg_memory_return *next = back->next;
        give_back(memory, back);
        back = next;
    }
    returned(memory);
}

/* ---- the round ---- */

static enum bg_status note_open(void *context, const struct bg_stored_round *round)
{
    struct bg_stored_round *open = context;
    if (!round->ended)
        *open = *round;
    return BG_OK;
}

static enum bg_status reopen(struct bg_memory *memory, const struct bg_stored_round *round)
{
    struct bg_writer task;
    bg_writer_init(&task);
    memory->closed = round->closed;
    memory->opened_at = round->opened_at;
    memory->round_updates = (struct bg_memory_updates){0, 0};
    enum bg_status status = bg_database_task(memory->database, round->number, &memory->error, &task);
    if (status == BG_OK)
        status = bg_root_reopen_round(memory->root, bg_writer_span(&task), &memory->error);
    bg_writer_finish(&task);
    return status == BG_OK
               ? bg_database_updates(memory->database, round->number, collect, memory, &memory->error)
               : status;
}

/* The epoch is agreed on again: release sets, then what was open. */
static void go_on(void *argument)
{
    struct bg_memory *memory = argument;
    struct bg_stored_round open = {.number = 0};
    struct bg_error *error = &memory->error;
    enum bg_status status = BG_OK;
    memory->settings.enter(memory->settings.owner);
    if (memory->checkpoint.epoch == memory->agreement.epoch)
        status = bg_checkpoint_restore_groups(memory->root, &memory->rest, error);
    if (status == BG_OK)
        status = bg_database_rounds(memory->database, bg_root_round(memory->root)->number + 1, note_open, &open, error);
    if (status == BG_OK && open.number)
        status = reopen(memory, &open);
    if (status != BG_OK || !open.number)
        end(memory, status);
    else
        give_back_updates(memory);
    memory->settings.leave(memory->settings.owner);
}

void bg_memory_observe(struct bg_memory *memory, const struct bg_root_notice *notice)
{
    if (!memory->resuming)
        return;
    if (notice->kind == BG_ROOT_NOTICE_FAILED && memory->agreement.stage == BG_AGREEMENT_ASKED) {
        end(memory, BG_OK); /* an epoch that the key holder refuses now as it would have before */
    } else if (notice->kind == BG_ROOT_NOTICE_FAILED) {
        memory->error = *notice->error;
        end(memory, notice->error->status);
    } else if (notice->kind == BG_ROOT_NOTICE_EPOCH &&
               memory->settings.post(memory->settings.owner, go_on, memory) != BG_OK) {
        bg_fail(&memory->error, BG_NO_MEMORY, "no memory to take up the last round again");
        end(memory, BG_NO_MEMORY);
    }
}

/* ---- the epoch ---- */

static void end_at_once(void *argument)
{
    end(argument, BG_OK);
}

enum bg_status bg_memory_resume(struct bg_memory *memory, struct bg_root *root, struct bg_error *error)
{
    const struct bg_agreement *agreement = &memory->agreement;
    enum bg_status status = BG_OK;
    memory->root = root;
    memory->resuming = true;
    bg_reader_init(&memory->rest, bg_writer_span(&memory->checkpoint.root));
    if (memory->checkpoint.root.size)
        status = bg_checkpoint_restore(root, agreement->epoch ? agreement->epoch - 1 : 0, &memory->rest, error);
    if (status == BG_OK && agreement->stage == BG_AGREEMENT_NONE)
        status = memory->settings.post(memory->settings.owner, end_at_once, memory);
    if (status != BG_OK || agreement->stage == BG_AGREEMENT_NONE)
        return status;
    status = bg_root_set_roster(root, agreement->clients, agreement->client_count, error);
    if (status != BG_OK)
        return status;
    memory->repeat_nonce = true;
    return bg_root_begin_epoch(root, error);
}
