/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client.h"

#include "crypto/digest.h"
#include "tests/unit/client/fake_root.h"
#include "tests/unit/flat_slots.h"
#include "tests/unit/no_leaks.h"
#include "wire/block.h"
#include "wire/manifest.h"
#include "wire/pace.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const struct population_terms plain = {.encryption = BG_PLAN_OFF};

static size_t coordinates_of(const struct fake_root *root)
{
    return root->stage.model->layout.coordinates;
}

/* Runs from the open task to the receipt; NULL: the round is abandoned. */
static void run_round(struct fake_root *root, const struct bg_receipt *receipt)
{
    fake_root_open(root);
    fake_root_run_to(root, BG_SESSION_WAITING);
    fake_root_end(root, receipt);
    fake_root_run_to(root, BG_SESSION_IDLE);
}

struct ending {
    struct bg_receipt_group groups[2];
    double scales[STAGE_TENSORS];
    struct bg_receipt receipt;
};

static void make_ending(struct ending *e, const struct fake_root *root, bool used)
{
    e->receipt = stage_receipt(&root->stage, used, e->groups, e->scales);
}

/* What the client should have: Δ of the round, p = Δ + e, and the votes it sent. */
struct mirror {
    float *delta;
    struct bg_codec_update codec;
};

static void mirror_init(struct mirror *m, const struct fake_root *root)
{
    m->delta = calloc(coordinates_of(root), sizeof *m->delta);
    cr_assert_eq(bg_codec_update_init(&m->codec, &root->stage.model->layout), BG_OK);
}

static void mirror_finish(struct mirror *m)
{
    bg_codec_update_finish(&m->codec);
    free(m->delta);
}

/* Votes of the update that the root received; those without a tie must be the signs of p. */
static void mirror_votes(struct mirror *m, struct fake_root *root)
{
    const struct bg_shape *shape = &root->stage.shape;
    struct bg_frame frame;
    struct bg_block block;
    uint64_t *slots = calloc(shape->slots, sizeof *slots);
    struct bg_span blocks;
    cr_assert_eq(bg_frame_decode(bg_writer_span(&root->update), NULL, &frame, &blocks), BG_OK);
    cr_assert_eq(bg_frame_expect(blocks, BG_FRAME_BLOCK, NULL, &frame), BG_OK, "one block");
    cr_assert_eq(bg_block_decode(&frame, NULL, &block), BG_OK);
    cr_assert_eq(flat_plain_decode(shape, block.payload, slots, NULL), BG_OK);
    m->codec.bits.count = shape->vote_count;
    for (size_t i = 0; i < shape->vote_count; i++) {
        bool up = slots[shape->votes_at + i];
        if (m->codec.sums[i] != 0)
            cr_assert_eq(up, m->codec.sums[i] > 0, "vote %zu", i);
        bg_sign_bit_set(&m->codec.bits, i, up);
    }
    free(slots);
}

/* The client's round so far, by the codec and the training themselves. */
static void mirror_round(struct mirror *m, struct fake_root *root, uint64_t missed)
{
    struct stage *stage = &root->stage;
    struct bg_codec_settings settings = bg_plan_codec_settings(&stage->plan.plan.root.codec);
    struct bg_client_inputs inputs = {0};
    struct bg_client_training training = {.inputs = &inputs,
                                          .model_file = bg_writer_span(&stage->model_file),
                                          .plan = &stage->plan.plan,
                                          .task = &stage->task,
                                          .examples = &stage->examples,
                                          .seed = 7,
                                          .delta = m->delta};
    cr_assert_eq(bg_client_train(&training, NULL), BG_OK);
    bg_client_inputs_finish(&inputs);
    cr_assert_eq(root->loss, training.loss);
    bg_codec_decay(&settings, coordinates_of(root), missed, m->codec.sums);
    for (size_t i = 0; i < coordinates_of(root); i++)
        m->codec.sums[i] = m->delta[i] + m->codec.sums[i];
    mirror_votes(m, root);
}

static void expect_residual(const struct fake_root *root, const struct mirror *m)
{
    size_t count;
    const float *residual = bg_client_residual(root->client, &count);
    cr_assert_eq(count, coordinates_of(root));
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(residual[i], m->codec.sums[i], "coordinate %zu: %g, not %g", i, (double)residual[i],
                     (double)m->codec.sums[i]);
}

