/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of a client: one struct, filled from the option table that also gives --help. */
#pragma once

#include "base/options.h"

struct bg_client_config {
    char population[BG_OPTION_TEXT_BYTES];
    bool insecure_test_key;
    char identity[BG_OPTION_TEXT_BYTES];
    char key_holder[BG_OPTION_TEXT_BYTES];
    char root[BG_OPTION_TEXT_BYTES];
    char folder[BG_OPTION_TEXT_BYTES];
    char root_url[BG_OPTION_TEXT_BYTES];
    char key_holder_url[BG_OPTION_TEXT_BYTES];
    char proxy[BG_OPTION_TEXT_BYTES];
    double connect_seconds, poll_seconds, patience_seconds, longest_wait_seconds;
    uint64_t spool_bytes;
    uint64_t nice;
    uint32_t data_kind;
    char data_dir[BG_OPTION_TEXT_BYTES];
    char data_schema[BG_OPTION_TEXT_BYTES];
    char data_labels[BG_OPTION_TEXT_BYTES];
    bool data_bound_infinite;
    uint64_t data_rows;
    uint64_t data_seed;
    uint64_t training_seed;
    uint64_t table_kib;
    uint64_t pool_kib;
    bool uniform_reads;
    uint32_t exponent;
    uint32_t kernels; /* bg_cpu_choose */
};

extern const struct bg_option bg_client_options[];
extern const size_t bg_client_option_count;
