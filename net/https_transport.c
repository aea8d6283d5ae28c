/* SPDX-License-Identifier: Apache-2.0 */
#include "net/https_transport.h"

#include "net/https_ask.h"
#include "net/https_errand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool bg_errand_said(const struct bg_https_reply *reply, enum bg_status *ret_status)
{
    const char *value = reply->status == BG_OK ? bg_https_field(reply, BG_STATUS_FIELD) : NULL;
    return value && bg_status_from_field(value, ret_status) && (*ret_status != BG_OK || reply->http == 200);
}

void bg_errand_warn(const struct bg_https_errand *errand, const struct bg_error *error)
{
    const struct bg_https_transport_settings *settings = &errand->transport->settings;
    if (settings->warn)
        settings->warn(settings->context, error);
}

static void free_errand(struct bg_https_errand *errand)
{
    struct bg_https_transport *transport = errand->transport;
    if (errand->newer)
        errand->newer->older = errand->older;
    else
        transport->errands = errand->older;
    if (errand->older)
        errand->older->newer = errand->newer;
    if (errand->call)
        bg_https_cancel(errand->call);
    bg_loop_timer_destroy(&errand->timer);
    bg_held_release(errand->held);
    free(errand->copy);
    free(errand);
}

void bg_errand_answer(struct bg_https_errand *errand, enum bg_status status, struct bg_span reply)
{
    bg_reply_function *on_reply = errand->on_reply;
    void *context = errand->context;
    free_errand(errand);
    on_reply(context, status, status == BG_OK ? reply : (struct bg_span){NULL, 0});
}

enum bg_status bg_errand_send(struct bg_https_errand *errand, struct bg_https_request request,
                              bg_https_function *on_reply)
{
    struct bg_https_transport *transport = errand->transport;
    uint64_t most = errand->route->reply_most;
    request.pin = transport->settings.pin;
    request.reply_limit = most < SIZE_MAX ? (size_t)most : SIZE_MAX;
    request.timeout_ns = errand->route->patience_ns;
    return bg_https_send(transport->settings.client, &request, on_reply, errand, &errand->call);
}

void bg_errand_warn_of(const struct bg_https_errand *errand, const struct bg_https_reply *reply, enum bg_status status)
{
    struct bg_error error;
    if (bg_https_reply_check(reply, &error) == BG_OK)
        bg_fail(&error, status, "no status of a role");
    bg_fail_in(&error, status, "%s: the server answers %u", errand->url, reply->http);
    bg_errand_warn(errand, &error);
}

/* What to tell a role where nobody has spoken for the other one. */
static enum bg_status status_without_words(const struct bg_https_errand *errand, const struct bg_https_reply *reply)
{
    if (reply->status != BG_OK) {
        bg_errand_warn(errand, reply->error);
        return reply->status == BG_NO_MEMORY ? BG_NO_MEMORY : BG_IO;
    }
    enum bg_status status = reply->http == 503 ? BG_BUSY : BG_IO;
    bg_errand_warn_of(errand, reply, status);
    return status;
}

static void pass_reply(void *context, const struct bg_https_reply *reply)
{
    struct bg_https_errand *errand = context;
    enum bg_status status;
    errand->call = NULL;
    if (!bg_errand_said(reply, &status))
        status = status_without_words(errand, reply);
    bg_errand_answer(errand, status, reply->body);
}

static enum bg_status send_once(struct bg_https_errand *errand)
{
    static const struct bg_https_field type = {"Content-Type", BG_FRAMES_TYPE};
    struct bg_https_request request = {.method = "GET", .url = errand->url};
    if (errand->route->argument == BG_ARGUMENT_BODY) {
        request.method = "POST";
        request.body = errand->body;
        request.fields = &type;
        request.field_count = 1;
    }
    return bg_errand_send(errand, request, pass_reply);
}

/* Holds the body, or a copy of it. */
static bool take_body(struct bg_https_errand *errand, const struct bg_request *request)
{
    if (errand->route->argument != BG_ARGUMENT_BODY || !request->body.size)
        return true;
    errand->body = request->body;
    if (request->held) {
        errand->held = bg_held_keep(request->held);
        return true;
    }
    errand->copy = malloc(request->body.size);
    if (!errand->copy)
        return false;
    memcpy(errand->copy, request->body.data, request->body.size);
    errand->body.data = errand->copy;
    return true;
}

static enum bg_status transport_send(struct bg_transport *base, const struct bg_request *request,
                                     bg_reply_function *on_reply, void *context)
{
    struct bg_https_transport *transport = (struct bg_https_transport *)base;
    char path[BG_ROUTE_PATH_BYTES];
    enum bg_status status = bg_http_route_path(request->route, transport->settings.population, request->body, path);
    if (status != BG_OK)
        return status;
    struct bg_https_errand *errand = malloc(sizeof *errand);
    if (!errand)
        return BG_NO_MEMORY;
    *errand = (struct bg_https_errand){.transport = transport,
                                       .older = transport->errands,
                                       .on_reply = on_reply,
                                       .context = context,
                                       .route = bg_http_route(request->route)};
    if (errand->older)
        errand->older->newer = errand;
    transport->errands = errand;
    snprintf(errand->url, sizeof errand->url, "%s%s", transport->settings.url, path);
    status = BG_NO_MEMORY;
    if (take_body(errand, request))
        status = request->route == BG_ROUTE_UPDATE ? bg_errand_upload(errand) : send_once(errand);
    if (status != BG_OK)
        free_errand(errand);
    return status;
}

enum bg_status bg_https_transport_create(const struct bg_https_transport_settings *settings, struct bg_error *error,
                                         struct bg_https_transport **ret_transport)
{
    static const struct bg_transport_ops ops = {.send = transport_send};
    static const char scheme[] = "https://";
    size_t size = strlen(settings->url);
    if (strncmp(settings->url, scheme, strlen(scheme)) != 0 || settings->url[strcspn(settings->url + 8, "/?#") + 8] ||
        size == strlen(scheme) || size + BG_ROUTE_PATH_BYTES > BG_ERRAND_URL_BYTES)
        return bg_fail(error, BG_INVALID, "\"%s\" is not of the form https://host:port", settings->url);
    struct bg_https_transport *transport = malloc(sizeof *transport);
    if (!transport)
        return bg_fail(error, BG_NO_MEMORY, "no memory for a transport");
    *transport = (struct bg_https_transport){.transport = {.ops = &ops},
                                             .settings = *settings,
                                             .loop = bg_https_client_loop(settings->client)};
    transport->settings.url = strdup(settings->url);
    transport->settings.population = strdup(settings->population);
    bg_prng_init_stream(&transport->jitter, settings->seed, "upload", 0);
    if (!transport->settings.url || !transport->settings.population) {
        bg_https_transport_destroy(&transport);
        return bg_fail(error, BG_NO_MEMORY, "no memory for a transport");
    }
    *ret_transport = transport;
    return BG_OK;
}

void bg_https_transport_destroy(struct bg_https_transport **transport)
{
    struct bg_https_transport *t = *transport;
    if (!t)
        return;
    while (t->errands)
        free_errand(t->errands);
    free((char *)t->settings.url);
    free((char *)t->settings.population);
    free(t);
    *transport = NULL;
}

struct bg_transport *bg_https_transport(struct bg_https_transport *transport)
{
    return &transport->transport;
}

uint64_t bg_https_transport_sent(const struct bg_https_transport *transport)
{
    return transport->sent;
}
