/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls.h"

#include "net/tls_internal.h"

#include <errno.h>
#include <mbedtls/oid.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define RECORD_BYTES ((size_t)16 << 10)  /* the library's buffers hold as much at least */
#define RECORD_PREFIX ((size_t)64)       /* of which its counters and headers stand first */

struct bg_tls_server {
    mbedtls_ssl_config config;
    mbedtls_x509_crt certificate, authority;
    mbedtls_pk_context key;
    struct bg_tls_sessions sessions;
    bool strangers;
};

struct bg_tls {
    mbedtls_ssl_context ssl;
    struct bg_tls_server *server;
    struct bg_span in;
    struct bg_writer *out;
    bool resumed;
};

/* The kernel's generator: no state that two threads, or a fork, could share. */
static int draw(void *context, unsigned char *data, size_t size)
{
    (void)context;
    while (size) {
        ssize_t got = getrandom(data, size, 0);
        if (got < 0 && errno != EINTR)
            return -1;
        if (got > 0) {
            data += got;
            size -= (size_t)got;
        }
    }
    return 0;
}

/* ---- what all connections of a thread share ---- */

/* In the server's order: what its processor does fastest without special instructions first. */
static const int suites[] = {
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
    MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
#endif
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    0,
};

static const mbedtls_x509_crt_profile certificates_believed = {
    .allowed_mds = MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA256),
    .allowed_pks = MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_ECKEY) | MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_ECDSA),
    .allowed_curves = MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP256R1),
};

static enum bg_status parse_certificates(const char *pem, const char *what, struct bg_error *error,
                                         mbedtls_x509_crt *ret_certificates)
{
    int failed = mbedtls_x509_crt_parse(ret_certificates, (const unsigned char *)pem, strlen(pem) + 1);
    if (failed == MBEDTLS_ERR_X509_ALLOC_FAILED)
        return bg_fail(error, BG_NO_MEMORY, "no memory for the %s", what);
    return failed ? bg_fail(error, BG_DECODE, "the %s is not a certificate in PEM form", what) : BG_OK;
}

static enum bg_status parse(struct bg_tls_server *server, const struct bg_credentials *credentials,
                            struct bg_error *error)
{
    if (!credentials->certificate || !credentials->key)
        return bg_fail(error, BG_INVALID, "a server needs a certificate and its key");
    enum bg_status status = parse_certificates(credentials->certificate, "server's certificate", error,
                                               &server->certificate);
    if (!status && credentials->authority)
        status = parse_certificates(credentials->authority, "authority's certificate", error, &server->authority);
    if (status)
        return status;
    const unsigned char *pem = (const unsigned char *)credentials->key;
    if (bg_tls_parse_key(&server->key, pem, strlen(credentials->key) + 1, draw) != 0)
        return bg_fail(error, BG_BAD_KEY, "the server's key is not a key in PEM form");
    if (mbedtls_pk_get_type(&server->key) != MBEDTLS_PK_ECKEY || mbedtls_pk_get_bitlen(&server->key) != 256)
        return bg_fail(error, BG_BAD_KEY, "the server's key is not on P-256");
    if (!bg_tls_key_belongs(&server->certificate.pk, &server->key, draw))
        return bg_fail(error, BG_BAD_KEY, "the server's certificate is for another key");
    if (mbedtls_x509_crt_check_extended_key_usage(&server->certificate, MBEDTLS_OID_SERVER_AUTH,
                                                  MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH)) != 0)
        return bg_fail(error, BG_BAD_KEY, "the server's certificate is that of a client: enrol it as a server");
    return BG_OK;
}

static enum bg_status configure(struct bg_tls_server *server, bool authority, struct bg_error *error)
{
    mbedtls_ssl_config *config = &server->config;
    if (mbedtls_ssl_config_defaults(config, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
                                    MBEDTLS_SSL_PRESET_DEFAULT) != 0)
        return bg_fail(error, BG_NO_MEMORY, "no memory for TLS");
    bg_tls_restrict(config);
    mbedtls_ssl_conf_ciphersuites(config, suites);
    mbedtls_ssl_conf_rng(config, draw, NULL);
    mbedtls_ssl_conf_cert_profile(config, &certificates_believed);
    mbedtls_ssl_conf_renegotiation(config, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
    mbedtls_ssl_conf_cert_req_ca_list(config, MBEDTLS_SSL_CERT_REQ_CA_LIST_DISABLED);
    if (authority) {
        mbedtls_ssl_conf_ca_chain(config, &server->authority, NULL);
        mbedtls_ssl_conf_authmode(config, server->strangers ? MBEDTLS_SSL_VERIFY_OPTIONAL : BG_TLS_DEMAND);
    } else if (server->strangers) {
        mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_NONE);
    } else {
        return bg_fail(error, BG_INVALID, "a server that lets no strangers in needs its authority's certificate");
    }
    if (server->sessions.cache)
        bg_tls_sessions_attach(&server->sessions, config);
    if (mbedtls_ssl_conf_own_cert(config, &server->certificate, &server->key) != 0)
        return bg_fail(error, BG_NO_MEMORY, "no memory for TLS");
    return BG_OK;
}

