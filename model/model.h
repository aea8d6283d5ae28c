/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a model is to the rest of burgee: an immutable description that any number of clients and threads share,
 * beside flat float32 parameter blocks that each of them owns. Results depend on the inputs alone, bit for bit,
 * on every machine. Nothing here allocates except creation: callers bring a workspace, aligned as malloc aligns.
 */
#pragma once

#include "base/examples.h"
#include "base/layout.h"
#include "base/prng.h"
#include "model/loss.h"

#define BG_MODEL_SPEC_BYTES 64
#define BG_MODEL_MAX_COLUMNS 65536
#define BG_MODEL_MAX_CLASSES 1024

struct bg_model;

/* What a kind of model brings. The bg_model_ functions below say what each does. */
struct bg_model_ops {
    void (*initialise)(const struct bg_model *model, struct bg_prng *prng, float *ret_parameters);
    size_t (*workspace_size)(const struct bg_model *model, size_t batch);
    void (*scores)(const struct bg_model *model, const float *parameters, const struct bg_examples *batch,
                   void *workspace, float *ret_scores);
    double (*gradient)(const struct bg_model *model, const float *parameters, const struct bg_examples *batch,
                       const struct bg_loss *loss, void *workspace, float *ret_gradient);
    void (*destroy)(struct bg_model *model);
};

struct bg_model {
    const struct bg_model_ops *ops;
    char spec[BG_MODEL_SPEC_BYTES]; /* in its general form: creates an equal model */
    struct bg_layout layout;        /* of a parameter block */
    uint32_t columns;               /* features of an example */
    uint32_t classes;
};

/* `spec` is "linear"; "mlp:128-64" with the widths of one to eight hidden layers; or a preset's name: "mlp-128-64",
 * "mlp-64-32". Input and output widths are `columns` and `classes`. BG_INVALID names what is wrong. */
BG_MUST_CHECK enum bg_status bg_model_create(const char *spec, size_t columns, uint32_t classes,
                                             struct bg_error *error, struct bg_model **ret_model);
void bg_model_destroy(struct bg_model **model);

/* Fresh parameters: (layout.coordinates) floats. */
void bg_model_initialise(const struct bg_model *model, struct bg_prng *prng, float *ret_parameters);
/* Bytes that `scores` and `gradient` need for up to `batch` examples; SIZE_MAX if no block can be that large. */
size_t bg_model_workspace_size(const struct bg_model *model, size_t batch);
/* Logits of a batch, (count, classes) row-major. */
void bg_model_scores(const struct bg_model *model, const float *parameters, const struct bg_examples *batch,
                     void *workspace, float *ret_scores);
/* Gives the loss of a batch of at least one example, and its gradient (layout.coordinates):
 *   1/count Σ_i w[y_i] · (log Σ_c exp(z_ic + a_c) − z_i,y_i − a_y_i),  w and a of `loss`; NULL: all 1 and 0. */
double bg_model_gradient(const struct bg_model *model, const float *parameters, const struct bg_examples *batch,
                         const struct bg_loss *loss, void *workspace, float *ret_gradient);

/* BG_NOT_FINITE, naming the first tensor with a NaN or infinity and `what` the values are. */
BG_MUST_CHECK enum bg_status bg_model_check_finite(const struct bg_layout *layout, const float *values,
                                                   const char *what, struct bg_error *error);
/* BG_INVALID unless the examples have the model's columns and classes. */
BG_MUST_CHECK enum bg_status bg_model_check_examples(const struct bg_model *model, const struct bg_examples *examples,
                                                     struct bg_error *error);
