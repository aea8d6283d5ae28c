/* SPDX-License-Identifier: Apache-2.0 */
/* What root and key holder publish: asked of the parent once, checked, kept, handed on; and the way to a new round. */
#include "aggregator/edge_state.h"
#include "crypto/digest.h"

#include <stdlib.h>

static void answer(struct bg_call *call, enum bg_status status)
{
    bg_call_answer(call, status, (struct bg_span){NULL, 0});
}

/* BG_NO_MEMORY. */
static enum bg_status wait_for(struct bg_edge_waiter **waiters, const struct bg_request *request, struct bg_call *call)
{
    struct bg_edge_waiter *waiter = malloc(sizeof *waiter);
    if (!waiter)
        return BG_NO_MEMORY;
    *waiter = (struct bg_edge_waiter){call, request->peer, *waiters};
    *waiters = waiter;
    return BG_OK;
}

/* ---- "not yet" ---- */

static void deny(struct bg_edge *edge, struct bg_edge_denial *denial, uint64_t round, enum bg_status status,
                 struct bg_span reply)
{
    bg_document_finish(&denial->reply);
    denial->until = edge->now + edge->settings.fresh_ns;
    denial->round = round;
    denial->status = status;
    if (status == BG_OK && bg_document_init(&denial->reply, reply) != BG_OK)
        denial->status = BG_BUSY;
}

/* The window in which the parent wants to be asked again, in the place of a document. */
static bool is_window(struct bg_span reply)
{
    struct bg_frame frame;
    return bg_frame_expect(reply, BG_FRAME_PACE, NULL, &frame) == BG_OK;
}

static void answer_denial(const struct bg_edge_denial *denial, struct bg_call *call)
{
    bg_call_answer(call, denial->status, bg_document_span(&denial->reply));
}

/* ---- the task, and the way to its round ---- */

static bool is_child(const struct bg_edge *edge, const struct bg_digest *peer)
{
    for (size_t i = 0; i < edge->settings.child_count; i++)
        if (bg_digest_equal(&edge->settings.children[i], peer))
            return true;
    return false;
}

/* Clients that can contribute are given the task, edges below while the round is open; all others what the parent had
 * to say. */
static void answer_task(struct bg_edge *edge, const struct bg_digest *peer, struct bg_call *call)
{
    if (bg_intake_wants(&edge->intake, peer) || (edge->round.state == BG_ROUND_OPEN && is_child(edge, peer)))
        bg_call_answer(call, BG_OK, bg_document_span(&edge->task.document));
    else
        answer_denial(&edge->no_task, call);
}

static void forget_next(struct bg_edge *edge)
{
    bg_trusted_task_finish(&edge->next_task);
    if (edge->next_has_plan)
        bg_trusted_plan_finish(&edge->next_plan);
    bg_document_finish(&edge->next_groups_document);
    edge->next_has_plan = false;
}

/* `status` and `reply` are for those who cannot be given a task. */
static void end_sync(struct bg_edge *edge, enum bg_status status, struct bg_span reply)
{
    struct bg_edge_waiter *waiter = edge->task_waiters;
    forget_next(edge);
    edge->sync = BG_EDGE_SYNC_IDLE;
    edge->task_waiters = NULL;
    deny(edge, &edge->no_task, 0, status, reply);
    while (waiter) {
        struct bg_edge_waiter *next = waiter->next;
        answer_task(edge, &waiter->peer, waiter->call);
        free(waiter);
        waiter = next;
    }
}

static void distrust(struct bg_edge *edge)
{
    bg_edge_fail(edge);
    end_sync(edge, BG_NOT_FOUND, (struct bg_span){NULL, 0});
}

static struct bg_trusted_receipt *receipt_of(struct bg_edge *edge, uint64_t round)
{
    struct bg_trusted_receipt *receipt = &edge->receipts[round % BG_EDGE_RECEIPTS];
    return receipt->document.bytes && receipt->receipt.round == round ? receipt : NULL;
}

static void take_receipt(struct bg_edge *edge, struct bg_trusted_receipt *fresh)
{
    struct bg_trusted_receipt *slot = &edge->receipts[fresh->receipt.round % BG_EDGE_RECEIPTS];
    bool known = edge->has_plan && bg_digest_equal(&fresh->plan_id, &edge->plan.id);
    bg_trusted_receipt_finish(slot);
    *slot = *fresh;
    edge->receipt_epochs[fresh->receipt.round % BG_EDGE_RECEIPTS] = known ? edge->plan.plan.key.epoch : 0;
}

