/* SPDX-License-Identifier: Apache-2.0 */
/* What each message refuses, byte by byte. The offsets are those of docs/PROTOCOL.md. */
#include "../no_leaks.h"
#include "damage.h"

#include <string.h>

#define BODY_IS(w, bytes) cr_assert_eq((w).size - BG_FRAME_HEADER_BYTES, (size_t)(bytes))
#define NAN_BYTES "\0\0\0\0\0\0\xf8\x7f"
#define INFINITY_BYTES "\0\0\0\0\0\0\xf0\x7f"
#define MINUS_1_BYTES "\0\0\0\0\0\0\xf0\xbf"
#define HUGE_BYTES "\0\0\0\0\0\0\0\x80"
#define COUNT(list) (sizeof(list) / sizeof *(list))

static const struct bg_digest plan_id = {{9}};
static const struct bg_population lab = {"lab"};
static const uint8_t signature[BG_SIGNATURE_BYTES];

static void sign(struct bg_writer *w)
{
    bg_write_bytes(w, signature, sizeof signature);
}

Test(groups, refuses_what_is_no_partition)
{
    static const struct bg_digest members[] = {{{1}}, {{2}}, {{3}}};
    static const struct bg_group list[] = {{{"west"}, 2, members}, {{"east"}, 1, members + 2}};
    static const struct bg_groups groups = {.epoch = 1, .count = 2, .groups = list};
    static const struct damage damages[] = {
        DAMAGE(72, "\0", BG_DECODE, "there must be a group"),
        DAMAGE(72, "\3", BG_TRUNCATED, "too early"),
        DAMAGE(72, "\1\0\x10", BG_TOO_LARGE, "byte"),
        DAMAGE(72, HUGE_BYTES, BG_TOO_LARGE, "byte"),
        DAMAGE(80, "West", BG_DECODE, "label"),
        DAMAGE(80, "\0est", BG_DECODE, "label"),
        DAMAGE(80, "we\0t", BG_DECODE, "label"),
        DAMAGE(80, "we t", BG_DECODE, "label"),
        DAMAGE(111, "x", BG_DECODE, "label"),
        DAMAGE(112, "\0", BG_DECODE, "1 to 64 members"),
        DAMAGE(112, "\3", BG_DECODE, "label"),
        DAMAGE(112, "\4", BG_TRUNCATED, "no bytes for the groups that follow"),
        DAMAGE(112, "\x41", BG_TOO_LARGE, "byte"),
        DAMAGE(112, HUGE_BYTES, BG_TOO_LARGE, "byte"),
        DAMAGE(120, "\2", BG_DECODE, "twice"),
    };
    struct bg_writer w;
    bg_writer_init(&w);
    bg_groups_encode(&w, &lab, &groups);
    BODY_IS(w, 80 + 40 + 64 + 40 + 32);
    expect_refusals(&w, damages, COUNT(damages));
    w.data[40] = 1;
    static const struct damage under_a_plan[] = {DAMAGE(0, "", BG_DECODE, "plan id must be zero")};
    expect_refusals(&w, under_a_plan, 1);
    bg_writer_finish(&w);
    NO_LEAKS();
}

Test(groups, takes_64_members_and_no_more)
{
    struct bg_digest members[BG_MAX_GROUP_MEMBERS] = {0};
    const struct bg_group group = {{"west"}, BG_MAX_GROUP_MEMBERS, members};
    const struct bg_groups groups = {.count = 1, .groups = &group};
    struct bg_groups got;
    struct bg_arena arena;
    struct bg_writer w;
    struct bg_frame frame;
    for (uint8_t i = 0; i < BG_MAX_GROUP_MEMBERS; i++)
        members[i].bytes[31] = i;
    bg_writer_init(&w);
    bg_arena_init(&arena, 4096);
    bg_groups_encode(&w, &lab, &groups);
    cr_assert_eq(bg_frame_decode(bg_writer_span(&w), NULL, &frame, NULL), BG_OK);
    cr_assert_eq(bg_groups_decode(&frame, &arena, NULL, &got), BG_OK);
    cr_assert_eq(got.groups[0].member_count, BG_MAX_GROUP_MEMBERS);
    cr_assert(bg_digest_equal(&got.groups[0].members[63], &members[63]));
    bg_arena_finish(&arena);
    bg_writer_finish(&w);
    NO_LEAKS();
}

