/* SPDX-License-Identifier: Apache-2.0 */
#include "keyholder/control.h"

#include "keyholder/admission.h"
#include "tests/unit/keyholder/keyholder_fixture.h"
#include "tests/unit/no_leaks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1800000000u

static struct fixture f;
static struct bg_identity *authority;
static struct bg_pem certificate;
static struct bg_error error;
static struct bg_json *reply;

static void set_up(void)
{
    struct bg_random random = bg_random_system();
    fixture_init(&f, BG_PLAN_OFF);
    cr_assert_eq(bg_identity_create(&random, &authority), BG_OK);
    cr_assert_eq(bg_authority_create(authority, "harbour", NOW, &random, &certificate), BG_OK);
    f.settings.authority = authority;
    f.settings.authority_certificate = &certificate;
    f.settings.certificate_days = 10;
    fixture_start(&f);
}

static void tear_down(void)
{
    bg_json_destroy(&reply);
    bg_identity_destroy(&authority);
    fixture_finish(&f);
    NO_LEAKS();
}

TestSuite(control, .init = set_up, .fini = tear_down);

static const char *text_of(const struct bg_json *object, const char *key)
{
    const struct bg_json *value = bg_json_get(object, key);
    cr_assert(value && bg_json_type(value) == BG_JSON_STRING, "%s", key);
    return bg_json_string(value);
}

/* The reply's status; the reply stays in `reply`. */
static const char *ask_control(const char *request)
{
    char *text = bg_control_answer(f.keyholder, (struct bg_span){(const uint8_t *)request, strlen(request)}, NOW);
    cr_assert_not_null(text);
    cr_assert_null(strchr(text, '\n'), "it must be one line");
    bg_json_destroy(&reply);
    cr_assert_eq(bg_json_parse((struct bg_span){(const uint8_t *)text, strlen(text)}, "reply", &error, &reply), BG_OK,
                 "%s", error.text);
    free(text);
    return text_of(reply, "status");
}

static void redeem(const char *text, const struct bg_identity *identity)
{
    struct bg_token token;
    struct bg_enrolment_request request = {.has_secret = true};
    struct bg_enrolment_reply granted;
    uint64_t wait;
    cr_assert_eq(bg_token_decode(text, &error, &token), BG_OK, "%s", error.text);
    memcpy(request.secret, token.secret, sizeof request.secret);
    cr_assert_eq(bg_request_create(identity, &request.request), BG_OK);
    cr_assert_eq(bg_keyholder_redeem(f.keyholder, &request, NULL, NOW, &error, &granted, &wait), BG_OK, "%s",
                 error.text);
}

Test(control, tokens_are_good_for_what_was_asked)
{
    struct bg_token token;
    cr_assert_str_eq(ask_control("{\"verb\": \"token\", \"role\": \"client\", \"label\": \"pump\", \"owner\": \"Ada\", "
                                 "\"cell\": \"west\", \"hours\": 2, \"count\": 3}"),
                     "OK");
    cr_assert_eq(bg_json_count(bg_json_get(reply, "tokens")), 3);
    for (size_t i = 0; i < 3; i++) {
        const char *text = bg_json_string(bg_json_at(bg_json_get(reply, "tokens"), i));
        cr_assert_eq(bg_token_decode(text, &error, &token), BG_OK, "%s", error.text);
        cr_assert_eq(token.expiry, NOW + 7200);
        redeem(text, f.clients[i]);
    }
    cr_assert_str_eq(ask_control("{\"verb\": \"clients\"}"), "OK");
    const struct bg_json *clients = bg_json_get(reply, "clients"), *first = bg_json_at(clients, 0);
    cr_assert_eq(bg_json_count(clients), 3);
    cr_assert_str_eq(text_of(first, "label"), "pump");
    cr_assert_str_eq(text_of(first, "owner"), "Ada");
    cr_assert_str_eq(text_of(first, "cell"), "west");
    cr_assert_str_eq(text_of(first, "role"), "client");
    cr_assert_eq(bg_json_number(bg_json_get(first, "enrolled")), NOW);
    cr_assert_eq(bg_json_number(bg_json_get(first, "expires")), NOW + 864000);
    cr_assert_eq(bg_json_type(bg_json_get(first, "revoked")), BG_JSON_NULL);
}

