/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of requests, statuses in header fields, and the names of files of uploads. What is asked for has one path. */
#include "net/http_routes.h"
#include "net/upload_file.h"
#include "net/uploads.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void check_path(const char *path)
{
    struct bg_http_target target;
    char population[BG_ROUTE_PATH_BYTES], again[BG_ROUTE_PATH_BYTES];
    if (!bg_http_target_read(path, &target))
        return;
    FUZZ_REQUIRE(target.population_size > 0 && target.population[target.population_size] == '/', "%s", path);
    const char *key = bg_uploads_key(target.rest);
    FUZZ_REQUIRE(!key || (!target.route && strlen(key) == BG_UPLOAD_KEY_DIGITS && !strchr(key, '/')), "%s", path);
    if (!target.route || target.population_size >= 64)
        return;
    memcpy(population, target.population, target.population_size);
    population[target.population_size] = '\0';
    struct bg_span body = {target.argument, target.argument_size};
    FUZZ_REQUIRE(bg_http_route_path(target.route, population, body, again) == BG_OK, "%s", path);
    FUZZ_REQUIRE(strcmp(again, path) == 0, "%s became %s", path, again);
}

static void check_status(const char *text)
{
    enum bg_status status;
    char again[BG_STATUS_FIELD_BYTES];
    if (!bg_status_from_field(text, &status))
        return;
    bg_status_to_field(status, again);
    FUZZ_REQUIRE(strcmp(again, text) == 0, "%s became %s", text, again);
}

static void check_name(const char *text)
{
    struct bg_upload_name name;
    char again[BG_UPLOAD_NAME_BYTES];
    if (!bg_upload_name_read(text, &name))
        return;
    FUZZ_REQUIRE(name.size > 0 && bg_upload_key_is_good(name.key), "%s", text);
    bg_upload_name_write(&name, again);
    FUZZ_REQUIRE(strcmp(again, text) == 0, "%s became %s", text, again);
}

static enum bg_status check(struct bg_span input)
{
    char *text = malloc(input.size + 1);
    if (!text)
        return BG_NO_MEMORY;
    if (input.size)
        memcpy(text, input.data, input.size);
    text[input.size] = '\0';
    check_path(text);
    check_status(text);
    check_name(text);
    free(text);
    return BG_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(check, data, size);
}
