/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/federation.h"

#include "aggregator/root.h"
#include "base/clock.h"
#include "client/client.h"
#include "crypto/digest.h"
#include "crypto/key_generation.h"
#include "keyholder/keyholder.h"
#include "net/loopback.h"
#include "simulator/actor.h"
#include "simulator/attack.h"
#include "simulator/evaluate.h"
#include "simulator/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_NS BG_SECOND
#define PATIENCE_NS (30 * BG_SECOND)
#define KEY_HOLDER_LATENCY_NS BG_MILLISECOND
#define KEY_HOLDER_NS_PER_BYTE 8 /* 1 Gbit/s */

/* Identities, nonces and weights of a simulation come from its seed: they protect nothing, and results repeat. */
struct seeded {
    struct bg_prng prng;
};

struct member {
    struct bg_actor actor;
    struct bg_client *client;
    struct bg_identity *identity;
    struct bg_attacker attacker;
    struct bg_federation *federation;
};

/* The one key and table that all clients of the process share. */
struct shared_keys {
    struct bg_key_ring ring;
    struct bg_public_key *key;
    struct bg_mask_table *table;
};

struct bg_federation {
    struct bg_federation_settings settings;
    const struct bg_simulator_config *config;
    struct bg_workers *workers;
    struct bg_world *world;
    struct bg_link link;
    struct bg_loopback to_root, to_keyholder;
    struct seeded root_random, keyholder_random;

    struct shared_keys keys;
    struct bg_secret_key *secret;
    struct bg_identity *root_identity, *keyholder_identity;
    struct bg_sealing_key *sealing_key;

    struct bg_actor root_actor, keyholder_actor;
    struct bg_root *root;
    struct bg_keyholder *keyholder;
    struct member *members;
    size_t member_count;
    bool *byzantine;
    uint16_t *flipped_labels;

    struct bg_model *model;
    float *initial_parameters;

    uint64_t rounds_opened;
    bool epoch_ready, epoch_failed, round_ended;
    struct bg_error error;
    struct bg_round_result result; /* of the running round */
    double loss_sum;
    size_t loss_count;
};

static enum bg_status fill_seeded(void *context, void *data, size_t size)
{
    struct seeded *seeded = context;
    uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(bg_prng_next(&seeded->prng) >> 56);
    return BG_OK;
}

static struct bg_random seeded_random(struct seeded *seeded, uint64_t seed, const char *purpose, uint64_t index)
{
    bg_prng_init_stream(&seeded->prng, seed, purpose, index);
    return (struct bg_random){.fill = fill_seeded, .context = seeded};
}

/* ---- what the world costs ---- */

static uint64_t work_cost(const struct bg_actor *actor, const struct bg_work *work)
{
    const struct bg_simulator_config *c = actor->context;
    const double ns_per_unit[BG_PHASE_COUNT] = {
        [BG_PHASE_TRAINING] = c->cost_training_ns,         [BG_PHASE_ENCODING] = c->cost_encoding_ns,
        [BG_PHASE_ENCRYPTION] = 1e3 * c->cost_encryption_us, [BG_PHASE_INTAKE] = 1e3 * c->cost_intake_us,
        [BG_PHASE_FOLD] = 1e3 * c->cost_fold_us,           [BG_PHASE_OPENING] = 1e3 * c->cost_opening_us,
        [BG_PHASE_AGGREGATION] = c->cost_aggregation_ns,
    };
    return (uint64_t)(ns_per_unit[work->phase] * (double)work->units);
}

static uint64_t client_delay(void *owner, const struct bg_digest *peer, size_t bytes, int upward)
{
    struct bg_federation *f = owner;
    (void)peer;
    return bg_link_delay(&f->link, bytes, upward);
}

