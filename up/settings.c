/* SPDX-License-Identifier: Apache-2.0 */
#include "up/settings.h"

#include "base/prng.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define POPULATION "up"
#define LOOPBACK "127.0.0.1"
#define POLL_SECONDS "0.1" /* nobody pays for the traffic */

/* Keys, or what they begin with. */
static const char *const of_a_virtual_clock[] = {"link.", "cost.", "tree.", "faults."};

static bool begins_with_any(const char *key, const char *const *prefixes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(key, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

enum bg_status bg_up_check(const struct bg_simulator_config *config, bool insecure_test_key, struct bg_error *error)
{
    static struct bg_simulator_config standard;
    bg_options_defaults(bg_simulator_options, bg_simulator_option_count, &standard);
    for (size_t i = 0; i < bg_simulator_option_count; i++) {
        const struct bg_option *option = &bg_simulator_options[i];
        if (begins_with_any(option->key, of_a_virtual_clock, sizeof of_a_virtual_clock / sizeof *of_a_virtual_clock) &&
            !bg_option_same(option, config, &standard))
            return bg_fail(error, BG_CONFIG, "%s: processes have real links, clocks and faults; it is for "
                                             "burgee-simulator", option->key);
    }
    return bg_simulator_config_check(config, insecure_test_key, error);
}

/* ---- from one table to another ---- */

struct target {
    const struct bg_option *table;
    size_t count;
    void *config;
};

static const struct bg_option *find(const struct target *target, const char *key)
{
    for (size_t i = 0; i < target->count; i++)
        if (strcmp(target->table[i].key, key) == 0)
            return &target->table[i];
    return NULL;
}

static enum bg_status set(const struct target *target, const char *key, const char *value, struct bg_error *error)
{
    char assignment[64 + BG_OPTION_TEXT_BYTES];
    snprintf(assignment, sizeof assignment, "%s=%s", key, value);
    return bg_options_set(target->table, target->count, assignment, target->config, error);
}

static enum bg_status set_number(const struct target *target, const char *key, uint64_t value, struct bg_error *error)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    return set(target, key, text, error);
}

/* Settings of the same name but for rows, which each role has its own. */
static enum bg_status carry(const struct bg_simulator_config *config, bool insecure_test_key,
                            const struct target *target, struct bg_error *error)
{
    char value[BG_OPTION_TEXT_BYTES];
    bg_options_defaults(target->table, target->count, target->config);
    enum bg_status status = set(target, "population.name", POPULATION, error);
    if (status == BG_OK)
        status = set(target, "encryption.insecure_test_key", insecure_test_key ? "true" : "false", error);
    for (size_t i = 0; status == BG_OK && i < bg_simulator_option_count; i++) {
        const struct bg_option *option = &bg_simulator_options[i];
        bool of_rows = strncmp(option->key, "data.", 5) == 0 && strcmp(option->key, "data.fit") != 0;
        if (of_rows || !find(target, option->key))
            continue;
        bg_option_text(option, config, value);
        status = set(target, option->key, value, error);
    }
    return status;
}

static enum bg_status give_rows(const struct target *target, const char *rows, const char *schema,
                                struct bg_error *error)
{
    enum bg_status status = set(target, "data.kind", "csv", error);
    if (status == BG_OK)
        status = set(target, "data.schema", schema, error);
    return status == BG_OK ? set(target, "data.dir", rows, error) : status;
}

/* ---- roles ---- */

enum bg_status bg_up_configure_keyholder(const struct bg_simulator_config *config, bool insecure_test_key,
                                         struct bg_error *error, struct bg_keyholder_config *ret_config)
{
    struct target target = {bg_keyholder_options, bg_keyholder_option_count, ret_config};
    enum bg_status status = carry(config, insecure_test_key, &target, error);
    if (status == BG_OK)
        status = set(&target, "listen.address", LOOPBACK, error);
    return status == BG_OK ? set(&target, "listen.port", "0", error) : status;
}

enum bg_status bg_up_configure_aggregator(const struct bg_simulator_config *config, bool insecure_test_key,
                                          const struct bg_up_data *data, struct bg_error *error,
                                          struct bg_aggregator_config *ret_config)
{
    struct target target = {bg_aggregator_options, bg_aggregator_option_count, ret_config};
    enum bg_status status = carry(config, insecure_test_key, &target, error);
    if (status == BG_OK)
        status = give_rows(&target, data->names, data->schema, error);
    if (status == BG_OK)
        status = set(&target, "listen.address", LOOPBACK, error);
    if (status == BG_OK)
        status = set_number(&target, "epochs.clients", config->clients, error);
    if (status == BG_OK)
        status = set(&target, "epochs.settle_seconds", "0", error);
    if (status == BG_OK)
        status = set_number(&target, "model.seed", config->seed, error);
    return status == BG_OK ? set_number(&target, "rounds.seed", config->seed, error) : status;
}

enum bg_status bg_up_configure_client(const struct bg_simulator_config *config, bool insecure_test_key,
                                      const struct bg_up_data *data, const char *rows, uint64_t index,
                                      struct bg_error *error, struct bg_client_config *ret_config)
{
    struct target target = {bg_client_options, bg_client_option_count, ret_config};
    struct bg_prng prng;
    bg_prng_init_stream(&prng, config->seed, "shuffle", index);
    enum bg_status status = carry(config, insecure_test_key, &target, error);
    if (status == BG_OK)
        status = give_rows(&target, rows, data->schema, error);
    if (status == BG_OK)
        status = set_number(&target, "training.seed", bg_prng_next(&prng), error);
    if (status == BG_OK)
        status = set_number(&target, "masks.table_kib", config->table_bytes >> 10, error);
    return status == BG_OK ? set(&target, "network.poll_seconds", POLL_SECONDS, error) : status;
}
