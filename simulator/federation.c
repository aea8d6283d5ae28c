/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/federation.h"

#include "aggregator/intake.h"
#include "crypto/secret_key.h"
#include "simulator/federation_state.h"
#include "wire/manifest.h"

#include <stdlib.h>
#include <string.h>

#define KEY_HOLDER_LATENCY_NS BG_MILLISECOND
#define KEY_HOLDER_NS_PER_BYTE 8 /* 1 Gbit/s */

#define MARKS_BESIDES_BLOCKS 16 /* of a client: its work, its update, five documents, its part of its group's */
#define MARKS_MOST ((size_t)1 << 20)

const double bg_arrival_shares[BG_ARRIVAL_SHARES] = {0.5, 0.95, 1};

/* ---- what the world costs ---- */

uint64_t bg_federation_work_cost(const struct bg_actor *actor, const struct bg_work *work)
{
    const struct bg_simulator_config *c = actor->context;
    const double ns_per_unit[BG_PHASE_COUNT] = {
        [BG_PHASE_TRAINING] = c->cost_training_ns,         [BG_PHASE_ENCODING] = c->cost_encoding_ns,
        [BG_PHASE_ENCRYPTION] = 1e3 * c->cost_encryption_us, [BG_PHASE_INTAKE] = 1e3 * c->cost_intake_us,
        [BG_PHASE_FOLD] = 1e3 * c->cost_fold_us,           [BG_PHASE_OPENING] = 1e3 * c->cost_opening_us,
        [BG_PHASE_AGGREGATION] = c->cost_aggregation_ns,   [BG_PHASE_MASKS] = 1e3 * c->cost_encryption_us,
    };
    return (uint64_t)(ns_per_unit[work->phase] * (double)work->units);
}

/* What is big on a client's link: the update on its way up, documents on their way down. */
void bg_federation_mark_message(struct bg_federation *f, const struct bg_request *request, size_t bytes, bool upward,
                                uint64_t delay_ns)
{
    uint32_t place;
    bool update = request->route == BG_ROUTE_UPDATE;
    uint64_t now = bg_world_now(f->world);
    if (!f->marks.capacity || !bytes || update != upward || !bg_digest_table_find(&f->places, &request->peer, &place))
        return;
    bg_phase_ring_add(&f->marks, (struct bg_phase_mark){.round = f->rounds_opened,
                                                        .begin_ns = now,
                                                        .end_ns = now + delay_ns,
                                                        .bytes = bytes,
                                                        .phase = upward ? BG_PHASE_UPLINK : BG_PHASE_DOWNLINK,
                                                        .actor = place});
}

static uint64_t client_to_root(void *owner, const struct bg_request *request, size_t bytes, int upward)
{
    return bg_federation_client_delay(owner, 0, request, bytes, upward);
}

static uint64_t keyholder_delay(void *owner, const struct bg_request *request, size_t bytes, int upward)
{
    (void)owner;
    (void)request;
    (void)upward;
    return KEY_HOLDER_LATENCY_NS + KEY_HOLDER_NS_PER_BYTE * (uint64_t)bytes;
}

static enum bg_status post(void *owner, uint64_t delay_ns, void (*run)(void *argument), void *argument)
{
    struct bg_federation *f = owner;
    return bg_world_post(f->world, delay_ns, run, argument);
}

/* ---- the roles as actors ---- */

static void client_tick(void *role, uint64_t now)
{
    bg_client_tick(role, now);
}

static uint64_t client_next_wake(const void *role)
{
    return bg_client_next_wake(role);
}

static struct bg_work *client_work(void *role)
{
    return bg_client_work(role);
}

static void root_tick(void *role, uint64_t now)
{
    bg_root_tick(role, now);
}

static uint64_t root_next_wake(const void *role)
{
    return bg_root_next_wake(role);
}

static struct bg_work *root_work(void *role)
{
    return bg_root_work(role);
}

static void keyholder_tick(void *role, uint64_t now)
{
    bg_keyholder_tick(role, now);
}

