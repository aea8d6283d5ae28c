/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, roles and clients of a simulation. */
#include "crypto/key_generation.h"
#include "simulator/federation_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum bg_status fill_seeded(void *context, void *data, size_t size)
{
    struct seeded *seeded = context;
    uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(bg_prng_next(&seeded->prng) >> 56);
    return BG_OK;
}

struct bg_random bg_federation_random(struct seeded *seeded, uint64_t seed, const char *purpose, uint64_t index)
{
    bg_prng_init_stream(&seeded->prng, seed, purpose, index);
    return (struct bg_random){.fill = fill_seeded, .context = seeded};
}

static enum bg_status get_shared_key(struct bg_key_ring *ring, const struct bg_key_part *part, struct bg_error *error,
                                     struct bg_client_key *ret_key)
{
    struct shared_keys *keys = (struct shared_keys *)ring;
    if (!keys->key || !bg_digest_equal(&part->key_id, bg_public_key_id(keys->key)))
        return bg_fail(error, BG_BAD_KEY, "the plan names a key that this simulation did not make");
    *ret_key = (struct bg_client_key){keys->key, keys->table, keys->pool};
    return BG_OK;
}

static enum bg_status make_masks(struct bg_federation *f, struct bg_error *error)
{
    const struct bg_simulator_config *c = f->config;
    struct bg_random system = bg_random_system();
    struct bg_mask_settings settings = {
        .memory_bytes = c->table_bytes,
        .uniform_reads = c->uniform_reads,
        .exponent_bits = c->exponent == BG_MASK_EXPONENT_SHORT ? BG_MASK_SHORT_EXPONENT_BITS : 0};
    enum bg_status status = bg_mask_table_create(f->keys.key, &system, &settings, &f->keys.table);
    if (status != BG_OK)
        return bg_fail(error, status, "masks.table_bytes=%llu: %s", (unsigned long long)c->table_bytes,
                       bg_status_text(status));
    status = bg_mask_pool_create(f->keys.key, c->pool_bytes, &f->keys.pool);
    return status == BG_OK ? BG_OK
                           : bg_fail(error, status, "masks.pool_bytes=%llu: %s", (unsigned long long)c->pool_bytes,
                                     bg_status_text(status));
}

static enum bg_status make_keys(struct bg_federation *f, struct bg_error *error)
{
    const struct bg_simulator_config *c = f->config;
    struct bg_random system = bg_random_system();
    struct seeded seeded;
    struct bg_random random = bg_federation_random(&seeded, c->seed, "roles", 0);
    enum bg_status status = bg_identity_create(&random, &f->root_identity);
    if (status == BG_OK)
        status = bg_identity_create(&random, &f->keyholder_identity);
    if (status == BG_OK)
        status = bg_sealing_key_create(&random, &f->sealing_key);
    if (status == BG_OK)
        status = bg_sealing_key_create(&random, &f->keyholder_sealing_key);
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
    return status == BG_OK && c->encryption == BG_ENCRYPTION_PAILLIER ? make_masks(f, error) : status;
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
        .sealing_key = f->keyholder_sealing_key,
        .knowledge_tags = c->knowledge_tags && c->encryption != BG_ENCRYPTION_OFF,
        .random = bg_federation_random(&f->keyholder_random, c->seed, "key holder", 0),
        .blinding = bg_random_system(),
        .edges = f->edge_ids,
        .edge_count = f->tree.edges,
        .observe = bg_federation_on_keyholder,
        .observe_context = f,
    };
    memcpy(settings.root, bg_identity_point(f->root_identity), sizeof settings.root);
    bg_actor_init(&f->keyholder_actor, f->world, &bg_keyholder_actor, (void *)c, NULL);
    enum bg_status status = bg_keyholder_create(&settings, 0, error, &f->keyholder);
    f->keyholder_actor.role = f->keyholder;
    return status;
}

static enum bg_status make_model(struct bg_federation *f, struct bg_error *error)
{
    const struct bg_dataset *dataset = &f->settings.data->dataset;
    struct bg_prng prng;
    bool central = f->config->learning.fit == 1;
    if (central ? bg_transform_copy(&f->settings.data->central, &f->initial_transform) != BG_OK
                : !bg_transform_identity(dataset->columns, &f->initial_transform))
        return bg_fail(error, BG_NO_MEMORY, "model: out of memory");
    enum bg_status status =
        bg_model_create(f->config->model_spec, f->initial_transform.inputs, dataset->classes, error, &f->model);
    if (status != BG_OK)
        return status;
    f->initial_parameters = calloc(f->model->layout.coordinates, sizeof *f->initial_parameters);
    if (!f->initial_parameters)
        return bg_fail(error, BG_NO_MEMORY, "model: out of memory");
    bg_prng_init_stream(&prng, f->config->seed, "model", 0);
    bg_model_initialise(f->model, &prng, f->initial_parameters);
    return BG_OK;
}

