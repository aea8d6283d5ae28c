/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A one-time token: what a key holder's operator hands to the owner of a device, as one line of text. It lets one
 * device enrol once, and tells it whom to believe: the key that the key holder's server shows, and the authority.
 *
 * Text: "burgee-", then base 32 (RFC 4648, lower case, no padding) of
 *    0  version       u8   1
 *    1  secret       16 bytes, uniform
 *   17  expiry        u64  seconds since 1970, little-endian
 *   25  key holder   32 bytes  pin of its TLS key (bg_point_pin)
 *   57  authority    32 bytes  SHA-256 of the authority's certificate, DER
 *   89  check         4 bytes  first of SHA-256 of everything before
 */
#pragma once

#include "base/error.h"
#include "base/span.h"

#define BG_TOKEN_SECRET_BYTES 16
#define BG_TOKEN_TEXT_BYTES 157 /* with its NUL */

struct bg_token {
    uint8_t secret[BG_TOKEN_SECRET_BYTES];
    uint64_t expiry;
    struct bg_digest key_holder;
    struct bg_digest authority;
};

void bg_token_encode(const struct bg_token *token, char ret_text[static BG_TOKEN_TEXT_BYTES]);
/* White space around it and capitals are fine. BG_DECODE: not a token; BG_BAD_DIGEST: a token that was mistyped or cut
 * short; BG_BAD_VERSION. Whether it has expired is the key holder's to say. */
BG_MUST_CHECK enum bg_status bg_token_decode(const char *text, struct bg_error *error, struct bg_token *ret_token);
/* Of a word on a command line; "-" stands for a line on standard input, which nobody else on the machine can see.
 * BG_NOT_FOUND: there was none. */
BG_MUST_CHECK enum bg_status bg_token_read(const char *word, struct bg_error *error, struct bg_token *ret_token);
/* What the key holder keeps of a secret. */
void bg_token_digest(const uint8_t secret[static BG_TOKEN_SECRET_BYTES], struct bg_digest *ret_digest);
