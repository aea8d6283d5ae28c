/* SPDX-License-Identifier: Apache-2.0 */
/* Releases as the root sends them, true ones and every kind of false one. */
#include "crypto/digest.h"
#include "keyholder/records.h"
#include "protocol/envelope.h"
#include "tests/unit/keyholder/keyholder_fixture.h"
#include "tests/unit/no_leaks.h"
#include "wire/task.h"

#include <stdlib.h>
#include <string.h>

/* Asks for a wish that must be refused, and that nothing comes of it: the honest request is opened afterwards. */
static void expect_refusal(struct fixture *f, const struct wish *wish, enum bg_status expected)
{
    struct answer answer;
    enum bg_status status = ask_release(f, wish, &answer);
    cr_expect_eq(status, expected, "%s: %s", bg_status_name(status), f->error.text);
    cr_expect_eq(f->notice.kind, BG_KEYHOLDER_NOTICE_REFUSED);
    cr_expect_eq(f->error.status, status);
    cr_expect(says(f, "group "), "%s", f->error.text);
    bg_writer_finish(&answer.bytes);
}

static void expect_opening(struct fixture *f, const struct wish *wish)
{
    struct answer answer;
    ask_release(f, wish, &answer);
    expect_sums(f, &answer, wish);
    cr_expect_eq(f->notice.kind, BG_KEYHOLDER_NOTICE_OPENED);
    bg_writer_finish(&answer.bytes);
}

static const struct wish honest = {.round = 5, .group = 1, .members = ALL};

static void opens_sums_in(enum bg_plan_encryption encryption)
{
    struct fixture f;
    fixture_ready(&f, encryption);
    for (uint32_t group = 0; group < 3; group++) {
        struct wish wish = honest;
        wish.group = group;
        expect_opening(&f, &wish);
        wish.round = 6;
        wish.attempt = 2;
        wish.positions = 3;
        expect_opening(&f, &wish);
    }
    fixture_finish(&f);
    NO_LEAKS();
}

Test(release, opens_the_sum_of_a_group)
{
    opens_sums_in(BG_PLAN_PAILLIER);
}

Test(release, opens_the_same_sums_without_encryption)
{
    opens_sums_in(BG_PLAN_NULL);
}

/* Of a tail of one digit in two: the answer has no byte of the other. */
static void opens_short_tails_in(enum bg_plan_encryption encryption)
{
    static const uint64_t positions[] = {1, 3, 64, 65};
    struct fixture f;
    struct wish wish = honest;
    fixture_ready(&f, encryption);
    wish.tail_lacks = bg_public_key_digit_bytes(f.settings.public_key);
    for (size_t i = 0; i < sizeof positions / sizeof *positions; i++) {
        wish.positions = positions[i];
        wish.round++;
        wish.whole_tail = 2;
        expect_refusal(&f, &wish, BG_NOT_FOUND);
        cr_expect(names_client(&f, client_of(&f, 1, 1)), "%s", f.error.text);
        cr_expect(says(&f, positions[i] > 64 ? "block 1 " : "block 0 "), "%s", f.error.text);
        wish.whole_tail = 0;
        expect_opening(&f, &wish);
    }
    for (size_t lacks = wish.tail_lacks / 2; lacks <= 2 * wish.tail_lacks; lacks += lacks) {
        struct wish impossible = {.round = 20, .group = 1, .members = ALL, .positions = 3, .tail_lacks = lacks};
        if (lacks == wish.tail_lacks)
            continue;
        expect_refusal(&f, &impossible, BG_DECODE);
        cr_expect(says(&f, "product"), "%s", f.error.text);
    }
    fixture_finish(&f);
    NO_LEAKS();
}

Test(release, opens_a_tail_to_its_digits_only)
{
    opens_short_tails_in(BG_PLAN_PAILLIER);
}

Test(release, opens_a_tail_alike_without_encryption)
{
    opens_short_tails_in(BG_PLAN_NULL);
}

