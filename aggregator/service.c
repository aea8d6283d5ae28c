/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/service.h"

#include "aggregator/offline.h"
#include "aggregator/service_parts.h"
#include "base/log.h"
#include "base/number.h"
#include "crypto/identity_file.h"
#include "net/https_ask.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_NS (BG_SECOND)          /* for answers under way when it is told to end */
#define CONNECT_NS (20 * BG_SECOND)
#define IDLE_NS (60 * BG_SECOND)         /* of a connection to the key holder */
#define RETRY_NS (2 * BG_SECOND)         /* before the key holder is asked again */
#define RENEWAL_LOOK_NS (3600 * BG_SECOND)
#define RENEWAL_TIMEOUT_NS (60 * BG_SECOND)
#define MIB ((uint64_t)1 << 20)

/* ---- its end ---- */

static void on_stopped(void *context)
{
    struct bg_aggregator_service *service = context;
    bg_loop_stop(service->loop);
}

void bg_service_stop(struct bg_aggregator_service *service)
{
    if (service->stopping)
        return;
    service->stopping = true;
    if (service->server)
        bg_http_server_stop(service->server, PATIENCE_NS, on_stopped, service);
    else
        bg_loop_stop(service->loop);
}

void bg_service_fail(struct bg_aggregator_service *service, const struct bg_error *error)
{
    if (service->end != BG_OK)
        return;
    service->end = error->status;
    if (&service->error != error)
        service->error = *error;
    bg_service_stop(service);
}

static void on_stop_signal(void *context)
{
    bg_service_stop(context);
}

/* ---- the root on its driver ---- */

static void tick(void *role, uint64_t now)
{
    bg_root_tick(role, now);
}

static uint64_t next_wake(const void *role)
{
    return bg_root_next_wake(role);
}

static struct bg_work *next_work(void *role)
{
    return bg_root_work(role);
}

static void enter(void *context)
{
    struct bg_aggregator_service *service = context;
    bg_driver_enter(service->driver);
}

static void leave(void *context)
{
    struct bg_aggregator_service *service = context;
    bg_driver_leave(service->driver);
}

static enum bg_status post(void *context, void (*run)(void *argument), void *argument)
{
    struct bg_aggregator_service *service = context;
    return bg_loop_post(service->loop, run, argument);
}

static void observe(void *context, const struct bg_root_notice *notice)
{
    struct bg_aggregator_service *service = context;
    bg_service_tell(service, notice);
    bg_service_population_notice(service, notice);
    bg_memory_observe(service->memory, notice);
}

static void on_resumed(void *context, enum bg_status status, const struct bg_error *error)
{
    struct bg_aggregator_service *service = context;
    if (status != BG_OK) {
        bg_service_fail(service, error);
        return;
    }
    service->resumed = true;
    service->key_holder_answers = true; /* until it does not: a long poll says nothing for a while */
    bg_service_tell_ready(service);
    bg_service_follow_roster(service);
}

/* ---- what it is made of ---- */

static enum bg_status make_https(struct bg_aggregator_service *service, struct bg_error *error)
{
    const struct bg_aggregator_config *config = service->config;
    struct bg_membership *membership = &service->membership;
    uint64_t seed;
    struct bg_random random = bg_random_system();
    struct bg_https_settings https = {.loop = service->loop,
                                      .credentials = {.certificate = membership->certificate.text,
                                                      .key = membership->key.text,
                                                      .authority = membership->authority.text},
                                      .proxy = config->proxy[0] ? config->proxy : NULL,
                                      .connect_ns = CONNECT_NS,
                                      .idle_ns = IDLE_NS};
    if (!config->key_holder_url[0])
        return bg_fail(error, BG_CONFIG, "key_holder.url is not set: " BG_AGGREGATOR_ENROL_FIRST);
    enum bg_status status = bg_https_client_create(&https, error, &service->https);
    if (status == BG_OK)
        status = bg_random_fill(&random, &seed, sizeof seed);
    if (status != BG_OK)
        return status;
    struct bg_https_transport_settings settings = {.client = service->https,
                                                   .url = config->key_holder_url,
                                                   .population = config->population,
                                                   .patience_ns = RETRY_NS,
                                                   .tries = 1,
                                                   .seed = seed,
                                                   .warn = bg_service_warn,
                                                   .context = service};
    bg_point_pin(membership->key_holder, &settings.pin);
    bg_roster_view_init(&service->roster, seed);
    return bg_https_transport_create(&settings, error, &service->key_holder);
}

