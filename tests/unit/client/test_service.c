/* SPDX-License-Identifier: Apache-2.0 */
/* A device against a scripted root behind a real HTTPS server. */
#include "client/service.h"

#include "base/file.h"
#include "client/device_folder.h"
#include "crypto/identity_file.h"
#include "datasets/source.h"
#include "net/https_transport.h"
#include "protocol/membership.h"
#include "tests/unit/client/fake_root.h"
#include "tests/unit/client/served.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_NS (60 * BG_SECOND)

struct world {
    struct served served;
    struct fake_root root;
    struct bg_https_service *https;
    struct bg_client_config config;
    char home[160], data[160], schema[160];
    struct bg_error error;
    bool abandoned;
    bool ends_rounds;      /* has a receipt for every update, of odd rounds one that uses it */
    bool stops_on_update;  /* sends itself SIGTERM when one comes */
    atomic_bool holds_tasks; /* there are none yet */
    struct bg_receipt_group groups[2];
    double scales[STAGE_TENSORS];
};

static void serve_role(void *context, const struct bg_request *request, struct bg_call *call)
{
    struct world *w = context;
    struct fake_root *root = &w->root;
    enum bg_route route = request->route;
    if (route == BG_ROUTE_TASK && atomic_load(&w->holds_tasks)) {
        bg_call_answer(call, BG_NOT_FOUND, (struct bg_span){NULL, 0});
        return;
    }
    fake_root_serve(root, request, call);
    if (route == BG_ROUTE_UPDATE && w->stops_on_update)
        kill(getpid(), SIGTERM);
    if (route == BG_ROUTE_UPDATE && w->ends_rounds) {
        struct bg_receipt receipt = stage_receipt(&root->stage, root->stage.task.round % 2, w->groups, w->scales);
        fake_root_end(root, &receipt);
    } else if (route == BG_ROUTE_RECEIPT && root->serves_receipt) {
        root->stage.task.round++;
        fake_root_open(root);
    }
}

static void serve(void *context, struct bg_http_exchange *exchange)
{
    struct world *w = context;
    if (!bg_https_service_take(w->https, exchange))
        bg_http_refuse(exchange, BG_NOT_FOUND, "no such place");
}

static void write_text(const char *path, const char *text)
{
    cr_assert_eq(bg_file_write(path, (struct bg_span){(const uint8_t *)text, strlen(text)}, 0600, NULL), BG_OK);
}

static void write_data(struct world *w)
{
    char text[STAGE_ROWS * 80] = "duration,bytes,packets,class\n";
    for (size_t row = 0; row < STAGE_ROWS; row++) {
        const float *x = w->root.stage.features + row * STAGE_COLUMNS;
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%g,%g,%g,%s\n", (double)x[0], (double)x[1], (double)x[2],
                 w->root.stage.labels[row] ? "attack" : "benign");
    }
    write_text(served_path(&w->served, "data.csv", w->data), text);
    write_text(served_path(&w->served, "schema.json", w->schema),
               "{\"columns\": {\"duration\": \"number\", \"bytes\": \"number\", \"packets\": \"number\", "
               "\"class\": \"label\"}, \"labels\": \"some\", \"label_maps\": {\"some\": {\"classes\": ["
               "{\"name\": \"benign\", \"labels\": [\"benign\"]}, "
               "{\"name\": \"attack\", \"labels\": [\"attack\"]}]}}}");
}

static void enrol(struct world *w)
{
    struct population *p = &w->root.stage.population;
    struct bg_pem certificate;
    char path[160], point[160];
    served_path(&w->served, "home", w->home);
    struct bg_identity *made;
    cr_assert_eq(bg_membership_begin(w->home, &w->served.random, &w->error, &made), BG_OK, "%s", w->error.text);
    bg_identity_destroy(&made);
    served_path(&w->served, "home/identity.secret", path);
    served_path(&w->served, "home/identity.point", point);
    unlink(path); /* the client that the population knows */
    unlink(point);
    cr_assert_eq(bg_identity_save(p->clients[0], path, &w->error), BG_OK, "%s", w->error.text);
    served_certify(&w->served, p->clients[0], BG_CERTIFICATE_CLIENT, 30, &certificate);
    struct bg_grant grant = {&certificate, &w->served.authority_pem, bg_identity_point(p->key_holder),
                             bg_identity_point(p->root)};
    cr_assert_eq(bg_grant_save(&grant, w->home, &w->error), BG_OK, "%s", w->error.text);
}

