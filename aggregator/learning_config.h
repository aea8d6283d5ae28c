/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of what is learnt and how updates are combined: those of every program that has a root. */
#pragma once

#include "aggregator/root.h"
#include "base/options.h"

struct bg_learning_config {
    /* inputs */
    uint32_t fit;
    uint64_t components;
    uint64_t component_groups;
    double variance;
    /* local training */
    uint32_t optimizer;
    double learning_rate;
    double learning_rate_floor;
    double momentum;
    double weight_decay;
    double clip_norm;
    double proximal_mu;
    uint32_t class_weights;
    double drift_memory;
    double own_prior;
    double federated_prior;
    uint64_t batch;
    uint64_t steps;
    double steps_floor;
    /* server */
    uint32_t server_optimizer;
    double server_step;
    double server_beta1;
    double server_beta2;
    double server_epsilon;
    /* codec */
    uint32_t codec_mode;
    uint32_t scale_basis;
    uint32_t centre;
    double clip;
    double growth;
    uint64_t growth_from;
    double percentile;
    double decay;
    double client_momentum;
    double codec_momentum;
    double codec_step;
    double rotate;
    uint64_t rotate_full;
    /* rule */
    uint32_t rule;
    bool faulty_automatic;
    bool audit;
    uint64_t faulty;
};

/* What the choices are called. */
extern const char *const bg_fit_names[], *const bg_optimizer_names[], *const bg_class_weights_names[],
    *const bg_codec_mode_names[], *const bg_scale_basis_names[], *const bg_centre_names[],
    *const bg_rule_choice_names[], *const bg_server_optimizer_names[];

/* BG_CONFIG for settings that contradict each other. */
BG_MUST_CHECK enum bg_status bg_learning_config_check(const struct bg_learning_config *config,
                                                      struct bg_error *error);
/* Fills fit (but its seed), codec, training, learning rates and rule. */
void bg_learning_config_apply(const struct bg_learning_config *config, struct bg_root_settings *settings);

/* Rows of the option table of a struct that has a bg_learning_config as its member `learning`; FIELD(name) is the
 * offset of a member of it. */
