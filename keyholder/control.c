/* SPDX-License-Identifier: Apache-2.0 */
#include "keyholder/control.h"

#include "crypto/wipe.h"
#include "keyholder/admission.h"
#include "keyholder/state.h"

#include <stdlib.h>
#include <string.h>

#define MOST_HOURS 87600 /* ten years */

/* One request that is being answered. */
struct control {
    struct bg_keyholder *keyholder;
    const struct bg_json *request;
    uint64_t now;
    size_t read; /* members of the request that were asked for */
    struct bg_json *reply;
    struct bg_error *error;
};

/* ---- reading ---- */

/* `otherwise` where it is absent; NULL: it must be there. */
static enum bg_status get_text(struct control *c, const char *key, const char *otherwise, const char **ret_text)
{
    const struct bg_json *value = bg_json_get(c->request, key);
    c->read += value != NULL;
    if (!value && otherwise) {
        *ret_text = otherwise;
        return BG_OK;
    }
    if (!value || bg_json_type(value) != BG_JSON_STRING)
        return bg_fail(c->error, BG_INVALID, "\"%s\" is missing, or no text", key);
    *ret_text = bg_json_string(value);
    return BG_OK;
}

static enum bg_status get_count(struct control *c, const char *key, uint64_t otherwise, uint64_t most,
                                uint64_t *ret_count)
{
    const struct bg_json *value = bg_json_get(c->request, key);
    c->read += value != NULL;
    *ret_count = otherwise;
    if (!value)
        return BG_OK;
    double number = bg_json_type(value) == BG_JSON_NUMBER ? bg_json_number(value) : 0;
    if (!(number >= 1 && number <= (double)most) || number != (double)(uint64_t)number)
        return bg_fail(c->error, BG_INVALID, "\"%s\" must be a whole number from 1 to %llu", key,
                       (unsigned long long)most);
    *ret_count = (uint64_t)number;
    return BG_OK;
}

static enum bg_status end_of_request(const struct control *c)
{
    if (c->read == bg_json_count(c->request))
        return BG_OK;
    return bg_fail(c->error, BG_INVALID, "the request has members that this verb has not");
}

/* ---- answering ---- */

static enum bg_status copy_text(struct control *c, const char *key, const char *otherwise, char *ret_text,
                                size_t capacity)
{
    const char *text = NULL;
    enum bg_status status = get_text(c, key, otherwise, &text);
    if (status != BG_OK)
        return status;
    if (!bg_plain_text(text, capacity))
        return bg_fail(c->error, BG_INVALID, "\"%s\" is longer than %zu bytes, or has control characters", key,
                       capacity - 1);
    memcpy(ret_text, text, strlen(text) + 1);
    return BG_OK;
}

static enum bg_status read_terms(struct control *c, struct bg_token_terms *terms, uint64_t *ret_count)
{
    const char *role = NULL;
    uint64_t hours;
    enum bg_status status = get_text(c, "role", NULL, &role);
    if (status == BG_OK && bg_certificate_role_parse(role, &terms->role) != BG_OK)
        status = bg_fail(c->error, BG_INVALID, "\"%.32s\" is no role: client, root, edge or operator", role);
    if (status == BG_OK)
        status = copy_text(c, "label", "", terms->label, sizeof terms->label);
    if (status == BG_OK)
        status = copy_text(c, "owner", "", terms->owner, sizeof terms->owner);
    if (status == BG_OK)
        status = copy_text(c, "cell", "default", terms->cell.label, sizeof terms->cell.label);
    if (status == BG_OK)
        status = get_count(c, "hours", 24, MOST_HOURS, &hours);
    if (status == BG_OK)
        status = get_count(c, "count", 1, BG_CONTROL_MOST_TOKENS, ret_count);
    if (status == BG_OK)
        status = end_of_request(c);
    if (status == BG_OK)
        terms->expiry = c->now + hours * 3600;
    return status;
}

static enum bg_status make_tokens(struct control *c)
{
    struct bg_token_terms terms = {0};
    uint64_t count;
    enum bg_status status = read_terms(c, &terms, &count);
    if (status != BG_OK)
        return status;
    struct bg_token *tokens = calloc(count, sizeof *tokens);
    if (!tokens)
        return bg_fail(c->error, BG_NO_MEMORY, "out of memory");
    status = bg_keyholder_token_new(c->keyholder, &terms, count, c->error, tokens);
    struct bg_json *list = status == BG_OK ? bg_json_add_array(c->reply, "tokens") : NULL;
    for (uint64_t i = 0; i < count && list; i++) {
        char text[BG_TOKEN_TEXT_BYTES];
        bg_token_encode(&tokens[i], text);
        bg_json_add_string(list, NULL, text);
        bg_wipe(text, sizeof text);
    }
    bg_wipe(tokens, count * sizeof *tokens);
    free(tokens);
    return status;
}

static void add_time(struct bg_json *object, const char *key, uint64_t seconds)
{
    if (seconds)
        bg_json_add_u64(object, key, seconds);
    else
        bg_json_add_null(object, key);
}

static enum bg_status list_clients(struct control *c)
{
    const struct bg_device *device;
    enum bg_status status = end_of_request(c);
    struct bg_json *list = status == BG_OK ? bg_json_add_array(c->reply, "clients") : NULL;
    for (size_t i = 0; list && (device = bg_keyholder_device(c->keyholder, i)); i++) {
        struct bg_json *object = bg_json_add_object(list, NULL);
        bg_json_add_digest(object, "id", &device->id);
        bg_json_add_string(object, "label", device->label);
        bg_json_add_string(object, "owner", device->owner);
        if (device->role == BG_CERTIFICATE_CLIENT)
            bg_json_add_string(object, "cell", device->cell.label);
        bg_json_add_string(object, "role", bg_certificate_role_name(device->role));
        add_time(object, "enrolled", device->enrolled);
        add_time(object, "expires", device->not_after);
        add_time(object, "revoked", device->revoked);
    }
    return status;
}

