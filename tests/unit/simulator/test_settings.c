/* SPDX-License-Identifier: Apache-2.0 */
/* No setting is without effect. */
#include "simulator/federation.h"

#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(settings, .timeout = 120);

/* Small and quick; the cases below change one thing each. */
static const char *const base[] = {"data.rows=400",        "model.spec=mlp:8",    "training.steps=3",
                                   "clients.count=15",     "encryption.mode=off", "rounds.count=3",
                                   "data.least_rows=4",    "groups.size=3",       "faults.dropout=0.1",
                                   "training.clip_norm=0.2", "data.fit=central"};

#define ROUNDS 3

struct outcome {
    struct bg_digest model;
    uint64_t virtual_ns;
};

static void set(struct bg_simulator_config *config, const char *settings)
{
    char copy[512], *rest = NULL;
    struct bg_error error;
    snprintf(copy, sizeof copy, "%s", settings);
    for (char *one = strtok_r(copy, " ", &rest); one; one = strtok_r(NULL, " ", &rest))
        cr_assert_eq(bg_options_set(bg_simulator_options, bg_simulator_option_count, one, config, &error), BG_OK, "%s",
                     error.text);
}

/* The model after a round of scales and two others. */
static struct outcome run(const char *settings)
{
    struct bg_simulator_config config;
    struct bg_simulator_data data;
    struct bg_workers *workers;
    struct bg_federation *federation;
    struct bg_error error = {BG_OK, ""};
    bg_options_defaults(bg_simulator_options, bg_simulator_option_count, &config);
    for (size_t i = 0; i < sizeof base / sizeof *base; i++)
        set(&config, base[i]);
    set(&config, settings);
    cr_assert_eq(bg_simulator_config_check(&config, true, &error), BG_OK, "%s: %s", settings, error.text);
    cr_assert_eq(bg_workers_create(1, 16, NULL, NULL, &workers), BG_OK);
    cr_assert_eq(bg_simulator_data_open(&config, &error, &data), BG_OK, "%s: %s", settings, error.text);
    struct bg_federation_settings federation_settings = {.config = &config, .data = &data, .insecure_test_key = true};
    cr_assert_eq(bg_federation_create(&federation_settings, workers, &error, &federation), BG_OK, "%s: %s", settings,
                 error.text);
    for (size_t i = 0; i < ROUNDS; i++) {
        struct bg_round_result round;
        cr_assert_eq(bg_federation_round(federation, false, &error, &round), BG_OK, "%s: %s", settings, error.text);
    }
    struct outcome outcome = {bg_federation_model_digest(federation), bg_federation_virtual_ns(federation)};
    bg_federation_destroy(&federation);
    bg_simulator_data_finish(&data);
    bg_workers_destroy(&workers);
    return outcome;
}

