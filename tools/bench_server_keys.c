/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench_server_keys.h"

#include <stdlib.h>
#include <time.h>

#define POPULATION "bench"
#define DAYS 2

static enum bg_status make_member(const struct bg_identity *authority, enum bg_certificate_role role,
                                  const struct bg_random *random, struct bg_error *error,
                                  struct bg_bench_member *member)
{
    enum bg_status status = bg_identity_create(random, &member->identity);
    if (status == BG_OK)
        status = bg_certificate_issue(authority, POPULATION, bg_identity_point(member->identity), role,
                                      (uint64_t)time(NULL), DAYS, random, &member->certificate);
    if (status == BG_OK)
        status = bg_identity_pem(member->identity, &member->key);
    return status == BG_OK ? BG_OK : bg_fail(error, status, "certificates: %s", bg_status_text(status));
}

enum bg_status bg_bench_keys_make(size_t clients, struct bg_error *error, struct bg_bench_keys *ret_keys)
{
    struct bg_bench_keys keys = {.client_count = 0};
    struct bg_random random = bg_random_system();
    struct bg_identity *authority = NULL;
    keys.clients = calloc(clients, sizeof *keys.clients);
    enum bg_status status = keys.clients ? bg_identity_create(&random, &authority) : BG_NO_MEMORY;
    if (status == BG_OK)
        status = bg_authority_create(authority, POPULATION, (uint64_t)time(NULL), &random, &keys.authority);
    if (status != BG_OK)
        bg_fail(error, status, "authority: %s", bg_status_text(status));
    if (status == BG_OK)
        status = make_member(authority, BG_CERTIFICATE_ROOT, &random, error, &keys.server);
    for (size_t i = 0; status == BG_OK && i < clients; i++) {
        keys.client_count = i + 1;
        status = make_member(authority, BG_CERTIFICATE_CLIENT, &random, error, &keys.clients[i]);
    }
    bg_identity_destroy(&authority);
    if (status != BG_OK) {
        bg_bench_keys_finish(&keys);
        return status;
    }
    bg_point_pin(bg_identity_point(keys.server.identity), &keys.pin);
    *ret_keys = keys;
    return BG_OK;
}

void bg_bench_keys_finish(struct bg_bench_keys *keys)
{
    bg_identity_destroy(&keys->server.identity);
    for (size_t i = 0; i < keys->client_count; i++)
        bg_identity_destroy(&keys->clients[i].identity);
    free(keys->clients);
    *keys = (struct bg_bench_keys){.client_count = 0};
}

struct bg_credentials bg_bench_credentials(const struct bg_bench_keys *keys, const struct bg_bench_member *member)
{
    return (struct bg_credentials){
        .certificate = member->certificate.text, .key = member->key.text, .authority = keys->authority.text};
}
