/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to crypto/: key pairs on NIST P-256 (SEC 2, secp256r1), for signing identities and sealing keys.
 * A pair is immutable after creation and safe to use from several threads.
 */
#pragma once

#include "crypto/identity.h"

#include <mbedtls/ecp.h>

/* The curve with its table of multiples of the base point, made once and only read afterwards; NULL if memory
 * ran out on first use. mbedTLS takes it without const. */
mbedtls_ecp_group *bg_p256_group(void);
/* Blinding for mbedTLS, from the system: hides timing, never changes a result. */
int bg_p256_blind(void *context, unsigned char *data, size_t size);
/* What an mbedTLS error means here: out of memory, out of randomness, or else `otherwise`. 0 is BG_OK. */
enum bg_status bg_p256_status(int failed, enum bg_status otherwise);

/* BG_BAD_KEY unless `point` is 04 ‖ x ‖ y of a point on the curve. ret is initialised by the caller. */
BG_MUST_CHECK enum bg_status bg_p256_read_point(const uint8_t point[static BG_PUBLIC_POINT_BYTES],
                                                mbedtls_ecp_point *ret);

struct bg_p256_pair {
    mbedtls_mpi secret; /* in [1, order) */
    uint8_t point[BG_PUBLIC_POINT_BYTES];
};

/* Uniform by rejection; BG_RANDOM also where the source yields no scalar in 64 draws. */
BG_MUST_CHECK enum bg_status bg_p256_pair_random(const struct bg_random *random, struct bg_p256_pair *ret);
/* Big-endian; BG_BAD_KEY for 0 and from the order up. */
BG_MUST_CHECK enum bg_status bg_p256_pair_from_secret(const uint8_t secret[static BG_SCALAR_BYTES],
                                                      struct bg_p256_pair *ret);
void bg_p256_pair_secret(const struct bg_p256_pair *pair, uint8_t ret_secret[static BG_SCALAR_BYTES]);
void bg_p256_pair_finish(struct bg_p256_pair *pair);