static uint64_t keyholder_delay(void *owner, const struct bg_digest *peer, size_t bytes, int upward)
{
    (void)owner;
    (void)peer;
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

static const struct bg_actor_ops client_ops = {client_tick, client_next_wake, client_work, work_cost};
static const struct bg_actor_ops root_ops = {root_tick, root_next_wake, root_work, work_cost};
static const struct bg_actor_ops keyholder_ops = {keyholder_tick, keyholder_next_wake, keyholder_work, work_cost};

static void serve_root(void *server, const struct bg_request *request, struct bg_call *call)
{
    struct bg_federation *f = server;
    bg_actor_enter(&f->root_actor);
    bg_root_serve(f->root, request, call);
    bg_actor_leave(&f->root_actor);
}

static void serve_keyholder(void *server, const struct bg_request *request, struct bg_call *call)
{
    struct bg_federation *f = server;
    bg_actor_enter(&f->keyholder_actor);
    bg_keyholder_serve(f->keyholder, request, call);
    bg_actor_leave(&f->keyholder_actor);
}

/* ---- notices ---- */

static void warn(struct bg_federation *f, const char *what, uint64_t round, const struct bg_error *error)
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
        result->updates += (size_t)__builtin_popcountll(round->groups[g].arrived);
        result->groups_invited += round->groups[g].progress != BG_GROUP_NOT_INVITED;
        if (round->groups[g].progress != BG_GROUP_OPENED)
            continue;
        if (round->outcome == BG_OK && notice->combination && notice->combination->used[opened])
            result->groups_used++;
        else
            result->groups_unused++;
        opened++;
    }
}

static void on_root_notice(void *context, const struct bg_root_notice *notice)
{
    struct bg_federation *f = context;
    switch (notice->kind) {
    case BG_ROOT_NOTICE_EPOCH:
        f->epoch_ready = true;
        return;
    case BG_ROOT_NOTICE_OPENED:
        return;
    case BG_ROOT_NOTICE_REFUSED:
        warn(f, "update refused", notice->round, notice->error);
        return;
    case BG_ROOT_NOTICE_GROUP:
        warn(f, "group not used", notice->round, notice->error);
        return;
    case BG_ROOT_NOTICE_FAILED:
        f->epoch_failed = true;
        f->error = *notice->error;
        warn(f, "root", notice->round, notice->error);
        return;
    case BG_ROOT_NOTICE_ENDED:
        f->round_ended = true;
        f->result.round = notice->round;
        f->result.calibration = notice->calibration;
        f->result.committed = notice->state->outcome == BG_OK;
        f->result.held = notice->state->held;
        f->result.reason = notice->state->outcome;
        count_groups(f, notice);
        f->result.has_rule = notice->combination && notice->combination->rule.count;
        if (f->result.has_rule)
            f->result.rule = notice->combination->rule;
        return;
    }
}

static void on_client_notice(void *context, const struct bg_client_notice *notice)
{
    struct bg_federation *f = context;
    if (notice->kind == BG_CLIENT_NOTICE_TRAINED) {
        f->loss_sum += notice->loss;
        f->loss_count++;
    }
    if (notice->kind == BG_CLIENT_NOTICE_FAILED)
        warn(f, "client", notice->round, notice->error);
}

static void on_keyholder_notice(void *context, const struct bg_keyholder_notice *notice)
{
    struct bg_federation *f = context;
    warn(f, "key holder", notice->round, notice->error);
}

/* ---- set-up ---- */

static enum bg_status get_shared_key(struct bg_key_ring *ring, const struct bg_key_part *part, struct bg_error *error,
                                     const struct bg_public_key **ret_key, const struct bg_mask_table **ret_table)
{
    struct shared_keys *keys = (struct shared_keys *)ring;
    if (!keys->key || !bg_digest_equal(&part->key_id, bg_public_key_id(keys->key)))
        return bg_fail(error, BG_BAD_KEY, "the plan names a key that this simulation did not make");
    *ret_key = keys->key;
    *ret_table = keys->table;
    return BG_OK;
}

