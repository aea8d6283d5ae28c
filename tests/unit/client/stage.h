/* SPDX-License-Identifier: Apache-2.0 */
/* A population with a model to learn, data for one of its clients, and a round to take part in. */
#pragma once

#include "client/documents.h"
#include "client/jobs.h"
#include "model/model_file.h"
#include "tests/unit/protocol/population.h"

#define STAGE_TENSORS 4 /* of the model "mlp:4": two layers, weights and biases */
#define STAGE_ROWS 24
#define STAGE_COLUMNS 3

struct stage {
    struct population population;
    struct bg_trusted_plan plan; /* as client 0 received it */
    struct bg_seat seat;         /* of client 0 */
    struct bg_model *model;
    float *parameters;
    struct bg_transform transform;
    struct bg_writer model_file;
    struct bg_digest model_digest;
    float features[STAGE_ROWS * STAGE_COLUMNS];
    uint16_t labels[STAGE_ROWS];
    struct bg_examples examples;
    bool travels[STAGE_TENSORS];
    double scales[STAGE_TENSORS], centres[STAGE_TENSORS];
    uint32_t invited[2];
    struct bg_task task; /* round 1 of the epoch, all tensors travel, all groups invited */
    struct bg_shape shape;
};

/* The layout of `terms` is the model's. */
void stage_init(struct stage *stage, const struct population_terms *terms);
void stage_finish(struct stage *stage);
/* The model file again, with or without (NULL) the class shares of the federation. */
void stage_write_model(struct stage *stage, const float *class_prior);
/* Plan and shape again, after a test has changed the population's plan or the task. */
void stage_renew(struct stage *stage);
struct bg_trust stage_trust(const struct stage *stage);

/* How the round ended: `used` groups and members, s_T = 0.5·(tensor + 1). */
struct bg_receipt stage_receipt(const struct stage *stage, bool used, struct bg_receipt_group ret_groups[static 2],
                                double ret_scales[static STAGE_TENSORS]);

/* A ring that makes one table and one pool for the population's key; destroy it with stage_ring_finish. */
struct stage_ring {
    struct bg_key_ring ring;
    struct stage *stage;
    struct bg_mask_table *table;
    struct bg_mask_pool *pool;
    int asked;
};

void stage_ring_init(struct stage_ring *ring, struct stage *stage);
void stage_ring_finish(struct stage_ring *ring);