Test(client, a_used_update_is_committed)
{
    struct fake_root root;
    struct ending e;
    struct mirror m;
    size_t count;
    fake_root_init(&root, &plain);
    cr_assert_null(bg_client_residual(root.client, &count));
    make_ending(&e, &root, true);
    mirror_init(&m, &root);
    fake_root_open(&root);
    fake_root_run_to(&root, BG_SESSION_WAITING);
    mirror_round(&m, &root, 0);
    expect_residual(&root, &m);
    fake_root_end(&root, &e.receipt);
    fake_root_run_to(&root, BG_SESSION_IDLE);

    struct bg_codec_settings settings = bg_plan_codec_settings(&root.stage.plan.plan.root.codec);
    struct bg_codec_round round = bg_task_codec_round(&root.stage.task);
    bg_codec_commit(&settings, &root.stage.model->layout, &round, e.scales, &m.codec, m.codec.sums);
    expect_residual(&root, &m);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_COMMITTED], 1);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_FOLDED_BACK], 0);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_FAILED], 0);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_TRAINED], 1);
    mirror_finish(&m);
    fake_root_finish(&root);
    NO_LEAKS();
}

Test(client, an_unused_update_is_folded_back_and_decays_over_missed_rounds)
{
    struct fake_root root;
    struct ending e;
    struct mirror m;
    fake_root_init(&root, &plain);
    make_ending(&e, &root, false);
    mirror_init(&m, &root);
    run_round(&root, &e.receipt);
    mirror_round(&m, &root, 0);
    struct bg_codec_settings settings = bg_plan_codec_settings(&root.stage.plan.plan.root.codec);
    bg_codec_fold_back(&settings, &root.stage.model->layout, e.scales, &m.codec, m.codec.sums);
    expect_residual(&root, &m);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_FOLDED_BACK], 1);

    root.stage.task.round = 4;
    fake_root_open(&root);
    fake_root_run_to(&root, BG_SESSION_WAITING);
    mirror_round(&m, &root, 2);
    expect_residual(&root, &m);
    fake_root_end(&root, NULL);
    fake_root_run_to(&root, BG_SESSION_IDLE);
    bg_codec_fold_back(&settings, &root.stage.model->layout, root.stage.scales, &m.codec, m.codec.sums);
    expect_residual(&root, &m);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_FOLDED_BACK], 2);
    mirror_finish(&m);
    fake_root_finish(&root);
    NO_LEAKS();
}

Test(client, sends_what_a_root_can_read_in_every_encryption)
{
    static const enum bg_plan_encryption modes[] = {BG_PLAN_PAILLIER, BG_PLAN_NULL, BG_PLAN_OFF};
    for (size_t mode = 0; mode < 3; mode++) {
        struct fake_root root;
        struct bg_frame frame;
        struct bg_manifest manifest;
        struct bg_digest task;
        fake_root_init(&root, &(struct population_terms){.encryption = modes[mode]});
        run_round(&root, NULL);
        struct bg_span blocks;
        cr_assert_eq(bg_frame_decode(bg_writer_span(&root.update), NULL, &frame, &blocks), BG_OK);
        cr_assert_eq(bg_manifest_decode(&frame, NULL, &manifest), BG_OK);
        cr_assert_eq(manifest.group, root.stage.seat.group);
        bg_sha256(bg_writer_span(&root.task), &task);
        cr_assert(bg_digest_equal(&manifest.task, &task), "the manifest names the task as it was served");
        cr_assert_eq(root.update.size, bg_shape_update_bytes(&root.stage.shape));
        cr_assert_eq(root.notices[BG_CLIENT_NOTICE_FAILED], 0);
        fake_root_finish(&root);
    }
    NO_LEAKS();
}

