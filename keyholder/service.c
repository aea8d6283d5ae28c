/* SPDX-License-Identifier: Apache-2.0 */
#include "keyholder/service.h"

#include "base/json.h"
#include "base/log.h"
#include "base/repeats.h"
#include "crypto/certificate.h"
#include "crypto/wipe.h"
#include "keyholder/admission.h"
#include "keyholder/confine.h"
#include "keyholder/control.h"
#include "keyholder/service_control.h"
#include "keyholder/folder.h"
#include "keyholder/routes.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GOODBYE_NS (BG_SECOND / 4) /* for answers under way when it is told to stop */
#define IO_THREADS 2

struct service {
    struct bg_folder *folder;
    struct bg_keyholder *keyholder;
    struct bg_loop *loop;
    struct bg_driver *driver;
    struct bg_http_server *server;
    struct bg_https_service *https;
    struct bg_control_socket *control;
    struct bg_keyholder_routes routes;
    struct bg_repeats repeats;
    bool json, warned;
};

/* ---- events ---- */

static struct bg_json *event_object(const char *name)
{
    struct bg_json *object = bg_json_object();
    bg_json_add_string(object, "event", name);
    return object;
}

/* Takes the object; one line, at once. */
static void emit(const struct service *service, struct bg_json *object)
{
    char *text = service->json ? bg_json_print(object, false) : NULL;
    if (text) {
        puts(text);
        fflush(stdout);
    }
    free(text);
    bg_json_destroy(&object);
}

/* The id that a peer has shown; without one where it is. */
static const char *name_of(const struct bg_peer *peer, char hex[static 2 * BG_DIGEST_BYTES + 1])
{
    if (!peer || !peer->authenticated)
        return peer ? peer->address : "";
    bg_digest_to_hex(&peer->id, hex);
    return hex;
}

static void emit_error(const struct service *service, const char *name, const struct bg_keyholder_notice *notice,
                       const struct bg_error *error)
{
    struct bg_json *object = event_object(name);
    bg_json_add_u64(object, "round", notice->round);
    bg_json_add_u64(object, "group", notice->group);
    bg_json_add_string(object, "reason", bg_status_name(error->status));
    bg_json_add_string(object, "error", error->text);
    emit(service, object);
}

static void on_notice(void *context, const struct bg_keyholder_notice *notice)
{
    static const struct {
        const char *event;
        enum bg_log_level level;
    } kinds[] = {
        [BG_KEYHOLDER_NOTICE_EPOCH] = {"epoch", BG_LOG_INFO},
        [BG_KEYHOLDER_NOTICE_PLAN] = {"plan", BG_LOG_INFO},
        [BG_KEYHOLDER_NOTICE_OPENED] = {"opened", BG_LOG_INFO},
        [BG_KEYHOLDER_NOTICE_REPEATED] = {"repeated", BG_LOG_INFO},
        [BG_KEYHOLDER_NOTICE_REFUSED] = {"refused", BG_LOG_WARN},
        [BG_KEYHOLDER_NOTICE_REJECTED] = {"rejected", BG_LOG_ERROR},
        [BG_KEYHOLDER_NOTICE_AUDITED] = {"audited", BG_LOG_WARN},
        [BG_KEYHOLDER_NOTICE_REVOKED] = {"revoked", BG_LOG_WARN},
        [BG_KEYHOLDER_NOTICE_LOCKED] = {"locked", BG_LOG_ERROR},
        [BG_KEYHOLDER_NOTICE_BARRED] = {"barred", BG_LOG_ERROR},
    };
    const struct service *service = context;
    if (notice->error) {
        emit_error(service, kinds[notice->kind].event, notice, notice->error);
        bg_log_error(kinds[notice->kind].level, kinds[notice->kind].event, notice->error);
        return;
    }
    struct bg_json *object = event_object(kinds[notice->kind].event);
    if (notice->device) {
        char hex[2 * BG_DIGEST_BYTES + 1];
        bg_digest_to_hex(notice->device, hex);
        bg_json_add_digest(object, "client", notice->device);
        emit(service, object);
        bg_log(kinds[notice->kind].level, kinds[notice->kind].event, "client=%s", hex);
        return;
    }
    bg_json_add_u64(object, "epoch", notice->epoch);
    if (notice->kind == BG_KEYHOLDER_NOTICE_OPENED || notice->kind == BG_KEYHOLDER_NOTICE_REPEATED) {
        bg_json_add_u64(object, "round", notice->round);
        bg_json_add_u64(object, "group", notice->group);
    }
    emit(service, object);
    bg_log(kinds[notice->kind].level, kinds[notice->kind].event, "epoch=%llu round=%llu group=%u",
           (unsigned long long)notice->epoch, (unsigned long long)notice->round, notice->group);
}