Test(release, refuses_everything_with_encryption_off)
{
    struct fixture f;
    fixture_ready(&f, BG_PLAN_OFF);
    struct answer answer;
    struct bg_digest id = {{1}};
    uint8_t product[4] = {0};
    struct bg_writer manifest, w;
    struct bg_manifest content = {.round = 1, .epoch = 1, .positions = 1, .block_digests = {id.bytes, 32},
                                  .client = *bg_identity_digest(f.clients[0])};
    bg_writer_init(&manifest);
    bg_writer_init(&w);
    bg_manifest_encode_unsigned(&manifest, &f.settings.population, &f.plan_id, &content);
    bg_write_reserve(&manifest, BG_SIGNATURE_BYTES);
    struct bg_span span = bg_writer_span(&manifest);
    struct bg_release release = {.round = 1, .epoch = 1, .member_count = 1, .manifests = &span, .positions = 1,
                                 .product = {product, sizeof product}};
    bg_release_encode(&w, &f.settings.population, &f.plan_id, &release);
    cr_expect_eq(ask(&f, BG_ROUTE_RELEASE, bg_writer_span(&w), &answer), BG_REFUSED, "%s", f.error.text);
    cr_expect(says(&f, "encryption off"), "%s", f.error.text);
    bg_writer_finish(&manifest);
    bg_writer_finish(&w);
    bg_writer_finish(&answer.bytes);
    fixture_finish(&f);
    NO_LEAKS();
}

Test(release, gives_identical_bytes_for_an_identical_request)
{
    struct fixture f;
    struct bg_writer w;
    struct answer first, second;
    fixture_ready(&f, BG_PLAN_PAILLIER);
    make_release(&f, &honest, &w);
    cr_assert_eq(ask(&f, BG_ROUTE_RELEASE, bg_writer_span(&w), &first), BG_OK, "%s", f.error.text);
    expect_sums(&f, &first, &honest);
    struct bg_digest head = bg_keyholder_head(f.keyholder);
    cr_assert_eq(ask(&f, BG_ROUTE_RELEASE, bg_writer_span(&w), &second), BG_OK, "%s", f.error.text);
    cr_expect_eq(f.notice.kind, BG_KEYHOLDER_NOTICE_REPEATED);
    cr_expect(bg_span_equal(bg_writer_span(&first.bytes), bg_writer_span(&second.bytes)));
    struct bg_digest after = bg_keyholder_head(f.keyholder);
    cr_expect(bg_digest_equal(&head, &after), "a repeat is no new record");
    bg_writer_finish(&first.bytes);
    bg_writer_finish(&second.bytes);
    bg_writer_finish(&w);
    fixture_finish(&f);
    NO_LEAKS();
}

Test(release, refuses_another_sum_over_an_opened_round)
{
    struct fixture f;
    fixture_ready(&f, BG_PLAN_NULL);
    expect_opening(&f, &honest);
    struct wish wish = honest;
    wish.seed = 1;
    expect_refusal(&f, &wish, BG_REFUSED);
    cr_expect(names_client(&f, client_of(&f, 1, 0)), "%s", f.error.text);
    wish = honest;
    wish.attempt = 1;
    expect_refusal(&f, &wish, BG_REFUSED);
    wish = honest;
    wish.round = 4;
    expect_refusal(&f, &wish, BG_WRONG_ROUND);
    cr_expect(names_client(&f, client_of(&f, 1, 0)), "%s", f.error.text);
    fixture_finish(&f);
}

Test(release, refuses_a_group_minus_a_member)
{
    struct fixture f;
    fixture_ready(&f, BG_PLAN_NULL);
    struct wish wish = honest;
    wish.members = ALL & ~4u;
    expect_refusal(&f, &wish, BG_REFUSED);
    cr_expect(names_client(&f, client_of(&f, 1, 2)), "%s", f.error.text);
    for (uint64_t round = 5; round < 8; round++) {
        wish = honest;
        wish.round = round;
        expect_opening(&f, &wish);
    }
    wish.round = 8;
    wish.members = ALL & ~4u;
    expect_refusal(&f, &wish, BG_REFUSED);
    cr_expect(names_client(&f, client_of(&f, 1, 2)), "%s", f.error.text);
    wish.group = 2;
    expect_opening(&f, &wish);
    wish.round = 9;
    wish.members = ALL;
    expect_refusal(&f, &wish, BG_REFUSED);
    cr_expect(names_client(&f, client_of(&f, 2, 2)), "%s", f.error.text);
    fixture_finish(&f);
}

