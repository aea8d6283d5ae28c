/* SPDX-License-Identifier: Apache-2.0 */
/* What a simulation is made of: one struct, filled from the option table that also gives --help. */
#pragma once

#include "aggregator/learning_config.h"

enum bg_attack {
    BG_ATTACK_NONE = 0,
    BG_ATTACK_SIGN_FLIP,    /* sends the opposite of its update */
    BG_ATTACK_LABEL_FLIP,   /* trains on class C−1−y instead of y */
    BG_ATTACK_RANDOM,       /* votes at random */
    BG_ATTACK_STATISTICS,   /* learns honestly from features that it says are all as large as can be, of one class */
    BG_ATTACK_OUT_OF_RANGE, /* packs values that no honest member can produce */
};

enum bg_deadline {
    BG_DEADLINE_FIXED = 0,
    BG_DEADLINE_MEASURED, /* from the arrivals of past rounds: aggregator/pace.h */
};

struct bg_simulator_config {
    /* data */
    uint32_t data_kind;
    char data_dir[BG_OPTION_TEXT_BYTES];
    char data_schema[BG_OPTION_TEXT_BYTES];
    char data_test_dir[BG_OPTION_TEXT_BYTES];
    char data_exclude[BG_OPTION_TEXT_BYTES];
    bool data_deduplicate;
    bool data_keep_repeats;
    char data_labels[BG_OPTION_TEXT_BYTES];
    bool data_drop_port;
    uint64_t data_rows;
    double data_test_share;
    double data_validation_share;
    uint32_t data_partition;
    char data_partition_column[BG_OPTION_TEXT_BYTES];
    double data_alpha;
    uint64_t data_classes_per_client;
    uint64_t data_least_rows;
    uint64_t data_seed;
    char model_spec[BG_OPTION_TEXT_BYTES];
    struct bg_learning_config learning;
    /* encryption */
    uint32_t encryption;
    uint64_t key_bits;
    uint64_t key_s;
    uint32_t radix;
    bool knowledge_tags;
    uint64_t table_bytes;
    uint64_t pool_bytes;
    bool uniform_reads;
    uint32_t exponent;
    /* groups and rounds */
    uint64_t clients;
    uint64_t cells;
    uint64_t group_size;
    uint64_t group_least;
    uint64_t full_rounds;
    uint64_t rounds;
    uint64_t target_groups;
    uint32_t deadline;
    double deadline_seconds;
    double deadline_least_seconds;
    double deadline_percentile;
    double deadline_margin;
    double deadline_growth;
    double contacts_per_second;
    double longest_wait_seconds;
    uint64_t quorum;
    uint64_t holds;
    /* edges */
    char tree_edges[BG_OPTION_TEXT_BYTES];
    uint64_t tree_assignment_seed;
    double tree_allowance_seconds;
    double tree_latency_ms;
    double tree_mbit;
    /* faults and attacks */
    double dropout;
    double straggler;
    double straggler_factor;
    double edge_down;
    double edge_return;
    uint64_t rehome;
    uint32_t attack;
    double attack_share;
    /* links */
    double uplink_mbit;
    double downlink_mbit;
    double latency_ms;
    double jitter_ms;
    double loss;
    /* virtual cost table */
    double cost_training_ns;
    double cost_encoding_ns;
    double cost_encryption_us;
    double cost_intake_us;
    double cost_fold_us;
    double cost_opening_us;
    double cost_aggregation_ns;
    /* run and report */
    uint64_t seed;
    uint64_t threads;
    uint32_t kernels; /* bg_cpu_choose */
    uint64_t evaluate_every;
    bool central;
    uint64_t central_epochs;
};

extern const struct bg_option bg_simulator_options[];
extern const size_t bg_simulator_option_count;

/* Combinations that single ranges cannot see. BG_CONFIG with the keys and what to do. `insecure_test_key`: the
 * command line allows keys below 2048 bits. */
BG_MUST_CHECK enum bg_status bg_simulator_config_check(const struct bg_simulator_config *config,
                                                       bool insecure_test_key, struct bg_error *error);
