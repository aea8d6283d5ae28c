/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of a key holder: one struct, filled from the option table that also gives --help. */
#pragma once

#include "base/options.h"
#include "keyholder/keyholder.h"

struct bg_keyholder_config {
    char population[BG_OPTION_TEXT_BYTES];
    char root_point[BG_OPTION_TEXT_BYTES];
    uint64_t group_size;
    uint64_t group_least;
    uint64_t full_rounds;
    uint64_t partitions;
    uint32_t encryption; /* as bg_encryption_names */
    uint64_t key_bits;
    uint64_t key_s;
    uint32_t radix;
    bool insecure_test_key;
    bool knowledge_tags;
    uint64_t release_blocks;
    uint64_t certificate_days;
    char listen_address[BG_OPTION_TEXT_BYTES];
    uint64_t listen_port;
    char root_url[BG_OPTION_TEXT_BYTES];
    uint64_t body_bytes;
    uint64_t connections;
    bool confine;
    uint32_t kernels; /* bg_cpu_choose */
};

extern const struct bg_option bg_keyholder_options[];
extern const size_t bg_keyholder_option_count;

/* Fills everything of the settings that comes from the configuration; BG_CONFIG for a population that is none. */
BG_MUST_CHECK enum bg_status bg_keyholder_config_apply(const struct bg_keyholder_config *config,
                                                       struct bg_error *error,
                                                       struct bg_keyholder_settings *settings);
