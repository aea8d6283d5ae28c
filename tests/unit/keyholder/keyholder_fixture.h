/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key holder of twelve clients in three groups of four, asked through a loopback without delay, and a maker of
 * releases that lies on demand. A client's plaintext at a position is known_value of the two, so every opened sum is
 * known.
 */
#pragma once

#include "crypto/cipher.h"
#include "crypto/secret_key.h"
#include "keyholder/keyholder.h"
#include "net/loopback.h"
#include "wire/block.h"
#include "wire/epoch.h"
#include "wire/manifest.h"
#include "wire/release.h"

#include <criterion/criterion.h>

#define CLIENTS 12
#define POSITIONS 70 /* two blocks, the second short */
#define ALL 0xfu

struct answer {
    bool given;
    enum bg_status status;
    struct bg_writer bytes;
};

struct posted {
    void (*run)(void *argument);
    void *argument;
};

struct fixture {
    struct bg_keyholder_settings settings;
    struct bg_keyholder *keyholder;
    struct bg_secret_key *secret;
    struct bg_mask_table *masks;
    struct bg_sealing_key *sealing;
    uint32_t columns; /* of the plan's only tensor, which has 4 rows; 0: 2 */
    struct bg_identity *identity, *root, *clients[CLIENTS];
    struct bg_loopback loopback;
    struct posted posted[64];
    size_t posted_first, posted_count;
    struct bg_keyholder_notice notice; /* the last; its error is below */
    struct bg_error error;             /* of the last refusal or lock */
    /* the epoch as answered */
    struct answer epoch;
    struct bg_arena arena;
    struct bg_epoch_reveal reveal;
    struct bg_groups groups;
    struct bg_span key_bytes, key_signature;
    struct bg_digest plan_id;
    struct bg_writer plan;
};

/* With keys of 512 bits and s = 2, without knowledge tags; the key holder is not created yet. */
void fixture_init(struct fixture *f, enum bg_plan_encryption encryption);
/* The same with another s and with knowledge tags. */
void fixture_init_knowing(struct fixture *f, enum bg_plan_encryption encryption, uint32_t s);
/* Speaks to f->keyholder from now on. */
void fixture_connect(struct fixture *f);
/* Creates it with f->settings. */
void fixture_start(struct fixture *f);
void fixture_enrol_all(struct fixture *f);
/* Starts, enrols, and goes to epoch 1 with its plan. */
void fixture_begin(struct fixture *f);
/* All of the above. */
void fixture_ready(struct fixture *f, enum bg_plan_encryption encryption);
void fixture_finish(struct fixture *f);
/* Forgets the key holder and makes it again from the journal. */
void fixture_restart(struct fixture *f);

/* Sends as `peer`; the answer is given by fixture_run. */
void send_as(struct fixture *f, const struct bg_digest *peer, enum bg_route route, struct bg_span body,
             struct answer *answer);
/* Delivers what is posted; no work. */
void deliver(struct fixture *f);
/* Delivers, and runs one piece of work if there is one; false if there was none. */
bool run_one_work(struct fixture *f);
void run_all(struct fixture *f);
/* Sends as the root and runs everything. The answer's bytes are to be finished. */
enum bg_status ask(struct fixture *f, enum bg_route route, struct bg_span body, struct answer *answer);

enum bg_status ask_epoch(struct fixture *f, uint64_t epoch);
/* Builds f->plan over the epoch's key part; `batch` makes plans differ. */
void make_plan(struct fixture *f, uint32_t batch);
enum bg_status show_plan(struct fixture *f);

struct update {
    uint32_t client;
    uint8_t *plaintexts; /* that its tags are of */
    uint8_t *payload;
    struct bg_writer manifest;
};

/* What to ask for, and which lies to tell. */
struct wish {
    uint64_t round;
    uint32_t attempt;
    uint32_t group;
    uint64_t epoch;               /* 0: f's */
    uint64_t members;             /* mask */
    uint64_t positions;           /* 0: POSITIONS */
    const uint32_t *order;        /* members in this order instead of the mask */
    uint32_t order_count;
    uint64_t seed;                /* makes the ciphertexts of a paillier update differ, and the plaintexts of null */
    const struct bg_digest *plan_id; /* of the release; NULL: f's */
    void (*lie)(struct bg_manifest *manifest, struct bg_digest *plan_id, uint32_t place);
    uint32_t forger;              /* place + 1 of the member whose manifest somebody else signs; 0: none */
    uint32_t stranger;            /* place + 1 of the member replaced by a client of another group */
    uint32_t flipped;             /* place + 1 of the member whose first block has a flipped bit */
    uint32_t missing;             /* place + 1 of the member whose last block is left out */
    uint32_t swapped;             /* place + 1 of the member whose blocks come in the wrong order */
    uint32_t doubled;             /* place + 1 of the member that the product counts twice */
    size_t tail_lacks;            /* bytes of the last position */
    uint32_t whole_tail;          /* place + 1 of the member whose tail is sent with zeros for them */
    bool cut_product;             /* one ciphertext short, a position fewer in it */
    bool longer;                  /* bytes after the blocks */
    /* Makes the ciphertexts of the member at `place` of everybody's, before anything is signed. */
    void (*maul)(const struct fixture *f, const struct update *updates, uint32_t place, uint64_t positions);
    /* Instead of known values. */
    void (*fill)(const struct fixture *f, uint32_t place, uint64_t positions, uint8_t *ret_plaintexts);
    uint32_t mauler;              /* place + 1 of the member that does */
    uint32_t untagged;            /* place + 1 of the member whose tags are missing, or there without need */
    uint32_t unsealed;            /* place + 1 of the member whose sealed tags have a flipped bit */
};

void make_release(struct fixture *f, const struct wish *wish, struct bg_writer *w);
enum bg_status ask_release(struct fixture *f, const struct wish *wish, struct answer *answer);
uint32_t client_of(const struct fixture *f, uint32_t group, uint32_t member);
uint64_t known_value(uint32_t client, uint64_t position, uint64_t seed);
/* That an answer is the sums of exactly these members, with a good record; gives the record. */
struct bg_record expect_sums(const struct fixture *f, const struct answer *answer, const struct wish *wish);
/* That the last sentence names this client, or contains this text. */
bool names_client(const struct fixture *f, uint32_t client);
bool says(const struct fixture *f, const char *text);
