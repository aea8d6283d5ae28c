/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole population in memory: key holder, root and clients with their keys, one partition, and the plan that both
 * sign, as every role would make them. The Paillier key is the 512-bit one of the vectors. Repeatable.
 */
#pragma once

#include "base/prng.h"
#include "crypto/secret_key.h"
#include "protocol/envelope.h"
#include "protocol/partition.h"
#include "wire/receipt.h"
#include "wire/task.h"

#define POPULATION_CLIENTS 8

struct population_terms {
    enum bg_plan_encryption encryption;
    enum bg_plan_codec_mode mode; /* 0: ef */
    uint32_t s;                   /* 0: 1 */
    bool mixed_radix, centre_median;
    double client_momentum;
    double drift_memory;
    uint64_t epoch;
    const char *name;               /* NULL: "test" */
    const struct bg_layout *layout; /* NULL: "first" 900, "middle" 30, "last" 110 */
};

struct population {
    struct bg_prng prng;
    struct bg_random random;
    struct bg_population name;
    struct bg_identity *root, *key_holder, *clients[POPULATION_CLIENTS];
    struct bg_sealing_key *sealing_key;
    struct bg_secret_key *secret; /* NULL with encryption off */
    struct bg_arena arena;
    struct bg_groups groups; /* two of four */
    struct bg_plan plan;     /* key and root parts; what they encode to is in the frame */
    struct bg_digest plan_id;
    struct bg_writer plan_frame, groups_frame;
};

void population_init(struct population *p, const struct population_terms *terms);
void population_finish(struct population *p);
/* Encodes and signs the plan's parts, after a test has changed them. */
void population_sign_plan(struct population *p);
/* Frames signed by the root; bg_writer_finish() them. */
struct bg_writer task_frame(const struct population *p, const struct bg_task *task);
struct bg_writer receipt_frame(const struct population *p, const struct bg_receipt *receipt);
