/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/config.h"

#include "base/cpu.h"
#include "compress/codec.h"
#include "crypto/cipher.h"
#include "crypto/mask.h"
#include "datasets/partition.h"
#include "datasets/source.h"
#include "simulator/tree.h"

#include <stddef.h>

static const char *const radices[] = {"bits", "mixed", NULL};
static const char *const deadlines[] = {"fixed", "measured", NULL};
static const char *const attacks[] = {"none", "sign-flip", "label-flip", "random", "statistics", "out-of-range", NULL};

#define FIELD(name) offsetof(struct bg_simulator_config, name)

/* key, type, field, default, least, most, choices, unit, help */
const struct bg_option bg_simulator_options[] = {
    {"data.kind", BG_OPTION_CHOICE, FIELD(data_kind), "synthetic", 0, 0, bg_dataset_kind_names, NULL,
     "where flows come from; synthetic ones are generated"},
    {"data.dir", BG_OPTION_TEXT, FIELD(data_dir), "", 0, 0, NULL, NULL,
     "folder or file of the real data"},
    {"data.schema", BG_OPTION_TEXT, FIELD(data_schema), "", 0, 0, NULL, NULL,
     "what the columns of data.kind=csv are: a JSON file, see docs/DATASETS.md"},
    {"data.test_dir", BG_OPTION_TEXT, FIELD(data_test_dir), "", 0, 0, NULL, NULL,
     "folder or file with the test rows, of the same kind; without one data.test_share is cut off"},
    {"data.exclude", BG_OPTION_TEXT, FIELD(data_exclude), "", 0, 0, NULL, NULL,
     "KEY=VALUE: rows of data.dir that are left out (source=hif)"},
    {"data.deduplicate", BG_OPTION_BOOL, FIELD(data_deduplicate), "false", 0, 0, NULL, NULL,
     "take out rows of data.dir that repeat an earlier one"},
    {"data.keep_repeats", BG_OPTION_BOOL, FIELD(data_keep_repeats), "false", 0, 0, NULL, NULL,
     "test on rows that also occur in training, too"},
    {"data.labels", BG_OPTION_TEXT, FIELD(data_labels), "", 0, 0, NULL, NULL,
     "label map: of the schema, a built-in name or a JSON file; without one the kind's own"},
    {"data.drop_port", BG_OPTION_BOOL, FIELD(data_drop_port), "false", 0, 0, NULL, NULL,
     "leave the destination port out of the features"},
    {"data.rows", BG_OPTION_U64, FIELD(data_rows), "20000", 100, 100000000, NULL, "rows",
     "synthetic flows to generate"},
    {"data.test_share", BG_OPTION_REAL, FIELD(data_test_share), "0.2", 0.01, 0.9, NULL, NULL,
     "part kept for the test, stratified"},
    {"data.validation_share", BG_OPTION_REAL, FIELD(data_validation_share), "0", 0, 0.9, NULL, NULL,
     "part of the training rows kept for validation; > 0 reports on it instead of the test"},
    {"data.partition", BG_OPTION_CHOICE, FIELD(data_partition), "dirichlet", 0, 0, bg_partition_kind_names, NULL,
     "how training rows are dealt to clients"},
    {"data.partition_column", BG_OPTION_TEXT, FIELD(data_partition_column), "", 0, 0, NULL, NULL,
     "key of the column partition: user, host, day, source ...; each of its values is a client"},
    {"data.alpha", BG_OPTION_REAL, FIELD(data_alpha), "0.5", 0.001, 1000, NULL, NULL,
     "concentration of the Dirichlet partition"},
    {"data.classes_per_client", BG_OPTION_U64, FIELD(data_classes_per_client), "2", 1, 1024, NULL, "classes",
     "of the label_skew partition"},
    {"data.least_rows", BG_OPTION_U64, FIELD(data_least_rows), "32", 0, 1000000, NULL, "rows",
     "least training rows of a client; column partitions take rows from nobody"},
    {"data.seed", BG_OPTION_U64, FIELD(data_seed), "42", 0, 0, NULL, NULL,
     "of the split into training and test rows"},
    {"model.spec", BG_OPTION_TEXT, FIELD(model_spec), "mlp:64-32", 0, 0, NULL, NULL,
     "linear, or mlp: and the widths of the hidden layers"},
    BG_LEARNING_OPTIONS(FIELD),
    {"encryption.mode", BG_OPTION_CHOICE, FIELD(encryption), "paillier", 0, 0, bg_encryption_names, NULL,
     "paillier; null: the same without encryption; off: plain vectors"},
    {"encryption.bits", BG_OPTION_U64, FIELD(key_bits), "2048", 512, 8192, NULL, "bits",
     "of the modulus; below 2048 only with --insecure-test-key"},
    {"encryption.s", BG_OPTION_U64, FIELD(key_s), "2", 1, 4, NULL, NULL,
     "Damgard-Jurik exponent"},
    {"encryption.radix", BG_OPTION_CHOICE, FIELD(radix), "bits", 0, 0, radices, NULL,
     "slots of whole bits, or of the smallest radix"},
    {"encryption.knowledge_tags", BG_OPTION_BOOL, FIELD(knowledge_tags), "true", 0, 0, NULL, NULL,
     "members show the key holder that they know what their ciphertexts hide; results do not change"},
    {"masks.table_bytes", BG_OPTION_U64, FIELD(table_bytes), "8388608", 65536, 1073741824, NULL, "bytes",
     "fixed-base table of the masks"},
    {"masks.pool_bytes", BG_OPTION_U64, FIELD(pool_bytes), "0", 0, 1073741824, NULL, "bytes",
     "of masks that clients compute ahead while they train and wait; results do not change"},
    {"masks.uniform_reads", BG_OPTION_BOOL, FIELD(uniform_reads), "false", 0, 0, NULL, NULL,
     "read the table alike for every mask, as clients on shared processors do"},
    {"masks.exponent", BG_OPTION_CHOICE, FIELD(exponent), "half", 0, 0, bg_mask_exponent_names, NULL,
     "half the bits of n; 512 bits are faster and rest on one more assumption"},
    {"clients.count", BG_OPTION_U64, FIELD(clients), "40", 0, 1000000, NULL, "clients",
     "in the population; 0: one for each value of data.partition_column"},
    {"clients.longest_wait_seconds", BG_OPTION_REAL, FIELD(longest_wait_seconds), "3600", 1, 600000.0, NULL, "s",
     "a client waits no longer, whatever pace the root gives"},
    {"clients.cells", BG_OPTION_U64, FIELD(cells), "1", 1, 10000, NULL, "cells",
     "that clients are spread over"},
    {"groups.size", BG_OPTION_U64, FIELD(group_size), "4", 1, 32, NULL, "clients",
     "k: members of a group"},
    {"groups.least", BG_OPTION_U64, FIELD(group_least), "3", 1, 32, NULL, "clients",
     "k_min: fewer are never opened"},
    {"groups.full_rounds", BG_OPTION_U64, FIELD(full_rounds), "3", 0, 1000, NULL, "rounds",
     "first rounds of an epoch in which only full groups open"},
    {"rounds.count", BG_OPTION_U64, FIELD(rounds), "25", 1, 1000000, NULL, "rounds",
     "of learning, after those that fit statistics and scales"},
    {"rounds.target_groups", BG_OPTION_U64, FIELD(target_groups), "0", 0, 1000000, NULL, "groups",
     "invited per round; 0: all"},
    {"rounds.deadline", BG_OPTION_CHOICE, FIELD(deadline), "fixed", 0, 0, deadlines, NULL,
     "fixed; measured: from the arrivals of past rounds, rounds.deadline_seconds at most"},
    {"rounds.deadline_seconds", BG_OPTION_REAL, FIELD(deadline_seconds), "120", 0.001, 600000.0, NULL, "s",
     "virtual time a round may take"},
    {"rounds.deadline_least_seconds", BG_OPTION_REAL, FIELD(deadline_least_seconds), "1", 0.001, 600000.0, NULL, "s",
     "shortest measured deadline"},
    {"rounds.deadline_percentile", BG_OPTION_REAL, FIELD(deadline_percentile), "0.95", 0.01, 1, NULL, NULL,
     "share of the arrivals that a measured deadline is taken from"},
    {"rounds.deadline_margin", BG_OPTION_REAL, FIELD(deadline_margin), "1.5", 1, 100, NULL, NULL,
     "factor on that arrival"},
    {"rounds.deadline_growth", BG_OPTION_REAL, FIELD(deadline_growth), "1.5", 1.01, 100, NULL, NULL,
     "most growth of a measured deadline per round"},
    {"rounds.contacts_per_second", BG_OPTION_REAL, FIELD(contacts_per_second), "1000", 0, 1000000000.0, NULL, "1/s",
     "clients that the root wants to see per second; 0: it does not say when to ask again"},
    {"rounds.quorum", BG_OPTION_U64, FIELD(quorum), "1", 1, 1000000, NULL, "groups",
     "least opened groups of a round"},
    {"rounds.holds", BG_OPTION_U64, FIELD(holds), "3", 1, 1000, NULL, "rounds",
     "held in a row before one is abandoned"},
    {"tree.edges", BG_OPTION_TEXT, FIELD(tree_edges), "", 0, 0, NULL, NULL,
     "edge aggregators per level from the root downwards, as in 4 or 2-8; empty: clients contact the root"},
    {"tree.assignment_seed", BG_OPTION_U64, FIELD(tree_assignment_seed), "0", 0, 0, NULL, NULL,
     "of which edge serves which cell; 0: in turn"},
    {"tree.allowance_seconds", BG_OPTION_REAL, FIELD(tree_allowance_seconds), "5", 0, 600000.0, NULL, "s",
     "deadlines are earlier by, per level below the root; at most half of the deadline in all"},
    {"tree.latency_ms", BG_OPTION_REAL, FIELD(tree_latency_ms), "5", 0, 100000.0, NULL, "ms",
     "one way, from an edge to its parent or the key holder"},
    {"tree.mbit", BG_OPTION_REAL, FIELD(tree_mbit), "1000", 0.001, 1000000.0, NULL, "Mbit/s",
     "of each edge, both ways"},
    {"faults.dropout", BG_OPTION_REAL, FIELD(dropout), "0", 0, 1, NULL, NULL,
     "chance that a client takes no part in a round"},
    {"faults.straggler", BG_OPTION_REAL, FIELD(straggler), "0", 0, 1, NULL, NULL,
     "chance that a client is slow in a round"},
    {"faults.straggler_factor", BG_OPTION_REAL, FIELD(straggler_factor), "20", 1, 1000000.0, NULL, NULL,
     "how much slower"},
    {"faults.edge_down", BG_OPTION_REAL, FIELD(edge_down), "0", 0, 1, NULL, NULL,
     "chance that an edge is down from the beginning of a round"},
    {"faults.edge_return", BG_OPTION_REAL, FIELD(edge_return), "0", 0, 1, NULL, NULL,
     "chance that it is back within the first half of the deadline, with all it had"},
    {"faults.rehome", BG_OPTION_U64, FIELD(rehome), "0", 0, 1000, NULL, "tries",
     "in vain before a client turns to the next edge, then to the root; 0: it never does"},
    {"attack.kind", BG_OPTION_CHOICE, FIELD(attack), "none", 0, 0, attacks, NULL,
     "what Byzantine clients do"},
    {"attack.share", BG_OPTION_REAL, FIELD(attack_share), "0", 0, 1, NULL, NULL,
     "part of the clients that is Byzantine"},
    {"link.uplink_mbit", BG_OPTION_REAL, FIELD(uplink_mbit), "20", 0.001, 1000000.0, NULL, "Mbit/s",
     "of each client"},
    {"link.downlink_mbit", BG_OPTION_REAL, FIELD(downlink_mbit), "100", 0.001, 1000000.0, NULL, "Mbit/s",
     "of each client"},
    {"link.latency_ms", BG_OPTION_REAL, FIELD(latency_ms), "10", 0, 100000.0, NULL, "ms",
     "one way"},
    {"link.jitter_ms", BG_OPTION_REAL, FIELD(jitter_ms), "2", 0, 100000.0, NULL, "ms",
     "uniform, added"},
    {"link.loss", BG_OPTION_REAL, FIELD(loss), "0", 0, 0.9, NULL, NULL,
     "chance that a message is lost"},
    {"cost.training_ns", BG_OPTION_REAL, FIELD(cost_training_ns), "1", 0, 1000000000.0, NULL, "ns",
     "virtual time per sample and coordinate"},
    {"cost.encoding_ns", BG_OPTION_REAL, FIELD(cost_encoding_ns), "20", 0, 1000000000.0, NULL, "ns",
     "per coordinate"},
    {"cost.encryption_us", BG_OPTION_REAL, FIELD(cost_encryption_us), "20000", 0, 1000000000.0, NULL, "us",
     "per ciphertext"},
    {"cost.intake_us", BG_OPTION_REAL, FIELD(cost_intake_us), "20", 0, 1000000000.0, NULL, "us",
     "per ciphertext"},
    {"cost.fold_us", BG_OPTION_REAL, FIELD(cost_fold_us), "10", 0, 1000000000.0, NULL, "us",
     "per ciphertext"},
    {"cost.opening_us", BG_OPTION_REAL, FIELD(cost_opening_us), "10000", 0, 1000000000.0, NULL, "us",
     "per ciphertext"},
    {"cost.aggregation_ns", BG_OPTION_REAL, FIELD(cost_aggregation_ns), "50", 0, 1000000000.0, NULL, "ns",
     "per coordinate"},
    {"simulation.seed", BG_OPTION_U64, FIELD(seed), "1", 0, 0, NULL, NULL,
     "of everything that is random"},
    {"simulation.threads", BG_OPTION_U64, FIELD(threads), "0", 0, 1024, NULL, "threads",
     "for arithmetic; 0: one per processor. Results do not depend on it"},
    BG_CPU_OPTION(FIELD(kernels)),
    {"report.evaluate_every", BG_OPTION_U64, FIELD(evaluate_every), "1", 1, 1000000, NULL, "rounds",
     "between evaluations; the last round always is"},
    {"report.central", BG_OPTION_BOOL, FIELD(central), "false", 0, 0, NULL, NULL,
     "train the same model on all training rows too, for comparison"},
    {"report.central_epochs", BG_OPTION_U64, FIELD(central_epochs), "30", 1, 10000, NULL, "epochs",
     "of the central training"},
};

