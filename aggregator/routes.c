/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the server: who may ask what, models and pages, and the frames' routes in front of the root. */
#include "aggregator/service_parts.h"
#include "base/log.h"
#include "base/number.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NOT_AUTHORISED "this device is not on the roster: enrol it again, or ask the key holder's operator"

/* ---- who may ask ---- */

static bool has_role(const struct bg_peer *peer, const char *role)
{
    return strcmp(peer->role, role) == 0;
}

/* What keeps this peer from being heard; BG_OK: nothing does. */
static enum bg_status authorise(struct bg_aggregator_service *service, const struct bg_peer *peer, bool page,
                                struct bg_error *error)
{
    const struct bg_roster_view *roster = &service->roster;
    if (!peer->authenticated)
        return bg_fail(error, BG_REFUSED, "no certificate was shown: enrol this device first");
    if (!roster->version)
        return bg_fail(error, BG_BUSY, "the key holder has not said yet who belongs here: come back later");
    if (bg_roster_view_revoked(roster, &peer->id))
        return bg_fail(error, BG_REFUSED, "this device was revoked");
    if (has_role(peer, "operator"))
        return page ? BG_OK : bg_fail(error, BG_REFUSED, "an operator may look at the pages, and at nothing else");
    if (page && (has_role(peer, "root") || has_role(peer, "keyholder")))
        return BG_OK;
    if (page)
        return bg_fail(error, BG_REFUSED, "pages are for operators: enrol with a token of that role");
    bool known = has_role(peer, "client") ? bg_roster_view_client(roster, &peer->id)
                                          : has_role(peer, "edge") && bg_roster_view_edge(roster, &peer->id);
    return known ? BG_OK : bg_fail(error, BG_UNKNOWN_CLIENT, NOT_AUTHORISED);
}

void bg_service_refused(void *context, const struct bg_peer *peer, const struct bg_error *error)
{
    char who[2 * BG_DIGEST_BYTES + 1] = "";
    if (peer->authenticated)
        bg_digest_to_hex(&peer->id, who);
    bg_service_tell_refused(context, peer->authenticated ? who : peer->address, error);
}

static void refuse(struct bg_aggregator_service *service, struct bg_http_exchange *exchange,
                   const struct bg_error *error)
{
    bg_service_refused(service, bg_http_peer(exchange), error);
    bg_http_refuse(exchange, error->status, error->text);
}

/* ---- pages ---- */

static struct bg_metrics_now look_now(const struct bg_aggregator_service *service)
{
    const struct bg_round *round = bg_root_round(service->root);
    struct bg_http_stats stats = bg_http_server_stats(service->server);
    return (struct bg_metrics_now){.usage = bg_usage_now(),
                                   .phases_ns = bg_driver_phase_ns(service->driver),
                                   .requests = stats.requests,
                                   .requests_refused = stats.requests_refused,
                                   .connections = stats.connections,
                                   .connections_open = stats.connections_open,
                                   .handshakes_failed = stats.handshakes_failed,
                                   .bytes_in = stats.bytes_in,
                                   .bytes_out = stats.bytes_out,
                                   .clients = service->roster.client_count,
                                   .round = round->state == BG_ROUND_IDLE ? 0 : round->number};
}

static void respond_text(struct bg_http_exchange *exchange, unsigned status, const char *type, const char *text)
{
    struct bg_http_response response = {
        .status = status, .content_type = type, .body = {(const uint8_t *)text, strlen(text)}};
    if (text)
        bg_http_respond(exchange, &response);
}

static void serve_health(struct bg_aggregator_service *service, struct bg_http_exchange *exchange)
{
    struct bg_metrics_now now = look_now(service);
    struct bg_health health = {.store = bg_memory_writes(service->memory) && !bg_root_failed(service->root),
                               .key_holder = service->key_holder_answers,
                               .round = now.round};
    unsigned status = 503;
    char *text = bg_health_text(&health, &status);
    if (text)
        respond_text(exchange, status, "application/json", text);
    else
        bg_http_refuse(exchange, BG_NO_MEMORY, "out of memory");
    free(text);
}

