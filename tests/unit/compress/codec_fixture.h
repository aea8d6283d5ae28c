/* SPDX-License-Identifier: Apache-2.0 */
/* The layout and the plain inputs that the tests of the codec share. */
#pragma once

#include "compress/codec.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

static inline struct bg_codec_settings standard_settings(enum bg_codec_mode mode)
{
    return (struct bg_codec_settings){.mode = mode,
                                      .scale_basis = BG_SCALE_FROM_DELTA,
                                      .centre = BG_CENTRE_ZERO,
                                      .clip = 4,
                                      .growth = 1.2,
                                      .growth_from = 5,
                                      .percentile = 0.25,
                                      .decay = 0.9,
                                      .server_momentum = 0.9,
                                      .server_step = 0.001};
}

static inline uint64_t tie_word(void *context, uint64_t index)
{
    (void)index;
    return *(const uint64_t *)context;
}

/* Tensors "a", "b", … of the given sizes. */
static inline void make_layout(struct bg_layout *layout, size_t count, const uint32_t *sizes)
{
    bg_layout_init(layout);
    for (size_t t = 0; t < count; t++) {
        char name[2] = {(char)('a' + t), 0};
        cr_assert_eq(bg_layout_add(layout, name, 1, &sizes[t], NULL), BG_OK);
    }
}

struct codec {
    struct bg_codec_settings settings;
    struct bg_layout layout;
    struct bg_codec_round round;
    struct bg_codec_update update;
    struct bg_codec_input input;
    struct bg_error error;
    uint64_t ties;
    double scales[8];
};

/* No tie votes up, scales are 1. */
static inline void codec_init(struct codec *codec, enum bg_codec_mode mode, size_t tensors,
                              const uint32_t *sizes)
{
    *codec = (struct codec){.settings = standard_settings(mode)};
    make_layout(&codec->layout, tensors, sizes);
    for (size_t t = 0; t < 8; t++)
        codec->scales[t] = 1;
    codec->round.scales = codec->scales;
    cr_assert_eq(bg_codec_update_init(&codec->update, &codec->layout), BG_OK);
    codec->input.ties = (struct bg_tie_bits){tie_word, &codec->ties};
    codec->input.workspace = calloc(codec->layout.coordinates, sizeof(float));
    cr_assert_not_null(codec->input.workspace);
}

static inline void codec_finish(struct codec *codec)
{
    free(codec->input.workspace);
    bg_codec_update_finish(&codec->update);
    bg_layout_finish(&codec->layout);
}

static inline enum bg_status codec_encode(struct codec *codec, const float *delta, const float *residual)
{
    codec->input.delta = delta;
    codec->input.residual = residual;
    return bg_codec_encode(&codec->settings, &codec->layout, &codec->round, &codec->input, &codec->error,
                           &codec->update);
}