static void find_receipts(struct bg_edge *edge);

static void on_old_receipt(void *context, enum bg_status status, struct bg_span reply)
{
    struct bg_edge *edge = context;
    struct bg_trusted_receipt fresh;
    /* One that cannot be had, or is no receipt, costs partial groups their turn, and nothing else. */
    if (status == BG_OK && bg_trusted_receipt_accept(&edge->settings.trust, reply, &edge->error, &fresh) == BG_OK)
        take_receipt(edge, &fresh);
    edge->next_receipt++;
    find_receipts(edge);
}

static void ask_receipt(struct bg_edge *edge, uint64_t round, bg_reply_function *on_reply, void *context)
{
    uint8_t body[8];
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (uint8_t)(round >> (8 * i));
    bg_edge_ask(edge, edge->settings.parent, BG_ROUTE_RECEIPT, (struct bg_span){body, sizeof body}, on_reply, context);
}

/* Receipts say what was opened before, whoever asked for it: the release sets of the epoch. */
static void find_receipts(struct bg_edge *edge)
{
    uint64_t round = edge->next_task.task.round;
    while (edge->next_receipt < round && receipt_of(edge, edge->next_receipt))
        edge->next_receipt++;
    if (edge->next_receipt < round) {
        ask_receipt(edge, edge->next_receipt, on_old_receipt, edge);
        return;
    }
    edge->sync = BG_EDGE_SYNC_TURNING;
    if (edge->round.state != BG_ROUND_IDLE)
        bg_intake_step(&edge->intake, (struct bg_round_event){.kind = BG_ROUND_CANCEL, .status = BG_TOO_LATE});
    bg_edge_turn(edge);
}

static void begin_receipts(struct bg_edge *edge)
{
    uint64_t round = edge->next_task.task.round;
    edge->sync = BG_EDGE_SYNC_RECEIPTS;
    edge->next_receipt = round > BG_EDGE_RECEIPTS ? round - BG_EDGE_RECEIPTS : 1;
    find_receipts(edge);
}

static void on_groups(void *context, enum bg_status status, struct bg_span reply)
{
    struct bg_edge *edge = context;
    struct bg_document *document = &edge->next_groups_document;
    if (status != BG_OK) {
        end_sync(edge, status, (struct bg_span){NULL, 0});
        return;
    }
    status = bg_document_init(document, reply);
    if (status != BG_OK)
        bg_fail(&edge->error, status, "groups: out of memory");
    else
        status = bg_trusted_groups_read(&edge->next_plan.plan, bg_document_span(document), &document->arena,
                                        &edge->error, &edge->next_groups);
    if (status == BG_OK)
        begin_receipts(edge);
    else
        distrust(edge);
}

static enum bg_status accept_plan(struct bg_edge *edge, struct bg_span reply)
{
    const struct bg_plan *plan = &edge->next_plan.plan;
    enum bg_status status = bg_trusted_plan_accept(&edge->settings.trust, reply, &edge->error, &edge->next_plan);
    if (status != BG_OK)
        return status;
    edge->next_has_plan = true;
    if (!bg_digest_equal(&edge->next_plan.id, &edge->next_task.plan_id))
        return bg_fail(&edge->error, BG_STALE_PLAN, "plan: not the one the task names");
    if (plan->key.encryption == BG_PLAN_OFF)
        return bg_fail(&edge->error, BG_UNSUPPORTED, "plan: with encryption off there is no key holder that could open "
                                                     "an edge's groups: let clients contact the root");
    return BG_OK;
}

/* The root renews its part of the plan within an epoch; the key holder's part is the epoch. */
static bool is_of_the_epoch(const struct bg_edge *edge)
{
    return edge->has_plan && bg_span_equal(edge->plan.plan.key_bytes, edge->next_plan.plan.key_bytes);
}

