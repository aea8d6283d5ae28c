/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/offline.h"

#include "crypto/digest.h"
#include "tests/unit/aggregator/by_hand.h"
#include "tests/unit/no_leaks.h"
#include "wire/frame.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(offline, .timeout = 120);

#define EXPECT(h, call, expected)                                                                                  \
    do {                                                                                                           \
        enum bg_status status_ = (call);                                                                           \
        cr_assert_eq(status_, (expected), "%s instead of %s: %s", bg_status_name(status_),                         \
                     bg_status_name(expected), (h)->error.text);                                                   \
    } while (0)

static void fold_all(struct by_hand *h, uint64_t round, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        make_update(h, round, i, false);
        EXPECT(h, fold_file(h), BG_OK);
    }
}

/* One round of everybody, from task to receipt. */
static struct bg_offline_round whole_round(struct by_hand *h, uint64_t number, bool encrypted)
{
    struct bg_offline_round round = {0};
    EXPECT(h, open_round(h), BG_OK);
    fold_all(h, number, HANDS);
    for (uint32_t group = 0; encrypted && group < 2; group++) {
        cr_assert_not(round.ended);
        EXPECT(h, have_opened(h, number, group), BG_OK);
        EXPECT(h, take_sums(h, &round), BG_OK);
    }
    cr_assert(exists(round_file(h, number, "receipt")));
    return round;
}

Test(offline, makes_rounds_by_hand)
{
    struct by_hand h;
    by_hand_init(&h, BG_PLAN_PAILLIER, "ef");
    EXPECT(&h, agree_on_epoch(&h), BG_OK);
    for (uint64_t number = 1; number < 4; number++) {
        struct bg_offline_round round = whole_round(&h, number, true);
        cr_assert(round.ended && round.outcome == BG_OK && round.round == number);
        cr_assert_eq(round.stage, number == 1 ? BG_STAGE_SCALES : BG_STAGE_LEARNING);
        cr_assert_eq(round.used, 2);
        cr_assert_eq(round.opened, 2);
    }
    by_hand_finish(&h);
    NO_LEAKS();
}

/* Of the parameters: the file names the plan, which names the encryption. */
static struct bg_digest parameters_after(enum bg_plan_encryption encryption, const char *mode, uint64_t rounds)
{
    struct by_hand h;
    struct bg_model_file model;
    struct bg_digest digest;
    char name[64];
    by_hand_init(&h, encryption, mode);
    EXPECT(&h, agree_on_epoch(&h), BG_OK);
    for (uint64_t round = 1; round <= rounds; round++)
        whole_round(&h, round, encryption != BG_PLAN_OFF);
    snprintf(name, sizeof name, "model-%llu.safetensors", (unsigned long long)rounds);
    EXPECT(&h, bg_model_load(file_in(&h, name), &h.error, &model), BG_OK);
    cr_assert_eq(model.card.round, rounds);
    bg_sha256((struct bg_span){(const uint8_t *)model.card.parameters,
                               model.model->layout.coordinates * sizeof *model.card.parameters},
              &digest);
    bg_model_file_finish(&model);
    by_hand_finish(&h);
    return digest;
}

Test(offline, learns_the_same_with_and_without_encryption)
{
    static const struct {
        const char *name;
        uint64_t rounds; /* mode ef begins with one of scales */
    } modes[] = {{"ef", 3}, {"sign", 2}, {"median", 1}};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        struct bg_digest paillier = parameters_after(BG_PLAN_PAILLIER, modes[i].name, modes[i].rounds);
        struct bg_digest null = parameters_after(BG_PLAN_NULL, modes[i].name, modes[i].rounds);
        struct bg_digest off = parameters_after(BG_PLAN_OFF, modes[i].name, modes[i].rounds);
        cr_assert(bg_digest_equal(&paillier, &null));
        cr_assert(bg_digest_equal(&paillier, &off));
    }
    struct bg_digest one = parameters_after(BG_PLAN_NULL, "sign", 1), two = parameters_after(BG_PLAN_NULL, "sign", 2);
    cr_assert_not(bg_digest_equal(&one, &two));
    NO_LEAKS();
}

