/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/federation.h"

#include "simulator/central.h"
#include "simulator/config.h"
#include "simulator/federation_state.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <string.h>

static void set(struct bg_simulator_config *config, const char *setting)
{
    struct bg_error error;
    cr_assert_eq(bg_options_set(bg_simulator_options, bg_simulator_option_count, setting, config, &error), BG_OK, "%s",
                 error.text);
}

static struct bg_simulator_config small_config(void)
{
    static const char *const settings[] = {"data.rows=600",         "model.spec=mlp:8",       "training.steps=2",
                                           "clients.count=8",       "encryption.mode=null",   "rounds.count=1",
                                           "encryption.bits=2048", "encryption.s=1",          "link.jitter_ms=0",
                                           "data.least_rows=4",     "data.partition=iid",
                                           "data.fit=central"};
    struct bg_simulator_config config;
    bg_options_defaults(bg_simulator_options, bg_simulator_option_count, &config);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        set(&config, settings[i]);
    return config;
}

Test(federation, a_round_tells_where_its_time_went)
{
    struct bg_simulator_config config = small_config();
    struct bg_simulator_data data;
    struct bg_workers *workers;
    struct bg_federation *federation;
    struct bg_error error = {BG_OK, ""};
    struct bg_round_result rounds[2];
    cr_assert_eq(bg_workers_create(1, 16, NULL, NULL, &workers), BG_OK);
    cr_assert_eq(bg_simulator_data_open(&config, &error, &data), BG_OK, "%s", error.text);
    struct bg_federation_settings settings = {.config = &config, .data = &data};
    cr_assert_eq(bg_federation_create(&settings, workers, &error, &federation), BG_OK, "%s", error.text);
    for (size_t i = 0; i < 2; i++)
        cr_assert_eq(bg_federation_round(federation, false, &error, &rounds[i]), BG_OK, "%s", error.text);

    const struct bg_round_result *round = &rounds[1];
    const struct bg_phase_sum *training = &round->phases[BG_PHASE_TRAINING];
    const struct bg_phase_sum *encryption = &round->phases[BG_PHASE_ENCRYPTION];
    const struct bg_phase_sum *uplink = &round->phases[BG_PHASE_UPLINK];
    const struct bg_phase_sum *opening = &round->phases[BG_PHASE_OPENING];
    cr_assert(round->committed && round->stage == BG_STAGE_LEARNING);
    cr_assert_eq(round->marks_lost, 0);
    cr_assert_eq(training->marks, 8, "one per client");
    cr_assert_eq(round->phases[BG_PHASE_ENCODING].marks, 8);
    cr_assert_eq(encryption->marks, 8);
    cr_assert_eq(round->phases[BG_PHASE_FOLD].marks, 8, "one per update");
    cr_assert_eq(opening->marks, 2, "one per group");
    cr_assert_eq(uplink->bytes, 8 * round->uplink_bytes);
    cr_assert_gt(round->phases[BG_PHASE_DOWNLINK].bytes, 0);
    cr_assert_gt(round->cpu_ns[BG_PHASE_TRAINING], 0);
    /* One after the other on every client, and none outside of the round. */
    cr_assert_leq(training->end_ns, encryption->end_ns);
    cr_assert_lt(encryption->begin_ns, uplink->begin_ns);
    cr_assert_lt(uplink->begin_ns, opening->begin_ns);
    cr_assert_lt(opening->end_ns, round->virtual_ns);
    /* The time that the cost table asks for, at a whole number of ciphertexts per client. */
    double ciphertexts = (double)encryption->busy_ns / (8e3 * config.cost_encryption_us);
    cr_assert_gt(ciphertexts, 0);
    cr_assert_float_eq(ciphertexts, (double)round->phases[BG_PHASE_FOLD].busy_ns / (8e3 * config.cost_fold_us), 1e-9);

    bg_federation_destroy(&federation);
    bg_simulator_data_finish(&data);
    bg_workers_destroy(&workers);
    NO_LEAKS();
}

Test(federation, does_not_start_with_an_f_or_a_quorum_that_its_groups_cannot_meet)
{
    static const char *const settings[][2] = {
        {"robust.f=0", "robust.f"}, {"rounds.quorum=3", "rounds.quorum"}, {"rounds.target_groups=1", "rounds.quorum"}};
    struct bg_workers *workers;
    struct bg_simulator_data data;
    struct bg_error error = {BG_OK, ""};
    struct bg_simulator_config config = small_config();
    cr_assert_eq(bg_workers_create(1, 16, NULL, NULL, &workers), BG_OK);
    cr_assert_eq(bg_simulator_data_open(&config, &error, &data), BG_OK, "%s", error.text);
    for (size_t i = 0; i < 3; i++) {
        struct bg_federation *federation;
        config = small_config();
        set(&config, settings[i][0]);
        config.learning.faulty_automatic = i != 0;
        if (i == 2)
            set(&config, "rounds.quorum=2");
        struct bg_federation_settings federation_settings = {.config = &config, .data = &data};
        cr_assert_eq(bg_federation_create(&federation_settings, workers, &error, &federation), BG_CONFIG);
        cr_assert(strstr(error.text, settings[i][1]), "%s", error.text);
    }
    bg_simulator_data_finish(&data);
    bg_workers_destroy(&workers);
    NO_LEAKS();
}