static void configure(struct world *w)
{
    struct bg_client_config *c = &w->config;
    bg_options_defaults(bg_client_options, bg_client_option_count, c);
    strcpy(c->population, w->root.stage.population.name.name);
    strcpy(c->root_url, w->served.url);
    c->data_kind = BG_DATASET_CSV;
    strcpy(c->data_dir, w->data);
    strcpy(c->data_schema, w->schema);
    strcpy(c->data_labels, "some");
    c->insecure_test_key = true;
    c->table_kib = 64;
    c->pool_kib = 64;
    c->poll_seconds = 0.01;
    c->patience_seconds = 0.1;
    c->nice = 0;
}

static void begin(struct world *w, enum bg_plan_encryption encryption)
{
    char uploads[160];
    *w = (struct world){.ends_rounds = true};
    fake_root_init(&w->root, &(struct population_terms){.encryption = encryption});
    w->root.stage.task.deadline_ns = DEADLINE_NS;
    struct population *p = &w->root.stage.population;
    served_init(&w->served, p->key_holder, p->name.name);
    w->served.settings.serve = serve;
    w->served.settings.context = w;
    struct bg_https_service_settings settings = {.population = p->name.name,
                                                 .routes = UINT32_MAX,
                                                 .uploads = served_path(&w->served, "uploads", uploads),
                                                 .upload_most_bytes = 1 << 20,
                                                 .uploads_most_bytes = 1 << 24,
                                                 .serve = serve_role,
                                                 .server = w};
    cr_assert_eq(bg_https_service_create(&settings, &w->error, &w->https), BG_OK, "%s", w->error.text);
    served_listen(&w->served, p->root, BG_CERTIFICATE_ROOT);
    write_data(w);
    enrol(w);
    configure(w);
    fake_root_open(&w->root);
    served_start(&w->served);
}

static void end(struct world *w)
{
    served_stop(&w->served);
    bg_http_server_destroy(&w->served.server);
    bg_https_service_destroy(&w->https);
    served_finish(&w->served);
    fake_root_finish(&w->root);
    NO_LEAKS();
}

static enum bg_status run(struct world *w, uint64_t rounds)
{
    struct bg_client_service_settings settings = {
        .folder = w->home, .config = &w->config, .rounds = rounds, .quiet = true};
    return bg_client_service_run(&settings, &w->error, &w->abandoned);
}

static void load_state(struct world *w, struct bg_device_state *ret_state)
{
    char path[160];
    cr_assert_eq(bg_device_state_load(served_path(&w->served, "home/client.state", path), &w->error, ret_state), BG_OK,
                 "%s", w->error.text);
}

Test(service, takes_part_in_encrypted_rounds)
{
    struct world w;
    struct bg_device_state state;
    begin(&w, BG_PLAN_PAILLIER);
    cr_assert_eq(run(&w, 3), BG_OK, "%s", w.error.text);
    cr_assert(!w.abandoned);
    served_stop(&w.served);
    cr_assert_eq(w.root.asked[BG_ROUTE_UPDATE], 3);
    cr_assert_eq(w.root.asked[BG_ROUTE_PLAN], 1);
    load_state(&w, &state);
    cr_assert_eq(state.round, 3);
    cr_assert_eq(state.settlement.round, 3);
    cr_assert(!state.out);
    bg_device_state_finish(&state);
    end(&w);
}

Test(service, goes_on_where_it_was_told_to_end)
{
    struct world w;
    struct bg_device_state state;
    begin(&w, BG_PLAN_OFF);
    w.ends_rounds = false;
    w.stops_on_update = true;
    cr_assert_eq(run(&w, 0), BG_OK, "%s", w.error.text);
    cr_assert(!w.abandoned);
    load_state(&w, &state);
    cr_assert(state.out);
    bg_device_state_finish(&state);
    served_stop(&w.served);
    struct bg_receipt receipt = stage_receipt(&w.root.stage, true, w.groups, w.scales);
    fake_root_end(&w.root, &receipt);
    w.stops_on_update = false;
    served_start(&w.served);
    cr_assert_eq(run(&w, 1), BG_OK, "%s", w.error.text);
    load_state(&w, &state);
    cr_assert(!state.out);
    cr_assert_eq(state.settlement.round, 1);
    bg_device_state_finish(&state);
    end(&w);
}

/* ---- renewal ---- */

struct authority {
    struct served served;
    struct world *world;
    unsigned renewals; /* to read once it has stopped */
};

static void on_renewal(void *context, struct bg_http_exchange *exchange, enum bg_status status, struct bg_span body)
{
    struct authority *a = context;
    struct bg_enrolment_request request;
    struct bg_error error;
    if (status != BG_OK || bg_enrolment_request_parse(body, &error, &request) != BG_OK ||
        !bg_http_peer(exchange)->authenticated) {
        bg_http_refuse(exchange, BG_DECODE, "no renewal");
        return;
    }
    a->renewals++;
    atomic_store(&a->world->holds_tasks, false);
    served_grant(&a->served, exchange, &request, a->world->root.stage.population.root, 30);
}

