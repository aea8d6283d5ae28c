/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/certificate.h"

#include "base/file.h"
#include "crypto/digest.h"
#include "crypto/mbedtls_compat.h"
#include "crypto/p256.h"
#include "crypto/wipe.h"

#include <mbedtls/oid.h>
#include <mbedtls/pem.h>
#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>
#include <mbedtls/x509_csr.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SERIAL_BYTES 16
#define NAME_BYTES 192          /* of a distinguished name as text: 64 hex digits, a role, a population */
#define TIME_BYTES 15           /* YYYYMMDDhhmmss and a NUL */
#define LAST_SECOND 253402300799u /* of the year 9999, the last that a certificate can name */
#define SECONDS_PER_DAY 86400u

/* ---- names, times, errors ---- */

static const char *const role_names[BG_CERTIFICATE_ROLE_COUNT] = {
    [BG_CERTIFICATE_CLIENT] = "client",       [BG_CERTIFICATE_ROOT] = "root",
    [BG_CERTIFICATE_EDGE] = "edge",           [BG_CERTIFICATE_KEYHOLDER] = "keyholder",
    [BG_CERTIFICATE_OPERATOR] = "operator",
};

const char *bg_certificate_role_name(unsigned role)
{
    return role < BG_CERTIFICATE_ROLE_COUNT ? role_names[role] : NULL;
}

enum bg_status bg_certificate_role_parse(const char *name, enum bg_certificate_role *ret_role)
{
    for (unsigned role = BG_CERTIFICATE_CLIENT; role < BG_CERTIFICATE_ROLE_COUNT; role++)
        if (strcmp(name, role_names[role]) == 0) {
            *ret_role = (enum bg_certificate_role)role;
            return BG_OK;
        }
    return BG_INVALID;
}

/* mbedTLS adds the code of the layer below to its own: memory may have run out in either. */
static enum bg_status status_of(int failed, enum bg_status otherwise)
{
    if (failed >= 0)
        return failed ? otherwise : BG_OK;
    int low = -(-failed & 0x7f), high = failed - low;
    if (low == MBEDTLS_ERR_ASN1_ALLOC_FAILED || low == MBEDTLS_ERR_MPI_ALLOC_FAILED ||
        high == MBEDTLS_ERR_X509_ALLOC_FAILED || high == MBEDTLS_ERR_PEM_ALLOC_FAILED ||
        high == MBEDTLS_ERR_PK_ALLOC_FAILED)
        return BG_NO_MEMORY;
    return bg_p256_status(high ? high : failed, otherwise);
}

static bool time_text(uint64_t seconds, char ret_text[static TIME_BYTES])
{
    struct tm parts;
    time_t time = (time_t)seconds;
    return seconds <= LAST_SECOND && gmtime_r(&time, &parts) &&
           strftime(ret_text, TIME_BYTES, "%Y%m%d%H%M%S", &parts) == TIME_BYTES - 1;
}

static uint64_t time_seconds(const mbedtls_x509_time *time)
{
    struct tm parts = {.tm_year = time->year - 1900,
                       .tm_mon = time->mon - 1,
                       .tm_mday = time->day,
                       .tm_hour = time->hour,
                       .tm_min = time->min,
                       .tm_sec = time->sec};
    time_t seconds = timegm(&parts);
    return seconds < 0 ? 0 : (uint64_t)seconds;
}

/* ---- texts ---- */

enum bg_status bg_pem_set(const char *text, struct bg_pem *ret_pem)
{
    size_t size = strnlen(text, BG_PEM_BYTES);
    if (size == BG_PEM_BYTES)
        return BG_TOO_LARGE;
    memcpy(ret_pem->text, text, size + 1);
    return BG_OK;
}

enum bg_status bg_pem_load(const char *path, struct bg_error *error, struct bg_pem *ret_pem)
{
    uint8_t *data;
    size_t size;
    enum bg_status status = bg_file_read(path, BG_PEM_BYTES - 1, error, &data, &size);
    if (status)
        return status;
    if (memchr(data, 0, size))
        status = bg_fail(error, BG_DECODE, "%s: not PEM text: it has a zero byte", path);
    else
        memcpy(ret_pem->text, data, size + 1); /* bg_file_read ends it */
    free(data);
    return status;
}

