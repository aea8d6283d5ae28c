/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/intake.h"

#include "crypto/digest.h"
#include "crypto/product.h"
#include "crypto/tail.h"
#include "protocol/envelope.h"
#include "wire/release.h"

#include <assert.h>
#include <stdlib.h>

/* A work with what it is about. */
struct intake_work {
    struct bg_work work;
    struct bg_intake *intake;
    struct bg_call *call; /* to answer when done; NULL for a fold */
    uint32_t group, member;
    size_t block;
    enum bg_status status;
    struct bg_error error;
    void (*finish)(struct bg_intake *intake, struct intake_work *work); /* on the loop thread */
};

static struct intake_work *work_of(struct bg_job *job)
{
    return (struct intake_work *)((char *)job - offsetof(struct intake_work, work.job));
}

static void work_done(struct bg_job *job)
{
    struct intake_work *work = work_of(job);
    work->intake->busy--;
    work->finish(work->intake, work);
    free(work);
}

/* BG_NO_MEMORY gives NULL. */
static struct intake_work *queue(struct bg_intake *intake, enum bg_phase phase, uint64_t units, uint32_t group,
                                 uint32_t member, void (*run)(struct bg_job *job),
                                 void (*finish)(struct bg_intake *intake, struct intake_work *work))
{
    struct intake_work *work = calloc(1, sizeof *work);
    if (!work)
        return NULL;
    *work = (struct intake_work){.work = {.job = {.run = run, .done = work_done},
                                          .phase = phase,
                                          .actor = group,
                                          .round = intake->round->number,
                                          .units = units},
                                 .intake = intake,
                                 .group = group,
                                 .member = member,
                                 .finish = finish};
    intake->busy++;
    bg_work_push(intake->queue, &work->work);
    return work;
}

static struct bg_upload *upload_at(const struct bg_intake *intake, uint32_t group, uint32_t member)
{
    return &intake->groups[group].uploads[member];
}

static void answer(struct bg_call *call, enum bg_status status)
{
    bg_call_answer(call, status, (struct bg_span){NULL, 0});
}

static void refuse(struct bg_intake *intake, struct bg_call *call, const struct bg_digest *client,
                   enum bg_status status, const struct bg_error *error)
{
    intake->ops->refused(intake->owner, client, error);
    answer(call, status);
}

/* ---- manifests ---- */

static void run_manifest_check(struct bg_job *job)
{
    struct intake_work *work = work_of(job);
    struct bg_intake *intake = work->intake;
    struct bg_upload *upload = upload_at(intake, work->group, work->member);
    const struct bg_roster_entry *entry = bg_roster_find(intake->roster, &upload->manifest.client);
    work->status = entry ? intake->ops->verify(intake->owner, upload, entry->public_key, &work->error)
                         : bg_fail(&work->error, BG_UNKNOWN_CLIENT, "the client has left the roster");
}

static void manifest_checked(struct bg_intake *intake, struct intake_work *work)
{
    struct bg_upload *upload = upload_at(intake, work->group, work->member);
    if (work->status == BG_OK) {
        upload->verified = true;
        answer(work->call, BG_OK);
        return;
    }
    struct bg_digest client = upload->manifest.client;
    bg_upload_finish(upload);
    refuse(intake, work->call, &client, work->status, &work->error);
}

/* Of a message that was refused before it said whose it is: its sender is named. */
static enum bg_status refuse_sender(struct bg_intake *intake, const struct bg_digest *sender, enum bg_status status)
{
    char hex[2 * BG_DIGEST_BYTES + 1];
    bg_digest_to_hex(sender, hex);
    return bg_fail_in(&intake->error, status, "client %s", hex);
}

