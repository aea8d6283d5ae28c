/* SPDX-License-Identifier: Apache-2.0 */
/* Audits of sums that no honest members can have, and of those that they can. */
#include "base/sign_bits.h"
#include "crypto/digest.h"
#include "crypto/pad.h"
#include "keyholder/audit.h"
#include "protocol/envelope.h"
#include "protocol/pad_seed.h"
#include "tests/unit/keyholder/keyholder_fixture.h"
#include "tests/unit/no_leaks.h"

#include <stdlib.h>
#include <string.h>

TestSuite(audit);

/* One opened group whose updates are real ones: slots, pads, commitments. Each test has a process of its own. */
static struct {
    struct fixture f;
    struct bg_arena arena;
    struct bg_plan plan;
    struct bg_writer task_frame;
    struct bg_digest task_digest;
    struct bg_task task;
    struct bg_shape shape;
    uint8_t seeds[4][BG_SEED_BYTES];
    uint32_t liar;      /* place + 1; 0: nobody */
    uint64_t lie_at;    /* vote from which on it lies */
    struct bg_writer release;
    struct bg_span manifests[4];
    struct bg_span blocks[64]; /* member-major */
    size_t block_count;        /* of each member */
} s;

static void make_task(uint64_t round)
{
    static const bool travels[] = {true};
    static const double scales[] = {0.5}, centres[] = {0};
    static const uint32_t invited[] = {1};
    s.task = (struct bg_task){.round = round, .epoch = 1, .learning_rate = 0.1, .steps = 3, .deadline_ns = 1000000000,
                              .tensor_count = 1, .travels = travels, .scales = scales, .centres = centres,
                              .invited_count = 1, .invited = invited};
    bg_writer_finish(&s.task_frame);
    bg_task_encode_unsigned(&s.task_frame, &s.f.settings.population, &s.f.plan_id, &s.task);
    cr_assert_eq(bg_envelope_close(s.f.root, BG_SIGNED_TASK, &s.task_frame, 0), BG_OK);
    bg_sha256(bg_writer_span(&s.task_frame), &s.task_digest);
}

static void pads_of(uint32_t place, struct bg_pad_keys *ret)
{
    bg_pad_keys_of_task(ret, s.seeds[place], &s.plan, &s.f.plan_id, &s.task);
}

static void fill(const struct fixture *f, uint32_t place, uint64_t positions, uint8_t *ret_plaintexts)
{
    const struct bg_shape *shape = &s.shape;
    size_t votes = shape->slots - shape->votes_at;
    uint64_t *fields = calloc(shape->votes_at, sizeof *fields);
    uint16_t *counts = calloc(votes, sizeof *counts);
    struct bg_values values = {.fields = fields, .votes = {BG_SLOTS_U16, counts}};
    struct bg_slots slots[BG_SHAPE_MOST_FIELDS];
    struct bg_pad_keys pads;
    cr_assert_eq(positions, shape->positions);
    fields[0] = 1;
    for (size_t i = 1; i < shape->votes_at; i++)
        fields[i] = 60;
    for (size_t i = 0; i < votes; i++)
        counts[i] = s.liar == place + 1 && i >= s.lie_at ? 5 : i % 3 == 0;
    bg_shape_slots(shape, &values, slots);
    cr_assert_eq(bg_pack(&shape->packing, f->settings.public_key, slots, 0, positions, ret_plaintexts), BG_OK);
    pads_of(place, &pads);
    for (uint64_t t = 0; t < positions; t++) {
        struct bg_position_key key;
        bg_pad_key_at(&pads, t, &key);
        cr_assert_eq(bg_pad_add(f->settings.public_key, &key, ret_plaintexts + t * shape->sum_bytes), BG_OK);
    }
    memset(ret_plaintexts + positions * shape->sum_bytes - shape->tail_lacks, 0, shape->tail_lacks);
    free(fields);
    free(counts);
}

static void commit(struct bg_manifest *manifest, struct bg_digest *plan_id, uint32_t place)
{
    struct bg_pad_keys pads;
    (void)plan_id;
    pads_of(place, &pads);
    bg_pad_commit(&pads, s.shape.positions, &manifest->pad_commitment);
    manifest->task = s.task_digest;
}

static void split_release(void)
{
    struct bg_frame frame;
    struct bg_release release;
    struct bg_span rest;
    size_t count = 0;
    cr_assert_eq(bg_frame_decode(bg_writer_span(&s.release), NULL, &frame, &rest), BG_OK);
    cr_assert_eq(bg_release_decode(&frame, &s.arena, NULL, &release), BG_OK);
    memcpy(s.manifests, release.manifests, sizeof s.manifests);
    while (rest.size) {
        cr_assert_eq(bg_frame_decode(rest, NULL, &frame, &rest), BG_OK);
        s.blocks[count++] = frame.bytes;
    }
    s.block_count = count / 4;
}

