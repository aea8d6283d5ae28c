/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment, the beacon, epochs and plans. */
#include "crypto/digest.h"
#include "protocol/envelope.h"
#include "tests/unit/keyholder/keyholder_fixture.h"
#include "tests/unit/no_leaks.h"

#include <string.h>

static struct bg_digest sha256(const struct bg_digest *of)
{
    struct bg_digest digest;
    bg_sha256((struct bg_span){of->bytes, BG_DIGEST_BYTES}, &digest);
    return digest;
}

static enum bg_status ask_request(struct fixture *f, const struct bg_epoch_request *request, struct answer *answer)
{
    struct bg_writer w;
    bg_writer_init(&w);
    bg_epoch_request_encode(&w, &f->settings.population, request);
    enum bg_status status = ask(f, BG_ROUTE_EPOCH, bg_writer_span(&w), answer);
    bg_writer_finish(&w);
    return status;
}

Test(epochs, reveals_what_it_committed_to)
{
    struct fixture f;
    fixture_init(&f, BG_PLAN_NULL);
    f.settings.partitions = 3;
    fixture_start(&f);
    fixture_enrol_all(&f);
    struct bg_digest commitment = bg_keyholder_commitment(f.keyholder);
    for (uint64_t epoch = 1; epoch <= 3; epoch++) {
        cr_assert_eq(ask_epoch(&f, epoch), BG_OK, "%s", f.error.text);
        struct bg_digest revealed = sha256(&f.reveal.nonce);
        cr_expect(bg_digest_equal(&revealed, &commitment), "epoch %llu", (unsigned long long)epoch);
        cr_expect(!bg_digest_equal(&f.reveal.next_commitment, &commitment));
        commitment = bg_keyholder_commitment(f.keyholder);
        cr_expect(bg_digest_equal(&f.reveal.next_commitment, &commitment));
        cr_expect_eq(bg_keyholder_epoch(f.keyholder), epoch);
    }
    fixture_finish(&f);
    NO_LEAKS();
}

Test(epochs, cuts_the_groups_that_the_beacon_says)
{
    struct fixture f;
    struct bg_arena arena;
    struct bg_groups groups;
    struct bg_key_part part;
    uint32_t most;
    fixture_ready(&f, BG_PLAN_PAILLIER);
    struct bg_roster roster = bg_keyholder_roster(f.keyholder);
    struct bg_digest digest = bg_roster_digest(&roster), root_nonce = {{1}};
    struct bg_digest beacon = bg_beacon(&digest, &root_nonce, &f.reveal.nonce);
    bg_arena_init(&arena, SIZE_MAX);
    cr_assert_eq(bg_partition(&roster, &beacon, 1, 4, 3, &arena, NULL, &groups, &most), BG_OK);
    cr_assert_eq(groups.count, f.groups.count);
    cr_expect(bg_digest_equal(&f.groups.beacon, &beacon));
    for (size_t g = 0; g < groups.count; g++)
        for (uint32_t m = 0; m < groups.groups[g].member_count; m++)
            cr_expect(bg_digest_equal(&groups.groups[g].members[m], &f.groups.groups[g].members[m]));
    cr_assert_eq(bg_key_part_decode(f.key_bytes, NULL, &part), BG_OK);
    cr_expect_eq(part.group_size, 4);
    cr_expect_eq(part.group_least, 3);
    cr_expect_eq(part.group_most, most);
    cr_expect_eq(part.group_count, 3);
    cr_expect_eq(part.key_bits, 512);
    cr_expect_eq(part.s, 2);
    cr_expect(part.insecure && !part.mixed_radix && !part.knowledge_tags);
    cr_expect(bg_digest_equal(&part.key_id, bg_public_key_id(f.settings.public_key)));
    cr_expect(bg_span_equal(part.modulus, bg_public_key_n(f.settings.public_key)));
    cr_expect(bg_digest_equal(&part.roster, &digest));
    bg_arena_finish(&arena);
    fixture_finish(&f);
}

Test(epochs, has_no_key_with_encryption_off)
{
    struct fixture f;
    struct bg_key_part part;
    fixture_ready(&f, BG_PLAN_OFF);
    cr_assert_eq(bg_key_part_decode(f.key_bytes, NULL, &part), BG_OK);
    cr_expect_eq(part.encryption, BG_PLAN_OFF);
    cr_expect_eq(part.key_bits, 0);
    cr_expect_eq(part.s, 0);
    cr_expect_eq(part.modulus.size, 0);
    fixture_finish(&f);
}

