/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates of the devices' P-256 keys (X.509 version 3, RFC 5280), requests for them (PKCS #10) and the authority
 * that issues them. One key, one curve, one digest: everything but P-256 with SHA-256 is refused.
 *
 * A certificate's subject: CN = the identity, 64 hex digits (bg_identity_digest), OU = the role, O = the population.
 * The authority's subject: CN = "burgee authority", O = the population. Times are seconds since 1970.
 */
#pragma once

#include "base/error.h"
#include "crypto/identity.h"

#define BG_PEM_BYTES 4096 /* room of every text below, with its NUL; longer ones from outside are BG_TOO_LARGE */
#define BG_AUTHORITY_DAYS 7305 /* 20 years */
#define BG_CERTIFICATE_MOST_DAYS 3660
#define BG_CERTIFICATE_SKEW_SECONDS 3600 /* valid so long before it was issued: the clocks of devices differ */

enum bg_certificate_role {
    BG_CERTIFICATE_CLIENT = 1,
    BG_CERTIFICATE_ROOT,
    BG_CERTIFICATE_EDGE,
    BG_CERTIFICATE_KEYHOLDER,
    BG_CERTIFICATE_OPERATOR,
    BG_CERTIFICATE_ROLE_COUNT
};

/* "client", "root", "edge", "keyholder", "operator"; NULL for a role that does not exist. */
const char *bg_certificate_role_name(unsigned role);
/* BG_INVALID for another name. */
BG_MUST_CHECK enum bg_status bg_certificate_role_parse(const char *name, enum bg_certificate_role *ret_role);

/* PEM text with its NUL. */
struct bg_pem {
    char text[BG_PEM_BYTES];
};

/* Reads a file of at most BG_PEM_BYTES − 1 bytes. As bg_file_read; BG_DECODE for a NUL inside. */
BG_MUST_CHECK enum bg_status bg_pem_load(const char *path, struct bg_error *error, struct bg_pem *ret_pem);
/* Copies text from outside. BG_TOO_LARGE. */
BG_MUST_CHECK enum bg_status bg_pem_set(const char *text, struct bg_pem *ret_pem);

/* The private key of an identity as TLS libraries read it (SEC 1, RFC 5915). The caller wipes it, also after a
 * failure. */
BG_MUST_CHECK enum bg_status bg_identity_pem(const struct bg_identity *identity, struct bg_pem *ret_pem);

/* A certificate of `authority` for itself, for BG_AUTHORITY_DAYS from `now`. population: bg_population_set's alphabet.
 * BG_RANDOM, BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_authority_create(const struct bg_identity *authority, const char *population,
                                                 uint64_t now, const struct bg_random *random,
                                                 struct bg_pem *ret_pem);

/* A request by the identity for its own point. BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_request_create(const struct bg_identity *identity, struct bg_pem *ret_pem);
/* The point that a request asks for, by whoever has its secret. `name` is what errors call it. BG_DECODE: not one
 * request in PEM; BG_BAD_KEY: not a point of P-256; BG_BAD_SIGNATURE: not signed with that key and SHA-256; BG_INVALID:
 * its CN is another identity. */
BG_MUST_CHECK enum bg_status bg_request_read(const struct bg_pem *pem, const char *name, struct bg_error *error,
                                             uint8_t ret_point[static BG_PUBLIC_POINT_BYTES]);

/* For `days` (1 to BG_CERTIFICATE_MOST_DAYS) from `now`, and BG_CERTIFICATE_SKEW_SECONDS before. `population` as of
 * the authority's own certificate. BG_BAD_KEY as bg_point_check; BG_INVALID for days out of range; BG_RANDOM,
 * BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_certificate_issue(const struct bg_identity *authority, const char *population,
                                                  const uint8_t point[static BG_PUBLIC_POINT_BYTES],
                                                  enum bg_certificate_role role, uint64_t now, uint32_t days,
                                                  const struct bg_random *random, struct bg_pem *ret_pem);

struct bg_certificate {
    uint8_t point[BG_PUBLIC_POINT_BYTES];
    struct bg_digest id;           /* of the point */
    enum bg_certificate_role role; /* 0: of an authority */
    uint64_t not_before, not_after;
    struct bg_digest fingerprint;  /* SHA-256 of the DER form */
};

/* `authority` must have signed it, whatever the time is: whether it is valid now is the caller's question. The
 * authority's own certificate is read with itself in that place. `name` is what errors call it. BG_DECODE: not one
 * certificate in PEM, or subject and key are not one of the forms above; BG_BAD_KEY: not on P-256; BG_BAD_SIGNATURE: of
 * another authority. */
BG_MUST_CHECK enum bg_status bg_certificate_read(const struct bg_pem *pem, const char *name,
                                                 const struct bg_pem *authority, struct bg_error *error,
                                                 struct bg_certificate *ret);
bool bg_certificate_valid_at(const struct bg_certificate *certificate, uint64_t now);

/* What servers are pinned by: SHA-256 of the DER SubjectPublicKeyInfo of a point (curl's sha256// pin, RFC 7469). */
void bg_point_pin(const uint8_t point[static BG_PUBLIC_POINT_BYTES], struct bg_digest *ret_pin);