/* Which member of which group the sender is, if it may contribute to this round now. */
static enum bg_status admit(struct bg_intake *intake, const struct bg_request *request, const struct bg_digest *client,
                            uint64_t round, uint32_t attempt, uint32_t group, uint32_t *ret_member)
{
    uint32_t place;
    char hex[2 * BG_DIGEST_BYTES + 1];
    bg_digest_to_hex(client, hex);
    if (!bg_digest_equal(&request->peer, client))
        return bg_fail(&intake->error, BG_REFUSED, "client %s: its update was sent by another device", hex);
    if (!bg_digest_table_find(&intake->clients, client, &place))
        return bg_fail(&intake->error, BG_UNKNOWN_CLIENT, "client %s: not in any group of this epoch", hex);
    if (place / BG_MAX_GROUP_MEMBERS != group)
        return bg_fail(&intake->error, BG_UNKNOWN_CLIENT, "client %s: not a member of group %u", hex, group);
    *ret_member = place % BG_MAX_GROUP_MEMBERS;
    enum bg_status status = intake->terms ? bg_round_admit(intake->round, round, attempt, group, *ret_member,
                                                           intake->now)
                                          : BG_WRONG_ROUND;
    if (status != BG_OK)
        return bg_fail(&intake->error, status, "client %s: update for round %llu: %s", hex, (unsigned long long)round,
                       bg_status_text(status));
    return BG_OK;
}

static enum bg_status check_plan(struct bg_intake *intake, const struct bg_frame *frame)
{
    if (!intake->terms || bg_digest_equal(&frame->plan_id, intake->terms->plan_id))
        return BG_OK;
    return bg_fail(&intake->error, BG_STALE_PLAN, "%s under a plan that is not in force",
                   bg_frame_type_name(frame->type));
}

void bg_intake_serve_manifest(struct bg_intake *intake, const struct bg_request *request, struct bg_call *call)
{
    struct bg_frame frame;
    struct bg_manifest manifest;
    uint32_t member = 0;
    enum bg_status status = bg_frame_expect(request->body, BG_FRAME_MANIFEST, &intake->error, &frame);
    if (status == BG_OK)
        status = bg_manifest_decode(&frame, &intake->error, &manifest);
    if (status == BG_OK)
        status = check_plan(intake, &frame);
    if (status != BG_OK)
        status = refuse_sender(intake, &request->peer, status);
    else
        status = admit(intake, request, &manifest.client, manifest.round, manifest.attempt, manifest.group, &member);
    if (status != BG_OK && status != BG_DUPLICATE) {
        refuse(intake, call, &request->peer, status, &intake->error);
        return;
    }
    struct bg_upload *upload = upload_at(intake, manifest.group, member);
    bool known = upload->manifest_bytes != NULL;
    status = bg_upload_begin(upload, intake->terms, &frame, &manifest, &intake->error);
    if (status != BG_OK) {
        refuse(intake, call, &request->peer, status, &intake->error);
        return;
    }
    if (known) {
        answer(call, upload->verified ? BG_OK : BG_BUSY);
        return;
    }
    struct intake_work *work = queue(intake, BG_PHASE_INTAKE, intake->terms->shape->positions, manifest.group, member,
                                     run_manifest_check, manifest_checked);
    if (!work) {
        bg_upload_finish(upload);
        answer(call, BG_NO_MEMORY);
        return;
    }
    work->call = call;
}

/* ---- blocks ---- */

static void run_block_check(struct bg_job *job)
{
    struct intake_work *work = work_of(job);
    struct bg_intake *intake = work->intake;
    work->status = bg_upload_verify_block(upload_at(intake, work->group, work->member), intake->terms, work->block,
                                          &work->error);
}

static void block_checked(struct bg_intake *intake, struct intake_work *work)
{
    struct bg_upload *upload = upload_at(intake, work->group, work->member);
    const struct bg_manifest *manifest = &upload->manifest;
    bg_upload_settle_block(upload, work->block, work->status == BG_OK);
    if (work->status != BG_OK) {
        refuse(intake, work->call, &manifest->client, work->status, &work->error);
        return;
    }
    if (!bg_upload_complete(upload)) {
        answer(work->call, BG_OK);
        return;
    }
    enum bg_status status = bg_round_admit(intake->round, manifest->round, manifest->attempt, work->group,
                                           work->member, intake->now);
    if (status != BG_OK) {
        bg_fail(&intake->error, status, "update complete after the deadline of its round");
        refuse_sender(intake, &manifest->client, status);
        refuse(intake, work->call, &manifest->client, status, &intake->error);
        return;
    }
    /* The answer leaves first: it is what makes the update this side's to keep. */
    intake->ops->accepted(intake->owner, work->call);
    bg_intake_step(intake, (struct bg_round_event){
                               .kind = BG_ROUND_ARRIVED, .group = work->group, .member = work->member});
}