/* Whoever runs both reads everything (docs/THREAT_MODEL.md): it is said once. */
static void warn_of_one_owner(struct service *service, const char *address)
{
    bool here = !strncmp(address, "127.", 4) || !strcmp(address, "::1") || !strncmp(address, "::ffff:127.", 11);
    if (!here || service->warned)
        return;
    service->warned = true;
    bg_log(BG_LOG_WARN, "the root enrolled from this machine: whoever runs both roles can read every update",
           "privacy=\"rests on that person\"");
}

static void on_admitted(void *context, const struct bg_digest *id, bool renewed, const char *address)
{
    struct service *service = context;
    struct bg_json *object = event_object(renewed ? "renewed" : "enrolled");
    char hex[2 * BG_DIGEST_BYTES + 1];
    const char *role = "";
    for (size_t i = 0; bg_keyholder_device(service->keyholder, i); i++) {
        const struct bg_device *device = bg_keyholder_device(service->keyholder, i);
        if (bg_digest_equal(&device->id, id))
            role = bg_certificate_role_name(device->role);
    }
    bg_digest_to_hex(id, hex);
    bg_json_add_digest(object, "client", id);
    bg_json_add_string(object, "role", role);
    bg_json_add_string(object, "address", address);
    emit(service, object);
    bg_log(BG_LOG_INFO, renewed ? "renewed" : "enrolled", "client=%s role=%s address=%s", hex, role, address);
    if (!strcmp(role, "root"))
        warn_of_one_owner(service, address);
}

static void on_refused(void *context, const struct bg_peer *peer, const struct bg_error *error)
{
    struct service *service = context;
    char hex[2 * BG_DIGEST_BYTES + 1], quoted[sizeof error->text + 64];
    const char *client = name_of(peer, hex);
    uint64_t untold;
    if (!bg_repeats_tell(&service->repeats, client, error->text, bg_clock_monotonic_ns(), &untold))
        return;
    struct bg_json *object = event_object("refused");
    bg_json_add_string(object, "client", client);
    bg_json_add_string(object, "address", peer->address);
    bg_json_add_string(object, "reason", bg_status_name(error->status));
    bg_json_add_string(object, "error", error->text);
    emit(service, object);
    bg_log(BG_LOG_WARN, "refused", "client=%s address=%s reason=%s untold=%llu error=%s", client, peer->address,
           bg_status_name(error->status), (unsigned long long)untold,
           bg_log_quote(error->text, quoted, sizeof quoted));
}

/* From I/O threads. */
static void on_http_notice(void *context, const struct bg_http_notice *notice)
{
    static const char *const what[] = {[BG_HTTP_NOTICE_HANDSHAKE_FAILED] = "handshake failed",
                                       [BG_HTTP_NOTICE_REFUSED] = "request refused",
                                       [BG_HTTP_NOTICE_BROKEN] = "connection broke"};
    struct service *service = context;
    char hex[2 * BG_DIGEST_BYTES + 1], quoted[sizeof notice->error->text + 64];
    const char *client = name_of(notice->peer, hex), *sentence = notice->error ? notice->error->text : "";
    uint64_t untold;
    if (!bg_repeats_tell(&service->repeats, client, sentence, bg_clock_monotonic_ns(), &untold))
        return;
    bg_log(notice->kind == BG_HTTP_NOTICE_BROKEN ? BG_LOG_DEBUG : BG_LOG_WARN, what[notice->kind],
           "client=%s http=%u untold=%llu error=%s", client, notice->http, (unsigned long long)untold,
           bg_log_quote(sentence, quoted, sizeof quoted));
}