Test(client, masks_computed_while_it_waits_are_drawn_in_the_next_round)
{
    struct fake_root root;
    fake_root_init(&root, &(struct population_terms){.encryption = BG_PLAN_PAILLIER});
    run_round(&root, NULL);
    struct bg_mask_stats first = bg_mask_pool_stats(root.ring.pool);
    cr_assert_eq(first.drawn, root.stage.shape.positions);
    cr_assert_eq(first.level, first.capacity, "the pool is full again before the next task");
    root.stage.task.round++;
    run_round(&root, NULL);
    struct bg_mask_stats second = bg_mask_pool_stats(root.ring.pool);
    size_t pooled = first.capacity < root.stage.shape.positions ? first.capacity : root.stage.shape.positions;
    cr_assert_eq(second.drawn, 2 * first.drawn);
    cr_assert_eq(second.hits, first.hits + pooled);
    cr_assert_eq(second.level, second.capacity);
    cr_assert_geq(root.idle_jobs, 4, "while training and while waiting, twice");
    cr_assert_eq(root.masks_while_building, 0, "the build waits for nothing");
    fake_root_finish(&root);
    NO_LEAKS();
}

Test(client, asks_once_for_what_does_not_change)
{
    struct fake_root root;
    struct ending e;
    fake_root_init(&root, &plain);
    for (uint64_t round = 1; round <= 3; round++) {
        root.stage.task.round = round;
        make_ending(&e, &root, true);
        run_round(&root, &e.receipt);
    }
    cr_assert_eq(root.asked[BG_ROUTE_PLAN], 1);
    cr_assert_eq(root.asked[BG_ROUTE_GROUPS], 1);
    cr_assert_eq(root.asked[BG_ROUTE_MODEL], 1);
    cr_assert_eq(root.asked[BG_ROUTE_UPDATE], 3);
    fake_root_run(&root, root.now + 5 * POLL_NS);
    cr_assert_eq(root.asked[BG_ROUTE_UPDATE], 3, "a task is done once");
    fake_root_finish(&root);
}

/* ---- documents that are not to be trusted ---- */

static void expect_refused(struct fake_root *root, enum bg_status status, const char *words)
{
    fake_root_open(root);
    fake_root_run(root, root->now + 4 * POLL_NS);
    cr_assert_eq(bg_client_state(root->client), BG_SESSION_IDLE);
    cr_assert_eq(root->notices[BG_CLIENT_NOTICE_TRAINED], 0);
    cr_assert_eq(root->asked[BG_ROUTE_UPDATE], 0);
    cr_assert_geq(root->notices[BG_CLIENT_NOTICE_FAILED], 1);
    cr_assert_eq(root->last_error.status, status, "%s", root->last_error.text);
    cr_assert_not_null(strstr(root->last_error.text, words), "%s", root->last_error.text);
    fake_root_finish(root);
    NO_LEAKS();
}

Test(client, refuses_a_plan_that_lacks_a_signature)
{
    struct fake_root root;
    fake_root_init(&root, &plain);
    struct bg_writer *frame = &root.stage.population.plan_frame;
    frame->data[frame->size - 3] ^= 4;
    expect_refused(&root, BG_BAD_SIGNATURE, "plan: the root part");
}

Test(client, refuses_another_plan_than_the_task_names)
{
    struct fake_root root;
    fake_root_init(&root, &plain);
    root.stage.population.plan_id.bytes[5] ^= 1; /* of the task */
    expect_refused(&root, BG_STALE_PLAN, "plan: not the one");
}

Test(client, refuses_groups_that_the_plan_does_not_commit_to)
{
    struct fake_root root;
    fake_root_init(&root, &plain);
    struct bg_writer *frame = &root.stage.population.groups_frame;
    frame->data[frame->size - 1] ^= 1;
    expect_refused(&root, BG_BAD_DIGEST, "groups");
}

Test(client, refuses_another_model_than_the_task_names)
{
    struct fake_root root;
    fake_root_init(&root, &plain);
    root.stage.model_file.data[root.stage.model_file.size - 1] ^= 1;
    expect_refused(&root, BG_BAD_DIGEST, "model");
}

Test(client, refuses_a_task_of_another_population)
{
    struct fake_root root;
    fake_root_init(&root, &plain);
    cr_assert_eq(bg_population_set(&root.stage.population.name, "elsewhere"), BG_OK);
    expect_refused(&root, BG_WRONG_POPULATION, "task: of population elsewhere, expected test");
}

