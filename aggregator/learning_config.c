/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/learning_config.h"

const char *const bg_optimizer_names[] = {"sgd", "adamw", NULL};
const char *const bg_class_weights_names[] = {"none", "inverse-sqrt", NULL};
const char *const bg_codec_mode_names[] = {"ef", "median", "sign", "dense", NULL};
const char *const bg_scale_basis_names[] = {"delta", "residual", NULL};
const char *const bg_centre_names[] = {"zero", "median", NULL};
const char *const bg_rule_choice_names[] = {"mean", "unit-mean", "nnm", "flag", "flag+", NULL};

enum bg_status bg_learning_config_check(const struct bg_learning_config *config, struct bg_error *error)
{
    if (config->faulty_automatic && config->faulty)
        return bg_fail(error, BG_CONFIG, "robust.f=%llu counts only with robust.f_automatic=false",
                       (unsigned long long)config->faulty);
    return BG_OK;
}

void bg_learning_config_apply(const struct bg_learning_config *c, struct bg_root_settings *settings)
{
    settings->codec = (struct bg_plan_codec){.mode = (enum bg_plan_codec_mode)(c->codec_mode + 1),
                                             .scale_from_residual = c->scale_basis == 1,
                                             .centre_median = c->centre == 1,
                                             .clip = c->clip,
                                             .growth = c->growth,
                                             .growth_from = (uint32_t)c->growth_from,
                                             .percentile = c->percentile,
                                             .decay = c->decay,
                                             .client_momentum = c->client_momentum,
                                             .server_momentum = c->server_momentum,
                                             .server_step = c->server_step};
    settings->training = (struct bg_plan_training){
        .optimizer = (enum bg_plan_optimizer)(c->optimizer + 1),
        .class_weights = (enum bg_plan_class_weights)(c->class_weights + 1),
        .momentum = c->momentum,
        .weight_decay = c->weight_decay,
        .clip_norm = c->clip_norm,
        .proximal_mu = c->proximal_mu,
        .batch = (uint32_t)c->batch,
        .steps = (uint32_t)c->steps};
    settings->learning_rate = c->learning_rate;
    settings->learning_rate_floor = c->learning_rate_floor;
    settings->rule = (enum bg_rule)(c->rule + 1);
    settings->faulty = c->faulty_automatic ? BG_FAULTY_UNSET : (int)c->faulty;
}
