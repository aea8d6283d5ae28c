/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts in PEM from outside, as a request and as a certificate of an authority. A request that is accepted is for a
 * point of the curve, for which a certificate can be issued; a certificate that is accepted says of its point what is
 * true of it.
 */
#include "crypto/certificate.h"
#include "tests/fuzz/authority.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static enum bg_status check_request(const struct bg_pem *pem)
{
    struct bg_error error;
    struct bg_pem issued;
    struct bg_certificate read;
    struct bg_random random = authority_random();
    uint8_t point[BG_PUBLIC_POINT_BYTES];
    enum bg_status status = bg_request_read(pem, "request", &error, point);
    if (status != BG_OK)
        return fuzz_refused(status, &error);
    fuzz_spare_memory();
    status = bg_certificate_issue(authority_identity(), AUTHORITY_POPULATION, point, BG_CERTIFICATE_CLIENT,
                                  AUTHORITY_NOW, 30, &random, &issued);
    FUZZ_REQUIRE(status == BG_OK, "%s", bg_status_name(status));
    status = bg_certificate_read(&issued, "issued", authority_certificate(), &error, &read);
    FUZZ_REQUIRE(status == BG_OK && memcmp(read.point, point, sizeof point) == 0, "%s", error.text);
    return BG_OK;
}

static enum bg_status check_certificate(const struct bg_pem *pem)
{
    struct bg_error error;
    struct bg_certificate read;
    struct bg_digest id;
    enum bg_status status = bg_certificate_read(pem, "certificate", authority_certificate(), &error, &read);
    if (status != BG_OK)
        return fuzz_refused(status, &error);
    bg_point_digest(read.point, &id);
    FUZZ_REQUIRE(bg_point_check(read.point) == BG_OK && bg_digest_equal(&id, &read.id), "another point");
    FUZZ_REQUIRE(read.role == 0 || bg_certificate_role_name(read.role), "role %d", (int)read.role);
    FUZZ_REQUIRE(read.not_before <= read.not_after, "its time is none");
    return BG_OK;
}

static enum bg_status check(struct bg_span input)
{
    char text[BG_PEM_BYTES + 1];
    struct bg_pem pem;
    size_t size = input.size < BG_PEM_BYTES ? input.size : BG_PEM_BYTES;
    if (size)
        memcpy(text, input.data, size);
    text[size] = '\0';
    enum bg_status status = bg_pem_set(text, &pem);
    if (status != BG_OK)
        return status;
    status = check_request(&pem);
    return status == BG_OK || status == BG_NO_MEMORY ? status : check_certificate(&pem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)authority_certificate();
    return fuzz_run(check, data, size);
}