static uint64_t keyholder_next_wake(const void *role)
{
    return bg_keyholder_next_wake(role);
}

static struct bg_work *keyholder_work(void *role)
{
    return bg_keyholder_work(role);
}

const struct bg_actor_ops bg_client_actor = {client_tick, client_next_wake, client_work, bg_federation_work_cost,
                                             bg_federation_client_answered};
const struct bg_actor_ops bg_root_actor = {root_tick, root_next_wake, root_work, bg_federation_work_cost, NULL};
const struct bg_actor_ops bg_keyholder_actor = {keyholder_tick, keyholder_next_wake, keyholder_work,
                                                bg_federation_work_cost, NULL};

/* Requests that reached the root, and the most within one virtual second. */
static void count_request(struct bg_federation *f, enum bg_route route)
{
    uint64_t second = bg_world_now(f->world) / BG_SECOND;
    f->second_requests = second == f->second ? f->second_requests + 1 : 1;
    f->second = second;
    f->result.requests++;
    f->result.asks += route == BG_ROUTE_TASK || route == BG_ROUTE_RECEIPT;
    if (f->second_requests > f->result.requests_peak)
        f->result.requests_peak = f->second_requests;
}

void bg_federation_serve_root(void *server, const struct bg_request *request, struct bg_call *call)
{
    struct bg_federation *f = server;
    count_request(f, request->route);
    bg_actor_enter(&f->root_actor);
    bg_root_serve(f->root, request, call);
    bg_actor_leave(&f->root_actor);
}

void bg_federation_serve_keyholder(void *server, const struct bg_request *request, struct bg_call *call)
{
    struct bg_federation *f = server;
    bg_actor_enter(&f->keyholder_actor);
    bg_keyholder_serve(f->keyholder, request, call);
    bg_actor_leave(&f->keyholder_actor);
}

/* ---- notices ---- */

void bg_federation_warn(struct bg_federation *f, const char *what, uint64_t round, const struct bg_error *error)
{
    if (f->settings.warn && error)
        f->settings.warn(f->settings.context, what, round, error);
}

static void count_groups(struct bg_federation *f, const struct bg_root_notice *notice)
{
    struct bg_round_result *result = &f->result;
    const struct bg_round *round = notice->state;
    size_t opened = 0;
    result->groups_invalid = bg_round_count(round, BG_GROUP_INVALID);
    result->groups_late = bg_round_count(round, BG_GROUP_SAT_OUT);
    result->groups_refused = bg_round_count(round, BG_GROUP_REFUSED);
    for (size_t g = 0; g < round->group_count; g++) {
        const struct bg_round_group *group = &round->groups[g];
        uint32_t arrived = (uint32_t)__builtin_popcountll(group->arrived | group->elsewhere);
        bool invited = group->progress != BG_GROUP_NOT_INVITED;
        result->updates += arrived;
        result->reports += group->elsewhere != 0;
        result->groups_invited += invited;
        result->groups_complete += invited && arrived == group->member_count;
        if (group->progress != BG_GROUP_OPENED)
            continue;
        if (round->outcome == BG_OK && notice->combination && notice->combination->used[opened])
            result->groups_used++;
        else
            result->groups_unused++;
        opened++;
    }
}

