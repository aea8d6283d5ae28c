/* SPDX-License-Identifier: Apache-2.0 */
#include "client/documents.h"

#include "crypto/digest.h"
#include "tests/unit/client/stage.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <string.h>

static void begin(struct stage *stage)
{
    stage_init(stage, &(struct population_terms){.encryption = BG_PLAN_NULL, .epoch = 2});
}

static void expect_text(const struct bg_error *error, enum bg_status status, const char *words)
{
    cr_assert_eq(error->status, status, "%s", error->text);
    cr_assert_not_null(strstr(error->text, words), "%s", error->text);
}

/* ---- plan ---- */

static void expect_plan_refused(const struct bg_trust *trust, struct bg_span frame, enum bg_status status,
                                const char *words)
{
    struct bg_trusted_plan plan;
    struct bg_error error = {0};
    cr_assert_eq(bg_trusted_plan_accept(trust, frame, &error, &plan), status, "%s", error.text);
    expect_text(&error, status, words);
}

Test(documents, a_plan_of_both_signers_is_accepted)
{
    struct stage stage;
    begin(&stage);
    cr_assert(bg_digest_equal(&stage.plan.id, &stage.population.plan_id));
    cr_assert(bg_layout_equal(&stage.plan.plan.root.layout, &stage.model->layout));
    stage_finish(&stage);
    NO_LEAKS();
}

Test(documents, a_plan_of_others_is_refused)
{
    struct stage stage;
    begin(&stage);
    struct bg_trust trust = stage_trust(&stage), other = trust;
    struct bg_writer *frame = &stage.population.plan_frame;
    memcpy(other.key_holder, trust.root, sizeof other.key_holder);
    expect_plan_refused(&other, bg_writer_span(frame), BG_BAD_SIGNATURE, "key holder");
    other = trust;
    memcpy(other.root, trust.key_holder, sizeof other.root);
    expect_plan_refused(&other, bg_writer_span(frame), BG_BAD_SIGNATURE, "root");
    other = trust;
    cr_assert_eq(bg_population_set(&other.population, "elsewhere"), BG_OK);
    expect_plan_refused(&other, bg_writer_span(frame), BG_WRONG_POPULATION, "of population test");
    expect_plan_refused(&trust, bg_writer_span(&stage.population.groups_frame), BG_DECODE, "plan");
    expect_plan_refused(&trust, (struct bg_span){NULL, 0}, BG_TRUNCATED, "frame");
    frame->data[frame->size - 1] ^= 1;
    expect_plan_refused(&trust, bg_writer_span(frame), BG_BAD_SIGNATURE, "root");
    stage_finish(&stage);
    NO_LEAKS();
}

Test(documents, no_changed_or_cut_plan_is_accepted)
{
    struct stage stage;
    struct bg_trusted_plan plan;
    begin(&stage);
    struct bg_trust trust = stage_trust(&stage);
    struct bg_writer *frame = &stage.population.plan_frame;
    for (size_t byte = 0; byte < frame->size; byte++) {
        frame->data[byte] ^= 0x10;
        cr_assert_neq(bg_trusted_plan_accept(&trust, bg_writer_span(frame), NULL, &plan), BG_OK, "byte %zu", byte);
        frame->data[byte] ^= 0x10;
        cr_assert_neq(bg_trusted_plan_accept(&trust, (struct bg_span){frame->data, byte}, NULL, &plan), BG_OK);
    }
    stage_finish(&stage);
    NO_LEAKS();
}

/* ---- task ---- */

