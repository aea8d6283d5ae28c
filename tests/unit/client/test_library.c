/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/library.h"

#include "crypto/digest.h"
#include "tests/unit/client/stage.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <string.h>

struct fixture {
    struct stage stage;
    struct bg_trust trust;
    struct bg_library library;
    struct bg_error error;
};

static void begin(struct fixture *f)
{
    *f = (struct fixture){.error = {BG_OK, ""}};
    stage_init(&f->stage, &(struct population_terms){.encryption = BG_PLAN_NULL, .epoch = 2});
    f->trust = stage_trust(&f->stage);
}

static void end(struct fixture *f)
{
    bg_library_finish(&f->library);
    stage_finish(&f->stage);
    NO_LEAKS();
}

static struct bg_span plan_frame(const struct fixture *f)
{
    return bg_writer_span(&f->stage.population.plan_frame);
}

Test(library, many_hold_one_copy_of_a_plan_and_the_last_frees_it)
{
    struct fixture f;
    struct bg_trusted_plan plans[5];
    begin(&f);
    for (size_t i = 0; i < 5; i++) {
        cr_assert_eq(bg_library_plan(&f.library, &f.trust, plan_frame(&f), &f.error, &plans[i]), BG_OK);
        cr_assert_eq(plans[i].document.bytes, plans[0].document.bytes);
        cr_assert_eq(plans[i].plan.root.layout.tensors, plans[0].plan.root.layout.tensors);
    }
    cr_assert_eq(f.library.checked, 1);
    for (size_t i = 0; i < 4; i++)
        bg_trusted_plan_finish(&plans[i]);
    bg_library_finish(&f.library);
    cr_assert(bg_layout_equal(&plans[4].plan.root.layout, &f.stage.model->layout), "what came from it stays good");
    cr_assert(bg_document_is_last(&plans[4].document));
    bg_trusted_plan_finish(&plans[4]);
    end(&f);
}

Test(library, without_one_everybody_has_a_copy)
{
    struct fixture f;
    struct bg_trusted_plan plans[2];
    begin(&f);
    for (size_t i = 0; i < 2; i++)
        cr_assert_eq(bg_library_plan(NULL, &f.trust, plan_frame(&f), &f.error, &plans[i]), BG_OK);
    cr_assert_neq(plans[0].document.bytes, plans[1].document.bytes);
    for (size_t i = 0; i < 2; i++)
        bg_trusted_plan_finish(&plans[i]);
    end(&f);
}

/* Finding must not be weaker than checking. */
Test(library, other_bytes_and_another_trust_find_nothing)
{
    struct fixture f;
    struct bg_trusted_plan plan, none;
    begin(&f);
    cr_assert_eq(bg_library_plan(&f.library, &f.trust, plan_frame(&f), &f.error, &plan), BG_OK);
    struct bg_trust other = f.trust;
    memcpy(other.root, f.trust.key_holder, sizeof other.root);
    cr_assert_eq(bg_library_plan(&f.library, &other, plan_frame(&f), &f.error, &none), BG_BAD_SIGNATURE);
    other = f.trust;
    memcpy(other.key_holder, f.trust.root, sizeof other.key_holder);
    cr_assert_eq(bg_library_plan(&f.library, &other, plan_frame(&f), &f.error, &none), BG_BAD_SIGNATURE);
    other = f.trust;
    cr_assert_eq(bg_population_set(&other.population, "elsewhere"), BG_OK);
    cr_assert_eq(bg_library_plan(&f.library, &other, plan_frame(&f), &f.error, &none), BG_WRONG_POPULATION);
    struct bg_writer *frame = &f.stage.population.plan_frame;
    for (size_t i = 0; i < frame->size; i += 7) {
        frame->data[i] ^= 1;
        cr_assert_neq(bg_library_plan(&f.library, &f.trust, plan_frame(&f), &f.error, &none), BG_OK, "byte %zu", i);
        frame->data[i] ^= 1;
    }
    cr_assert_eq(f.library.checked, 1);
    bg_trusted_plan_finish(&plan);
    end(&f);
}