static size_t pem_size(const struct bg_pem *pem)
{
    return strlen(pem->text) + 1; /* as mbedTLS counts it */
}

/* ---- keys ---- */

/* SubjectPublicKeyInfo of an uncompressed point of P-256 is this, then the point (RFC 5480). */
static const uint8_t spki_head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
                                    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
#define SPKI_BYTES (sizeof spki_head + BG_PUBLIC_POINT_BYTES)

static void make_spki(const uint8_t *point, uint8_t ret_spki[static SPKI_BYTES])
{
    memcpy(ret_spki, spki_head, sizeof spki_head);
    memcpy(ret_spki + sizeof spki_head, point, BG_PUBLIC_POINT_BYTES);
}

void bg_point_pin(const uint8_t point[static BG_PUBLIC_POINT_BYTES], struct bg_digest *ret_pin)
{
    uint8_t spki[SPKI_BYTES];
    make_spki(point, spki);
    bg_sha256((struct bg_span){spki, sizeof spki}, ret_pin);
}

/* ECPrivateKey on P-256 (RFC 5915): these bytes, the scalar, the middle, the point. */
static const uint8_t key_head[] = {0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20};
static const uint8_t key_middle[] = {0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
                                     0x03, 0x01, 0x07, 0xa1, 0x44, 0x03, 0x42, 0x00};
#define KEY_BYTES (sizeof key_head + BG_SCALAR_BYTES + sizeof key_middle + BG_PUBLIC_POINT_BYTES)

/* The caller wipes it. */
static void make_private_key(const struct bg_identity *identity, uint8_t ret_key[static KEY_BYTES])
{
    uint8_t *at = ret_key;
    memcpy(at, key_head, sizeof key_head);
    bg_identity_secret(identity, at += sizeof key_head);
    memcpy(at += BG_SCALAR_BYTES, key_middle, sizeof key_middle);
    memcpy(at + sizeof key_middle, bg_identity_point(identity), BG_PUBLIC_POINT_BYTES);
}

enum bg_status bg_identity_pem(const struct bg_identity *identity, struct bg_pem *ret_pem)
{
    uint8_t key[KEY_BYTES];
    size_t written;
    make_private_key(identity, key);
    int failed = mbedtls_pem_write_buffer("-----BEGIN EC PRIVATE KEY-----\n", "-----END EC PRIVATE KEY-----\n", key,
                                          sizeof key, (unsigned char *)ret_pem->text, sizeof ret_pem->text, &written);
    bg_wipe(key, sizeof key);
    return status_of(failed, BG_FAULT);
}

/* `key` is initialised and freed by the caller. */
static int load_private_key(const struct bg_identity *identity, mbedtls_pk_context *key)
{
    uint8_t bytes[KEY_BYTES];
    make_private_key(identity, bytes);
    int failed = BG_MBEDTLS_PARSE_KEY(key, bytes, sizeof bytes, bg_p256_blind);
    bg_wipe(bytes, sizeof bytes);
    return failed;
}

/* BG_BAD_KEY unless it is on P-256, in whatever form it came. */
static enum bg_status read_point(mbedtls_pk_context *key, uint8_t ret_point[static BG_PUBLIC_POINT_BYTES])
{
    uint8_t spki[SPKI_BYTES];
    int written = mbedtls_pk_write_pubkey_der(key, spki, sizeof spki);
    if (written < 0)
        return status_of(written, BG_BAD_KEY);
    if ((size_t)written != sizeof spki || memcmp(spki, spki_head, sizeof spki_head) != 0)
        return BG_BAD_KEY;
    memcpy(ret_point, spki + sizeof spki_head, BG_PUBLIC_POINT_BYTES);
    return bg_point_check(ret_point);
}

/* ---- distinguished names ---- */

/* A population has no character that a distinguished name would have to escape. */
static void authority_name(const char *population, char ret_name[static NAME_BYTES])
{
    snprintf(ret_name, NAME_BYTES, "CN=burgee authority,O=%s", population);
}

