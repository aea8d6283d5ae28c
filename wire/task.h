/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the root announces for one round, under the plan whose id is in the frame. Signed by the root: the
 * signature covers the label and the frame up to the signature.
 *
 * Body: u64 round | u32 attempt | u64 epoch | 32 model digest | 32 receipt digest | u8 stage |
 *       f64 learning rate | u32 steps | u32 window first | u32 window rest | u64 deadline ns |
 *       u64 tensors | per tensor: u8 travels, f64 scale, f64 centre |
 *       u64 invited groups | u32 each, ascending | 64 signature
 */
#pragma once

#include "base/arena.h"
#include "wire/frame.h"

/* What a round is for. Before learning come rounds that fit what learning starts from; each is an ordinary round. The
 * values are the wire's. */
enum bg_task_stage {
    BG_STAGE_LEARNING = 0,   /* votes */
    BG_STAGE_SCALES = 1,     /* mode ef: absolute scale fields, no votes */
    BG_STAGE_MOMENTS = 2,    /* rows, class counts, sums of features and of their squares */
    BG_STAGE_COVARIANCE = 3, /* rows, sums of standardised features and of their products */
    BG_STAGE_COUNT
};

/* "learning", "scales", … */
const char *bg_task_stage_name(enum bg_task_stage stage);
/* Whether the slots are statistics of the data instead of an update of the model. */
static inline bool bg_task_stage_measures(enum bg_task_stage stage)
{
    return stage == BG_STAGE_MOMENTS || stage == BG_STAGE_COVARIANCE;
}

struct bg_task {
    uint64_t round;
    uint32_t attempt;
    uint64_t epoch;
    struct bg_digest model;  /* SHA-256 of the model file to start from */
    struct bg_digest receipt; /* SHA-256 of the receipt's frame of the round before; zero before the first receipt */
    enum bg_task_stage stage;
    double learning_rate;    /* of this round's local steps … */
    uint32_t steps;          /* … and how many, 1 to BG_MAX_STEPS */
    uint32_t window_first;   /* which coordinates are voted on (compress/window.h): */
    uint32_t window_rest;    /* both 0 for all */
    uint64_t deadline_ns;    /* duration from the opening of the round */
    size_t tensor_count;     /* of the plan's layout */
    const bool *travels;     /* (tensor_count) which tensors are voted on */
    const double *scales;    /* (tensor_count) s_T of the previous round, > 0; 1 before stage learning */
    const double *centres;   /* (tensor_count) c_T */
    size_t invited_count;
    const uint32_t *invited; /* group indices, strictly ascending */
};

/* Everything before the signature; the caller signs bg_writer_span from the frame's start and appends. The body
 * size already counts the signature. */
void bg_task_encode_unsigned(struct bg_writer *w, const struct bg_population *population,
                             const struct bg_digest *plan_id, const struct bg_task *task);
BG_MUST_CHECK enum bg_status bg_task_decode(const struct bg_frame *frame, struct bg_arena *arena,
                                            struct bg_error *error, struct bg_task *ret);