void bg_federation_on_root(void *context, const struct bg_root_notice *notice)
{
    struct bg_federation *f = context;
    switch (notice->kind) {
    case BG_ROOT_NOTICE_EPOCH:
        f->epoch_ready = true;
        return;
    case BG_ROOT_NOTICE_OPENED:
        return;
    case BG_ROOT_NOTICE_REFUSED:
        bg_federation_warn(f, "update refused", notice->round, notice->error);
        return;
    case BG_ROOT_NOTICE_NAMED:
        bg_federation_warn(f, "named by audit", notice->round, notice->error);
        return;
    case BG_ROOT_NOTICE_GROUP:
        bg_federation_warn(f, "group not used", notice->round, notice->error);
        return;
    case BG_ROOT_NOTICE_FAILED:
        f->epoch_failed = true;
        f->error = *notice->error;
        bg_federation_warn(f, "root", notice->round, notice->error);
        return;
    case BG_ROOT_NOTICE_ENDED:
        f->round_ended = true;
        f->result.round = notice->round;
        f->result.stage = notice->stage;
        f->result.committed = notice->state->outcome == BG_OK;
        f->result.held = notice->state->held;
        f->result.deadline_ns = notice->pace->deadline_ns;
        for (size_t i = 0; i < BG_ARRIVAL_SHARES; i++)
            f->result.arrivals_ns[i] =
                bg_pace_percentile(notice->pace->arrivals_ns, notice->pace->arrived, bg_arrival_shares[i]);
        f->result.reason = notice->state->outcome;
        count_groups(f, notice);
        f->result.has_rule = notice->combination && notice->combination->rule.count;
        if (f->result.has_rule)
            f->result.rule = notice->combination->rule;
        return;
    }
}

void bg_federation_on_client(void *context, const struct bg_client_notice *notice)
{
    struct bg_federation *f = context;
    if (notice->kind == BG_CLIENT_NOTICE_TRAINED) {
        f->loss_sum += notice->loss;
        f->loss_count++;
    }
    if (notice->kind == BG_CLIENT_NOTICE_FAILED)
        bg_federation_warn(f, "client", notice->round, notice->error);
}

void bg_federation_on_keyholder(void *context, const struct bg_keyholder_notice *notice)
{
    struct bg_federation *f = context;
    bg_federation_warn(f, "key holder", notice->round, notice->error);
}

/* Runs the world until `flag` or `failed` is set. */
static enum bg_status run_until(struct bg_federation *f, const bool *flag, const bool *failed, const char *what,
                                struct bg_error *error)
{
    while (!*flag && !*failed)
        if (!bg_world_step(f->world))
            return bg_fail(error, BG_FAULT, "%s: the roles have come to a standstill", what);
    return *flag ? BG_OK : bg_fail(error, f->error.status, "%s: %s", what, f->error.text);
}

static enum bg_status agree_on_epoch(struct bg_federation *f, struct bg_error *error)
{
    bg_actor_enter(&f->root_actor);
    enum bg_status status = bg_root_begin_epoch(f->root, error);
    bg_actor_leave(&f->root_actor);
    if (status == BG_OK)
        status = run_until(f, &f->epoch_ready, &f->epoch_failed, "epoch", error);
    if (status != BG_OK)
        return status;
    for (size_t i = 0; i < f->member_count; i++) {
        f->members[i].attacker.group_most = bg_root_plan(f->root)->key.group_most;
        bg_actor_leave(&f->members[i].actor);
    }
    return BG_OK;
}

enum bg_status bg_federation_create(const struct bg_federation_settings *settings, struct bg_workers *workers,
                                    struct bg_error *error, struct bg_federation **ret_federation)
{
    struct bg_federation *f = calloc(1, sizeof *f);
    if (!f)
        return bg_fail(error, BG_NO_MEMORY, "federation: out of memory");
    f->settings = *settings;
    f->config = settings->config;
    f->workers = workers;
    f->judge = (struct bg_judge){.workers = workers, .rows = &settings->data->test};
    bg_link_init(&f->link, f->config);
    bg_loopback_init(&f->to_root, bg_federation_serve_root, f, client_to_root, post, f, BG_PATIENCE_NS);
    bg_loopback_init(&f->to_keyholder, bg_federation_serve_keyholder, f, keyholder_delay, post, f, BG_PATIENCE_NS);
    enum bg_status status = bg_world_create(workers, &f->world);
    if (status == BG_OK)
        status = bg_federation_make_roles(f, error);
    if (status == BG_OK)
        status = agree_on_epoch(f, error);
    if (status != BG_OK) {
        bg_federation_destroy(&f);
        return status;
    }
    *ret_federation = f;
    return BG_OK;
}