static void subject_name(const uint8_t *point, const char *role, const char *population,
                         char ret_name[static NAME_BYTES])
{
    struct bg_digest id;
    char hex[2 * BG_DIGEST_BYTES + 1];
    bg_point_digest(point, &id);
    bg_digest_to_hex(&id, hex);
    snprintf(ret_name, NAME_BYTES, "CN=%s,OU=%s,O=%s", hex, role, population);
}

/* The one attribute of this type; empty if there is none or a second. */
static struct bg_span find_attribute(const mbedtls_x509_name *name, struct bg_span type)
{
    struct bg_span found = {0};
    for (; name; name = name->next)
        if (bg_span_equal((struct bg_span){name->oid.p, name->oid.len}, type)) {
            if (found.data)
                return (struct bg_span){0};
            found = (struct bg_span){name->val.p, name->val.len};
        }
    return found;
}

static struct bg_span common_name(const mbedtls_x509_name *name)
{
    return find_attribute(name, (struct bg_span){(const uint8_t *)MBEDTLS_OID_AT_CN, sizeof MBEDTLS_OID_AT_CN - 1});
}

static bool names_point(const mbedtls_x509_name *name, const uint8_t *point)
{
    struct bg_digest id;
    char hex[2 * BG_DIGEST_BYTES + 1];
    bg_point_digest(point, &id);
    bg_digest_to_hex(&id, hex);
    return bg_span_equal(common_name(name), (struct bg_span){(const uint8_t *)hex, 2 * BG_DIGEST_BYTES});
}

/* 0: none of the known. */
static enum bg_certificate_role named_role(const mbedtls_x509_name *name)
{
    struct bg_span unit = find_attribute(
        name, (struct bg_span){(const uint8_t *)MBEDTLS_OID_AT_ORG_UNIT, sizeof MBEDTLS_OID_AT_ORG_UNIT - 1});
    for (unsigned role = BG_CERTIFICATE_CLIENT; role < BG_CERTIFICATE_ROLE_COUNT; role++)
        if (bg_span_equal(unit, (struct bg_span){(const uint8_t *)role_names[role], strlen(role_names[role])}))
            return (enum bg_certificate_role)role;
    return 0;
}

/* ---- requests ---- */

enum bg_status bg_request_create(const struct bg_identity *identity, struct bg_pem *ret_pem)
{
    mbedtls_x509write_csr request;
    mbedtls_pk_context key;
    char name[3 + 2 * BG_DIGEST_BYTES + 1] = "CN=";
    mbedtls_x509write_csr_init(&request);
    mbedtls_pk_init(&key);
    bg_digest_to_hex(bg_identity_digest(identity), name + 3);
    mbedtls_x509write_csr_set_md_alg(&request, MBEDTLS_MD_SHA256);
    mbedtls_x509write_csr_set_key(&request, &key);
    int failed = load_private_key(identity, &key);
    if (!failed)
        failed = mbedtls_x509write_csr_set_subject_name(&request, name);
    if (!failed)
        failed = mbedtls_x509write_csr_pem(&request, (unsigned char *)ret_pem->text, sizeof ret_pem->text,
                                           bg_p256_blind, NULL);
    mbedtls_pk_free(&key);
    mbedtls_x509write_csr_free(&request);
    return status_of(failed, BG_FAULT);
}

static enum bg_status check_request(mbedtls_x509_csr *request, const char *name, struct bg_error *error,
                                    uint8_t ret_point[static BG_PUBLIC_POINT_BYTES])
{
    struct bg_digest digest;
    enum bg_status status = read_point(&request->pk, ret_point);
    if (status)
        return bg_fail(error, status, "%s: its key must be a point of P-256: %s", name, bg_status_text(status));
    const mbedtls_x509_buf *signature = &request->BG_MBEDTLS_MEMBER(sig);
    bg_sha256((struct bg_span){request->cri.p, request->cri.len}, &digest);
    if (request->BG_MBEDTLS_MEMBER(sig_md) != MBEDTLS_MD_SHA256)
        return bg_fail(error, BG_BAD_SIGNATURE, "%s: must be signed with ECDSA and SHA-256", name);
    int failed = mbedtls_pk_verify_ext(MBEDTLS_PK_ECDSA, NULL, &request->pk, MBEDTLS_MD_SHA256, digest.bytes,
                                       sizeof digest.bytes, signature->p, signature->len);
    status = status_of(failed, BG_BAD_SIGNATURE);
    if (status)
        return bg_fail(error, status, "%s: not signed with the key it asks for: %s", name, bg_status_text(status));
    if (!names_point(&request->subject, ret_point))
        return bg_fail(error, BG_INVALID, "%s: its common name must be the SHA-256 of its key, in hex", name);
    return BG_OK;
}

