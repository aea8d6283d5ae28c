/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model as a file: safetensors that say what the model takes, what it tells apart and where it comes from.
 *
 *   tensors   those of the model's layout; its transform: "features.mean", "features.scale" (columns) and, with one,
 *             "features.projection" (inputs, columns); where it is known "classes.prior" (classes)
 *   metadata  "format" = "pt", "burgee.version" = "1", "burgee.model" = the spec,
 *             "burgee.features", "burgee.classes" = JSON arrays of names, "burgee.label_map" = its name,
 *             "burgee.round" = decimal, "burgee.parent", "burgee.plan" = 64 hex digits, zeros for none
 *
 * Equal cards give equal bytes, so that a model's digest is that of its file.
 */
#pragma once

#include "base/arena.h"
#include "base/span.h"
#include "model/model.h"
#include "model/transform.h"

#define BG_MODEL_FILE_LIMIT ((size_t)1 << 30)

struct bg_model_card {
    const struct bg_model *model;
    const float *parameters;          /* (layout.coordinates) */
    struct bg_transform transform;    /* from signed-log features to the model's inputs */
    const char *const *feature_names; /* (transform.columns) */
    const char *const *class_names;   /* (classes) */
    const float *class_prior;         /* (classes) shares of the classes in the training data, 0 to 1; NULL: unknown */
    const char *label_map;
    uint64_t round;          /* that made the model; 0: initial parameters */
    struct bg_digest parent; /* the file of the model it was stepped from */
    struct bg_digest plan;   /* the plan it was made under */
};

/* Appends the file. BG_NOT_FINITE names the tensor. */
BG_MUST_CHECK enum bg_status bg_model_encode(const struct bg_model_card *card, struct bg_writer *writer,
                                             struct bg_error *error);
/* Encodes and writes it, mode 0644. */
BG_MUST_CHECK enum bg_status bg_model_save(const struct bg_model_card *card, const char *path,
                                           struct bg_error *error);

/* What a file held; the card's pointers are the file's. */
struct bg_model_file {
    struct bg_model_card card;
    struct bg_model *model;
    struct bg_arena arena;
};

/* Borrows the content; `file` is what errors call it. Besides the statuses of bg_safetensors_parse and
 * bg_safetensors_read: BG_DATA where metadata are missing or malformed or a tensor is not part of the model. */
BG_MUST_CHECK enum bg_status bg_model_decode(struct bg_span content, const char *file, struct bg_error *error,
                                             struct bg_model_file *ret_file);
BG_MUST_CHECK enum bg_status bg_model_load(const char *path, struct bg_error *error, struct bg_model_file *ret_file);
void bg_model_file_finish(struct bg_model_file *file);
