/* SPDX-License-Identifier: Apache-2.0 */
/* The two documents of a root's agreement and checkpoint, and the transport that remembers the key holder's answers. */
#include "aggregator/memory_state.h"
#include "aggregator/roster_list.h"
#include "crypto/digest.h"
#include "wire/epoch.h"
#include "wire/release.h"

#include <stdlib.h>
#include <string.h>

#define DOCUMENT_LIMIT ((size_t)1 << 31)

/* ---- documents ---- */

enum bg_status bg_agreement_write(struct bg_database *database, const struct bg_agreement *agreement,
                                  struct bg_error *error)
{
    struct bg_writer w;
    bg_writer_init(&w);
    bg_write_u64(&w, agreement->epoch);
    bg_write_u8(&w, (uint8_t)agreement->stage);
    bg_write_digest(&w, &agreement->nonce);
    bg_write_digest(&w, &agreement->commitment);
    bg_roster_entries_write(&w, agreement->clients, agreement->client_count);
    bg_write_u64(&w, agreement->answer.size);
    bg_write_bytes(&w, agreement->answer.data, agreement->answer.size);
    enum bg_status status = w.status == BG_OK
                                ? bg_database_set_document(database, "agreement", bg_writer_span(&w), error)
                                : bg_fail(error, w.status, "agreement: out of memory");
    bg_writer_finish(&w);
    return status;
}

/* The document, to be finished; what is wrong with it is damage, since it was written here. */
static enum bg_status fail_document(const char *name, enum bg_status status, struct bg_error *error)
{
    if (status == BG_NO_MEMORY)
        return bg_fail(error, status, "%s: out of memory", name);
    return bg_fail(error, BG_BAD_DIGEST, "state.db: the %s in it is damaged: restore the folder from a backup", name);
}

enum bg_status bg_agreement_read(struct bg_database *database, struct bg_error *error,
                                 struct bg_agreement *ret_agreement)
{
    struct bg_agreement agreement = {.epoch = 0};
    struct bg_writer document;
    struct bg_reader r;
    bg_writer_init(&document);
    bg_writer_init(&agreement.answer);
    enum bg_status status = bg_database_document(database, "agreement", error, &document);
    if (status != BG_OK)
        return status;
    bg_reader_init(&r, bg_writer_span(&document));
    agreement.epoch = bg_read_u64(&r);
    agreement.stage = (enum bg_agreement_stage)bg_read_u8(&r);
    agreement.nonce = bg_read_digest(&r);
    agreement.commitment = bg_read_digest(&r);
    bg_roster_entries_read(&r, &agreement.clients, &agreement.client_count);
    struct bg_span answer = bg_read_span(&r, bg_read_count(&r, DOCUMENT_LIMIT, 1));
    bg_write_bytes(&agreement.answer, answer.data, answer.size);
    status = bg_reader_end(&r);
    if (status == BG_OK)
        status = agreement.answer.status;
    if (status == BG_OK && (agreement.stage > BG_AGREEMENT_MADE ||
                            (agreement.epoch == 0) != (agreement.stage == BG_AGREEMENT_NONE)))
        status = BG_DECODE;
    bg_writer_finish(&document);
    if (status != BG_OK) {
        bg_agreement_finish(&agreement);
        return fail_document("agreement", status, error);
    }
    *ret_agreement = agreement;
    return BG_OK;
}

void bg_agreement_finish(struct bg_agreement *agreement)
{
    free(agreement->clients);
    bg_writer_finish(&agreement->answer);
    agreement->clients = NULL;
    agreement->client_count = 0;
}

enum bg_status bg_checkpoint_keep(struct bg_database *database, const struct bg_checkpoint *checkpoint,
                                  struct bg_error *error)
{
    struct bg_writer w;
    bg_writer_init(&w);
    bg_write_u64(&w, checkpoint->epoch);
    bg_write_u64(&w, checkpoint->model_round);
    bg_write_digest(&w, &checkpoint->model);
    bg_write_bytes(&w, checkpoint->root.data, checkpoint->root.size);
    enum bg_status status = w.status == BG_OK
                                ? bg_database_set_document(database, "checkpoint", bg_writer_span(&w), error)
                                : bg_fail(error, w.status, "checkpoint: out of memory");
    bg_writer_finish(&w);
    return status;
}