static enum bg_status make_keys(struct bg_federation *f, struct bg_error *error)
{
    const struct bg_simulator_config *c = f->config;
    struct bg_random system = bg_random_system();
    struct seeded seeded;
    struct bg_random random = seeded_random(&seeded, c->seed, "roles", 0);
    enum bg_status status = bg_identity_create(&random, &f->root_identity);
    if (status == BG_OK)
        status = bg_identity_create(&random, &f->keyholder_identity);
    if (status == BG_OK)
        status = bg_sealing_key_create(&random, &f->sealing_key);
    if (status != BG_OK)
        return bg_fail(error, status, "keys of the roles: %s", bg_status_text(status));
    f->keys.ring.get = get_shared_key;
    if (c->encryption == BG_ENCRYPTION_OFF)
        return BG_OK;
    status = bg_secret_key_generate((uint32_t)c->key_bits, (uint32_t)c->key_s, f->settings.insecure_test_key, &system,
                                    error, &f->secret);
    if (status != BG_OK)
        return status;
    status = bg_public_key_create(bg_public_key_n(bg_secret_key_public(f->secret)), (uint32_t)c->key_bits,
                                  (uint32_t)c->key_s, f->settings.insecure_test_key, error, &f->keys.key);
    if (status == BG_OK && c->encryption == BG_ENCRYPTION_PAILLIER) {
        status = bg_mask_table_create(f->keys.key, &system, c->table_bytes, &f->keys.table);
        if (status != BG_OK)
            bg_fail(error, status, "encryption.table_bytes=%llu: %s", (unsigned long long)c->table_bytes,
                    bg_status_text(status));
    }
    return status;
}

static enum bg_plan_encryption plan_encryption(const struct bg_simulator_config *c)
{
    static const enum bg_plan_encryption modes[] = {[BG_ENCRYPTION_PAILLIER] = BG_PLAN_PAILLIER,
                                                    [BG_ENCRYPTION_NULL] = BG_PLAN_NULL,
                                                    [BG_ENCRYPTION_OFF] = BG_PLAN_OFF};
    return modes[c->encryption];
}

static enum bg_status make_keyholder(struct bg_federation *f, const struct bg_population *population,
                                     struct bg_error *error)
{
    const struct bg_simulator_config *c = f->config;
    bool paillier = c->encryption == BG_ENCRYPTION_PAILLIER;
    struct bg_keyholder_settings settings = {
        .population = *population,
        .group_size = (uint32_t)c->group_size,
        .group_least = (uint32_t)c->group_least,
        .full_rounds = (uint32_t)c->full_rounds,
        .encryption = plan_encryption(c),
        .mixed_radix = c->radix == BG_RADIX_MIXED,
        .public_key = f->keys.key,
        .secret_key = paillier ? f->secret : NULL,
        .identity = f->keyholder_identity,
        .random = seeded_random(&f->keyholder_random, c->seed, "key holder", 0),
        .blinding = bg_random_system(),
        .observe = on_keyholder_notice,
        .observe_context = f,
    };
    memcpy(settings.root, bg_identity_point(f->root_identity), sizeof settings.root);
    bg_actor_init(&f->keyholder_actor, f->world, &keyholder_ops, (void *)c, NULL);
    enum bg_status status = bg_keyholder_create(&settings, 0, error, &f->keyholder);
    f->keyholder_actor.role = f->keyholder;
    return status;
}

static struct bg_plan_codec plan_codec(const struct bg_simulator_config *c)
{
    return (struct bg_plan_codec){.mode = (enum bg_plan_codec_mode)(c->codec_mode + 1),
                                  .scale_from_residual = c->scale_basis == 1,
                                  .centre_median = c->centre == 1,
                                  .clip = c->clip,
                                  .growth = c->growth,
                                  .growth_from = (uint32_t)c->growth_from,
                                  .percentile = c->percentile,
                                  .decay = c->decay,
                                  .client_momentum = c->client_momentum,
                                  .server_momentum = c->server_momentum,
                                  .server_step = c->server_step};
}

static struct bg_plan_training plan_training(const struct bg_simulator_config *c)
{
    return (struct bg_plan_training){.optimizer = (enum bg_plan_optimizer)(c->optimizer + 1),
                                     .class_weights = (enum bg_plan_class_weights)(c->class_weights + 1),
                                     .momentum = c->momentum,
                                     .weight_decay = c->weight_decay,
                                     .clip_norm = c->clip_norm,
                                     .proximal_mu = c->proximal_mu,
                                     .batch = (uint32_t)c->batch,
                                     .steps = (uint32_t)c->steps};
}