enum bg_status bg_tls_server_create(const struct bg_credentials *credentials, bool strangers,
                                    struct bg_tls_cache *cache, struct bg_error *error,
                                    struct bg_tls_server **ret_server)
{
    struct bg_tls_server *server = calloc(1, sizeof *server);
    if (!server)
        return bg_fail(error, BG_NO_MEMORY, "no memory for TLS");
    server->sessions.cache = cache;
    server->strangers = strangers;
    mbedtls_ssl_config_init(&server->config);
    mbedtls_x509_crt_init(&server->certificate);
    mbedtls_x509_crt_init(&server->authority);
    mbedtls_pk_init(&server->key);
    enum bg_status status = bg_tls_library_init() == 0 ? BG_OK : bg_fail(error, BG_RANDOM, "mbedTLS does not start");
    if (!status)
        status = parse(server, credentials, error);
    if (!status)
        status = configure(server, credentials->authority, error);
    if (status) {
        bg_tls_server_destroy(&server);
        return status;
    }
    *ret_server = server;
    return BG_OK;
}

void bg_tls_server_destroy(struct bg_tls_server **server)
{
    if (!*server)
        return;
    mbedtls_ssl_config_free(&(*server)->config);
    mbedtls_pk_free(&(*server)->key);
    mbedtls_x509_crt_free(&(*server)->authority);
    mbedtls_x509_crt_free(&(*server)->certificate);
    free(*server);
    *server = NULL;
}

/* ---- one connection ---- */

static int receive(void *context, unsigned char *data, size_t size)
{
    struct bg_tls *tls = context;
    if (tls->in.size == 0)
        return MBEDTLS_ERR_SSL_WANT_READ;
    size_t taken = size < tls->in.size ? size : tls->in.size;
    memcpy(data, tls->in.data, taken);
    tls->in.data += taken;
    tls->in.size -= taken;
    return (int)taken;
}

static int deliver(void *context, const unsigned char *data, size_t size)
{
    struct bg_tls *tls = context;
    bg_write_bytes(tls->out, data, size);
    return tls->out->status ? MBEDTLS_ERR_SSL_ALLOC_FAILED : (int)size;
}

struct bg_tls *bg_tls_create(struct bg_tls_server *server, struct bg_writer *out)
{
    struct bg_tls *tls = calloc(1, sizeof *tls);
    if (!tls)
        return NULL;
    tls->server = server;
    tls->out = out;
    mbedtls_ssl_init(&tls->ssl);
    if (mbedtls_ssl_setup(&tls->ssl, &server->config) != 0) {
        bg_tls_destroy(&tls);
        return NULL;
    }
    mbedtls_ssl_set_bio(&tls->ssl, tls, deliver, receive, NULL);
    return tls;
}

void bg_tls_destroy(struct bg_tls **tls)
{
    if (!*tls)
        return;
    mbedtls_ssl_free(&(*tls)->ssl);
    free(*tls);
    *tls = NULL;
}

void bg_tls_feed(struct bg_tls *tls, struct bg_span ciphertext)
{
    tls->in = ciphertext;
}

struct bg_span bg_tls_unread(const struct bg_tls *tls)
{
    return tls->in;
}

static enum bg_status explain_certificate(uint32_t flags, struct bg_error *error)
{
    if (flags & MBEDTLS_X509_BADCERT_FUTURE)
        return bg_tls_refuse_time(true, error);
    if (flags & MBEDTLS_X509_BADCERT_EXPIRED)
        return bg_tls_refuse_time(false, error);
    if (flags & MBEDTLS_X509_BADCERT_MISSING)
        return bg_fail(error, BG_BAD_KEY, "the peer showed no certificate");
    if (flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED)
        return bg_fail(error, BG_BAD_KEY, "the peer's certificate is not from our authority");
    return bg_fail(error, BG_BAD_KEY, "the peer's certificate is not one we can believe (0x%x)", (unsigned)flags);
}