static void on_plan(void *context, enum bg_status status, struct bg_span reply)
{
    struct bg_edge *edge = context;
    if (status != BG_OK) {
        end_sync(edge, status, (struct bg_span){NULL, 0});
        return;
    }
    if (accept_plan(edge, reply) != BG_OK) {
        distrust(edge);
        return;
    }
    if (is_of_the_epoch(edge)) {
        begin_receipts(edge);
        return;
    }
    edge->sync = BG_EDGE_SYNC_GROUPS;
    bg_edge_ask(edge, edge->settings.parent, BG_ROUTE_GROUPS, (struct bg_span){NULL, 0}, on_groups, edge);
}

static bool is_news(const struct bg_edge *edge, const struct bg_task *task)
{
    const struct bg_task *mine = &edge->task.task;
    return !edge->has_task || task->round > mine->round ||
           (task->round == mine->round && task->attempt > mine->attempt);
}

static void on_task(void *context, enum bg_status status, struct bg_span reply)
{
    struct bg_edge *edge = context;
    if (status != BG_OK || is_window(reply)) {
        end_sync(edge, status, reply);
        return;
    }
    if (bg_trusted_task_accept(&edge->settings.trust, reply, &edge->error, &edge->next_task) != BG_OK) {
        distrust(edge);
        return;
    }
    if (!is_news(edge, &edge->next_task.task)) {
        end_sync(edge, BG_NOT_FOUND, (struct bg_span){NULL, 0});
        return;
    }
    if (edge->has_plan && bg_digest_equal(&edge->plan.id, &edge->next_task.plan_id)) {
        begin_receipts(edge);
        return;
    }
    edge->sync = BG_EDGE_SYNC_PLAN;
    bg_edge_ask(edge, edge->settings.parent, BG_ROUTE_PLAN, (struct bg_span){NULL, 0}, on_plan, edge);
}

void bg_edge_refresh(struct bg_edge *edge)
{
    if (edge->sync != BG_EDGE_SYNC_IDLE || edge->now < edge->no_task.until)
        return;
    edge->sync = BG_EDGE_SYNC_TASK;
    bg_edge_ask(edge, edge->settings.parent, BG_ROUTE_TASK, (struct bg_span){NULL, 0}, on_task, edge);
}

void bg_edge_serve_task(struct bg_edge *edge, const struct bg_request *request, struct bg_call *call)
{
    bool fresh = edge->sync == BG_EDGE_SYNC_IDLE && edge->now < edge->no_task.until;
    if (fresh || bg_intake_wants(&edge->intake, &request->peer)) {
        answer_task(edge, &request->peer, call);
        return;
    }
    if (wait_for(&edge->task_waiters, request, call) != BG_OK)
        answer(call, BG_BUSY);
    bg_edge_refresh(edge);
}

/* ---- turning to the next round ---- */

static enum bg_status adopt_plan(struct bg_edge *edge)
{
    bool same_epoch = is_of_the_epoch(edge);
    if (!same_epoch)
        bg_edge_end_epoch(edge);
    if (edge->has_plan)
        bg_trusted_plan_finish(&edge->plan);
    edge->plan = edge->next_plan;
    edge->next_has_plan = false;
    edge->has_plan = true;
    if (same_epoch)
        return BG_OK;
    bg_document_finish(&edge->groups_document);
    edge->groups_document = edge->next_groups_document;
    edge->groups = edge->next_groups;
    edge->next_groups_document = (struct bg_document){0};
    enum bg_status status = bg_edge_begin_epoch(edge);
    if (status != BG_OK) {
        bg_trusted_plan_finish(&edge->plan);
        edge->has_plan = false;
    }
    return status;
}

/* What was opened in an earlier round of the epoch: whether anything was. */
static bool recall_one(struct bg_edge *edge, const struct bg_receipt *receipt)
{
    bool any = false;
    for (size_t g = 0; g < receipt->group_count; g++) {
        const struct bg_receipt_group *group = &receipt->groups[g];
        if (!group->members || group->index >= edge->groups.count)
            continue;
        bg_round_recall(&edge->round, group->index, group->members);
        any = true;
    }
    return any;
}

static void recall(struct bg_edge *edge)
{
    uint64_t opened = 0, epoch = edge->plan.plan.key.epoch;
    for (size_t i = 0; i < BG_EDGE_RECEIPTS; i++) {
        const struct bg_trusted_receipt *receipt = &edge->receipts[i];
        if (!receipt->document.bytes)
            continue;
        if (bg_digest_equal(&receipt->plan_id, &edge->plan.id))
            edge->receipt_epochs[i] = epoch;
        if (edge->receipt_epochs[i] == epoch)
            opened += recall_one(edge, &receipt->receipt);
    }
    if (edge->round.epoch_rounds < opened)
        edge->round.epoch_rounds = opened;
}