#define BG_LEARNING_OPTIONS(FIELD)                                                                          \
    {"data.fit", BG_OPTION_CHOICE, FIELD(learning.fit), "federated", 0, 0, bg_fit_names, NULL,              \
     "means and scales of features: from rounds of sums over groups, or central: from pooled rows"},        \
    {"model.components", BG_OPTION_U64, FIELD(learning.components), "0", 0, 4096, NULL, NULL,               \
     "principal components that the model takes instead of features; 0: see model.variance"},               \
    {"model.variance", BG_OPTION_REAL, FIELD(learning.variance), "0", 0, 1, NULL, NULL,                     \
     "share that the principal components explain; 0 with 0 components: features as they are"},             \
    {"model.component_groups", BG_OPTION_U64, FIELD(learning.component_groups), "250", 0, 1000000, NULL,    \
     "groups", "most that principal components are fitted from; 0: all"},                                   \
    {"training.optimizer", BG_OPTION_CHOICE, FIELD(learning.optimizer), "sgd", 0, 0, bg_optimizer_names,    \
     NULL, "of the local steps"},                                                                           \
    {"training.learning_rate", BG_OPTION_REAL, FIELD(learning.learning_rate), "0.1", 1e-06, 10, NULL, NULL, \
     "at the first round"},                                                                                 \
    {"training.learning_rate_floor", BG_OPTION_REAL, FIELD(learning.learning_rate_floor), "0.02", 0, 1,     \
     NULL, NULL, "share of it left at the last round (cosine)"},                                            \
    {"training.momentum", BG_OPTION_REAL, FIELD(learning.momentum), "0.9", 0, 0.999, NULL, NULL,            \
     "of sgd, reset each round"},                                                                           \
    {"training.weight_decay", BG_OPTION_REAL, FIELD(learning.weight_decay), "0", 0, 1, NULL, NULL,          \
     "of the local steps"},                                                                                 \
    {"training.clip_norm", BG_OPTION_REAL, FIELD(learning.clip_norm), "1", 0, 1000000.0, NULL, NULL,        \
     "largest gradient norm; 0: not clipped"},                                                              \
    {"training.proximal_mu", BG_OPTION_REAL, FIELD(learning.proximal_mu), "0", 0, 100, NULL, NULL,          \
     "FedProx; 0: off"},                                                                                    \
    {"training.drift_memory", BG_OPTION_REAL, FIELD(learning.drift_memory), "0", 0, 1, NULL, NULL,          \
     "with proximal_mu, FedDyn: share of its past drift that a client keeps correcting; 0: off"},           \
    {"training.class_weights", BG_OPTION_CHOICE, FIELD(learning.class_weights), "inverse-sqrt", 0, 0,       \
     bg_class_weights_names, NULL,                                                                          \
     "of the loss, from the class frequencies of the client or of the federation"},                         \
    {"training.own_prior", BG_OPTION_REAL, FIELD(learning.own_prior), "0", 0, 10, NULL, NULL,               \
     "weight of the client's log class shares, added to its logits in training"},                           \
    {"training.federated_prior", BG_OPTION_REAL, FIELD(learning.federated_prior), "0", 0, 10, NULL, NULL,   \
     "weight of the federation's, taken off; with both 1 every client aims at the common optimum"},         \
    {"training.batch", BG_OPTION_U64, FIELD(learning.batch), "64", 1, 65536, NULL, "rows",                  \
     "of one step"},                                                                                        \
    {"training.steps", BG_OPTION_U64, FIELD(learning.steps), "20", 1, 100000, NULL, "steps",                \
     "per client and first round"},                                                                         \
    {"training.steps_floor", BG_OPTION_REAL, FIELD(learning.steps_floor), "1", 0, 1, NULL, NULL,            \
     "share of them left at the last round (cosine)"},                                                      \
    {"server.optimizer", BG_OPTION_CHOICE, FIELD(learning.server_optimizer), "none", 0, 0,                  \
     bg_server_optimizer_names, NULL, "of the combined update; codec.mode ef and dense"},                   \
    {"server.step", BG_OPTION_REAL, FIELD(learning.server_step), "0.01", 1e-07, 10, NULL, NULL,             \
     "of the server's optimizer; for adam and yogi it falls like the rate"},                                \
    {"server.beta1", BG_OPTION_REAL, FIELD(learning.server_beta1), "0.9", 0, 1, NULL, NULL,                 \
     "of the server's optimizer: memory of moves"},                                                         \
    {"server.beta2", BG_OPTION_REAL, FIELD(learning.server_beta2), "0.99", 0, 0.9999, NULL, NULL,           \
     "of adam and yogi: memory of squared moves"},                                                          \
    {"server.epsilon", BG_OPTION_REAL, FIELD(learning.server_epsilon), "0.001", 1e-12, 10, NULL, NULL,      \
     "of adam and yogi: moves much below it are not made larger"},                                          \
    {"codec.mode", BG_OPTION_CHOICE, FIELD(learning.codec_mode), "ef", 0, 0, bg_codec_mode_names, NULL,     \
     "how an update becomes votes"},                                                                        \
    {"codec.scale_basis", BG_OPTION_CHOICE, FIELD(learning.scale_basis), "delta", 0, 0,                     \
     bg_scale_basis_names, NULL,                                                                            \
     "what a client reports as its scale: 2 mean|delta| or RMS of delta + residual"},                       \
    {"codec.centre", BG_OPTION_CHOICE, FIELD(learning.centre), "zero", 0, 0, bg_centre_names, NULL,         \
     "threshold of the votes"},                                                                             \
    {"codec.clip", BG_OPTION_REAL, FIELD(learning.clip), "4", 0.1, 1000, NULL, "scales",                    \
     "residuals stay within"},                                                                              \
    {"codec.growth", BG_OPTION_REAL, FIELD(learning.growth), "1.2", 1, 100, NULL, NULL,                     \
     "largest growth of a scale per round"},                                                                \
    {"codec.growth_from", BG_OPTION_U64, FIELD(learning.growth_from), "5", 0, 1000000, NULL, "rounds",      \
     "after which the growth limit holds"},                                                                 \
    {"codec.percentile", BG_OPTION_REAL, FIELD(learning.percentile), "0.25", 0, 1, NULL, NULL,              \
     "of the groups' scales that is used"},                                                                 \
    {"codec.decay", BG_OPTION_REAL, FIELD(learning.decay), "0.9", 0, 1, NULL, NULL,                         \
     "of a residual per missed round"},                                                                     \
    {"codec.client_momentum", BG_OPTION_REAL, FIELD(learning.client_momentum), "0", 0, 0.999, NULL, NULL,   \
     "in front of the sign"},                                                                               \
    {"codec.server_momentum", BG_OPTION_REAL, FIELD(learning.codec_momentum), "0.9", 0, 0.999, NULL, NULL,  \
     "modes sign and median"},                                                                              \
    {"codec.server_step", BG_OPTION_REAL, FIELD(learning.codec_step), "0.003", 1e-07, 10, NULL, NULL,       \
     "modes sign and median: step at the first round (cosine)"},                                            \
    {"codec.rotate", BG_OPTION_REAL, FIELD(learning.rotate), "1", 0.001, 1, NULL, NULL,                     \
     "mode ef: share of the coordinates that each round votes on, in turn; the others keep their update"},  \
    {"codec.rotate_full", BG_OPTION_U64, FIELD(learning.rotate_full), "0", 0, 1000000, NULL, "rounds",      \
     "last ones of rounds.count that vote on all coordinates nevertheless"},                                \
    {"robust.rule", BG_OPTION_CHOICE, FIELD(learning.rule), "flag+", 0, 0, bg_rule_choice_names, NULL,      \
     "how group vectors are combined"},                                                                     \
    {"robust.audit", BG_OPTION_BOOL, FIELD(learning.audit), "true", 0, 0, NULL, NULL,                       \
     "ask the key holder whose votes made a group unusable; it names at most once per group and epoch"},   \
    {"robust.f_automatic", BG_OPTION_BOOL, FIELD(learning.faulty_automatic), "true", 0, 0, NULL, NULL,      \
     "f = floor((p-3)/2) for p groups; false: robust.f"},                                                   \
    {"robust.f", BG_OPTION_U64, FIELD(learning.faulty), "0", 0, 63, NULL, "groups",                         \
     "that may be hostile"}