static enum bg_status open_memory(struct bg_aggregator_service *service, struct bg_error *error)
{
    struct bg_memory_settings settings = {.folder = service->settings->folder,
                                          .update_rounds = service->config->update_rounds,
                                          .models = service->config->models_kept,
                                          .key_holder = bg_https_transport(service->key_holder),
                                          .post = post,
                                          .enter = enter,
                                          .leave = leave,
                                          .file_of = bg_https_upload_file,
                                          .kept = bg_service_tell_update,
                                          .phases = bg_service_phases,
                                          .resumed = on_resumed,
                                          .warn = bg_service_warn,
                                          .owner = service};
    struct bg_digest commitment;
    uint8_t *model;
    size_t size;
    enum bg_status status = bg_memory_open(&settings, error, &service->memory);
    if (status != BG_OK || !bg_memory_fresh(service->memory))
        return status;
    status = bg_offline_origin(settings.folder, error, &model, &size, &commitment);
    if (status != BG_OK)
        return status;
    status = bg_memory_begin(service->memory, (struct bg_span){model, size}, &commitment, error);
    free(model);
    return status;
}

static enum bg_status create_root(struct bg_aggregator_service *service, const struct bg_sealing_key *sealing_key,
                                  struct bg_error *error)
{
    struct bg_mapping mapping;
    struct bg_model_file model;
    struct bg_root_settings settings = {.population = service->population,
                                        .identity = service->membership.identity,
                                        .sealing_key = sealing_key,
                                        .key_holder_transport = &service->port.transport,
                                        .random = bg_random_system(),
                                        .retry_ns = RETRY_NS,
                                        .workers = bg_driver_workers(service->driver),
                                        .observe = observe,
                                        .observe_context = service};
    enum bg_status status = bg_memory_model(service->memory, error, &mapping);
    if (status != BG_OK)
        return status;
    status = bg_model_decode(mapping.bytes, "the published model", error, &model);
    bg_mapping_finish(&mapping);
    if (status != BG_OK)
        return status;
    settings.initial = model.card;
    memcpy(settings.key_holder, service->membership.key_holder, sizeof settings.key_holder);
    bg_aggregator_config_apply(service->config, &settings);
    settings.pace.contacts_per_second = service->config->contacts_per_second;
    bg_memory_prepare(service->memory, &settings);
    status = bg_root_create(&settings, bg_clock_monotonic_ns(), error, &service->root);
    bg_model_file_finish(&model);
    return status;
}

static unsigned threads(uint64_t wanted)
{
    return wanted ? (unsigned)wanted : bg_available_processors();
}

static enum bg_status make_root(struct bg_aggregator_service *service, const struct bg_sealing_key *sealing_key,
                                struct bg_error *error)
{
    static const struct bg_driver_ops ops = {tick, next_wake, next_work};
    enum bg_status status = bg_driver_create(service->loop, &ops, threads(service->config->worker_threads), NULL, NULL,
                                             error, &service->driver);
    if (status != BG_OK)
        return status;
    bg_driver_port_init(&service->port, service->driver, bg_memory_transport(service->memory));
    status = create_root(service, sealing_key, error);
    if (status == BG_OK)
        bg_driver_start(service->driver, service->root);
    return status;
}

/* ---- the server ---- */

static struct bg_http_limits limits_of(const struct bg_aggregator_config *config)
{
    struct bg_http_limits limits = bg_http_limits_default;
    limits.connections = (size_t)config->most_connections;
    limits.exchanges = (size_t)config->most_exchanges;
    limits.memory_bytes = (size_t)(config->most_memory_mib * MIB);
    return limits;
}

