/* SPDX-License-Identifier: Apache-2.0 */
/* The key holder's secret key files, as they are and with a digest that fits. What loads saves to the same bytes. */
#include "crypto/key_file.h"
#include "tests/fuzz/fuzz.h"

static enum bg_status check_one(struct bg_span input)
{
    struct bg_secret_key *key = NULL;
    struct bg_error error;
    enum bg_status status = bg_secret_key_load(fuzz_file(input), 2, true, &error, &key);
    if (status != BG_OK)
        return fuzz_refused(status, &error);
    const char *path = fuzz_path();
    status = bg_secret_key_save(key, path, &error);
    FUZZ_REQUIRE(status == BG_OK || status == BG_NO_MEMORY, "%s", error.text);
    if (status == BG_OK)
        fuzz_require_content(path, input);
    bg_secret_key_destroy(&key);
    return status;
}

static enum bg_status check(struct bg_span input)
{
    return fuzz_sealed(check_one, input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(check, data, size);
}