void bg_edge_turn(struct bg_edge *edge)
{
    if (edge->sync != BG_EDGE_SYNC_TURNING || edge->intake.busy)
        return;
    enum bg_status status = BG_OK;
    bg_edge_end_round(edge);
    if (edge->next_has_plan)
        status = adopt_plan(edge);
    if (status == BG_OK) {
        recall(edge);
        bg_trusted_task_finish(&edge->task);
        edge->task = edge->next_task;
        edge->next_task = (struct bg_trusted_task){0};
        edge->has_task = true;
        status = bg_edge_begin_round(edge);
    }
    if (status != BG_OK)
        bg_edge_fail(edge);
    end_sync(edge, BG_NOT_FOUND, (struct bg_span){NULL, 0});
}

/* ---- models and receipts ---- */

static void end_pull(struct bg_edge_pull *pull, enum bg_status status, struct bg_span reply)
{
    struct bg_edge_pull **link = &pull->edge->pulls;
    struct bg_edge_waiter *waiter = pull->waiters;
    while (*link != pull)
        link = &(*link)->next;
    *link = pull->next;
    free(pull);
    while (waiter) {
        struct bg_edge_waiter *next = waiter->next;
        bg_call_answer(waiter->call, status, reply);
        free(waiter);
        waiter = next;
    }
}

/* The pull of that model or receipt with `call` waiting; begins one if there is none. NULL: joined, or no memory and
 * the call is answered. */
static struct bg_edge_pull *pull_for(struct bg_edge *edge, const struct bg_edge_pull *wanted,
                                     const struct bg_request *request, struct bg_call *call)
{
    struct bg_edge_pull *pull = edge->pulls;
    while (pull && !(pull->route == wanted->route && pull->round == wanted->round &&
                     bg_digest_equal(&pull->digest, &wanted->digest)))
        pull = pull->next;
    bool fresh = !pull;
    if (fresh) {
        pull = malloc(sizeof *pull);
        if (pull)
            *pull = *wanted;
    }
    if (!pull || wait_for(&pull->waiters, request, call) != BG_OK) {
        if (fresh)
            free(pull);
        answer(call, BG_BUSY);
        return NULL;
    }
    if (!fresh)
        return NULL;
    pull->next = edge->pulls;
    edge->pulls = pull;
    return pull;
}

static enum bg_status take_model(struct bg_edge *edge, const struct bg_digest *wanted, struct bg_span file)
{
    struct bg_digest digest;
    struct bg_document document;
    bg_sha256(file, &digest);
    if (!bg_digest_equal(&digest, wanted))
        return bg_fail(&edge->error, BG_BAD_DIGEST, "model: the parent sent another file than it was asked for");
    if (bg_document_init(&document, file) != BG_OK)
        return bg_fail(&edge->error, BG_NO_MEMORY, "model: out of memory");
    /* The model of the open round stays. */
    struct bg_edge_model *slot = &edge->models[0];
    if (edge->has_task && bg_digest_equal(&slot->digest, &edge->task.task.model))
        slot = &edge->models[1];
    bg_document_finish(&slot->file);
    *slot = (struct bg_edge_model){digest, document};
    return BG_OK;
}

static void on_model(void *context, enum bg_status status, struct bg_span reply)
{
    struct bg_edge_pull *pull = context;
    if (status == BG_OK && take_model(pull->edge, &pull->digest, reply) != BG_OK) {
        bg_edge_fail(pull->edge);
        status = BG_BUSY;
    }
    end_pull(pull, status, reply);
}

