/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of a client's round. Training and building run on a worker: what they borrow does not change
 * meanwhile. */
#pragma once

#include "client/client.h"
#include "model/transform.h"

/* A client's examples as the model takes them: made when a model comes with another transform, kept across rounds.
 * Zeroed: none. */
struct bg_client_inputs {
    struct bg_transformed made;
    struct bg_digest transform; /* SHA-256 of the numbers it was made with */
};

void bg_client_inputs_finish(struct bg_client_inputs *inputs);

/* Minibatch steps from the model's parameters w_t. With drift_memory λ and proximal_mu μ the loss has
 *   μ/2 ‖w − w_t‖² − ⟨h, w⟩                     and afterwards  h ← λ·h − μ·Δ,
 * which makes the clients' different optima meet (FedDyn, Acar et al. 2021, where λ = 1); the server's half is
 * BG_SERVER_NESTEROV with β1 = λ. */
struct bg_client_training {
    struct bg_span model_file;
    const struct bg_plan *plan;
    const struct bg_task *task;
    const struct bg_examples *examples; /* the plan's features after their signed logarithm */
    struct bg_client_data *data;        /* where to get them instead; nothing of them is kept then; NULL: see above */
    struct bg_examples opened;          /* what `data` gave, while it is open */
    struct bg_client_inputs *inputs;    /* in, out */
    uint64_t seed;
    float *drift; /* in, out: (coordinates) h; NULL without drift memory */
    float *delta; /* out: (plan->root.layout.coordinates) trained − start */
    double loss;  /* out */
};

/* BG_DATA where model file, plan and examples do not fit together; BG_NOT_FINITE names the tensor. */
BG_MUST_CHECK enum bg_status bg_client_train(struct bg_client_training *training, struct bg_error *error);
/* The values (shape->votes_at) of a stage that measures; reads neither seed nor delta. Errors as above, and those of
 * bg_statistics_measure. */
BG_MUST_CHECK enum bg_status bg_client_measure(struct bg_client_training *training, const struct bg_shape *shape,
                                               struct bg_error *error, uint64_t *ret_fields);

/* What becomes of a trained update, in two steps. Zero what is not listed as input. */
struct bg_client_building {
    struct bg_update_context update; /* cipher and masks are filled in from the ring */
    struct bg_key_ring *keys;
    const uint8_t *tie_secret; /* 32 bytes */
    struct bg_update_tap tap;
    float *delta;
    float *momentum; /* (coordinates); NULL without client momentum */
    bool encoded;    /* out: codec holds p, to be committed or folded back */
    struct bg_codec_update *codec; /* in: the residual in `sums`; out: p, bits, fields */
    uint64_t *fields; /* in: those of a stage that measures, else NULL; owned until they are encrypted */
    struct bg_update frames; /* out */
};

/* Δ to votes and fields, p replacing the residual; nothing where the stage measures. */
BG_MUST_CHECK enum bg_status bg_client_encode(struct bg_client_building *building, struct bg_error *error);
/* Votes and fields to signed frames, encrypted if the plan says so. */
BG_MUST_CHECK enum bg_status bg_client_encrypt(struct bg_client_building *building, struct bg_error *error);
/* Both. */
BG_MUST_CHECK enum bg_status bg_client_build(struct bg_client_building *building, struct bg_error *error);
/* Of a building that stops before its fields are encrypted. */
void bg_client_building_finish(struct bg_client_building *building);

/* What becomes of p in codec->sums: the residual of the next round. `scales` are the receipt's; NULL, only where the
 * update was not used: those of the task. Statistics leave it as it is. */
void bg_client_settle(const struct bg_plan *plan, const struct bg_task *task, bool used, const double *scales,
                      struct bg_codec_update *codec);