static enum bg_status make_model(struct bg_federation *f, struct bg_error *error)
{
    const struct bg_dataset *dataset = &f->settings.data->dataset;
    struct bg_prng prng;
    enum bg_status status =
        bg_model_create(f->config->model_spec, dataset->columns, dataset->classes, error, &f->model);
    if (status != BG_OK)
        return status;
    f->initial_parameters = calloc(f->model->layout.coordinates, sizeof *f->initial_parameters);
    if (!f->initial_parameters)
        return bg_fail(error, BG_NO_MEMORY, "model: out of memory");
    bg_prng_init_stream(&prng, f->config->seed, "model", 0);
    bg_model_initialise(f->model, &prng, f->initial_parameters);
    return BG_OK;
}

static enum bg_status make_root(struct bg_federation *f, const struct bg_population *population,
                                struct bg_error *error)
{
    const struct bg_simulator_config *c = f->config;
    const struct bg_simulator_data *data = f->settings.data;
    struct bg_root_settings settings = {
        .population = *population,
        .identity = f->root_identity,
        .sealing_key = f->sealing_key,
        .key_holder_transport = &f->root_actor.transport,
        .first_commitment = bg_keyholder_commitment(f->keyholder),
        .random = seeded_random(&f->root_random, c->seed, "root", 0),
        .allow_insecure_key = f->settings.insecure_test_key,
        .initial = {.model = f->model,
                    .parameters = f->initial_parameters,
                    .feature_names = data->dataset.feature_names,
                    .feature_mean = data->stats.mean,
                    .feature_scale = data->stats.scale,
                    .class_names = data->dataset.class_names,
                    .label_map = c->data_labels},
        .codec = plan_codec(c),
        .training = plan_training(c),
        .learning_rate = c->learning_rate,
        .learning_rate_floor = c->learning_rate_floor,
        .rounds = c->rounds,
        .rules = {.group_least = (uint32_t)c->group_least,
                  .full_rounds = (uint32_t)c->full_rounds,
                  .quorum = (uint32_t)c->quorum,
                  .holds_allowed = (uint32_t)c->holds},
        .deadline_ns = (uint64_t)(c->deadline_seconds * 1e9),
        .retry_ns = BG_SECOND,
        .target_groups = c->target_groups,
        .seed = c->seed,
        .rule = (enum bg_rule)(c->rule + 1),
        .faulty = c->faulty_automatic ? BG_FAULTY_UNSET : (int)c->faulty,
        .observe = on_root_notice,
        .observe_context = f,
    };
    memcpy(settings.key_holder, bg_identity_point(f->keyholder_identity), sizeof settings.key_holder);
    bg_actor_init(&f->root_actor, f->world, &root_ops, (void *)c, &f->to_keyholder.transport);
    enum bg_status status = bg_root_create(&settings, 0, error, &f->root);
    f->root_actor.role = f->root;
    return status;
}

static void make_identity(void *context, size_t i)
{
    struct bg_federation *f = context;
    struct seeded seeded;
    struct bg_random random = seeded_random(&seeded, f->config->seed, "client", i);
    if (bg_identity_create(&random, &f->members[i].identity) != BG_OK)
        f->members[i].identity = NULL;
}

/* An attacker by labels trains on class C−1−y. */
static enum bg_status flip_labels(struct bg_federation *f, struct bg_error *error)
{
    const struct bg_dataset *dataset = &f->settings.data->dataset;
    f->flipped_labels = malloc(dataset->rows * sizeof *f->flipped_labels);
    if (!f->flipped_labels)
        return bg_fail(error, BG_NO_MEMORY, "labels: out of memory");
    for (size_t i = 0; i < dataset->rows; i++)
        f->flipped_labels[i] = (uint16_t)(dataset->classes - 1 - dataset->labels[i]);
    return BG_OK;
}