Test(documents, a_task_of_the_root_is_accepted)
{
    struct stage stage;
    struct bg_digest digest;
    struct bg_trusted_task task;
    begin(&stage);
    struct bg_trust trust = stage_trust(&stage);
    struct bg_writer frame = task_frame(&stage.population, &stage.task);
    cr_assert_eq(bg_trusted_task_accept(&trust, bg_writer_span(&frame), NULL, &task), BG_OK);
    bg_sha256(bg_writer_span(&frame), &digest);
    bg_writer_finish(&frame);
    cr_assert_eq(task.task.round, 1);
    cr_assert_eq(task.task.scales[2], 0.75);
    cr_assert(bg_digest_equal(&task.plan_id, &stage.plan.id));
    cr_assert(bg_digest_equal(&task.digest, &digest));
    bg_trusted_task_finish(&task);
    stage_finish(&stage);
    NO_LEAKS();
}

Test(documents, no_changed_cut_or_foreign_task_is_accepted)
{
    struct stage stage;
    struct bg_trusted_task task;
    struct bg_error error;
    begin(&stage);
    struct bg_trust trust = stage_trust(&stage);
    struct bg_writer frame = task_frame(&stage.population, &stage.task);
    for (size_t byte = 0; byte < frame.size; byte++) {
        frame.data[byte] ^= 0x10;
        cr_assert_neq(bg_trusted_task_accept(&trust, bg_writer_span(&frame), NULL, &task), BG_OK, "byte %zu", byte);
        frame.data[byte] ^= 0x10;
        cr_assert_neq(bg_trusted_task_accept(&trust, (struct bg_span){frame.data, byte}, NULL, &task), BG_OK);
    }
    memcpy(trust.root, trust.key_holder, sizeof trust.root);
    cr_assert_eq(bg_trusted_task_accept(&trust, bg_writer_span(&frame), &error, &task), BG_BAD_SIGNATURE);
    expect_text(&error, BG_BAD_SIGNATURE, "root");
    cr_assert_eq(bg_population_set(&trust.population, "elsewhere"), BG_OK);
    cr_assert_eq(bg_trusted_task_accept(&trust, bg_writer_span(&frame), &error, &task), BG_WRONG_POPULATION);
    expect_text(&error, BG_WRONG_POPULATION, "elsewhere");
    bg_writer_finish(&frame);
    stage_finish(&stage);
    NO_LEAKS();
}

/* Of the task as it is, under the stage's plan. */
static enum bg_status check_task(struct stage *stage, struct bg_error *error)
{
    struct bg_trusted_task task = {.task = stage->task, .plan_id = stage->population.plan_id};
    return bg_task_check(&stage->plan, &task, &stage->seat, error);
}

Test(documents, a_task_must_be_for_this_plan_epoch_and_group)
{
    struct stage stage;
    struct bg_error error;
    begin(&stage);
    cr_assert_eq(check_task(&stage, &error), BG_OK);
    stage.task.epoch = 1;
    cr_assert_eq(check_task(&stage, &error), BG_STALE_PLAN);
    expect_text(&error, BG_STALE_PLAN, "epoch 1");
    stage.task.epoch = 2;
    stage.population.plan_id.bytes[0] ^= 1;
    cr_assert_eq(check_task(&stage, &error), BG_STALE_PLAN);
    stage.population.plan_id.bytes[0] ^= 1;
    stage.invited[0] = 1 - stage.seat.group;
    stage.task.invited_count = 1;
    cr_assert_eq(check_task(&stage, &error), BG_NOT_FOUND);
    expect_text(&error, BG_NOT_FOUND, "not invited");
    stage_finish(&stage);
}

Test(documents, a_task_must_name_the_receipt_of_the_round_that_was_settled)
{
    struct bg_error error;
    struct bg_task task = {.round = 8, .receipt = {{1}}};
    struct bg_settlement none = {0}, before = {.round = 7, .receipt = {{1}}};
    cr_assert_eq(bg_task_check_receipt(&task, &none, &error), BG_OK);
    cr_assert_eq(bg_task_check_receipt(&task, &before, &error), BG_OK);
    before.receipt.bytes[31] = 1;
    cr_assert_eq(bg_task_check_receipt(&task, &before, &error), BG_BAD_DIGEST);
    expect_text(&error, BG_BAD_DIGEST, "task of round 8");
    before.round = 6;
    cr_assert_eq(bg_task_check_receipt(&task, &before, &error), BG_OK, "rounds were missed in between");
}