Test(release, refuses_a_pair)
{
    struct fixture f;
    fixture_ready(&f, BG_PLAN_NULL);
    struct wish wish = honest;
    wish.members = 3;
    expect_refusal(&f, &wish, BG_TOO_FEW);
    expect_opening(&f, &honest);
    fixture_finish(&f);
}

Test(release, refuses_members_twice_out_of_order_or_from_elsewhere)
{
    static const uint32_t twice[] = {0, 1, 1, 2}, apart[] = {0, 1, 2, 0}, backwards[] = {0, 2, 1, 3};
    struct fixture f;
    fixture_ready(&f, BG_PLAN_NULL);
    struct wish wish = honest;
    wish.order_count = 4;
    wish.order = twice;
    expect_refusal(&f, &wish, BG_DUPLICATE);
    cr_expect(names_client(&f, client_of(&f, 1, 1)), "%s", f.error.text);
    wish.order = apart;
    expect_refusal(&f, &wish, BG_DUPLICATE);
    cr_expect(names_client(&f, client_of(&f, 1, 0)), "%s", f.error.text);
    wish.order = backwards;
    expect_refusal(&f, &wish, BG_DECODE);
    cr_expect(names_client(&f, client_of(&f, 1, 1)), "%s", f.error.text);
    wish = honest;
    wish.stranger = 3;
    expect_refusal(&f, &wish, BG_UNKNOWN_CLIENT);
    cr_expect(names_client(&f, client_of(&f, 2, 2)), "%s", f.error.text);
    expect_opening(&f, &honest);
    fixture_finish(&f);
}

/* ---- manifests that do not agree ---- */

static void other_plan(struct bg_manifest *manifest, struct bg_digest *plan_id, uint32_t place)
{
    (void)manifest;
    if (place == 2)
        plan_id->bytes[0] ^= 1;
}

static void other_model(struct bg_manifest *manifest, struct bg_digest *plan_id, uint32_t place)
{
    (void)plan_id;
    if (place == 2)
        manifest->model.bytes[0] ^= 1;
}

static void other_task(struct bg_manifest *manifest, struct bg_digest *plan_id, uint32_t place)
{
    (void)plan_id;
    if (place == 2)
        manifest->task.bytes[31] ^= 1;
}

static void other_round(struct bg_manifest *manifest, struct bg_digest *plan_id, uint32_t place)
{
    (void)plan_id;
    if (place == 2)
        manifest->round--;
}

static void other_attempt(struct bg_manifest *manifest, struct bg_digest *plan_id, uint32_t place)
{
    (void)plan_id;
    if (place == 2)
        manifest->attempt++;
}

static void other_epoch(struct bg_manifest *manifest, struct bg_digest *plan_id, uint32_t place)
{
    (void)plan_id;
    if (place == 2)
        manifest->epoch++;
}

static void other_group(struct bg_manifest *manifest, struct bg_digest *plan_id, uint32_t place)
{
    (void)plan_id;
    if (place == 2)
        manifest->group++;
}

static void other_key(struct bg_manifest *manifest, struct bg_digest *plan_id, uint32_t place)
{
    (void)plan_id;
    if (place == 2)
        manifest->key_id.bytes[5] ^= 1;
}

static void other_size(struct bg_manifest *manifest, struct bg_digest *plan_id, uint32_t place)
{
    (void)plan_id;
    if (place == 2)
        manifest->positions--;
}

