/* SPDX-License-Identifier: Apache-2.0 */
/* What federation.c (actors, notices, rounds) and federation_setup.c (keys, roles, clients) share. */
#pragma once

#include "aggregator/root.h"
#include "base/clock.h"
#include "base/digest_table.h"
#include "client/client.h"
#include "keyholder/keyholder.h"
#include "net/loopback.h"
#include "simulator/actor.h"
#include "simulator/attack.h"
#include "simulator/federation.h"
#include "simulator/link.h"

#define BG_POLL_NS BG_SECOND
#define BG_PATIENCE_NS (30 * BG_SECOND)

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
    struct bg_phase_ring marks; /* of the running round */
    uint64_t round_begin, cpu_begin[BG_PHASE_COUNT];
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
    struct bg_library library;     /* what clients were told, checked once for all of them */
    struct bg_digest_table places; /* client id → index of its member */
    bool *byzantine;
    uint16_t *flipped_labels;

    struct bg_model *model; /* the initial one */
    float *initial_parameters;
    struct bg_transform initial_transform;
    struct bg_transform test_transform; /* what the test rows below were made with; its own numbers */
    struct bg_transformed test;

    uint64_t rounds_opened;
    bool epoch_ready, epoch_failed, round_ended;
    struct bg_error error;
    struct bg_round_result result; /* of the running round */
    uint64_t second;         /* of virtual time: the latest with a request … */
    size_t second_requests;  /* … and how many it had */
    double loss_sum;
    size_t loss_count;
};

/* federation.c: how the roles are driven, and what they tell. */
extern const struct bg_actor_ops bg_client_actor, bg_root_actor, bg_keyholder_actor;
void bg_federation_on_root(void *federation, const struct bg_root_notice *notice);
void bg_federation_on_client(void *federation, const struct bg_client_notice *notice);
void bg_federation_on_keyholder(void *federation, const struct bg_keyholder_notice *notice);

/* federation_setup.c: keys of all roles, the model, key holder, root, clients, the roster. */
BG_MUST_CHECK enum bg_status bg_federation_make_roles(struct bg_federation *federation, struct bg_error *error);
