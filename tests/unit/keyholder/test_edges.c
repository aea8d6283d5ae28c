/* SPDX-License-Identifier: Apache-2.0 */
/* What the key holder does for edges, and what only for the root. */
#include "tests/unit/keyholder/keyholder_fixture.h"
#include "tests/unit/no_leaks.h"

static const struct wish honest = {.round = 5, .group = 1, .members = ALL};

/* Two edges: the identities of clients serve as well as any. */
static void fixture_with_edges(struct fixture *f, struct bg_digest edges[static 2], enum bg_plan_encryption encryption)
{
    fixture_init(f, encryption);
    for (size_t i = 0; i < 2; i++)
        edges[i] = *bg_identity_digest(f->clients[i]);
    f->settings.edges = edges;
    f->settings.edge_count = 2;
    fixture_start(f);
    fixture_enrol_all(f);
    cr_assert_eq(ask_epoch(f, 1), BG_OK, "%s", f->error.text);
    make_plan(f, 16);
    cr_assert_eq(show_plan(f), BG_OK, "%s", f->error.text);
}

static enum bg_status ask_as(struct fixture *f, const struct bg_digest *peer, enum bg_route route, struct bg_span body,
                             struct answer *answer)
{
    send_as(f, peer, route, body, answer);
    run_all(f);
    cr_assert(answer->given);
    return answer->status;
}

static void gives_record_and_sums_in(enum bg_plan_encryption encryption)
{
    struct fixture f;
    struct bg_digest edges[2];
    struct bg_writer w;
    struct answer record, again, sums, whole;
    fixture_with_edges(&f, edges, encryption);
    make_release(&f, &honest, &w);
    cr_assert_eq(ask_as(&f, &edges[0], BG_ROUTE_RELEASE, bg_writer_span(&w), &record), BG_OK, "%s", f.error.text);
    cr_expect_eq(f.notice.kind, BG_KEYHOLDER_NOTICE_OPENED);
    cr_expect_eq(record.bytes.size, BG_RECORD_BYTES, "the record and not a byte of the sums");
    cr_assert_eq(ask_as(&f, &edges[1], BG_ROUTE_RELEASE, bg_writer_span(&w), &again), BG_OK, "%s", f.error.text);
    cr_expect(bg_span_equal(bg_writer_span(&record.bytes), bg_writer_span(&again.bytes)), "one opening, one record");
    cr_assert_eq(ask(&f, BG_ROUTE_SUMS, bg_writer_span(&record.bytes), &sums), BG_OK, "%s", f.error.text);
    expect_sums(&f, &sums, &honest);
    cr_assert_eq(ask(&f, BG_ROUTE_RELEASE, bg_writer_span(&w), &whole), BG_OK, "%s", f.error.text);
    cr_expect(bg_span_equal(bg_writer_span(&sums.bytes), bg_writer_span(&whole.bytes)));
    bg_writer_finish(&record.bytes);
    bg_writer_finish(&again.bytes);
    bg_writer_finish(&sums.bytes);
    bg_writer_finish(&whole.bytes);
    bg_writer_finish(&w);
    fixture_finish(&f);
    NO_LEAKS();
}

Test(edges, are_given_the_record_and_the_root_the_sums)
{
    gives_record_and_sums_in(BG_PLAN_PAILLIER);
}

Test(edges, are_given_the_record_without_encryption_too)
{
    gives_record_and_sums_in(BG_PLAN_NULL);
}

Test(edges, give_sums_to_nobody_but_the_root_and_only_under_their_record)
{
    struct fixture f;
    struct bg_digest edges[2];
    struct bg_writer w;
    struct answer record, answer;
    fixture_with_edges(&f, edges, BG_PLAN_NULL);
    make_release(&f, &honest, &w);
    cr_assert_eq(ask_as(&f, &edges[0], BG_ROUTE_RELEASE, bg_writer_span(&w), &record), BG_OK, "%s", f.error.text);
    struct bg_span bytes = bg_writer_span(&record.bytes);
    cr_expect_eq(ask_as(&f, &edges[0], BG_ROUTE_SUMS, bytes, &answer), BG_REFUSED);
    cr_expect(names_client(&f, 0), "%s", f.error.text);
    cr_expect_eq(ask_as(&f, &edges[0], BG_ROUTE_EPOCH, bytes, &answer), BG_REFUSED);
    for (size_t at = 0; at < bytes.size; at++) {
        record.bytes.data[at] ^= 1;
        cr_expect_eq(ask(&f, BG_ROUTE_SUMS, bytes, &answer), BG_NOT_FOUND, "byte %zu", at);
        record.bytes.data[at] ^= 1;
    }
    cr_expect_eq(ask(&f, BG_ROUTE_SUMS, (struct bg_span){bytes.data, bytes.size - 1}, &answer), BG_NOT_FOUND);
    cr_expect_eq(ask(&f, BG_ROUTE_SUMS, bytes, &answer), BG_OK);
    bg_writer_finish(&answer.bytes);
    struct wish later = honest;
    later.round++;
    struct bg_writer next;
    make_release(&f, &later, &next);
    cr_assert_eq(ask_as(&f, &edges[1], BG_ROUTE_RELEASE, bg_writer_span(&next), &answer), BG_OK, "%s", f.error.text);
    bg_writer_finish(&answer.bytes);
    cr_expect_eq(ask(&f, BG_ROUTE_SUMS, bytes, &answer), BG_NOT_FOUND, "only the last of a group waits");
    bg_writer_finish(&record.bytes);
    bg_writer_finish(&next);
    bg_writer_finish(&w);
    fixture_finish(&f);
    NO_LEAKS();
}