Test(release, refuses_manifests_that_are_not_of_one_request)
{
    static const struct {
        void (*lie)(struct bg_manifest *manifest, struct bg_digest *plan_id, uint32_t place);
        enum bg_status expected;
    } cases[] = {
        {other_plan, BG_STALE_PLAN},    {other_model, BG_REFUSED}, {other_round, BG_WRONG_ROUND},
        {other_attempt, BG_WRONG_ROUND}, {other_epoch, BG_STALE_PLAN}, {other_group, BG_REFUSED},
        {other_key, BG_REFUSED},        {other_size, BG_REFUSED}, {other_task, BG_REFUSED},
    };
    struct fixture f;
    fixture_ready(&f, BG_PLAN_NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wish wish = honest;
        wish.lie = cases[i].lie;
        expect_refusal(&f, &wish, cases[i].expected);
        cr_expect(names_client(&f, client_of(&f, 1, 2)), "case %zu: %s", i, f.error.text);
    }
    expect_opening(&f, &honest);
    fixture_finish(&f);
}

/* Centres of 1e30 make everybody vote the same, so that the sum would be the votes of the one who was told others. */
static struct bg_digest sign_task(const struct fixture *f, double centre)
{
    static const bool travels[] = {true};
    static const double scales[] = {1};
    struct bg_task task = {.round = honest.round,
                           .epoch = f->groups.epoch,
                           .model = {{7}},
                           .learning_rate = 0.1,
                           .steps = 1,
                           .tensor_count = 1,
                           .travels = travels,
                           .scales = scales,
                           .centres = &centre,
                           .invited_count = 1,
                           .invited = &honest.group};
    struct bg_writer w;
    struct bg_frame frame;
    struct bg_digest digest;
    bg_writer_init(&w);
    bg_task_encode_unsigned(&w, &f->settings.population, &f->plan_id, &task);
    cr_assert_eq(bg_envelope_close(f->root, BG_SIGNED_TASK, &w, 0), BG_OK);
    cr_assert_eq(bg_frame_expect(bg_writer_span(&w), BG_FRAME_TASK, NULL, &frame), BG_OK);
    cr_assert_eq(bg_envelope_verify_frame(bg_identity_point(f->root), BG_SIGNED_TASK, &frame), BG_OK);
    bg_sha256(bg_writer_span(&w), &digest);
    bg_writer_finish(&w);
    return digest;
}

static struct bg_digest told[2]; /* to most, and to the victim */
static uint32_t victim;          /* place + 1; 0: none */

static void told_differently(struct bg_manifest *manifest, struct bg_digest *plan_id, uint32_t place)
{
    (void)plan_id;
    manifest->task = told[victim == place + 1];
}

Test(release, refuses_a_group_that_was_told_two_tasks)
{
    struct fixture f;
    fixture_ready(&f, BG_PLAN_PAILLIER);
    told[0] = sign_task(&f, 1e30);
    told[1] = sign_task(&f, 0);
    cr_assert_not(bg_digest_equal(&told[0], &told[1]));
    struct wish wish = honest;
    wish.lie = told_differently;
    for (uint32_t place = 0; place < 4; place++) {
        victim = place + 1;
        expect_refusal(&f, &wish, BG_REFUSED);
        cr_expect(says(&f, "another task"), "%s", f.error.text);
        cr_expect(names_client(&f, client_of(&f, 1, place ? place : 1)), "%s", f.error.text);
        cr_expect(!bg_keyholder_locked(f.keyholder));
    }
    victim = 0; /* one task for all, however strange: nobody stands out */
    expect_opening(&f, &wish);
    fixture_finish(&f);
    NO_LEAKS();
}

Test(release, refuses_a_forged_manifest)
{
    struct fixture f;
    fixture_ready(&f, BG_PLAN_NULL);
    struct wish wish = honest;
    wish.forger = 4;
    expect_refusal(&f, &wish, BG_BAD_SIGNATURE);
    cr_expect(names_client(&f, client_of(&f, 1, 3)), "%s", f.error.text);
    cr_expect(!bg_keyholder_locked(f.keyholder));
    expect_opening(&f, &honest);
    fixture_finish(&f);
}

Test(release, refuses_a_plan_it_was_not_shown)
{
    struct fixture f;
    fixture_ready(&f, BG_PLAN_NULL);
    make_plan(&f, 32);
    expect_refusal(&f, &honest, BG_STALE_PLAN);
    cr_assert_eq(show_plan(&f), BG_OK);
    expect_opening(&f, &honest);
    fixture_finish(&f);
}

