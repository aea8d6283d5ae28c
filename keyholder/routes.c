/* SPDX-License-Identifier: Apache-2.0 */
#include "keyholder/routes.h"

#include "crypto/wipe.h"
#include "keyholder/admission.h"
#include "net/http_answer.h"
#include "net/http_routes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void refuse(const struct bg_keyholder_routes *routes, struct bg_http_exchange *exchange, struct bg_error *error)
{
    routes->refused(routes->context, bg_http_peer(exchange), error);
    bg_http_refuse(exchange, error->status, error->text);
}

static void serve_health(const struct bg_keyholder_routes *routes, struct bg_http_exchange *exchange)
{
    char text[96];
    int size = snprintf(text, sizeof text, "{\"status\":\"%s\",\"role\":\"keyholder\",\"epoch\":%" PRIu64 "}\n",
                        bg_keyholder_locked(routes->keyholder) ? "locked" : "ok",
                        bg_keyholder_epoch(routes->keyholder));
    struct bg_http_response response = {.status = 200,
                                        .content_type = "application/json",
                                        .body = {(const uint8_t *)text, (size_t)size}};
    bg_http_respond(exchange, &response);
}

/* ---- enrolment and renewal ---- */

static enum bg_status admit(const struct bg_keyholder_routes *routes, const struct bg_http_exchange *exchange,
                            bool renewal, const struct bg_enrolment_request *request, struct bg_error *error,
                            struct bg_enrolment_reply *ret_reply, uint64_t *ret_wait_ns)
{
    const struct bg_peer *peer = bg_http_peer(exchange);
    uint64_t now = (uint64_t)time(NULL);
    *ret_wait_ns = 0;
    bg_driver_enter(routes->driver);
    enum bg_status status =
        renewal ? bg_keyholder_renew(routes->keyholder, &peer->id, request, now, error, ret_reply)
                : bg_keyholder_redeem(routes->keyholder, request, peer->address, now, error, ret_reply, ret_wait_ns);
    bg_driver_leave(routes->driver);
    if (status == BG_OK && routes->root_url[0])
        snprintf(ret_reply->root_url, sizeof ret_reply->root_url, "%s", routes->root_url);
    return status;
}

static void refuse_for_now(const struct bg_keyholder_routes *routes, struct bg_http_exchange *exchange,
                           const struct bg_error *error, uint64_t wait_ns)
{
    char seconds[24];
    struct bg_http_field fields[] = {{"Retry-After", seconds}, {BG_STATUS_FIELD, "busy"}};
    snprintf(seconds, sizeof seconds, "%" PRIu64, wait_ns / BG_SECOND + 1);
    routes->refused(routes->context, bg_http_peer(exchange), error);
    bg_http_say(exchange, (unsigned)bg_status_http(BG_BUSY), error->text, fields, sizeof fields / sizeof *fields);
}

static void answer_admission(const struct bg_keyholder_routes *routes, struct bg_http_exchange *exchange, bool renewal,
                             struct bg_span body)
{
    struct bg_enrolment_request request = {0};
    struct bg_enrolment_reply reply;
    struct bg_error error = {0};
    uint64_t wait_ns = 0;
    uint8_t point[BG_PUBLIC_POINT_BYTES];
    char *text = NULL;
    enum bg_status status = bg_enrolment_request_parse(body, &error, &request);
    if (status == BG_OK)
        status = admit(routes, exchange, renewal, &request, &error, &reply, &wait_ns);
    if (status == BG_OK && !(text = bg_enrolment_reply_print(&reply)))
        status = bg_fail(&error, BG_NO_MEMORY, "enrolment: out of memory");
    if (status == BG_OK) {
        struct bg_digest device = {{0}};
        if (bg_request_read(&request.request, "certificate request", NULL, point) == BG_OK)
            bg_point_digest(point, &device);
        routes->admitted(routes->context, &device, renewal, bg_http_peer(exchange)->address);
        struct bg_http_response response = {.status = 200,
                                            .content_type = "application/json",
                                            .body = {(const uint8_t *)text, strlen(text)}};
        bg_http_respond(exchange, &response);
    } else if (status == BG_BUSY) {
        refuse_for_now(routes, exchange, &error, wait_ns);
    } else {
        refuse(routes, exchange, &error);
    }
    bg_wipe(&request, sizeof request);
    free(text);
}

