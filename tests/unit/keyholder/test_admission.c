/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens, certificates, revocations: who gets in, who stays out, and what a restart brings back. */
#include "keyholder/admission.h"

#include "protocol/envelope.h"
#include "store/journal_file.h"
#include "tests/unit/keyholder/keyholder_fixture.h"
#include "tests/unit/no_leaks.h"
#include "wire/roster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOW 1800000000u
#define HOUR 3600u
#define DAYS 90

struct world {
    struct fixture f;
    struct bg_identity *authority;
    struct bg_pem certificate;
    struct bg_journal_file *journal;
    char path[32];
    struct bg_error error;
    uint64_t wait;
};

/* A key holder with an authority and a journal, of `encryption`; no root yet. */
static void begin(struct world *w, enum bg_plan_encryption encryption)
{
    struct bg_random random = bg_random_system();
    memset(w, 0, sizeof *w);
    fixture_init(&w->f, encryption);
    strcpy(w->path, "/tmp/burgee-test-XXXXXX");
    int fd = mkstemp(w->path);
    cr_assert(fd >= 0 && close(fd) == 0 && unlink(w->path) == 0);
    cr_assert_eq(bg_journal_file_open(w->path, &w->error, &w->journal), BG_OK, "%s", w->error.text);
    cr_assert_eq(bg_identity_create(&random, &w->authority), BG_OK);
    cr_assert_eq(bg_authority_create(w->authority, "harbour", NOW, &random, &w->certificate), BG_OK);
    w->f.settings.authority = w->authority;
    w->f.settings.authority_certificate = &w->certificate;
    w->f.settings.certificate_days = DAYS;
    w->f.settings.journal = bg_journal_file_journal(w->journal);
    memset(w->f.settings.root, 0, sizeof w->f.settings.root);
    fixture_start(&w->f);
}

static void end(struct world *w)
{
    bg_journal_file_close(&w->journal);
    unlink(w->path);
    bg_identity_destroy(&w->authority);
    fixture_finish(&w->f);
}

static struct bg_token token_for(struct world *w, enum bg_certificate_role role, const char *label)
{
    struct bg_token token;
    struct bg_token_terms terms = {.role = role, .expiry = NOW + HOUR, .owner = "Ada", .cell = {"pier"}};
    strcpy(terms.label, label);
    cr_assert_eq(bg_keyholder_token_new(w->f.keyholder, &terms, 1, &w->error, &token), BG_OK, "%s", w->error.text);
    return token;
}

static struct bg_enrolment_request request_of(const struct bg_identity *identity, const struct bg_token *token)
{
    struct bg_enrolment_request request = {.has_secret = token != NULL};
    if (token)
        memcpy(request.secret, token->secret, sizeof request.secret);
    cr_assert_eq(bg_request_create(identity, &request.request), BG_OK);
    return request;
}

static enum bg_status redeem_at(struct world *w, const struct bg_token *token, const struct bg_identity *identity,
                                uint64_t now, struct bg_enrolment_reply *reply)
{
    struct bg_enrolment_request request = request_of(identity, token);
    strcpy(request.url, "https://[::1]:8443");
    strcpy(request.label, "own name");
    return bg_keyholder_redeem(w->f.keyholder, &request, NULL, now, &w->error, reply, &w->wait);
}

static enum bg_status redeem(struct world *w, const struct bg_token *token, const struct bg_identity *identity,
                             struct bg_enrolment_reply *reply)
{
    return redeem_at(w, token, identity, NOW, reply);
}

static void enrol(struct world *w, enum bg_certificate_role role, const char *label,
                  const struct bg_identity *identity)
{
    struct bg_enrolment_reply reply;
    struct bg_token token = token_for(w, role, label);
    cr_assert_eq(redeem(w, &token, identity, &reply), BG_OK, "%s", w->error.text);
}