static void open_round(uint64_t round, uint32_t liar, uint64_t lie_at)
{
    struct answer answer;
    s.liar = liar;
    s.lie_at = lie_at;
    make_task(round);
    struct wish wish = {.round = round, .group = 1, .members = ALL, .positions = s.shape.positions,
                        .tail_lacks = s.shape.tail_lacks, .fill = fill, .lie = commit};
    bg_writer_finish(&s.release);
    make_release(&s.f, &wish, &s.release);
    cr_assert_eq(ask(&s.f, BG_ROUTE_RELEASE, bg_writer_span(&s.release), &answer), BG_OK, "%s", s.f.error.text);
    bg_writer_finish(&answer.bytes);
    split_release();
}

static void begin(enum bg_plan_encryption encryption, uint32_t columns)
{
    struct bg_frame frame;
    fixture_init_knowing(&s.f, encryption, 2);
    s.f.columns = columns;
    fixture_begin(&s.f);
    bg_arena_init(&s.arena, SIZE_MAX);
    bg_writer_init(&s.task_frame);
    bg_writer_init(&s.release);
    for (size_t i = 0; i < 4; i++)
        memset(s.seeds[i], (int)(i + 1), sizeof s.seeds[i]);
    cr_assert_eq(bg_frame_expect(bg_writer_span(&s.f.plan), BG_FRAME_PLAN, NULL, &frame), BG_OK);
    cr_assert_eq(bg_plan_decode(&frame, &s.arena, NULL, &s.plan), BG_OK);
    make_task(1);
    cr_assert_eq(bg_shape_init(&s.plan, &s.task, NULL, &s.shape), BG_OK);
}

static void end(void)
{
    bg_shape_finish(&s.shape);
    bg_plan_finish(&s.plan);
    bg_writer_finish(&s.task_frame);
    bg_writer_finish(&s.release);
    bg_arena_finish(&s.arena);
    fixture_finish(&s.f);
    NO_LEAKS();
}

/* What an audit says that is not true. */
struct audit_lies {
    uint32_t stranger; /* place + 1 whose position key is another's */
    bool other_list;   /* and whose list then fits that key */
    uint32_t swapped;  /* place + 1 whose block is another's */
    uint64_t round;    /* 0: the one that was opened */
    bool other_task, other_plan, no_blocks;
    uint32_t members;  /* 0: all */
};

static enum bg_status ask_audit(uint64_t position, const struct audit_lies *lies, struct answer *answer)
{
    struct bg_audit_member members[4];
    struct bg_position_key keys[4];
    uint8_t *lists = malloc(4 * s.shape.positions * BG_DIGEST_BYTES);
    struct bg_writer w, task;
    cr_assert(lists);
    for (uint32_t i = 0; i < 4; i++) {
        struct bg_pad_keys pads, listed;
        uint32_t whose = lies->stranger == i + 1 ? (i + 1) % 4 : i;
        pads_of(whose, &pads);
        pads_of(lies->other_list ? whose : i, &listed);
        bg_pad_key_at(&pads, position, &keys[i]);
        uint8_t *list = lists + i * s.shape.positions * BG_DIGEST_BYTES;
        bg_pad_list(&listed, s.shape.positions, list);
        members[i] = (struct bg_audit_member){s.manifests[i],
                                              {keys[i].bytes, sizeof keys[i].bytes},
                                              {list, s.shape.positions * BG_DIGEST_BYTES}};
    }
    bg_writer_init(&task);
    bg_write_bytes(&task, s.task_frame.data, s.task_frame.size);
    task.data[BG_FRAME_HEADER_BYTES + 60] ^= lies->other_task;
    struct bg_audit_request request = {.epoch = 1, .round = lies->round ? lies->round : s.task.round, .group = 1,
                                       .position = position, .plan = bg_writer_span(&s.f.plan),
                                       .task = bg_writer_span(&task),
                                       .member_count = lies->members ? lies->members : 4, .members = members};
    struct bg_digest plan_id = s.f.plan_id;
    plan_id.bytes[0] ^= lies->other_plan;
    bg_writer_init(&w);
    bg_audit_request_encode(&w, &s.f.settings.population, &plan_id, &request);
    for (uint32_t i = 0; i < request.member_count && !lies->no_blocks; i++) {
        uint32_t whose = lies->swapped == i + 1 ? (i + 1) % 4 : i;
        struct bg_span block = s.blocks[whose * s.block_count + position / BG_BLOCK_POSITIONS];
        bg_write_bytes(&w, block.data, block.size);
    }
    enum bg_status status = ask(&s.f, BG_ROUTE_AUDIT, bg_writer_span(&w), answer);
    bg_writer_finish(&w);
    bg_writer_finish(&task);
    free(lists);
    return status;
}

static const struct audit_lies none;

