/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/learning_config.h"

const char *const bg_fit_names[] = {"federated", "central", NULL};
const char *const bg_optimizer_names[] = {"sgd", "adamw", NULL};
const char *const bg_class_weights_names[] = {"none", "inverse-sqrt", "federated-inverse-sqrt", "federated-balanced",
                                              NULL};
const char *const bg_codec_mode_names[] = {"ef", "median", "sign", "dense", NULL};
const char *const bg_scale_basis_names[] = {"delta", "residual", NULL};
const char *const bg_centre_names[] = {"zero", "median", NULL};
const char *const bg_server_optimizer_names[] = {"none", "momentum", "nesterov", "adam", "yogi", NULL};
const char *const bg_rule_choice_names[] = {"mean", "unit-mean", "nnm", "flag", "flag+", NULL};

enum bg_status bg_learning_config_check(const struct bg_learning_config *config, struct bg_error *error)
{
    if (config->faulty_automatic && config->faulty)
        return bg_fail(error, BG_CONFIG, "robust.f=%llu counts only with robust.f_automatic=false",
                       (unsigned long long)config->faulty);
    if (config->drift_memory > 0 && config->proximal_mu <= 0)
        return bg_fail(error, BG_CONFIG, "training.drift_memory=%g remembers nothing with training.proximal_mu=0: "
                                         "set it, too", config->drift_memory);
    if (config->drift_memory > 0 && config->server_optimizer)
        return bg_fail(error, BG_CONFIG, "training.drift_memory=%g brings a server optimizer of its own: set "
                                         "server.optimizer=none", config->drift_memory);
    enum bg_codec_mode mode = (enum bg_codec_mode)(config->codec_mode + 1);
    bool own_optimizer = mode == BG_CODEC_SIGN || mode == BG_CODEC_MEDIAN;
    if (own_optimizer && config->server_optimizer)
        return bg_fail(error, BG_CONFIG, "server.optimizer=%s with codec.mode=%s, which brings its own: set "
                                         "server.optimizer=none",
                       bg_server_optimizer_names[config->server_optimizer], bg_codec_mode_names[config->codec_mode]);
    if (own_optimizer && config->drift_memory > 0)
        return bg_fail(error, BG_CONFIG, "training.drift_memory=%g needs codec.mode=ef or dense, not %s",
                       config->drift_memory, bg_codec_mode_names[config->codec_mode]);
    if (config->rotate < 1 && mode != BG_CODEC_EF)
        return bg_fail(error, BG_CONFIG, "codec.rotate=%g with codec.mode=%s, which keeps nothing for later rounds: "
                                         "what is not voted on would be lost; use codec.mode=ef",
                       config->rotate, bg_codec_mode_names[config->codec_mode]);
    if (config->rotate_full && config->rotate == 1)
        return bg_fail(error, BG_CONFIG, "codec.rotate_full=%llu counts only with codec.rotate below 1",
                       (unsigned long long)config->rotate_full);
    if (config->components && config->variance > 0)
        return bg_fail(error, BG_CONFIG, "model.components=%llu and model.variance=%g: give one of them",
                       (unsigned long long)config->components, config->variance);
    return BG_OK;
}

void bg_learning_config_apply(const struct bg_learning_config *c, struct bg_root_settings *settings)
{
    settings->fit.federated = c->fit == 0;
    settings->fit.projection =
        (struct bg_projection_settings){.components = (size_t)c->components, .variance = c->variance};
    settings->fit.projection_groups = c->component_groups;
    settings->codec = (struct bg_plan_codec){.mode = (enum bg_plan_codec_mode)(c->codec_mode + 1),
                                             .scale_from_residual = c->scale_basis == 1,
                                             .centre_median = c->centre == 1,
                                             .clip = c->clip,
                                             .growth = c->growth,
                                             .growth_from = (uint32_t)c->growth_from,
                                             .percentile = c->percentile,
                                             .decay = c->decay,
                                             .client_momentum = c->client_momentum,
                                             .server_momentum = c->codec_momentum,
                                             .server_step = c->codec_step};
    settings->training = (struct bg_plan_training){
        .optimizer = (enum bg_plan_optimizer)(c->optimizer + 1),
        .class_weights = (enum bg_plan_class_weights)(c->class_weights + 1),
        .momentum = c->momentum,
        .weight_decay = c->weight_decay,
        .clip_norm = c->clip_norm,
        .proximal_mu = c->proximal_mu,
        .drift_memory = c->drift_memory,
        .own_prior = c->own_prior,
        .federated_prior = c->federated_prior,
        .batch = (uint32_t)c->batch};
    settings->learning_rate = c->learning_rate;
    settings->learning_rate_floor = c->learning_rate_floor;
    settings->steps = (uint32_t)c->steps;
    settings->steps_floor = c->steps_floor;
    settings->server = (struct bg_server_optimizer){.kind = (enum bg_server_optimizer_kind)c->server_optimizer,
                                                    .step = c->server_step,
                                                    .beta1 = c->server_beta1,
                                                    .beta2 = c->server_beta2,
                                                    .epsilon = c->server_epsilon};
    settings->rotate = c->rotate;
    settings->rotate_full = c->rotate_full;
    if (c->drift_memory > 0)
        settings->server =
            (struct bg_server_optimizer){.kind = BG_SERVER_NESTEROV, .step = 1, .beta1 = c->drift_memory};
    settings->rule = (enum bg_rule)(c->rule + 1);
    settings->audit = c->audit;
    settings->faulty = c->faulty_automatic ? BG_FAULTY_UNSET : (int)c->faulty;
}