Test(epochs, answers_the_same_request_with_the_same_bytes)
{
    struct fixture f;
    struct answer again;
    fixture_ready(&f, BG_PLAN_NULL);
    struct bg_roster roster = bg_keyholder_roster(f.keyholder);
    struct bg_epoch_request request = {.epoch = 1, .roster = bg_roster_digest(&roster), .nonce = {{1}}};
    cr_assert_eq(ask_request(&f, &request, &again), BG_OK);
    cr_expect(bg_span_equal(bg_writer_span(&f.epoch.bytes), bg_writer_span(&again.bytes)));
    bg_writer_finish(&again.bytes);
    request.nonce.bytes[0] ^= 1;
    cr_expect_eq(ask_request(&f, &request, &again), BG_REFUSED, "a root that changes its nonce chooses the groups");
    cr_expect(says(&f, "epoch 1"), "%s", f.error.text);
    request.epoch = 3;
    cr_expect_eq(ask_request(&f, &request, &again), BG_REFUSED, "an epoch left out");
    fixture_finish(&f);
}

Test(epochs, refuses_another_roster_or_population)
{
    struct fixture f;
    struct answer answer;
    struct bg_epoch_request request = {.epoch = 1};
    fixture_init(&f, BG_PLAN_NULL);
    fixture_start(&f);
    fixture_enrol_all(&f);
    cr_expect_eq(ask_request(&f, &request, &answer), BG_REFUSED);
    cr_expect(says(&f, "12 clients"), "%s", f.error.text);
    struct bg_population other = f.settings.population;
    other.name[0] = 'x';
    struct bg_writer w;
    bg_writer_init(&w);
    bg_epoch_request_encode(&w, &other, &request);
    cr_expect_eq(ask(&f, BG_ROUTE_EPOCH, bg_writer_span(&w), &answer), BG_WRONG_POPULATION);
    w.data[0] = 'X';
    cr_expect_eq(ask(&f, BG_ROUTE_EPOCH, bg_writer_span(&w), &answer), BG_BAD_MAGIC);
    bg_writer_finish(&w);
    cr_expect_eq(bg_keyholder_epoch(f.keyholder), 0);
    fixture_finish(&f);
    NO_LEAKS();
}

Test(epochs, need_clients)
{
    struct fixture f;
    fixture_init(&f, BG_PLAN_NULL);
    fixture_start(&f);
    cr_expect_eq(ask_epoch(&f, 1), BG_TOO_FEW);
    for (size_t i = 0; i < 2; i++)
        cr_assert_eq(bg_keyholder_enrol(f.keyholder, bg_identity_point(f.clients[i]), "pier", NULL), BG_OK);
    cr_expect_eq(ask_epoch(&f, 1), BG_TOO_FEW);
    fixture_enrol_all(&f);
    cr_expect_eq(ask_epoch(&f, 1), BG_OK);
    fixture_finish(&f);
}

Test(epochs, are_as_many_as_the_budget_of_partitions)
{
    struct fixture f;
    fixture_ready(&f, BG_PLAN_NULL);
    cr_expect_eq(ask_epoch(&f, 2), BG_OK);
    cr_expect_eq(ask_epoch(&f, 3), BG_OK, "k - 1 = 3 by default");
    cr_expect_eq(ask_epoch(&f, 4), BG_REFUSED);
    cr_expect(says(&f, "3 partitions"), "%s", f.error.text);
    cr_expect_eq(bg_keyholder_epoch(f.keyholder), 3);
    fixture_finish(&f);
}

Test(epochs, enrolment_counts_from_the_next_one)
{
    struct fixture f;
    fixture_init(&f, BG_PLAN_NULL);
    fixture_start(&f);
    for (size_t i = 0; i < 8; i++)
        cr_assert_eq(bg_keyholder_enrol(f.keyholder, bg_identity_point(f.clients[i]), i < 4 ? "pier" : "quay", NULL),
                     BG_OK);
    cr_assert_eq(ask_epoch(&f, 1), BG_OK);
    cr_expect_eq(f.groups.count, 2);
    for (size_t i = 8; i < CLIENTS; i++)
        cr_assert_eq(bg_keyholder_enrol(f.keyholder, bg_identity_point(f.clients[i]), "pier", NULL), BG_OK);
    make_plan(&f, 16);
    cr_assert_eq(show_plan(&f), BG_OK);
    struct wish wish = {.round = 1, .group = 0, .members = ALL};
    struct answer answer;
    ask_release(&f, &wish, &answer);
    expect_sums(&f, &answer, &wish);
    bg_writer_finish(&answer.bytes);
    cr_assert_eq(ask_epoch(&f, 2), BG_OK);
    cr_expect_eq(f.groups.count, 3);
    fixture_finish(&f);
}

