/* SPDX-License-Identifier: Apache-2.0 */
#include "keyholder/main_clients.h"

#include "base/file.h"
#include "keyholder/operate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SHORT_ID 16 /* digits that the list shows: enough to name a device by */

/* Takes the request; gives the reply. */
static enum bg_status ask(const struct bg_clients_call *call, struct bg_json *request, struct bg_error *error,
                          struct bg_json **ret_reply)
{
    enum bg_status status = bg_operate(call->folder, call->config, request, error, ret_reply);
    bg_json_destroy(&request);
    return status;
}

static struct bg_json *new_request(const char *verb)
{
    struct bg_json *request = bg_json_object();
    bg_json_add_string(request, "verb", verb);
    return request;
}

/* One member of the reply, as JSON of its own. */
static enum bg_status print_json(const struct bg_json *reply, const char *key, struct bg_error *error)
{
    struct bg_json *root = bg_json_object();
    bg_json_add_copy(root, key, bg_json_get(reply, key));
    char *text = bg_json_print(root, true);
    enum bg_status status = text && puts(text) >= 0 ? BG_OK : bg_fail(error, BG_IO, "cannot print the result");
    free(text);
    bg_json_destroy(&root);
    return status;
}

/* ---- token ---- */

static void add_given(struct bg_json *request, const char *key, const char *value)
{
    if (value)
        bg_json_add_string(request, key, value);
}

static enum bg_status add_count(struct bg_json *request, const char *key, const char *value, struct bg_error *error)
{
    uint64_t count;
    if (!value)
        return BG_OK;
    if (bg_parse_u64(value, 1, UINT32_MAX, &count) != BG_OK)
        return bg_fail(error, BG_INVALID, "--%s %s: must be a whole number from 1", key, value);
    bg_json_add_u64(request, key, count);
    return BG_OK;
}

enum bg_status bg_verb_token(const struct bg_clients_call *call, struct bg_error *error)
{
    struct bg_json *reply;
    if (!call->action || strcmp(call->action, "new") != 0 || !call->folder || call->who || call->out)
        return bg_fail(error, BG_INVALID, "token: say \"token new DIR\"; see --help");
    struct bg_json *request = new_request("token");
    bg_json_add_string(request, "role", call->role ? call->role : "client");
    add_given(request, "label", call->label);
    add_given(request, "owner", call->owner);
    add_given(request, "cell", call->cell);
    enum bg_status status = add_count(request, "hours", call->hours, error);
    if (status == BG_OK)
        status = add_count(request, "count", call->count, error);
    if (status != BG_OK) {
        bg_json_destroy(&request);
        return status;
    }
    status = ask(call, request, error, &reply);
    if (status != BG_OK)
        return status;
    if (call->json) {
        status = print_json(reply, "tokens", error);
    } else {
        const struct bg_json *token = bg_json_at(bg_json_get(reply, "tokens"), 0);
        for (; token; token = bg_json_next(token))
            puts(bg_json_string(token));
    }
    bg_json_destroy(&reply);
    return status;
}

/* ---- clients ---- */

static const char *text_of(const struct bg_json *object, const char *key)
{
    const struct bg_json *value = bg_json_get(object, key);
    return value && bg_json_type(value) == BG_JSON_STRING && *bg_json_string(value) ? bg_json_string(value) : "-";
}

/* A day, or "-". */
static const char *day_of(const struct bg_json *object, const char *key, char buffer[static 16])
{
    const struct bg_json *value = bg_json_get(object, key);
    struct tm parts;
    time_t seconds = value && bg_json_type(value) == BG_JSON_NUMBER ? (time_t)bg_json_number(value) : 0;
    if (!seconds || !gmtime_r(&seconds, &parts) || !strftime(buffer, 16, "%Y-%m-%d", &parts))
        return "-";
    return buffer;
}

static void print_table(const struct bg_json *clients)
{
    const char *const format = "%-*.*s  %-9s %-12s %-10s  %-10s  %-10s  %-20s %s\n";
    printf(format, SHORT_ID, SHORT_ID, "id", "role", "cell", "enrolled", "expires", "revoked", "label", "owner");
    for (const struct bg_json *client = bg_json_at(clients, 0); client; client = bg_json_next(client)) {
        char enrolled[16], expires[16], revoked[16];
        printf(format, SHORT_ID, SHORT_ID, text_of(client, "id"), text_of(client, "role"), text_of(client, "cell"),
               day_of(client, "enrolled", enrolled), day_of(client, "expires", expires),
               day_of(client, "revoked", revoked), text_of(client, "label"), text_of(client, "owner"));
    }
}

static enum bg_status list(const struct bg_clients_call *call, struct bg_error *error)
{
    struct bg_json *reply;
    enum bg_status status = ask(call, new_request("clients"), error, &reply);
    if (status != BG_OK)
        return status;
    if (call->json)
        status = print_json(reply, "clients", error);
    else if (!call->quiet)
        print_table(bg_json_get(reply, "clients"));
    bg_json_destroy(&reply);
    return status;
}

static enum bg_status change(const struct bg_clients_call *call, const char *verb, struct bg_error *error)
{
    struct bg_json *reply, *request = new_request(verb);
    bg_json_add_string(request, "who", call->who);
    enum bg_status status = ask(call, request, error, &reply);
    if (status != BG_OK)
        return status;
    if (strcmp(verb, "renew") == 0) {
        const char *pem = text_of(reply, "certificate");
        if (call->out)
            status = bg_file_write(call->out, (struct bg_span){(const uint8_t *)pem, strlen(pem)}, 0644, error);
        else
            fputs(pem, stdout);
    } else if (call->json) {
        status = print_json(reply, "id", error);
    } else if (!call->quiet) {
        printf("revoked %s\n", text_of(reply, "id"));
    }
    bg_json_destroy(&reply);
    return status;
}

enum bg_status bg_verb_clients(const struct bg_clients_call *call, struct bg_error *error)
{
    const char *action = call->action ? call->action : "";
    if (call->folder && strcmp(action, "list") == 0 && !call->who && !call->out)
        return list(call, error);
    if (call->folder && call->who && (strcmp(action, "renew") == 0 || (strcmp(action, "revoke") == 0 && !call->out)))
        return change(call, action, error);
    return bg_fail(error, BG_INVALID,
                   "clients: say \"clients list DIR\", \"clients revoke DIR WHO\" or \"clients renew DIR WHO [--out "
                   "FILE]\"; see --help");
}