Test(library, keeps_the_tasks_and_receipts_of_two_rounds)
{
    struct fixture f;
    struct bg_trusted_task task;
    struct bg_trusted_receipt receipt;
    struct bg_receipt_group groups[2];
    double scales[STAGE_TENSORS];
    static const uint64_t rounds[] = {1, 1, 2, 1, 2, 3, 3, 1};
    static const size_t checked[] = {1, 1, 2, 2, 2, 3, 3, 4};
    begin(&f);
    for (size_t i = 0; i < sizeof rounds / sizeof *rounds; i++) {
        f.stage.task.round = rounds[i];
        struct bg_writer task_bytes = task_frame(&f.stage.population, &f.stage.task);
        struct bg_receipt ending = stage_receipt(&f.stage, true, groups, scales);
        ending.round = rounds[i];
        struct bg_writer receipt_bytes = receipt_frame(&f.stage.population, &ending);
        cr_assert_eq(bg_library_task(&f.library, &f.trust, bg_writer_span(&task_bytes), &f.error, &task), BG_OK);
        cr_assert_eq(
            bg_library_receipt(&f.library, &f.trust, bg_writer_span(&receipt_bytes), &f.error, &receipt), BG_OK);
        cr_assert_eq(task.task.round, rounds[i]);
        cr_assert_eq(receipt.receipt.round, rounds[i]);
        cr_assert_eq(f.library.checked, 2 * checked[i], "step %zu", i);
        bg_trusted_task_finish(&task);
        bg_trusted_receipt_finish(&receipt);
        bg_writer_finish(&task_bytes);
        bg_writer_finish(&receipt_bytes);
    }
    end(&f);
}

Test(library, places_every_client_as_a_client_of_its_own_would_be)
{
    struct fixture f;
    begin(&f);
    const struct bg_plan *plan = &f.stage.plan.plan;
    struct bg_span frame = bg_writer_span(&f.stage.population.groups_frame);
    for (size_t i = 0; i <= POPULATION_CLIENTS; i++) {
        uint32_t alone[3], shared[3];
        struct bg_digest client = {{0xee}};
        if (i < POPULATION_CLIENTS)
            client = *bg_identity_digest(f.stage.population.clients[i]);
        enum bg_status status = i < POPULATION_CLIENTS ? BG_OK : BG_UNKNOWN_CLIENT;
        cr_assert_eq(bg_library_place(NULL, plan, frame, &client, &f.error, &alone[0], &alone[1], &alone[2]), status);
        cr_assert_eq(bg_library_place(&f.library, plan, frame, &client, &f.error, &shared[0], &shared[1], &shared[2]),
                     status);
        if (status == BG_OK)
            cr_assert_arr_eq(alone, shared, sizeof alone);
    }
    cr_assert_eq(f.library.checked, 1);
    struct bg_plan other = *plan;
    uint32_t place[3];
    other.key.groups.bytes[0] ^= 1;
    cr_assert_eq(bg_library_place(&f.library, &other, frame, bg_identity_digest(f.stage.population.clients[0]),
                                  &f.error, &place[0], &place[1], &place[2]),
                 BG_BAD_DIGEST, "found bytes are not the groups of every plan");
    end(&f);
}

Test(library, keeps_models_by_their_digest)
{
    struct fixture f;
    struct bg_document models[3];
    static const uint8_t bytes[] = "three versions of one model";
    begin(&f);
    for (size_t i = 0; i < 3; i++) {
        struct bg_span version = {bytes, sizeof bytes - i};
        struct bg_digest digest;
        bg_sha256(version, &digest);
        for (size_t repeat = 0; repeat < 2; repeat++) {
            struct bg_document again;
            cr_assert_eq(bg_library_model(&f.library, &digest, version, repeat ? &again : &models[i]), BG_OK);
            if (repeat) {
                cr_assert_eq(again.bytes, models[i].bytes);
                bg_document_finish(&again);
            }
        }
        digest.bytes[0] ^= 1;
        cr_assert_eq(bg_library_model(&f.library, &digest, version, &models[i]), BG_BAD_DIGEST);
        cr_assert_eq(f.library.checked, i + 1);
    }
    for (size_t i = 0; i < 3; i++) {
        cr_assert_arr_eq(models[i].bytes, bytes, sizeof bytes - i);
        bg_document_finish(&models[i]);
    }
    end(&f);
}