/* Root and all clients by token, then epoch 1 with its plan. */
static void ready(struct world *w)
{
    begin(w, BG_PLAN_NULL);
    enrol(w, BG_CERTIFICATE_ROOT, "root", w->f.root);
    for (size_t i = 0; i < CLIENTS; i++) {
        char label[16];
        snprintf(label, sizeof label, "pump %zu", i);
        enrol(w, BG_CERTIFICATE_CLIENT, label, w->f.clients[i]);
    }
    cr_assert_eq(ask_epoch(&w->f, 1), BG_OK, "%s", w->f.error.text);
    make_plan(&w->f, 16);
    cr_assert_eq(show_plan(&w->f), BG_OK, "%s", w->f.error.text);
}

static struct bg_certificate read_certificate(struct world *w, const struct bg_pem *pem)
{
    struct bg_certificate certificate;
    cr_assert_eq(bg_certificate_read(pem, "certificate", &w->certificate, &w->error, &certificate), BG_OK, "%s",
                 w->error.text);
    return certificate;
}

Test(admission, a_token_makes_a_member_with_a_certificate)
{
    struct world w;
    struct bg_enrolment_reply reply;
    begin(&w, BG_PLAN_OFF);
    struct bg_token root = token_for(&w, BG_CERTIFICATE_ROOT, "root");
    cr_assert_eq(redeem(&w, &root, w.f.root, &reply), BG_OK, "%s", w.error.text);
    struct bg_token token = token_for(&w, BG_CERTIFICATE_CLIENT, "");
    struct bg_digest pin;
    bg_point_pin(bg_identity_point(w.f.identity), &pin);
    cr_assert(bg_digest_equal(&token.key_holder, &pin));
    cr_assert_eq(redeem(&w, &token, w.f.clients[0], &reply), BG_OK, "%s", w.error.text);
    struct bg_certificate certificate = read_certificate(&w, &reply.certificate);
    struct bg_certificate authority = read_certificate(&w, &reply.authority);
    cr_assert(bg_digest_equal(&certificate.id, bg_identity_digest(w.f.clients[0])));
    cr_assert_eq(certificate.role, BG_CERTIFICATE_CLIENT);
    cr_assert_eq(certificate.not_after, NOW + (uint64_t)DAYS * 86400);
    cr_assert(bg_digest_equal(&authority.fingerprint, &token.authority));
    cr_assert_str_eq(reply.population.name, "harbour");
    cr_assert_arr_eq(reply.key_holder, bg_identity_point(w.f.identity), BG_PUBLIC_POINT_BYTES);
    struct bg_digest commitment = bg_keyholder_commitment(w.f.keyholder);
    cr_assert(bg_digest_equal(&reply.commitment, &commitment));
    cr_assert(reply.has_root);
    cr_assert_arr_eq(reply.root, bg_identity_point(w.f.root), BG_PUBLIC_POINT_BYTES);
    cr_assert_str_eq(reply.root_url, "https://[::1]:8443");
    struct bg_roster roster = bg_keyholder_roster(w.f.keyholder);
    cr_assert_eq(roster.count, 1);
    cr_assert_str_eq(roster.entries[0].cell.label, "pier");
    const struct bg_device *device = bg_keyholder_device(w.f.keyholder, 1);
    cr_assert_str_eq(device->label, "own name");
    cr_assert_str_eq(device->owner, "Ada");
    cr_assert_eq(device->enrolled, NOW);
    cr_assert_eq(device->not_after, certificate.not_after);
    cr_assert_null(bg_keyholder_device(w.f.keyholder, 2));
    end(&w);
    NO_LEAKS();
}

