/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates for a server and its clients, of an authority made for the occasion. */
#pragma once

#include "crypto/certificate.h"
#include "net/credentials.h"

struct bg_bench_member {
    struct bg_identity *identity;
    struct bg_pem certificate, key;
};

struct bg_bench_keys {
    struct bg_pem authority;
    struct bg_bench_member server;
    struct bg_digest pin; /* of the server */
    struct bg_bench_member *clients; /* (client_count) */
    size_t client_count;
};

BG_MUST_CHECK enum bg_status bg_bench_keys_make(size_t clients, struct bg_error *error,
                                                struct bg_bench_keys *ret_keys);
/* Accepts zeroed ones. */
void bg_bench_keys_finish(struct bg_bench_keys *keys);
/* Borrows. */
struct bg_credentials bg_bench_credentials(const struct bg_bench_keys *keys, const struct bg_bench_member *member);