void bg_intake_serve_block(struct bg_intake *intake, const struct bg_request *request, struct bg_call *call)
{
    struct bg_frame frame;
    struct bg_block block;
    uint32_t member = 0;
    bool news = false;
    enum bg_status status = bg_frame_expect(request->body, BG_FRAME_BLOCK, &intake->error, &frame);
    if (status == BG_OK)
        status = bg_block_decode(&frame, &intake->error, &block);
    if (status == BG_OK)
        status = check_plan(intake, &frame);
    if (status != BG_OK)
        status = refuse_sender(intake, &request->peer, status);
    else
        status = admit(intake, request, &block.client, block.round, block.attempt, block.group, &member);
    if (status == BG_OK || status == BG_DUPLICATE) {
        struct bg_upload *upload = upload_at(intake, block.group, member);
        status = bg_upload_place(upload, intake->terms, &block, &intake->error, &news);
        if (status == BG_OK && !news) {
            answer(call, upload->block_states[block.index] == BG_BLOCK_GOOD ? BG_OK : BG_BUSY);
            return;
        }
    }
    if (status != BG_OK) {
        refuse(intake, call, &request->peer, status, &intake->error);
        return;
    }
    struct intake_work *work =
        queue(intake, BG_PHASE_INTAKE, block.positions, block.group, member, run_block_check, block_checked);
    if (!work) {
        bg_upload_settle_block(upload_at(intake, block.group, member), block.index, false);
        answer(call, BG_NO_MEMORY);
        return;
    }
    work->call = call;
    work->block = block.index;
}

bool bg_intake_wants(const struct bg_intake *intake, const struct bg_digest *client)
{
    uint32_t place;
    const struct bg_round *round = intake->round;
    return intake->terms && round->state == BG_ROUND_OPEN && bg_digest_table_find(&intake->clients, client, &place) &&
           bg_round_admit(round, round->number, round->attempt, place / BG_MAX_GROUP_MEMBERS,
                          place % BG_MAX_GROUP_MEMBERS, intake->now) == BG_OK;
}

/* ---- folds ---- */

static void run_fold(struct bg_job *job)
{
    struct intake_work *work = work_of(job);
    struct bg_intake *intake = work->intake;
    const struct bg_shape *shape = intake->terms->shape;
    struct bg_span payload = {upload_at(intake, work->group, work->member)->payload,
                              shape->positions * shape->position_bytes};
    work->status = bg_product_multiply(intake->groups[work->group].product, 0, shape->positions, payload);
}

static void report_fold(struct bg_intake *intake, uint32_t group, uint32_t member, enum bg_status status)
{
    bg_intake_step(intake, (struct bg_round_event){
                               .kind = BG_ROUND_FOLDED, .group = group, .member = member, .status = status});
}

static void fold_next(struct bg_intake *intake, uint32_t group);

static void folded(struct bg_intake *intake, struct intake_work *work)
{
    intake->groups[work->group].folding = false;
    fold_next(intake, work->group);
    report_fold(intake, work->group, work->member, work->status);
}

/* One fold of a group at a time: they multiply into the same numbers. */
static void fold_next(struct bg_intake *intake, uint32_t group)
{
    struct bg_intake_group *g = &intake->groups[group];
    if (g->folding || !g->fold_queue)
        return;
    uint32_t member = (uint32_t)__builtin_ctzll(g->fold_queue);
    g->fold_queue &= g->fold_queue - 1;
    g->folding = queue(intake, BG_PHASE_FOLD, intake->terms->shape->positions, group, member, run_fold, folded);
    if (!g->folding)
        report_fold(intake, group, member, BG_NO_MEMORY);
}

static void fold(struct bg_intake *intake, uint32_t group, uint32_t member)
{
    struct bg_intake_group *g = &intake->groups[group];
    const struct bg_upload_terms *terms = intake->terms;
    enum bg_status status = BG_OK;
    if (terms->shape->encryption == BG_PLAN_OFF) {
        /* Plain vectors are added in member order when the group is complete. */
        report_fold(intake, group, member, BG_OK);
        return;
    }
    if (!g->product || bg_product_positions(g->product) != terms->shape->positions) {
        struct bg_cipher cipher = bg_upload_cipher(terms);
        bg_product_destroy(&g->product);
        status = bg_product_create(&cipher, terms->shape->positions, &g->product);
    }
    if (status != BG_OK) {
        report_fold(intake, group, member, status);
        return;
    }
    g->fold_queue |= (uint64_t)1 << member;
    fold_next(intake, group);
}

