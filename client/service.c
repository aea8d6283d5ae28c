/* SPDX-License-Identifier: Apache-2.0 */
#include "client/service.h"

#include "base/log.h"
#include "client/device_data.h"
#include "client/device_folder.h"
#include "client/enrol.h"
#include "client/key_ring.h"
#include "client/service_events.h"
#include "net/driver.h"
#include "net/https_ask.h"
#include "net/https_transport.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define IDLE_NS (2 * BG_SECOND)            /* a connection without a request */
#define STOP_PATIENCE_NS (BG_SECOND / 2)   /* for work that runs when it is told to end */
#define RENEWAL_LOOK_NS (3600 * BG_SECOND) /* between two looks at the certificate, or tries to renew it */
#define RENEWAL_TIMEOUT_NS (60 * BG_SECOND)
#define UPLOAD_TRIES 8
#define KEPT_BY_ALLOCATOR (64 << 10)
#define REST_NS (10 * BG_SECOND) /* until the next request: then it is worth to make tables of masks again */

struct service {
    const struct bg_client_service_settings *settings;
    struct bg_service_events events;
    bool told_ready;
    bool stopping; /* told to end */
    bool renewed;  /* ends to begin again with its new certificate */
    bool abandoned;
    enum bg_status end; /* why it stops by itself; BG_OK: it does not */
    struct bg_error *error; /* … as a sentence */

    char root_url[BG_OPTION_TEXT_BYTES];
    struct bg_membership membership;
    struct bg_device_folder folder;
    struct bg_device_state state; /* until the client takes it */
    struct bg_loop *loop;
    struct bg_loop_timer *patience, *look;
    struct bg_https_client *https;
    struct bg_https_transport *transport;
    struct bg_renewal renewal; /* under way; json NULL: none is */
    struct bg_driver *driver;
    struct bg_driver_port port;
    struct bg_device_ring ring;
    struct bg_device_data data;
    struct bg_client *client;
};

/* ---- its end ---- */

static bool is_ending(const struct service *service)
{
    return service->stopping || service->renewed;
}

/* What is large and can be made again is not held through a long pause. */
static void rest(struct service *service)
{
    uint64_t wake = bg_client_next_wake(service->client);
    if (wake == UINT64_MAX || wake < bg_clock_monotonic_ns() + REST_NS)
        return;
    if (bg_device_ring_rest(&service->ring))
        malloc_trim(0);
}

/* At the end of every event: nothing that runs is waited for longer than necessary. */
static void on_left(void *context)
{
    struct service *service = context;
    if (!bg_driver_idle(service->driver))
        return;
    if (is_ending(service))
        bg_loop_stop(service->loop);
    else if (service->client)
        rest(service);
}

static void stop(struct service *service)
{
    service->stopping = true;
    bg_loop_timer_set(service->patience, bg_clock_monotonic_ns() + STOP_PATIENCE_NS);
    on_left(service);
}

static void on_stop_signal(void *context)
{
    stop(context);
}

static void on_out_of_patience(void *context)
{
    struct service *service = context;
    service->abandoned = !bg_driver_idle(service->driver);
    bg_loop_stop(service->loop);
}

/* ---- its certificate ---- */

/* The root has moved. One that was set for this run alone stays. */
static void follow_root(struct service *service, const struct bg_enrolment_reply *granted)
{
    if (granted->root_url[0] && strcmp(service->root_url, service->renewal.root_url) == 0)
        snprintf(service->root_url, sizeof service->root_url, "%s", granted->root_url);
}

static void on_renewal(void *context, const struct bg_https_reply *reply)
{
    struct service *service = context;
    struct bg_error error;
    struct bg_enrolment_reply granted;
    enum bg_status status = bg_https_reply_check(reply, &error);
    if (status == BG_OK)
        status = bg_renewal_accept(service->settings->folder, &service->membership, &service->renewal, reply->body,
                                   &error, &granted);
    if (status == BG_OK)
        follow_root(service, &granted);
    bg_renewal_finish(&service->renewal);
    if (status != BG_OK) {
        bg_fail_in(&error, status, "renewal");
        bg_service_events_failed(&service->events, &error);
        return;
    }
    bg_service_events_renewed(&service->events);
    service->renewed = true;
    on_left(service);
}