const size_t bg_simulator_option_count = sizeof bg_simulator_options / sizeof *bg_simulator_options;

static enum bg_status check_pace(const struct bg_simulator_config *config, struct bg_error *error)
{
    bool measured = config->deadline == BG_DEADLINE_MEASURED;
    if (measured && config->deadline_percentile * config->deadline_margin <= 1)
        return bg_fail(error, BG_CONFIG, "rounds.deadline_percentile=%g times rounds.deadline_margin=%g is not above "
                                         "1: deadlines would shrink for ever; raise the margin",
                       config->deadline_percentile, config->deadline_margin);
    if (measured && config->deadline_least_seconds > config->deadline_seconds)
        return bg_fail(error, BG_CONFIG, "rounds.deadline_least_seconds=%g is more than rounds.deadline_seconds=%g",
                       config->deadline_least_seconds, config->deadline_seconds);
    if (config->contacts_per_second > 0 &&
        2 * (double)config->clients > config->contacts_per_second * config->deadline_seconds)
        return bg_fail(error, BG_CONFIG, "rounds.contacts_per_second=%g: %llu clients would not all come by within "
                                         "rounds.deadline_seconds=%g; raise either",
                       config->contacts_per_second, (unsigned long long)config->clients, config->deadline_seconds);
    return BG_OK;
}