/* ---- releases ---- */

uint32_t bg_intake_uploads(const struct bg_intake *intake, uint32_t group, uint64_t members,
                           const struct bg_upload *ret_uploads[static BG_MAX_GROUP_MEMBERS])
{
    uint32_t count = 0;
    for (uint32_t m = 0; m < intake->groups[group].member_count; m++)
        if (members >> m & 1)
            ret_uploads[count++] = upload_at(intake, group, m);
    return count;
}

static void write_blocks(const struct bg_upload_terms *terms, const struct bg_upload *upload, struct bg_writer *w)
{
    for (size_t b = 0; b < upload->blocks; b++) {
        struct bg_block block = bg_upload_block(upload, terms->shape, b);
        bg_block_encode(w, &terms->plan->key.population, terms->plan_id, &block);
    }
}

enum bg_status bg_intake_write_release(const struct bg_intake *intake, uint32_t group, uint64_t members,
                                       struct bg_writer *w, struct bg_digest *ret_manifests,
                                       struct bg_digest *ret_product)
{
    const struct bg_upload_terms *terms = intake->terms;
    const struct bg_upload *uploads[BG_MAX_GROUP_MEMBERS];
    struct bg_span manifests[BG_MAX_GROUP_MEMBERS];
    uint32_t count = bg_intake_uploads(intake, group, members, uploads);
    size_t positions = terms->shape->positions;
    uint8_t *product = malloc(positions * terms->shape->position_bytes);
    if (!product)
        return BG_NO_MEMORY;
    for (uint32_t m = 0; m < count; m++)
        manifests[m] = (struct bg_span){uploads[m]->manifest_bytes, uploads[m]->manifest_size};
    struct bg_release release = {.round = terms->task->round,
                                 .attempt = terms->task->attempt,
                                 .epoch = terms->task->epoch,
                                 .group = group,
                                 .member_count = count,
                                 .manifests = manifests,
                                 .positions = positions,
                                 .product = {product, bg_shape_payload_bytes(terms->shape, 0, positions)}};
    enum bg_status status = bg_product_write(intake->groups[group].product, 0, positions, product);
    if (status == BG_OK) {
        struct bg_cipher cipher = bg_upload_cipher(terms);
        bg_tail_cut(&cipher, terms->shape->tail_lacks, product, positions);
        *ret_manifests = bg_manifests_digest(manifests, count);
        bg_sha256(release.product, ret_product);
        bg_release_encode(w, &terms->plan->key.population, terms->plan_id, &release);
        for (uint32_t m = 0; m < count; m++)
            write_blocks(terms, uploads[m], w);
        status = w->status;
    }
    free(product);
    return status;
}

/* ---- events and actions ---- */

static void perform(struct bg_intake *intake, struct bg_round_action action)
{
    if (action.kind == BG_ROUND_DO_FOLD)
        fold(intake, action.group, action.member);
    else
        intake->ops->perform(intake->owner, action);
}

/* Each member once, whether its update came here or was opened elsewhere. */
static void note_arrivals(struct bg_intake *intake, const struct bg_round_event *event)
{
    uint64_t members = 0;
    if (event->kind == BG_ROUND_ARRIVED)
        members = (uint64_t)1 << event->member;
    else if (event->kind == BG_ROUND_REPORTED && event->status == BG_OK)
        members = event->members;
    if (!members)
        return;
    struct bg_intake_group *group = &intake->groups[event->group];
    for (members &= ~group->timed, group->timed |= members; members; members &= members - 1)
        intake->arrivals[intake->arrival_count++] = intake->now;
}