Test(release, refuses_other_epochs_and_groups)
{
    struct fixture f;
    fixture_ready(&f, BG_PLAN_NULL);
    struct wish wish = honest;
    wish.epoch = 2;
    expect_refusal(&f, &wish, BG_STALE_PLAN);
    cr_expect(says(&f, "epoch 2"), "%s", f.error.text);
    struct bg_group four[4];
    memcpy(four, f.groups.groups, 3 * sizeof *four);
    four[3] = four[1];
    const struct bg_group *real = f.groups.groups;
    f.groups.groups = four;
    wish = honest;
    wish.group = 3;
    expect_refusal(&f, &wish, BG_REFUSED);
    f.groups.groups = real;
    fixture_finish(&f);
}

Test(release, refuses_a_challenge_that_is_not_answered)
{
    struct fixture f;
    fixture_ready(&f, BG_PLAN_NULL);
    struct wish wish = honest;
    wish.missing = 4;
    expect_refusal(&f, &wish, BG_NOT_FOUND);
    cr_expect(names_client(&f, client_of(&f, 1, 3)), "%s", f.error.text);
    wish = honest;
    wish.missing = 2;
    expect_refusal(&f, &wish, BG_NOT_FOUND);
    cr_expect(names_client(&f, client_of(&f, 1, 1)), "%s", f.error.text);
    wish = honest;
    wish.swapped = 1;
    expect_refusal(&f, &wish, BG_NOT_FOUND);
    wish = honest;
    wish.longer = true;
    expect_refusal(&f, &wish, BG_DECODE);
    wish = honest;
    wish.cut_product = true;
    expect_refusal(&f, &wish, BG_REFUSED);
    cr_expect(!bg_keyholder_locked(f.keyholder), "what is malformed is refused, not punished");
    expect_opening(&f, &honest);
    fixture_finish(&f);
    NO_LEAKS();
}

/* Cut anywhere, or with any byte of its structure changed, a release is refused with a status and nothing crashes. */
Test(release, refuses_every_truncation)
{
    struct fixture f;
    struct bg_writer w;
    struct answer answer;
    fixture_ready(&f, BG_PLAN_NULL);
    struct wish wish = honest;
    wish.positions = 1;
    make_release(&f, &wish, &w);
    for (size_t size = 0; size < w.size; size += 1 + (size > 400 ? size % 23 : 0)) {
        uint8_t *exact = malloc(size ? size : 1);
        memcpy(exact, w.data, size);
        cr_expect_neq(ask(&f, BG_ROUTE_RELEASE, (struct bg_span){exact, size}, &answer), BG_OK, "%zu bytes", size);
        cr_expect_neq(f.error.text[0], 0);
        free(exact);
    }
    cr_expect(!bg_keyholder_locked(f.keyholder));
    cr_expect_eq(ask(&f, BG_ROUTE_RELEASE, bg_writer_span(&w), &answer), BG_OK, "%s", f.error.text);
    bg_writer_finish(&answer.bytes);
    bg_writer_finish(&w);
    fixture_finish(&f);
    NO_LEAKS();
}

/* ---- the lock ---- */

static void expect_lock(struct fixture *f, const struct wish *wish, enum bg_status expected)
{
    expect_refusal(f, wish, expected);
    cr_expect(bg_keyholder_locked(f->keyholder));
    expect_refusal(f, &honest, BG_REFUSED);
    cr_expect(says(f, "locked"), "%s", f->error.text);
    cr_expect_eq(ask_epoch(f, 2), BG_REFUSED);
    cr_expect_eq(bg_keyholder_clear(f->keyholder), BG_OK);
    cr_expect_eq(bg_keyholder_clear(f->keyholder), BG_INVALID);
    expect_opening(f, &honest);
}

Test(release, locks_on_a_product_that_is_not_of_the_blocks)
{
    struct fixture f;
    fixture_ready(&f, BG_PLAN_PAILLIER);
    struct wish wish = honest;
    wish.doubled = 2;
    expect_lock(&f, &wish, BG_REFUSED);
    cr_expect_eq(f.notice.group, 1);
    fixture_finish(&f);
    NO_LEAKS();
}