Test(task, refuses_what_no_round_can_be)
{
    static const bool travels[] = {true, false};
    static const double scales[] = {1, 0.5}, centres[] = {0, -0.25};
    static const uint32_t invited[] = {3, 7};
    static const struct bg_task task = {.round = 4,
                                        .learning_rate = 0.1,
                                        .steps = 20,
                                        .tensor_count = 2,
                                        .travels = travels,
                                        .scales = scales,
                                        .centres = centres,
                                        .invited_count = 2,
                                        .invited = invited};
    static const struct damage damages[] = {
        DAMAGE(84, "\4", BG_DECODE, "stage"),
        DAMAGE(84, "\x81", BG_DECODE, "stage"),
        DAMAGE(85, NAN_BYTES, BG_NOT_FINITE, "learning rate"),
        DAMAGE(85, MINUS_1_BYTES, BG_DECODE, "learning rate"),
        DAMAGE(93, "\0", BG_DECODE, "steps"),
        DAMAGE(93, "\1\0\x10", BG_DECODE, "steps"),
        DAMAGE(113, "\1\x10", BG_TOO_LARGE, "byte"),
        DAMAGE(113, HUGE_BYTES, BG_TOO_LARGE, "byte"),
        DAMAGE(113, "\0\x10", BG_TRUNCATED, "too early"),
        DAMAGE(121, "\2", BG_DECODE, "travels"),
        DAMAGE(122, "\0\0\0\0\0\0\0\0", BG_DECODE, "scale"),
        DAMAGE(122, MINUS_1_BYTES, BG_DECODE, "scale"),
        DAMAGE(122, INFINITY_BYTES, BG_NOT_FINITE, "scale"),
        DAMAGE(130, NAN_BYTES, BG_NOT_FINITE, "centre"),
        DAMAGE(155, "\1\0\x10", BG_TOO_LARGE, "byte"),
        DAMAGE(155, "\0\0\x10", BG_TRUNCATED, "too early"),
        DAMAGE(163, "\7", BG_DECODE, "ascend"),
        DAMAGE(163, "\x8", BG_DECODE, "ascend"),
        DAMAGE(167, "\0\0\x10", BG_DECODE, "index"),
    };
    struct bg_writer w;
    bg_writer_init(&w);
    bg_task_encode_unsigned(&w, &lab, &plan_id, &task);
    sign(&w);
    BODY_IS(w, 121 + 2 * 17 + 8 + 2 * 4 + 64);
    expect_refusals(&w, damages, COUNT(damages));
    bg_writer_finish(&w);
    NO_LEAKS();
}

Test(manifest, refuses_what_no_update_can_be)
{
    static const uint8_t bytes[113];
    static const struct bg_manifest manifest = {.positions = 65,
                                                .block_digests = {bytes, 64},
                                                .sealed_seed = {bytes, 113},
                                                .sealed_tags = {bytes, 113}};
    static const struct damage damages[] = {
        DAMAGE(116, "\0\0\x10", BG_DECODE, "index"),
        DAMAGE(152, "\0", BG_DECODE, "at least one position"),
        DAMAGE(152, "\1\0\x40", BG_TOO_LARGE, "more positions"),
        DAMAGE(152, HUGE_BYTES, BG_TOO_LARGE, "more positions"),
        DAMAGE(152, "\0\0\x40", BG_TRUNCATED, "too early"),
        DAMAGE(152, "\x40", BG_DECODE, "after its end"),
        DAMAGE(256, "\x70", BG_DECODE, "sealed seed"),
        DAMAGE(256, "\0\0\0\x80", BG_DECODE, "sealed seed"),
        DAMAGE(373, "\x61", BG_DECODE, "sealed tags"),
        DAMAGE(373, "\0", BG_DECODE, "after its end"),
    };
    struct bg_writer w;
    bg_writer_init(&w);
    bg_manifest_encode_unsigned(&w, &lab, &plan_id, &manifest);
    sign(&w);
    BODY_IS(w, 160 + 64 + 32 + 4 + 113 + 4 + 113 + 64);
    expect_refusals(&w, damages, COUNT(damages));
    bg_writer_finish(&w);
    NO_LEAKS();
}

