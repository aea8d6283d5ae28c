/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/enrolment.h"

#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct bg_error error;

static struct bg_span span_of(const char *text)
{
    return (struct bg_span){(const uint8_t *)text, strlen(text)};
}

static void point_of(uint8_t byte, uint8_t ret_point[static BG_PUBLIC_POINT_BYTES])
{
    uint8_t secret[BG_SCALAR_BYTES];
    struct bg_identity *identity;
    memset(secret, byte, sizeof secret);
    cr_assert_eq(bg_identity_from_secret(secret, &identity), BG_OK);
    memcpy(ret_point, bg_identity_point(identity), BG_PUBLIC_POINT_BYTES);
    bg_identity_destroy(&identity);
}

Test(enrolment_documents, requests_come_back_as_they_were)
{
    struct bg_enrolment_request request = {.has_secret = true, .label = "pump \xc3\xa9 \"1\"", .url = "https://a:1"};
    struct bg_enrolment_request read;
    memset(request.secret, 0xa5, sizeof request.secret);
    strcpy(request.request.text, "-----BEGIN\nlines\n-----END\n");
    for (int round = 0; round < 2; round++) {
        char *text = bg_enrolment_request_print(&request);
        cr_assert_eq(bg_enrolment_request_parse(span_of(text), &error, &read), BG_OK, "%s", error.text);
        cr_assert_eq(read.has_secret, request.has_secret);
        cr_assert_arr_eq(read.secret, request.secret, sizeof request.secret);
        cr_assert_str_eq(read.request.text, request.request.text);
        cr_assert_str_eq(read.label, request.label);
        cr_assert_str_eq(read.url, request.url);
        free(text);
        memset(&request, 0, sizeof request);
        strcpy(request.request.text, "renewal");
    }
    NO_LEAKS();
}

Test(enrolment_documents, replies_come_back_as_they_were)
{
    struct bg_enrolment_reply reply = {.commitment = {{7}}, .has_root = true, .root_url = "https://root:8443"}, read;
    cr_assert_eq(bg_population_set(&reply.population, "harbour"), BG_OK);
    strcpy(reply.certificate.text, "a");
    strcpy(reply.authority.text, "b");
    point_of(0x4b, reply.key_holder);
    point_of(0x52, reply.root);
    for (int round = 0; round < 2; round++) {
        char *text = bg_enrolment_reply_print(&reply);
        cr_assert_eq(bg_enrolment_reply_parse(span_of(text), &error, &read), BG_OK, "%s", error.text);
        cr_assert_eq(memcmp(&read.population, &reply.population, sizeof read.population), 0);
        cr_assert_str_eq(read.certificate.text, "a");
        cr_assert_str_eq(read.authority.text, "b");
        cr_assert_arr_eq(read.key_holder, reply.key_holder, sizeof read.key_holder);
        cr_assert_eq(read.has_root, reply.has_root);
        cr_assert_arr_eq(read.root, reply.root, sizeof read.root);
        cr_assert(bg_digest_equal(&read.commitment, &reply.commitment));
        cr_assert_str_eq(read.root_url, reply.root_url);
        free(text);
        reply.has_root = false;
        memset(reply.root, 0, sizeof reply.root);
        reply.root_url[0] = '\0';
    }
    NO_LEAKS();
}

Test(enrolment_documents, requests_of_another_form_are_refused)
{
    static const struct {
        const char *text, *words;
    } bad[] = {
        {"", ""},
        {"[]", "object"},
        {"{}", "\"request\" is missing"},
        {"{\"request\": 1}", "must be a text"},
        {"{\"request\": \"a\", \"more\": 1}", "members"},
        {"{\"request\": \"a\", \"request\": \"b\"}", "request"},
        {"{\"request\": \"a\", \"secret\": \"00\"}", "hex"},
        {"{\"request\": \"a\", \"secret\": \"0123456789ABCDEF0123456789ABCDEF\"}", "hex"},
        {"{\"request\": \"a\", \"secret\": null}", "must be a text"},
        {"{\"request\": \"a\", \"label\": \"a\\nb\"}", "label"},
        {"{\"request\": \"a\", \"label\": \"0123456789012345678901234567890123456789012345678901234567890123\"}",
         "too long"},
        {"{\"request\": \"a\"} x", ""},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct bg_enrolment_request read;
        cr_expect_eq(bg_enrolment_request_parse(span_of(bad[i].text), &error, &read), BG_DECODE, "%s", bad[i].text);
        cr_expect_not_null(strstr(error.text, bad[i].words), "%s: %s", bad[i].text, error.text);
    }
    NO_LEAKS();
}

Test(enrolment_documents, replies_with_points_off_the_curve_are_refused)
{
    struct bg_enrolment_reply reply = {0}, read;
    cr_assert_eq(bg_population_set(&reply.population, "p"), BG_OK);
    point_of(0x4b, reply.key_holder);
    reply.key_holder[64] ^= 1;
    char *text = bg_enrolment_reply_print(&reply);
    cr_assert_eq(bg_enrolment_reply_parse(span_of(text), &error, &read), BG_BAD_KEY);
    free(text);
    NO_LEAKS();
}