void bg_federation_destroy(struct bg_federation **federation)
{
    struct bg_federation *f = *federation;
    if (!f)
        return;
    /* Clients stop; what they have set off comes to its end. */
    for (size_t i = 0; i < f->member_count; i++)
        f->members[i].actor.stopped = true;
    bg_federation_rest_edges(f);
    f->settings.warn = NULL;
    while (f->world && bg_world_step(f->world))
        continue;
    for (size_t i = 0; i < f->member_count; i++) {
        bg_client_destroy(&f->members[i].client);
        bg_identity_destroy(&f->members[i].identity);
    }
    free(f->members);
    bg_library_finish(&f->library);
    bg_digest_table_finish(&f->places);
    free(f->marks.marks);
    free(f->byzantine);
    free(f->flipped_labels);
    bg_federation_tree_finish(f);
    bg_root_destroy(&f->root);
    bg_keyholder_destroy(&f->keyholder);
    bg_world_destroy(&f->world);
    bg_model_destroy(&f->model);
    bg_transform_finish(&f->initial_transform);
    bg_judge_finish(&f->judge);
    free(f->initial_parameters);
    bg_mask_pool_destroy(&f->keys.pool);
    bg_mask_table_destroy(&f->keys.table);
    bg_public_key_destroy(&f->keys.key);
    bg_secret_key_destroy(&f->secret);
    bg_sealing_key_destroy(&f->sealing_key);
    bg_sealing_key_destroy(&f->keyholder_sealing_key);
    bg_identity_destroy(&f->root_identity);
    bg_identity_destroy(&f->keyholder_identity);
    free(f);
    *federation = NULL;
}

/* ---- rounds ---- */

/* Who is absent or slow in the round to come, that is until this is called again. */
static void draw_faults(struct bg_federation *f, uint64_t round)
{
    const struct bg_simulator_config *c = f->config;
    for (size_t i = 0; i < f->member_count; i++) {
        struct member *member = &f->members[i];
        struct bg_prng prng;
        bg_prng_init_stream(&prng, c->seed ^ round << 32, "faults", i);
        bool absent = bg_prng_uniform(&prng) < c->dropout;
        bool slow = bg_prng_uniform(&prng) < c->straggler;
        member->actor.slowness = slow ? c->straggler_factor : 1;
        member->absent = absent;
        bg_client_sleep(member->client, absent ? UINT64_MAX : 0);
        bg_federation_go_home(member);
        bg_actor_leave(&member->actor);
    }
}

/* Room for what a round of this shape marks when every message is sent twice, and an empty ring. */
static enum bg_status begin_marks(struct bg_federation *f, struct bg_error *error)
{
    size_t blocks = bg_manifest_blocks(bg_root_shape(f->root)->positions);
    size_t wanted = f->member_count * 2 * (blocks / BG_INTAKE_BLOCKS + MARKS_BESIDES_BLOCKS);
    size_t capacity = wanted < MARKS_MOST ? wanted : MARKS_MOST;
    struct bg_phase_mark *marks = f->marks.marks;
    if (capacity > f->marks.capacity) {
        marks = reallocarray(marks, capacity, sizeof *marks);
        if (!marks)
            return bg_fail(error, BG_NO_MEMORY, "round: out of memory for %zu phase marks", capacity);
    } else {
        capacity = f->marks.capacity;
    }
    bg_phase_ring_init(&f->marks, marks, capacity);
    bg_world_mark(f->world, &f->marks);
    for (unsigned phase = 0; phase < BG_PHASE_COUNT; phase++)
        f->cpu_begin[phase] = bg_world_cpu_ns(f->world, phase);
    return BG_OK;
}

static void end_marks(struct bg_federation *f)
{
    struct bg_round_result *result = &f->result;
    bg_phase_ring_sum(&f->marks, result->phases);
    result->marks_lost = f->marks.written - bg_phase_ring_count(&f->marks);
    for (unsigned phase = 0; phase < BG_PHASE_COUNT; phase++) {
        result->cpu_ns[phase] = bg_world_cpu_ns(f->world, phase) - f->cpu_begin[phase];
        if (!result->phases[phase].marks)
            continue;
        result->phases[phase].begin_ns -= f->round_begin;
        result->phases[phase].end_ns -= f->round_begin;
    }
}

