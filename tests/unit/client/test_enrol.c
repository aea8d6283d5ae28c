/* SPDX-License-Identifier: Apache-2.0 */
/* Against a server that grants as a key holder does. */
#include "client/enrol.h"

#include "client/config.h"
#include "net/https_transport.h"
#include "tests/unit/client/served.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

struct world {
    struct served served;
    struct bg_identity *key_holder, *root, *other;
    struct bg_token token;
    char text[BG_TOKEN_TEXT_BYTES];
    char home[160];
    struct bg_error error;
    struct bg_enrolment_reply reply;
    uint32_t days; /* of the certificates it issues */
    /* what the server saw, once it has stopped */
    unsigned enrolments, renewals, refusals;
    char label[BG_LABEL_BYTES];
    bool authenticated;
};

static void on_body(void *context, struct bg_http_exchange *exchange, enum bg_status status, struct bg_span body)
{
    struct world *w = context;
    struct bg_enrolment_request request;
    struct bg_error error;
    bool renewal = strcmp(bg_http_path(exchange), "/v1/test/renewal") == 0;
    if (status == BG_OK)
        status = bg_enrolment_request_parse(body, &error, &request);
    bool known = status == BG_OK && (renewal ? bg_http_peer(exchange)->authenticated && !request.has_secret
                                             : request.has_secret && memcmp(request.secret, w->token.secret,
                                                                            sizeof request.secret) == 0);
    w->authenticated = bg_http_peer(exchange)->authenticated;
    if (!known) {
        w->refusals++;
        bg_http_refuse(exchange, BG_REFUSED, "no such token, or it has expired or been used");
        return;
    }
    strcpy(w->label, request.label);
    *(renewal ? &w->renewals : &w->enrolments) += 1;
    served_grant(&w->served, exchange, &request, w->root, w->days);
}

static void serve(void *context, struct bg_http_exchange *exchange)
{
    const char *path = bg_http_path(exchange);
    if (bg_http_method(exchange) == BG_HTTP_POST &&
        (strcmp(path, "/v1/-/enrolment") == 0 || strcmp(path, "/v1/test/renewal") == 0))
        bg_http_read(exchange, BG_ENROLMENT_MOST_BYTES, on_body, context);
    else
        bg_http_refuse(exchange, BG_NOT_FOUND, "no such place");
}

static void begin(struct world *w)
{
    struct bg_random random = bg_random_system();
    struct bg_certificate authority;
    *w = (struct world){.days = 30};
    cr_assert_eq(bg_identity_create(&random, &w->key_holder), BG_OK);
    cr_assert_eq(bg_identity_create(&random, &w->root), BG_OK);
    cr_assert_eq(bg_identity_create(&random, &w->other), BG_OK);
    served_init(&w->served, w->key_holder, "test");
    w->served.settings.serve = serve;
    w->served.settings.context = w;
    w->served.settings.strangers = true;
    served_listen(&w->served, w->key_holder, BG_CERTIFICATE_KEYHOLDER);
    served_start(&w->served);
    cr_assert_eq(bg_certificate_read(&w->served.authority_pem, "authority", &w->served.authority_pem, &w->error,
                                     &authority),
                 BG_OK);
    w->token = (struct bg_token){.secret = {1, 2, 3}, .expiry = UINT64_MAX, .authority = authority.fingerprint};
    bg_point_pin(bg_identity_point(w->key_holder), &w->token.key_holder);
    bg_token_encode(&w->token, w->text);
    served_path(&w->served, "home", w->home);
}

static void end(struct world *w)
{
    served_finish(&w->served);
    bg_identity_destroy(&w->key_holder);
    bg_identity_destroy(&w->root);
    bg_identity_destroy(&w->other);
    NO_LEAKS();
}

static enum bg_status enrol(struct world *w)
{
    struct bg_client_config config;
    bg_options_defaults(bg_client_options, bg_client_option_count, &config);
    config.data_seed = 4711;
    return bg_client_enrol(w->home, w->served.url, w->text, "pump 7", &config, &w->error, &w->reply);
}

Test(enrol, a_token_makes_a_member)
{
    struct world w;
    struct bg_membership member;
    struct bg_client_config config;
    char path[160];
    begin(&w);
    cr_assert_eq(enrol(&w), BG_OK, "%s", w.error.text);
    cr_assert_eq(bg_membership_load(w.home, "cure", &w.error, &member), BG_OK, "%s", w.error.text);
    cr_assert(member.has_root);
    cr_assert_arr_eq(member.root, bg_identity_point(w.root), sizeof member.root);
    cr_assert_arr_eq(member.key_holder, bg_identity_point(w.key_holder), sizeof member.key_holder);
    bg_membership_finish(&member);
    bg_options_defaults(bg_client_options, bg_client_option_count, &config);
    cr_assert_eq(bg_options_load(bg_client_options, bg_client_option_count,
                                 served_path(&w.served, "home/config.json", path), &config, &w.error),
                 BG_OK, "%s", w.error.text);
    cr_assert_eq(config.data_seed, 4711);
    cr_assert_str_eq(config.population, "test");
    cr_assert_str_eq(config.root_url, "https://root.example:8443");
    cr_assert_str_eq(config.key_holder_url, w.served.url);
    cr_assert_eq(enrol(&w), BG_INVALID);
    cr_assert_not_null(strstr(w.error.text, "enrolled already"), "%s", w.error.text);
    served_stop(&w.served);
    cr_assert_eq(w.enrolments, 1);
    cr_assert_str_eq(w.label, "pump 7");
    cr_assert(!w.authenticated, "a stranger shows no certificate");
    end(&w);
}