Test(enrolment, refuses_bad_points_bad_cells_and_moves)
{
    struct fixture f;
    struct bg_error error = {0};
    uint8_t off_curve[BG_PUBLIC_POINT_BYTES];
    fixture_init(&f, BG_PLAN_NULL);
    fixture_start(&f);
    const uint8_t *point = bg_identity_point(f.clients[0]);
    memcpy(off_curve, point, sizeof off_curve);
    off_curve[64] ^= 1;
    cr_expect_eq(bg_keyholder_enrol(f.keyholder, off_curve, "pier", &error), BG_BAD_KEY);
    cr_expect_eq(bg_keyholder_enrol(f.keyholder, point, "Pier 1", &error), BG_INVALID);
    cr_expect_not_null(strstr(error.text, "Pier 1"));
    cr_expect_eq(bg_keyholder_enrol(f.keyholder, point, "", &error), BG_INVALID);
    cr_expect_eq(bg_keyholder_enrol(f.keyholder, point, "a-cell-of-more-than-thirty-one-bytes", &error), BG_INVALID);
    cr_expect_eq(bg_keyholder_roster(f.keyholder).count, 0);
    cr_expect_eq(bg_keyholder_enrol(f.keyholder, point, "pier", &error), BG_OK);
    cr_expect_eq(bg_keyholder_enrol(f.keyholder, point, "pier", &error), BG_OK);
    cr_expect_eq(bg_keyholder_enrol(f.keyholder, point, "quay", &error), BG_DUPLICATE);
    cr_expect_not_null(strstr(error.text, "cell pier"), "%s", error.text);
    cr_expect_eq(bg_keyholder_roster(f.keyholder).count, 1);
    fixture_finish(&f);
    NO_LEAKS();
}

/* ---- plans ---- */

Test(plans, are_accepted_over_its_own_key_part_signed_by_the_root)
{
    struct fixture f;
    fixture_ready(&f, BG_PLAN_NULL);
    cr_expect_eq(f.notice.kind, BG_KEYHOLDER_NOTICE_PLAN);
    cr_expect_eq(show_plan(&f), BG_OK, "again");
    size_t end = f.plan.size;
    f.plan.data[end - 1] ^= 1;
    cr_expect_eq(show_plan(&f), BG_BAD_SIGNATURE, "of the root");
    f.plan.data[end - 1] ^= 1;
    f.plan.data[50] ^= 1;
    cr_expect_eq(show_plan(&f), BG_BAD_DIGEST, "plan id");
    f.plan.data[50] ^= 1;
    size_t key_at = (size_t)(f.key_bytes.size + BG_FRAME_HEADER_BYTES + 8), groups_at = key_at - 97;
    f.plan.data[groups_at] ^= 1;
    cr_expect_eq(show_plan(&f), BG_STALE_PLAN, "key part");
    f.plan.data[groups_at] ^= 1;
    f.plan.data[key_at] ^= 1;
    cr_expect_eq(show_plan(&f), BG_BAD_SIGNATURE, "of the key holder");
    f.plan.data[key_at] ^= 1;
    cr_expect_eq(show_plan(&f), BG_OK);
    cr_assert_eq(ask_epoch(&f, 2), BG_OK);
    cr_expect_eq(show_plan(&f), BG_STALE_PLAN, "of the last epoch");
    fixture_finish(&f);
    NO_LEAKS();
}

/* ---- settings ---- */

static void expect_config_error(struct bg_keyholder_settings settings, const char *text)
{
    struct bg_keyholder *keyholder = NULL;
    struct bg_error error = {0};
    cr_expect_eq(bg_keyholder_create(&settings, 0, &error, &keyholder), BG_CONFIG, "%s", text);
    cr_expect_not_null(strstr(error.text, text), "%s", error.text);
    bg_keyholder_destroy(&keyholder);
}

Test(settings, that_contradict_each_other_are_refused)
{
    struct fixture f;
    fixture_init(&f, BG_PLAN_PAILLIER);
    struct bg_keyholder_settings settings = f.settings;
    settings.group_least = 1;
    expect_config_error(settings, "groups.least");
    settings.group_least = 5;
    expect_config_error(settings, "groups.least");
    settings = f.settings;
    settings.group_size = 33;
    expect_config_error(settings, "groups.size");
    settings = f.settings;
    settings.secret_key = NULL;
    expect_config_error(settings, "key pair");
    settings = f.settings;
    settings.encryption = BG_PLAN_NULL;
    expect_config_error(settings, "key pair");
    settings.encryption = BG_PLAN_OFF;
    expect_config_error(settings, "key pair");
    settings = f.settings;
    settings.root[64] ^= 1;
    expect_config_error(settings, "root");
    settings = f.settings;
    settings.population.name[0] = 0;
    expect_config_error(settings, "population");
    fixture_finish(&f);
}