Test(offline, averages_dense_updates_without_a_key_holder_opening_anything)
{
    struct bg_digest first = parameters_after(BG_PLAN_OFF, "dense", 1);
    struct bg_digest second = parameters_after(BG_PLAN_OFF, "dense", 2);
    cr_assert_not(bg_digest_equal(&first, &second));
    NO_LEAKS();
}

/* Parameters after each of two dense rounds, in which everybody sends the same whatever the server does. */
struct two_rounds {
    size_t count;
    float *after[3]; /* from the initial ones on */
};

static struct two_rounds two_dense_rounds(enum bg_server_optimizer_kind kind)
{
    struct two_rounds rounds = {0};
    struct by_hand h;
    by_hand_init(&h, BG_PLAN_OFF, "dense");
    h.config.learning.learning_rate_floor = 1;
    h.config.learning.server_optimizer = kind;
    h.config.learning.server_step = 0.5;
    h.config.learning.server_beta1 = 0.75;
    h.config.learning.server_beta2 = 0.5;
    h.config.learning.server_epsilon = 0.25;
    EXPECT(&h, agree_on_epoch(&h), BG_OK);
    for (uint64_t round = 0; round <= 2; round++) {
        char name[64];
        struct bg_model_file model;
        if (round)
            whole_round(&h, round, false);
        snprintf(name, sizeof name, "model-%llu.safetensors", (unsigned long long)round);
        EXPECT(&h, bg_model_load(file_in(&h, name), &h.error, &model), BG_OK);
        rounds.count = model.model->layout.coordinates;
        rounds.after[round] = malloc(rounds.count * sizeof(float));
        memcpy(rounds.after[round], model.card.parameters, rounds.count * sizeof(float));
        bg_model_file_finish(&model);
    }
    by_hand_finish(&h);
    return rounds;
}