Test(enrol, settings_that_are_there_stay)
{
    struct world w;
    struct bg_client_config config;
    char path[160];
    begin(&w);
    cr_assert_eq(enrol(&w), BG_OK, "%s", w.error.text);
    served_path(&w.served, "home/config.json", path);
    bg_options_defaults(bg_client_options, bg_client_option_count, &config);
    cr_assert_eq(bg_options_load(bg_client_options, bg_client_option_count, path, &config, &w.error), BG_OK);
    config.data_rows = 77;
    cr_assert_eq(bg_options_save(bg_client_options, bg_client_option_count, &config, path, &w.error), BG_OK);
    cr_assert_eq(bg_client_renew(w.home, &w.error, &w.reply), BG_OK, "%s", w.error.text);
    bg_options_defaults(bg_client_options, bg_client_option_count, &config);
    cr_assert_eq(bg_options_load(bg_client_options, bg_client_option_count, path, &config, &w.error), BG_OK);
    cr_assert_eq(config.data_rows, 77);
    end(&w);
}

Test(enrol, what_a_token_does_not_name_is_not_believed)
{
    struct world w;
    char path[160];
    begin(&w);
    struct bg_token token = w.token;
    token.authority.bytes[0] ^= 1;
    bg_token_encode(&token, w.text);
    cr_assert_eq(enrol(&w), BG_BAD_DIGEST, "%s", w.error.text);
    token = w.token;
    bg_point_pin(bg_identity_point(w.other), &token.key_holder);
    bg_token_encode(&token, w.text);
    cr_assert_eq(enrol(&w), BG_BAD_KEY, "%s", w.error.text);
    cr_assert_neq(access(served_path(&w.served, "home/certificate.pem", path), F_OK), 0);
    bg_token_encode(&w.token, w.text);
    cr_assert_eq(enrol(&w), BG_OK, "%s", w.error.text);
    served_stop(&w.served);
    cr_assert_eq(w.enrolments, 2, "a server that is not the token's does not hear of it");
    end(&w);
}

Test(enrol, a_refusal_is_told_as_the_key_holder_says_it)
{
    struct world w;
    begin(&w);
    struct bg_token token = w.token;
    token.secret[5] ^= 1;
    bg_token_encode(&token, w.text);
    cr_assert_eq(enrol(&w), BG_REFUSED, "%s", w.error.text);
    cr_assert_str_eq(w.error.text, "no such token, or it has expired or been used");
    w.text[20] ^= 1;
    cr_assert_neq(enrol(&w), BG_OK);
    served_stop(&w.served);
    cr_assert_eq(w.refusals, 1, "a mistyped token is not even sent");
    end(&w);
}

Test(enrol, nobody_there_is_told_with_the_address)
{
    struct world w;
    struct bg_client_config config;
    begin(&w);
    bg_options_defaults(bg_client_options, bg_client_option_count, &config);
    served_stop(&w.served);
    bg_http_server_destroy(&w.served.server);
    cr_assert_eq(enrol(&w), BG_IO);
    cr_assert_not_null(strstr(w.error.text, w.served.url), "%s", w.error.text);
    cr_assert_eq(bg_client_enrol(w.home, "http://127.0.0.1:1", w.text, "", &config, &w.error, &w.reply),
                 BG_INVALID);
    cr_assert_not_null(strstr(w.error.text, "https://host:port"), "%s", w.error.text);
    end(&w);
}

Test(enrol, a_member_renews_its_certificate_under_its_key)
{
    struct world w;
    struct bg_membership before, after;
    begin(&w);
    cr_assert_eq(enrol(&w), BG_OK, "%s", w.error.text);
    cr_assert_eq(bg_membership_load(w.home, "cure", &w.error, &before), BG_OK);
    w.days = 60;
    cr_assert_eq(bg_client_renew(w.home, &w.error, &w.reply), BG_OK, "%s", w.error.text);
    cr_assert_eq(bg_membership_load(w.home, "cure", &w.error, &after), BG_OK);
    cr_assert_gt(after.about.not_after, before.about.not_after);
    cr_assert(bg_digest_equal(&after.about.id, &before.about.id));
    bg_membership_finish(&before);
    bg_membership_finish(&after);
    served_stop(&w.served);
    cr_assert_eq(w.renewals, 1);
    cr_assert(w.authenticated);
    end(&w);
}

Test(enrol, a_renewal_that_names_another_root_is_refused)
{
    struct world w;
    struct bg_membership member;
    begin(&w);
    cr_assert_eq(enrol(&w), BG_OK, "%s", w.error.text);
    struct bg_identity *root = w.root;
    w.root = w.other;
    cr_assert_eq(bg_client_renew(w.home, &w.error, &w.reply), BG_REFUSED);
    cr_assert_not_null(strstr(w.error.text, "another root"), "%s", w.error.text);
    cr_assert_eq(bg_membership_load(w.home, "cure", &w.error, &member), BG_OK);
    cr_assert_arr_eq(member.root, bg_identity_point(root), sizeof member.root);
    bg_membership_finish(&member);
    w.root = root;
    end(&w);
}
