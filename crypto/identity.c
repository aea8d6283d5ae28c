/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/identity.h"

#include "crypto/digest.h"
#include "crypto/p256.h"

#include <mbedtls/ecdsa.h>
#include <stdlib.h>

struct bg_identity {
    struct bg_p256_pair pair;
    struct bg_digest digest;
};

static enum bg_status create(struct bg_p256_pair *pair, struct bg_identity **ret_identity)
{
    struct bg_identity *identity = malloc(sizeof *identity);
    if (!identity) {
        bg_p256_pair_finish(pair);
        return BG_NO_MEMORY;
    }
    identity->pair = *pair;
    bg_point_digest(identity->pair.point, &identity->digest);
    *ret_identity = identity;
    return BG_OK;
}

enum bg_status bg_identity_create(const struct bg_random *random, struct bg_identity **ret_identity)
{
    struct bg_p256_pair pair;
    enum bg_status status = bg_p256_pair_random(random, &pair);
    return status ? status : create(&pair, ret_identity);
}

enum bg_status bg_identity_from_secret(const uint8_t secret[static BG_SCALAR_BYTES],
                                       struct bg_identity **ret_identity)
{
    struct bg_p256_pair pair;
    enum bg_status status = bg_p256_pair_from_secret(secret, &pair);
    return status ? status : create(&pair, ret_identity);
}

void bg_identity_destroy(struct bg_identity **identity)
{
    if (!*identity)
        return;
    bg_p256_pair_finish(&(*identity)->pair);
    free(*identity);
    *identity = NULL;
}

const uint8_t *bg_identity_point(const struct bg_identity *identity)
{
    return identity->pair.point;
}

const struct bg_digest *bg_identity_digest(const struct bg_identity *identity)
{
    return &identity->digest;
}

void bg_identity_secret(const struct bg_identity *identity, uint8_t ret_secret[static BG_SCALAR_BYTES])
{
    bg_p256_pair_secret(&identity->pair, ret_secret);
}

enum bg_status bg_identity_sign(const struct bg_identity *identity, struct bg_span message,
                                uint8_t ret_signature[static BG_SIGNATURE_BYTES])
{
    mbedtls_ecp_group *curve = bg_p256_group();
    if (!curve)
        return BG_NO_MEMORY;
    struct bg_digest digest;
    mbedtls_mpi r, s;
    mbedtls_mpi_init(&r);
    mbedtls_mpi_init(&s);
    bg_sha256(message, &digest);
    int failed = mbedtls_ecdsa_sign_det_ext(curve, &r, &s, &identity->pair.secret, digest.bytes,
                                            sizeof digest.bytes, MBEDTLS_MD_SHA256, bg_p256_blind, NULL);
    if (!failed)
        failed = mbedtls_mpi_write_binary(&r, ret_signature, BG_SCALAR_BYTES);
    if (!failed)
        failed = mbedtls_mpi_write_binary(&s, ret_signature + BG_SCALAR_BYTES, BG_SCALAR_BYTES);
    mbedtls_mpi_free(&r);
    mbedtls_mpi_free(&s);
    return bg_p256_status(failed, BG_FAULT);
}

void bg_point_digest(const uint8_t point[static BG_PUBLIC_POINT_BYTES], struct bg_digest *ret_digest)
{
    bg_sha256((struct bg_span){point, BG_PUBLIC_POINT_BYTES}, ret_digest);
}

enum bg_status bg_point_check(const uint8_t point[static BG_PUBLIC_POINT_BYTES])
{
    mbedtls_ecp_point read;
    mbedtls_ecp_point_init(&read);
    enum bg_status status = bg_p256_read_point(point, &read);
    mbedtls_ecp_point_free(&read);
    return status;
}

enum bg_status bg_point_verify(const uint8_t point[static BG_PUBLIC_POINT_BYTES], struct bg_span message,
                               const uint8_t signature[static BG_SIGNATURE_BYTES])
{
    mbedtls_ecp_point key;
    mbedtls_mpi r, s;
    mbedtls_ecp_point_init(&key);
    mbedtls_mpi_init(&r);
    mbedtls_mpi_init(&s);
    enum bg_status status = bg_p256_read_point(point, &key);
    if (status)
        goto out;
    struct bg_digest digest;
    bg_sha256(message, &digest);
    int failed = mbedtls_mpi_read_binary(&r, signature, BG_SCALAR_BYTES);
    if (!failed)
        failed = mbedtls_mpi_read_binary(&s, signature + BG_SCALAR_BYTES, BG_SCALAR_BYTES);
    if (!failed)
        failed = mbedtls_ecdsa_verify(bg_p256_group(), digest.bytes, sizeof digest.bytes, &key, &r, &s);
    status = bg_p256_status(failed, BG_BAD_SIGNATURE);
out:
    mbedtls_mpi_free(&s);
    mbedtls_mpi_free(&r);
    mbedtls_ecp_point_free(&key);
    return status;
}
