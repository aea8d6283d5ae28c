/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device and the key holder say when it enrols or renews: JSON documents, strict: an unknown, missing or doubled
 * member, or one of another type or form, is refused. Points, digests and secrets are lower-case hex.
 *
 *   request  {"secret": 32 hex digits, "request": PEM, "label": text, "url": text}
 *            secret: of the token, absent in a renewal; label: absent for the token's own; url: of an aggregator that
 *            others reach there
 *   reply    {"certificate": PEM, "authority": PEM, "population": name, "key_holder": point, "commitment": digest,
 *             "root": point, "root_url": text}
 *            root, root_url: absent while no root has enrolled, or has said where it is
 */
#pragma once

#include "crypto/certificate.h"
#include "protocol/token.h"
#include "wire/frame.h"

#define BG_LABEL_BYTES 64 /* of people's names for devices, with the NUL: UTF-8 without control characters */
#define BG_URL_BYTES 256
#define BG_ENROLMENT_MOST_BYTES ((size_t)4 * BG_PEM_BYTES) /* of either document */

struct bg_enrolment_request {
    bool has_secret;
    uint8_t secret[BG_TOKEN_SECRET_BYTES];
    struct bg_pem request;
    char label[BG_LABEL_BYTES]; /* "": none */
    char url[BG_URL_BYTES];     /* "": none */
};

struct bg_enrolment_reply {
    struct bg_pem certificate, authority;
    struct bg_population population;
    uint8_t key_holder[BG_PUBLIC_POINT_BYTES];
    struct bg_digest commitment; /* to the key holder's next nonce, for a root */
    bool has_root;
    uint8_t root[BG_PUBLIC_POINT_BYTES];
    char root_url[BG_URL_BYTES]; /* "": not known */
};

/* UTF-8 without control characters that fits `capacity` with its NUL. */
bool bg_plain_text(const char *text, size_t capacity);

/* Gives text to free(); it may hold a token's secret. NULL: out of memory. */
char *bg_enrolment_request_print(const struct bg_enrolment_request *request);
char *bg_enrolment_reply_print(const struct bg_enrolment_reply *reply);
/* BG_DECODE names the member. The caller wipes a request. */
BG_MUST_CHECK enum bg_status bg_enrolment_request_parse(struct bg_span text, struct bg_error *error,
                                                        struct bg_enrolment_request *ret);
/* Points are on the curve; whether certificate and authority are to be believed is the caller's to check. */
BG_MUST_CHECK enum bg_status bg_enrolment_reply_parse(struct bg_span text, struct bg_error *error,
                                                      struct bg_enrolment_reply *ret);
