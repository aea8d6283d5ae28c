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
    {"rounds.contacts_per_second", BG_OPTION_REAL, FIELD(contacts_per_second), "1000", 0, 1000000000.0, NULL, "1/s",
     "serve: wanted of all clients together; they are told when to ask again; 0: they are not"},
    {"rounds.pause_seconds", BG_OPTION_REAL, FIELD(pause_seconds), "0", 0, 100000000.0, NULL, "s",
     "serve: between the end of a round and the next one"},
    {"epochs.clients", BG_OPTION_U64, FIELD(epoch_clients), "0", 0, 1000000, NULL, "clients",
     "serve: that the first epoch waits for; 0: as many as one group needs"},
    {"epochs.settle_seconds", BG_OPTION_REAL, FIELD(epoch_settle_seconds), "3", 0, 1000000, NULL, "s",
     "serve: without an enrolment, before an epoch is asked for"},
    {"epochs.partitions", BG_OPTION_U64, FIELD(epoch_partitions), "0", 0, 1000000, NULL, "epochs",
     "serve: the key holder's groups.partitions; no more are asked for; 0: k - 1"},
    {"listen.address", BG_OPTION_TEXT, FIELD(listen_address), "0.0.0.0", 0, 0, NULL, NULL,
     "serve: numeric address, IPv4 or IPv6"},
    {"listen.port", BG_OPTION_U64, FIELD(listen_port), "8443", 0, 65535, NULL, NULL,
     "serve: 0: any free one, the same again after a restart if it still is"},
    {"listen.url", BG_OPTION_TEXT, FIELD(listen_url), "", 0, 0, NULL, NULL,
     "serve: where clients reach it, as the key holder tells them; without one https://ADDRESS:PORT"},
    {"listen.threads", BG_OPTION_U64, FIELD(listen_threads), "0", 0, 256, NULL, "threads",
     "serve: for connections; 0: one per processor"},
    {"key_holder.url", BG_OPTION_TEXT, FIELD(key_holder_url), "", 0, 0, NULL, NULL,
     "serve: https://HOST:PORT; enrol writes it"},
    {"key_holder.proxy", BG_OPTION_TEXT, FIELD(proxy), "", 0, 0, NULL, NULL,
     "serve: URL of a proxy on the way there; without one as the environment says"},
    {"workers.threads", BG_OPTION_U64, FIELD(worker_threads), "0", 0, 256, NULL, "threads",
     "serve: for arithmetic; 0: one per processor"},
    {"limits.connections", BG_OPTION_U64, FIELD(most_connections), "16384", 1, 1000000, NULL, "connections",
     "serve: at a time"},
    {"limits.exchanges", BG_OPTION_U64, FIELD(most_exchanges), "8192", 1, 1000000, NULL, "requests",
     "serve: at a time; beyond, clients are told to come back later"},
    {"limits.memory_mib", BG_OPTION_U64, FIELD(most_memory_mib), "64", 1, 1048576, NULL, "MiB",
     "serve: of requests that are read into memory, at a time"},
    {"limits.update_mib", BG_OPTION_U64, FIELD(most_update_mib), "1024", 1, 1048576, NULL, "MiB",
     "serve: of one update"},
    {"limits.uploads_mib", BG_OPTION_U64, FIELD(most_uploads_mib), "65536", 1, 1073741824.0, NULL, "MiB",
     "serve: of updates on their way, on disk"},
    {"store.update_rounds", BG_OPTION_U64, FIELD(update_rounds), "1", 0, 1000000, NULL, "rounds",
     "serve: ended ones whose updates stay on disk"},
    {"models.keep", BG_OPTION_U64, FIELD(models_kept), "0", 0, 1000000, NULL, "models",
     "serve: latest that stay on disk, and rounds whose updates are still named, at least 2; 0: all"},
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
    if (config->models_kept == 1)
        return bg_fail(error, BG_CONFIG, "models.keep=1: clients of the last round still ask for the model before: "
                                         "give 0 or at least 2");
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