Test(federation, the_same_model_is_trained_centrally_with_every_optimizer)
{
    static const char *const optimizers[] = {"training.optimizer=sgd", "training.optimizer=adamw"};
    struct bg_workers *workers;
    struct bg_simulator_data data;
    struct bg_error error = {BG_OK, ""};
    struct bg_simulator_config config = small_config();
    cr_assert_eq(bg_workers_create(1, 16, NULL, NULL, &workers), BG_OK);
    cr_assert_eq(bg_simulator_data_open(&config, &error, &data), BG_OK, "%s", error.text);
    set(&config, "report.central_epochs=20");
    set(&config, "training.learning_rate=0.05");
    for (size_t i = 0; i < 2; i++) {
        struct bg_confusion confusion;
        set(&config, optimizers[i]);
        cr_assert_eq(bg_confusion_init(&confusion, data.dataset.classes), BG_OK);
        cr_assert_eq(bg_central_train(&config, &data, workers, &error, &confusion), BG_OK, "%s", error.text);
        cr_assert_gt(bg_confusion_accuracy(&confusion), 0.5, "%s", optimizers[i]);
        bg_confusion_finish(&confusion);
    }
    bg_simulator_data_finish(&data);
    bg_workers_destroy(&workers);
    NO_LEAKS();
}

static struct bg_digest learn(const struct bg_simulator_config *config, struct bg_mask_stats *ret_masks)
{
    struct bg_workers *workers;
    struct bg_simulator_data data;
    struct bg_federation *federation;
    struct bg_round_result round;
    struct bg_error error = {BG_OK, ""};
    cr_assert_eq(bg_workers_create(2, 16, NULL, NULL, &workers), BG_OK);
    cr_assert_eq(bg_simulator_data_open(config, &error, &data), BG_OK, "%s", error.text);
    struct bg_federation_settings settings = {.config = config, .data = &data, .insecure_test_key = true};
    cr_assert_eq(bg_federation_create(&settings, workers, &error, &federation), BG_OK, "%s", error.text);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(bg_federation_round(federation, false, &error, &round), BG_OK, "%s", error.text);
    struct bg_digest digest = bg_federation_model_digest(federation);
    *ret_masks = bg_federation_masks(federation);
    bg_federation_destroy(&federation);
    bg_simulator_data_finish(&data);
    bg_workers_destroy(&workers);
    return digest;
}

Test(federation, a_pool_of_masks_changes_no_result)
{
    static const char *const ways[] = {"masks.pool_bytes=65536", "masks.uniform_reads=true", "masks.exponent=512"};
    struct bg_simulator_config config = small_config();
    struct bg_mask_stats masks;
    struct bg_digest expected = learn(&config, &masks);
    cr_assert_eq(masks.drawn, 0, "null mode has no masks");
    set(&config, "encryption.mode=paillier");
    set(&config, "encryption.bits=512");
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        set(&config, ways[i]);
        struct bg_digest digest = learn(&config, &masks);
        cr_assert(bg_digest_equal(&digest, &expected), "%s", ways[i]);
        cr_assert_gt(masks.drawn, 0);
        if (masks.capacity)
            cr_assert_gt(masks.hits, 0);
    }
    NO_LEAKS();
}

Test(federation, checks_what_all_clients_are_told_once)
{
    struct bg_workers *workers;
    struct bg_simulator_data data;
    struct bg_federation *federation;
    struct bg_round_result round;
    struct bg_error error = {BG_OK, ""};
    struct bg_simulator_config config = small_config();
    cr_assert_eq(bg_workers_create(1, 16, NULL, NULL, &workers), BG_OK);
    cr_assert_eq(bg_simulator_data_open(&config, &error, &data), BG_OK, "%s", error.text);
    struct bg_federation_settings settings = {.config = &config, .data = &data};
    cr_assert_eq(bg_federation_create(&settings, workers, &error, &federation), BG_OK, "%s", error.text);
    const size_t rounds = 3;
    for (size_t i = 0; i < rounds; i++) {
        cr_assert_eq(bg_federation_round(federation, false, &error, &round), BG_OK, "%s", error.text);
        cr_assert_eq(round.updates, 8);
    }
    /* Plan and groups; a task and a model per round; all receipts but the last, which nobody has asked for yet. */
    cr_assert_eq(federation->library.checked, 2 + 2 * rounds + (rounds - 1));
    cr_assert_eq(*federation->library.plans[0].plan.document.holders, 8 + 1, "one copy for all, and the library");
    cr_assert_eq(federation->to_root.replies_kept, 0, "nothing is on its way for ever");
    bg_federation_destroy(&federation);
    bg_simulator_data_finish(&data);
    bg_workers_destroy(&workers);
    NO_LEAKS();
}