Test(release, locks_on_a_block_that_its_client_did_not_sign)
{
    struct fixture f;
    fixture_ready(&f, BG_PLAN_PAILLIER);
    struct wish wish = honest;
    wish.flipped = 3;
    struct answer answer;
    cr_expect_eq(ask_release(&f, &wish, &answer), BG_BAD_DIGEST);
    cr_expect(names_client(&f, client_of(&f, 1, 2)), "%s", f.error.text);
    cr_expect_eq(bg_keyholder_clear(f.keyholder), BG_OK);
    expect_lock(&f, &wish, BG_BAD_DIGEST);
    fixture_finish(&f);
}

/* With one block of two challenged, a product that is wrong in one block is found half of the time, never else. */
Test(release, challenges_as_many_blocks_as_it_was_told)
{
    struct fixture f;
    fixture_init(&f, BG_PLAN_NULL);
    f.settings.release_blocks = 1;
    fixture_start(&f);
    fixture_enrol_all(&f);
    cr_assert_eq(ask_epoch(&f, 1), BG_OK);
    make_plan(&f, 16);
    cr_assert_eq(show_plan(&f), BG_OK);
    unsigned caught = 0, passed = 0;
    for (uint64_t round = 1; round <= 60; round++) {
        struct answer answer;
        struct wish wish = {.round = round, .group = 0, .members = ALL, .flipped = 1};
        if (ask_release(&f, &wish, &answer) == BG_OK)
            passed++;
        else if (f.error.status == BG_BAD_DIGEST && bg_keyholder_clear(f.keyholder) == BG_OK)
            caught++;
        bg_writer_finish(&answer.bytes);
    }
    cr_expect_eq(caught + passed, 60);
    cr_expect(caught > 10 && passed > 10, "%u of 60 were found", caught);
    fixture_finish(&f);
}

/* A lock cuts off what is in flight: nothing is answered, and nothing counts as opened. */
Test(release, a_lock_ends_what_is_in_flight)
{
    struct fixture f;
    struct bg_writer good, bad;
    struct answer good_answer, bad_answer;
    fixture_ready(&f, BG_PLAN_NULL);
    struct wish wish = honest;
    wish.group = 2;
    wish.doubled = 1;
    make_release(&f, &honest, &good);
    make_release(&f, &wish, &bad);
    send_as(&f, bg_identity_digest(f.root), BG_ROUTE_RELEASE, bg_writer_span(&good), &good_answer);
    cr_assert(run_one_work(&f), "verified");
    cr_assert(run_one_work(&f), "challenged");
    deliver(&f);
    struct bg_work *opening = bg_keyholder_work(f.keyholder);
    cr_assert_not_null(opening);
    opening->job.run(&opening->job);
    send_as(&f, bg_identity_digest(f.root), BG_ROUTE_RELEASE, bg_writer_span(&bad), &bad_answer);
    run_all(&f);
    cr_assert(bad_answer.given && !good_answer.given);
    cr_assert(bg_keyholder_locked(f.keyholder));
    opening->job.done(&opening->job);
    deliver(&f);
    cr_assert(good_answer.given);
    cr_expect_eq(good_answer.status, BG_REFUSED);
    cr_assert_eq(bg_keyholder_clear(f.keyholder), BG_OK);
    expect_opening(&f, &honest);
    bg_writer_finish(&good);
    bg_writer_finish(&bad);
    fixture_finish(&f);
    NO_LEAKS();
}