/* Only the model of a task is asked for: nobody can make this edge fetch what he likes. */
void bg_edge_serve_model(struct bg_edge *edge, const struct bg_request *request, struct bg_call *call)
{
    struct bg_edge_pull wanted = {.edge = edge, .route = BG_ROUTE_MODEL};
    struct bg_reader r;
    bg_reader_init(&r, request->body);
    wanted.digest = bg_read_digest(&r);
    if (bg_reader_end(&r) != BG_OK) {
        answer(call, BG_DECODE);
        return;
    }
    for (size_t i = 0; i < BG_EDGE_MODELS; i++)
        if (edge->models[i].file.bytes && bg_digest_equal(&edge->models[i].digest, &wanted.digest)) {
            bg_call_answer(call, BG_OK, bg_document_span(&edge->models[i].file));
            return;
        }
    if (!edge->has_task || !bg_digest_equal(&edge->task.task.model, &wanted.digest)) {
        answer(call, BG_NOT_FOUND);
        return;
    }
    struct bg_edge_pull *pull = pull_for(edge, &wanted, request, call);
    if (pull)
        bg_edge_ask(edge, edge->settings.parent, BG_ROUTE_MODEL, request->body, on_model, pull);
}

/* What the parent says is the receipt that was asked for. */
static enum bg_status accept_receipt(struct bg_edge *edge, uint64_t round, struct bg_span reply)
{
    struct bg_trusted_receipt fresh;
    enum bg_status status = bg_trusted_receipt_accept(&edge->settings.trust, reply, &edge->error, &fresh);
    if (status != BG_OK)
        return status;
    if (fresh.receipt.round != round) {
        bg_trusted_receipt_finish(&fresh);
        return bg_fail(&edge->error, BG_WRONG_ROUND, "receipt: of another round than was asked for");
    }
    take_receipt(edge, &fresh);
    return BG_OK;
}

static void on_receipt(void *context, enum bg_status status, struct bg_span reply)
{
    struct bg_edge_pull *pull = context;
    struct bg_edge *edge = pull->edge;
    uint64_t round = pull->round;
    if (status != BG_OK || is_window(reply)) {
        deny(edge, &edge->no_receipt, round, status, reply);
        end_pull(pull, status, reply);
        return;
    }
    status = accept_receipt(edge, round, reply);
    if (status != BG_OK)
        bg_edge_fail(edge);
    else if (edge->has_task && round == edge->task.task.round && edge->round.state != BG_ROUND_IDLE)
        bg_intake_step(&edge->intake, (struct bg_round_event){.kind = BG_ROUND_CANCEL, .status = BG_TOO_LATE});
    end_pull(pull, status == BG_OK ? BG_OK : BG_BUSY, reply);
}

void bg_edge_answer_accepted(struct bg_edge *edge, struct bg_call *call)
{
    const struct bg_edge_denial *denial = &edge->no_receipt;
    bool current = denial->round == edge->task.task.round && denial->status == BG_OK;
    bg_call_answer(call, BG_OK, current ? bg_document_span(&denial->reply) : (struct bg_span){NULL, 0});
}

void bg_edge_serve_receipt(struct bg_edge *edge, const struct bg_request *request, struct bg_call *call)
{
    struct bg_edge_pull wanted = {.edge = edge, .route = BG_ROUTE_RECEIPT};
    struct bg_reader r;
    bg_reader_init(&r, request->body);
    wanted.round = bg_read_u64(&r);
    if (bg_reader_end(&r) != BG_OK) {
        answer(call, BG_DECODE);
        return;
    }
    const struct bg_trusted_receipt *receipt = receipt_of(edge, wanted.round);
    if (receipt) {
        bg_call_answer(call, BG_OK, bg_document_span(&receipt->document));
        return;
    }
    if (edge->no_receipt.round == wanted.round && edge->now < edge->no_receipt.until) {
        answer_denial(&edge->no_receipt, call);
        return;
    }
    struct bg_edge_pull *pull = pull_for(edge, &wanted, request, call);
    if (pull)
        ask_receipt(edge, pull->round, on_receipt, pull);
}

void bg_edge_documents_finish(struct bg_edge *edge)
{
    forget_next(edge);
    if (edge->has_plan)
        bg_trusted_plan_finish(&edge->plan);
    bg_trusted_task_finish(&edge->task);
    bg_document_finish(&edge->groups_document);
    bg_document_finish(&edge->no_task.reply);
    bg_document_finish(&edge->no_receipt.reply);
    for (size_t i = 0; i < BG_EDGE_MODELS; i++)
        bg_document_finish(&edge->models[i].file);
    for (size_t i = 0; i < BG_EDGE_RECEIPTS; i++)
        bg_trusted_receipt_finish(&edge->receipts[i]);
}