/* Port 0: the one it had before, where its clients look for it. */
static uint16_t recall_port(struct bg_aggregator_service *service)
{
    struct bg_writer port;
    struct bg_reader r;
    bg_writer_init(&port);
    uint16_t number = (uint16_t)service->config->listen_port;
    if (!number && bg_database_document(bg_memory_database(service->memory), "port", NULL, &port) == BG_OK) {
        bg_reader_init(&r, bg_writer_span(&port));
        number = bg_read_u16(&r);
    }
    bg_writer_finish(&port);
    return number;
}

static enum bg_status keep_port(struct bg_aggregator_service *service, uint16_t port, struct bg_error *error)
{
    struct bg_writer w;
    bg_writer_init(&w);
    bg_write_u16(&w, port);
    enum bg_status status = w.status == BG_OK ? bg_database_set_document(bg_memory_database(service->memory), "port",
                                                                         bg_writer_span(&w), error)
                                              : bg_fail(error, w.status, "out of memory");
    bg_writer_finish(&w);
    return status;
}

static enum bg_status listen_on(struct bg_aggregator_service *service, struct bg_error *error)
{
    const struct bg_aggregator_config *config = service->config;
    struct bg_http_server_settings settings = {.loop = service->loop,
                                               .address = config->listen_address,
                                               .port = recall_port(service),
                                               .threads = threads(config->listen_threads),
                                               .credentials = {.certificate = service->membership.certificate.text,
                                                               .key = service->membership.key.text,
                                                               .authority = service->membership.authority.text},
                                               .limits = limits_of(config),
                                               .serve = bg_service_serve_http,
                                               .observe = bg_service_observe_http,
                                               .context = service};
    enum bg_status status = bg_http_server_create(&settings, error, &service->server);
    if (status == BG_IO && settings.port != config->listen_port) {
        settings.port = 0; /* somebody else has it now */
        status = bg_http_server_create(&settings, error, &service->server);
    }
    return status == BG_OK ? keep_port(service, bg_http_server_port(service->server), error) : status;
}

static enum bg_status take_requests(struct bg_aggregator_service *service, struct bg_error *error)
{
    char uploads[BG_DEVICE_PATH_BYTES];
    const struct bg_aggregator_config *config = service->config;
    struct bg_https_service_settings settings = {
        .population = service->population.name,
        .routes = 1u << BG_ROUTE_PLAN | 1u << BG_ROUTE_GROUPS | 1u << BG_ROUTE_TASK | 1u << BG_ROUTE_UPDATE |
                  1u << BG_ROUTE_RECEIPT | 1u << BG_ROUTE_REPORT,
        .uploads = uploads,
        .upload_most_bytes = config->most_update_mib * MIB,
        .uploads_most_bytes = config->most_uploads_mib * MIB,
        .full = bg_service_refused,
        .serve = bg_service_serve,
        .server = service,
        .enter = enter,
        .leave = leave,
        .context = service};
    enum bg_status status = bg_device_path(service->settings->folder, "uploads", error, uploads);
    return status == BG_OK ? bg_https_service_create(&settings, error, &service->requests) : status;
}

/* https://ADDRESS:PORT; of an address that stands for all, the machine's name. */
static void make_url(struct bg_aggregator_service *service)
{
    const struct bg_aggregator_config *config = service->config;
    char host[256];
    snprintf(host, sizeof host, "%.200s", config->listen_address);
    if (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0)
        if (gethostname(host, sizeof host) != 0)
            strcpy(host, "localhost");
    host[sizeof host - 1] = '\0';
    bool six = strchr(host, ':') != NULL;
    if (config->listen_url[0])
        snprintf(service->url, sizeof service->url, "%s", config->listen_url);
    else
        snprintf(service->url, sizeof service->url, "https://%s%s%s:%u", six ? "[" : "", host, six ? "]" : "",
                 bg_http_server_port(service->server));
}

/* ---- certificate, and where it is reached ---- */

static bool was_told(struct bg_aggregator_service *service)
{
    struct bg_writer told;
    bg_writer_init(&told);
    struct bg_span url = {(const uint8_t *)service->url, strlen(service->url)};
    bool same = bg_database_document(bg_memory_database(service->memory), "url", NULL, &told) == BG_OK &&
                bg_span_equal(bg_writer_span(&told), url);
    bg_writer_finish(&told);
    return same;
}