static enum bg_status make_client(struct bg_federation *f, const struct bg_population *population, size_t i,
                                  struct bg_error *error)
{
    const struct bg_simulator_config *c = f->config;
    struct member *member = &f->members[i];
    struct bg_client_settings settings = {
        .population = *population,
        .identity = member->identity,
        .transport = &member->actor.transport,
        .keys = &f->keys.ring,
        .random = bg_random_system(),
        .examples = bg_partition_examples(&f->settings.data->training, &f->settings.data->partition, (uint32_t)i),
        .poll_ns = POLL_NS,
        .patience_ns = PATIENCE_NS,
        .observe = on_client_notice,
        .observe_context = f,
    };
    struct seeded seeded;
    struct bg_random random = seeded_random(&seeded, c->seed, "ties", i);
    enum bg_status status = bg_random_fill(&random, settings.tie_secret, sizeof settings.tie_secret);
    struct bg_prng prng;
    bg_prng_init_stream(&prng, c->seed, "shuffle", i);
    settings.seed = bg_prng_next(&prng);
    memcpy(settings.key_holder, bg_identity_point(f->keyholder_identity), sizeof settings.key_holder);
    memcpy(settings.root, bg_identity_point(f->root_identity), sizeof settings.root);
    member->federation = f;
    member->attacker = (struct bg_attacker){.attack = f->byzantine[i] ? (enum bg_attack)c->attack : BG_ATTACK_NONE,
                                            .seed = bg_prng_next(&prng)};
    settings.tap = bg_attack_tap(&member->attacker);
    if (member->attacker.attack == BG_ATTACK_LABEL_FLIP)
        settings.examples.labels = f->flipped_labels;
    bg_actor_init(&member->actor, f->world, &client_ops, (void *)c, &f->to_root.transport);
    if (status == BG_OK)
        status = bg_client_create(&settings, 0, &member->client);
    member->actor.role = member->client;
    return status == BG_OK ? BG_OK : bg_fail(error, status, "client %zu: %s", i, bg_status_text(status));
}

static enum bg_status enrol(struct bg_federation *f, size_t i, struct bg_error *error)
{
    struct bg_roster_entry entry = {.client = *bg_identity_digest(f->members[i].identity)};
    snprintf(entry.cell.label, sizeof entry.cell.label, "cell-%zu", (size_t)(i % f->config->cells));
    memcpy(entry.public_key, bg_identity_point(f->members[i].identity), sizeof entry.public_key);
    enum bg_status status = bg_keyholder_enrol(f->keyholder, entry.public_key, entry.cell.label, error);
    return status == BG_OK ? bg_root_enrol(f->root, &entry, error) : status;
}

static enum bg_status make_clients(struct bg_federation *f, const struct bg_population *population,
                                   struct bg_error *error)
{
    const struct bg_simulator_config *c = f->config;
    f->byzantine = calloc(c->clients, sizeof *f->byzantine);
    f->members = calloc(c->clients, sizeof *f->members);
    if (!f->byzantine || !f->members)
        return bg_fail(error, BG_NO_MEMORY, "clients: out of memory");
    f->member_count = c->clients;
    bg_attack_choose(c->seed, c->attack_share, c->clients, f->byzantine);
    bg_workers_for(f->workers, f->member_count, make_identity, f);
    enum bg_status status = c->attack == BG_ATTACK_LABEL_FLIP ? flip_labels(f, error) : BG_OK;
    for (size_t i = 0; status == BG_OK && i < f->member_count; i++) {
        status = f->members[i].identity ? make_client(f, population, i, error)
                                        : bg_fail(error, BG_NO_MEMORY, "client %zu: no identity", i);
        if (status == BG_OK)
            status = enrol(f, i, error);
    }
    return status;
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
    struct bg_population population;
    struct bg_federation *f = calloc(1, sizeof *f);
    if (!f)
        return bg_fail(error, BG_NO_MEMORY, "federation: out of memory");
    f->settings = *settings;
    f->config = settings->config;
    f->workers = workers;
    bg_link_init(&f->link, f->config);
    bg_loopback_init(&f->to_root, serve_root, f, client_delay, post, f, PATIENCE_NS);
    bg_loopback_init(&f->to_keyholder, serve_keyholder, f, keyholder_delay, post, f, PATIENCE_NS);
    enum bg_status status = bg_world_create(workers, &f->world);
    if (status == BG_OK)
        status = bg_population_set(&population, "simulation");
    if (status == BG_OK)
        status = make_keys(f, error);
    if (status == BG_OK)
        status = make_model(f, error);
    if (status == BG_OK)
        status = make_keyholder(f, &population, error);
    if (status == BG_OK)
        status = make_root(f, &population, error);
    if (status == BG_OK)
        status = make_clients(f, &population, error);
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
    f->root_actor.stopped = f->keyholder_actor.stopped = true;
    for (size_t i = 0; i < f->member_count; i++)
        f->members[i].actor.stopped = true;
    f->settings.warn = NULL;
    while (f->world && bg_world_step(f->world))
        continue;
    for (size_t i = 0; i < f->member_count; i++) {
        bg_client_destroy(&f->members[i].client);
        bg_identity_destroy(&f->members[i].identity);
    }
    free(f->members);
    free(f->byzantine);
    free(f->flipped_labels);
    bg_root_destroy(&f->root);
    bg_keyholder_destroy(&f->keyholder);
    bg_world_destroy(&f->world);
    bg_model_destroy(&f->model);
    free(f->initial_parameters);
    bg_mask_table_destroy(&f->keys.table);
    bg_public_key_destroy(&f->keys.key);
    bg_secret_key_destroy(&f->secret);
    bg_sealing_key_destroy(&f->sealing_key);
    bg_identity_destroy(&f->root_identity);
    bg_identity_destroy(&f->keyholder_identity);
    free(f);
    *federation = NULL;
}

