/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to net/: what the TLS half of mbedTLS 2.28 and 3.x calls differently. */
#pragma once

#include <mbedtls/ecp.h>
#include <mbedtls/error.h>
#include <mbedtls/pk.h>
#include <mbedtls/sha256.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>
#include <stdint.h>

#if MBEDTLS_VERSION_NUMBER >= 0x03000000
#include <psa/crypto.h>

#define BG_TLS_PRIVATE(member) MBEDTLS_PRIVATE(member)
#define BG_TLS_SHA256 mbedtls_sha256
#define BG_TLS_BAD_VERSION MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION
#define BG_TLS_NO_CIPHER MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE

/* A server whose library refuses a certificate in the midst of a handshake of TLS 1.3 sends the alert under keys that
 * the client no longer reads with: it lets the handshake end and refuses then. */
#define BG_TLS_DEMAND MBEDTLS_SSL_VERIFY_OPTIONAL

/* Whether sessions outlive connections where both sides choose the version: TLS 1.3 would need tickets for that. */
#define BG_TLS_RESUMES false

/* Arguments of the session cache's functions that say which session is looked for. */
#define BG_TLS_SESSION_ID unsigned char const *id, size_t id_size,

static inline int bg_tls_library_init(void)
{
    return psa_crypto_init() == PSA_SUCCESS ? 0 : -1;
}

static inline int bg_tls_parse_key(mbedtls_pk_context *key, const unsigned char *pem, size_t size,
                                   int (*random)(void *, unsigned char *, size_t))
{
    return mbedtls_pk_parse_key(key, pem, size, NULL, 0, random, NULL);
}

static inline int bg_tls_key_belongs(const mbedtls_pk_context *public_key, const mbedtls_pk_context *key,
                                     int (*random)(void *, unsigned char *, size_t))
{
    return mbedtls_pk_check_pair(public_key, key, random, NULL) == 0;
}

/* TLS 1.2 at least, P-256 alone, signatures over SHA-256 alone. No session tickets: with TLS 1.3 a session resumed
 * by one would not say whose certificate it began with. */
static inline void bg_tls_restrict(mbedtls_ssl_config *config)
{
    static const uint16_t groups[] = {MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, MBEDTLS_SSL_IANA_TLS_GROUP_NONE};
    static const uint16_t signatures[] = {MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256, MBEDTLS_TLS1_3_SIG_NONE};
    mbedtls_ssl_conf_min_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_groups(config, groups);
    mbedtls_ssl_conf_sig_algs(config, signatures);
}
#else
#define BG_TLS_PRIVATE(member) member
#define BG_TLS_SHA256 mbedtls_sha256_ret
#define BG_TLS_BAD_VERSION MBEDTLS_ERR_SSL_BAD_HS_PROTOCOL_VERSION
#define BG_TLS_NO_CIPHER MBEDTLS_ERR_SSL_NO_CIPHER_CHOSEN
#define BG_TLS_DEMAND MBEDTLS_SSL_VERIFY_REQUIRED
#define BG_TLS_RESUMES true
#define BG_TLS_SESSION_ID

static inline int bg_tls_library_init(void)
{
    return 0;
}

static inline int bg_tls_parse_key(mbedtls_pk_context *key, const unsigned char *pem, size_t size,
                                   int (*random)(void *, unsigned char *, size_t))
{
    (void)random;
    return mbedtls_pk_parse_key(key, pem, size, NULL, 0);
}

static inline int bg_tls_key_belongs(const mbedtls_pk_context *public_key, const mbedtls_pk_context *key,
                                     int (*random)(void *, unsigned char *, size_t))
{
    (void)random;
    return mbedtls_pk_check_pair(public_key, key) == 0;
}

static inline void bg_tls_restrict(mbedtls_ssl_config *config)
{
    static const mbedtls_ecp_group_id groups[] = {MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_NONE};
    static const int hashes[] = {MBEDTLS_MD_SHA256, MBEDTLS_MD_NONE};
    mbedtls_ssl_conf_min_version(config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
    mbedtls_ssl_conf_curves(config, groups);
    mbedtls_ssl_conf_sig_hashes(config, hashes);
}
#endif