/* It was told where the root is; or it is away, which is said once, and is asked again with every roster. */
static void note_told(struct bg_aggregator_service *service, enum bg_status status, struct bg_error *error)
{
    struct bg_span url = {(const uint8_t *)service->url, strlen(service->url)};
    bool said = service->untold && status == BG_IO;
    service->untold = status == BG_IO;
    if (status == BG_OK)
        status = bg_database_set_document(bg_memory_database(service->memory), "url", url, error);
    if (status != BG_OK && !said)
        bg_log_error(BG_LOG_WARN, "the key holder does not know where this root is reached", error);
}

/* The key holder tells clients where the root is: it should know before this root says that it is ready. */
static void renew(struct bg_aggregator_service *service)
{
    struct bg_error error;
    if (was_told(service) && !bg_membership_renewal_due(&service->membership, (uint64_t)time(NULL)))
        return;
    enum bg_status status = bg_aggregator_renew(service->settings->folder, service->config, &service->membership,
                                                service->url, &error);
    note_told(service, status, &error);
}

static void on_told(void *context, const struct bg_https_reply *reply)
{
    struct bg_aggregator_service *service = context;
    struct bg_error error;
    enum bg_status status = bg_https_reply_check(reply, &error);
    bg_root_renewal_finish(&service->renewal);
    if (status == BG_OK)
        status = bg_root_renewal_accept(service->settings->folder, &service->membership, reply->body, &error);
    note_told(service, status, &error);
}

void bg_service_tell_place(struct bg_aggregator_service *service)
{
    static const struct bg_https_field fields[] = {{"Content-Type", "application/json"}};
    const struct bg_aggregator_config *config = service->config;
    struct bg_root_renewal *renewal = &service->renewal;
    char url[sizeof config->key_holder_url + sizeof renewal->path];
    struct bg_https_call *call;
    struct bg_error error;
    if (!service->untold || renewal->json)
        return;
    enum bg_status status = bg_root_renewal_begin(config, &service->membership, service->url, &error, renewal);
    if (status != BG_OK) {
        note_told(service, status, &error);
        return;
    }
    snprintf(url, sizeof url, "%s%s", config->key_holder_url, renewal->path);
    struct bg_https_request request = {.method = "POST",
                                       .url = url,
                                       .fields = fields,
                                       .field_count = 1,
                                       .body = {(const uint8_t *)renewal->json, strlen(renewal->json)},
                                       .reply_limit = BG_ENROLMENT_MOST_BYTES,
                                       .timeout_ns = RENEWAL_TIMEOUT_NS};
    bg_point_pin(service->membership.key_holder, &request.pin);
    status = bg_https_send(service->https, &request, on_told, service, &call);
    if (status == BG_OK)
        return;
    bg_root_renewal_finish(renewal);
    bg_fail(&error, status, "%s: no https URL, or out of memory", url);
    note_told(service, status, &error);
}

/* A certificate takes effect at a start: this one ends, and whoever runs it starts it again. */
static void look_at_certificate(void *context)
{
    struct bg_aggregator_service *service = context;
    service->renewing = bg_membership_renewal_due(&service->membership, (uint64_t)time(NULL));
    bg_loop_timer_set(service->certificate_timer, bg_clock_monotonic_ns() + RENEWAL_LOOK_NS);
    if (service->renewing)
        bg_service_stop(service);
}

/* ---- its life ---- */

static bool is_near(const char *url)
{
    return strncmp(url, "https://127.", 12) == 0 || strncmp(url, "https://localhost", 17) == 0 ||
           strncmp(url, "https://[::1]", 13) == 0;
}

static enum bg_status load(struct bg_aggregator_service *service, struct bg_error *error,
                           struct bg_sealing_key **ret_sealing_key)
{
    char path[BG_DEVICE_PATH_BYTES];
    const char *folder = service->settings->folder;
    if (bg_population_set(&service->population, service->config->population) != BG_OK)
        return bg_fail(error, BG_CONFIG, "population.name=%.40s: give 1 to 31 of a-z 0-9 . _ -",
                       service->config->population);
    enum bg_status status = bg_membership_load(folder, BG_AGGREGATOR_ENROL_FIRST, error, &service->membership);
    if (status == BG_OK)
        status = bg_device_path(folder, "sealing.secret", error, path);
    return status == BG_OK ? bg_sealing_key_load(path, error, ret_sealing_key) : status;
}