/* ---- driving the role ---- */

static void tick(void *role, uint64_t now)
{
    bg_keyholder_tick(role, now);
}

static uint64_t next_wake(const void *role)
{
    return bg_keyholder_next_wake(role);
}

static struct bg_work *next_work(void *role)
{
    return bg_keyholder_work(role);
}

static void enter(void *context)
{
    bg_driver_enter(((struct service *)context)->driver);
}

static void leave(void *context)
{
    bg_driver_leave(((struct service *)context)->driver);
}

static char *answer_control(void *context, struct bg_span request)
{
    struct service *service = context;
    enter(service);
    char *answer = bg_control_answer(service->keyholder, request, (uint64_t)time(NULL));
    leave(service);
    return answer;
}

static void route(void *context, struct bg_http_exchange *exchange)
{
    struct service *service = context;
    bg_keyholder_route(&service->routes, exchange);
}

/* ---- beginning ---- */

static enum bg_status start_role(struct service *service, struct bg_error *error)
{
    static const struct bg_driver_ops ops = {.tick = tick, .next_wake = next_wake, .work = next_work};
    /* One thread for one piece of work after the other: it is who runs the folder's workers, and these do each. */
    enum bg_status status = bg_driver_create(service->loop, &ops, 1, NULL, NULL, error, &service->driver);
    if (status == BG_OK)
        bg_driver_start(service->driver, service->keyholder);
    return status;
}

static enum bg_status start_routes(struct service *service, const struct bg_keyholder_config *config,
                                   struct bg_error *error)
{
    const char *population = bg_folder_settings(service->folder)->population.name;
    struct bg_https_service_settings settings = {
        .population = population,
        .routes = 1u << BG_ROUTE_EPOCH | 1u << BG_ROUTE_SIGNED_PLAN | 1u << BG_ROUTE_RELEASE | 1u << BG_ROUTE_SUMS |
                  1u << BG_ROUTE_AUDIT | 1u << BG_ROUTE_ROSTER,
        .serve = bg_keyholder_serve,
        .server = service->keyholder,
        .enter = enter,
        .leave = leave,
        .context = service};
    enum bg_status status = bg_https_service_create(&settings, error, &service->https);
    service->routes = (struct bg_keyholder_routes){.keyholder = service->keyholder,
                                                   .driver = service->driver,
                                                   .service = service->https,
                                                   .population = population,
                                                   .root_url = config->root_url,
                                                   .admitted = on_admitted,
                                                   .refused = on_refused,
                                                   .context = service};
    return status;
}

static enum bg_status start_server(struct service *service, const struct bg_keyholder_config *config,
                                   struct bg_error *error)
{
    const struct bg_keyholder_settings *settings = bg_folder_settings(service->folder);
    struct bg_pem key = {""};
    if (!settings->authority_certificate)
        return bg_fail(error, BG_CONFIG, "the folder has no authority (ca.secret, ca.pem): make it anew with init");
    enum bg_status status = bg_identity_pem(settings->identity, &key);
    struct bg_http_server_settings server = {
        .loop = service->loop,
        .address = config->listen_address,
        .port = (uint16_t)config->listen_port,
        .threads = IO_THREADS,
        .credentials = {.certificate = bg_folder_certificate(service->folder)->text,
                        .key = key.text,
                        .authority = settings->authority_certificate->text},
        .strangers = true,
        .limits = bg_http_limits_default,
        .serve = route,
        .observe = on_http_notice,
        .context = service};
    server.limits.memory_bytes = (size_t)config->body_bytes;
    server.limits.connections = (size_t)config->connections;
    if (status == BG_OK)
        status = bg_http_server_create(&server, error, &service->server);
    else
        bg_fail(error, status, "identity.secret: %s", bg_status_text(status));
    bg_wipe(&key, sizeof key);
    return status;
}

