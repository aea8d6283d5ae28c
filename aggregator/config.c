/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/config.h"

#include "base/cpu.h"
#include "datasets/source.h"

#include <stddef.h>


#define FIELD(name) offsetof(struct bg_aggregator_config, name)

/* key, type, field, default, least, most, choices, unit, help */
const struct bg_option bg_aggregator_options[] = {
    {"population.name", BG_OPTION_TEXT, FIELD(population), "burgee", 0, 0, NULL, NULL,
     "who learns together: 1 to 31 of a-z 0-9 . _ -"},
    {"encryption.insecure_test_key", BG_OPTION_BOOL, FIELD(insecure_test_key), "false", 0, 0, NULL, NULL,
     "accept a key below 2048 bits, for tests"},
    {"model.file", BG_OPTION_TEXT, FIELD(model_file), "", 0, 0, NULL, NULL,
     "model to start from, which keeps its inputs; without one a fresh model.spec"},
    {"model.spec", BG_OPTION_TEXT, FIELD(model_spec), "mlp:64-32", 0, 0, NULL, NULL,
     "linear, or mlp: and the widths of the hidden layers"},
    {"model.seed", BG_OPTION_U64, FIELD(model_seed), "1", 0, 0, NULL, NULL,
     "of fresh parameters"},
    {"data.kind", BG_OPTION_CHOICE, FIELD(data_kind), "synthetic", 0, 0, bg_dataset_kind_names, NULL,
     "flows that names of features and classes of a fresh model come from, and its statistics if data.fit=central"},
    {"data.dir", BG_OPTION_TEXT, FIELD(data_dir), "", 0, 0, NULL, NULL,
     "folder or file of the real data"},
    {"data.schema", BG_OPTION_TEXT, FIELD(data_schema), "", 0, 0, NULL, NULL,
     "what the columns of data.kind=csv are: a JSON file, see docs/DATASETS.md"},
    {"data.labels", BG_OPTION_TEXT, FIELD(data_labels), "", 0, 0, NULL, NULL,
     "label map: of the schema, a built-in name or a JSON file; without one the kind's own"},
    {"data.drop_port", BG_OPTION_BOOL, FIELD(data_drop_port), "false", 0, 0, NULL, NULL,
     "leave the destination port out of the features"},
    {"data.rows", BG_OPTION_U64, FIELD(data_rows), "20000", 100, 100000000, NULL, "rows",
     "synthetic flows to generate"},
    {"data.seed", BG_OPTION_U64, FIELD(data_seed), "42", 0, 0, NULL, NULL,
     "of synthetic flows"},
    BG_LEARNING_OPTIONS(FIELD),
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
    BG_CPU_OPTION(FIELD(kernels)),
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
    if (config->learning.rotate_full && config->rounds == 0)
        return bg_fail(error, BG_CONFIG, "codec.rotate_full=%llu: with rounds.count=0 no round is one of the last",
                       (unsigned long long)config->learning.rotate_full);
    if (config->learning.fit == 1 && (config->learning.components || config->learning.variance > 0))
        return bg_fail(error, BG_CONFIG, "model.components and model.variance need data.fit=federated");
    return bg_learning_config_check(&config->learning, error);
}

void bg_aggregator_config_apply(const struct bg_aggregator_config *c, struct bg_root_settings *settings)
{
    settings->allow_insecure_key = c->insecure_test_key;
    bg_learning_config_apply(&c->learning, settings);
    settings->fit.federated &= c->model_file[0] == '\0';
    settings->fit.seed = c->model_seed;
    settings->rounds = c->rounds;
    settings->rules = (struct bg_round_rules){.group_least = (uint32_t)c->group_least,
                                              .full_rounds = (uint32_t)c->full_rounds,
                                              .quorum = (uint32_t)c->quorum,
                                              .holds_allowed = (uint32_t)c->holds};
    /* On files nobody arrives at a time, and nobody is told when to ask again. */
    settings->pace = (struct bg_pace_rules){.most_ns = (uint64_t)(c->deadline_seconds * 1e9)};
    settings->target_groups = c->target_groups;
    settings->seed = c->seed;
}