Test(settings, each_of_learning_changes_the_model)
{
    /* What it is compared with, and what it is. */
    static const char *const cases[][2] = {
        {"", "data.rows=700"},
        {"", "data.labels=binary"},
        {"", "data.drop_port=true"},
        {"", "data.test_share=0.3"},
        {"", "data.validation_share=0.2"},
        {"", "data.partition=iid"},
        {"", "data.alpha=5"},
        {"data.partition=label_skew", "data.partition=label_skew data.classes_per_client=3"},
        {"", "data.least_rows=10"},
        {"", "data.seed=43"},
        {"", "model.spec=linear"},
        {"", "model.components=3"},
        {"", "model.variance=0.5"},
        {"codec.mode=sign data.fit=federated model.components=3",
         "codec.mode=sign data.fit=federated model.components=3 model.component_groups=1"},
        {"", "training.optimizer=adamw"},
        {"", "training.learning_rate=0.2"},
        {"", "training.learning_rate_floor=0.5"},
        {"", "training.momentum=0.5"},
        {"", "training.weight_decay=0.1"},
        {"", "training.clip_norm=0"},
        {"", "training.proximal_mu=1"},
        {"training.proximal_mu=1", "training.proximal_mu=1 training.drift_memory=0.5"},
        {"", "training.class_weights=none"},
        {"", "training.class_weights=federated-inverse-sqrt"},
        {"training.class_weights=federated-inverse-sqrt", "training.class_weights=federated-balanced"},
        {"", "training.own_prior=1"},
        {"", "training.federated_prior=0.5"},
        {"", "training.batch=16"},
        {"", "training.steps=4"},
        {"training.steps=20", "training.steps=20 training.steps_floor=0.1"},
        {"", "server.optimizer=momentum"},
        {"server.optimizer=momentum", "server.optimizer=nesterov"},
        {"", "server.optimizer=adam"},
        {"server.optimizer=adam", "server.optimizer=yogi"},
        {"server.optimizer=adam", "server.optimizer=adam server.step=0.02"},
        {"server.optimizer=adam", "server.optimizer=adam server.beta1=0.5"},
        {"server.optimizer=adam", "server.optimizer=adam server.beta2=0.5"},
        {"server.optimizer=adam", "server.optimizer=adam server.epsilon=0.1"},
        {"", "codec.mode=median"},
        {"codec.mode=median", "codec.mode=sign"},
        {"", "codec.mode=dense"},
        {"", "codec.scale_basis=residual"},
        {"", "codec.centre=median"},
        {"", "codec.clip=0.1"},
        {"codec.growth=1", "codec.growth=1 codec.growth_from=0"},
        {"codec.growth_from=0", "codec.growth_from=0 codec.growth=1"},
        {"", "codec.percentile=0.75"},
        {"faults.dropout=0.2", "faults.dropout=0.2 codec.decay=0.1"},
        {"", "codec.client_momentum=0.5"},
        {"codec.mode=sign", "codec.mode=sign codec.server_momentum=0.1"},
        {"codec.mode=sign", "codec.mode=sign codec.server_step=0.01"},
        {"", "codec.rotate=0.5"},
        {"codec.rotate=0.5", "codec.rotate=0.5 codec.rotate_full=2"},
        {"", "clients.count=16"},
        {"", "clients.cells=2"},
        {"", "groups.size=4"},
        {"groups.size=4 groups.full_rounds=0 faults.dropout=0.5",
         "groups.size=4 groups.full_rounds=0 faults.dropout=0.5 groups.least=2"},
        {"groups.size=4 faults.dropout=0.2", "groups.size=4 faults.dropout=0.2 groups.full_rounds=0"},
        {"", "rounds.count=20"},
        {"", "rounds.target_groups=3"},
        {"", "rounds.quorum=5"},
        {"", "robust.rule=mean"},
        {"", "robust.rule=unit-mean"},
        {"", "robust.rule=nnm"},
        {"", "robust.rule=flag"},
        {"", "robust.f_automatic=false"},
        {"robust.f_automatic=false", "robust.f_automatic=false robust.f=1"},
        {"", "faults.dropout=0.3"},
        {"", "attack.share=0.2 attack.kind=sign-flip"},
        {"", "attack.share=0.2 attack.kind=label-flip"},
        {"", "attack.share=0.2 attack.kind=random"},
        {"", "attack.share=0.2 attack.kind=out-of-range"},
        {"", "simulation.seed=2"},
    };
    struct outcome plain = run("");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome with = run(cases[i][1]), without = cases[i][0][0] ? run(cases[i][0]) : plain;
        cr_expect_not(bg_digest_equal(&with.model, &without.model), "%s changes nothing", cases[i][1]);
    }
    NO_LEAKS();
}

