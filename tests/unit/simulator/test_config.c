/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/config.h"

#include <criterion/criterion.h>
#include <string.h>

static enum bg_status check(const char *const *settings, struct bg_error *error)
{
    struct bg_simulator_config config;
    bg_options_defaults(bg_simulator_options, bg_simulator_option_count, &config);
    for (; *settings; settings++)
        cr_assert_eq(bg_options_set(bg_simulator_options, bg_simulator_option_count, *settings, &config, error), BG_OK,
                     "%s", error->text);
    return bg_simulator_config_check(&config, false, error);
}

Test(config, refuses_combinations_that_cannot_be_and_names_their_keys)
{
    const struct {
        const char *settings[4];
        const char *named[3];
    } cases[] = {
        {{"data.kind=cicids2017"}, {"data.kind", "data.dir"}},
        {{"data.kind=csv", "data.dir=x.csv"}, {"data.kind", "data.schema"}},
        {{"data.schema=x.json"}, {"data.kind", "data.schema"}},
        {{"data.partition=column"}, {"data.partition", "data.partition_column"}},
        {{"data.partition_column=user"}, {"data.partition", "data.partition_column"}},
        {{"clients.count=0"}, {"clients.count", "data.partition"}},
        {{"clients.count=1"}, {"clients.count"}},
        {{"codec.mode=dense"}, {"codec.mode", "encryption.mode"}},
        {{"encryption.bits=2050"}, {"encryption.bits"}},
        {{"encryption.bits=1024"}, {"encryption.bits", "--insecure-test-key"}},
        {{"groups.least=1"}, {"groups.least"}},
        {{"groups.size=3", "groups.least=4"}, {"groups.least", "groups.size"}},
        {{"clients.cells=20"}, {"clients.count", "clients.cells", "groups.least"}},
        {{"data.test_share=0.5", "data.validation_share=0.5"}, {"data.test_share", "data.validation_share"}},
        {{"attack.kind=random"}, {"attack.kind", "attack.share"}},
        {{"attack.share=0.1"}, {"attack.kind", "attack.share"}},
        {{"robust.f=2"}, {"robust.f", "robust.f_automatic"}},
        {{"codec.mode=sign", "server.optimizer=adam"}, {"server.optimizer", "codec.mode"}},
        {{"training.drift_memory=1"}, {"training.drift_memory", "training.proximal_mu"}},
        {{"training.drift_memory=1", "training.proximal_mu=1", "codec.mode=sign"},
         {"training.drift_memory", "codec.mode"}},
        {{"training.drift_memory=1", "training.proximal_mu=1", "server.optimizer=yogi"},
         {"training.drift_memory", "server.optimizer"}},
        {{"codec.rotate=0.5", "codec.mode=sign"}, {"codec.rotate", "codec.mode"}},
        {{"codec.rotate_full=3"}, {"codec.rotate_full", "codec.rotate"}},
        {{"codec.mode=dense", "encryption.mode=off", "attack.kind=out-of-range", "attack.share=0.1"},
         {"attack.kind", "codec.mode"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *settings[5] = {NULL};
        struct bg_error error = {BG_OK, ""};
        memcpy(settings, cases[i].settings, sizeof cases[i].settings);
        cr_assert_eq(check(settings, &error), BG_CONFIG, "%s is accepted", settings[0]);
        for (size_t k = 0; k < 3 && cases[i].named[k]; k++)
            cr_assert(strstr(error.text, cases[i].named[k]), "\"%s\" does not name %s", error.text, cases[i].named[k]);
    }
}

Test(config, takes_what_is_possible_at_its_edges)
{
    static const char *const cases[][5] = {
        {NULL},
        {"groups.size=3", "groups.least=3", "clients.count=3", NULL},
        {"encryption.mode=off", "codec.mode=dense", "groups.size=1", "groups.least=1", NULL},
        {"robust.f_automatic=false", "robust.f=2", NULL},
        {"codec.rotate=0.001", "codec.rotate_full=25", NULL},
        {"codec.mode=median", "codec.client_momentum=0.9", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bg_error error = {BG_OK, ""};
        cr_assert_eq(check(cases[i], &error), BG_OK, "%s", error.text);
    }
}