static enum bg_status begin(struct bg_aggregator_service *service, const struct bg_sealing_key *sealing_key,
                            struct bg_error *error)
{
    enum bg_status status = bg_loop_create(error, &service->loop);
    if (status == BG_OK)
        status = bg_loop_on_stop_signal(service->loop, on_stop_signal, service);
    if (status == BG_OK)
        status = bg_loop_timer_create(service->loop, look_at_certificate, service, &service->certificate_timer);
    if (status == BG_OK)
        status = bg_service_make_timers(service, error);
    if (status == BG_OK)
        status = make_https(service, error);
    if (status == BG_OK)
        status = open_memory(service, error);
    if (status == BG_OK)
        status = make_root(service, sealing_key, error);
    if (status == BG_OK)
        status = bg_service_recall_roster(service, error);
    if (status == BG_OK)
        status = bg_service_recall_rounds(service, error);
    if (status == BG_OK)
        status = take_requests(service, error);
    if (status == BG_OK)
        status = listen_on(service, error);
    return status;
}

static void finish(struct bg_aggregator_service *service)
{
    bg_http_server_destroy(&service->server);
    bool idle = (!service->driver || bg_driver_idle(service->driver)) &&
                (!service->memory || bg_memory_idle(service->memory));
    bg_https_transport_destroy(&service->key_holder);
    bg_https_client_destroy(&service->https);
    bg_root_renewal_finish(&service->renewal);
    bg_loop_timer_destroy(&service->roster_timer);
    bg_loop_timer_destroy(&service->consider_timer);
    bg_loop_timer_destroy(&service->certificate_timer);
    bg_driver_destroy(&service->driver);
    /* Work that was cut off refers to the root: that one is left as a killed process would leave it. */
    if (idle)
        bg_root_destroy(&service->root);
    bg_https_service_destroy(&service->requests);
    bg_memory_close(&service->memory);
    bg_loop_destroy(&service->loop);
    if (service->model)
        bg_http_content_release(service->model);
    bg_roster_view_finish(&service->roster);
    bg_membership_finish(&service->membership);
}

static enum bg_status live(struct bg_aggregator_service *service, struct bg_error *error)
{
    struct bg_sealing_key *sealing_key = NULL;
    enum bg_status status = load(service, error, &sealing_key);
    if (status == BG_OK)
        status = begin(service, sealing_key, error);
    if (status == BG_OK) {
        make_url(service);
        renew(service);
        bg_loop_timer_set(service->certificate_timer, bg_clock_monotonic_ns() + RENEWAL_LOOK_NS);
        bg_driver_enter(service->driver);
        status = bg_memory_resume(service->memory, service->root, error);
        bg_driver_leave(service->driver);
    }
    if (status == BG_OK) {
        bg_loop_run(service->loop);
        status = service->end;
        *error = service->error;
    }
    finish(service);
    bg_sealing_key_destroy(&sealing_key);
    return status;
}

enum bg_status bg_aggregator_service_run(const struct bg_aggregator_service_settings *settings, struct bg_error *error)
{
    enum bg_status status = BG_OK;
    bool again = true;
    if (is_near(settings->config->key_holder_url))
        bg_log(BG_LOG_WARN, "root and key holder are on one machine: privacy rests on whoever runs it", "key_holder=%s",
               settings->config->key_holder_url);
    while (again && status == BG_OK) {
        struct bg_aggregator_service *service = calloc(1, sizeof *service);
        if (!service)
            return bg_fail(error, BG_NO_MEMORY, "out of memory");
        service->settings = settings;
        service->config = settings->config;
        bg_metrics_init(&service->metrics);
        service->repeats.lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
        status = live(service, error);
        again = service->renewing;
        free(service);
    }
    return status;
}