Test(settings, each_of_time_changes_the_clock_and_not_the_model)
{
    static const char *const cases[] = {
        "link.uplink_mbit=1",     "link.downlink_mbit=1",      "link.latency_ms=100",   "link.jitter_ms=50",
        "cost.training_ns=10000", "cost.encoding_ns=10000",    "cost.encryption_us=1e5", "cost.intake_us=1e5",
        "cost.fold_us=1e5",       "cost.opening_us=1e6",       "cost.aggregation_ns=1e5",
        "tree.edges=3",
        "faults.straggler=0.5",   "faults.straggler=0.5 faults.straggler_factor=50", "link.loss=0.05",
        "encryption.s=1",         "encryption.radix=mixed",    "encryption.bits=1024",
    };
    static const char null[] = "encryption.mode=null encryption.bits=512 faults.dropout=0";
    struct outcome without = run(null);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char settings[128];
        snprintf(settings, sizeof settings, "%s %s", null, cases[i]);
        struct outcome with = run(settings);
        cr_expect_neq(with.virtual_ns, without.virtual_ns, "%s takes no other time", cases[i]);
        cr_expect(bg_digest_equal(&with.model, &without.model), "%s changes the model", cases[i]);
    }
    NO_LEAKS();
}

Test(settings, each_of_edges_changes_the_clock_or_the_model)
{
    static const char base_of_edges[] = "encryption.mode=null encryption.bits=512 faults.dropout=0 clients.cells=3 "
                                        "clients.count=9 tree.edges=3 rounds.deadline_seconds=100";
    static const char *const cases[][2] = {
        {"", "tree.edges=1-3"},
        {"", "tree.latency_ms=500"},
        {"", "tree.mbit=0.01"},
        {"faults.straggler=0.5 faults.straggler_factor=1000",
         "faults.straggler=0.5 faults.straggler_factor=1000 tree.allowance_seconds=45"},
        {"", "faults.edge_down=0.5"},
        {"faults.edge_down=0.5", "faults.edge_down=0.5 faults.edge_return=1"},
        {"faults.edge_down=0.5", "faults.edge_down=0.5 faults.rehome=1"},
        {"faults.edge_down=0.5", "faults.edge_down=0.5 tree.assignment_seed=3"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char without_text[256], with_text[256];
        snprintf(without_text, sizeof without_text, "%s %s", base_of_edges, cases[i][0]);
        snprintf(with_text, sizeof with_text, "%s %s", base_of_edges, cases[i][1]);
        struct outcome without = run(without_text), with = run(with_text);
        cr_expect(with.virtual_ns != without.virtual_ns || !bg_digest_equal(&with.model, &without.model),
                  "%s changes nothing", cases[i][1]);
    }
    NO_LEAKS();
}

/* Rounds that wait for the absent until their deadline, which the first round of learning tells how to set. */
Test(settings, each_of_pace_changes_the_clock)
{
    static const char base_of_pace[] = "encryption.mode=null encryption.bits=512 rounds.count=9 groups.full_rounds=0 "
                                       "rounds.contacts_per_second=0 faults.dropout=0.2";
    static const char slow[] = "faults.straggler=0.4 faults.straggler_factor=50 rounds.deadline=measured";
    static const char *const cases[][2] = {
        {"", "rounds.deadline_seconds=60"},
        {"", "rounds.deadline=measured"},
        {"rounds.deadline=measured", "rounds.deadline=measured rounds.deadline_least_seconds=30"},
        {slow, "rounds.deadline_percentile=0.5 rounds.deadline_margin=3"},
        {slow, "rounds.deadline_margin=3"},
        {"faults.dropout=0", "faults.dropout=0 rounds.contacts_per_second=1"},
        {"faults.dropout=0 rounds.contacts_per_second=1",
         "faults.dropout=0 rounds.contacts_per_second=1 clients.longest_wait_seconds=2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char without_text[256], with_text[512];
        snprintf(without_text, sizeof without_text, "%s %s", base_of_pace, cases[i][0]);
        snprintf(with_text, sizeof with_text, "%s %s", cases[i][0] == slow ? without_text : base_of_pace, cases[i][1]);
        cr_expect_neq(run(with_text).virtual_ns, run(without_text).virtual_ns, "%s changes nothing", cases[i][1]);
    }
    NO_LEAKS();
}
