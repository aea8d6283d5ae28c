/* SPDX-License-Identifier: Apache-2.0 */
/* What federation.c (actors, notices, rounds) and federation_setup.c (keys, roles, clients) share. */
#pragma once

#include "aggregator/edge.h"
#include "aggregator/root.h"
#include "base/clock.h"
#include "base/digest_table.h"
#include "client/client.h"
#include "keyholder/keyholder.h"
#include "net/loopback.h"
#include "simulator/actor.h"
#include "simulator/attack.h"
#include "simulator/evaluate.h"
#include "simulator/federation.h"
#include "simulator/link.h"
#include "simulator/tree.h"

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
    bool absent;              /* from the round that runs: it does nothing, and nothing reaches it */
    size_t home;              /* its edge, or BG_TREE_ROOT */
    uint64_t failures, moves; /* unanswered requests in a row, and how often it has turned elsewhere, this round */
};

/* An edge with its links: clients come in, questions go to its parent and to the key holder. */
struct tree_edge {
    struct bg_federation *federation;
    struct bg_actor actor; /* its port leads to the parent */
    struct bg_actor_port keyholder_port;
    struct bg_loopback from_clients, to_parent, to_keyholder;
    struct bg_edge *edge;
    struct bg_identity *identity;
    struct tree_edge *parent; /* NULL: the root */
    size_t level;             /* 0 below the root */
    uint64_t down_until;      /* instant; messages to and from it are lost before */
};

/* The one key and table that all clients of the process share. */
struct shared_keys {
    struct bg_key_ring ring;
    struct bg_public_key *key;
    struct bg_mask_table *table;
    struct bg_mask_pool *pool;
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
    struct bg_sealing_key *sealing_key, *keyholder_sealing_key;

    struct bg_actor root_actor, keyholder_actor;
    struct bg_root *root;
    struct bg_keyholder *keyholder;
    struct bg_tree tree;
    struct tree_edge *edges;       /* (tree.edges) */
    struct bg_digest *edge_ids;    /* (tree.edges) */
    uint8_t *edge_points;          /* (tree.edges) public keys */
    size_t *homes;                 /* (cells) their edge, or BG_TREE_ROOT */
    struct member *members;
    size_t member_count;
    struct bg_library library;     /* what clients were told, checked once for all of them */
    struct bg_digest_table places; /* client id → index of its member */
    bool *byzantine;
    uint16_t *flipped_labels;

    struct bg_model *model; /* the initial one */
    float *initial_parameters;
    struct bg_transform initial_transform;
    struct bg_judge judge;

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
uint64_t bg_federation_work_cost(const struct bg_actor *actor, const struct bg_work *work);
void bg_federation_mark_message(struct bg_federation *federation, const struct bg_request *request, size_t bytes,
                                bool upward, uint64_t delay_ns);
void bg_federation_serve_root(void *federation, const struct bg_request *request, struct bg_call *call);
void bg_federation_serve_keyholder(void *federation, const struct bg_request *request, struct bg_call *call);
void bg_federation_warn(struct bg_federation *federation, const char *what, uint64_t round,
                        const struct bg_error *error);
void bg_federation_on_root(void *federation, const struct bg_root_notice *notice);
void bg_federation_on_client(void *federation, const struct bg_client_notice *notice);
void bg_federation_on_keyholder(void *federation, const struct bg_keyholder_notice *notice);

/* federation_setup.c: keys of all roles, the model, key holder, root, clients, the roster. */
BG_MUST_CHECK enum bg_status bg_federation_make_roles(struct bg_federation *federation, struct bg_error *error);
struct bg_random bg_federation_random(struct seeded *seeded, uint64_t seed, const char *purpose, uint64_t index);

/* federation_tree.c: edges. */
/* Layout and identities; then, once the other roles have keys, the roles. */
BG_MUST_CHECK enum bg_status bg_federation_plan_tree(struct bg_federation *federation, struct bg_error *error);
BG_MUST_CHECK enum bg_status bg_federation_make_edges(struct bg_federation *federation,
                                                      const struct bg_population *population,
                                                      struct bg_error *error);
BG_MUST_CHECK enum bg_status bg_federation_enrol_at_edges(struct bg_federation *federation,
                                                          const struct bg_roster_entry *entry,
                                                          struct bg_error *error);
void bg_federation_tree_finish(struct bg_federation *federation);
/* Of a message between a client and an aggregator of this level, 0 being the root. */
uint64_t bg_federation_client_delay(struct bg_federation *federation, size_t level, const struct bg_request *request,
                                    size_t bytes, int upward);
void bg_federation_client_answered(struct bg_actor *actor, enum bg_status status);
void bg_federation_go_home(struct member *member);
/* Which edges are down in the round to come, and until when. */
void bg_federation_draw_edge_faults(struct bg_federation *federation, uint64_t round);
/* All are up, and none does anything unless it is asked. */
void bg_federation_rest_edges(struct bg_federation *federation);
