/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of identities and sealing keys, secret and public, as they are and with a digest that fits. A file loads as one
 * of the four kinds at most, and saves to the same bytes.
 */
#include "crypto/identity_file.h"
#include "tests/fuzz/fuzz.h"

static enum bg_status identity(const char *from, const char *to, struct bg_error *error)
{
    struct bg_identity *identity = NULL;
    enum bg_status status = bg_identity_load(from, error, &identity);
    if (status == BG_OK)
        status = bg_identity_save(identity, to, error);
    bg_identity_destroy(&identity);
    return status;
}

static enum bg_status sealing_key(const char *from, const char *to, struct bg_error *error)
{
    struct bg_sealing_key *key = NULL;
    enum bg_status status = bg_sealing_key_load(from, error, &key);
    if (status == BG_OK)
        status = bg_sealing_key_save(key, to, error);
    bg_sealing_key_destroy(&key);
    return status;
}

static enum bg_status point(enum bg_point_kind kind, const char *from, const char *to, struct bg_error *error)
{
    uint8_t bytes[BG_PUBLIC_POINT_BYTES];
    enum bg_status status = bg_point_load(kind, from, error, bytes);
    return status == BG_OK ? bg_point_save(kind, bytes, to, error) : status;
}

static enum bg_status as_kind(unsigned kind, const char *from, const char *to, struct bg_error *error)
{
    switch (kind) {
    case 0:
        return identity(from, to, error);
    case 1:
        return sealing_key(from, to, error);
    case 2:
        return point(BG_POINT_IDENTITY, from, to, error);
    default:
        return point(BG_POINT_SEALING, from, to, error);
    }
}

static enum bg_status check_one(struct bg_span input)
{
    const char *from = fuzz_file(input);
    unsigned loaded = 0;
    for (unsigned kind = 0; kind < 4; kind++) {
        struct bg_error error;
        const char *to = fuzz_path();
        enum bg_status one = as_kind(kind, from, to, &error);
        if (one != BG_OK)
            fuzz_refused(one, &error);
        if (one == BG_NO_MEMORY)
            return one;
        if (one == BG_OK)
            fuzz_require_content(to, input);
        loaded += one == BG_OK;
    }
    FUZZ_REQUIRE(loaded <= 1, "loads as %u kinds", loaded);
    return loaded ? BG_OK : BG_DECODE;
}

static enum bg_status check(struct bg_span input)
{
    return fuzz_sealed(check_one, input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(check, data, size);
}