Test(client, refuses_a_task_that_the_root_did_not_sign)
{
    struct fake_root root;
    fake_root_init(&root, &plain);
    struct bg_identity *real = root.stage.population.root;
    root.stage.population.root = root.stage.population.clients[3];
    fake_root_open(&root);
    root.stage.population.root = real;
    struct bg_writer forged = root.task;
    root.task = (struct bg_writer){0};
    fake_root_open(&root);
    bg_writer_finish(&root.task);
    root.task = forged;
    fake_root_run(&root, 4 * POLL_NS);
    cr_assert_eq(root.last_error.status, BG_BAD_SIGNATURE, "%s", root.last_error.text);
    cr_assert_eq(root.asked[BG_ROUTE_PLAN], 0);
    fake_root_finish(&root);
    NO_LEAKS();
}

Test(client, sits_out_a_round_to_which_its_group_is_not_invited)
{
    struct fake_root root;
    fake_root_init(&root, &plain);
    root.stage.invited[0] = 1 - root.stage.seat.group;
    root.stage.task.invited_count = 1;
    fake_root_open(&root);
    fake_root_run(&root, 4 * POLL_NS);
    cr_assert_eq(root.asked[BG_ROUTE_GROUPS], 1);
    cr_assert_eq(root.asked[BG_ROUTE_MODEL], 0);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_FAILED], 0, "that is no failure");
    fake_root_finish(&root);
}

/* ---- a root that tells members different things ---- */

Test(client, refuses_the_task_after_a_receipt_that_others_were_not_given)
{
    struct fake_root root;
    struct ending e;
    fake_root_init(&root, &plain);
    make_ending(&e, &root, true);
    e.scales[0] *= 1e30; /* for this client alone */
    run_round(&root, &e.receipt);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_COMMITTED], 1);
    make_ending(&e, &root, true);
    struct bg_writer told_to_others = receipt_frame(&root.stage.population, &e.receipt);
    bg_sha256(bg_writer_span(&told_to_others), &root.stage.task.receipt);
    bg_writer_finish(&told_to_others);
    root.stage.task.round = 2;
    fake_root_open(&root);
    fake_root_run(&root, root.now + 4 * POLL_NS);
    cr_assert_eq(bg_client_state(root.client), BG_SESSION_IDLE);
    cr_assert_eq(root.asked[BG_ROUTE_UPDATE], 1);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_FAILED], 1, "it says so once");
    cr_assert_eq(root.last_error.status, BG_BAD_DIGEST, "%s", root.last_error.text);
    cr_assert_not_null(strstr(root.last_error.text, "another receipt of round 1"), "%s", root.last_error.text);
    fake_root_finish(&root);
    NO_LEAKS();
}

Test(client, refuses_a_task_that_names_no_receipt_of_the_round_it_settled)
{
    struct fake_root root;
    fake_root_init(&root, &plain);
    run_round(&root, NULL);
    root.stage.task.receipt = (struct bg_digest){{0}};
    root.stage.task.round = 2;
    fake_root_open(&root);
    fake_root_run(&root, root.now + 4 * POLL_NS);
    cr_assert_eq(root.last_error.status, BG_BAD_DIGEST, "%s", root.last_error.text);
    cr_assert_eq(root.asked[BG_ROUTE_UPDATE], 1);
    fake_root_finish(&root);
    NO_LEAKS();
}

Test(client, follows_the_receipts_of_an_honest_root)
{
    struct fake_root root;
    struct ending e;
    fake_root_init(&root, &plain);
    root.stage.task.receipt = (struct bg_digest){{1}}; /* of a round before it came */
    for (uint64_t round = 1; round <= 4; round++) {
        root.stage.task.round = round;
        make_ending(&e, &root, round % 2);
        run_round(&root, round == 3 ? NULL : &e.receipt);
    }
    cr_assert_eq(root.asked[BG_ROUTE_UPDATE], 4);
    root.stage.task.receipt = (struct bg_digest){{2}}; /* of round 6, which it missed */
    root.stage.task.round = 7;
    fake_root_open(&root);
    fake_root_run_to(&root, BG_SESSION_WAITING);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_FAILED], 0);
    fake_root_finish(&root);
    NO_LEAKS();
}

/* ---- what goes wrong on the way ---- */

static const enum bg_route routes[] = {BG_ROUTE_TASK,     BG_ROUTE_PLAN,  BG_ROUTE_GROUPS, BG_ROUTE_MODEL,
                                       BG_ROUTE_UPDATE,   BG_ROUTE_RECEIPT};