enum bg_status bg_request_read(const struct bg_pem *pem, const char *name, struct bg_error *error,
                               uint8_t ret_point[static BG_PUBLIC_POINT_BYTES])
{
    mbedtls_x509_csr request;
    uint8_t point[BG_PUBLIC_POINT_BYTES];
    mbedtls_x509_csr_init(&request);
    enum bg_status status =
        status_of(mbedtls_x509_csr_parse(&request, (const unsigned char *)pem->text, pem_size(pem)), BG_DECODE);
    if (status)
        bg_fail(error, status, "%s: not a certificate request in PEM: %s", name, bg_status_text(status));
    else
        status = check_request(&request, name, error, point);
    if (!status)
        memcpy(ret_point, point, sizeof point);
    mbedtls_x509_csr_free(&request);
    return status;
}

/* ---- issuing ---- */

struct extension {
    const char *type;
    size_t type_size;
    bool critical;
    const uint8_t *value;
    size_t size;
};

#define EXTENSION(type, critical, value) {type, sizeof type - 1, critical, value, sizeof value}

static const uint8_t authority_constraints[] = {0x30, 0x06, 0x01, 0x01, 0xff, 0x02, 0x01, 0x00}; /* CA, path 0 */
static const uint8_t authority_usage[] = {0x03, 0x02, 0x01, 0x06};                               /* signs both */
static const uint8_t device_constraints[] = {0x30, 0x00};
static const uint8_t device_usage[] = {0x03, 0x02, 0x07, 0x80}; /* digital signature */
static const uint8_t client_purpose[] = {0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02};
static const uint8_t server_purpose[] = {0x30, 0x14, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03,
                                         0x01, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02};

static const struct extension authority_extensions[] = {
    EXTENSION(MBEDTLS_OID_BASIC_CONSTRAINTS, true, authority_constraints),
    EXTENSION(MBEDTLS_OID_KEY_USAGE, true, authority_usage),
};
static const struct extension client_extensions[] = {
    EXTENSION(MBEDTLS_OID_BASIC_CONSTRAINTS, true, device_constraints),
    EXTENSION(MBEDTLS_OID_KEY_USAGE, true, device_usage),
    EXTENSION(MBEDTLS_OID_EXTENDED_KEY_USAGE, false, client_purpose),
};
static const struct extension server_extensions[] = {
    EXTENSION(MBEDTLS_OID_BASIC_CONSTRAINTS, true, device_constraints),
    EXTENSION(MBEDTLS_OID_KEY_USAGE, true, device_usage),
    EXTENSION(MBEDTLS_OID_EXTENDED_KEY_USAGE, false, server_purpose),
};

/* Everything that differs from certificate to certificate. */
struct form {
    const char *subject, *issuer;
    uint64_t not_before, not_after;
    const struct extension *extensions;
    size_t extension_count;
};

static int set_serial(mbedtls_x509write_cert *certificate, uint8_t serial[static SERIAL_BYTES])
{
#if MBEDTLS_VERSION_NUMBER >= 0x03040000
    return mbedtls_x509write_crt_set_serial_raw(certificate, serial, SERIAL_BYTES);
#else
    mbedtls_mpi number;
    mbedtls_mpi_init(&number);
    int failed = mbedtls_mpi_read_binary(&number, serial, SERIAL_BYTES);
    if (!failed)
        failed = mbedtls_x509write_crt_set_serial(certificate, &number);
    mbedtls_mpi_free(&number);
    return failed;
#endif
}

