/* SPDX-License-Identifier: Apache-2.0 */
#include "up/settings.h"

#include <criterion/criterion.h>
#include <string.h>

static struct bg_simulator_config standard(void)
{
    struct bg_simulator_config config;
    bg_options_defaults(bg_simulator_options, bg_simulator_option_count, &config);
    return config;
}

Test(settings, what_only_a_virtual_clock_has_is_refused)
{
    struct bg_simulator_config config = standard();
    struct bg_error error;
    cr_assert_eq(bg_up_check(&config, false, NULL), BG_OK);
    config.dropout = 0.1;
    cr_assert_eq(bg_up_check(&config, false, &error), BG_CONFIG);
    cr_assert_not_null(strstr(error.text, "faults.dropout"), "%s", error.text);
}

Test(settings, settings_go_to_the_roles_that_have_them)
{
    struct bg_simulator_config config = standard();
    struct bg_keyholder_config keyholder;
    struct bg_aggregator_config aggregator;
    config.group_size = 5;
    config.group_least = 2;
    config.key_bits = 2048;
    config.rounds = 7;
    config.learning.clip = 9.5;
    config.seed = UINT64_MAX;
    struct bg_up_data data = {"schema.json", "names.csv"};
    cr_assert_eq(bg_up_configure_keyholder(&config, true, NULL, &keyholder), BG_OK);
    cr_assert_eq(keyholder.group_size, 5);
    cr_assert_eq(keyholder.group_least, 2);
    cr_assert_eq(keyholder.key_bits, 2048);
    cr_assert(keyholder.insecure_test_key);
    cr_assert_eq(bg_up_configure_aggregator(&config, false, &data, NULL, &aggregator), BG_OK);
    cr_assert_eq(aggregator.rounds, 7);
    cr_assert_eq(aggregator.group_least, 2);
    cr_assert_eq(aggregator.learning.clip, 9.5);
    cr_assert_eq(aggregator.model_seed, UINT64_MAX);
    cr_assert_eq(aggregator.seed, UINT64_MAX);
    cr_assert_str_eq(aggregator.data_dir, "names.csv");
    cr_assert_str_eq(aggregator.population, keyholder.population);
    cr_assert_not(aggregator.insecure_test_key);
}

Test(settings, clients_shuffle_as_in_a_simulation_and_each_its_own_way)
{
    struct bg_simulator_config config = standard();
    struct bg_client_config first, second;
    struct bg_up_data data = {"schema.json", "names.csv"};
    cr_assert_eq(bg_up_configure_client(&config, false, &data, "0.csv", 0, NULL, &first), BG_OK);
    cr_assert_eq(bg_up_configure_client(&config, false, &data, "1.csv", 1, NULL, &second), BG_OK);
    cr_assert_neq(first.training_seed, second.training_seed);
    cr_assert_str_eq(second.data_dir, "1.csv");
    cr_assert_str_eq(second.data_schema, "schema.json");
}