Test(client, a_lost_message_on_any_route_costs_time_only)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        for (int upward = 0; upward < 2; upward++) {
            struct fake_root root;
            struct ending e;
            fake_root_init(&root, &plain);
            make_ending(&e, &root, true);
            *(upward ? &root.lose_requests[routes[i]] : &root.lose_replies[routes[i]]) = 2;
            run_round(&root, &e.receipt);
            cr_assert_eq(root.notices[BG_CLIENT_NOTICE_COMMITTED], 1, "%s", bg_route_name(routes[i]));
            cr_assert_eq(root.notices[BG_CLIENT_NOTICE_FAILED], 2, "each loss is told");
            cr_assert_eq(root.last_error.status, BG_IO);
            fake_root_finish(&root);
        }
    }
    NO_LEAKS();
}

Test(client, an_update_whose_answer_was_lost_is_sent_again)
{
    struct fake_root root;
    fake_root_init(&root, &plain);
    root.lose_replies[BG_ROUTE_UPDATE] = 1;
    run_round(&root, NULL);
    cr_assert_eq(root.asked[BG_ROUTE_UPDATE], 2, "with the same bytes, which the root requires");
    fake_root_finish(&root);
}

Test(client, a_busy_root_is_asked_again)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        struct fake_root root;
        struct ending e;
        fake_root_init(&root, &plain);
        make_ending(&e, &root, true);
        root.refusal = BG_BUSY;
        root.refusals[routes[i]] = 3;
        run_round(&root, &e.receipt);
        cr_assert_eq(root.notices[BG_CLIENT_NOTICE_COMMITTED], 1, "%s", bg_route_name(routes[i]));
        cr_assert_eq(root.notices[BG_CLIENT_NOTICE_FAILED], 0);
        fake_root_finish(&root);
    }
}

Test(client, requests_that_cannot_even_be_sent_are_tried_again)
{
    struct fake_root root;
    fake_root_init(&root, &plain);
    root.sends_that_fail = 3;
    run_round(&root, NULL);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_FAILED], 3);
    cr_assert_eq(root.last_error.status, BG_NO_MEMORY);
    fake_root_finish(&root);
    NO_LEAKS();
}

Test(client, an_update_under_a_stale_plan_is_folded_back_and_the_new_plan_fetched)
{
    struct fake_root root;
    struct mirror m;
    fake_root_init(&root, &plain);
    mirror_init(&m, &root);
    root.refusal = BG_STALE_PLAN;
    root.refusals[BG_ROUTE_UPDATE] = 1;
    fake_root_open(&root);
    fake_root_run_to(&root, BG_SESSION_WAITING);
    cr_assert_eq(root.last_error.status, BG_STALE_PLAN);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_FOLDED_BACK], 0, "before the receipt");
    fake_root_end(&root, NULL);
    fake_root_run_to(&root, BG_SESSION_IDLE);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_FOLDED_BACK], 1);

    size_t count;
    const float *residual = bg_client_residual(root.client, &count);
    memcpy(m.codec.sums, residual, count * sizeof *residual);
    root.stage.population.plan.root.codec.clip = 3;
    root.stage.population.plan.root.codec.client_momentum = 0.25;
    population_sign_plan(&root.stage.population);
    stage_renew(&root.stage);
    root.stage.task.round = 2;
    fake_root_open(&root);
    fake_root_run_to(&root, BG_SESSION_SENDING);
    cr_assert_eq(root.asked[BG_ROUTE_PLAN], 2);
    cr_assert_eq(root.asked[BG_ROUTE_GROUPS], 2);
    cr_assert_eq(root.asked[BG_ROUTE_MODEL], 1);
    fake_root_run_to(&root, BG_SESSION_WAITING);

    /* p = 0.75·Δ + e: the residual survived, and the new plan's momentum began. */
    struct bg_client_inputs inputs = {0};
    struct bg_client_training training = {.inputs = &inputs,
                                          .model_file = bg_writer_span(&root.stage.model_file),
                                          .plan = &root.stage.plan.plan,
                                          .task = &root.stage.task,
                                          .examples = &root.stage.examples,
                                          .seed = 7,
                                          .delta = m.delta};
    cr_assert_eq(bg_client_train(&training, NULL), BG_OK);
    bg_client_inputs_finish(&inputs);
    for (size_t i = 0; i < count; i++)
        m.codec.sums[i] = (float)(0.75 * (double)m.delta[i]) + m.codec.sums[i];
    expect_residual(&root, &m);
    mirror_finish(&m);
    fake_root_finish(&root);
    NO_LEAKS();
}

