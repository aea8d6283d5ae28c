/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/enrolment.h"
#include "tests/fuzz/authority.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/seeds.h"

#include <stdlib.h>
#include <string.h>

static void require(enum bg_status status)
{
    FUZZ_REQUIRE(status == BG_OK, "%s", bg_status_name(status));
}

static void seed_printed(const char *name, char *text)
{
    FUZZ_REQUIRE(text, "out of memory");
    seed_text("enrolment", name, text);
    free(text);
}

void seed_enrolment(void)
{
    static struct bg_enrolment_request request;
    static struct bg_enrolment_reply reply;
    struct bg_random random = authority_random();
    struct bg_identity *device = authority_party(0xa1);
    struct bg_token token = {.expiry = AUTHORITY_NOW, .key_holder = {{1}}, .authority = {{2}}};
    char text[BG_TOKEN_TEXT_BYTES];
    memset(token.secret, 0x33, sizeof token.secret);
    bg_token_encode(&token, text);
    seed_text("enrolment", "token", text);
    require(bg_request_create(device, &request.request));
    seed_text("certificate", "request", request.request.text);
    seed_printed("renewal", bg_enrolment_request_print(&request));
    request.has_secret = true;
    memcpy(request.secret, token.secret, sizeof request.secret);
    strcpy(request.label, "pump 1");
    strcpy(request.url, "https://[::1]:8443");
    seed_printed("request", bg_enrolment_request_print(&request));
    require(bg_certificate_issue(authority_identity(), AUTHORITY_POPULATION, bg_identity_point(device),
                                 BG_CERTIFICATE_ROOT, AUTHORITY_NOW, 90, &random, &reply.certificate));
    reply.authority = *authority_certificate();
    seed_text("certificate", "root", reply.certificate.text);
    seed_text("certificate", "authority", reply.authority.text);
    require(bg_population_set(&reply.population, AUTHORITY_POPULATION));
    memcpy(reply.key_holder, bg_identity_point(authority_identity()), sizeof reply.key_holder);
    seed_printed("reply_without_root", bg_enrolment_reply_print(&reply));
    reply.has_root = true;
    memcpy(reply.root, bg_identity_point(device), sizeof reply.root);
    strcpy(reply.root_url, "https://root:8443");
    seed_printed("reply", bg_enrolment_reply_print(&reply));
    bg_identity_destroy(&device);
}