enum bg_status bg_federation_round(struct bg_federation *f, bool evaluate, struct bg_error *error,
                                   struct bg_round_result *ret_result)
{
    uint64_t wall = bg_clock_monotonic_ns();
    f->result = (struct bg_round_result){0};
    f->loss_sum = 0;
    f->loss_count = 0;
    f->round_ended = f->epoch_failed = false;
    while (!bg_root_idle(f->root))
        if (!bg_world_step(f->world))
            return bg_fail(error, BG_FAULT, "the root does not come to rest");
    f->round_begin = bg_world_now(f->world);
    memset(f->result.levels, 0, sizeof f->result.levels);
    bg_federation_draw_edge_faults(f, ++f->rounds_opened);
    draw_faults(f, f->rounds_opened);
    bg_actor_enter(&f->root_actor);
    enum bg_status status = bg_root_open_round(f->root, error);
    bg_actor_leave(&f->root_actor);
    bool never = false;
    if (status == BG_OK)
        status = begin_marks(f, error);
    if (status == BG_OK)
        status = run_until(f, &f->round_ended, &never, "round", error);
    if (status != BG_OK)
        return status;
    f->result.virtual_ns = bg_world_now(f->world) - f->round_begin;
    end_marks(f);
    f->result.mean_loss = f->loss_count ? f->loss_sum / (double)f->loss_count : 0;
    const struct bg_shape *shape = bg_root_shape(f->root);
    f->result.uplink_bytes = bg_shape_update_bytes(shape);
    f->result.bits_per_coordinate = bg_shape_bits_per_coordinate(shape);
    struct bg_confusion confusion = {0};
    if (evaluate) {
        status = bg_confusion_init(&confusion, bg_root_model(f->root)->model->classes);
        if (status == BG_OK)
            status = bg_federation_evaluate(f, error, &confusion);
        f->result.evaluated = status == BG_OK;
        f->result.accuracy = f->result.evaluated ? bg_confusion_accuracy(&confusion) : 0;
        f->result.macro_f1 = f->result.evaluated ? bg_confusion_macro_f1(&confusion) : 0;
        bg_confusion_finish(&confusion);
    }
    f->result.wall_ns = bg_clock_monotonic_ns() - wall;
    *ret_result = f->result;
    return status;
}

enum bg_status bg_federation_evaluate(struct bg_federation *f, struct bg_error *error, struct bg_confusion *confusion)
{
    return bg_judge_model(&f->judge, bg_root_model(f->root), error, confusion);
}

const struct bg_model_card *bg_federation_model(const struct bg_federation *f)
{
    return bg_root_model(f->root);
}

struct bg_span bg_federation_model_file(const struct bg_federation *f)
{
    return bg_root_model_file(f->root);
}

struct bg_digest bg_federation_model_digest(const struct bg_federation *f)
{
    return bg_model_digest(bg_root_model(f->root));
}

struct bg_mask_stats bg_federation_masks(const struct bg_federation *f)
{
    return f->keys.pool ? bg_mask_pool_stats(f->keys.pool) : (struct bg_mask_stats){0};
}

size_t bg_federation_byzantine(const struct bg_federation *f)
{
    size_t count = 0;
    for (size_t i = 0; i < f->member_count; i++)
        count += f->byzantine[i];
    return count;
}

size_t bg_federation_levels(const struct bg_federation *f)
{
    return f->tree.levels;
}

size_t bg_federation_groups(const struct bg_federation *f)
{
    return bg_root_groups(f->root)->count;
}

uint64_t bg_federation_cpu_ns(const struct bg_federation *f, enum bg_phase phase)
{
    return bg_world_cpu_ns(f->world, phase);
}

uint64_t bg_federation_virtual_ns(const struct bg_federation *f)
{
    return bg_world_now(f->world);
}
