/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/client/served.h"

#include "net/https_transport.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void served_init(struct served *served, const struct bg_identity *authority, const char *population)
{
    *served = (struct served){.folder = "/tmp/burgee-served-XXXXXX",
                              .random = bg_random_system(),
                              .authority = authority,
                              .root_url = "https://root.example:8443",
                              .settings = {.address = "127.0.0.1", .threads = 1, .limits = bg_http_limits_default}};
    struct bg_error error;
    snprintf(served->population, sizeof served->population, "%s", population);
    cr_assert_not_null(mkdtemp(served->folder));
    cr_assert_eq(bg_authority_create(authority, population, (uint64_t)time(NULL), &served->random,
                                     &served->authority_pem),
                 BG_OK);
    cr_assert_eq(bg_loop_create(&error, &served->loop), BG_OK, "%s", error.text);
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *walk)
{
    (void)about;
    (void)type;
    (void)walk;
    return remove(path);
}

void served_finish(struct served *served)
{
    served_stop(served);
    bg_http_server_destroy(&served->server);
    bg_loop_destroy(&served->loop);
    cr_assert_eq(nftw(served->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

void served_certify(struct served *served, const struct bg_identity *identity, enum bg_certificate_role role,
                    uint32_t days, struct bg_pem *ret_pem)
{
    cr_assert_eq(bg_certificate_issue(served->authority, served->population, bg_identity_point(identity), role,
                                      (uint64_t)time(NULL), days, &served->random, ret_pem),
                 BG_OK);
}

void served_listen(struct served *served, const struct bg_identity *identity, enum bg_certificate_role role)
{
    struct bg_error error;
    served_certify(served, identity, role, 2, &served->certificate);
    cr_assert_eq(bg_identity_pem(identity, &served->key), BG_OK);
    served->settings.loop = served->loop;
    served->settings.credentials = (struct bg_credentials){
        served->certificate.text, served->key.text, served->authority_pem.text};
    cr_assert_eq(bg_http_server_create(&served->settings, &error, &served->server), BG_OK, "%s", error.text);
    snprintf(served->url, sizeof served->url, "https://127.0.0.1:%u", bg_http_server_port(served->server));
}

static void *run(void *argument)
{
    struct served *served = argument;
    bg_loop_run(served->loop);
    return NULL;
}

void served_start(struct served *served)
{
    cr_assert_eq(pthread_create(&served->thread, NULL, run, served), 0);
    served->running = true;
}

static void stop(void *argument)
{
    bg_loop_stop(argument);
}

void served_stop(struct served *served)
{
    if (!served->running)
        return;
    cr_assert_eq(bg_loop_post(served->loop, stop, served->loop), BG_OK);
    cr_assert_eq(pthread_join(served->thread, NULL), 0);
    served->running = false;
}

void served_grant(struct served *served, struct bg_http_exchange *exchange, const struct bg_enrolment_request *request,
                  const struct bg_identity *root, uint32_t days)
{
    struct bg_enrolment_reply reply = {.has_root = true, .authority = served->authority_pem};
    uint8_t point[BG_PUBLIC_POINT_BYTES];
    struct bg_error error;
    enum bg_status status = bg_request_read(&request->request, "request", &error, point);
    if (status == BG_OK)
        status = bg_certificate_issue(served->authority, served->population, point, BG_CERTIFICATE_CLIENT,
                                      (uint64_t)time(NULL), days, &served->random, &reply.certificate);
    if (status == BG_OK)
        status = bg_population_set(&reply.population, served->population);
    memcpy(reply.key_holder, bg_identity_point(served->authority), sizeof reply.key_holder);
    memcpy(reply.root, bg_identity_point(root), sizeof reply.root);
    snprintf(reply.root_url, sizeof reply.root_url, "%s", served->root_url);
    char *text = status == BG_OK ? bg_enrolment_reply_print(&reply) : NULL;
    if (!text) {
        bg_http_refuse(exchange, BG_DECODE, "no request");
        return;
    }
    struct bg_http_response response = {
        .status = 200, .content_type = "application/json", .body = {(const uint8_t *)text, strlen(text)}};
    bg_http_respond(exchange, &response);
    free(text);
}

const char *served_path(const struct served *served, const char *name, char ret_path[static 160])
{
    snprintf(ret_path, 160, "%s/%s", served->folder, name);
    return ret_path;
}
