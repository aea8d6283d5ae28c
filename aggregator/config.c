/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/config.h"

#include "compress/codec.h"
#include "datasets/source.h"

#include <stddef.h>

static const char *const optimizers[] = {"sgd", "adamw", NULL};
static const char *const weightings[] = {"none", "inverse-sqrt", NULL};
static const char *const codec_modes[] = {"ef", "median", "sign", "dense", NULL};
static const char *const scale_bases[] = {"delta", "residual", NULL};
static const char *const centres[] = {"zero", "median", NULL};
static const char *const rules[] = {"mean", "unit-mean", "nnm", "flag", "flag+", NULL};

#define FIELD(name) offsetof(struct bg_aggregator_config, name)

/* key, type, field, default, least, most, choices, unit, help */
const struct bg_option bg_aggregator_options[] = {
    {"population.name", BG_OPTION_TEXT, FIELD(population), "burgee", 0, 0, NULL, NULL,
     "who learns together: 1 to 31 of a-z 0-9 . _ -"},
    {"encryption.insecure_test_key", BG_OPTION_BOOL, FIELD(insecure_test_key), "false", 0, 0, NULL, NULL,
     "accept a key below 2048 bits, for tests"},
    {"model.file", BG_OPTION_TEXT, FIELD(model_file), "", 0, 0, NULL, NULL,
     "model to start from; without one a fresh model.spec with statistics of data.*"},
    {"model.spec", BG_OPTION_TEXT, FIELD(model_spec), "mlp:64-32", 0, 0, NULL, NULL,
     "linear, or mlp: and the widths of the hidden layers"},
    {"model.seed", BG_OPTION_U64, FIELD(model_seed), "1", 0, 0, NULL, NULL,
     "of fresh parameters"},
    {"data.kind", BG_OPTION_CHOICE, FIELD(data_kind), "synthetic", 0, 0, bg_dataset_kind_names, NULL,
     "flows that feature names, classes and statistics of a fresh model come from"},
    {"data.dir", BG_OPTION_TEXT, FIELD(data_dir), "", 0, 0, NULL, NULL,
     "folder or file of the real data"},
    {"data.labels", BG_OPTION_TEXT, FIELD(data_labels), "papers7", 0, 0, NULL, NULL,
     "label map: a built-in name or a JSON file"},
    {"data.drop_port", BG_OPTION_BOOL, FIELD(data_drop_port), "false", 0, 0, NULL, NULL,
     "leave the destination port out of the features"},
    {"data.rows", BG_OPTION_U64, FIELD(data_rows), "20000", 100, 100000000, NULL, "rows",
     "synthetic flows to generate"},
    {"data.seed", BG_OPTION_U64, FIELD(data_seed), "42", 0, 0, NULL, NULL,
     "of synthetic flows"},
    {"training.optimizer", BG_OPTION_CHOICE, FIELD(optimizer), "sgd", 0, 0, optimizers, NULL,
     "of the local steps"},
    {"training.learning_rate", BG_OPTION_REAL, FIELD(learning_rate), "0.1", 1e-06, 10, NULL, NULL,
     "at the first round"},
    {"training.learning_rate_floor", BG_OPTION_REAL, FIELD(learning_rate_floor), "0.02", 0, 1, NULL, NULL,
     "share of it left at the last round (cosine)"},
    {"training.momentum", BG_OPTION_REAL, FIELD(momentum), "0.9", 0, 0.999, NULL, NULL,
     "of sgd, reset each round"},
    {"training.weight_decay", BG_OPTION_REAL, FIELD(weight_decay), "0", 0, 1, NULL, NULL,
     "of the local steps"},
    {"training.clip_norm", BG_OPTION_REAL, FIELD(clip_norm), "1", 0, 1000000.0, NULL, NULL,
     "largest gradient norm; 0: not clipped"},
    {"training.proximal_mu", BG_OPTION_REAL, FIELD(proximal_mu), "0", 0, 100, NULL, NULL,
     "FedProx; 0: off"},
    {"training.class_weights", BG_OPTION_CHOICE, FIELD(class_weights), "inverse-sqrt", 0, 0, weightings, NULL,
     "of the loss, from the client's own class frequencies"},
    {"training.batch", BG_OPTION_U64, FIELD(batch), "64", 1, 65536, NULL, "rows",
     "of one step"},
    {"training.steps", BG_OPTION_U64, FIELD(steps), "20", 1, 100000, NULL, "steps",
     "per client and round"},
    {"codec.mode", BG_OPTION_CHOICE, FIELD(codec_mode), "ef", 0, 0, codec_modes, NULL,
     "how an update becomes votes"},
    {"codec.scale_basis", BG_OPTION_CHOICE, FIELD(scale_basis), "delta", 0, 0, scale_bases, NULL,
     "what a client reports as its scale: 2 mean|delta| or RMS of delta + residual"},
    {"codec.centre", BG_OPTION_CHOICE, FIELD(centre), "zero", 0, 0, centres, NULL,
     "threshold of the votes"},
    {"codec.clip", BG_OPTION_REAL, FIELD(clip), "4", 0.1, 1000, NULL, "scales",
     "residuals stay within"},
    {"codec.growth", BG_OPTION_REAL, FIELD(growth), "1.2", 1, 100, NULL, NULL,
     "largest growth of a scale per round"},
    {"codec.growth_from", BG_OPTION_U64, FIELD(growth_from), "5", 0, 1000000, NULL, "rounds",
     "after which the growth limit holds"},
    {"codec.percentile", BG_OPTION_REAL, FIELD(percentile), "0.25", 0, 1, NULL, NULL,
     "of the groups' scales that is used"},
    {"codec.decay", BG_OPTION_REAL, FIELD(decay), "0.9", 0, 1, NULL, NULL,
     "of a residual per missed round"},
    {"codec.client_momentum", BG_OPTION_REAL, FIELD(client_momentum), "0", 0, 0.999, NULL, NULL,
     "in front of the sign"},
    {"codec.server_momentum", BG_OPTION_REAL, FIELD(server_momentum), "0.9", 0, 0.999, NULL, NULL,
     "modes sign and median"},
    {"codec.server_step", BG_OPTION_REAL, FIELD(server_step), "0.003", 1e-07, 10, NULL, NULL,
     "modes sign and median: step at the first round (cosine)"},
    {"groups.least", BG_OPTION_U64, FIELD(group_least), "3", 1, 32, NULL, "clients",
     "k_min: fewer are never asked to be opened; the key holder has its own"},
    {"groups.full_rounds", BG_OPTION_U64, FIELD(full_rounds), "3", 0, 1000, NULL, "rounds",
     "first rounds of an epoch in which only full groups open"},
    {"rounds.count", BG_OPTION_U64, FIELD(rounds), "25", 0, 1000000, NULL, "rounds",
     "of learning that the schedules run over; 0: constant rates"},
    {"rounds.target_groups", BG_OPTION_U64, FIELD(target_groups), "0", 0, 1000000, NULL, "groups",
     "invited per round; 0: all"},
    {"rounds.deadline_seconds", BG_OPTION_REAL, FIELD(deadline_seconds), "86400", 0.001, 100000000.0, NULL, "s",
     "that clients are told; on files a round ends when it is closed"},
    {"rounds.quorum", BG_OPTION_U64, FIELD(quorum), "1", 1, 1000000, NULL, "groups",
     "least opened groups of a round"},
    {"rounds.holds", BG_OPTION_U64, FIELD(holds), "3", 1, 1000, NULL, "rounds",
     "held in a row before one is abandoned"},
    {"rounds.seed", BG_OPTION_U64, FIELD(seed), "1", 0, 0, NULL, NULL,
     "of the choice of groups"},
    {"robust.rule", BG_OPTION_CHOICE, FIELD(rule), "flag+", 0, 0, rules, NULL,
     "how group vectors are combined"},
    {"robust.f_automatic", BG_OPTION_BOOL, FIELD(faulty_automatic), "true", 0, 0, NULL, NULL,
     "f = floor((p-3)/2) for p groups; false: robust.f"},
    {"robust.f", BG_OPTION_U64, FIELD(faulty), "0", 0, 63, NULL, "groups",
     "that may be hostile"},
};