enum bg_status bg_checkpoint_recall(struct bg_database *database, struct bg_error *error,
                                    struct bg_checkpoint *ret_checkpoint)
{
    struct bg_checkpoint checkpoint = {.epoch = 0};
    struct bg_writer document;
    struct bg_reader r;
    bg_writer_init(&document);
    bg_writer_init(&checkpoint.root);
    enum bg_status status = bg_database_document(database, "checkpoint", error, &document);
    if (status != BG_OK)
        return status;
    bg_reader_init(&r, bg_writer_span(&document));
    checkpoint.epoch = bg_read_u64(&r);
    checkpoint.model_round = bg_read_u64(&r);
    checkpoint.model = bg_read_digest(&r);
    struct bg_span rest = bg_read_span(&r, r.size - r.offset);
    bg_write_bytes(&checkpoint.root, rest.data, rest.size);
    status = bg_reader_end(&r);
    if (status == BG_OK)
        status = checkpoint.root.status;
    bg_writer_finish(&document);
    if (status != BG_OK) {
        bg_writer_finish(&checkpoint.root);
        return fail_document("checkpoint", status, error);
    }
    *ret_checkpoint = checkpoint;
    return BG_OK;
}

/* ---- the transport ---- */

static void unlink_recalled(struct bg_recalled *recalled)
{
    struct bg_recalled **place = &recalled->memory->recalled;
    while (*place != recalled)
        place = &(*place)->next;
    *place = recalled->next;
}

static void deliver(void *argument)
{
    struct bg_recalled *recalled = argument;
    unlink_recalled(recalled);
    recalled->on_reply(recalled->context, BG_OK, bg_writer_span(&recalled->reply));
    bg_writer_finish(&recalled->reply);
    free(recalled);
}

void bg_recalled_finish(struct bg_memory *memory)
{
    for (struct bg_recalled *recalled = memory->recalled, *next; recalled; recalled = next) {
        next = recalled->next;
        bg_writer_finish(&recalled->reply);
        free(recalled);
    }
    memory->recalled = NULL;
}

/* Takes the reply. */
static enum bg_status answer_later(struct bg_memory *memory, struct bg_writer *reply, bg_reply_function *on_reply,
                                   void *context)
{
    struct bg_recalled *recalled = malloc(sizeof *recalled);
    if (!recalled) {
        bg_writer_finish(reply);
        return BG_NO_MEMORY;
    }
    *recalled = (struct bg_recalled){memory->recalled, memory, on_reply, context, *reply};
    memory->recalled = recalled;
    enum bg_status status = memory->settings.post(memory->settings.owner, deliver, recalled);
    if (status != BG_OK) {
        unlink_recalled(recalled);
        bg_writer_finish(&recalled->reply);
        free(recalled);
    }
    return status;
}

/* Which group's sums the request is for; false if that cannot be read. */
static bool asked_group(const struct bg_request *request, uint64_t *ret_round, uint32_t *ret_group)
{
    struct bg_frame frame;
    struct bg_span blocks;
    struct bg_release release;
    struct bg_record record;
    struct bg_arena arena;
    if (request->route == BG_ROUTE_SUMS) {
        if (bg_record_decode(request->body, &record) != BG_OK)
            return false;
        *ret_round = record.round;
        *ret_group = record.group;
        return true;
    }
    bg_arena_init(&arena, SIZE_MAX);
    bool good = bg_frame_decode(request->body, NULL, &frame, &blocks) == BG_OK &&
                bg_release_decode(&frame, &arena, NULL, &release) == BG_OK;
    if (good) {
        *ret_round = release.round;
        *ret_group = release.group;
    }
    bg_arena_finish(&arena);
    return good;
}