static void serve_metrics(struct bg_aggregator_service *service, struct bg_http_exchange *exchange)
{
    struct bg_metrics_now now = look_now(service);
    struct bg_writer w;
    bg_writer_init(&w);
    bg_metrics_write(&service->metrics, &now, &w);
    struct bg_http_response response = {
        .status = 200, .content_type = "text/plain; version=0.0.4; charset=utf-8", .body = bg_writer_span(&w)};
    if (w.status == BG_OK)
        bg_http_respond(exchange, &response);
    else
        bg_http_refuse(exchange, w.status, "out of memory");
    bg_writer_finish(&w);
}

static void serve_rounds(struct bg_aggregator_service *service, struct bg_http_exchange *exchange)
{
    struct bg_metrics_now now = look_now(service);
    const char *query = bg_http_query(exchange);
    uint64_t limit = BG_ROUNDS_SHOWN;
    if (query[0] && (strncmp(query, "limit=", 6) != 0 || bg_parse_u64(query + 6, 1, BG_ROUNDS_KEPT, &limit) != BG_OK)) {
        bg_http_refuse(exchange, BG_INVALID, "the query may be limit=N, N from 1 to 256");
        return;
    }
    char *text = bg_metrics_rounds(&service->metrics, &now, service->population.name, (size_t)limit);
    if (text)
        respond_text(exchange, 200, "application/json", text);
    else
        bg_http_refuse(exchange, BG_NO_MEMORY, "out of memory");
    free(text);
}

/* ---- models ---- */

/* A file of the store as content that responses share; that of the newest one asked for stays. */
static enum bg_status find_model(struct bg_aggregator_service *service, const struct bg_digest *digest,
                                 struct bg_error *error)
{
    struct bg_stored_model stored;
    struct bg_mapping mapping;
    if (service->model && bg_digest_equal(digest, &service->model_digest))
        return BG_OK;
    enum bg_status status = bg_database_model(bg_memory_database(service->memory), digest, error, &stored);
    if (status != BG_OK)
        return bg_fail(error, status, "no such model is published here");
    status = bg_blobs_map(bg_memory_models(service->memory), digest, true, error, &mapping);
    if (status != BG_OK) {
        bg_service_tell_failed(service, error);
        return status;
    }
    struct bg_http_content *content = bg_http_content_create(mapping.bytes);
    size_t size = mapping.bytes.size;
    bg_mapping_finish(&mapping);
    if (!content)
        return bg_fail(error, BG_NO_MEMORY, "out of memory");
    if (service->model)
        bg_http_content_release(service->model);
    service->model = content;
    service->model_digest = *digest;
    service->model_size = size;
    return BG_OK;
}

/* One range "bytes=first-last", "bytes=first-" or "bytes=-count" of `size` bytes. Anything else means all of them, as
 * the standard allows; false: it lies outside. */
static bool read_range(const char *field, size_t size, size_t *ret_first, size_t *ret_size)
{
    char first[24] = "", last[24] = "";
    uint64_t from = 0, to = size - 1;
    *ret_first = 0;
    *ret_size = size;
    const char *dash = field && strncmp(field, "bytes=", 6) == 0 ? strchr(field, '-') : NULL;
    if (!dash || strchr(field, ',') || (size_t)(dash - field - 6) >= sizeof first || strlen(dash + 1) >= sizeof last)
        return true;
    memcpy(first, field + 6, (size_t)(dash - field - 6));
    strcpy(last, dash + 1);
    if ((!first[0] && !last[0]) || (first[0] && bg_parse_u64(first, 0, UINT64_MAX, &from) != BG_OK) ||
        (last[0] && bg_parse_u64(last, 0, UINT64_MAX, &to) != BG_OK))
        return true;
    if (!first[0]) {
        if (to == 0)
            return false;
        from = to < size ? size - to : 0;
        to = size - 1;
    }
    if (from >= size || to < from)
        return to < from && from < size; /* backwards is no range, beyond the end is none to be had */
    *ret_first = (size_t)from;
    *ret_size = (size_t)((to < size ? to : size - 1) - from) + 1;
    return true;
}

