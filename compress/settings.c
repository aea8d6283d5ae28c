/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/codec.h"

struct bg_codec_settings bg_codec_settings_standard(enum bg_codec_mode mode)
{
    return (struct bg_codec_settings){
        .mode = mode,
        .scale_basis = BG_SCALE_FROM_DELTA,
        .centre = BG_CENTRE_ZERO,
        .clip = 4,
        .growth = 1.2,
        .growth_from = 5,
        .percentile = 0.25,
        .decay = 0.9,
        .client_momentum = 0,
        .server_momentum = 0.9,
        .server_step = 0.001,
    };
}

/* The bounds are written so that NaN fails them. */
enum bg_status bg_codec_settings_check(const struct bg_codec_settings *settings, struct bg_error *error)
{
    if (settings->mode < BG_CODEC_EF || settings->mode > BG_CODEC_DENSE)
        return bg_fail(error, BG_INVALID, "codec.mode %d is none of ef, median, sign, dense",
                       (int)settings->mode);
    if (settings->scale_basis != BG_SCALE_FROM_DELTA && settings->scale_basis != BG_SCALE_FROM_RESIDUAL)
        return bg_fail(error, BG_INVALID, "codec.scale_basis %d is neither delta nor residual",
                       (int)settings->scale_basis);
    if (settings->centre != BG_CENTRE_ZERO && settings->centre != BG_CENTRE_MEDIAN)
        return bg_fail(error, BG_INVALID, "codec.centre %d is neither zero nor median",
                       (int)settings->centre);
    if (!(settings->clip > 0 && settings->clip <= 1e6))
        return bg_fail(error, BG_INVALID, "codec.clip %g is not above 0 and at most 1e6", settings->clip);
    if (!(settings->growth >= 1 && settings->growth <= 1e6))
        return bg_fail(error, BG_INVALID, "codec.growth %g is not within 1 to 1e6", settings->growth);
    if (!(settings->percentile >= 0 && settings->percentile <= 1))
        return bg_fail(error, BG_INVALID, "codec.percentile %g is not within 0 to 1", settings->percentile);
    if (!(settings->decay >= 0 && settings->decay <= 1))
        return bg_fail(error, BG_INVALID, "codec.decay %g is not within 0 to 1", settings->decay);
    if (!(settings->client_momentum >= 0 && settings->client_momentum < 1))
        return bg_fail(error, BG_INVALID, "codec.client_momentum %g is not within 0 to below 1",
                       settings->client_momentum);
    if (!(settings->server_momentum >= 0 && settings->server_momentum < 1))
        return bg_fail(error, BG_INVALID, "codec.server_momentum %g is not within 0 to below 1",
                       settings->server_momentum);
    if (!(settings->server_step > 0 && settings->server_step <= 1e6))
        return bg_fail(error, BG_INVALID, "codec.server_step %g is not above 0 and at most 1e6",
                       settings->server_step);
    return BG_OK;
}