Test(admission, the_same_key_gets_its_certificate_again_and_another_key_nothing)
{
    struct world w;
    struct bg_enrolment_reply first, second;
    begin(&w, BG_PLAN_OFF);
    enrol(&w, BG_CERTIFICATE_ROOT, "root", w.f.root);
    struct bg_token token = token_for(&w, BG_CERTIFICATE_CLIENT, "pump");
    cr_assert_eq(redeem(&w, &token, w.f.clients[0], &first), BG_OK, "%s", w.error.text);
    cr_assert_eq(redeem_at(&w, &token, w.f.clients[0], NOW + 60, &second), BG_OK, "%s", w.error.text);
    struct bg_certificate a = read_certificate(&w, &first.certificate), b = read_certificate(&w, &second.certificate);
    cr_assert_eq(a.not_after, b.not_after);
    cr_assert_eq(redeem(&w, &token, w.f.clients[1], &second), BG_REFUSED);
    cr_assert_not_null(strstr(w.error.text, "another device"), "%s", w.error.text);
    fixture_restart(&w.f);
    cr_assert_eq(redeem(&w, &token, w.f.clients[1], &second), BG_REFUSED, "a restart must not forget it");
    cr_assert_eq(redeem(&w, &token, w.f.clients[0], &second), BG_OK, "%s", w.error.text);
    cr_assert_eq(bg_keyholder_roster(w.f.keyholder).count, 1);
    cr_assert_eq(redeem_at(&w, &token, w.f.clients[0], NOW + HOUR + 1, &second), BG_TOO_LATE);
    end(&w);
    NO_LEAKS();
}

Test(admission, expired_unknown_and_early_tokens_change_nothing)
{
    struct world w;
    struct bg_enrolment_reply reply;
    begin(&w, BG_PLAN_OFF);
    struct bg_token token = token_for(&w, BG_CERTIFICATE_CLIENT, "pump"), wrong = token;
    wrong.secret[15] ^= 1;
    cr_assert_eq(redeem(&w, &wrong, w.f.clients[0], &reply), BG_REFUSED);
    cr_assert_eq(redeem_at(&w, &token, w.f.clients[0], NOW + HOUR + 1, &reply), BG_TOO_LATE);
    cr_assert_eq(redeem(&w, &token, w.f.clients[0], &reply), BG_BUSY, "there is no root to go to");
    cr_assert_gt(w.wait, 0);
    struct bg_enrolment_request request = request_of(w.f.clients[0], NULL);
    cr_assert_eq(bg_keyholder_redeem(w.f.keyholder, &request, NULL, NOW, &w.error, &reply, &w.wait), BG_INVALID);
    request.has_secret = true;
    memcpy(request.secret, token.secret, sizeof request.secret);
    strcpy(request.request.text, "no request");
    cr_assert_eq(bg_keyholder_redeem(w.f.keyholder, &request, NULL, NOW, &w.error, &reply, &w.wait), BG_DECODE);
    cr_assert_null(bg_keyholder_device(w.f.keyholder, 0));
    enrol(&w, BG_CERTIFICATE_ROOT, "root", w.f.root);
    cr_assert_eq(redeem_at(&w, &token, w.f.clients[0], NOW + HOUR, &reply), BG_OK, "%s", w.error.text);
    end(&w);
    NO_LEAKS();
}