Test(manifest, gives_signature_and_signed_bytes)
{
    struct source source;
    struct bg_writer w;
    struct bg_frame frame;
    struct bg_manifest got;
    source_init(&source, 3);
    bg_writer_init(&w);
    struct bg_manifest manifest = random_manifest(&source);
    struct bg_span signed_by = random_bytes(&source, BG_SIGNATURE_BYTES);
    bg_manifest_encode_unsigned(&w, &source.population, &plan_id, &manifest);
    size_t unsigned_size = w.size;
    bg_write_bytes(&w, signed_by.data, signed_by.size);
    cr_assert_eq(bg_frame_decode(bg_writer_span(&w), NULL, &frame, NULL), BG_OK);
    cr_assert_eq(bg_manifest_decode(&frame, NULL, &got), BG_OK);
    cr_assert(bg_span_equal(got.signature, signed_by));
    cr_assert_eq(got.signed_bytes.data, w.data);
    cr_assert_eq(got.signed_bytes.size, unsigned_size);
    size_t last = bg_manifest_blocks(manifest.positions) - 1;
    struct bg_digest digest = bg_manifest_block_digest(&got, last);
    cr_assert_eq(memcmp(digest.bytes, manifest.block_digests.data + 32 * last, 32), 0);
    bg_writer_finish(&w);
    source_finish(&source);
    NO_LEAKS();
}

Test(manifest, counts_blocks)
{
    cr_assert_eq(bg_manifest_blocks(1), 1);
    cr_assert_eq(bg_manifest_blocks(64), 1);
    cr_assert_eq(bg_manifest_blocks(65), 2);
    cr_assert_eq(bg_manifest_blocks(BG_MAX_POSITIONS), BG_MAX_BLOCKS);
}

Test(block, refuses_what_no_block_can_be)
{
    static const uint8_t payload[2];
    static const struct bg_block block = {.positions = 2, .payload = {payload, sizeof payload}};
    static const struct damage damages[] = {
        DAMAGE(12, "\0\0\x10", BG_DECODE, "index"),
        DAMAGE(48, "\0\0\1", BG_DECODE, "index"),
        DAMAGE(52, "\0", BG_DECODE, "1 to 64"),
        DAMAGE(52, "\x41", BG_DECODE, "1 to 64"),
        DAMAGE(52, "\3", BG_DECODE, "at least 1 byte"),
    };
    struct bg_writer w;
    bg_writer_init(&w);
    bg_block_encode(&w, &lab, &plan_id, &block);
    BODY_IS(w, 56 + 2);
    expect_refusals(&w, damages, COUNT(damages));
    bg_writer_finish(&w);
    NO_LEAKS();
}

Test(block, bounds_the_bytes_of_a_position)
{
    static const uint8_t payload[BG_MAX_POSITION_BYTES + 1];
    struct bg_block block = {.positions = 1, .payload = {payload, sizeof payload}}, got;
    for (size_t over = 0; over < 2; over++) {
        struct bg_writer w;
        struct bg_frame frame;
        bg_writer_init(&w);
        block.payload.size = BG_MAX_POSITION_BYTES + over;
        bg_block_encode(&w, &lab, &plan_id, &block);
        cr_assert_eq(bg_frame_decode(bg_writer_span(&w), NULL, &frame, NULL), BG_OK);
        cr_assert_eq(bg_block_decode(&frame, NULL, &got), over ? BG_TOO_LARGE : BG_OK);
        bg_writer_finish(&w);
    }
    NO_LEAKS();
}

static void write_receipt(struct bg_writer *w, enum bg_round_outcome outcome)
{
    static const double scales[] = {0.5};
    static const struct bg_receipt_group groups[][2] = {{{2, true, 7}, {5, false, 0}}, {{2, false, 7}, {5, false, 0}}};
    bool committed = outcome == BG_ROUND_COMMITTED;
    struct bg_receipt receipt = {.outcome = outcome,
                                 .reason = committed ? 0 : (uint16_t)-BG_TOO_FEW,
                                 .tensor_count = committed,
                                 .scales = scales,
                                 .group_count = 2,
                                 .groups = groups[!committed]};
    bg_writer_init(w);
    bg_receipt_encode_unsigned(w, &lab, &plan_id, &receipt);
    sign(w);
}

Test(receipt, refuses_what_no_committed_round_can_be)
{
    static const struct damage damages[] = {
        DAMAGE(12, "\0", BG_DECODE, "outcome"),
        DAMAGE(12, "\3", BG_DECODE, "outcome"),
        DAMAGE(13, "\x2b", BG_DECODE, "reason 0"),
        DAMAGE(47, HUGE_BYTES, BG_TOO_LARGE, "byte"),
        DAMAGE(55, "\0\0\0\0\0\0\0\x80", BG_DECODE, "scale"),
        DAMAGE(55, INFINITY_BYTES, BG_NOT_FINITE, "scale"),
        DAMAGE(63, "\1\0\x10", BG_TOO_LARGE, "byte"),
        DAMAGE(71, "\5", BG_DECODE, "ascend"),
        DAMAGE(71, "\6", BG_DECODE, "ascend"),
        DAMAGE(75, "\2", BG_DECODE, "used"),
        DAMAGE(76, "\0", BG_DECODE, "members"),
        DAMAGE(84, "\0\0\x10", BG_DECODE, "index"),
    };
    struct bg_writer w;
    write_receipt(&w, BG_ROUND_COMMITTED);
    BODY_IS(w, 55 + 8 + 8 + 2 * 13 + 64);
    expect_refusals(&w, damages, COUNT(damages));
    bg_writer_finish(&w);
    NO_LEAKS();
}

