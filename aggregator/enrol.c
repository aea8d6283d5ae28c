/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/enrol.h"

#include "aggregator/offline.h"
#include "crypto/identity_file.h"
#include "crypto/wipe.h"
#include "net/https_ask.h"

#include <stdlib.h>
#include <string.h>

static enum bg_status ask(struct bg_https_question *question, const struct bg_enrolment_request *request,
                          struct bg_error *error, struct bg_enrolment_reply *ret_reply)
{
    uint8_t *bytes;
    size_t size;
    char *body = bg_enrolment_request_print(request);
    if (!body)
        return bg_fail(error, BG_NO_MEMORY, "enrolment: out of memory");
    question->path = "/v1/-/enrolment";
    question->json = body;
    question->reply_limit = BG_ENROLMENT_MOST_BYTES;
    enum bg_status status = bg_https_ask(question, error, &bytes, &size);
    bg_wipe(body, strlen(body));
    free(body);
    if (status != BG_OK)
        return bg_fail_in(error, status, "enrolment");
    status = bg_enrolment_reply_parse((struct bg_span){bytes, size}, error, ret_reply);
    free(bytes);
    return status;
}

static enum bg_status set_text(const char *what, const char *text, char *ret_text, size_t capacity,
                               struct bg_error *error)
{
    if (!bg_plain_text(text, capacity))
        return bg_fail(error, BG_INVALID, "%s: give at most %zu bytes of UTF-8 without control characters", what,
                       capacity - 1);
    strcpy(ret_text, text);
    return BG_OK;
}

static enum bg_status make_request(const struct bg_identity *identity, const char *label, const char *url,
                                   struct bg_error *error, struct bg_enrolment_request *request)
{
    enum bg_status status = set_text("label", label, request->label, sizeof request->label, error);
    if (status == BG_OK)
        status = set_text("listen.url", url, request->url, sizeof request->url, error);
    if (status != BG_OK)
        return status;
    status = bg_request_create(identity, &request->request);
    return status == BG_OK ? BG_OK : bg_fail(error, status, "request: %s", bg_status_text(status));
}

static struct bg_grant grant_of(const struct bg_enrolment_reply *reply)
{
    return (struct bg_grant){
        .certificate = &reply->certificate, .authority = &reply->authority, .key_holder = reply->key_holder};
}

/* ---- enrolment ---- */

/* What is believed of the reply becomes the folder's, the certificate last. */
static enum bg_status adopt(const char *folder, const char *url, const struct bg_enrolment_reply *reply,
                            struct bg_aggregator_config *config, struct bg_error *error)
{
    char path[BG_DEVICE_PATH_BYTES];
    struct bg_grant grant = grant_of(reply);
    struct bg_offline_settings settings = {.folder = folder, .config = config};
    snprintf(config->population, sizeof config->population, "%s", reply->population.name);
    snprintf(config->key_holder_url, sizeof config->key_holder_url, "%s", url);
    enum bg_status status = bg_device_path(folder, "config.json", error, path);
    if (status == BG_OK)
        status = bg_options_save(bg_aggregator_options, bg_aggregator_option_count, config, path, error);
    if (status == BG_OK)
        status = bg_offline_believe(&settings, reply->key_holder, &reply->commitment, error);
    return status == BG_OK ? bg_grant_save(&grant, folder, error) : status;
}

enum bg_status bg_aggregator_enrol(const char *folder, const char *url, const char *token_text, const char *label,
                                   struct bg_aggregator_config *config, struct bg_error *error)
{
    struct bg_token token;
    struct bg_identity *identity = NULL;
    struct bg_random random = bg_random_system();
    struct bg_enrolment_request request = {.has_secret = true};
    struct bg_enrolment_reply reply;
    enum bg_status status = bg_token_read(token_text, error, &token);
    if (status != BG_OK)
        return status;
    memcpy(request.secret, token.secret, sizeof request.secret);
    if (strlen(url) >= sizeof config->key_holder_url)
        status = bg_fail(error, BG_INVALID, "the key holder's URL is longer than %d bytes", BG_OPTION_TEXT_BYTES - 1);
    if (status == BG_OK)
        status = bg_membership_begin(folder, &random, error, &identity);
    if (status == BG_OK)
        status = make_request(identity, label, config->listen_url, error, &request);
    struct bg_https_question question = {.pin = token.key_holder, .url = url};
    if (status == BG_OK)
        status = ask(&question, &request, error, &reply);
    if (status == BG_OK) {
        struct bg_grant grant = grant_of(&reply);
        status = bg_grant_check(&grant, identity, &token.authority, &token.key_holder, error);
    }
    if (status == BG_OK)
        status = adopt(folder, url, &reply, config, error);
    bg_identity_destroy(&identity);
    bg_wipe(&request, sizeof request);
    bg_wipe(&token, sizeof token);
    return status;
}

/* ---- renewal ---- */

enum bg_status bg_root_renewal_begin(const struct bg_aggregator_config *config,
                                     const struct bg_membership *membership, const char *url, struct bg_error *error,
                                     struct bg_root_renewal *ret_renewal)
{
    struct bg_enrolment_request request = {.has_secret = false};
    enum bg_status status = make_request(membership->identity, "", url, error, &request);
    if (status != BG_OK)
        return status;
    snprintf(ret_renewal->path, sizeof ret_renewal->path, "/v1/%.31s/renewal", config->population);
    ret_renewal->json = bg_enrolment_request_print(&request);
    return ret_renewal->json ? BG_OK : bg_fail(error, BG_NO_MEMORY, "renewal: out of memory");
}

enum bg_status bg_root_renewal_accept(const char *folder, const struct bg_membership *membership,
                                      struct bg_span reply, struct bg_error *error)
{
    struct bg_enrolment_reply granted;
    enum bg_status status = bg_enrolment_reply_parse(reply, error, &granted);
    if (status != BG_OK)
        return status;
    struct bg_grant grant = grant_of(&granted);
    status = bg_grant_check_renewal(&grant, membership, error);
    return status == BG_OK ? bg_grant_save(&grant, folder, error) : status;
}

void bg_root_renewal_finish(struct bg_root_renewal *renewal)
{
    free(renewal->json);
    renewal->json = NULL;
}

enum bg_status bg_aggregator_renew(const char *folder, const struct bg_aggregator_config *config,
                                   const struct bg_membership *membership, const char *url, struct bg_error *error)
{
    struct bg_root_renewal renewal;
    uint8_t *bytes;
    size_t size;
    enum bg_status status = bg_root_renewal_begin(config, membership, url, error, &renewal);
    if (status != BG_OK)
        return status;
    struct bg_https_question question = {.credentials = {.certificate = membership->certificate.text,
                                                         .key = membership->key.text,
                                                         .authority = membership->authority.text},
                                         .url = config->key_holder_url,
                                         .path = renewal.path,
                                         .json = renewal.json,
                                         .reply_limit = BG_ENROLMENT_MOST_BYTES};
    bg_point_pin(membership->key_holder, &question.pin);
    status = bg_https_ask(&question, error, &bytes, &size);
    if (status == BG_OK) {
        status = bg_root_renewal_accept(folder, membership, (struct bg_span){bytes, size}, error);
        free(bytes);
    }
    bg_root_renewal_finish(&renewal);
    return status == BG_OK ? BG_OK : bg_fail_in(error, status, "renewal");
}
