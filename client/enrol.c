/* SPDX-License-Identifier: Apache-2.0 */
#include "client/enrol.h"

#include "crypto/wipe.h"
#include "net/https_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- one request ---- */

static enum bg_status ask(const char *url, const struct bg_digest *pin, const struct bg_enrolment_request *request,
                          struct bg_error *error, struct bg_enrolment_reply *ret_reply)
{
    uint8_t *bytes;
    size_t size;
    char *json = bg_enrolment_request_print(request);
    if (!json)
        return bg_fail(error, BG_NO_MEMORY, "out of memory");
    struct bg_https_question question = {.pin = *pin,
                                         .url = url,
                                         .path = "/v1/-/enrolment",
                                         .json = json,
                                         .reply_limit = BG_ENROLMENT_MOST_BYTES};
    enum bg_status status = bg_https_ask(&question, error, &bytes, &size);
    bg_wipe(json, strlen(json));
    free(json);
    if (status != BG_OK)
        return status;
    status = bg_enrolment_reply_parse((struct bg_span){bytes, size}, error, ret_reply);
    free(bytes);
    return status;
}

/* ---- what is written ---- */

static enum bg_status load_config(const char *folder, struct bg_error *error,
                                  char ret_path[static BG_DEVICE_PATH_BYTES], struct bg_client_config *ret_config)
{
    enum bg_status status = bg_device_path(folder, "config.json", error, ret_path);
    bg_options_defaults(bg_client_options, bg_client_option_count, ret_config);
    if (status == BG_OK && access(ret_path, F_OK) == 0)
        status = bg_options_load(bg_client_options, bg_client_option_count, ret_path, ret_config, error);
    return status;
}

static enum bg_status save_config(const char *folder, struct bg_client_config config,
                                  const struct bg_enrolment_reply *reply, const char *url, struct bg_error *error)
{
    char path[BG_DEVICE_PATH_BYTES];
    enum bg_status status = bg_device_path(folder, "config.json", error, path);
    if (status != BG_OK)
        return status;
    _Static_assert(sizeof config.key_holder_url >= BG_URL_BYTES, "a URL fits");
    snprintf(config.population, sizeof config.population, "%s", reply->population.name);
    snprintf(config.key_holder_url, sizeof config.key_holder_url, "%s", url);
    if (reply->root_url[0])
        snprintf(config.root_url, sizeof config.root_url, "%s", reply->root_url);
    return bg_options_save(bg_client_options, bg_client_option_count, &config, path, error);
}

static struct bg_grant grant_of(const struct bg_enrolment_reply *reply)
{
    return (struct bg_grant){.certificate = &reply->certificate,
                             .authority = &reply->authority,
                             .key_holder = reply->key_holder,
                             .root = reply->has_root ? reply->root : NULL};
}

/* ---- the two verbs ---- */

static enum bg_status fill_request(const struct bg_identity *identity, const char *label, struct bg_error *error,
                                   struct bg_enrolment_request *request)
{
    if (label[0] && !bg_plain_text(label, sizeof request->label))
        return bg_fail(error, BG_INVALID, "label: give at most %d bytes of UTF-8 without control characters",
                       BG_LABEL_BYTES - 1);
    memcpy(request->label, label, strlen(label) + 1);
    enum bg_status status = bg_request_create(identity, &request->request);
    return status == BG_OK ? BG_OK : bg_fail(error, status, "request: %s", bg_status_text(status));
}

/* What comes back is believed, and becomes the folder's. */
static enum bg_status enrol(const char *folder, const char *url, const struct bg_token *token,
                            const struct bg_identity *identity, const struct bg_enrolment_request *request,
                            const struct bg_client_config *config, struct bg_error *error,
                            struct bg_enrolment_reply *reply)
{
    enum bg_status status = ask(url, &token->key_holder, request, error, reply);
    if (status != BG_OK)
        return status;
    struct bg_grant grant = grant_of(reply);
    status = bg_grant_check(&grant, identity, &token->authority, &token->key_holder, error);
    if (status == BG_OK)
        status = save_config(folder, *config, reply, url, error);
    return status == BG_OK ? bg_grant_save(&grant, folder, error) : status;
}