const size_t bg_aggregator_option_count = sizeof bg_aggregator_options / sizeof *bg_aggregator_options;

enum bg_status bg_aggregator_config_check(const struct bg_aggregator_config *config, struct bg_error *error)
{
    struct bg_population population;
    if (bg_population_set(&population, config->population) != BG_OK)
        return bg_fail(error, BG_CONFIG, "population.name=%s: give 1 to 31 of a-z 0-9 . _ -", config->population);
    if (config->model_file[0] == '\0' && config->data_kind != BG_DATASET_SYNTHETIC && config->data_dir[0] == '\0')
        return bg_fail(error, BG_CONFIG, "data.kind=%s needs data.dir: the folder with the files",
                       bg_dataset_kind_names[config->data_kind]);
    if (config->faulty_automatic && config->faulty)
        return bg_fail(error, BG_CONFIG, "robust.f=%llu counts only with robust.f_automatic=false",
                       (unsigned long long)config->faulty);
    return BG_OK;
}

void bg_aggregator_config_apply(const struct bg_aggregator_config *c, struct bg_root_settings *settings)
{
    settings->allow_insecure_key = c->insecure_test_key;
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
    settings->rounds = c->rounds;
    settings->rules = (struct bg_round_rules){.group_least = (uint32_t)c->group_least,
                                              .full_rounds = (uint32_t)c->full_rounds,
                                              .quorum = (uint32_t)c->quorum,
                                              .holds_allowed = (uint32_t)c->holds};
    settings->deadline_ns = (uint64_t)(c->deadline_seconds * 1e9);
    settings->target_groups = c->target_groups;
    settings->seed = c->seed;
    settings->rule = (enum bg_rule)(c->rule + 1);
    settings->faulty = c->faulty_automatic ? BG_FAULTY_UNSET : (int)c->faulty;
}