Test(admission, wrong_tokens_run_out_of_guesses_and_right_ones_do_not)
{
    struct world w;
    struct bg_enrolment_reply reply;
    begin(&w, BG_PLAN_OFF);
    enrol(&w, BG_CERTIFICATE_ROOT, "root", w.f.root);
    struct bg_token token = token_for(&w, BG_CERTIFICATE_CLIENT, "pump");
    struct bg_enrolment_request right = request_of(w.f.clients[0], &token), wrong = right;
    wrong.secret[0] ^= 1;
    for (int i = 0; i < 30; i++)
        cr_assert_eq(bg_keyholder_redeem(w.f.keyholder, &right, "10.0.0.1", NOW, &w.error, &reply, &w.wait), BG_OK);
    int refused = 0;
    while (bg_keyholder_redeem(w.f.keyholder, &wrong, "10.0.0.1", NOW, &w.error, &reply, &w.wait) == BG_REFUSED)
        cr_assert_lt(++refused, 100);
    cr_assert_eq(w.error.status, BG_BUSY);
    uint64_t due = w.wait;
    cr_assert_gt(due, 0);
    cr_assert_eq(bg_keyholder_redeem(w.f.keyholder, &right, "10.0.0.1", NOW, &w.error, &reply, &w.wait), BG_BUSY);
    cr_assert_eq(bg_keyholder_redeem(w.f.keyholder, &right, "10.0.0.2", NOW, &w.error, &reply, &w.wait), BG_OK);
    bg_keyholder_tick(w.f.keyholder, due);
    cr_assert_eq(bg_keyholder_redeem(w.f.keyholder, &right, "10.0.0.1", NOW, &w.error, &reply, &w.wait), BG_OK);
    end(&w);
    NO_LEAKS();
}

Test(admission, there_is_one_root_until_it_is_revoked)
{
    struct world w;
    struct bg_enrolment_reply reply;
    begin(&w, BG_PLAN_OFF);
    struct bg_token first = token_for(&w, BG_CERTIFICATE_ROOT, "a"), second = token_for(&w, BG_CERTIFICATE_ROOT, "b");
    cr_assert_eq(redeem(&w, &first, w.f.root, &reply), BG_OK, "%s", w.error.text);
    cr_assert_eq(redeem(&w, &second, w.f.clients[0], &reply), BG_REFUSED);
    cr_assert_not_null(strstr(w.error.text, "revoke"), "%s", w.error.text);
    cr_assert_eq(bg_keyholder_revoke(w.f.keyholder, bg_identity_digest(w.f.root), NOW, &w.error), BG_OK);
    cr_assert_eq(redeem(&w, &first, w.f.root, &reply), BG_REFUSED, "revoked for ever");
    fixture_restart(&w.f);
    cr_assert_eq(redeem(&w, &second, w.f.clients[0], &reply), BG_OK, "%s", w.error.text);
    fixture_restart(&w.f);
    memcpy(w.f.settings.root, bg_identity_point(w.f.clients[1]), BG_PUBLIC_POINT_BYTES);
    bg_keyholder_destroy(&w.f.keyholder);
    cr_assert_eq(bg_keyholder_create(&w.f.settings, 0, &w.error, &w.f.keyholder), BG_CONFIG);
    cr_assert_not_null(strstr(w.error.text, "root.point"), "%s", w.error.text);
    end(&w);
    NO_LEAKS();
}

Test(admission, a_key_has_one_role_and_one_cell)
{
    struct world w;
    struct bg_enrolment_reply reply;
    begin(&w, BG_PLAN_OFF);
    enrol(&w, BG_CERTIFICATE_ROOT, "root", w.f.root);
    struct bg_token token = token_for(&w, BG_CERTIFICATE_OPERATOR, "me");
    cr_assert_eq(redeem(&w, &token, w.f.root, &reply), BG_DUPLICATE);
    cr_assert_eq(redeem(&w, &token, w.f.clients[0], &reply), BG_OK, "the token stays good: %s", w.error.text);
    cr_assert_eq(bg_keyholder_roster(w.f.keyholder).count, 0, "an operator takes no part");
    struct bg_token_terms terms = {.role = BG_CERTIFICATE_KEYHOLDER, .expiry = NOW};
    cr_assert_eq(bg_keyholder_token_new(w.f.keyholder, &terms, 1, &w.error, &token), BG_INVALID);
    terms = (struct bg_token_terms){.role = BG_CERTIFICATE_CLIENT, .expiry = NOW, .cell = {"No Cell"}};
    cr_assert_eq(bg_keyholder_token_new(w.f.keyholder, &terms, 1, &w.error, &token), BG_INVALID);
    terms = (struct bg_token_terms){.role = BG_CERTIFICATE_CLIENT, .expiry = NOW, .cell = {"a"}, .label = "a\nb"};
    cr_assert_eq(bg_keyholder_token_new(w.f.keyholder, &terms, 1, &w.error, &token), BG_INVALID);
    end(&w);
    NO_LEAKS();
}