/* ---- groups and model ---- */

static enum bg_status find_seat(struct stage *stage, const struct bg_digest *client, struct bg_error *error)
{
    struct bg_seat seat;
    return bg_seat_find(NULL, &stage->plan.plan, bg_writer_span(&stage->population.groups_frame), client, error, &seat);
}

Test(documents, a_seat_is_where_the_partition_has_it)
{
    struct stage stage;
    begin(&stage);
    const struct population *p = &stage.population;
    for (size_t i = 0; i < POPULATION_CLIENTS; i++) {
        struct bg_seat seat;
        uint32_t group, member;
        const struct bg_digest *id = bg_identity_digest(p->clients[i]);
        cr_assert_eq(bg_seat_find(NULL, &stage.plan.plan, bg_writer_span(&p->groups_frame), id, NULL, &seat), BG_OK);
        cr_assert(bg_groups_find(&p->groups, id, &group, &member));
        cr_assert_eq(seat.group, group);
        cr_assert_eq(seat.member, member);
    }
    stage_finish(&stage);
    NO_LEAKS();
}

Test(documents, groups_that_the_key_holder_did_not_sign_are_refused)
{
    struct stage stage;
    struct bg_error error;
    begin(&stage);
    const struct bg_digest *client = bg_identity_digest(stage.population.clients[0]);
    struct bg_digest stranger = {{1}};
    cr_assert_eq(find_seat(&stage, &stranger, &error), BG_UNKNOWN_CLIENT);
    expect_text(&error, BG_UNKNOWN_CLIENT, "no group of epoch 2");
    stage.population.groups_frame.data[BG_FRAME_HEADER_BYTES] ^= 1;
    cr_assert_eq(find_seat(&stage, client, &error), BG_BAD_DIGEST);
    expect_text(&error, BG_BAD_DIGEST, "key holder");
    stage_finish(&stage);
    NO_LEAKS();
}

Test(documents, a_group_of_another_size_than_promised_is_refused)
{
    struct stage stage;
    struct bg_error error;
    begin(&stage);
    const struct bg_digest *client = bg_identity_digest(stage.population.clients[0]);
    stage.plan.plan.key.group_least = 5;
    cr_assert_eq(find_seat(&stage, client, &error), BG_REFUSED);
    stage.plan.plan.key.group_least = 2;
    stage.plan.plan.key.group_most = 3;
    cr_assert_eq(find_seat(&stage, client, &error), BG_REFUSED);
    expect_text(&error, BG_REFUSED, "4 members where the plan promises 2 to 3");
    stage_finish(&stage);
}

Test(documents, another_model_than_the_tasks_is_refused)
{
    struct stage stage;
    struct bg_error error;
    begin(&stage);
    struct bg_span file = bg_writer_span(&stage.model_file);
    cr_assert_eq(bg_task_check_model(&stage.task, file, &error), BG_OK);
    file.size--;
    cr_assert_eq(bg_task_check_model(&stage.task, file, &error), BG_BAD_DIGEST);
    expect_text(&error, BG_BAD_DIGEST, "round 1");
    stage_finish(&stage);
}

/* ---- receipt ---- */

struct ending {
    struct stage stage;
    struct bg_receipt_group groups[2];
    double scales[STAGE_TENSORS];
    struct bg_receipt receipt;
    struct bg_error error;
};

static void begin_ending(struct ending *e)
{
    begin(&e->stage);
    e->receipt = stage_receipt(&e->stage, true, e->groups, e->scales);
}

