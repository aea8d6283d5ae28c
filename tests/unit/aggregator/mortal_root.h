/* SPDX-License-Identifier: Apache-2.0 */
/* A world of clients and a key holder around a root that can die wherever it keeps something, and come back. */
#pragma once

#include "aggregator/memory.h"
#include "by_hand.h"

#define ROUNDS 2
#define MOST_ROUNDS 4
#define FOLD_NS 12345 /* of every round, says the owner of the memory */
#define NEVER SIZE_MAX

struct post {
    void (*run)(void *argument);
    void *argument;
    struct post *next;
};

/* What outlives the root: the world around it, and its folder. */
struct world {
    struct by_hand h;
    char folder[64];
    struct bg_sealing_key *sealing_key;
    struct bg_loopback to_key_holder;
    struct post *first, *last;
    uint64_t now;
    uint64_t rounds; /* until it stops: ROUNDS */
    uint64_t models; /* that stay: all */
    bool acknowledged[MOST_ROUNDS + 1][HANDS];
    bool missing[MOST_ROUNDS + 1][HANDS]; /* clients that are switched off */
    bool key_holder_down;
    /* Of the root: the same in every life until a nonce was kept, other numbers in each life afterwards. */
    struct bg_prng chance;
    uint64_t lives;
    bool nonce_kept;

    /* of one life */
    struct bg_memory_settings settings;
    struct bg_memory *memory;
    struct bg_root *root;
    struct bg_root_settings kept; /* the memory's own keep and keep_update */
    enum bg_status resumed;
    bool is_resumed;
    bool dead;
    size_t points, die_at; /* points passed, and the one to die at */
    size_t warnings, refused;
    struct bg_error error;
};

struct outcome {
    size_t points;
    struct bg_digest model;
    struct bg_digest receipts[ROUNDS + 1];
    size_t updates[ROUNDS + 1]; /* a bit per client */
    const struct world *world; /* while it is looked at */
};

/* In the second round client 1 is missing: its group sits it out, and the round ends at its deadline. */
void make_world(struct world *w, enum bg_plan_encryption encryption);
void end_world(struct world *w);
void open_memory(struct world *w);
/* From the folder to a root that resumes … */
void begin_life(struct world *w);
/* … and to one that has. */
void start_life(struct world *w);
/* The root is gone; what its folder has stays. */
void end_life(struct world *w);
/* One thing that is to be done; false: there is none. */
bool turn(struct world *w);
/* Until nothing is left to do. */
void pump(struct world *w);
/* What the root answers a client that asks for the receipt. */
enum bg_status ask_receipt(struct world *w, uint64_t round);
/* The client's update of the round: made once, sent until it is acknowledged. */
void contribute(struct world *w, uint64_t round, size_t client);
/* The next thing that the owner of a root does; false when the rounds are over. */
bool act(struct world *w);
/* A life until the rounds are over, or its death. */
void live(struct world *w);
/* What the root's folder says; no update that was acknowledged may be missing. */
struct outcome look(struct world *w);
void must(struct world *w, enum bg_status status);