Test(admission, certificates_are_renewed_for_the_same_key_alone)
{
    struct world w;
    struct bg_enrolment_reply reply;
    const uint64_t later = NOW + (uint64_t)60 * 86400;
    begin(&w, BG_PLAN_OFF);
    enrol(&w, BG_CERTIFICATE_ROOT, "root", w.f.root);
    const struct bg_digest *id = bg_identity_digest(w.f.root);
    struct bg_enrolment_request request = request_of(w.f.root, NULL), other = request_of(w.f.clients[0], NULL);
    strcpy(request.url, "https://elsewhere:1");
    cr_assert_eq(bg_keyholder_renew(w.f.keyholder, id, &other, later, &w.error, &reply), BG_REFUSED);
    cr_assert_eq(bg_keyholder_renew(w.f.keyholder, bg_identity_digest(w.f.clients[0]), &other, later, &w.error, &reply),
                 BG_UNKNOWN_CLIENT);
    cr_assert_eq(bg_keyholder_renew(w.f.keyholder, id, &request, later, &w.error, &reply), BG_OK, "%s", w.error.text);
    fixture_restart(&w.f);
    cr_assert_eq(read_certificate(&w, &reply.certificate).not_after, later + (uint64_t)DAYS * 86400);
    cr_assert_eq(bg_keyholder_device(w.f.keyholder, 0)->not_after, later + (uint64_t)DAYS * 86400);
    cr_assert_eq(bg_keyholder_renew_by_hand(w.f.keyholder, id, later + 1, &w.error, &reply), BG_OK, "%s", w.error.text);
    cr_assert_str_eq(reply.root_url, "https://elsewhere:1");
    cr_assert_eq(read_certificate(&w, &reply.certificate).role, BG_CERTIFICATE_ROOT);
    cr_assert_eq(bg_keyholder_revoke(w.f.keyholder, id, NOW, &w.error), BG_OK);
    cr_assert_eq(bg_keyholder_renew(w.f.keyholder, id, &request, later, &w.error, &reply), BG_REFUSED);
    end(&w);
    NO_LEAKS();
}

static void open_or(struct world *w, const struct wish *wish, enum bg_status expected)
{
    struct answer answer;
    enum bg_status status = ask_release(&w->f, wish, &answer);
    cr_assert_eq(status, expected, "%s: %s", bg_status_name(status), w->f.error.text);
    bg_writer_finish(&answer.bytes);
}

static void revoke_client(struct world *w, uint32_t client)
{
    cr_assert_eq(bg_keyholder_revoke(w->f.keyholder, bg_identity_digest(w->f.clients[client]), NOW, &w->error), BG_OK,
                 "%s", w->error.text);
}