static enum bg_status find_device(struct control *c, struct bg_digest *ret_id)
{
    const char *who = NULL;
    enum bg_status status = get_text(c, "who", NULL, &who);
    if (status == BG_OK)
        status = end_of_request(c);
    if (status == BG_OK)
        status = bg_keyholder_find(c->keyholder, who, c->error, ret_id);
    if (status == BG_OK)
        bg_json_add_digest(c->reply, "id", ret_id);
    return status;
}

static enum bg_status revoke(struct control *c)
{
    struct bg_digest id;
    enum bg_status status = find_device(c, &id);
    return status == BG_OK ? bg_keyholder_revoke(c->keyholder, &id, c->now, c->error) : status;
}

static enum bg_status renew(struct control *c)
{
    struct bg_digest id;
    struct bg_enrolment_reply renewed;
    enum bg_status status = find_device(c, &id);
    if (status == BG_OK)
        status = bg_keyholder_renew_by_hand(c->keyholder, &id, c->now, c->error, &renewed);
    if (status == BG_OK) {
        bg_json_add_string(c->reply, "certificate", renewed.certificate.text);
        bg_json_add_string(c->reply, "authority", renewed.authority.text);
    }
    return status;
}

static void describe(struct control *c)
{
    struct bg_keyholder *keyholder = c->keyholder;
    const struct bg_keyholder_settings *settings = &keyholder->settings;
    struct bg_digest commitment = bg_keyholder_commitment(keyholder), head = bg_keyholder_head(keyholder), root;
    bg_json_add_string(c->reply, "population", settings->population.name);
    bg_json_add_digest(c->reply, "identity", bg_identity_digest(settings->identity));
    if (settings->public_key) {
        bg_json_add_digest(c->reply, "key", bg_public_key_id(settings->public_key));
        bg_json_add_u64(c->reply, "bits", bg_public_key_bits(settings->public_key));
        bg_json_add_bool(c->reply, "insecure", bg_public_key_insecure(settings->public_key));
    }
    bg_json_add_u64(c->reply, "clients", bg_keyholder_roster(keyholder).count);
    bg_json_add_u64(c->reply, "epoch", bg_keyholder_epoch(keyholder));
    bg_json_add_digest(c->reply, "commitment", &commitment);
    bg_json_add_digest(c->reply, "head", &head);
    bg_json_add_bool(c->reply, "locked", bg_keyholder_locked(keyholder));
    bg_json_add_u64(c->reply, "barred_edges", bg_keyholder_barred(keyholder));
    if (settings->root[0]) {
        bg_point_digest(settings->root, &root);
        bg_json_add_digest(c->reply, "root", &root);
    }
}

static enum bg_status show(struct control *c)
{
    enum bg_status status = end_of_request(c);
    if (status == BG_OK)
        describe(c);
    return status;
}

static enum bg_status clear(struct control *c)
{
    enum bg_status status = end_of_request(c);
    if (status != BG_OK)
        return status;
    status = bg_keyholder_clear(c->keyholder);
    if (status != BG_OK)
        return bg_fail(c->error, status, "%s",
                       status == BG_INVALID ? "it is not locked, and no edge is barred" : bg_status_text(status));
    describe(c);
    return BG_OK;
}

static enum bg_status dispatch(struct control *c)
{
    static const struct {
        const char *name;
        enum bg_status (*run)(struct control *c);
    } verbs[] = {{"token", make_tokens}, {"clients", list_clients}, {"revoke", revoke},
                 {"renew", renew},       {"show", show},            {"clear", clear}};
    const char *verb = NULL;
    if (bg_json_type(c->request) != BG_JSON_OBJECT)
        return bg_fail(c->error, BG_INVALID, "the request must be an object");
    enum bg_status status = get_text(c, "verb", NULL, &verb);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs && status == BG_OK; i++)
        if (strcmp(verb, verbs[i].name) == 0)
            return verbs[i].run(c);
    return status == BG_OK ? bg_fail(c->error, BG_INVALID, "\"%.32s\" is no verb of a key holder", verb) : status;
}

static struct bg_json *new_reply(enum bg_status status)
{
    struct bg_json *reply = bg_json_object();
    bg_json_add_string(reply, "status", status == BG_OK ? "OK" : bg_status_name(status));
    return reply;
}

char *bg_control_answer(struct bg_keyholder *keyholder, struct bg_span request, uint64_t now)
{
    struct bg_json *root = NULL;
    struct bg_error error = {0};
    struct control control = {.keyholder = keyholder, .now = now, .reply = new_reply(BG_OK), .error = &error};
    enum bg_status status = request.size <= BG_CONTROL_MOST_BYTES
                                ? bg_json_parse(request, "request", &error, &root)
                                : bg_fail(&error, BG_TOO_LARGE, "the request is longer than %zu bytes",
                                          BG_CONTROL_MOST_BYTES);
    control.request = root;
    if (status == BG_OK)
        status = dispatch(&control);
    if (status != BG_OK) {
        bg_json_destroy(&control.reply);
        control.reply = new_reply(status);
        bg_json_add_string(control.reply, "error", error.text);
    }
    char *text = bg_json_print(control.reply, false);
    bg_json_destroy(&control.reply);
    bg_json_destroy(&root);
    return text;
}