enum bg_status bg_client_enrol(const char *folder, const char *url, const char *token_text, const char *label,
                               const struct bg_client_config *config, struct bg_error *error,
                               struct bg_enrolment_reply *ret_reply)
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
    if (strlen(url) >= BG_URL_BYTES)
        status = bg_fail(error, BG_INVALID, "the key holder's URL is longer than %d bytes", BG_URL_BYTES - 1);
    if (status == BG_OK)
        status = bg_membership_begin(folder, &random, error, &identity);
    if (status == BG_OK)
        status = fill_request(identity, label, error, &request);
    if (status == BG_OK)
        status = enrol(folder, url, &token, identity, &request, config, error, &reply);
    if (status == BG_OK)
        *ret_reply = reply;
    bg_identity_destroy(&identity);
    bg_wipe(&request, sizeof request);
    bg_wipe(&token, sizeof token);
    return status;
}

/* ---- renewal ---- */

enum bg_status bg_renewal_begin(const char *folder, const struct bg_membership *member, struct bg_error *error,
                                struct bg_renewal *ret_renewal)
{
    struct bg_renewal renewal;
    char path[BG_DEVICE_PATH_BYTES];
    struct bg_client_config config;
    struct bg_enrolment_request request = {.has_secret = false};
    enum bg_status status = load_config(folder, error, path, &config);
    if (status == BG_OK && !config.key_holder_url[0])
        status = bg_fail(error, BG_CONFIG, "%s: key_holder.url is not set", path);
    if (status == BG_OK)
        status = fill_request(member->identity, "", error, &request);
    if (status != BG_OK)
        return status;
    int a = snprintf(renewal.url, sizeof renewal.url, "%s", config.key_holder_url);
    int b = snprintf(renewal.path, sizeof renewal.path, "/v1/%s/renewal", config.population);
    if (a < 0 || b < 0 || (size_t)a >= sizeof renewal.url || (size_t)b >= sizeof renewal.path)
        return bg_fail(error, BG_CONFIG, "%s: key_holder.url or population.name is too long", path);
    snprintf(renewal.root_url, sizeof renewal.root_url, "%.255s", config.root_url);
    bg_point_pin(member->key_holder, &renewal.pin);
    renewal.json = bg_enrolment_request_print(&request);
    if (!renewal.json)
        return bg_fail(error, BG_NO_MEMORY, "renewal: out of memory");
    *ret_renewal = renewal;
    return BG_OK;
}

enum bg_status bg_renewal_accept(const char *folder, const struct bg_membership *member,
                                 const struct bg_renewal *renewal, struct bg_span body, struct bg_error *error,
                                 struct bg_enrolment_reply *ret_reply)
{
    char path[BG_DEVICE_PATH_BYTES];
    struct bg_client_config config;
    struct bg_enrolment_reply reply;
    enum bg_status status = bg_enrolment_reply_parse(body, error, &reply);
    if (status == BG_OK)
        status = load_config(folder, error, path, &config);
    if (status != BG_OK)
        return status;
    struct bg_grant grant = grant_of(&reply);
    status = bg_grant_check_renewal(&grant, member, error);
    if (status == BG_OK)
        status = save_config(folder, config, &reply, renewal->url, error);
    if (status == BG_OK)
        status = bg_grant_save(&grant, folder, error);
    if (status == BG_OK)
        *ret_reply = reply;
    return status;
}

void bg_renewal_finish(struct bg_renewal *renewal)
{
    free(renewal->json);
    renewal->json = NULL;
}

static enum bg_status renew(const char *folder, const struct bg_membership *member, struct bg_error *error,
                            struct bg_enrolment_reply *ret_reply)
{
    struct bg_renewal renewal;
    uint8_t *bytes;
    size_t size;
    enum bg_status status = bg_renewal_begin(folder, member, error, &renewal);
    if (status != BG_OK)
        return status;
    struct bg_https_question question = {.credentials = {.certificate = member->certificate.text,
                                                         .key = member->key.text,
                                                         .authority = member->authority.text},
                                         .pin = renewal.pin,
                                         .url = renewal.url,
                                         .path = renewal.path,
                                         .json = renewal.json,
                                         .reply_limit = BG_ENROLMENT_MOST_BYTES};
    status = bg_https_ask(&question, error, &bytes, &size);
    if (status == BG_OK) {
        status = bg_renewal_accept(folder, member, &renewal, (struct bg_span){bytes, size}, error, ret_reply);
        free(bytes);
    } else {
        bg_fail_in(error, status, "renewal");
    }
    bg_renewal_finish(&renewal);
    return status;
}

enum bg_status bg_client_renew(const char *folder, struct bg_error *error, struct bg_enrolment_reply *ret_reply)
{
    struct bg_membership member;
    enum bg_status status = bg_membership_load(folder, BG_CLIENT_ENROL_FIRST, error, &member);
    if (status != BG_OK)
        return status;
    status = renew(folder, &member, error, ret_reply);
    bg_membership_finish(&member);
    return status;
}