Test(client, an_answer_lost_at_the_deadline_is_settled_by_the_receipt)
{
    struct fake_root root;
    struct ending e;
    fake_root_init(&root, &plain);
    make_ending(&e, &root, true);
    root.lose_replies[BG_ROUTE_UPDATE] = 1000;
    root.stage.task.deadline_ns = 20 * PATIENCE_NS;
    run_round(&root, &e.receipt);
    cr_assert_geq(root.now, 20 * PATIENCE_NS);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_COMMITTED], 1);
    fake_root_finish(&root);
}

Test(client, a_receipt_that_nobody_has_folds_the_update_back)
{
    struct fake_root root;
    fake_root_init(&root, &plain);
    fake_root_open(&root);
    fake_root_run_to(&root, BG_SESSION_WAITING);
    root.refusal = BG_NOT_FOUND;
    root.refusals[BG_ROUTE_RECEIPT] = 1;
    fake_root_run_to(&root, BG_SESSION_IDLE);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_FOLDED_BACK], 1);
    fake_root_finish(&root);
    NO_LEAKS();
}

Test(client, a_key_that_is_refused_costs_the_round_but_not_the_update)
{
    struct fake_root root;
    size_t count;
    fake_root_init(&root, &(struct population_terms){.encryption = BG_PLAN_NULL});
    root.ring.ring = root.broken_ring;
    fake_root_open(&root);
    fake_root_run(&root, POLL_NS / 2);
    cr_assert_eq(bg_client_state(root.client), BG_SESSION_IDLE);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_FOLDED_BACK], 1);
    cr_assert_eq(root.last_error.status, BG_BAD_KEY);
    const float *residual = bg_client_residual(root.client, &count);
    float most = 0;
    for (size_t i = 0; i < count; i++)
        most = residual[i] > most ? residual[i] : most;
    cr_assert_gt(most, 0);
    fake_root_finish(&root);
    NO_LEAKS();
}

Test(client, a_training_that_diverges_is_reported_and_leaves_no_trace)
{
    struct fake_root root;
    size_t count;
    fake_root_init(&root, &plain);
    root.stage.task.learning_rate = 1e30;
    fake_root_open(&root);
    fake_root_run(&root, 3 * POLL_NS);
    cr_assert_eq(root.last_error.status, BG_NOT_FINITE, "%s", root.last_error.text);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_FOLDED_BACK], 0);
    const float *residual = bg_client_residual(root.client, &count);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(residual[i], 0);
    fake_root_finish(&root);
    NO_LEAKS();
}

/* ---- pace ---- */

static struct bg_writer pace_frame(const struct fake_root *root, uint64_t least_ns, uint64_t most_ns)
{
    struct bg_writer w;
    bg_writer_init(&w);
    bg_pace_window_encode(&w, &root->stage.population.name,
                          &(struct bg_pace_window){.least_ns = least_ns, .most_ns = most_ns});
    return w;
}

/* The pause between two looks of an idle client that is answered with `pace`. */
static uint64_t paced_wait(struct fake_root *root, struct bg_span pace)
{
    root->pace = pace;
    fake_root_run_to(root, BG_SESSION_ASKING);
    fake_root_run_to(root, BG_SESSION_IDLE);
    return bg_client_next_wake(root->client) - root->now;
}

Test(client, asks_again_within_the_window_it_is_given)
{
    struct fake_root root;
    fake_root_init(&root, &plain);
    struct bg_writer w = pace_frame(&root, 3 * POLL_NS, 5 * POLL_NS);
    uint64_t shortest = UINT64_MAX, longest = 0;
    for (size_t i = 0; i < 100; i++) {
        uint64_t wait = paced_wait(&root, bg_writer_span(&w));
        shortest = wait < shortest ? wait : shortest;
        longest = wait > longest ? wait : longest;
    }
    cr_assert(shortest >= 3 * POLL_NS && shortest < 3 * POLL_NS + POLL_NS / 5, "%llu", (unsigned long long)shortest);
    cr_assert(longest <= 5 * POLL_NS && longest > 5 * POLL_NS - POLL_NS / 5, "%llu", (unsigned long long)longest);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_FAILED], 0);
    bg_writer_finish(&w);
    fake_root_finish(&root);
    NO_LEAKS();
}