static enum bg_status explain(const struct bg_tls *tls, int code, struct bg_error *error)
{
    char text[160];
    switch (code) {
    case MBEDTLS_ERR_X509_CERT_VERIFY_FAILED:
        return explain_certificate(mbedtls_ssl_get_verify_result(&tls->ssl), error);
    case MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE:
        return explain_certificate(MBEDTLS_X509_BADCERT_MISSING, error);
    case BG_TLS_BAD_VERSION:
        return bg_fail(error, BG_BAD_VERSION, "the peer speaks no version of TLS that is spoken here, 1.2 or later");
    case BG_TLS_NO_CIPHER:
        return bg_fail(error, BG_UNSUPPORTED, "the peer has no cipher suite that is spoken here");
    case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
        return bg_fail(error, BG_REFUSED, "the peer refused the connection: it may not believe our certificate");
    case MBEDTLS_ERR_SSL_ALLOC_FAILED:
        return bg_fail(error, BG_NO_MEMORY, "no memory for TLS");
    default:
        mbedtls_strerror(code, text, sizeof text);
        return bg_fail(error, BG_DECODE, "what the peer sent is not the TLS that is spoken here: %s", text);
    }
}

/* After the handshake, whatever the library made of the certificate. */
static enum bg_status read_peer(const struct bg_tls *tls, struct bg_error *error, struct bg_peer *ret_peer)
{
    const mbedtls_x509_crt *certificate = mbedtls_ssl_get_peer_cert(&tls->ssl);
    uint32_t flags = mbedtls_ssl_get_verify_result(&tls->ssl);
    if (certificate)
        return flags ? explain_certificate(flags, error) : bg_tls_read_peer(certificate, error, ret_peer);
    if (!tls->server->strangers)
        return explain_certificate(MBEDTLS_X509_BADCERT_MISSING, error);
    *ret_peer = (struct bg_peer){0};
    return BG_OK;
}

static unsigned char alert_for(const struct bg_tls *tls)
{
    uint32_t flags = mbedtls_ssl_get_verify_result(&tls->ssl);
    if (!mbedtls_ssl_get_peer_cert(&tls->ssl))
        return MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE;
    if (flags & (MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE))
        return MBEDTLS_SSL_ALERT_MSG_CERT_EXPIRED;
    return flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED ? MBEDTLS_SSL_ALERT_MSG_UNKNOWN_CA
                                                    : MBEDTLS_SSL_ALERT_MSG_BAD_CERT;
}

enum bg_tls_step bg_tls_handshake(struct bg_tls *tls, struct bg_error *error, struct bg_peer *ret_peer,
                                  bool *ret_resumed)
{
    tls->server->sessions.found = false;
    int code = mbedtls_ssl_handshake(&tls->ssl);
    tls->resumed = tls->resumed || tls->server->sessions.found;
    if (code == MBEDTLS_ERR_SSL_WANT_READ)
        return BG_TLS_WANTS;
    if (code) {
        explain(tls, code, error);
        return BG_TLS_FAILED;
    }
    if (read_peer(tls, error, ret_peer)) {
        mbedtls_ssl_send_alert_message(&tls->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL, alert_for(tls));
        return BG_TLS_FAILED;
    }
    *ret_resumed = tls->resumed;
    return BG_TLS_DONE;
}

enum bg_tls_step bg_tls_read(struct bg_tls *tls, uint8_t *ret_data, size_t size, size_t *ret_got,
                             struct bg_error *error)
{
    int got = mbedtls_ssl_read(&tls->ssl, ret_data, size);
    if (got > 0) {
        *ret_got = (size_t)got;
        return BG_TLS_DONE;
    }
    if (got == MBEDTLS_ERR_SSL_WANT_READ)
        return BG_TLS_WANTS;
    if (got == 0 || got == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
        return BG_TLS_CLOSED;
    explain(tls, got, error);
    return BG_TLS_FAILED;
}

enum bg_tls_step bg_tls_write(struct bg_tls *tls, struct bg_span plaintext, size_t *ret_taken)
{
    int taken = mbedtls_ssl_write(&tls->ssl, plaintext.data, plaintext.size);
    if (taken <= 0)
        return BG_TLS_FAILED;
    *ret_taken = (size_t)taken;
    return BG_TLS_DONE;
}

/* Whole pages of a buffer of the library's; what it keeps between two records stands in front. */
static void give_back(unsigned char *buffer)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = ((uintptr_t)buffer + RECORD_PREFIX + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)buffer + RECORD_BYTES) / page * page;
    if (first < end)
        madvise((void *)first, end - first, MADV_DONTNEED);
}

void bg_tls_rest(struct bg_tls *tls)
{
    const mbedtls_ssl_context *ssl = &tls->ssl;
    bool empty = !mbedtls_ssl_check_pending(ssl) && !ssl->BG_TLS_PRIVATE(in_left) && !ssl->BG_TLS_PRIVATE(out_left);
    if (!empty)
        return;
    give_back(ssl->BG_TLS_PRIVATE(in_buf));
    give_back(ssl->BG_TLS_PRIVATE(out_buf));
}

void bg_tls_close(struct bg_tls *tls)
{
    mbedtls_ssl_close_notify(&tls->ssl);
}