Test(release, works_on_groups_at_once_and_on_one_group_once)
{
    struct fixture f;
    struct bg_writer w[3], epoch;
    struct answer answers[3], again, later;
    fixture_ready(&f, BG_PLAN_NULL);
    for (uint32_t g = 0; g < 3; g++) {
        struct wish wish = {.round = 1, .group = g, .members = ALL};
        make_release(&f, &wish, &w[g]);
        send_as(&f, bg_identity_digest(f.root), BG_ROUTE_RELEASE, bg_writer_span(&w[g]), &answers[g]);
    }
    deliver(&f);
    send_as(&f, bg_identity_digest(f.root), BG_ROUTE_RELEASE, bg_writer_span(&w[1]), &again);
    deliver(&f);
    cr_assert(again.given);
    cr_expect_eq(again.status, BG_BUSY);
    for (int i = 0; i < 3; i++)
        cr_assert(run_one_work(&f));
    struct bg_roster roster = bg_keyholder_roster(f.keyholder);
    struct bg_epoch_request request = {.epoch = 2, .roster = bg_roster_digest(&roster)};
    bg_writer_init(&epoch);
    bg_epoch_request_encode(&epoch, &f.settings.population, &request);
    send_as(&f, bg_identity_digest(f.root), BG_ROUTE_EPOCH, bg_writer_span(&epoch), &later);
    deliver(&f);
    cr_assert(later.given);
    cr_expect_eq(later.status, BG_BUSY, "%s", f.error.text);
    run_all(&f);
    for (uint32_t g = 0; g < 3; g++) {
        struct wish wish = {.round = 1, .group = g, .members = ALL};
        cr_assert(answers[g].given);
        expect_sums(&f, &answers[g], &wish);
        bg_writer_finish(&answers[g].bytes);
        bg_writer_finish(&w[g]);
    }
    bg_writer_finish(&epoch);
    fixture_finish(&f);
    NO_LEAKS();
}

/* ---- records ---- */

Test(release, chains_its_records)
{
    struct fixture f;
    struct bg_record_chain chain = {0};
    const uint8_t *point;
    fixture_ready(&f, BG_PLAN_NULL);
    point = bg_identity_point(f.identity);
    for (uint64_t round = 1; round <= 3; round++) {
        for (uint32_t group = 0; group < 3; group++) {
            struct wish wish = {.round = round, .group = group, .members = ALL};
            struct answer answer;
            struct bg_writer w;
            struct bg_error error = {0};
            ask_release(&f, &wish, &answer);
            struct bg_record record = expect_sums(&f, &answer, &wish);
            bg_writer_init(&w);
            bg_record_encode(&w, &record);
            struct bg_record_chain before = chain;
            cr_expect_eq(bg_records_extend(&chain, point, bg_writer_span(&w), &error, NULL), BG_OK, "%s", error.text);
            cr_expect_eq(bg_records_extend(&chain, point, bg_writer_span(&w), &error, NULL), BG_BAD_DIGEST,
                         "the same one twice");
            cr_expect_eq(bg_records_extend(&before, bg_identity_point(f.root), bg_writer_span(&w), &error, NULL),
                         BG_BAD_SIGNATURE);
            w.data[20] ^= 1;
            cr_expect_eq(bg_records_extend(&before, point, bg_writer_span(&w), &error, NULL), BG_BAD_SIGNATURE);
            cr_expect_eq(bg_records_extend(&before, point, (struct bg_span){w.data, 100}, &error, NULL),
                         BG_TRUNCATED);
            bg_writer_finish(&w);
            bg_writer_finish(&answer.bytes);
        }
    }
    struct bg_digest head = bg_keyholder_head(f.keyholder);
    cr_expect_eq(chain.sequence, 9);
    cr_expect(bg_digest_equal(&head, &chain.head));
    fixture_finish(&f);
}

/* ---- who asks ---- */

Test(release, answers_the_root_alone)
{
    struct fixture f;
    struct bg_writer w;
    struct answer answer;
    fixture_ready(&f, BG_PLAN_NULL);
    make_release(&f, &honest, &w);
    send_as(&f, bg_identity_digest(f.clients[0]), BG_ROUTE_RELEASE, bg_writer_span(&w), &answer);
    run_all(&f);
    cr_assert(answer.given);
    cr_expect_eq(answer.status, BG_REFUSED);
    cr_expect(names_client(&f, 0), "%s", f.error.text);
    cr_expect_eq(ask(&f, BG_ROUTE_MODEL, bg_writer_span(&w), &answer), BG_NOT_FOUND);
    bg_writer_finish(&w);
    fixture_finish(&f);
}
