/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A federation of processes is described like a simulation: the same configuration file gives the same federation. What
 * only a virtual clock has (links, costs, faults, edges) is refused; the rest becomes the configuration of each role,
 * by the names of the settings.
 */
#pragma once

#include "aggregator/config.h"
#include "client/config.h"
#include "keyholder/config.h"
#include "simulator/config.h"

/* Besides bg_simulator_config_check: BG_CONFIG for a setting that a real federation does not have. */
BG_MUST_CHECK enum bg_status bg_up_check(const struct bg_simulator_config *config, bool insecure_test_key,
                                         struct bg_error *error);

/* Where files for the roles are. */
struct bg_up_data {
    const char *schema; /* of all rows */
    const char *names;  /* rows that the root takes names of features and classes from, and its statistics if
                         * data.fit=central */
};

BG_MUST_CHECK enum bg_status bg_up_configure_keyholder(const struct bg_simulator_config *config,
                                                       bool insecure_test_key, struct bg_error *error,
                                                       struct bg_keyholder_config *ret_config);
BG_MUST_CHECK enum bg_status bg_up_configure_aggregator(const struct bg_simulator_config *config,
                                                        bool insecure_test_key, const struct bg_up_data *data,
                                                        struct bg_error *error,
                                                        struct bg_aggregator_config *ret_config);
/* `rows`: the client's own; `index` seeds the order of its minibatches, as in a simulation. */
BG_MUST_CHECK enum bg_status bg_up_configure_client(const struct bg_simulator_config *config, bool insecure_test_key,
                                                    const struct bg_up_data *data, const char *rows, uint64_t index,
                                                    struct bg_error *error, struct bg_client_config *ret_config);