static enum bg_status read_verdict(struct ending *e, struct bg_verdict *verdict)
{
    struct bg_trust trust = stage_trust(&e->stage);
    struct bg_writer frame = receipt_frame(&e->stage.population, &e->receipt);
    enum bg_status status = bg_verdict_accept(NULL, &trust, &e->stage.plan, &e->stage.task, &e->stage.seat,
                                              bg_writer_span(&frame), &e->error, verdict);
    bg_writer_finish(&frame);
    return status;
}

static void expect_verdict(struct ending *e, bool used, bool scales)
{
    struct bg_verdict verdict;
    cr_assert_eq(read_verdict(e, &verdict), BG_OK, "%s", e->error.text);
    cr_assert_eq(verdict.used, used);
    cr_assert_eq(verdict.scales != NULL, scales);
    if (scales)
        cr_assert_arr_eq(verdict.scales, e->scales, sizeof e->scales);
    bg_verdict_finish(&verdict);
}

Test(documents, an_update_was_used_if_its_group_was_and_it_was_in_the_sum)
{
    struct ending e;
    begin_ending(&e);
    expect_verdict(&e, true, true);
    struct bg_receipt_group *mine = &e.groups[e.stage.seat.group], *other = &e.groups[1 - e.stage.seat.group];
    other->used = false;
    expect_verdict(&e, true, true);
    mine->members &= ~(1u << e.stage.seat.member);
    expect_verdict(&e, false, true);
    *mine = (struct bg_receipt_group){.index = mine->index, .members = 15};
    expect_verdict(&e, false, true);
    e.groups[0] = *other;
    e.receipt.group_count = 1;
    expect_verdict(&e, false, true);
    e.receipt.group_count = 0;
    expect_verdict(&e, false, true);
    stage_finish(&e.stage);
    NO_LEAKS();
}

Test(documents, an_abandoned_round_used_nothing)
{
    struct ending e;
    begin_ending(&e);
    e.groups[0].used = e.groups[1].used = false;
    e.receipt.outcome = BG_ROUND_ABANDONED;
    e.receipt.reason = (uint16_t)-BG_MARGIN;
    e.receipt.tensor_count = 0;
    expect_verdict(&e, false, false);
    stage_finish(&e.stage);
    NO_LEAKS();
}

Test(documents, a_receipt_of_another_round_plan_or_signer_is_refused)
{
    struct ending e;
    struct bg_verdict verdict;
    begin_ending(&e);
    e.receipt.round = 2;
    cr_assert_eq(read_verdict(&e, &verdict), BG_WRONG_ROUND);
    expect_text(&e.error, BG_WRONG_ROUND, "receipt of round 2");
    e.receipt.round = 1;
    e.receipt.attempt = 1;
    cr_assert_eq(read_verdict(&e, &verdict), BG_WRONG_ROUND);
    e.receipt.attempt = 0;
    e.receipt.tensor_count = 3;
    cr_assert_eq(read_verdict(&e, &verdict), BG_DECODE);
    expect_text(&e.error, BG_DECODE, "3 scales");
    e.receipt.tensor_count = STAGE_TENSORS;
    e.stage.population.plan_id.bytes[0] ^= 1;
    cr_assert_eq(read_verdict(&e, &verdict), BG_STALE_PLAN);
    e.stage.population.plan_id.bytes[0] ^= 1;
    struct bg_identity *root = e.stage.population.root;
    struct bg_trust trust = stage_trust(&e.stage);
    e.stage.population.root = e.stage.population.clients[1];
    struct bg_writer frame = receipt_frame(&e.stage.population, &e.receipt);
    e.stage.population.root = root;
    cr_assert_eq(bg_verdict_accept(NULL, &trust, &e.stage.plan, &e.stage.task, &e.stage.seat, bg_writer_span(&frame),
                                   &e.error, &verdict),
                 BG_BAD_SIGNATURE);
    expect_text(&e.error, BG_BAD_SIGNATURE, "root");
    bg_writer_finish(&frame);
    stage_finish(&e.stage);
    NO_LEAKS();
}