Test(receipt, refuses_what_no_abandoned_round_can_be)
{
    static const struct damage damages[] = {
        DAMAGE(13, "\0", BG_DECODE, "reason"),
        DAMAGE(13, "\x63", BG_DECODE, "reason"),
        DAMAGE(13, "\xff\xff", BG_DECODE, "reason"),
        DAMAGE(47, "\1", BG_DECODE, "no scales"),
        DAMAGE(67, "\1", BG_DECODE, "uses no group"),
    };
    struct bg_writer w;
    write_receipt(&w, BG_ROUND_ABANDONED);
    BODY_IS(w, 55 + 8 + 2 * 13 + 64);
    expect_refusals(&w, damages, COUNT(damages));
    bg_writer_finish(&w);
    NO_LEAKS();
}

Test(release, refuses_what_cannot_be_opened)
{
    struct source source;
    struct bg_writer manifest, w;
    source_init(&source, 5);
    bg_writer_init(&manifest);
    bg_writer_init(&w);
    kinds[3].make(&source, &manifest);
    cr_assert_eq(kinds[3].type, BG_FRAME_MANIFEST);
    struct bg_span manifests[] = {bg_writer_span(&manifest), bg_writer_span(&manifest)};
    struct bg_release release = {.member_count = 2,
                                 .manifests = manifests,
                                 .positions = 3,
                                 .product = random_bytes(&source, 30)};
    size_t after = 32 + 2 * (8 + manifest.size);
    const struct damage damages[] = {
        DAMAGE(20, "\0\0\x10", BG_DECODE, "index"),
        DAMAGE(24, "\0", BG_DECODE, "1 to 64 members"),
        DAMAGE(24, "\x41", BG_TOO_LARGE, "byte"),
        DAMAGE(24, HUGE_BYTES, BG_TOO_LARGE, "byte"),
        DAMAGE(32, HUGE_BYTES, BG_TRUNCATED, "too early"),
        DAMAGE(40, "b", BG_BAD_MAGIC, "member 0"),
        DAMAGE(40 + manifest.size + 8 + 6, "\5", BG_DECODE, "member 1"),
        DAMAGE(after, "\0", BG_DECODE, "position"),
        DAMAGE(after, "\x1f", BG_DECODE, "at least 1 byte"),
        DAMAGE(after, HUGE_BYTES, BG_TOO_LARGE, "positions"),
        DAMAGE(after + 8, "\2", BG_DECODE, "at least 1 byte"),
        DAMAGE(after + 8, "\x1b", BG_DECODE, "after its end"),
        DAMAGE(after + 8, HUGE_BYTES, BG_TRUNCATED, "too early"),
    };
    bg_release_encode(&w, &lab, &plan_id, &release);
    BODY_IS(w, after + 16 + 30);
    expect_refusals(&w, damages, COUNT(damages));
    bg_writer_finish(&manifest);
    bg_writer_finish(&w);
    source_finish(&source);
    NO_LEAKS();
}

Test(sums, refuses_a_record_of_something_else)
{
    struct source source;
    struct bg_writer w;
    source_init(&source, 6);
    bg_writer_init(&w);
    struct bg_sums sums = {.round = 7,
                           .attempt = 1,
                           .group = 2,
                           .positions = 1,
                           .sums = random_bytes(&source, 10),
                           .record = {.sequence = 1, .round = 7, .attempt = 1, .group = 2, .members = 7}};
    static const struct damage damages[] = {
        DAMAGE(0, "\x8", BG_DECODE, "same round"),
        DAMAGE(8, "\0", BG_DECODE, "same round"),
        DAMAGE(12, "\3", BG_DECODE, "same round"),
        DAMAGE(12, "\0\0\x10", BG_DECODE, "index"),
        DAMAGE(16, "\0", BG_DECODE, "position"),
        DAMAGE(24, "\0", BG_DECODE, "at least 1 byte"),
        DAMAGE(42, "\0", BG_DECODE, "from 1"),
        DAMAGE(58, "\x8", BG_DECODE, "same round"),
        DAMAGE(70, "\0\0\x10", BG_DECODE, "index"),
        DAMAGE(74, "\0", BG_DECODE, "members"),
    };
    bg_sums_encode(&w, &lab, &plan_id, &sums);
    BODY_IS(w, 42 + BG_RECORD_BYTES);
    expect_refusals(&w, damages, COUNT(damages));
    bg_writer_finish(&w);
    source_finish(&source);
    NO_LEAKS();
}