Test(edges, that_are_not_in_the_settings_release_nothing)
{
    struct fixture f;
    struct bg_digest edges[2];
    struct bg_writer w;
    struct answer answer;
    fixture_with_edges(&f, edges, BG_PLAN_NULL);
    make_release(&f, &honest, &w);
    cr_expect_eq(ask_as(&f, bg_identity_digest(f.clients[2]), BG_ROUTE_RELEASE, bg_writer_span(&w), &answer),
                 BG_REFUSED);
    cr_expect(names_client(&f, 2), "%s", f.error.text);
    bg_writer_finish(&w);
    fixture_finish(&f);
}

Test(edges, with_a_false_product_are_barred_alone_until_cleared)
{
    struct fixture f;
    struct bg_digest edges[2];
    struct bg_writer false_one, true_one;
    struct answer answer;
    fixture_with_edges(&f, edges, BG_PLAN_PAILLIER);
    struct wish wish = honest;
    wish.doubled = 2;
    make_release(&f, &wish, &false_one);
    make_release(&f, &honest, &true_one);
    cr_expect_eq(ask_as(&f, &edges[0], BG_ROUTE_RELEASE, bg_writer_span(&false_one), &answer), BG_REFUSED);
    cr_expect(names_client(&f, 0), "%s", f.error.text);
    cr_expect(!bg_keyholder_locked(f.keyholder));
    cr_expect_eq(bg_keyholder_barred(f.keyholder), 1);
    cr_expect_eq(ask_as(&f, &edges[0], BG_ROUTE_RELEASE, bg_writer_span(&true_one), &answer), BG_REFUSED);
    cr_expect(says(&f, "barred"), "%s", f.error.text);
    cr_assert_eq(ask_as(&f, &edges[1], BG_ROUTE_RELEASE, bg_writer_span(&true_one), &answer), BG_OK, "%s",
                 f.error.text);
    bg_writer_finish(&answer.bytes);
    cr_expect_eq(bg_keyholder_clear(f.keyholder), BG_OK);
    cr_expect_eq(bg_keyholder_clear(f.keyholder), BG_INVALID);
    cr_expect_eq(ask_as(&f, &edges[0], BG_ROUTE_RELEASE, bg_writer_span(&true_one), &answer), BG_OK, "%s",
                 f.error.text);
    bg_writer_finish(&answer.bytes);
    bg_writer_finish(&false_one);
    bg_writer_finish(&true_one);
    fixture_finish(&f);
    NO_LEAKS();
}

Test(edges, that_are_barred_get_nothing_that_was_under_way)
{
    struct fixture f;
    struct bg_digest edges[2];
    struct bg_writer false_one, true_one;
    struct answer first, second;
    fixture_with_edges(&f, edges, BG_PLAN_PAILLIER);
    struct wish lie = honest, truth = honest;
    lie.doubled = 2;
    truth.group = 0;
    make_release(&f, &lie, &false_one);
    make_release(&f, &truth, &true_one);
    send_as(&f, &edges[0], BG_ROUTE_RELEASE, bg_writer_span(&false_one), &first);
    send_as(&f, &edges[0], BG_ROUTE_RELEASE, bg_writer_span(&true_one), &second);
    run_all(&f);
    cr_assert(first.given && second.given);
    cr_expect_eq(first.status, BG_REFUSED);
    cr_expect_eq(second.status, BG_REFUSED);
    cr_expect(says(&f, "meanwhile"), "%s", f.error.text);
    cr_expect_eq(bg_keyholder_barred(f.keyholder), 1);
    cr_assert_eq(ask_as(&f, &edges[1], BG_ROUTE_RELEASE, bg_writer_span(&true_one), &second), BG_OK, "%s",
                 f.error.text);
    bg_writer_finish(&second.bytes);
    bg_writer_finish(&false_one);
    bg_writer_finish(&true_one);
    fixture_finish(&f);
    NO_LEAKS();
}