Test(admission, a_revoked_client_is_in_no_sum_any_more_and_in_no_next_epoch)
{
    struct world w;
    struct answer first, again;
    ready(&w);
    struct wish opened = {.round = 5, .group = 1, .members = ALL}, next = opened, other = opened;
    cr_assert_eq(ask_release(&w.f, &opened, &first), BG_OK, "%s", w.f.error.text);
    uint32_t client = client_of(&w.f, 1, 2);
    revoke_client(&w, client);
    revoke_client(&w, client);
    for (int restart = 0; restart < 2; restart++) {
        cr_assert(bg_keyholder_revoked(w.f.keyholder, bg_identity_digest(w.f.clients[client])));
        cr_assert_eq(ask_release(&w.f, &opened, &again), BG_OK, "what was opened is answered again: %s",
                     w.f.error.text);
        cr_assert(bg_span_equal(bg_writer_span(&first.bytes), bg_writer_span(&again.bytes)));
        bg_writer_finish(&again.bytes);
        next.round = 6;
        open_or(&w, &next, BG_UNKNOWN_CLIENT);
        cr_assert(names_client(&w.f, client), "%s", w.f.error.text);
        next.members = ALL & ~4u;
        open_or(&w, &next, BG_REFUSED); /* never again minus a member */
        next.members = ALL;
        other.group = 0;
        other.round = 6 + (uint64_t)restart;
        open_or(&w, &other, BG_OK);
        fixture_restart(&w.f);
    }
    cr_assert_eq(bg_keyholder_roster(w.f.keyholder).count, CLIENTS - 1);
    bg_arena_finish(&w.f.arena);
    bg_writer_finish(&w.f.epoch.bytes);
    cr_assert_eq(ask_epoch(&w.f, 2), BG_OK, "%s", w.f.error.text);
    uint32_t group, member;
    cr_assert_not(bg_groups_find(&w.f.groups, bg_identity_digest(w.f.clients[client]), &group, &member));
    bg_writer_finish(&first.bytes);
    end(&w);
    NO_LEAKS();
}

Test(admission, a_group_that_was_not_opened_yet_opens_without_a_revoked_member)
{
    struct world w;
    ready(&w);
    revoke_client(&w, client_of(&w.f, 1, 0));
    struct wish wish = {.round = 5, .group = 1, .members = ALL & ~1u}, other = {.round = 5, .members = ALL};
    open_or(&w, &wish, BG_REFUSED); /* the first rounds open full groups alone */
    open_or(&w, &other, BG_OK);
    other.round = 6;
    open_or(&w, &other, BG_OK);
    wish.round = 7;
    open_or(&w, &wish, BG_OK);
    end(&w);
    NO_LEAKS();
}

Test(admission, a_revocation_during_an_opening_lets_it_end)
{
    struct world w;
    struct answer answer;
    struct bg_writer body;
    ready(&w);
    struct wish wish = {.round = 5, .group = 1, .members = ALL}, next = wish;
    bg_writer_init(&body);
    make_release(&w.f, &wish, &body);
    send_as(&w.f, bg_identity_digest(w.f.root), BG_ROUTE_RELEASE, bg_writer_span(&body), &answer);
    cr_assert(run_one_work(&w.f)); /* its manifests are verified */
    revoke_client(&w, client_of(&w.f, 1, 2));
    run_all(&w.f);
    cr_assert(answer.given && answer.status == BG_OK, "%s", w.f.error.text);
    fixture_restart(&w.f);
    next.round = 6;
    open_or(&w, &next, BG_UNKNOWN_CLIENT);
    bg_writer_finish(&answer.bytes);
    bg_writer_finish(&body);
    end(&w);
    NO_LEAKS();
}

/* ---- roster ---- */

static void ask_roster(struct world *w, const struct bg_identity *peer, uint64_t version, struct answer *answer)
{
    uint8_t body[8];
    for (unsigned i = 0; i < 8; i++)
        body[i] = (uint8_t)(version >> (8 * i));
    send_as(&w->f, bg_identity_digest(peer), BG_ROUTE_ROSTER, (struct bg_span){body, sizeof body}, answer);
    deliver(&w->f);
}

/* Signed by the key holder; lists in the arena. */
static struct bg_roster_message read_roster(struct world *w, const struct answer *answer)
{
    struct bg_frame frame;
    struct bg_roster_message message;
    cr_assert(answer->given && answer->status == BG_OK);
    cr_assert_eq(bg_frame_expect(bg_writer_span(&answer->bytes), BG_FRAME_ROSTER, &w->error, &frame), BG_OK);
    cr_assert_eq(bg_envelope_verify_frame(bg_identity_point(w->f.identity), BG_SIGNED_ROSTER, &frame), BG_OK);
    cr_assert_eq(bg_roster_message_decode(&frame, &w->f.arena, &w->error, &message), BG_OK, "%s", w->error.text);
    return message;
}