static int fill(mbedtls_x509write_cert *certificate, const struct form *form)
{
    char from[TIME_BYTES], until[TIME_BYTES];
    if (!time_text(form->not_before, from) || !time_text(form->not_after, until))
        return MBEDTLS_ERR_X509_INVALID_DATE;
    mbedtls_x509write_crt_set_md_alg(certificate, MBEDTLS_MD_SHA256);
    int failed = mbedtls_x509write_crt_set_subject_name(certificate, form->subject);
    if (!failed)
        failed = mbedtls_x509write_crt_set_issuer_name(certificate, form->issuer);
    if (!failed)
        failed = mbedtls_x509write_crt_set_validity(certificate, from, until);
    for (size_t i = 0; i < form->extension_count && !failed; i++) {
        const struct extension *e = &form->extensions[i];
        failed = mbedtls_x509write_crt_set_extension(certificate, e->type, e->type_size, e->critical, e->value,
                                                     e->size);
    }
    if (!failed)
        failed = mbedtls_x509write_crt_set_subject_key_identifier(certificate);
    if (!failed)
        failed = mbedtls_x509write_crt_set_authority_key_identifier(certificate);
    return failed;
}

static enum bg_status write_certificate(const struct bg_identity *authority, const uint8_t *point,
                                        const struct form *form, const struct bg_random *random,
                                        struct bg_pem *ret_pem)
{
    mbedtls_x509write_cert certificate;
    mbedtls_pk_context issuer, subject;
    uint8_t serial[SERIAL_BYTES], spki[SPKI_BYTES];
    enum bg_status status = bg_random_fill(random, serial, sizeof serial);
    if (status)
        return status;
    serial[0] = (serial[0] & 0x3f) | 0x40; /* positive, and always of this size */
    make_spki(point, spki);
    mbedtls_x509write_crt_init(&certificate);
    mbedtls_pk_init(&issuer);
    mbedtls_pk_init(&subject);
    mbedtls_x509write_crt_set_issuer_key(&certificate, &issuer);
    mbedtls_x509write_crt_set_subject_key(&certificate, &subject);
    int failed = load_private_key(authority, &issuer);
    if (!failed)
        failed = mbedtls_pk_parse_public_key(&subject, spki, sizeof spki);
    if (!failed)
        failed = set_serial(&certificate, serial);
    if (!failed)
        failed = fill(&certificate, form);
    if (!failed)
        failed = mbedtls_x509write_crt_pem(&certificate, (unsigned char *)ret_pem->text, sizeof ret_pem->text,
                                           bg_p256_blind, NULL);
    mbedtls_pk_free(&subject);
    mbedtls_pk_free(&issuer);
    mbedtls_x509write_crt_free(&certificate);
    return status_of(failed, BG_FAULT);
}

/* Whether `days` from `now` is a time that a certificate can name; writes both ends. */
static bool life(uint64_t now, uint32_t days, struct form *ret_form)
{
    if (now > LAST_SECOND - (uint64_t)days * SECONDS_PER_DAY)
        return false;
    ret_form->not_before = now < BG_CERTIFICATE_SKEW_SECONDS ? 0 : now - BG_CERTIFICATE_SKEW_SECONDS;
    ret_form->not_after = now + (uint64_t)days * SECONDS_PER_DAY;
    return true;
}

enum bg_status bg_authority_create(const struct bg_identity *authority, const char *population, uint64_t now,
                                   const struct bg_random *random, struct bg_pem *ret_pem)
{
    char name[NAME_BYTES];
    struct form form = {.subject = name,
                        .issuer = name,
                        .extensions = authority_extensions,
                        .extension_count = sizeof authority_extensions / sizeof *authority_extensions};
    if (!life(now, BG_AUTHORITY_DAYS, &form))
        return BG_INVALID;
    authority_name(population, name);
    return write_certificate(authority, bg_identity_point(authority), &form, random, ret_pem);
}

enum bg_status bg_certificate_issue(const struct bg_identity *authority, const char *population,
                                    const uint8_t point[static BG_PUBLIC_POINT_BYTES], enum bg_certificate_role role,
                                    uint64_t now, uint32_t days, const struct bg_random *random,
                                    struct bg_pem *ret_pem)
{
    char subject[NAME_BYTES], issuer[NAME_BYTES];
    bool serves = role != BG_CERTIFICATE_CLIENT && role != BG_CERTIFICATE_OPERATOR;
    struct form form = {.subject = subject,
                        .issuer = issuer,
                        .extensions = serves ? server_extensions : client_extensions,
                        .extension_count = sizeof client_extensions / sizeof *client_extensions};
    _Static_assert(sizeof client_extensions == sizeof server_extensions, "as many for each");
    const char *unit = bg_certificate_role_name(role);
    if (!unit || days < 1 || days > BG_CERTIFICATE_MOST_DAYS || !life(now, days, &form))
        return BG_INVALID;
    enum bg_status status = bg_point_check(point);
    if (status)
        return status;
    subject_name(point, unit, population, subject);
    authority_name(population, issuer);
    return write_certificate(authority, point, &form, random, ret_pem);
}