Test(control, devices_are_revoked_and_renewed_by_name)
{
    char hex[2 * BG_DIGEST_BYTES + 1], request[128];
    struct bg_certificate read;
    static struct bg_pem pem;
    bg_digest_to_hex(bg_identity_digest(f.clients[0]), hex);
    cr_assert_str_eq(ask_control("{\"verb\": \"token\", \"role\": \"operator\", \"label\": \"me\"}"), "OK");
    redeem(bg_json_string(bg_json_at(bg_json_get(reply, "tokens"), 0)), f.clients[0]);
    snprintf(request, sizeof request, "{\"verb\": \"renew\", \"who\": \"%.8s\"}", hex);
    cr_assert_str_eq(ask_control(request), "OK");
    cr_assert_str_eq(text_of(reply, "id"), hex);
    cr_assert_eq(bg_pem_set(text_of(reply, "certificate"), &pem), BG_OK);
    cr_assert_eq(bg_certificate_read(&pem, "renewed", &certificate, &error, &read), BG_OK, "%s", error.text);
    cr_assert_eq(read.role, BG_CERTIFICATE_OPERATOR);
    cr_assert_str_eq(ask_control("{\"verb\": \"revoke\", \"who\": \"me\"}"), "OK");
    cr_assert_str_eq(text_of(reply, "id"), hex);
    cr_assert(bg_keyholder_revoked(f.keyholder, bg_identity_digest(f.clients[0])));
    cr_assert_str_eq(ask_control("{\"verb\": \"revoke\", \"who\": \"you\"}"), "NOT_FOUND");
    cr_assert_not_null(strstr(text_of(reply, "error"), "you"));
    cr_assert_str_eq(ask_control("{\"verb\": \"clear\"}"), "INVALID");
    cr_assert_str_eq(ask_control("{\"verb\": \"show\"}"), "OK");
    cr_assert_str_eq(text_of(reply, "population"), "harbour");
}

Test(control, everything_else_is_refused_with_a_sentence)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "7",
        "{\"verb\": 1}",
        "{\"verb\": \"open\"}",
        "{\"verb\": \"show\", \"more\": 1}",
        "{\"verb\": \"token\"}",
        "{\"verb\": \"token\", \"role\": \"king\"}",
        "{\"verb\": \"token\", \"role\": \"keyholder\"}",
        "{\"verb\": \"token\", \"role\": \"client\", \"count\": 0}",
        "{\"verb\": \"token\", \"role\": \"client\", \"count\": 1.5}",
        "{\"verb\": \"token\", \"role\": \"client\", \"hours\": 1e300}",
        "{\"verb\": \"token\", \"role\": \"client\", \"count\": \"1\"}",
        "{\"verb\": \"token\", \"role\": \"client\", \"cell\": \"No Cell\"}",
        "{\"verb\": \"token\", \"role\": \"client\", \"label\": \"a\\nb\"}",
        "{\"verb\": \"revoke\"}",
        "{\"verb\": \"revoke\", \"who\": null}",
        "{\"verb\": \"show\"} more",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_expect_str_neq(ask_control(bad[i]), "OK", "%s", bad[i]);
        cr_expect_gt(strlen(text_of(reply, "error")), 0, "%s", bad[i]);
    }
    static char longer[BG_CONTROL_MOST_BYTES + 2];
    memset(longer, ' ', sizeof longer - 1);
    cr_expect_str_eq(ask_control(longer), "TOO_LARGE");
    cr_expect_null(bg_keyholder_device(f.keyholder, 0));
}