Test(client, asks_for_its_receipt_when_the_last_block_was_answered_with_a_window)
{
    struct fake_root root;
    fake_root_init(&root, &plain);
    struct bg_writer w = pace_frame(&root, 3 * POLL_NS, 5 * POLL_NS);
    fake_root_open(&root);
    root.pace = bg_writer_span(&w);
    fake_root_run_to(&root, BG_SESSION_WAITING);
    uint64_t wait = bg_client_next_wake(root.client) - root.now;
    cr_assert(wait >= 3 * POLL_NS && wait <= 5 * POLL_NS, "%llu", (unsigned long long)wait);
    bg_writer_finish(&w);
    fake_root_finish(&root);
    NO_LEAKS();
}

Test(client, no_window_makes_it_ask_without_pause_or_fall_silent)
{
    struct fake_root root;
    fake_root_init(&root, &plain);
    struct bg_writer at_once = pace_frame(&root, 0, 0), never = pace_frame(&root, BG_MAX_PACE_NS, BG_MAX_PACE_NS);
    cr_assert_eq(paced_wait(&root, bg_writer_span(&at_once)), POLL_NS);
    cr_assert_eq(paced_wait(&root, bg_writer_span(&never)), LONGEST_WAIT_NS);
    bg_writer_finish(&at_once);
    bg_writer_finish(&never);
    fake_root_finish(&root);
    NO_LEAKS();
}

Test(client, a_window_it_refuses_costs_neither_its_update_nor_its_patience)
{
    struct fake_root root;
    struct ending e;
    fake_root_init(&root, &plain);
    make_ending(&e, &root, true);
    struct bg_writer w = pace_frame(&root, 0, BG_MAX_PACE_NS);
    w.data[w.size - 1] = 0x7f;
    root.pace = bg_writer_span(&w);
    fake_root_open(&root);
    fake_root_run_to(&root, BG_SESSION_WAITING);
    fake_root_run(&root, root.now + 3 * POLL_NS);
    cr_assert_eq(bg_client_state(root.client), BG_SESSION_WAITING);
    cr_assert_geq(root.asked[BG_ROUTE_RECEIPT], 2);
    cr_assert_eq(root.last_error.status, BG_TOO_LARGE, "%s", root.last_error.text);
    w.data[w.size - 1] = 0;
    w.data[8] = 'x'; /* of another population */
    fake_root_run(&root, root.now + 3 * POLL_NS);
    cr_assert_eq(root.last_error.status, BG_WRONG_POPULATION, "%s", root.last_error.text);
    fake_root_end(&root, &e.receipt);
    fake_root_run_to(&root, BG_SESSION_IDLE);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_COMMITTED], 1);
    cr_assert_eq(root.notices[BG_CLIENT_NOTICE_FOLDED_BACK], 0);
    bg_writer_finish(&w);
    fake_root_finish(&root);
    NO_LEAKS();
}

/* ---- its life ---- */

Test(client, sleeps_until_it_is_told_to_wake)
{
    struct fake_root root;
    fake_root_init(&root, &plain);
    fake_root_open(&root);
    bg_client_sleep(root.client, 5 * POLL_NS);
    cr_assert_eq(bg_client_next_wake(root.client), 5 * POLL_NS);
    fake_root_run(&root, 5 * POLL_NS - 1);
    cr_assert_eq(root.asked[BG_ROUTE_TASK], 0);
    fake_root_run_to(&root, BG_SESSION_WAITING);
    fake_root_finish(&root);
}

Test(client, can_be_destroyed_in_any_state)
{
    for (unsigned state = 0; state < BG_SESSION_STATE_COUNT; state++) {
        if (state == BG_SESSION_TRAINING || state == BG_SESSION_BUILDING)
            continue; /* over as soon as they begin: work takes no time here */
        struct fake_root root;
        fake_root_init(&root, &plain);
        fake_root_open(&root);
        fake_root_run_to(&root, state);
        fake_root_finish(&root);
    }
    struct bg_client *none = NULL;
    bg_client_destroy(&none);
    NO_LEAKS();
}