static enum bg_status start_control(struct service *service, const char *folder, struct bg_error *error)
{
    char path[BG_FOLDER_PATH_BYTES];
    enum bg_status status = bg_folder_path(folder, "control", error, path);
    return status == BG_OK ? bg_control_socket_create(service->loop, path, answer_control, service, error,
                                                      &service->control)
                           : status;
}

/* Last, when everything that has a thread or a file has it. */
static enum bg_status confine(const struct bg_keyholder_config *config, struct bg_error *error)
{
    bool confined = false;
    enum bg_status status = config->confine ? bg_confine(error, &confined) : BG_OK;
    if (status == BG_OK && !confined)
        bg_log(BG_LOG_WARN, "system calls are not filtered",
               config->confine ? "hint=\"this build or machine has no seccomp\"" : "hint=\"process.confine=false\"");
    return status;
}

static void announce(const struct service *service, const struct bg_keyholder_config *config)
{
    char url[BG_OPTION_TEXT_BYTES + 32];
    const char *address = config->listen_address;
    bool six = strchr(address, ':') != NULL;
    if (!strcmp(address, "0.0.0.0") || !strcmp(address, "::")) {
        address = "127.0.0.1";
        six = false;
    }
    snprintf(url, sizeof url, "https://%s%s%s:%u", six ? "[" : "", address, six ? "]" : "",
             bg_http_server_port(service->server));
    struct bg_json *object = event_object("ready");
    bg_json_add_string(object, "url", url);
    emit(service, object);
    bg_log(BG_LOG_INFO, "ready", "url=%s", url);
}

/* ---- end ---- */

static void on_stopped(void *context)
{
    struct service *service = context;
    bg_loop_stop(service->loop);
}

static void on_stop_signal(void *context)
{
    struct service *service = context;
    bg_http_server_stop(service->server, GOODBYE_NS, on_stopped, service);
}

/* The server first: what has come and nobody has looked at is still given to routes and role. The role before the calls
 * that it has not answered. */
static void finish(struct service *service)
{
    bg_control_socket_destroy(&service->control);
    bg_http_server_destroy(&service->server);
    bg_driver_destroy(&service->driver);
    bg_folder_close(&service->folder);
    bg_https_service_destroy(&service->https);
    bg_loop_destroy(&service->loop);
}

enum bg_status bg_keyholder_service_run(const char *folder, const struct bg_keyholder_config *config, bool json,
                                        struct bg_error *error)
{
    struct service service = {.json = json, .repeats = {.lock = PTHREAD_MUTEX_INITIALIZER}};
    enum bg_status status = config->confine ? bg_confine_prepare(error) : BG_OK;
    if (status == BG_OK)
        status = bg_loop_create(error, &service.loop);
    if (status == BG_OK)
        status = bg_folder_open(folder, config, error, &service.folder);
    if (status == BG_OK) {
        service.keyholder = bg_folder_keyholder(service.folder);
        bg_folder_observe(service.folder, on_notice, &service);
        status = start_role(&service, error);
    }
    if (status == BG_OK)
        status = start_routes(&service, config, error);
    if (status == BG_OK)
        status = start_server(&service, config, error);
    if (status == BG_OK)
        status = start_control(&service, folder, error);
    if (status == BG_OK)
        status = bg_loop_on_stop_signal(service.loop, on_stop_signal, &service);
    if (status == BG_OK)
        status = confine(config, error);
    if (status == BG_OK) {
        announce(&service, config);
        bg_loop_run(service.loop);
        emit(&service, event_object("stopped"));
    }
    finish(&service);
    return status;
}
