/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/authority.h"

#include "tests/fuzz/fuzz.h"

#include <string.h>

static enum bg_status fill(void *context, void *data, size_t size)
{
    (void)context;
    memset(data, 0x5a, size);
    return BG_OK;
}

struct bg_random authority_random(void)
{
    return (struct bg_random){fill, NULL};
}

struct bg_identity *authority_party(uint8_t byte)
{
    uint8_t secret[BG_SCALAR_BYTES];
    struct bg_identity *identity = NULL;
    memset(secret, byte, sizeof secret);
    enum bg_status status = bg_identity_from_secret(secret, &identity);
    FUZZ_REQUIRE(status == BG_OK, "%s", bg_status_name(status));
    return identity;
}

struct bg_identity *authority_identity(void)
{
    static struct bg_identity *identity;
    if (!identity)
        identity = authority_party(0x43);
    return identity;
}

const struct bg_pem *authority_certificate(void)
{
    static struct bg_pem pem;
    struct bg_random random = authority_random();
    if (pem.text[0])
        return &pem;
    enum bg_status status =
        bg_authority_create(authority_identity(), AUTHORITY_POPULATION, AUTHORITY_NOW, &random, &pem);
    FUZZ_REQUIRE(status == BG_OK, "%s", bg_status_name(status));
    return &pem;
}