static enum bg_status ask_renewal(struct service *service, struct bg_error *error)
{
    static const struct bg_https_field fields[] = {{"Content-Type", "application/json"}};
    struct bg_renewal *renewal = &service->renewal;
    char url[sizeof renewal->url + sizeof renewal->path];
    struct bg_https_call *call;
    enum bg_status status = bg_renewal_begin(service->settings->folder, &service->membership, error, renewal);
    if (status != BG_OK)
        return status;
    snprintf(url, sizeof url, "%s%s", renewal->url, renewal->path);
    struct bg_https_request request = {.method = "POST",
                                       .url = url,
                                       .pin = renewal->pin,
                                       .fields = fields,
                                       .field_count = 1,
                                       .body = {(const uint8_t *)renewal->json, strlen(renewal->json)},
                                       .reply_limit = BG_ENROLMENT_MOST_BYTES,
                                       .timeout_ns = RENEWAL_TIMEOUT_NS};
    status = bg_https_send(service->https, &request, on_renewal, service, &call);
    if (status == BG_OK)
        return BG_OK;
    bg_fail(error, status, "%s: no https URL, or out of memory", url);
    bg_renewal_finish(renewal);
    return status;
}

/* What fails now may not fail in an hour, and until then the old certificate is good. */
static void on_look(void *context)
{
    struct service *service = context;
    struct bg_error error;
    bg_loop_timer_set(service->look, bg_clock_monotonic_ns() + RENEWAL_LOOK_NS);
    if (service->renewal.json || !service->settings->config->key_holder_url[0] ||
        !bg_membership_renewal_due(&service->membership, (uint64_t)time(NULL)))
        return;
    if (ask_renewal(service, &error) != BG_OK)
        bg_service_events_failed(&service->events, &error);
}

/* ---- the client on its driver ---- */

static void tick(void *role, uint64_t now)
{
    struct service *service = role;
    bg_client_tick(service->client, now);
}

static uint64_t next_wake(const void *role)
{
    const struct service *service = role;
    return is_ending(service) ? UINT64_MAX : bg_client_next_wake(service->client);
}

/* What is begun now would only have to be waited for. */
static struct bg_work *next_work(void *role)
{
    struct service *service = role;
    return is_ending(service) ? NULL : bg_client_work(service->client);
}

static const struct bg_driver_ops client_ops = {tick, next_wake, next_work};

/* The root refuses the task to nobody but who was revoked, and that is for ever. */
static bool is_revoked(const struct bg_client_notice *notice)
{
    return notice->kind == BG_CLIENT_NOTICE_FAILED && notice->state == BG_SESSION_ASKING &&
           notice->error->status == BG_REFUSED;
}

static void observe(void *context, const struct bg_client_notice *notice)
{
    struct service *service = context;
    if (is_revoked(notice)) {
        service->end = bg_fail(service->error, BG_REFUSED,
                               "%s: this device was revoked: enrol it again, in a new folder and with a new token",
                               service->settings->folder);
        bg_service_events_failed(&service->events, service->error);
        stop(service);
        return;
    }
    bg_service_events_notice(&service->events, notice);
    if (notice->kind == BG_CLIENT_NOTICE_STATE && notice->state == BG_SESSION_WAITING)
        malloc_trim(0);
    if (service->settings->rounds && service->events.receipts >= service->settings->rounds)
        stop(service);
}

static void warn(void *context, const struct bg_error *error)
{
    struct service *service = context;
    bg_service_events_network(&service->events, error);
}

static uint64_t seconds(double value)
{
    return (uint64_t)(value * 1e9);
}

static void init_ring(struct service *service)
{
    const struct bg_client_config *config = service->settings->config;
    struct bg_device_ring_settings settings = {
        .random = bg_random_system(),
        .masks = {.memory_bytes = (size_t)config->table_kib << 10,
                  .uniform_reads = config->uniform_reads,
                  .exponent_bits = config->exponent == BG_MASK_EXPONENT_SHORT ? BG_MASK_SHORT_EXPONENT_BITS : 0},
        .pool_bytes = (size_t)config->pool_kib << 10,
        .allow_insecure = config->insecure_test_key};
    bg_device_ring_init(&service->ring, &settings);
}