/* Every verb is a process of its own: what the optimizer keeps is in the folder. */
Test(offline, carries_the_servers_optimizer_from_round_to_round)
{
    struct two_rounds plain = two_dense_rounds(BG_SERVER_NONE), adam = two_dense_rounds(BG_SERVER_ADAM);
    for (size_t i = 0; i < plain.count; i++) {
        double d[2] = {(double)plain.after[1][i] - (double)plain.after[0][i],
                       (double)plain.after[2][i] - (double)plain.after[1][i]};
        double m = 0, v = 0, w = (double)plain.after[0][i];
        for (size_t round = 0; round < 2; round++) {
            m = 0.75 * m + 0.25 * d[round];
            v = 0.5 * v + 0.5 * d[round] * d[round];
            w += 0.5 * m / (sqrt(v) + 0.25);
            cr_assert_float_eq((double)adam.after[round + 1][i], w, 1e-5, "coordinate %zu, round %zu", i, round);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        free(plain.after[i]);
        free(adam.after[i]);
    }
    NO_LEAKS();
}

/* ---- updates ---- */

static void start(struct by_hand *h)
{
    by_hand_init(h, BG_PLAN_NULL, "sign");
    EXPECT(h, agree_on_epoch(h), BG_OK);
    EXPECT(h, open_round(h), BG_OK);
}

Test(offline, releases_a_group_when_its_last_update_is_in)
{
    struct by_hand h;
    start(&h);
    fold_all(&h, 1, 3);
    cr_assert_not(exists(round_file(&h, 1, "group-0.release")));
    make_update(&h, 1, 3, false);
    EXPECT(&h, fold_file(&h), BG_OK);
    cr_assert_eq(h.wrote, 1);
    cr_assert(exists(round_file(&h, 1, "group-0.release")));
    cr_assert_not(exists(round_file(&h, 1, "group-1.release")));
    EXPECT(&h, fold_file(&h), BG_OK);
    cr_assert_eq(h.wrote, 0, "the same update again writes nothing");
    by_hand_finish(&h);
    NO_LEAKS();
}

Test(offline, accepts_a_good_update_after_a_damaged_one)
{
    struct by_hand h;
    start(&h);
    make_update(&h, 1, 0, false);
    struct bg_writer update = read_file(h.file);
    update.data[update.size - 1] ^= 1;
    write_file(h.file, bg_writer_span(&update));
    EXPECT(&h, fold_file(&h), BG_BAD_DIGEST);
    cr_assert(strstr(h.error.text, h.file), "%s", h.error.text);
    update.data[update.size - 1] ^= 1;
    write_file(h.file, (struct bg_span){update.data, update.size - 1});
    EXPECT(&h, fold_file(&h), BG_TRUNCATED);
    struct bg_frame manifest;
    struct bg_span rest;
    EXPECT(&h, bg_frame_decode(bg_writer_span(&update), &h.error, &manifest, &rest), BG_OK);
    write_file(h.file, manifest.bytes);
    EXPECT(&h, fold_file(&h), BG_TRUNCATED);
    cr_assert(strstr(h.error.text, "blocks are missing"), "%s", h.error.text);
    write_file(h.file, bg_writer_span(&update));
    EXPECT(&h, fold_file(&h), BG_OK);
    bg_writer_finish(&update);
    by_hand_finish(&h);
    NO_LEAKS();
}

Test(offline, refuses_a_second_different_update)
{
    struct by_hand h;
    start(&h);
    make_update(&h, 1, 0, false);
    EXPECT(&h, fold_file(&h), BG_OK);
    make_update(&h, 1, 0, false); /* with other pads */
    EXPECT(&h, fold_file(&h), BG_DUPLICATE);
    by_hand_finish(&h);
    NO_LEAKS();
}

Test(offline, refuses_what_is_no_update)
{
    struct by_hand h;
    start(&h);
    snprintf(h.file, sizeof h.file, "%s/plan", h.folder);
    EXPECT(&h, fold_file(&h), BG_DECODE);
    snprintf(h.file, sizeof h.file, "%s/nothing", h.folder);
    EXPECT(&h, fold_file(&h), BG_NOT_FOUND);
    by_hand_finish(&h);
    NO_LEAKS();
}

Test(offline, names_an_accepted_update_that_has_changed_since)
{
    struct by_hand h;
    char name[2 * BG_DIGEST_BYTES + 8];
    start(&h);
    make_update(&h, 1, 0, false);
    EXPECT(&h, fold_file(&h), BG_OK);
    bg_digest_to_hex(bg_identity_digest(h.clients[0]), name);
    strcat(name, ".update");
    struct bg_writer update = read_file(round_file(&h, 1, name));
    update.data[update.size / 2] ^= 1;
    write_file(round_file(&h, 1, name), bg_writer_span(&update));
    cr_assert_neq(enter(&h), BG_OK);
    cr_assert(strstr(h.error.text, name), "%s", h.error.text);
    bg_writer_finish(&update);
    by_hand_finish(&h);
    NO_LEAKS();
}

/* ---- groups that are not whole, not honest, not opened ---- */

Test(offline, lets_groups_sit_out_that_are_not_whole)
{
    struct by_hand h;
    struct bg_offline_round round;
    start(&h);
    fold_all(&h, 1, 7);
    EXPECT(&h, close_round(&h), BG_OK);
    cr_assert_not(exists(round_file(&h, 1, "group-1.release")), "not in a full round");
    make_update(&h, 1, 7, false);
    EXPECT(&h, fold_file(&h), BG_TOO_LATE);
    EXPECT(&h, have_opened(&h, 1, 0), BG_OK);
    EXPECT(&h, take_sums(&h, &round), BG_OK);
    cr_assert(round.ended && round.outcome == BG_OK);
    cr_assert_eq(round.used, 1);
    cr_assert_eq(round.sat_out, 1);

    EXPECT(&h, open_round(&h), BG_OK);
    fold_all(&h, 2, 7);
    EXPECT(&h, close_round(&h), BG_OK);
    for (uint32_t group = 0; group < 2; group++) {
        EXPECT(&h, have_opened(&h, 2, group), BG_OK);
        EXPECT(&h, take_sums(&h, &round), BG_OK);
    }
    cr_assert_eq(round.used, 2, "three of four may do after the full rounds");

    EXPECT(&h, open_round(&h), BG_OK);
    make_update(&h, 3, 7, false);
    EXPECT(&h, fold_file(&h), BG_REFUSED);
    by_hand_finish(&h);
    NO_LEAKS();
}

Test(offline, leaves_out_a_group_whose_sum_is_out_of_range)
{
    struct by_hand h;
    struct bg_offline_round round;
    start(&h);
    fold_all(&h, 1, 7);
    make_update(&h, 1, 7, true);
    EXPECT(&h, fold_file(&h), BG_OK);
    EXPECT(&h, have_opened(&h, 1, 1), BG_OK);
    EXPECT(&h, take_sums(&h, &round), BG_OK);
    cr_assert_not(round.ended);
    EXPECT(&h, have_opened(&h, 1, 0), BG_OK);
    EXPECT(&h, take_sums(&h, &round), BG_OK);
    cr_assert_eq(round.invalid, 1);
    cr_assert_eq(round.used, 1);
    cr_assert_eq(round.outcome, BG_OK);
    by_hand_finish(&h);
    NO_LEAKS();
}

Test(offline, abandons_a_round_without_any_group)
{
    struct by_hand h;
    start(&h);
    struct bg_digest before = digest_of_file(file_in(&h, "model-0.safetensors"));
    EXPECT(&h, close_round(&h), BG_OK);
    cr_assert(exists(round_file(&h, 1, "receipt")));
    cr_assert_not(exists(file_in(&h, "model-1.safetensors")));
    struct bg_offline_round round = whole_round(&h, 2, true);
    cr_assert_eq(round.outcome, BG_OK);
    cr_assert_not(bg_digest_equal(&before, &(struct bg_digest){{0}}));
    by_hand_finish(&h);
    NO_LEAKS();
}

Test(offline, goes_on_without_sums_when_told_so)
{
    struct by_hand h;
    struct bg_offline_round round;
    start(&h);
    EXPECT(&h, enter(&h), BG_OK);
    EXPECT(&h, bg_offline_give_up(h.offline, &h.error), BG_INVALID);
    leave(&h);
    fold_all(&h, 1, HANDS);
    EXPECT(&h, have_opened(&h, 1, 1), BG_OK);
    EXPECT(&h, take_sums(&h, &round), BG_OK);
    cr_assert_not(round.ended);
    EXPECT(&h, enter(&h), BG_OK);
    EXPECT(&h, bg_offline_give_up(h.offline, &h.error), BG_OK);
    EXPECT(&h, bg_offline_settle(h.offline, &h.error), BG_OK);
    round = *bg_offline_round(h.offline);
    leave(&h);
    cr_assert(round.ended && round.outcome == BG_OK);
    cr_assert_eq(round.used, 1);
    cr_assert_eq(round.refused, 1);
    by_hand_finish(&h);
    NO_LEAKS();
}

/* ---- sums ---- */

Test(offline, refuses_altered_and_misplaced_sums_and_still_takes_the_right_ones)
{
    struct by_hand h;
    struct bg_offline_round round;
    start(&h);
    fold_all(&h, 1, HANDS);
    EXPECT(&h, have_opened(&h, 1, 0), BG_OK);
    struct bg_writer sums = read_file(h.file);
    sums.data[sums.size - BG_SIGNATURE_BYTES - 1] ^= 1; /* in the record */
    write_file(h.file, bg_writer_span(&sums));
    EXPECT(&h, take_sums(&h, &round), BG_BAD_SIGNATURE);
    cr_assert(strstr(h.error.text, h.file), "%s", h.error.text);
    sums.data[sums.size - BG_SIGNATURE_BYTES - 1] ^= 1;
    write_file(h.file, bg_writer_span(&sums));
    EXPECT(&h, take_sums(&h, &round), BG_OK);
    EXPECT(&h, take_sums(&h, &round), BG_OK);
    cr_assert_not(round.ended);
    EXPECT(&h, have_opened(&h, 1, 1), BG_OK);
    EXPECT(&h, take_sums(&h, &round), BG_OK);
    cr_assert(round.ended);
    EXPECT(&h, take_sums(&h, &round), BG_OK);
    write_file(h.file, bg_writer_span(&sums));
    EXPECT(&h, take_sums(&h, &round), BG_OK);
    cr_assert_not(round.ended);
    EXPECT(&h, open_round(&h), BG_OK);
    EXPECT(&h, take_sums(&h, &round), BG_WRONG_ROUND);
    bg_writer_finish(&sums);
    by_hand_finish(&h);
    NO_LEAKS();
}

/* ---- order, epochs, settings ---- */

Test(offline, wants_its_verbs_in_order)
{
    struct by_hand h;
    struct bg_offline_round round;
    by_hand_init(&h, BG_PLAN_NULL, "sign");
    EXPECT(&h, open_round(&h), BG_INVALID);
    EXPECT(&h, close_round(&h), BG_WRONG_ROUND);
    EXPECT(&h, fold_file(&h), BG_WRONG_ROUND);
    EXPECT(&h, take_sums(&h, &round), BG_WRONG_ROUND);
    EXPECT(&h, agree_on_epoch(&h), BG_OK);
    EXPECT(&h, open_round(&h), BG_OK);
    EXPECT(&h, open_round(&h), BG_BUSY);
    EXPECT(&h, agree_on_epoch(&h), BG_BUSY);
    struct bg_offline_trust trust = {file_in(&h, "identity.point"), {{0}}};
    EXPECT(&h, bg_offline_init(&h.settings, &trust, &h.error), BG_INVALID);
    by_hand_finish(&h);
    NO_LEAKS();
}

Test(offline, keeps_learning_from_epoch_to_epoch)
{
    struct by_hand h;
    by_hand_init(&h, BG_PLAN_NULL, "ef");
    EXPECT(&h, agree_on_epoch(&h), BG_OK);
    cr_assert_eq(whole_round(&h, 1, true).stage, BG_STAGE_SCALES);
    EXPECT(&h, agree_on_epoch(&h), BG_OK);
    struct bg_offline_round round = whole_round(&h, 2, true);
    cr_assert_eq(round.outcome, BG_OK);
    cr_assert_eq(round.stage, BG_STAGE_LEARNING, "scales outlive their epoch");
    by_hand_finish(&h);
    NO_LEAKS();
}

Test(offline, asks_for_an_epoch_with_the_same_words_until_it_is_answered)
{
    struct by_hand h;
    by_hand_init(&h, BG_PLAN_NULL, "sign");
    struct bg_digest requests[2];
    for (size_t i = 0; i < 2; i++) {
        EXPECT(&h, enter(&h), BG_OK);
        EXPECT(&h, bg_offline_ask_epoch(h.offline, h.file, &h.error), BG_OK);
        leave(&h);
        requests[i] = digest_of_file(h.file);
    }
    cr_assert(bg_digest_equal(&requests[0], &requests[1]));
    EXPECT(&h, ask_key_holder(&h, BG_ROUTE_EPOCH, h.file), BG_OK);
    struct bg_writer answer = read_file(h.file);
    answer.data[BG_FRAME_HEADER_BYTES + 9] ^= 1; /* the nonce */
    write_file(h.file, bg_writer_span(&answer));
    EXPECT(&h, enter(&h), BG_OK);
    EXPECT(&h, bg_offline_accept_epoch(h.offline, h.file, &h.error), BG_BAD_SIGNATURE);
    leave(&h);
    answer.data[BG_FRAME_HEADER_BYTES + 9] ^= 1;
    write_file(h.file, bg_writer_span(&answer));
    for (size_t i = 0; i < 2; i++) {
        EXPECT(&h, enter(&h), BG_OK);
        EXPECT(&h, bg_offline_accept_epoch(h.offline, h.file, &h.error), BG_OK);
        leave(&h);
    }
    bg_writer_finish(&answer);
    by_hand_finish(&h);
    NO_LEAKS();
}

Test(offline, refuses_other_settings_in_the_middle_of_a_round)
{
    struct by_hand h;
    start(&h);
    h.config.learning.learning_rate = 0.5;
    EXPECT(&h, enter(&h), BG_CONFIG);
    cr_assert(strstr(h.error.text, "task"), "%s", h.error.text);
    by_hand_finish(&h);
    NO_LEAKS();
}

static struct bg_window window_of(struct by_hand *h, uint64_t round)
{
    struct bg_writer bytes = read_file(round_file(h, round, "task"));
    struct bg_arena arena;
    struct bg_frame frame;
    struct bg_task task;
    bg_arena_init(&arena, SIZE_MAX);
    EXPECT(h, bg_frame_expect(bg_writer_span(&bytes), BG_FRAME_TASK, &h->error, &frame), BG_OK);
    EXPECT(h, bg_task_decode(&frame, &arena, &h->error, &task), BG_OK);
    bg_arena_finish(&arena);
    bg_writer_finish(&bytes);
    return (struct bg_window){task.window_first, task.window_rest};
}

/* Round 1 calibrates; of four rounds of learning the last one votes on everything. */
Test(offline, rotates_the_votes_from_round_to_round)
{
    struct by_hand h;
    by_hand_init(&h, BG_PLAN_NULL, "ef");
    h.config.learning.rotate = 0.25;
    h.config.learning.rotate_full = 1;
    h.config.rounds = 4;
    EXPECT(&h, agree_on_epoch(&h), BG_OK);
    for (uint64_t number = 1; number < 6; number++) {
        cr_assert_eq(whole_round(&h, number, true).outcome, BG_OK);
        struct bg_window window = window_of(&h, number);
        bool all = number == 1 || number == 5;
        cr_assert_eq(window.rest, all ? 0 : 0xc0000000, "round %llu", (unsigned long long)number);
        if (!all)
            cr_assert_eq(window.first, (uint32_t)(number - 2) << 30);
    }
    by_hand_finish(&h);
    NO_LEAKS();
}

Test(offline, refuses_last_rounds_where_none_is_the_last)
{
    struct bg_aggregator_config config;
    struct bg_error error;
    bg_options_defaults(bg_aggregator_options, bg_aggregator_option_count, &config);
    config.learning.rotate = 0.5;
    config.learning.rotate_full = 2;
    cr_assert_eq(bg_aggregator_config_check(&config, &error), BG_OK);
    config.rounds = 0;
    cr_assert_eq(bg_aggregator_config_check(&config, &error), BG_CONFIG);
    cr_assert_not_null(strstr(error.text, "rounds.count"), "%s", error.text);
}

Test(offline, is_for_one_process_at_a_time)
{
    struct by_hand h;
    by_hand_init(&h, BG_PLAN_NULL, "sign");
    struct bg_offline *second = NULL;
    EXPECT(&h, enter(&h), BG_OK);
    EXPECT(&h, bg_offline_create(&h.settings, &h.error, &second), BG_BUSY);
    by_hand_finish(&h);
    NO_LEAKS();
}

Test(offline, refuses_a_state_with_any_byte_changed_or_missing)
{
    struct by_hand h;
    by_hand_init(&h, BG_PLAN_NULL, "sign");
    struct bg_writer state = read_file(file_in(&h, "state"));
    for (size_t i = 0; i < state.size; i += 13) {
        state.data[i] ^= 0x20;
        write_file(file_in(&h, "state"), bg_writer_span(&state));
        cr_assert_neq(enter(&h), BG_OK, "byte %zu", i);
        state.data[i] ^= 0x20;
        write_file(file_in(&h, "state"), (struct bg_span){state.data, i});
        cr_assert_neq(enter(&h), BG_OK, "cut at %zu", i);
        cr_assert(strstr(h.error.text, "state"), "%s", h.error.text);
    }
    write_file(file_in(&h, "state"), bg_writer_span(&state));
    EXPECT(&h, enter(&h), BG_OK);
    bg_writer_finish(&state);
    by_hand_finish(&h);
    NO_LEAKS();
}

Test(offline, refuses_another_model_than_the_one_it_made)
{
    struct by_hand h;
    start(&h);
    EXPECT(&h, close_round(&h), BG_OK);
    struct bg_writer model = read_file(file_in(&h, "model-0.safetensors"));
    model.data[model.size - 3] ^= 1;
    write_file(file_in(&h, "model-0.safetensors"), bg_writer_span(&model));
    EXPECT(&h, enter(&h), BG_BAD_DIGEST);
    unlink(file_in(&h, "model-0.safetensors"));
    EXPECT(&h, enter(&h), BG_NOT_FOUND);
    bg_writer_finish(&model);
    by_hand_finish(&h);
    NO_LEAKS();
}
