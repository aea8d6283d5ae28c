/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client is told: plan, groups, task, receipt, one frame after the other, each put together with those before.
 * Whoever signs may say anything: every signature verifies here, and messages name the plan that is believed. Round
 * trips of the messages are those of the harness `frames`; here the copies that are kept are equal.
 */
#include "client/documents.h"
#include "crypto/digest.h"
#include "tests/fuzz/each_frame.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/protocol/population.h"

#include <string.h>

#define MOST_FRAMES 6
#define PLAN_ID_AT 40

static struct population population;
static struct bg_trust trust;

struct told {
    struct bg_trusted_plan plan;
    struct bg_trusted_task task;
    struct bg_seat seat;
    bool has_plan, has_task;
};

static void set_up(void)
{
    if (population.root)
        return;
    population_init(&population, &(struct population_terms){.encryption = BG_PLAN_NULL, .epoch = 2});
    trust.population = population.name;
    memcpy(trust.key_holder, bg_identity_point(population.key_holder), sizeof trust.key_holder);
    memcpy(trust.root, bg_identity_point(population.root), sizeof trust.root);
}

/* ---- for the plan that is believed ---- */

static void name_plan(uint8_t *bytes, const struct bg_digest *id)
{
    memcpy(bytes + PLAN_ID_AT, id->bytes, sizeof id->bytes);
}

/* The id that a plan of these bytes must have. */
static void name_itself(uint8_t *bytes, size_t size)
{
    struct bg_reader r;
    bg_reader_init(&r, (struct bg_span){bytes + BG_FRAME_HEADER_BYTES, size - BG_FRAME_HEADER_BYTES});
    struct bg_span key = bg_read_span(&r, bg_read_count(&r, SIZE_MAX, 1));
    bg_read_span(&r, BG_SIGNATURE_BYTES);
    struct bg_span root = bg_read_span(&r, bg_read_count(&r, SIZE_MAX, 1));
    if (r.status == BG_OK) {
        struct bg_digest id = bg_plan_id(key, root);
        name_plan(bytes, &id);
    }
}

/* ---- believing it ---- */

static enum bg_status take_plan(struct told *told, struct bg_span bytes, struct bg_error *error)
{
    struct bg_trusted_plan plan;
    enum bg_status status = bg_trusted_plan_accept(&trust, bytes, error, &plan);
    if (status != BG_OK)
        return status;
    FUZZ_REQUIRE(bg_span_equal(bg_document_span(&plan.document), bytes), "another plan");
    if (told->has_plan)
        bg_trusted_plan_finish(&told->plan);
    told->plan = plan;
    told->has_plan = true;
    return BG_OK;
}

/* A plan may name any groups: it names these. */
static enum bg_status take_groups(struct told *told, struct bg_span bytes, struct bg_error *error)
{
    struct bg_plan *plan = &told->plan.plan;
    if (!told->has_plan)
        return BG_OK;
    bg_sha256((struct bg_span){bytes.data + BG_FRAME_HEADER_BYTES, bytes.size - BG_FRAME_HEADER_BYTES},
              &plan->key.groups);
    enum bg_status status =
        bg_seat_find(NULL, plan, bytes, bg_identity_digest(population.clients[0]), error, &told->seat);
    if (status == BG_OK)
        FUZZ_REQUIRE(told->seat.group < plan->key.group_count && told->seat.member < BG_MAX_GROUP_MEMBERS,
                     "member %u of group %u", told->seat.member, told->seat.group);
    return status;
}

static enum bg_status take_task(struct told *told, struct bg_span bytes, struct bg_error *error)
{
    static const struct bg_settlement none;
    struct bg_trusted_task task;
    struct bg_shape shape;
    enum bg_status status = bg_trusted_task_accept(&trust, bytes, error, &task);
    if (status != BG_OK)
        return status;
    FUZZ_REQUIRE(bg_span_equal(bg_document_span(&task.document), bytes), "another task");
    if (told->has_task)
        bg_trusted_task_finish(&told->task);
    told->task = task;
    told->has_task = true;
    if (!told->has_plan)
        return BG_OK;
    status = bg_task_check(&told->plan, &told->task, &told->seat, error);
    if (status == BG_OK)
        status = bg_task_check_receipt(&told->task.task, &none, error);
    if (status == BG_OK)
        status = bg_shape_init(&told->plan.plan, &told->task.task, error, &shape);
    if (status != BG_OK)
        return status;
    FUZZ_REQUIRE(shape.positions > 0 && shape.positions <= BG_MAX_POSITIONS && shape.position_bytes > 0 &&
                     shape.position_bytes <= BG_MAX_POSITION_BYTES && shape.tail_lacks <= shape.sum_bytes,
                 "%zu positions of %zu bytes, %zu less at the end", shape.positions, shape.position_bytes,
                 shape.tail_lacks);
    bg_shape_finish(&shape);
    return BG_OK;
}

static enum bg_status take_receipt(struct told *told, struct bg_span bytes, struct bg_error *error)
{
    struct bg_verdict verdict;
    if (!told->has_plan || !told->has_task)
        return BG_OK;
    enum bg_status status =
        bg_verdict_accept(NULL, &trust, &told->plan, &told->task.task, &told->seat, bytes, error, &verdict);
    if (status == BG_OK)
        bg_verdict_finish(&verdict);
    return status;
}

static enum bg_status take(void *context, enum bg_frame_type type, uint8_t *bytes, size_t size,
                           struct bg_error *error)
{
    struct told *told = context;
    struct bg_span frame = {bytes, size};
    if (told->has_plan)
        name_plan(bytes, &told->plan.id);
    switch (type) {
    case BG_FRAME_PLAN:
        name_itself(bytes, size);
        return take_plan(told, frame, error);
    case BG_FRAME_GROUPS:
        return take_groups(told, frame, error);
    case BG_FRAME_TASK:
        return take_task(told, frame, error);
    case BG_FRAME_RECEIPT:
        return take_receipt(told, frame, error);
    default:
        return BG_OK;
    }
}

static enum bg_status check(struct bg_span input)
{
    struct told told = {.has_plan = false};
    enum bg_status status = fuzz_each_frame(input, MOST_FRAMES, take, &told);
    if (told.has_plan)
        bg_trusted_plan_finish(&told.plan);
    if (told.has_task)
        bg_trusted_task_finish(&told.task);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    set_up();
    return fuzz_run(check, data, size);
}