Test(admission, whoever_has_the_roster_waits_for_the_next_one)
{
    struct world w;
    struct answer answer, edge;
    begin(&w, BG_PLAN_OFF);
    enrol(&w, BG_CERTIFICATE_ROOT, "root", w.f.root);
    enrol(&w, BG_CERTIFICATE_EDGE, "edge", w.f.clients[1]);
    ask_roster(&w, w.f.root, 0, &answer);
    struct bg_roster_message message = read_roster(&w, &answer);
    cr_assert_eq(message.client_count, 0);
    cr_assert_eq(message.edge_count, 1);
    cr_assert_arr_eq(message.edges[0].point, bg_identity_point(w.f.clients[1]), BG_PUBLIC_POINT_BYTES);
    bg_writer_finish(&answer.bytes);
    ask_roster(&w, w.f.root, message.version, &answer);
    ask_roster(&w, w.f.clients[1], message.version, &edge);
    cr_assert(!answer.given && !edge.given);
    enrol(&w, BG_CERTIFICATE_CLIENT, "pump", w.f.clients[0]);
    deliver(&w.f);
    uint64_t before = message.version;
    message = read_roster(&w, &answer);
    cr_assert_gt(message.version, before);
    cr_assert_eq(message.client_count, 1);
    cr_assert_str_eq(message.clients[0].cell.label, "pier");
    cr_assert_eq(read_roster(&w, &edge).version, message.version);
    bg_writer_finish(&answer.bytes);
    bg_writer_finish(&edge.bytes);
    ask_roster(&w, w.f.root, message.version, &answer);
    revoke_client(&w, 0);
    deliver(&w.f);
    message = read_roster(&w, &answer);
    cr_assert_eq(message.client_count, 0);
    cr_assert_eq(message.revoked_count, 1);
    cr_assert(bg_digest_equal(&message.revoked[0], bg_identity_digest(w.f.clients[0])));
    bg_writer_finish(&answer.bytes);
    ask_roster(&w, w.f.clients[0], 0, &answer);
    cr_assert_eq(answer.status, BG_REFUSED);
    fixture_restart(&w.f);
    ask_roster(&w, w.f.root, 0, &answer);
    cr_assert_eq(read_roster(&w, &answer).version, message.version, "a restart keeps the version");
    bg_writer_finish(&answer.bytes);
    end(&w);
    NO_LEAKS();
}

Test(admission, waits_for_the_roster_end)
{
    struct world w;
    struct answer answers[3];
    begin(&w, BG_PLAN_OFF);
    enrol(&w, BG_CERTIFICATE_ROOT, "root", w.f.root);
    ask_roster(&w, w.f.root, 7, &answers[0]);
    uint64_t version = read_roster(&w, &answers[0]).version;
    bg_writer_finish(&answers[0].bytes);
    cr_assert_eq(bg_keyholder_next_wake(w.f.keyholder), UINT64_MAX);
    bg_keyholder_tick(w.f.keyholder, 100);
    ask_roster(&w, w.f.root, version, &answers[0]);
    uint64_t due = bg_keyholder_next_wake(w.f.keyholder);
    cr_assert_eq(due, 100 + (uint64_t)25 * 1000000000);
    bg_keyholder_tick(w.f.keyholder, due - 1);
    ask_roster(&w, w.f.root, version, &answers[1]);
    cr_assert_not(answers[0].given);
    bg_keyholder_tick(w.f.keyholder, due);
    deliver(&w.f);
    cr_assert(answers[0].given && answers[0].status == BG_BUSY);
    cr_assert_not(answers[1].given);
    cr_assert_gt(bg_keyholder_next_wake(w.f.keyholder), due);
    bg_keyholder_tick(w.f.keyholder, UINT64_MAX);
    deliver(&w.f);
    cr_assert(answers[1].given && answers[1].status == BG_BUSY);
    end(&w);
    NO_LEAKS();
}