static void serve_renewal(void *context, struct bg_http_exchange *exchange)
{
    if (strcmp(bg_http_path(exchange), "/v1/test/renewal") == 0)
        bg_http_read(exchange, BG_ENROLMENT_MOST_BYTES, on_renewal, context);
    else
        bg_http_refuse(exchange, BG_NOT_FOUND, "no such place");
}

/* A certificate in its last days, of an authority that serves and says that the root is at `granted`. */
static void age_certificate(struct world *w, struct authority *a, const char *granted)
{
    struct population *p = &w->root.stage.population;
    struct bg_pem old;
    char path[160];
    cr_assert_eq(bg_certificate_issue(p->key_holder, "test", bg_identity_point(p->clients[0]), BG_CERTIFICATE_CLIENT,
                                      (uint64_t)time(NULL) - 25 * 86400, 30, &w->served.random, &old),
                 BG_OK);
    write_text(served_path(&w->served, "home/certificate.pem", path), old.text);
    served_init(&a->served, p->key_holder, "test");
    a->world = w;
    a->served.root_url = granted;
    a->served.authority_pem = w->served.authority_pem;
    a->served.settings.serve = serve_renewal;
    a->served.settings.context = a;
    served_listen(&a->served, p->key_holder, BG_CERTIFICATE_KEYHOLDER);
    served_start(&a->served);
    strcpy(w->config.key_holder_url, a->served.url);
    cr_assert_eq(bg_options_save(bg_client_options, bg_client_option_count, &w->config,
                                 served_path(&w->served, "home/config.json", path), &w->error),
                 BG_OK, "%s", w->error.text);
}

Test(service, renews_a_certificate_in_its_last_third_and_goes_on)
{
    struct world w;
    struct authority a = {.renewals = 0};
    struct bg_membership member;
    begin(&w, BG_PLAN_OFF);
    age_certificate(&w, &a, w.served.url);
    atomic_store(&w.holds_tasks, true);
    cr_assert_eq(run(&w, 2), BG_OK, "%s", w.error.text);
    served_stop(&w.served);
    served_stop(&a.served);
    cr_assert_eq(a.renewals, 1);
    cr_assert_eq(bg_membership_load(w.home, "cure", &w.error, &member), BG_OK, "%s", w.error.text);
    cr_assert(!bg_membership_renewal_due(&member, (uint64_t)time(NULL)));
    bg_membership_finish(&member);
    served_finish(&a.served);
    end(&w);
}

#define NOWHERE "https://127.0.0.1:1"

Test(service, goes_where_the_root_has_moved)
{
    struct world w;
    struct authority a = {.renewals = 0};
    begin(&w, BG_PLAN_OFF);
    strcpy(w.config.root_url, NOWHERE);
    age_certificate(&w, &a, w.served.url);
    cr_assert_eq(run(&w, 2), BG_OK, "%s", w.error.text);
    served_stop(&w.served);
    served_finish(&a.served);
    cr_assert_eq(a.renewals, 1);
    end(&w);
}

Test(service, stays_with_a_root_that_was_set_for_this_run)
{
    struct world w;
    struct authority a = {.renewals = 0};
    begin(&w, BG_PLAN_OFF);
    strcpy(w.config.root_url, NOWHERE); /* says the folder */
    age_certificate(&w, &a, NOWHERE);
    strcpy(w.config.root_url, w.served.url);
    atomic_store(&w.holds_tasks, true); /* until it has renewed */
    cr_assert_eq(run(&w, 2), BG_OK, "%s", w.error.text);
    served_stop(&w.served);
    served_finish(&a.served);
    end(&w);
}

/* ---- what is missing ---- */

Test(service, says_what_keeps_it_from_beginning)
{
    struct world w;
    char path[160];
    begin(&w, BG_PLAN_OFF);
    w.config.root_url[0] = '\0';
    cr_assert_eq(run(&w, 1), BG_NOT_FOUND);
    cr_assert_not_null(strstr(w.error.text, "burgee-client renew"), "%s", w.error.text);
    strcpy(w.config.root_url, "http://127.0.0.1:1");
    cr_assert_eq(run(&w, 1), BG_INVALID, "%s", w.error.text);
    strcpy(w.config.root_url, w.served.url);
    cr_assert_eq(unlink(served_path(&w.served, "home/certificate.pem", path)), 0);
    cr_assert_eq(run(&w, 1), BG_NOT_FOUND);
    cr_assert_not_null(strstr(w.error.text, "burgee-client enrol"), "%s", w.error.text);
    end(&w);
}
