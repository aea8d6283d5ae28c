/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local training: minibatch steps over given examples, from given parameters, the same bits for the same seed.
 *
 * Minibatches walk through a shuffled order of the examples without replacement; where an order ends a fresh one
 * begins, inside a minibatch too. A minibatch is never larger than the set.
 */
#pragma once

#include "model/class_balance.h"
#include "model/model.h"
#include "model/optimizer.h"

/* η(t) = peak · (floor + (1 − floor)/2 · (1 + cos(π t/total))), t counted over the whole life of the model. */
struct bg_cosine {
    double peak;
    double floor;   /* share of the peak that is left at the end, in [0, 1] */
    uint64_t first; /* t of a training's first step */
    uint64_t total; /* steps from peak to floor, where the rate then stays; 0: always the peak */
};

double bg_cosine_rate(const struct bg_cosine *cosine, uint64_t t);

struct bg_training_settings {
    struct bg_optimizer_settings optimizer;
    struct bg_cosine rate;
    uint64_t steps;   /* 0: as many as `epochs` passes over the examples take */
    uint32_t epochs;  /* used if steps is 0 */
    size_t batch;     /* examples in a minibatch, 1 … BG_TRAINING_MAX_BATCH */
    double clip_norm; /* of the gradient; 0: not clipped */
    double proximal;  /* FedProx's μ: the gradient of μ/2 ‖w − w_start‖² is added before clipping; 0: off */
    const float *linear; /* (coordinates) h: so is that of −⟨h, w⟩; NULL: none */
    struct bg_class_balance balance;
};

#define BG_TRAINING_MAX_BATCH 65536

struct bg_training_result {
    double mean_loss; /* of the minibatches, weighted as trained, without the proximal term */
    uint64_t steps;
    uint64_t examples; /* seen; one seen twice counts twice */
};

/* A training under way, for callers that look in between. All of it is private. */
struct bg_training {
    const struct bg_model *model;
    struct bg_training_settings settings;
    struct bg_examples examples;
    struct bg_prng *prng;
    float *parameters;
    struct bg_optimizer optimizer;
    void *optimizer_workspace;
    void *model_workspace;
    float *gradient;      /* (coordinates) */
    float *start;         /* (coordinates): parameters at the start; NULL without a proximal term */
    float *class_weights; /* (classes) */
    float *class_shifts;  /* (classes) */
    uint32_t *order;      /* (examples): rows of the matrix, shuffled */
    uint32_t *rows;       /* (batch): of the current minibatch */
    size_t next;          /* in order */
    size_t batch;
    uint64_t steps_planned;
    uint64_t steps;
    double loss_sum;
};

/* Bytes that a training needs; SIZE_MAX if no block can be that large. */
size_t bg_training_workspace_size(const struct bg_model *model, const struct bg_training_settings *settings,
                                  size_t example_count);

/* Keeps everything given to it until the last step. BG_INVALID names the setting out of its range or what does not
 * fit the model. */
BG_MUST_CHECK enum bg_status bg_training_init(struct bg_training *training, const struct bg_model *model,
                                              const struct bg_training_settings *settings,
                                              const struct bg_examples *examples, struct bg_prng *prng,
                                              float *parameters, void *workspace, struct bg_error *error);
/* True while planned steps are left. */
bool bg_training_under_way(const struct bg_training *training);
/* One minibatch. BG_NOT_FINITE, naming the tensor, where loss or gradient are; the parameters are then useless. */
BG_MUST_CHECK enum bg_status bg_training_step(struct bg_training *training, struct bg_error *error);
/* After at least one step. BG_NOT_FINITE names the tensor if the parameters are not finite. */
BG_MUST_CHECK enum bg_status bg_training_finish(const struct bg_training *training, struct bg_error *error,
                                                struct bg_training_result *ret_result);

/* All of the above: trains `parameters` in place. */
BG_MUST_CHECK enum bg_status bg_train(const struct bg_model *model, const struct bg_training_settings *settings,
                                      const struct bg_examples *examples, struct bg_prng *prng, void *workspace,
                                      float *parameters, struct bg_error *error,
                                      struct bg_training_result *ret_result);