/* ---- reading back ---- */

static const mbedtls_x509_crt_profile profile = {
    .allowed_mds = MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA256),
    .allowed_pks = MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_ECKEY) | MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_ECDSA),
    .allowed_curves = MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP256R1),
};

/* `certificate` is initialised and freed by the caller. */
static enum bg_status parse(const struct bg_pem *pem, const char *name, struct bg_error *error,
                            mbedtls_x509_crt *certificate)
{
    int failed = mbedtls_x509_crt_parse(certificate, (const unsigned char *)pem->text, pem_size(pem));
    enum bg_status status = status_of(failed, BG_DECODE);
    if (status)
        return bg_fail(error, status, "%s: not a certificate in PEM: %s", name, bg_status_text(status));
    if (certificate->next)
        return bg_fail(error, BG_DECODE, "%s: more than one certificate", name);
    return BG_OK;
}

static enum bg_status verify(mbedtls_x509_crt *certificate, const struct bg_pem *authority, const char *name,
                             struct bg_error *error)
{
    mbedtls_x509_crt issuer;
    uint32_t flags = 0;
    mbedtls_x509_crt_init(&issuer);
    enum bg_status status = parse(authority, "the authority's certificate", error, &issuer);
    if (!status) {
        int failed = mbedtls_x509_crt_verify_with_profile(certificate, &issuer, NULL, &profile, NULL, &flags, NULL,
                                                          NULL);
        flags &= ~(uint32_t)(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE);
        if (failed && failed != MBEDTLS_ERR_X509_CERT_VERIFY_FAILED)
            status = status_of(failed, BG_BAD_SIGNATURE);
        else if (flags)
            status = BG_BAD_SIGNATURE;
        if (status)
            bg_fail(error, status, "%s: not issued by this population's authority", name);
    }
    mbedtls_x509_crt_free(&issuer);
    return status;
}

static enum bg_status describe(mbedtls_x509_crt *certificate, const char *name, struct bg_error *error,
                               struct bg_certificate *ret)
{
    struct bg_certificate found = {.not_before = time_seconds(&certificate->valid_from),
                                   .not_after = time_seconds(&certificate->valid_to),
                                   .role = named_role(&certificate->subject)};
    enum bg_status status = read_point(&certificate->pk, found.point);
    if (status)
        return bg_fail(error, status, "%s: its key must be a point of P-256: %s", name, bg_status_text(status));
    bool authority = certificate->BG_MBEDTLS_MEMBER(ca_istrue);
    if (authority ? found.role != 0 : !found.role || !names_point(&certificate->subject, found.point))
        return bg_fail(error, BG_DECODE, "%s: its subject must have the SHA-256 of its key as CN and a role as OU",
                       name);
    bg_point_digest(found.point, &found.id);
    bg_sha256((struct bg_span){certificate->raw.p, certificate->raw.len}, &found.fingerprint);
    *ret = found;
    return BG_OK;
}

enum bg_status bg_certificate_read(const struct bg_pem *pem, const char *name, const struct bg_pem *authority,
                                   struct bg_error *error, struct bg_certificate *ret)
{
    mbedtls_x509_crt certificate;
    struct bg_certificate found;
    mbedtls_x509_crt_init(&certificate);
    enum bg_status status = parse(pem, name, error, &certificate);
    if (!status)
        status = describe(&certificate, name, error, &found);
    if (!status)
        status = verify(&certificate, authority, name, error);
    if (!status)
        *ret = found;
    mbedtls_x509_crt_free(&certificate);
    return status;
}

bool bg_certificate_valid_at(const struct bg_certificate *certificate, uint64_t now)
{
    return certificate->not_before <= now && now <= certificate->not_after;
}
