/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls_internal.h"

#include <mbedtls/oid.h>
#include <string.h>
#include <time.h>

uint64_t bg_tls_not_after(const mbedtls_x509_crt *certificate)
{
    const mbedtls_x509_time *end = &certificate->valid_to;
    struct tm civil = {.tm_year = end->year - 1900, .tm_mon = end->mon - 1, .tm_mday = end->day,
                       .tm_hour = end->hour, .tm_min = end->min, .tm_sec = end->sec};
    time_t seconds = timegm(&civil);
    return seconds < 0 ? 0 : (uint64_t)seconds;
}

/* The first part of the certificate's subject of this kind; empty if there is none. */
static struct bg_span subject(const mbedtls_x509_crt *certificate, const char *oid, size_t oid_size)
{
    for (const mbedtls_x509_name *part = &certificate->subject; part; part = part->next)
        if (part->oid.len == oid_size && memcmp(part->oid.p, oid, oid_size) == 0)
            return (struct bg_span){part->val.p, part->val.len};
    return (struct bg_span){0};
}

static enum bg_status read_point(const mbedtls_x509_crt *certificate, uint8_t ret_point[static BG_PEER_POINT_BYTES])
{
    uint8_t *at = ret_point + BG_PEER_POINT_BYTES;
    if (mbedtls_pk_get_type(&certificate->pk) != MBEDTLS_PK_ECKEY || mbedtls_pk_get_bitlen(&certificate->pk) != 256)
        return BG_BAD_KEY;
    int size = mbedtls_pk_write_pubkey(&at, ret_point, &certificate->pk);
    return size == BG_PEER_POINT_BYTES ? BG_OK : BG_BAD_KEY;
}

enum bg_status bg_tls_read_peer(const mbedtls_x509_crt *certificate, struct bg_error *error, struct bg_peer *ret_peer)
{
    struct bg_peer peer = {.authenticated = true, .not_after = bg_tls_not_after(certificate)};
    char hex[2 * BG_DIGEST_BYTES + 1];
    if (read_point(certificate, peer.point))
        return bg_fail(error, BG_BAD_KEY, "the peer's certificate is not for a key on P-256");
    BG_TLS_SHA256(peer.point, sizeof peer.point, peer.id.bytes, 0);
    bg_digest_to_hex(&peer.id, hex);
    struct bg_span name = subject(certificate, MBEDTLS_OID_AT_CN, sizeof MBEDTLS_OID_AT_CN - 1);
    struct bg_span role = subject(certificate, MBEDTLS_OID_AT_ORG_UNIT, sizeof MBEDTLS_OID_AT_ORG_UNIT - 1);
    if (name.size != sizeof hex - 1 || memcmp(name.data, hex, name.size) != 0)
        return bg_fail(error, BG_BAD_KEY, "the name in the peer's certificate is not that of its key, %.16s…", hex);
    if (role.size == 0 || role.size >= sizeof peer.role || memchr(role.data, 0, role.size))
        return bg_fail(error, BG_BAD_KEY, "the certificate of %.16s… names no role", hex);
    memcpy(peer.role, role.data, role.size);
    if (peer.not_after < (uint64_t)time(NULL))
        return bg_tls_refuse_time(false, error);
    *ret_peer = peer;
    return BG_OK;
}

enum bg_status bg_tls_refuse_time(bool early, struct bg_error *error)
{
    time_t now = time(NULL);
    struct tm civil;
    char text[40] = "?";
    if (gmtime_r(&now, &civil))
        strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &civil);
    if (early)
        return bg_fail(error, BG_BAD_KEY, "the peer's certificate is not valid yet, the clock here reads %s: set the "
                                          "clock that is wrong", text);
    return bg_fail(error, BG_TOO_LATE, "the peer's certificate has expired, the clock here reads %s: renew it, or set "
                                       "the clock", text);
}