static void serve_model(struct bg_aggregator_service *service, struct bg_http_exchange *exchange, const char *name)
{
    struct bg_digest digest;
    struct bg_error error;
    char tag[2 * BG_DIGEST_BYTES + 3], range[80];
    size_t first, size;
    if (bg_digest_from_hex(name, &digest) != BG_OK) {
        bg_http_refuse(exchange, BG_NOT_FOUND, "a model is named by the 64 hex digits of its digest");
        return;
    }
    snprintf(tag, sizeof tag, "\"%s\"", name);
    struct bg_http_field fields[] = {
        {"Burgee-Status", "ok"}, {"ETag", tag}, {"Accept-Ranges", "bytes"}, {"Content-Range", range}};
    struct bg_http_response response = {
        .status = 200, .content_type = "application/octet-stream", .fields = fields, .field_count = 3};
    const char *known = bg_http_header(exchange, "If-None-Match");
    if (known && (strcmp(known, "*") == 0 || strstr(known, tag))) {
        response.status = 304; /* a name is of one content for ever */
        response.content_type = NULL;
        bg_http_respond(exchange, &response);
        return;
    }
    if (find_model(service, &digest, &error) != BG_OK) {
        bg_http_refuse(exchange, error.status, error.text);
        return;
    }
    const char *condition = bg_http_header(exchange, "If-Range");
    const char *wanted = !condition || strcmp(condition, tag) == 0 ? bg_http_header(exchange, "Range") : NULL;
    if (!read_range(wanted, service->model_size, &first, &size)) {
        snprintf(range, sizeof range, "bytes */%zu", service->model_size);
        response.status = 416;
        response.content_type = NULL;
        response.field_count = 4;
        bg_http_respond(exchange, &response);
        return;
    }
    if (size < service->model_size) {
        snprintf(range, sizeof range, "bytes %zu-%zu/%zu", first, first + size - 1, service->model_size);
        response.status = 206;
        response.field_count = 4;
    }
    response.content = service->model;
    response.content_first = first;
    response.content_size = size;
    bg_http_respond(exchange, &response);
}

/* ---- all of them ---- */

/* What follows "/v1/{population}/"; NULL: another path. */
static const char *after_population(const struct bg_aggregator_service *service, const char *path)
{
    size_t length = strlen(service->population.name);
    if (strncmp(path, "/v1/", 4) != 0 || strncmp(path + 4, service->population.name, length) != 0 ||
        path[4 + length] != '/')
        return NULL;
    return path + 5 + length;
}

void bg_service_serve_http(void *context, struct bg_http_exchange *exchange)
{
    struct bg_aggregator_service *service = context;
    const char *path = bg_http_path(exchange), *rest = after_population(service, path);
    enum bg_http_method method = bg_http_method(exchange);
    bool reads = method == BG_HTTP_GET || method == BG_HTTP_HEAD, health = strcmp(path, "/healthz") == 0;
    bool metrics = strcmp(path, "/metrics") == 0, rounds = rest && strcmp(rest, "rounds") == 0;
    struct bg_error error;
    const struct bg_peer *peer = bg_http_peer(exchange);
    if (health && reads && peer->authenticated && !bg_roster_view_revoked(&service->roster, &peer->id)) {
        serve_health(service, exchange);
        return;
    }
    if (authorise(service, peer, metrics || rounds, &error) != BG_OK)
        refuse(service, exchange, &error);
    else if (metrics && reads)
        serve_metrics(service, exchange);
    else if (rounds && reads)
        serve_rounds(service, exchange);
    else if (rest && strncmp(rest, "models/", 7) == 0 && reads)
        serve_model(service, exchange, rest + 7);
    else if (!bg_https_service_take(service->requests, exchange))
        bg_http_refuse(exchange, BG_NOT_FOUND, "no such page here");
}

