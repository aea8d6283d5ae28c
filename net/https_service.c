/* SPDX-License-Identifier: Apache-2.0 */
#include "net/https_transport.h"

#include "net/http_answer.h"
#include "net/uploads.h"

#include <stdlib.h>
#include <string.h>

#define SHARED_LEAST_BYTES 4096 /* below, comparing costs more than it saves */

struct service_call {
    struct bg_call call; /* first: what the role answers */
    struct service_call *older, *newer;
    struct bg_https_service *service;
    struct bg_http_exchange *exchange;
    struct bg_request request;
    uint8_t argument[BG_ROUTE_ARGUMENT_BYTES];
};

struct bg_https_service {
    struct bg_https_service_settings settings; /* population is owned */
    struct bg_uploads *uploads; /* NULL: not served */
    struct service_call *calls; /* the latest first */
    struct bg_http_content *documents[BG_ROUTE_COUNT]; /* what it answered last, for all who ask the same; or NULL */
};

static void end_call(struct service_call *call)
{
    if (call->newer)
        call->newer->older = call->older;
    else
        call->service->calls = call->older;
    if (call->older)
        call->older->newer = call->newer;
    free(call);
}

/* The bytes of a document that many ask for, kept once however many responses they are in; NULL: they are copied. */
static struct bg_http_content *share(struct bg_https_service *service, enum bg_route route, struct bg_span reply)
{
    struct bg_http_content **document = &service->documents[route];
    if (reply.size < SHARED_LEAST_BYTES || bg_http_route(route)->method != BG_HTTP_GET)
        return NULL;
    if (!*document || !bg_span_equal(bg_http_content_bytes(*document), reply)) {
        bg_http_content_release(*document);
        *document = bg_http_content_create(reply);
    }
    return *document;
}

static void answer(struct bg_call *answered, enum bg_status status, struct bg_span reply)
{
    struct service_call *call = (struct service_call *)answered;
    struct bg_http_content *content = status == BG_OK ? share(call->service, call->request.route, reply) : NULL;
    bg_http_answer_with(call->exchange, status, reply, content, NULL, 0);
    end_call(call); /* not before: the reply may be bytes of the request */
}

static void serve(struct service_call *call)
{
    const struct bg_https_service_settings *settings = &call->service->settings;
    if (settings->enter)
        settings->enter(settings->context);
    settings->serve(settings->server, &call->request, &call->call);
    if (settings->leave)
        settings->leave(settings->context);
}

static void on_body(void *context, struct bg_http_exchange *exchange, enum bg_status status, struct bg_span body)
{
    struct service_call *call = context;
    if (status != BG_OK) {
        end_call(call);
        bg_http_answer(exchange, status, (struct bg_span){NULL, 0});
        return;
    }
    call->request.body = body;
    serve(call);
}

static void take_call(struct bg_https_service *service, struct bg_http_exchange *exchange,
                      const struct bg_http_target *target)
{
    const struct bg_http_route *route = bg_http_route(target->route);
    struct service_call *call = malloc(sizeof *call);
    if (!call) {
        bg_http_answer(exchange, BG_NO_MEMORY, (struct bg_span){NULL, 0});
        return;
    }
    *call = (struct service_call){
        .call = {answer},
        .older = service->calls,
        .service = service,
        .exchange = exchange,
        .request = {.route = target->route, .peer = bg_http_peer(exchange)->id},
    };
    if (call->older)
        call->older->newer = call;
    service->calls = call;
    if (route->argument == BG_ARGUMENT_BODY) {
        size_t most = route->request_most < SIZE_MAX ? (size_t)route->request_most : SIZE_MAX;
        bg_http_read(exchange, most, on_body, call);
        return;
    }
    memcpy(call->argument, target->argument, target->argument_size);
    call->request.body = (struct bg_span){call->argument, target->argument_size};
    serve(call);
}

static bool is_served(const struct bg_https_service *service, enum bg_route route)
{
    return route && service->settings.routes >> route & 1 && (route != BG_ROUTE_UPDATE || service->uploads);
}

bool bg_https_service_take(struct bg_https_service *service, struct bg_http_exchange *exchange)
{
    const char *population = service->settings.population;
    struct bg_http_target target;
    if (!bg_http_target_read(bg_http_path(exchange), &target))
        return false;
    const char *upload = bg_uploads_key(target.rest);
    if (upload ? !is_served(service, BG_ROUTE_UPDATE) : !is_served(service, target.route))
        return false;
    if (target.population_size != strlen(population) ||
        memcmp(target.population, population, target.population_size) != 0) {
        bg_http_answer(exchange, BG_WRONG_POPULATION, (struct bg_span){NULL, 0});
        return true;
    }
    if (upload) {
        bg_uploads_take(service->uploads, exchange, upload);
        return true;
    }
    const struct bg_http_route *route = bg_http_route(target.route);
    if (bg_http_method(exchange) != route->method) {
        const struct bg_http_field allow = {"Allow", route->method == BG_HTTP_GET ? "GET" : "POST"};
        bg_http_say(exchange, 405, "this path has another method", &allow, 1);
    } else if (target.route == BG_ROUTE_UPDATE) {
        bg_uploads_create_one(service->uploads, exchange);
    } else {
        take_call(service, exchange, &target);
    }
    return true;
}

enum bg_status bg_https_service_create(const struct bg_https_service_settings *settings, struct bg_error *error,
                                       struct bg_https_service **ret_service)
{
    struct bg_https_service *service = malloc(sizeof *service);
    if (!service)
        return bg_fail(error, BG_NO_MEMORY, "no memory for the HTTPS routes");
    *service = (struct bg_https_service){.settings = *settings};
    service->settings.population = strdup(settings->population);
    enum bg_status status = BG_OK;
    if (!service->settings.population)
        status = bg_fail(error, BG_NO_MEMORY, "no memory for the HTTPS routes");
    else if (settings->uploads)
        status = bg_uploads_create(settings, error, &service->uploads);
    if (status != BG_OK) {
        bg_https_service_destroy(&service);
        return status;
    }
    *ret_service = service;
    return BG_OK;
}

void bg_https_service_destroy(struct bg_https_service **service)
{
    struct bg_https_service *s = *service;
    if (!s)
        return;
    while (s->calls) {
        struct bg_http_exchange *exchange = s->calls->exchange;
        end_call(s->calls);
        bg_http_answer(exchange, BG_BUSY, (struct bg_span){NULL, 0});
    }
    bg_uploads_destroy(&s->uploads);
    for (size_t route = 0; route < BG_ROUTE_COUNT; route++)
        bg_http_content_release(s->documents[route]);
    free((char *)s->settings.population);
    free(s);
    *service = NULL;
}
