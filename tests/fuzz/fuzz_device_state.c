/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client keeps between two calls, as it is and with a digest that fits; signatures always verify. What loads
 * saves to the same bytes.
 */
#include "client/device_state.h"
#include "tests/fuzz/fuzz.h"

static enum bg_status check_one(struct bg_span input)
{
    struct bg_device_state state;
    struct bg_error error;
    enum bg_status status = bg_device_state_load(fuzz_file(input), &error, &state);
    if (status != BG_OK)
        return fuzz_refused(status, &error);
    const char *path = fuzz_path();
    status = bg_device_state_save(&state, path, &error);
    FUZZ_REQUIRE(status == BG_OK || status == BG_NO_MEMORY, "%s", error.text);
    if (status == BG_OK)
        fuzz_require_content(path, input);
    bg_device_state_finish(&state);
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