static void init_data(struct service *service)
{
    const struct bg_client_config *config = service->settings->config;
    struct bg_dataset_settings settings = {.kind = (enum bg_dataset_kind)config->data_kind,
                                           .path = config->data_dir,
                                           .schema = config->data_schema,
                                           .label_map = config->data_labels,
                                           .bound_infinite = config->data_bound_infinite,
                                           .rows = config->data_rows,
                                           .seed = config->data_seed};
    bg_device_data_init(&service->data, service->settings->folder, &settings);
}

static enum bg_status make_client(struct service *service, const struct bg_trust *trust, struct bg_error *error)
{
    const struct bg_client_config *config = service->settings->config;
    struct bg_spooled update = {.held = NULL};
    struct bg_client_settings settings = {.population = trust->population,
                                          .identity = service->membership.identity,
                                          .transport = &service->port.transport,
                                          .keys = &service->ring.keys,
                                          .random = bg_random_system(),
                                          .data = &service->data.data,
                                          .seed = config->training_seed,
                                          .wait_seed = bg_clock_monotonic_ns(),
                                          .poll_ns = seconds(config->poll_seconds),
                                          .patience_ns = seconds(config->patience_seconds),
                                          .longest_wait_ns = seconds(config->longest_wait_seconds),
                                          .fills_pool = config->pool_kib > 0,
                                          .owns_pool = true,
                                          .memory = &service->folder.memory,
                                          .tap = service->settings->tap,
                                          .observe = observe,
                                          .observe_context = service};
    memcpy(settings.key_holder, trust->key_holder, sizeof settings.key_holder);
    memcpy(settings.root, trust->root, sizeof settings.root);
    enum bg_status status =
        service->state.out ? bg_device_folder_map(&service->folder, error, &update) : BG_OK;
    if (status != BG_OK && status != BG_NOT_FOUND) /* not found: the root has it */
        return status;
    status = bg_client_create(&settings, bg_clock_monotonic_ns(), &service->client);
    if (status != BG_OK) {
        bg_held_release(update.held);
        return bg_fail(error, status, "client: %s", bg_status_text(status));
    }
    if (!service->told_ready)
        bg_service_events_ready(&service->events, &service->state.client, trust->population.name,
                                service->state.round);
    service->told_ready = true;
    bg_client_resume(service->client, &service->state, update);
    return BG_OK;
}

/* ---- its beginning ---- */

static enum bg_status read_folder(struct service *service, struct bg_error *error, struct bg_trust *ret_trust)
{
    const struct bg_client_service_settings *settings = service->settings;
    struct bg_random random = bg_random_system();
    enum bg_status status = bg_membership_load(settings->folder, BG_CLIENT_ENROL_FIRST, error, &service->membership);
    if (status != BG_OK)
        return status;
    if (!service->membership.has_root || !service->root_url[0])
        return bg_fail(error, BG_NOT_FOUND,
                       "%s: no root had enrolled when this device did: run burgee-client renew %s when one has",
                       settings->folder, settings->folder);
    if (bg_population_set(&ret_trust->population, settings->config->population) != BG_OK)
        return bg_fail(error, BG_CONFIG, "population.name \"%s\": give 1 to 31 of a-z 0-9 . _ -, as enrol did",
                       settings->config->population);
    memcpy(ret_trust->key_holder, service->membership.key_holder, sizeof ret_trust->key_holder);
    memcpy(ret_trust->root, service->membership.root, sizeof ret_trust->root);
    status = bg_device_folder_open(settings->folder, false, error, &service->folder);
    if (status != BG_OK)
        return status;
    service->folder.most_bytes = settings->config->spool_bytes;
    return bg_device_folder_load(&service->folder, bg_identity_digest(service->membership.identity), ret_trust,
                                 &random, error, &service->state);
}

static enum bg_status make_loop(struct service *service, struct bg_error *error)
{
    enum bg_status status = bg_loop_create(error, &service->loop);
    if (status == BG_OK)
        status = bg_loop_on_stop_signal(service->loop, on_stop_signal, service);
    if (status == BG_OK)
        status = bg_loop_timer_create(service->loop, on_out_of_patience, service, &service->patience);
    if (status == BG_OK)
        status = bg_loop_timer_create(service->loop, on_look, service, &service->look);
    return status;
}