void bg_intake_step(struct bg_intake *intake, struct bg_round_event event)
{
    size_t capacity = BG_INTAKE_EVENTS(intake->group_count);
    if (!intake->events)
        return;
    assert(intake->event_count < capacity);
    intake->events[(intake->first_event + intake->event_count++) % capacity] = event;
    if (intake->stepping)
        return;
    intake->stepping = true;
    while (intake->event_count) {
        struct bg_round_actions actions = {.items = intake->actions};
        struct bg_round_event next = intake->events[intake->first_event];
        intake->first_event = (intake->first_event + 1) % capacity;
        intake->event_count--;
        if (bg_round_step(intake->round, &next, intake->now, &actions) != BG_OK)
            continue;
        note_arrivals(intake, &next);
        for (size_t i = 0; i < actions.count; i++)
            perform(intake, actions.items[i]);
    }
    intake->stepping = false;
}

/* ---- epochs and rounds ---- */

void bg_intake_init(struct bg_intake *intake, const struct bg_intake_ops *ops, void *owner,
                    struct bg_work_queue *queue_of_owner, struct bg_round *round)
{
    *intake = (struct bg_intake){.ops = ops, .owner = owner, .queue = queue_of_owner, .round = round};
}

static enum bg_status make_groups(struct bg_intake *intake, const struct bg_groups *groups, uint32_t *sizes)
{
    for (size_t g = 0; g < groups->count; g++) {
        const struct bg_group *group = &groups->groups[g];
        struct bg_upload *uploads = calloc(group->member_count, sizeof *uploads);
        if (!uploads)
            return BG_NO_MEMORY;
        sizes[g] = group->member_count;
        intake->groups[g] = (struct bg_intake_group){.member_count = group->member_count, .uploads = uploads};
        intake->group_count = g + 1;
        for (uint32_t m = 0; m < group->member_count; m++) {
            enum bg_status status = bg_digest_table_put(&intake->clients, &group->members[m],
                                                        (uint32_t)g * BG_MAX_GROUP_MEMBERS + m);
            if (status != BG_OK)
                return status;
        }
    }
    return BG_OK;
}

enum bg_status bg_intake_begin_epoch(struct bg_intake *intake, const struct bg_round_rules *rules,
                                     const struct bg_groups *groups, const struct bg_roster *roster, uint64_t seed)
{
    size_t count = groups->count;
    uint32_t *sizes = calloc(count, sizeof *sizes);
    intake->groups = calloc(count, sizeof *intake->groups);
    intake->round_groups = calloc(count, sizeof *intake->round_groups);
    intake->actions = calloc(count + 2, sizeof *intake->actions);
    intake->events = calloc(BG_INTAKE_EVENTS(count), sizeof *intake->events);
    intake->arrivals = calloc(roster->count ? roster->count : 1, sizeof *intake->arrivals);
    intake->roster = roster;
    bg_digest_table_init(&intake->clients, seed);
    enum bg_status status = BG_NO_MEMORY;
    if (sizes && intake->groups && intake->round_groups && intake->actions && intake->events && intake->arrivals)
        status = make_groups(intake, groups, sizes);
    if (status == BG_OK)
        bg_round_begin_epoch(intake->round, rules, intake->round_groups, sizes, count);
    free(sizes);
    return status;
}

void bg_intake_end_epoch(struct bg_intake *intake)
{
    assert(!intake->busy && !intake->stepping);
    bg_intake_end_round(intake);
    for (size_t g = 0; g < intake->group_count; g++) {
        free(intake->groups[g].uploads);
        bg_product_destroy(&intake->groups[g].product);
    }
    free(intake->groups);
    free(intake->round_groups);
    free(intake->actions);
    free(intake->events);
    free(intake->arrivals);
    bg_digest_table_finish(&intake->clients);
    bg_intake_init(intake, intake->ops, intake->owner, intake->queue, intake->round);
}

void bg_intake_begin_round(struct bg_intake *intake, const struct bg_upload_terms *terms)
{
    intake->terms = terms;
    intake->arrival_count = 0;
}

void bg_intake_end_round(struct bg_intake *intake)
{
    assert(!intake->busy);
    for (size_t g = 0; g < intake->group_count; g++) {
        struct bg_intake_group *group = &intake->groups[g];
        for (uint32_t m = 0; m < group->member_count; m++)
            bg_upload_finish(&group->uploads[m]);
        if (group->product)
            bg_product_reset(group->product);
        group->fold_queue = group->timed = 0;
    }
    intake->terms = NULL;
}