void bg_service_observe_http(void *context, const struct bg_http_notice *notice)
{
    static const char *const what[] = {[BG_HTTP_NOTICE_HANDSHAKE_FAILED] = "handshake failed",
                                       [BG_HTTP_NOTICE_REFUSED] = "request refused",
                                       [BG_HTTP_NOTICE_BROKEN] = "connection broke"};
    struct bg_aggregator_service *service = context;
    char who[2 * BG_DIGEST_BYTES + 1] = "", text[sizeof notice->error->text + 64];
    const char *sentence = notice->error ? notice->error->text : "";
    uint64_t untold;
    if (notice->peer && notice->peer->authenticated)
        bg_digest_to_hex(&notice->peer->id, who);
    else if (notice->peer)
        snprintf(who, sizeof who, "%s", notice->peer->address);
    if (!bg_repeats_tell(&service->repeats, who, sentence, bg_clock_monotonic_ns(), &untold))
        return;
    bg_log(notice->kind == BG_HTTP_NOTICE_BROKEN ? BG_LOG_DEBUG : BG_LOG_WARN, what[notice->kind],
           "client=%s http=%u untold=%" PRIu64 " error=%s", who, notice->http, untold,
           bg_log_quote(sentence, text, sizeof text));
}

/* ---- frames, on their way to the root ---- */

/* A call whose answer is looked at on its way. */
struct watched {
    struct bg_call call;
    struct bg_call *outer;
    struct bg_aggregator_service *service;
    enum bg_route route;
};

static void pass_answer(struct bg_call *call, enum bg_status status, struct bg_span reply)
{
    struct watched watched = *(struct watched *)call;
    struct bg_aggregator_service *service = watched.service;
    free(call);
    if (watched.route == BG_ROUTE_UPDATE && status == BG_OK && ++service->acknowledged > service->kept_updates) {
        service->acknowledged = service->kept_updates;
        bg_metrics_count_update(&service->metrics, BG_UPDATE_REPEATED);
    }
    bg_call_answer(watched.outer, status, reply);
}

static void serve_update(struct bg_aggregator_service *service, const struct bg_request *request, struct bg_call *call)
{
    struct watched *watched = malloc(sizeof *watched);
    if (!watched) {
        bg_call_answer(call, BG_NO_MEMORY, (struct bg_span){NULL, 0});
        return;
    }
    *watched = (struct watched){.call = {.answer = pass_answer}, .outer = call, .service = service,
                                .route = request->route};
    bg_root_serve(service->root, request, &watched->call);
}

/* From the store, where they outlive the process; the root has those of rounds that it has ended itself. */
static void serve_receipt(struct bg_aggregator_service *service, const struct bg_request *request,
                          struct bg_call *call)
{
    struct bg_reader r;
    struct bg_writer receipt;
    struct bg_error error;
    bg_reader_init(&r, request->body);
    bg_writer_init(&receipt);
    uint64_t round = bg_read_u64(&r);
    enum bg_status status =
        bg_reader_end(&r) == BG_OK
            ? bg_database_receipt(bg_memory_database(service->memory), round, &error, &receipt)
            : BG_NOT_FOUND;
    if (status == BG_OK) {
        service->receipts_told += round == bg_root_round(service->root)->number;
        bg_call_answer(call, BG_OK, bg_writer_span(&receipt));
        if (service->done && service->settings->exit_after_rounds)
            bg_loop_timer_set(service->consider_timer, bg_clock_monotonic_ns());
    } else {
        bg_root_serve(service->root, request, call);
    }
    bg_writer_finish(&receipt);
}

void bg_service_serve(void *context, const struct bg_request *request, struct bg_call *call)
{
    struct bg_aggregator_service *service = context;
    if (!service->resumed || service->stopping)
        bg_call_answer(call, BG_BUSY, (struct bg_span){NULL, 0});
    else if (request->route == BG_ROUTE_UPDATE)
        serve_update(service, request, call);
    else if (request->route == BG_ROUTE_RECEIPT)
        serve_receipt(service, request, call);
    else
        bg_root_serve(service->root, request, call);
}
