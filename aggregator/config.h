/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of a root: one struct, filled from the option table that also gives --help. */
#pragma once

#include "aggregator/learning_config.h"

struct bg_aggregator_config {
    char population[BG_OPTION_TEXT_BYTES];
    bool insecure_test_key;
    /* the initial model */
    char model_file[BG_OPTION_TEXT_BYTES];
    char model_spec[BG_OPTION_TEXT_BYTES];
    uint64_t model_seed;
    uint32_t data_kind;
    char data_dir[BG_OPTION_TEXT_BYTES];
    char data_schema[BG_OPTION_TEXT_BYTES];
    char data_labels[BG_OPTION_TEXT_BYTES];
    bool data_drop_port;
    uint64_t data_rows;
    uint64_t data_seed;
    struct bg_learning_config learning;
    /* groups and rounds */
    uint64_t group_least;
    uint64_t full_rounds;
    uint64_t rounds;
    uint64_t target_groups;
    double deadline_seconds;
    uint64_t quorum;
    uint64_t holds;
    uint64_t seed;
    /* on a network */
    double contacts_per_second;
    double pause_seconds;
    uint64_t epoch_clients;
    double epoch_settle_seconds;
    uint64_t epoch_partitions;
    char listen_address[BG_OPTION_TEXT_BYTES];
    uint64_t listen_port;
    char listen_url[BG_OPTION_TEXT_BYTES];
    uint64_t listen_threads;
    char key_holder_url[BG_OPTION_TEXT_BYTES];
    char proxy[BG_OPTION_TEXT_BYTES];
    uint64_t worker_threads;
    uint64_t most_connections;
    uint64_t most_exchanges;
    uint64_t most_memory_mib;
    uint64_t most_update_mib;
    uint64_t most_uploads_mib;
    uint64_t update_rounds;
    uint64_t models_kept;
    uint32_t kernels; /* bg_cpu_choose */
};

extern const struct bg_option bg_aggregator_options[];
extern const size_t bg_aggregator_option_count;

/* Combinations that a single option cannot see: BG_CONFIG. */
BG_MUST_CHECK enum bg_status bg_aggregator_config_check(const struct bg_aggregator_config *config,
                                                        struct bg_error *error);
/* Fills everything of the settings that comes from the configuration. */
void bg_aggregator_config_apply(const struct bg_aggregator_config *config, struct bg_root_settings *settings);