static void on_request(void *context, struct bg_http_exchange *exchange, bool renewal, enum bg_status status,
                       struct bg_span body)
{
    const struct bg_keyholder_routes *routes = context;
    struct bg_error error;
    if (status == BG_OK) {
        answer_admission(routes, exchange, renewal, body);
        return;
    }
    bg_fail(&error, status, "%s: %s", renewal ? "renewal" : "enrolment", bg_status_text(status));
    refuse(routes, exchange, &error);
}

static void on_enrolment(void *context, struct bg_http_exchange *exchange, enum bg_status status, struct bg_span body)
{
    on_request(context, exchange, false, status, body);
}

static void on_renewal(void *context, struct bg_http_exchange *exchange, enum bg_status status, struct bg_span body)
{
    on_request(context, exchange, true, status, body);
}

/* ---- who may ask ---- */

static bool is_named(const struct bg_http_target *target, const char *population)
{
    return target->population_size == strlen(population) &&
           memcmp(target->population, population, target->population_size) == 0;
}

/* Without a certificate there is only enrolment; with one that was revoked there is nothing. */
static enum bg_status check_peer(const struct bg_keyholder_routes *routes, const struct bg_peer *peer,
                                 const struct bg_http_target *target, struct bg_error *error)
{
    char hex[2 * BG_DIGEST_BYTES + 1];
    if (!peer->authenticated)
        return bg_fail(error, BG_PERMISSION, "/%s: nobody without a certificate of this key holder; enrol first",
                       target->rest);
    bg_digest_to_hex(&peer->id, hex);
    if (bg_keyholder_revoked(routes->keyholder, &peer->id))
        return bg_fail(error, BG_REFUSED, "%s was revoked", hex);
    if (!target->route || !strcmp(peer->role, "root") || !strcmp(peer->role, "edge"))
        return BG_OK;
    return bg_fail(error, BG_REFUSED, "%s: asked by %s, who is no aggregator", bg_route_name(target->route), hex);
}

static void serve_target(struct bg_keyholder_routes *routes, struct bg_http_exchange *exchange,
                         const struct bg_http_target *target)
{
    struct bg_error error = {0};
    bool post = bg_http_method(exchange) == BG_HTTP_POST, here = is_named(target, routes->population);
    if (post && !strcmp(target->rest, "enrolment") && (here || is_named(target, "-"))) {
        bg_http_read(exchange, BG_ENROLMENT_MOST_BYTES, on_enrolment, routes);
        return;
    }
    if (check_peer(routes, bg_http_peer(exchange), target, &error) != BG_OK) {
        refuse(routes, exchange, &error);
        return;
    }
    if (post && !strcmp(target->rest, "renewal") && here) {
        bg_http_read(exchange, BG_ENROLMENT_MOST_BYTES, on_renewal, routes);
        return;
    }
    if (!bg_https_service_take(routes->service, exchange))
        bg_http_refuse(exchange, BG_NOT_FOUND, "no such path here");
}

void bg_keyholder_route(void *context, struct bg_http_exchange *exchange)
{
    struct bg_keyholder_routes *routes = context;
    struct bg_http_target target;
    const char *path = bg_http_path(exchange);
    if (bg_http_method(exchange) == BG_HTTP_GET && !strcmp(path, "/healthz"))
        serve_health(routes, exchange);
    else if (bg_http_target_read(path, &target))
        serve_target(routes, exchange, &target);
    else
        bg_http_refuse(exchange, BG_NOT_FOUND, "no such path here");
}