static struct bg_pace_rules pace_rules(const struct bg_simulator_config *c)
{
    return (struct bg_pace_rules){.measured = c->deadline == BG_DEADLINE_MEASURED,
                                  .percentile = c->deadline_percentile,
                                  .margin = c->deadline_margin,
                                  .growth = c->deadline_growth,
                                  .least_ns = (uint64_t)(c->deadline_least_seconds * 1e9),
                                  .most_ns = (uint64_t)(c->deadline_seconds * 1e9),
                                  .contacts_per_second = c->contacts_per_second};
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
        .key_holder_transport = &f->root_actor.port.transport,
        .first_commitment = bg_keyholder_commitment(f->keyholder),
        .random = bg_federation_random(&f->root_random, c->seed, "root", 0),
        .allow_insecure_key = f->settings.insecure_test_key,
        .initial = {.model = f->model,
                    .parameters = f->initial_parameters,
                    .feature_names = data->dataset.feature_names,
                    .transform = f->initial_transform,
                    .class_prior = c->learning.fit == 1 ? data->class_prior : NULL,
                    .class_names = data->dataset.class_names,
                    .label_map = data->dataset.label_map},
        .rounds = c->rounds,
        .rules = {.group_least = (uint32_t)c->group_least,
                  .full_rounds = (uint32_t)c->full_rounds,
                  .quorum = (uint32_t)c->quorum,
                  .holds_allowed = (uint32_t)c->holds},
        .pace = pace_rules(c),
        .retry_ns = BG_SECOND,
        .target_groups = c->target_groups,
        .seed = c->seed,
        .edges = f->edge_points,
        .edge_count = f->tree.edges,
        .observe = bg_federation_on_root,
        .observe_context = f,
    };
    bg_learning_config_apply(&c->learning, &settings);
    settings.fit.seed = c->seed;
    memcpy(settings.key_holder, bg_identity_point(f->keyholder_identity), sizeof settings.key_holder);
    bg_actor_init(&f->root_actor, f->world, &bg_root_actor, (void *)c, &f->to_keyholder.transport);
    enum bg_status status = bg_root_create(&settings, 0, error, &f->root);
    f->root_actor.role = f->root;
    return status;
}

static void make_identity(void *context, size_t i)
{
    struct bg_federation *f = context;
    struct seeded seeded;
    struct bg_random random = bg_federation_random(&seeded, f->config->seed, "client", i);
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
        .transport = &member->actor.port.transport,
        .keys = &f->keys.ring,
        .library = &f->library,
        .random = bg_random_system(),
        .examples = bg_partition_examples(&f->settings.data->training, &f->settings.data->partition, (uint32_t)i),
        .poll_ns = BG_POLL_NS,
        .patience_ns = BG_PATIENCE_NS,
        .longest_wait_ns = (uint64_t)(c->longest_wait_seconds * 1e9),
        .may_move = c->rehome > 0,
        .fills_pool = c->pool_bytes > 0,
        .observe = bg_federation_on_client,
        .observe_context = f,
    };
    struct seeded seeded;
    struct bg_random random = bg_federation_random(&seeded, c->seed, "ties", i);
    enum bg_status status = bg_random_fill(&random, settings.tie_secret, sizeof settings.tie_secret);
    struct bg_prng prng;
    bg_prng_init_stream(&prng, c->seed, "shuffle", i);
    settings.seed = settings.wait_seed = bg_prng_next(&prng);
    memcpy(settings.key_holder, bg_identity_point(f->keyholder_identity), sizeof settings.key_holder);
    memcpy(settings.root, bg_identity_point(f->root_identity), sizeof settings.root);
    member->federation = f;
    member->attacker = (struct bg_attacker){.attack = f->byzantine[i] ? (enum bg_attack)c->attack : BG_ATTACK_NONE,
                                            .seed = bg_prng_next(&prng)};
    settings.tap = bg_attack_tap(&member->attacker);
    if (member->attacker.attack == BG_ATTACK_LABEL_FLIP)
        settings.examples.labels = f->flipped_labels;
    member->home = f->homes[i % c->cells];
    bg_actor_init(&member->actor, f->world, &bg_client_actor, (void *)c,
                  member->home == BG_TREE_ROOT ? &f->to_root.transport
                                               : &f->edges[member->home].from_clients.transport);
    member->actor.owner = member;
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
    if (status == BG_OK)
        status = bg_root_enrol(f->root, &entry, error);
    if (status == BG_OK)
        status = bg_federation_enrol_at_edges(f, &entry, error);
    if (status != BG_OK)
        return status;
    status = bg_digest_table_put(&f->places, &entry.client, (uint32_t)i);
    return status == BG_OK ? BG_OK : bg_fail(error, status, "client %zu: %s", i, bg_status_text(status));
}

static enum bg_status make_clients(struct bg_federation *f, const struct bg_population *population,
                                   struct bg_error *error)
{
    const struct bg_simulator_config *c = f->config;
    size_t clients = f->settings.data->partition.clients;
    f->byzantine = calloc(clients, sizeof *f->byzantine);
    f->members = calloc(clients, sizeof *f->members);
    if (!f->byzantine || !f->members)
        return bg_fail(error, BG_NO_MEMORY, "clients: out of memory");
    f->member_count = clients;
    bg_attack_choose(c->seed, c->attack_share, clients, f->byzantine);
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

enum bg_status bg_federation_make_roles(struct bg_federation *f, struct bg_error *error)
{
    struct bg_population population;
    enum bg_status status = bg_population_set(&population, "simulation");
    if (status == BG_OK)
        status = make_keys(f, error);
    if (status == BG_OK)
        status = make_model(f, error);
    if (status == BG_OK)
        status = bg_federation_plan_tree(f, error);
    if (status == BG_OK)
        status = make_keyholder(f, &population, error);
    if (status == BG_OK)
        status = make_root(f, &population, error);
    if (status == BG_OK)
        status = bg_federation_make_edges(f, &population, error);
    if (status == BG_OK)
        status = make_clients(f, &population, error);
    return status;
}
