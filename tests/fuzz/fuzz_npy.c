/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays of NumPy. A vector of float64 that loads is saved and loads to the same bytes; headers have many spellings. */
#include "tests/fuzz/fuzz.h"
#include "tools/npy.h"

#include <string.h>

static enum bg_status check(struct bg_span input)
{
    struct bg_npy npy, again;
    struct bg_error error;
    enum bg_status status = bg_npy_load(fuzz_file(input), &error, &npy);
    if (status != BG_OK)
        return fuzz_refused(status, &error);
    size_t size = npy.rows * npy.columns * bg_column_type_bytes(npy.type);
    FUZZ_REQUIRE(size <= input.size && (npy.dimensions == 2 || npy.rows == 1), "%zu × %zu", npy.rows, npy.columns);
    if (npy.type == BG_COLUMN_FLOAT64 && npy.dimensions == 1) {
        const char *path = fuzz_path();
        status = bg_npy_save(path, npy.data, npy.columns, &error);
        if (status == BG_OK)
            status = bg_npy_load(path, &error, &again);
        FUZZ_REQUIRE(status == BG_OK || status == BG_NO_MEMORY, "%s", error.text);
        if (status == BG_OK) {
            FUZZ_REQUIRE(again.type == npy.type && again.dimensions == 1 && again.columns == npy.columns &&
                             memcmp(npy.data, again.data, size) == 0,
                         "%zu numbers", npy.columns);
            bg_npy_finish(&again);
        }
    }
    bg_npy_finish(&npy);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(check, data, size);
}