/* ---- rounds ---- */

/* Who is absent or slow in the round to come. */
static void draw_faults(struct bg_federation *f, uint64_t round)
{
    const struct bg_simulator_config *c = f->config;
    uint64_t over = bg_world_now(f->world) + (uint64_t)(c->deadline_seconds * 1e9) + POLL_NS;
    for (size_t i = 0; i < f->member_count; i++) {
        struct member *member = &f->members[i];
        struct bg_prng prng;
        bg_prng_init_stream(&prng, c->seed ^ round << 32, "faults", i);
        bool absent = bg_prng_uniform(&prng) < c->dropout;
        bool slow = bg_prng_uniform(&prng) < c->straggler;
        member->actor.slowness = slow ? c->straggler_factor : 1;
        bg_client_sleep(member->client, absent ? over : 0);
        bg_actor_leave(&member->actor);
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
    uint64_t begin = bg_world_now(f->world);
    draw_faults(f, ++f->rounds_opened);
    bg_actor_enter(&f->root_actor);
    enum bg_status status = bg_root_open_round(f->root, error);
    bg_actor_leave(&f->root_actor);
    bool never = false;
    if (status == BG_OK)
        status = run_until(f, &f->round_ended, &never, "round", error);
    if (status != BG_OK)
        return status;
    f->result.virtual_ns = bg_world_now(f->world) - begin;
    f->result.mean_loss = f->loss_count ? f->loss_sum / (double)f->loss_count : 0;
    const struct bg_shape *shape = bg_root_shape(f->root);
    f->result.uplink_bytes = bg_shape_update_bytes(shape);
    f->result.bits_per_coordinate = bg_shape_bits_per_coordinate(shape);
    struct bg_confusion confusion = {0};
    if (evaluate) {
        status = bg_confusion_init(&confusion, f->model->classes);
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
    return bg_evaluate_parallel(f->workers, f->model, bg_root_model(f->root)->parameters, &f->settings.data->test,
                                error, confusion);
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
    const struct bg_model_card *card = bg_root_model(f->root);
    struct bg_sha256_state state;
    struct bg_digest digest;
    bg_sha256_init(&state);
    bg_sha256_update(&state, (struct bg_span){(const uint8_t *)card->model->spec, strlen(card->model->spec) + 1});
    for (size_t i = 0; i < card->model->layout.coordinates; i++) {
        uint32_t bits;
        uint8_t bytes[4];
        memcpy(&bits, &card->parameters[i], sizeof bits);
        for (size_t byte = 0; byte < sizeof bytes; byte++)
            bytes[byte] = (uint8_t)(bits >> (8 * byte));
        bg_sha256_update(&state, (struct bg_span){bytes, sizeof bytes});
    }
    bg_sha256_finish(&state, &digest);
    return digest;
}

size_t bg_federation_byzantine(const struct bg_federation *f)
{
    size_t count = 0;
    for (size_t i = 0; i < f->member_count; i++)
        count += f->byzantine[i];
    return count;
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
