/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 (FIPS 180-4), HMAC (RFC 2104) and HKDF (RFC 5869). No allocation, no failure. States are plain
 * memory: assigning one forks the computation; `finish` wipes it.
 */
#pragma once

#include "base/span.h"

struct bg_sha256_state {
    uint64_t opaque[16];
};

void bg_sha256_init(struct bg_sha256_state *state);
void bg_sha256_update(struct bg_sha256_state *state, struct bg_span data);
/* Wipes the state; init makes it usable again. */
void bg_sha256_finish(struct bg_sha256_state *state, struct bg_digest *ret_digest);
void bg_sha256(struct bg_span data, struct bg_digest *ret_digest);

struct bg_hmac_state {
    struct bg_sha256_state inner;
    struct bg_sha256_state outer;
};

void bg_hmac_init(struct bg_hmac_state *state, struct bg_span key);
void bg_hmac_update(struct bg_hmac_state *state, struct bg_span data);
void bg_hmac_finish(struct bg_hmac_state *state, struct bg_digest *ret_tag);
void bg_hmac_sha256(struct bg_span key, struct bg_span message, struct bg_digest *ret_tag);

#define BG_HKDF_MAX_BYTES (255 * BG_DIGEST_BYTES)

/* An empty salt means 32 zero bytes, as in the RFC. */
void bg_hkdf_extract(struct bg_span salt, struct bg_span input_key, struct bg_digest *ret_key);
/* size ≤ BG_HKDF_MAX_BYTES. */
void bg_hkdf_expand(const struct bg_digest *key, struct bg_span info, uint8_t *ret_output, size_t size);