static enum bg_status make_transport(struct service *service, const struct bg_trust *trust, struct bg_error *error)
{
    const struct bg_client_config *config = service->settings->config;
    struct bg_https_settings https = {.loop = service->loop,
                                      .credentials = {.certificate = service->membership.certificate.text,
                                                      .key = service->membership.key.text,
                                                      .authority = service->membership.authority.text},
                                      .proxy = config->proxy[0] ? config->proxy : NULL,
                                      .connect_ns = seconds(config->connect_seconds),
                                      .idle_ns = IDLE_NS};
    struct bg_https_transport_settings settings = {.url = service->root_url,
                                                   .population = trust->population.name,
                                                   .patience_ns = seconds(config->patience_seconds),
                                                   .tries = UPLOAD_TRIES,
                                                   .seed = bg_clock_monotonic_ns(),
                                                   .warn = warn,
                                                   .context = service};
    enum bg_status status = bg_https_client_create(&https, error, &service->https);
    if (status != BG_OK)
        return status;
    settings.client = service->https;
    bg_point_pin(trust->root, &settings.pin);
    return bg_https_transport_create(&settings, error, &service->transport);
}

/* One worker trains; another makes masks meanwhile, where there is a processor for it. */
static enum bg_status make_driver(struct service *service, struct bg_error *error)
{
    unsigned threads = service->settings->config->pool_kib && bg_available_processors() > 1 ? 2 : 1;
    enum bg_status status =
        bg_driver_create(service->loop, &client_ops, threads, on_left, service, error, &service->driver);
    if (status == BG_OK)
        bg_driver_port_init(&service->port, service->driver, bg_https_transport(service->transport));
    return status;
}

static void finish(struct service *service)
{
    bg_https_transport_destroy(&service->transport);
    bg_https_client_destroy(&service->https);
    bg_renewal_finish(&service->renewal);
    bg_driver_destroy(&service->driver);
    bg_client_destroy(&service->client);
    bg_device_ring_finish(&service->ring);
    bg_device_data_finish(&service->data);
    bg_loop_timer_destroy(&service->patience);
    bg_loop_timer_destroy(&service->look);
    bg_loop_destroy(&service->loop);
    bg_device_state_finish(&service->state);
    bg_device_folder_close(&service->folder);
    bg_membership_finish(&service->membership);
}

/* From what is in the folder until it is told to end, or has another certificate. */
static enum bg_status live(struct service *service, struct bg_error *error)
{
    struct bg_trust trust;
    service->folder.lock = -1;
    service->renewed = false;
    init_ring(service);
    init_data(service);
    enum bg_status status = read_folder(service, error, &trust);
    if (status == BG_OK)
        status = make_loop(service, error);
    if (status == BG_OK)
        status = make_transport(service, &trust, error);
    if (status == BG_OK)
        status = make_driver(service, error);
    if (status == BG_OK)
        status = make_client(service, &trust, error);
    if (status == BG_OK) {
        bg_driver_start(service->driver, service);
        bg_loop_timer_set(service->look, bg_clock_monotonic_ns());
        bg_loop_run(service->loop);
        status = service->end;
    }
    if (!service->abandoned)
        finish(service);
    return status;
}

static void use_little(const struct bg_client_config *config)
{
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_TRIM_THRESHOLD, KEPT_BY_ALLOCATOR);
    mallopt(M_MMAP_THRESHOLD, KEPT_BY_ALLOCATOR);
    if (config->nice && setpriority(PRIO_PROCESS, 0, (int)config->nice) != 0)
        bg_log(BG_LOG_WARN, "priority stays as it is", "error=\"%s\"", strerror(errno));
}

enum bg_status bg_client_service_run(const struct bg_client_service_settings *settings, struct bg_error *error,
                                     bool *ret_abandoned)
{
    struct service service = {.settings = settings,
                              .error = error,
                              .events = {.json = settings->json, .quiet = settings->quiet}};
    enum bg_status status;
    memcpy(service.root_url, settings->config->root_url, sizeof service.root_url);
    use_little(settings->config);
    do {
        status = live(&service, error);
    } while (status == BG_OK && !service.stopping);
    *ret_abandoned = service.abandoned;
    return status;
}
