/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/p256.h"

#include "crypto/wipe.h"

#include <assert.h>
#include <mbedtls/md.h>
#include <threads.h>

#define MOST_DRAWS 64

static mbedtls_ecp_group group;
static bool group_ready;
static once_flag group_once = ONCE_FLAG_INIT;

/* mbedTLS 2.28 makes the base point's table during the first multiplication and keeps it in the group. */
static void make_group(void)
{
    mbedtls_ecp_point point;
    mbedtls_mpi two;

    mbedtls_ecp_group_init(&group);
    mbedtls_ecp_point_init(&point);
    mbedtls_mpi_init(&two);
    group_ready = mbedtls_ecp_group_load(&group, MBEDTLS_ECP_DP_SECP256R1) == 0 &&
                  mbedtls_mpi_lset(&two, 2) == 0 &&
                  mbedtls_ecp_mul(&group, &point, &two, &group.G, bg_p256_blind, NULL) == 0;
    mbedtls_mpi_free(&two);
    mbedtls_ecp_point_free(&point);
}

mbedtls_ecp_group *bg_p256_group(void)
{
    call_once(&group_once, make_group);
    return group_ready ? &group : NULL;
}

int bg_p256_blind(void *context, unsigned char *data, size_t size)
{
    (void)context;
    struct bg_random random = bg_random_system();
    return bg_random_fill(&random, data, size) == BG_OK ? 0 : MBEDTLS_ERR_ECP_RANDOM_FAILED;
}

enum bg_status bg_p256_status(int failed, enum bg_status otherwise)
{
    switch (failed) {
    case 0:
        return BG_OK;
    case MBEDTLS_ERR_ECP_ALLOC_FAILED:
    case MBEDTLS_ERR_MPI_ALLOC_FAILED:
    case MBEDTLS_ERR_MD_ALLOC_FAILED:
        return BG_NO_MEMORY;
    case MBEDTLS_ERR_ECP_RANDOM_FAILED:
        return BG_RANDOM;
    default:
        return otherwise;
    }
}

enum bg_status bg_p256_read_point(const uint8_t point[static BG_PUBLIC_POINT_BYTES], mbedtls_ecp_point *ret)
{
    mbedtls_ecp_group *curve = bg_p256_group();
    if (!curve)
        return BG_NO_MEMORY;
    if (point[0] != 0x04)
        return BG_BAD_KEY;
    int failed = mbedtls_ecp_point_read_binary(curve, ret, point, BG_PUBLIC_POINT_BYTES);
    if (!failed)
        failed = mbedtls_ecp_check_pubkey(curve, ret);
    return bg_p256_status(failed, BG_BAD_KEY);
}

enum bg_status bg_p256_pair_from_secret(const uint8_t secret[static BG_SCALAR_BYTES],
                                        struct bg_p256_pair *ret)
{
    mbedtls_ecp_group *curve = bg_p256_group();
    if (!curve)
        return BG_NO_MEMORY;
    struct bg_p256_pair pair;
    mbedtls_ecp_point point;
    mbedtls_mpi_init(&pair.secret);
    mbedtls_ecp_point_init(&point);
    int failed = mbedtls_mpi_read_binary(&pair.secret, secret, BG_SCALAR_BYTES);
    if (!failed)
        failed = mbedtls_ecp_check_privkey(curve, &pair.secret);
    if (!failed)
        failed = mbedtls_ecp_mul(curve, &point, &pair.secret, &curve->G, bg_p256_blind, NULL);
    size_t written = 0;
    if (!failed)
        failed = mbedtls_ecp_point_write_binary(curve, &point, MBEDTLS_ECP_PF_UNCOMPRESSED, &written,
                                                pair.point, sizeof pair.point);
    assert(failed || written == sizeof pair.point);
    mbedtls_ecp_point_free(&point);
    if (failed)
        mbedtls_mpi_free(&pair.secret);
    else
        *ret = pair;
    return bg_p256_status(failed, BG_BAD_KEY);
}

enum bg_status bg_p256_pair_random(const struct bg_random *random, struct bg_p256_pair *ret)
{
    uint8_t secret[BG_SCALAR_BYTES];
    enum bg_status status = BG_BAD_KEY;
    for (int draw = 0; draw < MOST_DRAWS && status == BG_BAD_KEY; draw++) {
        status = bg_random_fill(random, secret, sizeof secret);
        if (!status)
            status = bg_p256_pair_from_secret(secret, ret);
    }
    bg_wipe(secret, sizeof secret);
    return status == BG_BAD_KEY ? BG_RANDOM : status;
}

void bg_p256_pair_secret(const struct bg_p256_pair *pair, uint8_t ret_secret[static BG_SCALAR_BYTES])
{
    int failed = mbedtls_mpi_write_binary(&pair->secret, ret_secret, BG_SCALAR_BYTES);
    assert(!failed);
}

void bg_p256_pair_finish(struct bg_p256_pair *pair)
{
    mbedtls_mpi_free(&pair->secret);
}