/* Whether it is the request that the agreement was made with. */
static bool is_agreed(const struct bg_memory *memory, const struct bg_request *request)
{
    struct bg_frame frame;
    struct bg_epoch_request epoch;
    return memory->agreement.stage == BG_AGREEMENT_MADE &&
           bg_frame_expect(request->body, BG_FRAME_EPOCH_REQUEST, NULL, &frame) == BG_OK &&
           bg_epoch_request_decode(&frame, NULL, &epoch) == BG_OK && epoch.epoch == memory->agreement.epoch &&
           bg_digest_equal(&epoch.nonce, &memory->agreement.nonce);
}

/* The kept answer, appended; BG_NOT_FOUND: none. */
static enum bg_status recall(struct bg_memory *memory, const struct bg_request *request, struct bg_writer *reply)
{
    uint64_t round;
    uint32_t group;
    struct bg_digest plan;
    switch (request->route) {
    case BG_ROUTE_EPOCH:
        if (!is_agreed(memory, request))
            return BG_NOT_FOUND;
        bg_write_bytes(reply, memory->agreement.answer.data, memory->agreement.answer.size);
        return reply->status;
    case BG_ROUTE_SIGNED_PLAN:
        bg_sha256(request->body, &plan);
        return bg_digest_equal(&plan, &memory->plan) ? BG_OK : BG_NOT_FOUND;
    case BG_ROUTE_RELEASE:
    case BG_ROUTE_SUMS:
        if (!asked_group(request, &round, &group))
            return BG_NOT_FOUND;
        return bg_database_sums(memory->database, round, group, &memory->error, reply);
    default:
        return BG_NOT_FOUND;
    }
}

/* A plan on its way to the key holder. */
struct plan_passage {
    struct bg_memory *memory;
    struct bg_digest plan;
    bg_reply_function *on_reply;
    void *context;
};

/* That it was accepted spares a question at the next start; if it cannot be kept, it will be asked again. */
static void on_plan_answered(void *context, enum bg_status status, struct bg_span reply)
{
    struct plan_passage passage = *(struct plan_passage *)context;
    struct bg_memory *memory = passage.memory;
    struct bg_span digest = {passage.plan.bytes, BG_DIGEST_BYTES};
    free(context);
    if (status == BG_OK && bg_database_set_document(memory->database, "plan", digest, &memory->error) == BG_OK)
        memory->plan = passage.plan;
    passage.on_reply(passage.context, status, reply);
}

static enum bg_status send_plan(struct bg_memory *memory, const struct bg_request *request,
                                bg_reply_function *on_reply, void *context)
{
    struct plan_passage *passage = malloc(sizeof *passage);
    if (!passage)
        return BG_NO_MEMORY;
    *passage = (struct plan_passage){.memory = memory, .on_reply = on_reply, .context = context};
    bg_sha256(request->body, &passage->plan);
    enum bg_status status = bg_transport_send(memory->settings.key_holder, request, on_plan_answered, passage);
    if (status != BG_OK)
        free(passage);
    return status;
}

static enum bg_status send(struct bg_transport *transport, const struct bg_request *request,
                           bg_reply_function *on_reply, void *context)
{
    struct bg_memory *memory = (struct bg_memory *)((char *)transport - offsetof(struct bg_memory, transport));
    struct bg_writer reply;
    bg_writer_init(&reply);
    enum bg_status status = recall(memory, request, &reply);
    if (status == BG_OK)
        return answer_later(memory, &reply, on_reply, context);
    bg_writer_finish(&reply);
    if (status != BG_NOT_FOUND)
        return status;
    return request->route == BG_ROUTE_SIGNED_PLAN
               ? send_plan(memory, request, on_reply, context)
               : bg_transport_send(memory->settings.key_holder, request, on_reply, context);
}

struct bg_transport *bg_memory_transport(struct bg_memory *memory)
{
    static const struct bg_transport_ops ops = {.send = send};
    memory->transport.ops = &ops;
    return &memory->transport;
}