static void expect_refusal(uint64_t position, struct audit_lies lies, enum bg_status expected, const char *words)
{
    struct answer answer;
    cr_expect_eq(ask_audit(position, &lies, &answer), expected, "%s: %s", words, s.f.error.text);
    cr_expect_eq(s.f.notice.kind, BG_KEYHOLDER_NOTICE_REFUSED);
    cr_expect(says(&s.f, words), "%s", s.f.error.text);
    bg_writer_finish(&answer.bytes);
}

static void expect_named(uint64_t position, uint32_t place)
{
    struct answer answer;
    struct bg_frame frame;
    struct bg_audit_verdict verdict;
    cr_assert_eq(ask_audit(position, &none, &answer), BG_OK, "%s", s.f.error.text);
    cr_assert_eq(answer.bytes.size, BG_AUDIT_VERDICT_BYTES);
    cr_assert_eq(bg_frame_expect(bg_writer_span(&answer.bytes), BG_FRAME_AUDIT_VERDICT, NULL, &frame), BG_OK);
    cr_assert_eq(bg_audit_verdict_decode(&frame, NULL, &verdict), BG_OK);
    cr_expect_eq(bg_envelope_verify_frame(bg_identity_point(s.f.identity), BG_SIGNED_VERDICT, &frame), BG_OK);
    cr_expect_eq(verdict.named, (uint64_t)1 << place);
    cr_expect_eq(verdict.position, position);
    cr_expect_eq(verdict.round, s.task.round);
    struct bg_digest head = bg_keyholder_head(s.f.keyholder);
    cr_expect(bg_digest_equal(&verdict.record, &head));
    bg_writer_finish(&answer.bytes);
}

static void names_the_liar(enum bg_plan_encryption encryption, uint32_t columns)
{
    begin(encryption, columns);
    open_round(1, 3, s.shape.slots - s.shape.votes_at - 1);
    expect_named(s.shape.positions - 1, 2);
    cr_expect_eq(s.f.notice.kind, BG_KEYHOLDER_NOTICE_AUDITED);
    cr_expect(names_client(&s.f, client_of(&s.f, 1, 2)), "%s", s.f.error.text);
    expect_named(s.shape.positions - 1, 2); /* the same request again */
    if (s.shape.positions > 1)
        expect_refusal(0, none, BG_REFUSED, "already");
    open_round(2, 3, 0);
    expect_refusal(0, none, BG_REFUSED, "already");
    end();
}

Test(audit, names_who_votes_outside_the_range)
{
    names_the_liar(BG_PLAN_PAILLIER, 2);
}

Test(audit, names_it_in_long_updates)
{
    names_the_liar(BG_PLAN_PAILLIER, 10000);
}

Test(audit, names_it_without_encryption)
{
    names_the_liar(BG_PLAN_NULL, 1000);
}

Test(audit, says_nothing_of_honest_members)
{
    begin(BG_PLAN_PAILLIER, 1000);
    open_round(1, 0, 0);
    for (uint64_t t = 0; t < 3; t++)
        expect_refusal(t, none, BG_REFUSED, "honest members");
    open_round(2, 1, 2000);
    expect_refusal(0, none, BG_REFUSED, "honest members");
    expect_named(s.shape.positions - 1, 0);
    end();
}

Test(audit, believes_nothing_that_was_not_committed_to)
{
    begin(BG_PLAN_NULL, 1000);
    open_round(1, 2, 0);
    expect_refusal(1, (struct audit_lies){.stranger = 4}, BG_BAD_COMMITMENT, "position key");
    cr_expect(names_client(&s.f, client_of(&s.f, 1, 3)), "%s", s.f.error.text);
    expect_refusal(1, (struct audit_lies){.stranger = 4, .other_list = true}, BG_BAD_COMMITMENT, "position key");
    expect_refusal(1, (struct audit_lies){.swapped = 1}, BG_NOT_FOUND, "another block");
    expect_refusal(1, (struct audit_lies){.round = 9}, BG_REFUSED, "opened last");
    expect_refusal(1, (struct audit_lies){.members = 3}, BG_REFUSED, "opened last");
    expect_refusal(1, (struct audit_lies){.other_task = true}, BG_REFUSED, "task");
    expect_refusal(1, (struct audit_lies){.other_plan = true}, BG_REFUSED, "another plan");
    expect_refusal(1, (struct audit_lies){.no_blocks = true}, BG_NOT_FOUND, "missing");
    expect_refusal(s.shape.positions, none, BG_REFUSED, "no such position");
    expect_named(1, 1);
    end();
}

Test(audit, is_for_the_root_alone)
{
    struct answer answer;
    begin(BG_PLAN_NULL, 2);
    send_as(&s.f, bg_identity_digest(s.f.clients[0]), BG_ROUTE_AUDIT, (struct bg_span){(const uint8_t *)"x", 1},
            &answer);
    run_all(&s.f);
    cr_expect_eq(answer.status, BG_REFUSED);
    cr_expect(says(&s.f, "not the root"), "%s", s.f.error.text);
    end();
}