Test(sums, gives_the_record_as_sent)
{
    struct source source;
    struct bg_writer w, record;
    struct bg_frame frame;
    struct bg_sums got;
    source_init(&source, 7);
    bg_writer_init(&w);
    bg_writer_init(&record);
    struct bg_sums sums = random_sums(&source);
    bg_sums_encode(&w, &lab, &plan_id, &sums);
    bg_record_encode(&record, &sums.record);
    cr_assert_eq(record.size, BG_RECORD_BYTES);
    cr_assert_eq(bg_frame_decode(bg_writer_span(&w), NULL, &frame, NULL), BG_OK);
    cr_assert_eq(bg_sums_decode(&frame, NULL, &got), BG_OK);
    cr_assert(bg_span_equal(got.record_bytes, bg_writer_span(&record)));
    bg_writer_finish(&w);
    bg_writer_finish(&record);
    source_finish(&source);
    NO_LEAKS();
}

Test(record, is_200_bytes_and_canonical)
{
    struct source source;
    struct bg_writer w, again;
    struct bg_record got;
    source_init(&source, 8);
    for (size_t i = 0; i < 20; i++) {
        bg_writer_init(&w);
        bg_writer_init(&again);
        struct bg_record record = random_record(&source);
        bg_record_encode(&w, &record);
        cr_assert_eq(bg_record_decode(bg_writer_span(&w), &got), BG_OK);
        bg_record_encode(&again, &got);
        cr_assert(bg_span_equal(bg_writer_span(&w), bg_writer_span(&again)));
        for (size_t size = 0; size < w.size; size++)
            cr_assert_eq(bg_record_decode((struct bg_span){w.data, size}, &got), BG_TRUNCATED);
        bg_write_u8(&w, 0);
        cr_assert_eq(bg_record_decode(bg_writer_span(&w), &got), BG_DECODE);
        bg_writer_finish(&w);
        bg_writer_finish(&again);
    }
    source_finish(&source);
    NO_LEAKS();
}

Test(epoch, carries_no_plan_id)
{
    static const struct bg_epoch_request request = {.epoch = 2, .roster = {{1}}, .nonce = {{2}}};
    static const struct bg_epoch_reveal reveal = {.epoch = 2, .nonce = {{3}}, .next_commitment = {{4}}};
    static const struct damage damages[] = {DAMAGE(0, "", BG_DECODE, "plan id must be zero")};
    struct bg_writer w;
    bg_writer_init(&w);
    bg_epoch_request_encode(&w, &lab, &request);
    BODY_IS(w, 72);
    w.data[71] = 1;
    expect_refusals(&w, damages, 1);
    bg_writer_finish(&w);
    bg_epoch_reveal_encode_unsigned(&w, &lab, &reveal);
    sign(&w);
    BODY_IS(w, 72 + 64);
    w.data[40] = 1;
    expect_refusals(&w, damages, 1);
    bg_writer_finish(&w);
    NO_LEAKS();
}

Test(pace, refuses_windows_that_are_none)
{
    static const struct bg_pace_window window = {.round = 3, .least_ns = 1000, .most_ns = BG_MAX_PACE_NS};
    static const struct damage damages[] = {
        DAMAGE(8, HUGE_BYTES, BG_DECODE, "least wait must not be above the most"),
        DAMAGE(16, "\0\0\0\0\0\0\0", BG_DECODE, "least wait must not be above the most"),
        DAMAGE(16, HUGE_BYTES, BG_TOO_LARGE, "at most a week"),
        DAMAGE(18, "\xff", BG_TOO_LARGE, "at most a week"),
    };
    struct bg_writer w;
    bg_writer_init(&w);
    bg_pace_window_encode(&w, &lab, &window);
    BODY_IS(w, 24);
    expect_refusals(&w, damages, COUNT(damages));
    w.data[40] = 1;
    static const struct damage under_a_plan[] = {DAMAGE(0, "", BG_DECODE, "plan id must be zero")};
    expect_refusals(&w, under_a_plan, 1);
    bg_writer_finish(&w);
    NO_LEAKS();
}
