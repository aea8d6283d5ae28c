/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to net/tls*: what needs mbedTLS's types. */
#pragma once

#include "net/tls.h"
#include "net/tls_compat.h"

/* A thread's use of the cache. */
struct bg_tls_sessions {
    struct bg_tls_cache *cache;
    bool found; /* the cache had the last session that was looked for; the thread clears it */
};

/* Makes `config` keep sessions in the cache. Keeps `sessions`. */
void bg_tls_sessions_attach(struct bg_tls_sessions *sessions, mbedtls_ssl_config *config);

/* Seconds since 1970 of a certificate's end. */
uint64_t bg_tls_not_after(const mbedtls_x509_crt *certificate);

/* Who a verified certificate says it is. BG_BAD_KEY: no P-256 key, or a name that is not the key's; BG_TOO_LATE: past
 * its end. */
BG_MUST_CHECK enum bg_status bg_tls_read_peer(const mbedtls_x509_crt *certificate, struct bg_error *error,
                                              struct bg_peer *ret_peer);
