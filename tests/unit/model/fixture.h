/* SPDX-License-Identifier: Apache-2.0 */
/* Examples and models that several tests share. */
#pragma once

#include "model/model.h"

#include <stdlib.h>

/* Owned rows with a view on them. */
struct fixture {
    float *features;
    uint16_t *labels;
    struct bg_examples examples;
};

/* Normal features around a centre of each class, `distance` from the origin along axis (class mod columns); labels
 * in turn. */
static inline struct fixture fixture_create(size_t count, size_t columns, uint32_t classes, double distance,
                                            uint64_t seed)
{
    struct bg_prng prng;
    struct fixture fixture = {
        .features = malloc(count * columns * sizeof(float)),
        .labels = malloc(count * sizeof(uint16_t)),
    };
    if (!fixture.features || !fixture.labels)
        abort();
    bg_prng_init(&prng, seed);
    for (size_t i = 0; i < count; i++) {
        fixture.labels[i] = (uint16_t)(i % classes);
        for (size_t k = 0; k < columns; k++) {
            double centre = k == fixture.labels[i] % columns ? distance : 0;
            fixture.features[i * columns + k] = (float)(centre + bg_prng_normal(&prng));
        }
    }
    fixture.examples = (struct bg_examples){.features = fixture.features,
                                            .labels = fixture.labels,
                                            .count = count,
                                            .columns = columns,
                                            .classes = classes};
    return fixture;
}

static inline void fixture_destroy(struct fixture *fixture)
{
    free(fixture->features);
    free(fixture->labels);
}

/* A model that must exist. */
static inline struct bg_model *fixture_model(const char *spec, size_t columns, uint32_t classes)
{
    struct bg_model *model = NULL;
    if (bg_model_create(spec, columns, classes, NULL, &model) != BG_OK)
        abort();
    return model;
}

/* Initial parameters, to free(). */
static inline float *fixture_parameters(const struct bg_model *model, uint64_t seed)
{
    struct bg_prng prng;
    float *parameters = malloc(model->layout.coordinates * sizeof *parameters);
    if (!parameters)
        abort();
    bg_prng_init(&prng, seed);
    bg_model_initialise(model, &prng, parameters);
    return parameters;
}