static enum bg_status check_tree(const struct bg_simulator_config *config, struct bg_error *error)
{
    struct bg_tree tree;
    enum bg_status status = bg_tree_parse(config->tree_edges, error, &tree);
    if (status != BG_OK)
        return status;
    if (tree.levels && config->encryption == BG_ENCRYPTION_OFF)
        return bg_fail(error, BG_CONFIG, "tree.edges=%s with encryption.mode=off: edges need a key holder to open "
                                         "groups for them; set encryption.mode=null or leave out tree.edges",
                       config->tree_edges);
    if (!tree.levels && (config->edge_down > 0 || config->rehome))
        return bg_fail(error, BG_CONFIG, "faults.edge_down and faults.rehome are about edges: set tree.edges");
    if (config->edge_return > 0 && !(config->edge_down > 0))
        return bg_fail(error, BG_CONFIG, "faults.edge_return is about edges that are down: set faults.edge_down");
    return BG_OK;
}

enum bg_status bg_simulator_config_check(const struct bg_simulator_config *config, bool insecure_test_key,
                                         struct bg_error *error)
{
    bool dense = config->learning.codec_mode + 1 == BG_CODEC_DENSE;
    if (config->data_kind != 0 && config->data_dir[0] == '\0')
        return bg_fail(error, BG_CONFIG, "data.kind=%s needs data.dir: the folder with the files",
                       bg_dataset_kind_names[config->data_kind]);
    if ((config->data_kind == BG_DATASET_CSV) != (config->data_schema[0] != '\0'))
        return bg_fail(error, BG_CONFIG, "data.kind=%s %s data.schema", bg_dataset_kind_names[config->data_kind],
                       config->data_kind == BG_DATASET_CSV ? "needs a" : "has its own schema: unset");
    if (dense && config->encryption != BG_ENCRYPTION_OFF)
        return bg_fail(error, BG_CONFIG, "codec.mode=dense sends floats, which cannot be encrypted: "
                                         "set encryption.mode=off or another codec.mode");
    if (config->encryption != BG_ENCRYPTION_OFF) {
        if (config->key_bits % 64 != 0)
            return bg_fail(error, BG_CONFIG, "encryption.bits=%llu is not a multiple of 64",
                           (unsigned long long)config->key_bits);
        if (config->key_bits < BG_KEY_SECURE_BITS && !insecure_test_key)
            return bg_fail(error, BG_CONFIG, "encryption.bits=%llu protects nothing: use 2048 or more, or add "
                                             "--insecure-test-key for a test",
                           (unsigned long long)config->key_bits);
        if (config->group_least < 2)
            return bg_fail(error, BG_CONFIG, "groups.least=1 would open single updates: give 2 or more");
    }
    if (config->group_least > config->group_size)
        return bg_fail(error, BG_CONFIG, "groups.least=%llu is more than groups.size=%llu",
                       (unsigned long long)config->group_least, (unsigned long long)config->group_size);
    bool by_column = config->data_partition == BG_PARTITION_COLUMN;
    if (by_column != (config->data_partition_column[0] != '\0'))
        return bg_fail(error, BG_CONFIG, "data.partition=column and data.partition_column go together: set both or "
                                         "neither");
    if (config->clients < 2 && (config->clients == 1 || !by_column))
        return bg_fail(error, BG_CONFIG, "clients.count=%llu: give 2 or more, or 0 with data.partition=column",
                       (unsigned long long)config->clients);
    if (config->clients > 0 && config->clients / config->cells < config->group_least)
        return bg_fail(error, BG_CONFIG, "clients.count=%llu in clients.cells=%llu leaves cells smaller than "
                                         "groups.least=%llu, so that nobody could be added up with anybody: give "
                                         "more clients or fewer cells",
                       (unsigned long long)config->clients, (unsigned long long)config->cells,
                       (unsigned long long)config->group_least);
    if (config->data_validation_share + config->data_test_share >= 1)
        return bg_fail(error, BG_CONFIG, "data.test_share and data.validation_share leave no rows to train on");
    if ((config->attack != BG_ATTACK_NONE) != (config->attack_share > 0))
        return bg_fail(error, BG_CONFIG, "attack.kind=%s with attack.share=%g: give both or neither",
                       attacks[config->attack], config->attack_share);
    if (config->attack == BG_ATTACK_STATISTICS && config->learning.fit != 0)
        return bg_fail(error, BG_CONFIG, "attack.kind=statistics lies in rounds of statistics: set data.fit=federated");
    if (dense && config->attack == BG_ATTACK_OUT_OF_RANGE)
        return bg_fail(error, BG_CONFIG, "attack.kind=out-of-range needs packed votes; codec.mode=dense has none");
    enum bg_status status = check_pace(config, error);
    if (status == BG_OK)
        status = check_tree(config, error);
    return status == BG_OK ? bg_learning_config_check(&config->learning, error) : status;
}