Test(admission, devices_are_found_by_label_or_by_the_beginning_of_their_id)
{
    struct world w;
    struct bg_digest found;
    char hex[2 * BG_DIGEST_BYTES + 1];
    begin(&w, BG_PLAN_OFF);
    enrol(&w, BG_CERTIFICATE_ROOT, "root", w.f.root);
    enrol(&w, BG_CERTIFICATE_CLIENT, "pump", w.f.clients[0]);
    bg_digest_to_hex(bg_identity_digest(w.f.clients[0]), hex);
    cr_assert_eq(bg_keyholder_find(w.f.keyholder, hex, &w.error, &found), BG_OK);
    cr_assert(bg_digest_equal(&found, bg_identity_digest(w.f.clients[0])));
    hex[8] = '\0';
    cr_assert_eq(bg_keyholder_find(w.f.keyholder, hex, &w.error, &found), BG_OK);
    hex[7] = '\0';
    cr_assert_eq(bg_keyholder_find(w.f.keyholder, hex, &w.error, &found), BG_NOT_FOUND);
    cr_assert_eq(bg_keyholder_find(w.f.keyholder, "pump", &w.error, &found), BG_OK);
    cr_assert_eq(bg_keyholder_find(w.f.keyholder, "", &w.error, &found), BG_NOT_FOUND);
    enrol(&w, BG_CERTIFICATE_CLIENT, "pump", w.f.clients[1]);
    cr_assert_eq(bg_keyholder_find(w.f.keyholder, "pump", &w.error, &found), BG_DUPLICATE);
    revoke_client(&w, 0);
    cr_assert_eq(bg_keyholder_find(w.f.keyholder, "pump", &w.error, &found), BG_OK);
    cr_assert(bg_digest_equal(&found, bg_identity_digest(w.f.clients[1])));
    end(&w);
    NO_LEAKS();
}

Test(admission, without_an_authority_there_are_no_tokens)
{
    struct fixture f;
    struct bg_error error;
    struct bg_token token;
    struct bg_token_terms terms = {.role = BG_CERTIFICATE_OPERATOR, .expiry = NOW};
    fixture_init(&f, BG_PLAN_OFF);
    fixture_start(&f);
    cr_assert_eq(bg_keyholder_token_new(f.keyholder, &terms, 1, &error, &token), BG_UNSUPPORTED);
    fixture_finish(&f);
    NO_LEAKS();
}

Test(admission, an_enrolled_edge_may_release_until_it_is_revoked)
{
    struct world w;
    struct answer answer;
    struct bg_writer body;
    struct bg_identity *edge;
    struct bg_random random = bg_random_system();
    ready(&w);
    cr_assert_eq(bg_identity_create(&random, &edge), BG_OK);
    enrol(&w, BG_CERTIFICATE_EDGE, "edge", edge);
    struct wish wish = {.round = 5, .group = 1, .members = ALL};
    bg_writer_init(&body);
    make_release(&w.f, &wish, &body);
    send_as(&w.f, bg_identity_digest(edge), BG_ROUTE_RELEASE, bg_writer_span(&body), &answer);
    run_all(&w.f);
    cr_assert_eq(answer.status, BG_OK, "%s", w.f.error.text);
    bg_writer_finish(&answer.bytes);
    cr_assert_eq(bg_keyholder_revoke(w.f.keyholder, bg_identity_digest(edge), NOW, &w.error), BG_OK);
    send_as(&w.f, bg_identity_digest(edge), BG_ROUTE_RELEASE, bg_writer_span(&body), &answer);
    run_all(&w.f);
    cr_assert_eq(answer.status, BG_REFUSED);
    bg_writer_finish(&body);
    bg_identity_destroy(&edge);
    end(&w);
    NO_LEAKS();
}
