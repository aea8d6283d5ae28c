/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/intake.h"

#include "crypto/digest.h"
#include "crypto/product.h"
#include "crypto/tail.h"
#include "protocol/envelope.h"
#include "wire/release.h"

#include <assert.h>
#include <stdlib.h>

/* A part of an update to be checked: the manifest, or blocks first … end−1. */
struct check {
    struct bg_work work;
    struct bg_keeping *keeping;
    size_t first, end; /* equal: the manifest */
    enum bg_status status;
    struct bg_error error;
};

struct bg_keeping {
    struct bg_intake *intake;
    struct bg_call *call;
    uint32_t group, member;
    size_t pending; /* checks */
    size_t check_count;
    struct check checks[];
};

struct fold {
    struct bg_work work;
    struct bg_intake *intake;
    uint32_t group, member;
    enum bg_status status;
};

static struct bg_work new_work(const struct bg_intake *intake, enum bg_phase phase, uint64_t units, uint32_t group,
                               void (*run)(struct bg_job *job), void (*done)(struct bg_job *job))
{
    return (struct bg_work){.job = {.run = run, .done = done},
                            .phase = phase,
                            .actor = group,
                            .round = intake->round->number,
                            .units = units};
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

/* Of a message that was refused before it said whose it is: its sender is named. */
static enum bg_status refuse_sender(struct bg_intake *intake, const struct bg_digest *sender, enum bg_status status)
{
    char hex[2 * BG_DIGEST_BYTES + 1];
    bg_digest_to_hex(sender, hex);
    return bg_fail_in(&intake->error, status, "client %s", hex);
}

/* ---- after the checks ---- */

static void drop_update(struct bg_keeping *keeping, enum bg_status status, const struct bg_error *error)
{
    struct bg_intake *intake = keeping->intake;
    struct bg_upload *upload = upload_at(intake, keeping->group, keeping->member);
    struct bg_digest client = upload->manifest.client;
    intake->busy--;
    bg_upload_finish(upload);
    refuse(intake, keeping->call, &client, status, error);
    free(keeping);
}

/* The update is good: in time, it is this side's to keep. */
static void keep_update(struct bg_keeping *keeping)
{
    struct bg_intake *intake = keeping->intake;
    const struct bg_upload *upload = upload_at(intake, keeping->group, keeping->member);
    const struct bg_manifest *manifest = &upload->manifest;
    enum bg_status status = bg_round_admit(intake->round, manifest->round, manifest->attempt, keeping->group,
                                           keeping->member, intake->now);
    if (status != BG_OK) {
        bg_fail(&intake->error, status, "update checked after the deadline of its round");
        refuse_sender(intake, &manifest->client, status);
        drop_update(keeping, status, &intake->error);
        return;
    }
    struct bg_kept_update update = {.client = manifest->client,
                                    .round = manifest->round,
                                    .attempt = manifest->attempt,
                                    .group = keeping->group,
                                    .member = keeping->member,
                                    .bytes = upload->bytes,
                                    .held = upload->held};
    bg_intake_step(intake, (struct bg_round_event){
                               .kind = BG_ROUND_KEEPING, .group = keeping->group, .member = keeping->member});
    intake->ops->keep(intake->owner, &update, keeping);
}

void bg_intake_kept(struct bg_intake *intake, struct bg_keeping *keeping, enum bg_status status)
{
    struct bg_round_event event = {
        .kind = BG_ROUND_ARRIVED, .group = keeping->group, .member = keeping->member, .status = status};
    const struct bg_digest *client = &upload_at(intake, event.group, event.member)->manifest.client;
    bool awaited = intake->round->groups[event.group].keeping >> event.member & 1;
    if (status == BG_OK && awaited) {
        /* The answer leaves first: only then is the update acknowledged, whatever comes of it. */
        intake->busy--;
        intake->ops->accepted(intake->owner, keeping->call);
        free(keeping);
        bg_intake_step(intake, event);
        return;
    }
    if (status == BG_OK)
        status = bg_fail(&intake->error, BG_TOO_LATE, "its round was given up before the update was durable");
    else
        bg_fail(&intake->error, status, "the update could not be made durable: %s", bg_status_text(status));
    refuse_sender(intake, client, status);
    drop_update(keeping, status, &intake->error);
    bg_intake_step(intake, event);
}

/* ---- checks ---- */

static struct check *check_of(struct bg_job *job)
{
    return (struct check *)((char *)job - offsetof(struct check, work.job));
}

static void run_manifest_check(struct bg_job *job)
{
    struct check *check = check_of(job);
    struct bg_intake *intake = check->keeping->intake;
    struct bg_upload *upload = upload_at(intake, check->keeping->group, check->keeping->member);
    const struct bg_roster_entry *entry = bg_roster_find(intake->roster, &upload->manifest.client);
    check->status = entry ? intake->ops->verify(intake->owner, upload, entry->public_key, &check->error)
                          : bg_fail(&check->error, BG_UNKNOWN_CLIENT, "the client has left the roster");
}

static void run_block_check(struct bg_job *job)
{
    struct check *check = check_of(job);
    struct bg_intake *intake = check->keeping->intake;
    const struct bg_upload *upload = upload_at(intake, check->keeping->group, check->keeping->member);
    check->status = bg_upload_verify_blocks(upload, intake->terms, check->first, check->end, &check->error);
}

/* The first part that is not good speaks for the update, in whatever order they were checked. */
static void check_done(struct bg_job *job)
{
    struct bg_keeping *keeping = check_of(job)->keeping;
    if (--keeping->pending)
        return;
    for (size_t i = 0; i < keeping->check_count; i++) {
        struct check *check = &keeping->checks[i];
        if (check->status != BG_OK) {
            drop_update(keeping, check->status, &check->error);
            return;
        }
    }
    keep_update(keeping);
}

/* BG_NO_MEMORY; takes the call otherwise. */
static enum bg_status queue_checks(struct bg_intake *intake, uint32_t group, uint32_t member, struct bg_call *call)
{
    size_t positions = intake->terms->shape->positions;
    size_t blocks = bg_upload_block_count(upload_at(intake, group, member));
    size_t count = 1 + (blocks + BG_INTAKE_BLOCKS - 1) / BG_INTAKE_BLOCKS;
    struct bg_keeping *keeping = calloc(1, sizeof *keeping + count * sizeof *keeping->checks);
    if (!keeping)
        return BG_NO_MEMORY;
    *keeping = (struct bg_keeping){.intake = intake,
                                   .call = call,
                                   .group = group,
                                   .member = member,
                                   .pending = count,
                                   .check_count = count};
    for (size_t i = 0; i < count; i++) {
        struct check *check = &keeping->checks[i];
        size_t first = i ? (i - 1) * BG_INTAKE_BLOCKS : 0;
        size_t end = i ? (i < count - 1 ? first + BG_INTAKE_BLOCKS : blocks) : 0;
        size_t most = (end - first) * BG_BLOCK_POSITIONS, left = positions - first * BG_BLOCK_POSITIONS;
        *check = (struct check){.keeping = keeping, .first = first, .end = end};
        check->work = new_work(intake, BG_PHASE_INTAKE, i == 0 ? positions : most < left ? most : left, group,
                               i ? run_block_check : run_manifest_check, check_done);
        bg_work_push(intake->queue, &check->work);
    }
    intake->busy++;
    return BG_OK;
}

/* ---- admission ---- */

/* Which member of which group the sender is, if it may contribute to this round now. */
static enum bg_status admit(struct bg_intake *intake, const struct bg_request *request,
                            const struct bg_manifest *manifest, uint32_t *ret_member)
{
    uint32_t place;
    char hex[2 * BG_DIGEST_BYTES + 1];
    bg_digest_to_hex(&manifest->client, hex);
    if (!bg_digest_equal(&request->peer, &manifest->client))
        return bg_fail(&intake->error, BG_REFUSED, "client %s: its update was sent by another device", hex);
    if (!bg_digest_table_find(&intake->clients, &manifest->client, &place))
        return bg_fail(&intake->error, BG_UNKNOWN_CLIENT, "client %s: not in any group of this epoch", hex);
    if (place / BG_MAX_GROUP_MEMBERS != manifest->group)
        return bg_fail(&intake->error, BG_UNKNOWN_CLIENT, "client %s: not a member of group %u", hex,
                       manifest->group);
    *ret_member = place % BG_MAX_GROUP_MEMBERS;
    enum bg_status status = intake->terms ? bg_round_admit(intake->round, manifest->round, manifest->attempt,
                                                           manifest->group, *ret_member, intake->now)
                                          : BG_WRONG_ROUND;
    if (status != BG_OK)
        return bg_fail(&intake->error, status, "client %s: update for round %llu: %s", hex,
                       (unsigned long long)manifest->round, bg_status_text(status));
    return BG_OK;
}

static enum bg_status check_plan(struct bg_intake *intake, const struct bg_frame *frame)
{
    if (!intake->terms || bg_digest_equal(&frame->plan_id, intake->terms->plan_id))
        return BG_OK;
    return bg_fail(&intake->error, BG_STALE_PLAN, "update under a plan that is not in force");
}

/* Of a member whose update is here: the manifest names every byte of it. */
static enum bg_status compare(struct bg_intake *intake, const struct bg_upload *upload, const struct bg_frame *frame,
                              uint32_t group, uint32_t member)
{
    char hex[2 * BG_DIGEST_BYTES + 1];
    if (bg_span_equal(upload->frame, frame->bytes))
        return intake->round->groups[group].arrived >> member & 1 ? BG_OK : BG_BUSY;
    bg_digest_to_hex(&upload->manifest.client, hex);
    return bg_fail(&intake->error, BG_DUPLICATE, "client %s: a second, different update for round %llu", hex,
                   (unsigned long long)upload->manifest.round);
}

void bg_intake_serve(struct bg_intake *intake, const struct bg_request *request, struct bg_call *call)
{
    struct bg_frame frame;
    struct bg_manifest manifest;
    uint32_t member = 0;
    enum bg_status status = bg_upload_read(request->body, &intake->error, &frame, &manifest);
    if (status == BG_OK)
        status = check_plan(intake, &frame);
    if (status != BG_OK)
        status = refuse_sender(intake, &request->peer, status);
    else
        status = admit(intake, request, &manifest, &member);
    if (status != BG_OK && status != BG_DUPLICATE) {
        refuse(intake, call, &request->peer, status, &intake->error);
        return;
    }
    struct bg_upload *upload = upload_at(intake, manifest.group, member);
    if (upload->bytes.size) {
        status = compare(intake, upload, &frame, manifest.group, member);
        if (status == BG_DUPLICATE)
            refuse(intake, call, &request->peer, status, &intake->error);
        else
            answer(call, status);
        return;
    }
    status = bg_upload_begin(upload, intake->terms, request->body, request->held, &frame, &manifest, &intake->error);
    if (status != BG_OK) {
        refuse(intake, call, &request->peer, status, &intake->error);
        return;
    }
    if (queue_checks(intake, manifest.group, member, call) != BG_OK) {
        bg_upload_finish(upload);
        answer(call, BG_NO_MEMORY);
    }
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

static struct fold *fold_of(struct bg_job *job)
{
    return (struct fold *)((char *)job - offsetof(struct fold, work.job));
}

static void run_fold(struct bg_job *job)
{
    struct fold *fold = fold_of(job);
    const struct bg_intake *intake = fold->intake;
    fold->status = bg_upload_fold(upload_at(intake, fold->group, fold->member), intake->terms->shape,
                                  intake->groups[fold->group].product);
}

static void report_fold(struct bg_intake *intake, uint32_t group, uint32_t member, enum bg_status status)
{
    bg_intake_step(intake, (struct bg_round_event){
                               .kind = BG_ROUND_FOLDED, .group = group, .member = member, .status = status});
}

static void fold_next(struct bg_intake *intake, uint32_t group);

static void fold_done(struct bg_job *job)
{
    struct fold done = *fold_of(job);
    struct bg_intake *intake = done.intake;
    free(fold_of(job));
    intake->busy--;
    intake->groups[done.group].folding = false;
    fold_next(intake, done.group);
    report_fold(intake, done.group, done.member, done.status);
}

/* One fold of a group at a time: they multiply into the same numbers. */
static void fold_next(struct bg_intake *intake, uint32_t group)
{
    struct bg_intake_group *g = &intake->groups[group];
    if (g->folding || !g->fold_queue)
        return;
    uint32_t member = (uint32_t)__builtin_ctzll(g->fold_queue);
    struct fold *fold = malloc(sizeof *fold);
    g->fold_queue &= g->fold_queue - 1;
    if (!fold) {
        report_fold(intake, group, member, BG_NO_MEMORY);
        return;
    }
    *fold = (struct fold){.intake = intake, .group = group, .member = member};
    fold->work = new_work(intake, BG_PHASE_FOLD, intake->terms->shape->positions, group, run_fold, fold_done);
    g->folding = true;
    intake->busy++;
    bg_work_push(intake->queue, &fold->work);
}

static void begin_fold(struct bg_intake *intake, uint32_t group, uint32_t member)
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
        manifests[m] = uploads[m]->frame;
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
            bg_write_bytes(w, uploads[m]->blocks.data, uploads[m]->blocks.size);
        status = w->status;
    }
    free(product);
    return status;
}

/* ---- events and actions ---- */

static void perform(struct bg_intake *intake, struct bg_round_action action)
{
    if (action.kind == BG_ROUND_DO_FOLD)
        begin_fold(intake, action.group, action.member);
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
    intake->actions = calloc(count + 3, sizeof *intake->actions);
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
